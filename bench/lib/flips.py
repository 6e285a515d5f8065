"""How often a steady face's label flips, and how late a change is shown, by length of smoothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from lib.scenes import FPS, WHOLE, Scene
from lib.truth import Truth, match
from numpy.typing import NDArray

from livefer.labels import steady_class
from livefer.results import FrameResult
from livefer.tracking.smoothing import window_weights


@dataclass(slots=True, eq=False)
class Track:
    """What the frames in which somebody was found with one id showed, each alone.

    whole: whether the person was wholly visible
    """

    times_s: list[float]
    raw: list[NDArray[np.float64]]
    labels: list[str | None]
    whole: list[bool]

    def shown(self, classes: Sequence[str], window_s: float) -> list[str]:
        """Return the labels after smoothing over `window_s`, as a stream has them."""
        names: list[str] = []
        class_id: int | None = None
        for n, time_s in enumerate(self.times_s, start=1):
            first = max(0, bisect_right(self.times_s, time_s - window_s, hi=n) - 1)
            weights = window_weights(self.times_s[first:n], window_s)
            mean = weights @ np.array(self.raw[first:n])
            is_smoothed = n > 1 and time_s - self.times_s[n - 2] <= window_s > 0
            class_id = steady_class(mean.astype(np.float32), class_id if is_smoothed else None)
            names.append(classes[class_id])
        return names

    def steady_s(self) -> float:
        """Return the seconds between frames in which the person was wholly visible."""
        pairs = zip(pairwise(self.times_s), pairwise(self.whole), strict=True)
        return sum(after - before for (before, after), both in pairs if all(both))

    def flips(self, shown: Sequence[str]) -> int:
        """Return how often the label changed although the face, wholly visible, did not."""
        steps = zip(pairwise(shown), pairwise(self.labels), pairwise(self.whole), strict=True)
        return sum(a != b and x == y and all(whole) for (a, b), (x, y), whole in steps)


def tracks_of(truth: Truth, results: Sequence[FrameResult]) -> list[Track]:
    """Return what each person showed, a track for every id that the person had."""
    tracks: dict[tuple[int, int | None], Track] = {}
    for i, result in enumerate(results):
        for person, j in match(truth, result, i).items():
            face = result.faces[j]
            track = tracks.setdefault((person, face.track_id), Track([], [], [], []))
            track.times_s.append(result.time_s)
            track.raw.append(face.raw_probabilities.astype(np.float64))
            track.labels.append(truth.labels[i][person])
            track.whole.append(bool(truth.visible[i, person] >= WHOLE))
    return list(tracks.values())


def delays(scene: Scene, track: Track, shown: Sequence[str]) -> dict[int, float]:
    """Return seconds until each change of a changing face is shown, by the number of the change."""
    changes = np.flatnonzero(np.diff(scene.actors[0].shown)) + 1
    ends = [*changes[1:], len(scene)]
    found: dict[int, float] = {}
    for k, (change, end) in enumerate(zip(changes, ends, strict=True)):
        label = scene.actors[0].heads[k + 1].label
        for time_s, name in zip(track.times_s, shown, strict=True):
            if change / FPS - 1e-9 <= time_s < end / FPS - 1e-9 and name == label:
                found[k] = float(time_s - change / FPS)
                break
    return found


def smoothing(
    steady: Sequence[Track],
    turning: Sequence[tuple[Scene, Track]],
    classes: Sequence[str],
    windows_s: Sequence[float],
) -> list[dict[str, Any]]:
    """Return flips and delay for each length of smoothing; the first must be 0, single frames."""
    minutes = sum(track.steady_s() for track in steady) / 60
    rows: list[dict[str, Any]] = []
    raw: list[dict[int, float]] = []
    for window_s in windows_s:
        n_flips = sum(track.flips(track.shown(classes, window_s)) for track in steady)
        found = [delays(scene, track, track.shown(classes, window_s)) for scene, track in turning]
        if window_s == 0:
            raw = found
        known = [(k, f, of) for f, of in zip(found, raw, strict=True) for k in of]
        seconds = np.array([f.get(k, np.inf) for k, f, _ in known])
        added = seconds - [of[k] for k, _, of in known]
        rows.append(
            {
                "window_s": window_s,
                "flips_per_min": n_flips / max(minutes, 1e-9),
                "n_changes": len(known),
                "never": int(np.isinf(seconds).sum()),
                "delay_s": quantile(seconds, 0.5),
                "added_s": quantile(added, 0.5),
                "added_p95_s": quantile(added, 0.95),
            }
        )
    return rows


def quantile(values: NDArray[np.float64] | Sequence[float], q: float) -> float | None:
    """Return a value that was measured, the upper of two; None for nothing or never."""
    if not len(values):
        return None
    value = float(np.quantile(np.asarray(values, np.float64), q, method="higher"))
    return value if np.isfinite(value) else None
