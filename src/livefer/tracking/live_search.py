"""The search of live streams, for a fraction of what a search of every frame costs.

A quick detector searches every tenth of a second, as in a recording; in between, template matching
follows the faces. A slow detector searches part by part (livefer.tracking.part_search).
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
from livefer.tracking.part_search import PartSearch
from livefer.tracking.whole_search import WholeSearch

_SEARCH_S = 0.095  # between two searches of a quick detector: every third frame at 30 fps
_STILL_S = 0.95  # the same while there is no face and nothing changes
# After a longer pause, or a jump back, nothing is known. Where frames are left out for lack of
# time, the limit is far beyond the whole searches of many streams, or there would be nothing else.
_MAX_PAUSE_S, _MAX_PAUSE_BEHIND_S = 5.0, 20.0


class LiveSearch:
    """Searches a live stream as far as its detector can: periodically, in parts, or each frame."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget every face, as at a cut: the next frame is searched whole."""
        self._search: _PeriodicSearch | PartSearch | None = None
        self._kind: object = None
        self._time_s = -math.inf

    def find(self, frame: Frame, detector: Detector) -> Detections:
        """Return the faces of the stream's next frame, which has an image.

        Another size of image or kind of detector, a long pause, or a jump back begins anew. A
        detector without `detect_near` searches every frame whole.
        """
        assert frame.image is not None
        if not isinstance(detector, LocalDetector):
            return Detections(*detector.detect(frame.image))
        kind = (type(detector), frame.image.shape)
        max_pause_s = _MAX_PAUSE_BEHIND_S if frame.n_skipped else _MAX_PAUSE_S
        if kind != self._kind or not 0 <= frame.time_s - self._time_s <= max_pause_s:
            self.forget()
        self._kind, self._time_s = kind, frame.time_s
        if isinstance(detector, PartialDetector):
            if not isinstance(self._search, PartSearch):
                self._search = PartSearch()
            return self._search.find(frame, detector)
        if not isinstance(self._search, _PeriodicSearch):
            self._search = _PeriodicSearch()
        return self._search.find(frame, detector)


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


class _PeriodicSearch:
    """Searches every tenth of a second, and follows the faces in between."""

    def __init__(self) -> None:
        self._whole = WholeSearch()
        self._faces: list[_FollowedFace] = []
        self._searched_s = -math.inf
        self._empty: NDArray[np.float32] | None = None  # blocks of the searched frame without faces

    def find(self, frame: Frame, detector: LocalDetector) -> Detections:
        """Return the faces of the stream's next frame, which has an image."""
        assert frame.image is not None
        if self._is_due(frame.image, frame.time_s) or not self._follow(frame.image):
            self._searched_s = frame.time_s
            found = self._whole.find(frame, detector)
            self._faces = [
                _FollowedFace(box, found.only([i]), template_of(frame.image, box))
                for i, box in enumerate(found.boxes)
            ]
            self._empty = _blocks(frame.image) if self._whole.knows_none else None
        boxes = np.array([face.box for face in self._faces], np.float32).reshape(-1, 4)
        scores = np.array([face.found.scores[0] for face in self._faces], np.float32)
        points = [face.landmarks for face in self._faces]
        known = [landmarks for landmarks in points if landmarks is not None]
        return Detections(boxes, scores, np.stack(known) if len(known) == len(boxes) > 0 else None)

    def _is_due(self, image: NDArray[np.uint8], time_s: float) -> bool:
        waited_s = time_s - self._searched_s
        if self._empty is None or not _SEARCH_S <= waited_s < _STILL_S:
            return waited_s >= _SEARCH_S
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
