"""Which tracks are one person's, by the distances of their descriptors; and the file that says so.

Knows nothing about images or networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livefer.formatting import count, printable
from livefer.tables.plain import write_plain

LIMIT = 0.35
"""Tracks whose distance is below it are one person's.

At most one pair in a hundred of different people has a smaller one, also among people who look
alike to this network (bench/identify.py).
"""


@dataclass(frozen=True, slots=True, eq=False)
class KnownTrack:
    """A track whose face is known well enough to be compared.

    source, track_id: of its rows in a table
    descriptor: (128,) float32
    beside: tracks of the same source that were in a frame with it: other people
    """

    source: str
    track_id: int
    descriptor: NDArray[np.float32]
    beside: frozenset[int] = frozenset()


def persons_of(tracks: Sequence[KnownTrack], limit: float = LIMIT) -> list[int]:
    """Return the number of the person of each track: 1, 2, … in the order of their first tracks.

    The two groups of tracks with the smallest mean distance become one, again and again, until none
    is below the limit. Two tracks in one frame are never one person's.
    """
    apart = _distances(tracks)
    sizes, group = np.ones(len(tracks)), np.arange(len(tracks))
    while apart.size and apart.min() < limit:
        one, other = sorted(divmod(int(apart.argmin()), len(tracks)))
        sum_of = sizes[one] * apart[one] + sizes[other] * apart[other]
        mean = sum_of / (sizes[one] + sizes[other])
        mean[one] = np.inf
        apart[one], apart[:, one] = mean, mean
        apart[other], apart[:, other] = np.inf, np.inf
        sizes[one] += sizes[other]
        group[group == other] = one
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(g), len(numbers) + 1) for g in group]


def _distances(tracks: Sequence[KnownTrack]) -> NDArray[np.float64]:
    """Return the distance (N, N) of each pair; of itself and of two in one frame it is infinite."""
    if not tracks:
        return np.zeros((0, 0))
    all_of = np.stack([track.descriptor for track in tracks]).astype(np.float64)
    squares = (all_of**2).sum(axis=1)
    apart: NDArray[np.float64] = np.sqrt(
        np.maximum(squares[:, None] + squares - 2 * all_of @ all_of.T, 0)
    )
    place = {(track.source, track.track_id): i for i, track in enumerate(tracks)}
    for i, track in enumerate(tracks):
        others = [place.get((track.source, number)) for number in track.beside]
        apart[i, [j for j in others if j is not None]] = np.inf
    np.maximum(apart, apart.T, out=apart)
    np.fill_diagonal(apart, np.inf)
    return apart


def write_persons(path: Path, tracks: Sequence[KnownTrack], limit: float = LIMIT) -> str:
    """Write whose each track is, and return a line about it.

    The file has the columns file, track_id and name, as `livefer summarize --names` reads them, and
    nothing of a face. OutputError where it cannot be written.
    """
    numbers = persons_of(tracks, limit)
    rows = [
        {"file": printable(track.source), "track_id": track.track_id, "name": f"person {number}"}
        for track, number in zip(tracks, numbers, strict=True)
    ]
    write_plain(path, rows, {"file": str, "track_id": int, "name": str})
    people = count(len(set(numbers)), "person")
    return f"{people} in the {count(len(tracks), 'track')} that could be compared"
