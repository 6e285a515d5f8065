"""Where the faces of a recording are: each frame is searched whole, and nobody is lost too soon.

A detector sees a face that is hardly one to it in one frame and not in the next. Who was there a
moment ago and is not found is looked for where they were, and may be fainter than a new face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes, Region, Scores, covered, sides_of
from livefer.tracking.tracker import Tracker

HOLD_S = 0.25  # a face not seen for so long is gone
_INSIDE = 1.5  # a face in a known one whose side is so many times as long is none: a mouth, maybe


class Detector(Protocol):
    """What finds faces: HaarDetector, YuNetDetector, or yours."""

    @property
    def crop_scale(self) -> float: ...
    @property
    def crop_shift_y(self) -> float: ...
    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]: ...


@runtime_checkable
class LocalDetector(Detector, Protocol):
    """A detector that can look in one place."""

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> tuple[Boxes, Scores]: ...


@runtime_checkable
class PartialDetector(LocalDetector, Protocol):
    """A detector too slow to search often: it can search a part of what it would search in all.

    search_periods_s: seconds after which each part of a search is due again
    """

    @property
    def search_periods_s(self) -> tuple[float, ...]: ...
    def search(
        self, image: NDArray[Any], part: int, region: Region, known: Boxes
    ) -> tuple[Boxes, Scores]: ...
    def detect_near(
        self, image: NDArray[Any], boxes: Boxes, quick: bool = False
    ) -> tuple[Boxes, Scores]: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A face: its box (4,) float32, and when it was seen there."""

    box: NDArray[np.float32]
    time_s: float


class SearchingTracker(Tracker):
    """A Tracker for a recording: it finds the faces, too."""

    def reset(self) -> None:
        """Forget every face; identities count from 1 again."""
        super().reset()
        self._lose()

    def forget(self) -> None:
        """Forget every face, as behind a cut."""
        super().forget()
        self._lose()

    def _lose(self) -> None:
        self._seen: list[_Seen] = []

    def find(
        self,
        detector: Detector,
        image: NDArray[np.uint8],
        time_s: float,
        is_behind: bool = False,
    ) -> tuple[Boxes, Scores]:
        """Return the faces of the stream's next frame: boxes (N, 4) float32, scores (N,) float32.

        A detector that cannot look in one place searches each frame for itself.

        image: (H, W, 3) uint8 BGR
        is_behind: whether frames were left out before it; means nothing here
        """
        boxes, scores = detector.detect(image)
        if not isinstance(detector, LocalDetector):
            return boxes, scores
        before = [seen for seen in self._seen if 0 <= time_s - seen.time_s <= HOLD_S]
        missing, self._seen = [seen for seen in before if not _is_found(seen, boxes)], []
        if missing:  # all in one go: it may take as long as a search
            places = np.array([seen.box for seen in missing], np.float32)
            near, their_scores = detector.detect_near(image, places)
            for i, seen in enumerate(missing):
                is_there = covered(boxes, near[i, None])
                if _is_found(seen, boxes):  # as somebody before in this list
                    continue
                if their_scores[i] == 0:
                    self._seen.append(seen)
                elif (sides_of(boxes[is_there]) * _INSIDE < sides_of(near[i, None])).all():
                    boxes = np.vstack([boxes[~is_there], near[i, None]])
                    scores = np.append(scores[~is_there], their_scores[i])
        self._seen += [_Seen(box, time_s) for box in boxes]
        return boxes, scores.astype(np.float32)


def _is_found(seen: _Seen, boxes: Boxes) -> bool:
    """Say whether a face is among boxes (N, 4) float32: one of them, and not a mouth of it."""
    is_large = sides_of(boxes) * _INSIDE >= sides_of(seen.box[None])
    return bool(covered(seen.box[None], boxes[is_large]).any())
