"""Where the faces of a live stream are, for a fraction of what a search of each frame costs.

A detector that is quick searches every tenth of a second, as in a recording, and in between each
face is followed by its likeness. A slow one searches part by part (livefer.tracking.part_search).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes, Scores
from livefer.faces.crops import to_gray
from livefer.tracking.changes import blocks_of, changed
from livefer.tracking.motion import find_again, likeness_of
from livefer.tracking.part_search import Now, Partwise
from livefer.tracking.whole_search import Detector, LocalDetector, PartialDetector, SearchingTracker

_SEARCH_S = 0.095  # so often a quick detector searches: every third frame at 30 fps
_STILL_S = 0.95  # so often where nobody is and nothing has changed
# After a longer pause, or a jump back, nothing is known. Where frames are left out for lack of time
# it has to be much longer than many streams' whole searches take: nothing else would be done.
_MAX_GAP_S, _MAX_GAP_BEHIND_S = 5.0, 20.0


@dataclass(slots=True, eq=False)
class _Followed:
    """A face: its box (4,) float32, score, and how it looked when it was found."""

    box: NDArray[np.float32]
    score: float
    likeness: NDArray[np.uint8]


class FollowingTracker(SearchingTracker):
    """A Tracker for a live stream: it knows where to look for the faces."""

    def _lose(self) -> None:
        super()._lose()
        self._followed: list[_Followed] = []
        self._partwise: Partwise | None = None
        self._searched_s = self._found_s = -math.inf
        self._kind: object = None
        self._empty: NDArray[np.float32] | None = None  # what was searched, and nobody is there

    def find(
        self,
        detector: Detector,
        image: NDArray[np.uint8],
        time_s: float,
        is_behind: bool = False,
    ) -> tuple[Boxes, Scores]:
        """Return the faces of the stream's next frame: boxes (N, 4) float32, scores (N,) float32.

        A detector that cannot look in one place searches every frame whole.

        image: (H, W, 3) uint8 BGR, of the same size in all frames, or else searched whole
        is_behind: whether frames were left out before it, for lack of time
        """
        if not isinstance(detector, LocalDetector):
            return detector.detect(image)
        kind = (type(detector), image.shape)
        max_gap_s = _MAX_GAP_BEHIND_S if is_behind else _MAX_GAP_S
        if kind != self._kind or not 0 <= time_s - self._found_s <= max_gap_s:
            self._lose()
        self._found_s, self._kind = time_s, kind
        if not isinstance(detector, PartialDetector):
            if self._is_due(image, time_s) or not self._follow(image):
                self._search(detector, image, time_s)
            boxes = np.array([face.box for face in self._followed], np.float32).reshape(-1, 4)
            return boxes, np.array([face.score for face in self._followed], np.float32)
        now = Now(detector, image, to_gray(image), time_s, is_behind)
        if self._partwise is None:
            self._partwise = Partwise(now)
        else:
            self._partwise.go_on(now)
        return self._partwise.found()

    def _is_due(self, image: NDArray[np.uint8], time_s: float) -> bool:
        """Say whether a quick detector has to search this frame."""
        waited_s = time_s - self._searched_s
        if self._empty is None or not _SEARCH_S <= waited_s < _STILL_S:
            return waited_s >= _SEARCH_S
        return bool(changed(self._empty, _blocks(image)).any())

    def _search(self, detector: LocalDetector, image: NDArray[np.uint8], time_s: float) -> None:
        self._searched_s = time_s
        self._followed = [
            _Followed(box, float(score), likeness_of(image, box))
            for box, score in zip(*super().find(detector, image, time_s), strict=True)
        ]
        self._empty = None if self._seen else _blocks(image)

    def _follow(self, image: NDArray[np.uint8]) -> bool:
        """Move each face to where the picture is most like it; say whether all are like enough."""
        for face in self._followed:
            moved = find_again(image, face.box, face.likeness)
            if moved is None:
                return False
            face.box = moved
        return True


def _blocks(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return blocks_of(to_gray(image))
