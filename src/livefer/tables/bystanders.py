"""Bystanders: faces that are seen for a moment only, kept out of a table while it is written."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from livefer.results import FrameResult
from livefer.tables.holds import Held, Holds

_LOST_S = 2.0  # a track that is gone for so long never comes back: tracking/tracker.py

_Key = tuple[str, int]


class Bystanders:
    """Holds frames back until it is known which of their tracks are seen for long enough.

    The frames of one source come one after another, then those of the next one. Images are let go.
    The time seen is that of the summary, so that a table and a report of one run agree.

    left_out: source and number of the tracks that were seen for a shorter time; their faces are
        left out
    """

    def __init__(self, min_seen_s: float) -> None:
        self._min_seen_s = min_seen_s
        self._source: str | None = None
        self._waiting: deque[FrameResult] = deque()  # those at its beginning are weighed
        self._n_weighed = 0
        self._holds = Holds[FrameResult]()
        self._seen_s: dict[_Key, float] = {}
        self._last_s: dict[_Key, float] = {}
        self._now_s = 0.0
        self.left_out: set[_Key] = set()

    def add(self, result: FrameResult) -> list[FrameResult]:
        """Take the next frame, and return those that are decided, without bystanders."""
        done = [] if result.source == self._source else self.end()
        self._source, result = result.source, replace(result, image=None)
        self._waiting.append(result)
        if result.error is None:
            for held in self._holds.add(result.time_s, result):
                self._weigh(held)
        while self._waiting and self._is_decided(self._waiting[0]):
            done.append(self._decided(self._waiting.popleft()))
        return done

    def end(self) -> list[FrameResult]:
        """Return the frames that still wait, at the end of their source."""
        for held in self._holds.end():
            self._weigh(held)
        done = [self._decided(result) for result in self._waiting]
        self._waiting.clear()
        self._holds = Holds()
        self._seen_s.clear()
        self._last_s.clear()
        return done

    def _weigh(self, held: Held[FrameResult]) -> None:
        self._n_weighed += 1
        self._now_s = held.time_s
        for key in _keys(held.frame):
            self._seen_s[key] = self._seen_s.get(key, 0.0) + held.hold_s
            self._last_s[key] = held.time_s

    def _is_long(self, key: _Key) -> bool:
        return self._seen_s[key] >= self._min_seen_s - 1e-6

    def _is_decided(self, result: FrameResult) -> bool:
        if result.error is not None:
            return True
        return self._n_weighed > 0 and all(
            self._is_long(key) or not 0 <= self._now_s - self._last_s[key] <= _LOST_S
            for key in _keys(result)
        )

    def _decided(self, result: FrameResult) -> FrameResult:
        self._n_weighed -= result.error is None
        short = {key for key in _keys(result) if not self._is_long(key)}
        self.left_out |= short
        kept = [f for f in result.faces if (result.source, f.track_id) not in short]
        return replace(result, faces=tuple(kept))


def _keys(result: FrameResult) -> list[_Key]:
    return [(result.source, f.track_id) for f in result.faces if f.track_id is not None]
