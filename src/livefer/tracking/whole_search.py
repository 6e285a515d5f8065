"""The search of every frame, whole; weak detections are held.

Weak detections flicker. A face lost in this frame is searched for again at its last position, with
a lower threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections, joined
from livefer.detection.detectors import Detector, LocalDetector
from livefer.faces.boxes import Boxes, covered, sides_of
from livefer.results import Frame

HOLD_S = 0.25
"""A face that has not been found for this long is gone."""

_INSIDE = 1.5  # a detection inside a known face that is so many times as large is none: a mouth


@dataclass(frozen=True, slots=True, eq=False)
class _KnownFace:
    """Where and when a face was found last.

    box: (4,) float32, xyxy in pixels
    """

    box: NDArray[np.float32]
    found_s: float


class WholeSearch:
    """Searches every frame of a stream whole, and lost faces once more for HOLD_S."""

    def __init__(self) -> None:
        self._known: list[_KnownFace] = []

    @property
    def knows_none(self) -> bool:
        """Whether there is no face, not even a lost one."""
        return not self._known

    def forget(self) -> None:
        """Forget every face, as at a cut."""
        self._known = []

    def find(self, frame: Frame, detector: Detector) -> Detections:
        """Return the faces of the stream's next frame, which has an image.

        A detector without `detect_near` searches each frame by itself.
        """
        assert frame.image is not None
        found = Detections(*detector.detect(frame.image))
        if not isinstance(detector, LocalDetector):
            return found
        recent = [face for face in self._known if 0 <= frame.time_s - face.found_s <= HOLD_S]
        missing, self._known = [face for face in recent if not _is_among(face, found.boxes)], []
        if missing:
            found = self._search_again(missing, found, frame.image, detector)
        self._known += [_KnownFace(box, frame.time_s) for box in found.boxes]
        return found

    def _search_again(
        self,
        missing: list[_KnownFace],
        found: Detections,
        image: NDArray[Any],
        detector: LocalDetector,
    ) -> Detections:
        """Return what was found with the missing faces that are found again; keep the others."""
        # All at once: one call may take as long as a whole search.
        places = np.array([face.box for face in missing], np.float32)
        near = Detections(*detector.detect_near(image, places))
        for i, face in enumerate(missing):
            if _is_among(face, found.boxes):  # found again as an earlier face of this list
                continue
            now = near.only([i])
            if now.scores[0] == 0:
                self._known.append(face)
                continue
            overlapping = covered(found.boxes, now.boxes)
            if (sides_of(found.boxes[overlapping]) * _INSIDE < sides_of(now.boxes)).all():
                found = joined(found.only(~overlapping), now)
        return found


def _is_among(face: _KnownFace, boxes: Boxes) -> bool:
    """Return whether a face is among boxes (N, 4) float32: one of them, and not a mouth in it."""
    is_large = sides_of(boxes) * _INSIDE >= sides_of(face.box[None])
    return bool(covered(face.box[None], boxes[is_large]).any())
