"""Bystanders: faces that are seen for a moment only, kept out of a table while it is written."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from livefer.results import FrameResult

_LOST_S = 2.0  # a track that is gone for so long never comes back: tracking/tracker.py
_MOST_S = 1.0  # between two frames, for a face to count as seen

_Key = tuple[str, int]


class Bystanders:
    """Holds frames back until it is known which of their tracks are seen for long enough.

    The frames of one source come one after another, then those of the next one. Images are let go.

    left_out: source and number of the tracks that were seen for a shorter time; their faces are
        left out
    """

    def __init__(self, min_seen_s: float) -> None:
        self._min_seen_s = min_seen_s
        self._waiting: deque[FrameResult] = deque()
        self._seen_s: dict[_Key, float] = {}
        self._last_s: dict[_Key, float] = {}
        self._before: FrameResult | None = None
        self._interval_s = 0.0
        self.left_out: set[_Key] = set()

    def add(self, result: FrameResult) -> list[FrameResult]:
        """Take the next frame, and return those that are decided, without bystanders."""
        done = []
        before = self._before
        if before is not None and before.source != result.source:
            done += self.end()
            before = None
        if before is not None:
            self._interval_s = min(max(result.time_s - before.time_s, 0.0), _MOST_S)
            self._see(before)
        for key in _keys(result):
            self._seen_s.setdefault(key, 0.0)
            self._last_s[key] = result.time_s
        self._before = result = replace(result, image=None)
        self._waiting.append(result)
        while self._waiting and self._is_decided(self._waiting[0], result.time_s):
            done.append(self._decided(self._waiting.popleft()))
        return done

    def end(self) -> list[FrameResult]:
        """Return the frames that still wait, at the end of their source."""
        if self._before is not None:
            self._see(self._before)
        done = [self._decided(result) for result in self._waiting]
        self._waiting.clear()
        self._seen_s.clear()
        self._last_s.clear()
        self._before = None
        return done

    def _see(self, result: FrameResult) -> None:
        for key in _keys(result):
            self._seen_s[key] += self._interval_s

    def _is_long(self, key: _Key) -> bool:
        return self._seen_s[key] >= self._min_seen_s - 1e-6

    def _is_decided(self, result: FrameResult, time_s: float) -> bool:
        return all(
            self._is_long(key) or not 0 <= time_s - self._last_s[key] <= _LOST_S
            for key in _keys(result)
        )

    def _decided(self, result: FrameResult) -> FrameResult:
        short = {key for key in _keys(result) if not self._is_long(key)}
        self.left_out |= short
        kept = [f for f in result.faces if (result.source, f.track_id) not in short]
        return replace(result, faces=tuple(kept))


def _keys(result: FrameResult) -> list[_Key]:
    return [(result.source, f.track_id) for f in result.faces if f.track_id is not None]
