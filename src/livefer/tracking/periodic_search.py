"""The search of recordings, and of live streams with a quick detector: ten times a second.

In between, template matching follows the faces. Time is that of the frames, not of the clock: a
recording has the same result on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections, Landmarks, moved
from livefer.detection.detectors import Detector, LocalDetector, PartialDetector
from livefer.faces.crops import to_gray
from livefer.results import Frame
from livefer.tracking.motion import block_means, changed_blocks, match_template, template_of
from livefer.tracking.whole_search import WholeSearch

SEARCH_S = 0.095
"""The least time between two searches: every third frame at 30 fps."""

_STILL_S = 0.95  # the same while there is no face and nothing changes


def can_follow(detector: Detector) -> bool:
    """Say whether a detector is quick enough for a PeriodicSearch, and can look for known faces."""
    return isinstance(detector, LocalDetector) and not isinstance(detector, PartialDetector)


@dataclass(slots=True, eq=False)
class _FollowedFace:
    """A face that is followed from one search to the next.

    box: (4,) float32, xyxy in pixels, in the newest frame
    found: alone, in the frame in which it was found
    template: of that frame
    """

    box: NDArray[np.float32]
    found: Detections
    template: NDArray[np.uint8]

    @property
    def landmarks(self) -> Landmarks | None:
        """Landmarks (5, 2) in the newest frame: where the box has taken them."""
        landmarks = self.found.landmarks_of(0)
        return None if landmarks is None else moved(landmarks, self.found.boxes[0], self.box)


class PeriodicSearch:
    """Searches every tenth of a second, and follows the faces in between."""

    def __init__(self, rests: bool = False) -> None:
        """rests: search only once a second while there is no face and nothing changes."""
        self._rests = rests
        self.forget()

    def forget(self) -> None:
        """Forget every face, as at a cut: the next frame is searched whole."""
        self._whole = WholeSearch()
        self._faces: list[_FollowedFace] = []
        self._shape: tuple[int, ...] = ()
        self._searched_s = self._time_s = -math.inf
        self._empty: NDArray[np.float32] | None = None  # blocks of the searched frame without faces

    def find(self, frame: Frame, detector: Detector) -> Detections:
        """Return the faces of the stream's next frame, which has an image.

        Another size of image or a jump back begins anew.
        """
        assert frame.image is not None
        if frame.image.shape != self._shape or frame.time_s < self._time_s:
            self.forget()
        self._shape, self._time_s = frame.image.shape, frame.time_s
        if self._is_due(frame.image, frame.time_s) or not self._follow(frame.image):
            self._searched_s = frame.time_s
            found = self._whole.find(frame, detector)
            self._faces = [
                _FollowedFace(box, found.only([i]), template_of(frame.image, box))
                for i, box in enumerate(found.boxes)
            ]
            rests = self._rests and self._whole.knows_none
            self._empty = _blocks(frame.image) if rests else None
        boxes = np.array([face.box for face in self._faces], np.float32).reshape(-1, 4)
        scores = np.array([face.found.scores[0] for face in self._faces], np.float32)
        points = [face.landmarks for face in self._faces]
        known = [landmarks for landmarks in points if landmarks is not None]
        return Detections(boxes, scores, np.stack(known) if len(known) == len(boxes) > 0 else None)

    def _is_due(self, image: NDArray[np.uint8], time_s: float) -> bool:
        waited_s = time_s - self._searched_s
        if self._empty is None or not SEARCH_S <= waited_s < _STILL_S:
            return waited_s >= SEARCH_S
        return bool(changed_blocks(self._empty, _blocks(image)).any())

    def _follow(self, image: NDArray[np.uint8]) -> bool:
        """Move each face to its best match; return False at the first without a good one."""
        for face in self._faces:
            box = match_template(image, face.box, face.template)
            if box is None:
                return False
            face.box = box
        return True


def _blocks(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return block_means(to_gray(image))
