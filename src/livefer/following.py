"""Where the faces of a live stream are, for a fraction of what a search of each frame costs.

A face that was found is followed by its likeness from frame to frame, and a few times a second the
detector looks again, only there. The rest of the picture is searched a part at a time, so that a
new face is found soon and no frame waits for a whole search. Time is always passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detector import Boxes, Scores
from livefer.faces import covered, crop_faces, to_gray
from livefer.tracker import Tracker

_VERIFY_S = 0.095  # so often the detector looks at a face again: every third frame at 30 fps
_MAX_GAP_S = 0.5  # after a longer pause, or a jump back, nothing is known
_TEMPLATE_PX, _AROUND_PX = 40, 60  # a face, and the place where it is looked for
_AROUND = _AROUND_PX / _TEMPLATE_PX
_MIN_LIKENESS = 0.8  # correlation; below it the detector looks at once
_MIN_CONTRAST = 2.0  # gray levels


class Detector(Protocol):
    """What finds faces: HaarDetector, YuNetDetector, or yours."""

    @property
    def crop_scale(self) -> float: ...
    @property
    def crop_shift_y(self) -> float: ...
    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]: ...


@runtime_checkable
class PartialDetector(Detector, Protocol):
    """A detector that can look in one place, and search a part of what it would search in all.

    search_periods_s: seconds after which each part of a search is due again
    """

    @property
    def search_periods_s(self) -> tuple[float, ...]: ...
    def search(self, image: NDArray[Any], part: int, known: Boxes) -> tuple[Boxes, Scores]: ...
    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> tuple[Boxes, Scores]: ...


@dataclass(slots=True, eq=False)
class _Followed:
    """A face: its box (4,) float32, score, when the detector last saw it, and how it looked."""

    box: NDArray[np.float32]
    score: float
    seen_s: float
    template: NDArray[np.uint8]


class FollowingTracker(Tracker):
    """A Tracker for a live stream: it knows where to look for the faces, too."""

    def reset(self) -> None:
        """Forget every face; identities count from 1 again; the next frame is searched whole."""
        super().reset()
        self._lose()

    def forget(self) -> None:
        """Forget every face, as behind a cut."""
        super().forget()
        self._lose()

    def _lose(self) -> None:
        self._followed: list[_Followed] = []
        self._found_s = -math.inf
        self._kind: object = None
        self._due_s: list[float] = []

    def find(
        self, detector: Detector, image: NDArray[np.uint8], time_s: float
    ) -> tuple[Boxes, Scores]:
        """Return the faces of the stream's next frame: boxes (N, 4) float32, scores (N,) float32.

        A detector that knows no parts searches every frame whole.

        image: (H, W, 3) uint8 BGR, of the same size in all frames, or else searched whole
        """
        if not isinstance(detector, PartialDetector):
            return detector.detect(image)
        gray = to_gray(image)
        kind = (type(detector), image.shape)
        if kind != self._kind or not 0 <= time_s - self._found_s <= _MAX_GAP_S:
            self._start(detector, image, gray, time_s)
        else:
            self._go_on(detector, image, gray, time_s)
        self._found_s, self._kind = time_s, kind
        boxes = np.array([face.box for face in self._followed], np.float32).reshape(-1, 4)
        return boxes, np.array([face.score for face in self._followed], np.float32)

    def _start(
        self,
        detector: PartialDetector,
        image: NDArray[np.uint8],
        gray: NDArray[np.uint8],
        time_s: float,
    ) -> None:
        boxes, scores = detector.detect(image)
        self._followed = []
        self._add(gray, boxes, scores, time_s)
        for i, face in enumerate(self._followed):  # not all of them looked at in the same frame
            face.seen_s -= _VERIFY_S * i / len(self._followed)
        periods_s = detector.search_periods_s
        self._due_s = [time_s + s * (i + 1) / len(periods_s) for i, s in enumerate(periods_s)]

    def _go_on(
        self,
        detector: PartialDetector,
        image: NDArray[np.uint8],
        gray: NDArray[np.uint8],
        time_s: float,
    ) -> None:
        kept: list[_Followed] = []
        doubtful: list[_Followed] = []
        for face in self._followed:
            is_like = _follow(face, gray)
            is_due = time_s - face.seen_s >= _VERIFY_S
            (kept if is_like and not is_due else doubtful).append(face)
        if doubtful:
            boxes, scores = detector.detect_near(image, np.array([f.box for f in doubtful]))
            for face, box, score in zip(doubtful, boxes, scores, strict=True):
                if score > 0:
                    # Each is off by a little, in its own way.
                    face.box = (face.box + box) / 2
                    face.score, face.seen_s = float(score), time_s
                    face.template = _template(gray, face.box)
                    kept.append(face)
                else:
                    self._due_s[0] = time_s
        self._followed = []
        for face in sorted(kept, key=lambda face: -face.score):
            if not covered(face.box[None], self._boxes()).any():
                self._followed.append(face)
        for part, period_s in enumerate(detector.search_periods_s):
            if self._due_s[part] <= time_s:
                boxes, scores = detector.search(image, part, self._boxes())
                self._add(gray, boxes, scores, time_s)
                self._due_s[part] = time_s + period_s

    def _add(self, gray: NDArray[np.uint8], boxes: Boxes, scores: Scores, time_s: float) -> None:
        """Follow the faces that nobody follows yet."""
        for box, score in zip(boxes, scores, strict=True):
            if not covered(box[None], self._boxes()).any():
                face = _Followed(box, float(score), time_s, _template(gray, box))
                self._followed.append(face)

    def _boxes(self) -> Boxes:
        return np.array([face.box for face in self._followed], np.float32).reshape(-1, 4)


def _template(gray: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(crop_faces(gray, box[None], size=_TEMPLATE_PX)[0])


def _follow(face: _Followed, gray: NDArray[np.uint8]) -> bool:
    """Move a face to where the picture is most like it; say whether it is like enough."""
    if face.template.std() < _MIN_CONTRAST:  # everything is like it
        return False
    around = crop_faces(gray, face.box[None], scale=_AROUND, size=_AROUND_PX)[0]
    likeness = cv2.matchTemplate(around, face.template, cv2.TM_CCOEFF_NORMED)
    best = np.unravel_index(int(likeness.argmax()), likeness.shape)
    if likeness[best] < _MIN_LIKENESS:
        return False
    middle = (_AROUND_PX - _TEMPLATE_PX) // 2
    y, x = (_peak(likeness, best, axis) - middle for axis in (0, 1))
    side = (face.box[2] - face.box[0] + face.box[3] - face.box[1]) / 2
    face.box = face.box + np.array([x, y, x, y], np.float32) * (side / _TEMPLATE_PX)
    return True


def _peak(values: NDArray[Any], best: Any, axis: int) -> float:
    """Return the place of a maximum along an axis, to a fraction: that of a parabola."""
    i = int(best[axis])
    if not 0 < i < values.shape[axis] - 1:
        return float(i)
    line = np.moveaxis(values, axis, 0)[i - 1 : i + 2, best[1 - axis]].astype(float)
    bend = line[0] - 2 * line[1] + line[2]
    return i + (0.5 * (line[0] - line[2]) / bend if bend < 0 else 0.0)
