"""One stream of frames, put together: a search, a tracker, a smoother, and perhaps a profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections
from livefer.detection.detectors import Detector
from livefer.faces.boxes import Boxes, sides_of
from livefer.profiles.profile import Profile
from livefer.profiles.running import RunningProfile
from livefer.results import Frame
from livefer.tracking.choice import MostFaces, OnePerson
from livefer.tracking.smoothing import Smoothed, Smoother
from livefer.tracking.tracker import KEEP_S, Tracker


class Search(Protocol):
    """Detection over time: WholeSearch, PeriodicSearch, LiveSearch, or yours; one a stream.

    It remembers boxes, but neither tracks nor a detector: the server's threads own the detectors,
    and a stream goes from one thread to another.
    """

    def find(self, frame: Frame, detector: Detector) -> Detections:
        """Return the faces of the stream's next frame, which has an image."""

    def forget(self) -> None:
        """Forget every face, as at a cut."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchedFaces:
    """Matched faces of a frame that count, not yet classified.

    rows: their N rows among those that were matched
    track_ids: N ids, counting from 1 within a stream
    boxes: (N, 4) float32, xyxy in pixels, to cut the faces at: as detected, but steady
    views: for each face the views of it that the network is to see
    """

    rows: list[int]
    track_ids: list[int]
    boxes: Boxes
    views: list[tuple[int, ...]]


class Owner:
    """Whose face a profile is about: that of the largest face, until its track has been lost."""

    def __init__(self) -> None:
        self._track_id: int | None = None
        self._seen_s = -math.inf

    def row_of(self, track_ids: Sequence[int], boxes: Boxes, time_s: float) -> int | None:
        """Return the row of the owner among the faces of the next frame; None if absent.

        boxes: (N, 4) float32, xyxy in pixels
        """
        if self._track_id not in track_ids:
            if not track_ids or 0 <= time_s - self._seen_s <= KEEP_S:
                return None
            self._track_id = track_ids[int(sides_of(boxes).argmax())]
        self._seen_s = time_s
        return track_ids.index(self._track_id)


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The state of one stream of frames: its search, its tracks and its smoothing.

    Each frame passes `find`, `match` and `smooth`; several frames may pass the first two before
    any is smoothed, all in the order of frames. One thread at a time may use a stream.

    The settings of a stream never change. `dataclasses.replace(stream, smoother=Smoother(1.0))`
    is the same stream with other smoothing: search and tracks go on, and each face is smoothed
    anew, from the first frame that the new stream gets.
    """

    search: Search
    smoother: Smoother
    tracker: Tracker = field(default_factory=Tracker)
    profile: Profile | RunningProfile | None = None
    owner: Owner = field(default_factory=Owner)
    choice: OnePerson | MostFaces | None = None

    def find(self, frame: Frame, detector: Detector) -> Detections:
        """Return the faces of the next frame, which has an image; a cut forgets those before."""
        if frame.is_cut:
            self.forget()
        return self.search.find(frame, detector)

    def match(self, boxes: Boxes, time_s: float) -> MatchedFaces:
        """Match the faces of the frame that was searched: boxes (N, 4) float32, xyxy in pixels."""
        tracks, rows = self.tracker.match(boxes, time_s), list(range(len(boxes)))
        if self.choice is not None:
            rows = self.choice.rows([track.track_id for track in tracks], boxes, time_s)
            tracks, boxes = [tracks[row] for row in rows], boxes[rows]
        track_ids = [track.track_id for track in tracks]
        steady = self.smoother.steady_boxes(boxes, tracks)
        return MatchedFaces(rows, track_ids, steady, self.smoother.views(track_ids, time_s))

    def smooth(
        self,
        faces: MatchedFaces,
        time_s: float,
        probabilities: NDArray[np.float32],
        cams: NDArray[np.float32] | None,
    ) -> Smoothed:
        """Smooth the network's answers for matched faces; arguments as of Smoother.add."""
        if self.profile is None:
            return self.smoother.add(faces.track_ids, time_s, probabilities, cams)
        mine = self.owner.row_of(faces.track_ids, faces.boxes, time_s)
        running = self.profile if isinstance(self.profile, RunningProfile) else None
        profile = running.profile if running is not None else cast("Profile", self.profile)
        judge = None if profile is None else partial(profile.judge_row, row=mine)
        smoothed = self.smoother.add(faces.track_ids, time_s, probabilities, cams, judge)
        if running is not None and mine is not None:
            running.add(faces.track_ids[mine], time_s, smoothed.plain[mine])
        if profile is None or mine is None:
            return smoothed
        return replace(smoothed, mine=mine, profile=profile.name)

    def forget(self) -> None:
        """Forget every face, as at a cut: the next faces are new, and ids go on counting."""
        self.search.forget()
        self.tracker.forget()
        if self.choice is not None:
            self.choice.forget()
