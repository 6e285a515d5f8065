"""Which of a stream's faces count: one person's, or a few; the others have no results.

Knows nothing about images, detectors or networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from livefer.faces.boxes import Boxes, sides_of
from livefer.tracking.tracker import KEEP_S

_LARGER = 1.5
"""A face takes the place of one that counts only if its side is so many times as long."""
_LEAST_SIDE = 0.5  # of the person's own side: a smaller face is somebody in the background,
_ABSENT_S = 5.0  # unless the person has been out of view for so long


def largest(boxes: Boxes, most: int) -> list[int]:
    """Return the rows of the `most` largest boxes (N, 4), in the order of the boxes."""
    return sorted(np.argsort(-sides_of(boxes), kind="stable")[:most].tolist())


class MostFaces:
    """The largest faces of each frame, a number of them; one that counts is replaced seldom."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[int] = set()

    def rows(self, track_ids: Sequence[int], boxes: Boxes, time_s: float) -> list[int]:
        """Return the rows of the faces of the next frame that count; boxes: (N, 4) float32."""
        sides = sides_of(boxes) * [_LARGER if i in self._known else 1.0 for i in track_ids]
        rows = sorted(np.argsort(-sides, kind="stable")[: self._most].tolist())
        self._known = {track_ids[row] for row in rows}
        return rows

    def forget(self) -> None:
        """Forget every face, as at a cut."""
        self._known.clear()


class OnePerson:
    """The main face: the largest when it appears, and as long as it is in view.

    After a cut, and when the face has been out of view for longer than a track is kept, the largest
    face is the person's again. A much smaller one is not, until the person has been away for long.
    """

    def __init__(self) -> None:
        self._track_id: int | None = None
        self._seen_s, self._side = -math.inf, 0.0

    def rows(self, track_ids: Sequence[int], boxes: Boxes, time_s: float) -> list[int]:
        """Return the row of the person's face in the next frame, or none."""
        away_s = time_s - self._seen_s
        sides = sides_of(boxes)
        if self._track_id not in track_ids:
            if not track_ids or 0 <= away_s <= KEEP_S:
                return []
            row = int(sides.argmax())
            if 0 <= away_s <= _ABSENT_S and sides[row] < _LEAST_SIDE * self._side:
                return []
            self._track_id = track_ids[row]
        row = track_ids.index(self._track_id)
        self._seen_s, self._side = time_s, float(sides[row])
        return [row]

    def forget(self) -> None:
        """Forget where the person was, as at a cut."""
        self._track_id, self._seen_s = None, -math.inf
