"""Who is who from frame to frame, and the smoothing of each face by itself.

One Tracker a stream. Time is always passed in, so that a file read faster than it plays gives the
same result as a camera. Knows nothing about images or networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEEP_S = 1.5
"""A face not seen for this long is forgotten; who comes back earlier, near the place, is known."""

# Chosen on the crossings that tests/test_tracker.py simulates, at 5, 15 and 30 fps: without _HIDDEN
# 62 % of them keep both identities in every frame, with 0.25 87 %, with 1 73 %; the others
# matter little (0.3 to 0.8 s of motion, a reach of 0.7 to 1.5).
_MOTION_S = 0.5  # velocity is fitted over this time, and a hidden face moves on for as long
_REACH = 0.6  # a face is found again within this many of its sizes from where it is expected,
_REACH_PER_S = 1.5  # and within so many more for each second it was not seen
_HIDDEN = 0.25  # a face that was seen in the frame before is preferred by so much
_LEAD = 0.1  # a label changes where another class is more probable by so much
_MAX_GROWTH = 2.0  # two boxes whose sides differ by more are not the same face


@dataclass(slots=True)
class _Track:
    """times, places (x, y, side) and probabilities of one face, the newest last; and its label."""

    track_id: int
    times: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64]] = field(default_factory=list)
    samples: list[NDArray[np.float64]] = field(default_factory=list)
    class_id: int | None = None

    def forget_before(self, time_s: float) -> None:
        """Drop what is older, but for the last sample before it, which the window's edge needs."""
        while len(self.times) > 1 and self.times[1] <= time_s:
            del self.times[0], self.places[0], self.samples[0]

    def expected_at(self, time_s: float) -> NDArray[np.float64]:
        """Return (x, y, side) where constant velocity puts the face."""
        last = self.places[-1]
        times = np.array(self.times) - self.times[-1]
        recent = times >= -_MOTION_S
        recent[-2:] = True
        deviation = times[recent] - times[recent].mean()
        spread = float(deviation @ deviation)
        if spread == 0.0:
            return last
        velocity = deviation @ np.array(self.places)[recent, :2] / spread
        ahead = min(time_s - self.times[-1], _MOTION_S)
        return np.array([*(last[:2] + velocity * ahead), last[2]])


