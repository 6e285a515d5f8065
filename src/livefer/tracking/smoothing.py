"""Smoothing over time: of probabilities and heat maps, of labels, and of the places that are cut.

Each face is smoothed by itself, in seconds instead of frames. Knows nothing about images, detectors
or networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes
from livefer.faces.views import BOTH, views_of
from livefer.labels import steady_class
from livefer.tracking.tracker import KEEP_S, Track, places_of

WINDOW_S = 0.33
"""The usual length of the window that is averaged."""

_STEADY_S = 0.2  # a face is cut where a line through its places of this time leads,
_TREMBLE = 0.03  # but no further from its box than so much of the side


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """The faces of a frame after smoothing.

    probabilities: (N, C) float32
    cams: (N, C, h, w) float32; None if there were none
    class_ids: (N,) int64, the labels
    plain: (N, C) float32, the means before a profile judged one of the faces
    mine: the row of the face that a profile judged, or None
    profile: the profile's name
    """

    probabilities: NDArray[np.float32]
    cams: NDArray[np.float32] | None
    class_ids: NDArray[np.int64]
    plain: NDArray[np.float32]
    mine: int | None = None
    profile: str | None = None


@dataclass(slots=True, eq=False)
class _Sample:
    """The network's answer for a face in one frame, and the face's label then.

    probabilities: (C,) float32
    cams: (C, h, w) float32
    """

    time_s: float
    probabilities: NDArray[np.float32]
    cams: NDArray[np.float32] | None
    class_id: int | None = None


class Smoother:
    """Smooths the faces of one stream.

    Each frame passes `views` before the network and `add` after it, in the order of time. Frames
    that go through the network together pass `views` first, all of them.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        """window_s: length of the window that is averaged, in seconds; 0 smooths nothing."""
        self._window_s = window_s
        self._samples: dict[int, list[_Sample]] = {}
        self._added_s = -math.inf
        # For each track seen within the window: when, and the number of frames before in its run.
        self._runs: dict[int, tuple[float, int]] = {}
        self._viewed_s = -math.inf

    @property
    def window_s(self) -> float:
        """Length of the window in seconds."""
        return self._window_s

    def views(self, track_ids: Sequence[int], time_s: float) -> list[tuple[int, ...]]:
        """Return for each face of the next frame the views of it that the network is to see.

        The window averages one view a frame, in turn. A new face shows all views, for a good first
        label. Frames further apart than the window are not averaged: plain and mirrored.
        """
        pause_s, self._viewed_s = time_s - self._viewed_s, time_s
        known = {} if pause_s < 0 else self._runs
        self._runs = {k: run for k, run in known.items() if time_s - run[0] <= self._window_s}
        numbers = []
        for track_id in track_ids:
            seen_s, number = self._runs.get(track_id, (math.inf, -1))
            number += seen_s != time_s  # a frame of the same time replaces the one before
            self._runs[track_id] = time_s, number
            numbers.append(number)
        is_averaged = self._window_s > 0 and (pause_s <= self._window_s or math.isinf(pause_s))
        return [views_of(number) if is_averaged else BOTH for number in numbers]

    def steady_boxes(self, boxes: Boxes, tracks: Sequence[Track]) -> Boxes:
        """Return the boxes to cut faces at: (N, 4) float32, without the trembling of detectors.

        boxes: (N, 4) float32, xyxy in pixels, the newest match of each track
        """
        within_s = min(_STEADY_S, self._window_s)
        steady = [steady_place(track.times_s, track.places, within_s) for track in tracks]
        return _moved_to(boxes, np.array(steady).reshape(-1, 3))

    def add(
        self,
        track_ids: Sequence[int],
        time_s: float,
        probabilities: NDArray[np.float32],
        cams: NDArray[np.float32] | None = None,
        judge: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    ) -> Smoothed:
        """Add the network's answers for the next frame's faces, and return them smoothed.

        Maps may come and go from frame to frame: where a frame has none, the newest ones count.

        probabilities: (N, C) float32, of this frame alone
        cams: (N, C, h, w) float32, of this frame alone
        judge: what the means (N, C) mean for these people, as a profile says; labels follow it
        """
        self._drop_old(time_s)
        means, maps = np.array(probabilities), None if cams is None else np.array(cams)
        class_ids = np.empty(len(means), np.int64)
        for i, track_id in enumerate(track_ids):
            own = _Sample(time_s, probabilities[i], None if cams is None else cams[i])
            samples = self._with(own, track_id)
            weights = window_weights([sample.time_s for sample in samples], self._window_s)
            means[i] = weights @ np.array([sample.probabilities for sample in samples])
            if maps is not None:
                known = [own.cams if one.cams is None else one.cams for one in samples]
                maps[i] = np.tensordot(weights, np.array(known), axes=1)
        judged = means if judge is None else judge(means)
        for i, track_id in enumerate(track_ids):
            samples = self._samples[track_id]
            own, before = samples[-1], samples[-2] if len(samples) > 1 else None
            is_run = before is not None and time_s - before.time_s <= self._window_s
            own.class_id = steady_class(judged[i], before.class_id if before and is_run else None)
            class_ids[i] = own.class_id
        return Smoothed(judged, maps, class_ids, means)

    def _with(self, own: _Sample, track_id: int) -> list[_Sample]:
        """Return the samples of a track that the window needs, the new one last."""
        samples = self._samples.setdefault(track_id, [])
        if samples and samples[-1].time_s == own.time_s:
            del samples[-1]
        samples.append(own)
        # The last one before the window stays: the line to it enters the window.
        while len(samples) > 1 and samples[1].time_s <= own.time_s - self._window_s:
            del samples[0]
        return samples

    def _drop_old(self, time_s: float) -> None:
        """Drop the samples of tracks that are gone, and all of them where time jumps back."""
        if time_s < self._added_s:
            self._samples.clear()
        self._added_s = time_s
        self._samples = {
            track_id: samples
            for track_id, samples in self._samples.items()
            if time_s - samples[-1].time_s <= KEEP_S
        }


