"""A person's timeline as columns of a picture, and where in its bands there is room for a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from livefer.summary.records import Person, SourceSummary

MOST_COLUMNS = 600
_ALIKE = 0.85  # of the highest room: as good, and the middle of it looks better


@dataclass(frozen=True)
class Columns:
    """A person's timeline, binned for drawing.

    edges_s: (N + 1,) float64
    seen: (N,) bool
    uncertain: (N,) bool, of most of the time seen
    tops: (N, C) float64, upper edges of the bands, 0–1
    """

    edges_s: NDArray[np.float64]
    seen: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]
    tops: NDArray[np.float64]


def column_s(source: SourceSummary) -> float:
    """Return the seconds that a column of the picture stands for."""
    width_s = max((p.timeline.width_s for p in source.persons), default=1 / 32)
    while (source.last_s - source.first_s) / width_s > MOST_COLUMNS:
        width_s *= 2
    return width_s


def columns_of(person: Person, source: SourceSummary) -> Columns:
    """Bin a person's timeline into the columns of the picture."""
    line, width_s = person.timeline, column_s(source)
    first, last = int(source.first_s // width_s), int(np.ceil(source.last_s / width_s))
    numbers = (line.bins * line.width_s // width_s).astype(np.int64) - first
    n = max(last - first, int(numbers.max(initial=0)) + 1)
    seen_s, uncertain_s = np.zeros(n), np.zeros(n)
    sums = np.zeros((n, line.probabilities.shape[1]))
    np.add.at(seen_s, numbers, line.seen_s)
    np.add.at(uncertain_s, numbers, line.uncertain_s)
    np.add.at(sums, numbers, line.probabilities * line.seen_s[:, None])
    shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-12)
    edges_s = (first + np.arange(n + 1)) * width_s
    edges_s = np.clip(edges_s, max(person.first_s, source.first_s), person.last_s)
    return Columns(edges_s, seen_s > 0, uncertain_s > seen_s / 2, shares.cumsum(axis=1))


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, end) of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False]))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def label_places(
    columns: Columns, class_id: int, n_wide: int, height: float, n_apart: int
) -> list[tuple[float, float]]:
    """Return where a word fits into a class's band: (seconds, 0–1), where it is highest first.

    n_wide, height: the word's size, in columns and as a share of the row
    n_apart: columns between two of the same word
    """
    if n_wide > len(columns.seen):
        return []
    bottoms = columns.tops[:, class_id - 1] if class_id else np.zeros(len(columns.seen))
    floor = sliding_window_view(bottoms, n_wide).max(axis=1)
    ceiling = sliding_window_view(columns.tops[:, class_id], n_wide).min(axis=1)
    usable = sliding_window_view(columns.seen & ~columns.uncertain, n_wide).all(axis=1)
    room = np.where(usable, ceiling - floor, 0)
    places = []
    while room[at := int(room.argmax())] >= height:
        alike = runs(room >= max(height, _ALIKE * room[at]))
        at = next((start + end - 1) // 2 for start, end in alike if start <= at < end)
        x = (columns.edges_s[at] + columns.edges_s[at + n_wide]) / 2
        places.append((float(x), float(floor[at] + ceiling[at]) / 2))
        room[max(at - n_apart, 0) : at + n_apart + 1] = 0
    return places
