"""The time that each frame of a source stands for: until the next one.

Variable frame rates, skipped frames and `--every` do not matter then. If the next frame comes after
more than a second and more than five usual intervals, a frame stands for one usual interval, and
the rest is a gap. The last one stands for a usual interval, too.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Generic, TypeVar

GAP_S = 1.0
_GAP_INTERVALS = 5.0
_NOMINAL_S = 1 / 30  # the time that the only frame of a video stands for
_AHEAD = 8  # frames that wait for their weight, so that the first ones know the usual interval
_WINDOW = 31  # intervals of which the usual one is the median

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A frame, and the time that it stands for.

    gap_s: start and end of the time behind it that no frame stands for
    """

    frame: T
    time_s: float
    hold_s: float
    gap_s: tuple[float, float] | None = None


class Holds(Generic[T]):
    """Weighs the frames of one source, which come one after another; the newest ones wait.

    n_went_back: frames with an earlier time than their predecessor
    """

    __slots__ = ("_intervals_s", "_waiting", "n_went_back")

    def __init__(self) -> None:
        self._waiting: list[tuple[float, T]] = []  # a list, not a deque: 100,000 pictures have one
        self._intervals_s: list[float] = []
        self.n_went_back = 0

    @property
    def waiting(self) -> list[T]:
        """The frames that wait for their weight, the newest one last."""
        return [frame for _, frame in self._waiting]

    def add(self, time_s: float, frame: T) -> list[Held[T]]:
        """Take the next frame, and return those whose weight is known by it."""
        if self._waiting:
            interval_s = time_s - self._waiting[-1][0]
            if interval_s < 0:
                self.n_went_back += 1
            else:
                self._intervals_s = [*self._intervals_s[1 - _WINDOW :], interval_s]
        self._waiting.append((time_s, frame))
        return [self._settled()] if len(self._waiting) > _AHEAD else []

    def end(self) -> list[Held[T]]:
        """Return the frames that still wait."""
        found = []
        while self._waiting:
            found.append(self._settled())
        return found

    def _settled(self) -> Held[T]:
        time_s, frame = self._waiting.pop(0)
        usual_s = statistics.median(self._intervals_s) if self._intervals_s else 0.0
        usual_s = usual_s or _NOMINAL_S
        if not self._waiting:
            return Held(frame, time_s, usual_s)
        next_s = self._waiting[0][0]
        if 0 <= next_s - time_s <= max(GAP_S, _GAP_INTERVALS * usual_s):
            return Held(frame, time_s, next_s - time_s)
        gap_s = (time_s + usual_s, next_s) if next_s > time_s else None
        return Held(frame, time_s, usual_s, gap_s)