class Tracker:
    """Identities and smoothed probabilities of the faces of one stream."""

    def __init__(self, window_s: float = 0.33, keep_s: float = KEEP_S) -> None:
        """Smooth over `window_s` seconds (0: not at all); keep an unseen face for `keep_s`."""
        self.window_s = window_s
        self.keep_s = keep_s
        self.reset()

    def reset(self) -> None:
        """Forget every face; identities count from 1 again."""
        self._tracks: list[_Track] = []
        self._n_tracks = 0
        self._time_s = self._before_s = -math.inf
        self._n_run, self._begun_s = 0, -math.inf

    def forget(self) -> None:
        """Forget every face, as behind a cut: who comes next is new, and ids go on counting."""
        self._tracks.clear()

    def begin(self, time_s: float) -> int:
        """Begin the stream's next frame; return how many came before it that are smoothed with it.

        They are counted from the last pause on that was longer than the window.
        """
        is_run = 0 < time_s - self._begun_s <= self.window_s
        self._n_run, self._begun_s = self._n_run + 1 if is_run else 0, time_s
        return self._n_run

    def update(
        self, boxes: NDArray[np.float32], probabilities: NDArray[np.float32], time_s: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the track id and the smoothed probabilities of each face of a frame.

        A file that starts again or is wound back: a jump back by more than `keep_s` forgets every
        face, a shorter one only their motion and smoothing. No id is used twice before `reset`.

        boxes: (N, 4) float32, xyxy in pixels
        probabilities: (N, C) float32, of this frame alone; columns with anything else may follow,
            and are smoothed, too: those that come later count as if they had not changed before
        time_s: seconds, on any clock that is the same for all frames of the stream
        returns: (N,) int64 counting from 1, and (N, C) float32
        """
        self._move_to(time_s)
        places = _places(boxes)
        tracks = self._associate(places, time_s)
        smoothed = np.array(probabilities, np.float32)
        for i, track in enumerate(tracks):
            if track.times and track.times[-1] == time_s:
                del track.times[-1], track.places[-1], track.samples[-1]
            sample = np.asarray(probabilities[i], np.float64)
            if track.samples and track.samples[-1].shape != sample.shape:
                track.samples = [_extended(old, sample) for old in track.samples]
            track.times.append(time_s)
            track.places.append(places[i])
            track.samples.append(sample)
            track.forget_before(time_s - max(self.window_s, _MOTION_S))
            smoothed[i] = window_mean(track.times, track.samples, self.window_s)
        return np.array([track.track_id for track in tracks], np.int64), smoothed

    def decide(
        self, track_ids: NDArray[np.int64], probabilities: NDArray[np.float32]
    ) -> NDArray[np.int64]:
        """Return the class of each face of a frame, given what `update` returned of it.

        It is `steady_class`'s, as long as frames are smoothed: without a window, and after a pause
        longer than it, the most probable one.

        track_ids: (N,) int64
        probabilities: (N, C) float32, smoothed
        returns: (N,) int64
        """
        tracks = {track.track_id: track for track in self._tracks}
        for track_id, row in zip(track_ids.tolist(), probabilities, strict=True):
            track = tracks[track_id]
            is_smoothed = track.times[-1] - track.times[-2:][0] <= self.window_s > 0
            track.class_id = steady_class(row, track.class_id if is_smoothed else None)
        return np.array([tracks[track_id].class_id for track_id in track_ids.tolist()], np.int64)

    def _move_to(self, time_s: float) -> None:
        if time_s < self._time_s - self.keep_s:
            self._tracks.clear()
        elif time_s < self._time_s:
            for track in self._tracks:
                track.times, track.class_id = [time_s], None
                del track.places[:-1], track.samples[:-1]
        self._tracks = [t for t in self._tracks if time_s - t.times[-1] <= self.keep_s]
        self._time_s, self._before_s = time_s, self._time_s

    def _associate(self, places: NDArray[np.float64], time_s: float) -> list[_Track]:
        """Return the track of each face: a known one within reach, or a new one."""
        found = {}
        if self._tracks:
            found = {j: self._tracks[i] for i, j in pair(self._costs(places, time_s))}
        tracks = []
        for j in range(len(places)):
            if j not in found:
                self._n_tracks += 1
                found[j] = _Track(self._n_tracks)
                self._tracks.append(found[j])
            tracks.append(found[j])
        return tracks

    def _costs(self, places: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        """Return (tracks, faces): distance in face sizes plus change of size; inf out of reach."""
        expected = np.array([track.expected_at(time_s) for track in self._tracks])
        unseen = np.array([time_s - track.times[-1] for track in self._tracks])
        offset = expected[:, None, :2] - places[None, :, :2]
        sides = (expected[:, None, 2] + places[None, :, 2]) / 2
        distance = np.hypot(offset[..., 0], offset[..., 1]) / sides
        growth = np.abs(np.log(expected[:, None, 2] / places[None, :, 2]))
        reach = _REACH + _REACH_PER_S * unseen[:, None]
        within = (distance <= reach) & (growth <= math.log(_MAX_GROWTH))
        hidden = np.where(unseen > self._time_s - self._before_s, _HIDDEN, 0.0)
        return np.where(within, distance + growth + hidden[:, None], np.inf)


def window_mean(
    times: list[float], samples: list[NDArray[np.float64]], window_s: float
) -> NDArray[np.float64]:
    """Return the mean over the last `window_s` seconds of the line through the samples.

    The line joins the samples, and its mean is its integral over the window (trapezoids) divided by
    the window's length, or by the track's age while that is shorter. So the same signal gives the
    same mean at any frame rate, a steady or a changing one; at 30 fps it is the mean of 10 frames.
    A mean of probabilities with positive weights: it sums to 1 as they do.

    times: n seconds, growing
    samples: n arrays (C,)
    """
    points, values = np.array(times), np.array(samples)
    start = max(points[-1] - window_s, points[0])
    if window_s <= 0 or points[-1] == start:
        return np.asarray(values[-1])
    after = int(np.searchsorted(points, start, side="right"))  # the first sample in the window
    share = (start - points[after - 1]) / (points[after] - points[after - 1])
    edge = values[after - 1] + share * (values[after] - values[after - 1])
    points = np.concatenate([[start], points[after:]])
    values = np.concatenate([edge[None], values[after:]])
    widths = np.diff(points)[:, None]
    area = (widths * (values[1:] + values[:-1]) / 2).sum(axis=0)
    return np.asarray(area / (points[-1] - start))


def steady_class(probabilities: NDArray[np.floating[Any]], before: int | None) -> int:
    """Return the class of a face that had the class `before` a moment ago.

    The most probable one; but the one before stays until another leads by a tenth, so that a face
    between two classes does not change its label with every breath. One with more than 0.55 leads.

    probabilities: (C,), smoothed
    """
    best = int(probabilities.argmax())
    if before is not None and probabilities[best] - probabilities[before] < _LEAD:
        return before
    return best


def _extended(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an old sample with as many columns as a new one, and its values where it has none."""
    return np.concatenate([old, new[len(old) :]])[: len(new)]


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


def _places(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    left, top, right, bottom = np.asarray(boxes, np.float64).reshape(-1, 4).T
    side = np.maximum((right - left + bottom - top) / 2, 1.0)
    return np.stack([(left + right) / 2, (top + bottom) / 2, side], axis=1)
