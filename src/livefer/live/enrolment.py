"""Plain answers for one person who holds an expression for two seconds, or several in turn.

Knows nothing about windows and keys. Time is that of the frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import as_boxes, sides_of
from livefer.profiles.moments import GAP_S, HOLD_S, LEAST_FRAMES, RIVAL
from livefer.profiles.profile import NEUTRAL
from livefer.results import Face, FrameResult, main_face


class Enrolment:
    """Collects answers for the main face, one expression after the other.

    answers: by expression, the plain probabilities (n, C) of what was held
    prompt: what the person is to do now
    """

    def __init__(self, expressions: Sequence[str], ready_s: float = 0.0) -> None:
        """ready_s: between an expression's announcement and its two seconds."""
        self.answers: dict[str, NDArray[np.float32]] = {}
        self.prompt = ""
        self._left = list(expressions)
        self._ready_s = ready_s
        self._begin()

    @property
    def expression(self) -> str | None:
        """The expression that is shown now or next; None at the end."""
        return self._left[0] if self._left else None

    def _begin(self) -> None:
        self._rows: list[NDArray[np.float32]] = []
        self._track_id: int | None = None
        self._seen_s = math.nan
        self._since_s = math.nan

    def leave_out(self) -> None:
        """Go on to the next expression; the neutral one cannot be left out."""
        if self._left and self._left[0] != NEUTRAL:
            del self._left[0]
            self._begin()

    def stop(self) -> None:
        """Leave out all that is left."""
        self._left.clear()

    def add(self, result: FrameResult) -> None:
        """Take the next frame's faces."""
        if not self._left:
            return
        face, time_s = main_face(result.faces), result.time_s
        if face is None or _has_rival(face, result.faces):
            if not time_s - self._seen_s <= GAP_S:
                self._begin()
                self.prompt = (
                    "no face in view: look into the camera"
                    if face is None
                    else "several faces in view: come closer, or let the others step aside"
                )
            return
        if face.track_id != self._track_id or time_s < self._seen_s:
            self._begin()
            self._track_id, self._since_s = face.track_id, time_s
        self._seen_s = time_s
        ready_s = self._since_s + self._ready_s - time_s
        if ready_s > 0:
            self.prompt = self._announcement(math.ceil(ready_s))
            return
        self._rows.append(face.raw_probabilities)
        if ready_s <= -HOLD_S and len(self._rows) >= LEAST_FRAMES:
            self.answers[self._left.pop(0)] = np.stack(self._rows)
            self._begin()
        else:
            left_s = max(1, math.ceil(HOLD_S + ready_s))
            what = "your face at rest" if self._left[0] == NEUTRAL else f"{self._left[0]}"
            self.prompt = f"{what}: hold still, {left_s} s"

    def _announcement(self, seconds: int) -> str:
        if self._left[0] == NEUTRAL:
            return f"first your face at rest, in {seconds} s"
        return f"next: {self._left[0]}, in {seconds} s (Space leaves it out)"


def _has_rival(main: Face, faces: Sequence[Face]) -> bool:
    """Return whether another face is nearly as large as the main one."""
    sides = sides_of(as_boxes([main.box, *(face.box for face in faces if face is not main)]))
    return bool((sides[1:] > RIVAL * sides[0]).any())