def window_weights(times_s: Sequence[float], window_s: float) -> NDArray[np.float64]:
    """Return the weights (n,) of samples in their mean over the last `window_s` seconds; sum 1.

    The mean is that of the line through the samples: its integral over the window (trapezoids)
    divided by the window's length, or by the track's age if that is shorter. So one signal has one
    mean at any frame rate, steady or changing; at 30 fps it is the mean of 10 frames. No weight is
    negative, so means of probabilities sum to 1 as they do.

    times_s: n seconds, growing
    """
    times = np.array(times_s)
    weights = np.zeros(len(times))
    start = max(times[-1] - window_s, times[0])
    if window_s <= 0 or times[-1] == start:
        weights[-1] = 1.0
        return weights
    first = int(np.searchsorted(times, start, side="right"))  # in the window
    knots = np.concatenate([[start], times[first:]])
    halves = np.diff(knots) / 2
    weights[first:] = halves
    weights[first:-1] += halves[1:]
    # The value at the window's edge lies on the line between the samples around it.
    share = (start - times[first - 1]) / (times[first] - times[first - 1])
    weights[first - 1] += halves[0] * (1 - share)
    weights[first] += halves[0] * share
    return np.asarray(weights / (times[-1] - start))


def steady_place(
    times_s: Sequence[float], places: Sequence[NDArray[np.float64]], within_s: float
) -> NDArray[np.float64]:
    """Return the newest of some places (3,), x, y and side in pixels, without its trembling.

    times_s: of the places, growing
    within_s: age up to which places count; with fewer than three of them the newest is returned
    """
    newest = places[-1]
    times = np.array(times_s) - times_s[-1]
    recent = times >= -within_s - 1e-6
    if recent.sum() < 3:
        return newest
    times, values = times[recent], np.array(places)[recent]
    deviation = times - times.mean()
    slope = deviation @ values / (deviation @ deviation)
    off = values.mean(axis=0) - slope * times.mean() - newest
    most = _TREMBLE * newest[2]
    return np.asarray(newest + off.clip(-most, most))


def _moved_to(boxes: Boxes, places: NDArray[np.float64]) -> Boxes:
    """Return boxes (N, 4) float32 moved and resized to places (N, 3): x, y and side."""
    before = places_of(boxes)
    from_middle = np.asarray(boxes, np.float64).reshape(-1, 4) - np.tile(before[:, :2], 2)
    moved = np.tile(places[:, :2], 2) + from_middle * (places[:, 2:] / before[:, 2:])
    return moved.astype(np.float32)
