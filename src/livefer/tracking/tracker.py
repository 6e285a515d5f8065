"""Identities from frame to frame: boxes matched to tracks.

Time is always passed in, so that a file read faster than it plays gives the same result as a
camera. Knows nothing about images, detectors or networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes

KEEP_S = 1.5
"""A track not matched for this long is gone; a face that comes back sooner, and near, keeps it."""

# Chosen on the crossings simulated in tests/tracking/test_tracker.py, at 5, 15 and 30 fps: without
# _HIDDEN 62 % of them keep both identities in every frame, with 0.25 87 %, with 1 73 %; the others
# matter little (0.3 to 0.8 s of motion, a reach of 0.7 to 1.5).
_MOTION_S = 0.5  # velocity is fitted over this time, and a lost track moves on for as long
_REACH = 0.6  # a box matches a track up to so many of its sides from the expected place,
_REACH_PER_S = 1.5  # and up to so many more for each second since the track's last match
_HIDDEN = 0.25  # cost of a track that had no match in the frame before
_MAX_GROWTH = 2.0  # two boxes whose sides differ by more are not one face


@dataclass(slots=True, eq=False)
class Track:
    """One face over time, as far as its motion needs it.

    track_id: counts from 1 within a stream
    times_s: of the last matches, the newest last
    places: (3,) each, x and y of the box's middle and its side, in pixels
    """

    track_id: int
    times_s: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, time_s: float, place: NDArray[np.float64]) -> None:
        """Append a match; one of the same time is replaced."""
        if self.times_s and self.times_s[-1] == time_s:
            del self.times_s[-1], self.places[-1]
        self.times_s.append(time_s)
        self.places.append(place)
        while len(self.times_s) > 1 and self.times_s[1] <= time_s - _MOTION_S:
            del self.times_s[0], self.places[0]

    def forget_motion(self, time_s: float) -> None:
        """Keep the last place only, as if matched at another time."""
        self.times_s, self.places = [time_s], self.places[-1:]

    def expected_at(self, time_s: float) -> NDArray[np.float64]:
        """Return (x, y, side) after motion at constant velocity."""
        last_s, last = self.times_s[-1], self.places[-1]
        times = np.array(self.times_s) - last_s
        recent = times >= -_MOTION_S
        recent[-2:] = True
        deviation = times[recent] - times[recent].mean()
        spread = float(deviation @ deviation)
        if spread == 0.0:
            return last
        velocity = deviation @ np.array(self.places)[recent, :2] / spread
        ahead_s = min(time_s - last_s, _MOTION_S)
        return np.array([*(last[:2] + velocity * ahead_s), last[2]])


class Tracker:
    """The tracks of one stream. No id is used twice."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._n_tracks = 0
        self._time_s = self._before_s = -math.inf

    def forget(self) -> None:
        """Drop every track, as at a cut; ids go on counting."""
        self._tracks.clear()

    def match(self, boxes: Boxes, time_s: float) -> list[Track]:
        """Return the track of each box of the stream's next frame, a known or a new one.

        Time may jump back, as in a file that starts again: by more than KEEP_S, every track is
        dropped; by less, tracks only lose their motion.

        boxes: (N, 4) float32, xyxy in pixels
        time_s: seconds, on one clock for all frames of the stream
        """
        self._move_to(time_s)
        places = places_of(boxes)
        tracks = self._associate(places, time_s)
        for track, place in zip(tracks, places, strict=True):
            track.add(time_s, place)
        return tracks

    def _move_to(self, time_s: float) -> None:
        if time_s < self._time_s - KEEP_S:
            self._tracks.clear()
        elif time_s < self._time_s:
            for track in self._tracks:
                track.forget_motion(time_s)
        self._tracks = [track for track in self._tracks if time_s - track.times_s[-1] <= KEEP_S]
        self._time_s, self._before_s = time_s, self._time_s

    def _associate(self, places: NDArray[np.float64], time_s: float) -> list[Track]:
        known = {}
        if self._tracks:
            known = {j: self._tracks[i] for i, j in pair(self._costs(places, time_s))}
        tracks = []
        for j in range(len(places)):
            if j not in known:
                self._n_tracks += 1
                known[j] = Track(self._n_tracks)
                self._tracks.append(known[j])
            tracks.append(known[j])
        return tracks

    def _costs(self, places: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        """Return (tracks, boxes): distance in sides, plus change of size; inf if out of reach."""
        expected = np.array([track.expected_at(time_s) for track in self._tracks])
        unseen_s = np.array([time_s - track.times_s[-1] for track in self._tracks])
        offset = expected[:, None, :2] - places[None, :, :2]
        sides = (expected[:, None, 2] + places[None, :, 2]) / 2
        distance = np.hypot(offset[..., 0], offset[..., 1]) / sides
        growth = np.abs(np.log(expected[:, None, 2] / places[None, :, 2]))
        reach = _REACH + _REACH_PER_S * unseen_s[:, None]
        within = (distance <= reach) & (growth <= math.log(_MAX_GROWTH))
        hidden = np.where(unseen_s > self._time_s - self._before_s, _HIDDEN, 0.0)
        return np.where(within, distance + growth + hidden[:, None], np.inf)


def places_of(boxes: Boxes) -> NDArray[np.float64]:
    """Return (N, 3): x and y of the middle, and the side, at least one pixel, of boxes (N, 4)."""
    left, top, right, bottom = np.asarray(boxes, np.float64).reshape(-1, 4).T
    side = np.maximum((right - left + bottom - top) / 2, 1.0)
    return np.stack([(left + right) / 2, (top + bottom) / 2, side], axis=1)


def pair(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return (row, column) pairs, the smallest finite cost first, each row and column once.

    The smallest sum instead (Hungarian) kept no more identities in simulated crossings.

    costs: (n, m) float64
    """
    pairs = []
    costs = costs.copy()
    while costs.size and np.isfinite(costs.min()):
        i, j = divmod(int(costs.argmin()), costs.shape[1])
        pairs.append((i, j))
        costs[i], costs[:, j] = np.inf, np.inf
    return pairs
