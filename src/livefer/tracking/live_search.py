"""The search of live streams, for a fraction of what a search of every frame costs.

A quick detector searches every tenth of a second, as in a recording
(livefer.tracking.periodic_search); a slow one part by part (livefer.tracking.part_search).
"""

from __future__ import annotations

import math

from livefer.detection.detections import Detections
from livefer.detection.detectors import Detector, LocalDetector, PartialDetector
from livefer.results import Frame
from livefer.tracking.part_search import PartSearch
from livefer.tracking.periodic_search import PeriodicSearch

# After a longer pause, or a jump back, nothing is known. Where frames are left out for lack of
# time, the limit is far beyond the whole searches of many streams, or there would be nothing else.
_MAX_PAUSE_S, _MAX_PAUSE_BEHIND_S = 5.0, 20.0


class LiveSearch:
    """Searches a live stream as far as its detector can: periodically, in parts, or each frame."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget every face, as at a cut: the next frame is searched whole."""
        self._search: PeriodicSearch | PartSearch | None = None
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
        if not isinstance(self._search, PeriodicSearch):
            self._search = PeriodicSearch(rests=True)
        return self._search.find(frame, detector)
