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
_STEADY_S = 0.2  # a box is put where a line through its places of so long leads,
_TREMBLE = 0.03  # but no further from where it was found than so much of its side
_LEAD = 0.1  # a label changes where another class is more probable by so much
_MAX_GROWTH = 2.0  # two boxes whose sides differ by more are not the same face


@dataclass(slots=True, eq=False)
class _Sample:
    """A face in one frame.

    place: (x, y, side) in pixels
    number: how many frames came before this one, none of them long ago, that show the face
    values: (C,) what the network says, as soon as it is known; the label in the frame as well
    """

    time_s: float
    place: NDArray[np.float64]
    number: int
    values: NDArray[np.float64] | None = None
    class_id: int | None = None


@dataclass(slots=True, eq=False)
class _Track:
    """One face over time, the newest sample last."""

    track_id: int
    samples: list[_Sample] = field(default_factory=list)

    def forget_before(self, time_s: float) -> None:
        """Drop what is older, but for the last sample before it, which the window's edge needs."""
        while len(self.samples) > 1 and self.samples[1].time_s <= time_s:
            del self.samples[0]

    def steady_place(self, within_s: float) -> NDArray[np.float64]:
        """Return (x, y, side) in the newest sample, without the trembling of detectors.

        within_s: how old samples may be that tell
        """
        last = self.samples[-1]
        run = self.samples[-1 - last.number :]
        times = np.array([sample.time_s for sample in run]) - last.time_s
        recent = times >= -within_s - 1e-6
        if recent.sum() < 3:
            return last.place
        times, places = times[recent], np.array([sample.place for sample in run])[recent]
        deviation = times - times.mean()
        slope = deviation @ places / (deviation @ deviation)
        off = places.mean(axis=0) - slope * times.mean() - last.place
        most = _TREMBLE * last.place[2]
        return np.asarray(last.place + off.clip(-most, most))

    def expected_at(self, time_s: float) -> NDArray[np.float64]:
        """Return (x, y, side) where constant velocity puts the face."""
        last = self.samples[-1]
        times = np.array([sample.time_s for sample in self.samples]) - last.time_s
        recent = times >= -_MOTION_S
        recent[-2:] = True
        deviation = times[recent] - times[recent].mean()
        spread = float(deviation @ deviation)
        if spread == 0.0:
            return last.place
        places = np.array([sample.place[:2] for sample in self.samples])
        velocity = deviation @ places[recent] / spread
        ahead = min(time_s - last.time_s, _MOTION_S)
        return np.array([*(last.place[:2] + velocity * ahead), last.place[2]])


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The faces of a frame, and whose they are, before it is known what they show.

    track_ids: (N,) int64, counting from 1
    boxes: (N, 4) float32, xyxy in pixels, where the faces are to be cut: as they were given, but
        they do not tremble
    numbers: (N,) int64, how many frames came before it that show the same face and are smoothed
        with it, each with the one before
    is_smoothed: whether frames follow each other closely enough to be smoothed together
    samples: for each face those that its smoothing may need, its own last
    """

    track_ids: NDArray[np.int64]
    boxes: NDArray[np.float32]
    numbers: NDArray[np.int64]
    is_smoothed: bool
    samples: tuple[tuple[_Sample, ...], ...]


class Tracker:
    """Identities and smoothed probabilities of the faces of one stream.

    For each frame `begin`, then `smooth`, then `decide`; a frame may begin before the ones before
    it are smoothed, but they are smoothed in order.
    """

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

    def forget(self) -> None:
        """Forget every face, as behind a cut: who comes next is new, and ids go on counting."""
        self._tracks.clear()

    def begin(self, boxes: NDArray[np.float32], time_s: float) -> Seen:
        """Begin the stream's next frame: say who is there.

        A file that starts again or is wound back: a jump back by more than `keep_s` forgets every
        face, a shorter one only their motion and smoothing. No id is used twice before `reset`.

        boxes: (N, 4) float32, xyxy in pixels
        time_s: seconds, on any clock that is the same for all frames of the stream
        """
        self._move_to(time_s)
        pause_s = time_s - self._before_s
        places = _places(boxes)
        tracks = self._associate(places, time_s)
        for track, place in zip(tracks, places, strict=True):
            if track.samples and track.samples[-1].time_s == time_s:
                del track.samples[-1]
            last = track.samples[-1] if track.samples else None
            is_run = last is not None and time_s - last.time_s <= self.window_s > 0
            track.samples.append(_Sample(time_s, place, last.number + 1 if last and is_run else 0))
            track.forget_before(time_s - max(self.window_s, _MOTION_S))
        steady = [track.steady_place(min(_STEADY_S, self.window_s)) for track in tracks]
        return Seen(
            np.array([track.track_id for track in tracks], np.int64),
            _moved(boxes, places, np.array(steady).reshape(-1, 3)),
            np.array([track.samples[-1].number for track in tracks], np.int64),
            self.window_s > 0 and (pause_s <= self.window_s or math.isinf(pause_s)),
            tuple(tuple(track.samples) for track in tracks),
        )

    def smooth(self, seen: Seen, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take what the network says of a frame's faces, and return it smoothed.

        values: (N, C) float32, probabilities of this frame alone; columns with anything else may
            follow, and are smoothed, too: those that come later count as if they had not changed
            before
        returns: (N, C) float32
        """
        smoothed = np.array(values, np.float32)
        for i, samples in enumerate(seen.samples):
            own = np.asarray(values[i], np.float64)
            samples[-1].values = own
            known = [sample for sample in samples if sample.values is not None]
            means = [_extended(one.values, own) for one in known if one.values is not None]
            smoothed[i] = window_mean([sample.time_s for sample in known], means, self.window_s)
        return smoothed

    def decide(self, seen: Seen, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the class of each face of a frame.

        It is `steady_class`'s, as long as frames are smoothed: without a window, and after a pause
        longer than it, the most probable one.

        probabilities: (N, C) float32, smoothed
        returns: (N,) int64
        """
        for samples, row in zip(seen.samples, probabilities, strict=True):
            own = samples[-1]
            own.class_id = steady_class(row, samples[-2].class_id if own.number else None)
        return np.array([samples[-1].class_id for samples in seen.samples], np.int64)

    def _move_to(self, time_s: float) -> None:
        if time_s < self._time_s - self.keep_s:
            self._tracks.clear()
        elif time_s < self._time_s:
            for track in self._tracks:
                track.samples = [_Sample(time_s, track.samples[-1].place, 0)]
        self._tracks = [t for t in self._tracks if time_s - t.samples[-1].time_s <= self.keep_s]
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
        unseen = np.array([time_s - track.samples[-1].time_s for track in self._tracks])
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
    return old if old.shape == new.shape else np.concatenate([old, new[len(old) :]])[: len(new)]


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


def _moved(
    boxes: NDArray[np.float32], places: NDArray[np.float64], to: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return boxes (N, 4) brought from their places to others, each (N, 3): x, y, side."""
    from_middle = np.asarray(boxes, np.float64).reshape(-1, 4) - np.tile(places[:, :2], 2)
    moved = np.tile(to[:, :2], 2) + from_middle * (to[:, 2:] / places[:, 2:])
    return moved.astype(np.float32)


def _places(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    left, top, right, bottom = np.asarray(boxes, np.float64).reshape(-1, 4).T
    side = np.maximum((right - left + bottom - top) / 2, 1.0)
    return np.stack([(left + right) / 2, (top + bottom) / 2, side], axis=1)
