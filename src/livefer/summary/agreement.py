"""Agreement of two tables, or of a table and a person's coding: Cohen's kappa over time.

A moment counts where both sides have a certain label. Two tables are compared face by face: those
that overlap in the picture. A coding is about the main face of a video, the track that is seen
longest. All is weighted by seconds, so frame rates do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.errors import DatasetError
from livefer.formatting import count
from livefer.summary.kappa import (
    BLOCK_S,
    LEAST_FILMS,
    Bootstrap,
    Interval,
    Matrix,
    kappa,
    kappa_of_class,
)
from livefer.summary.sides import MISSING, UNCERTAIN, Box, CodingSide, Side, TableSide
from livefer.tables.plain import keys_of, sources_by_key
from livefer.tables.schema import Type

_SHIFT_STEP_S = 0.1
_MOST_SAMPLES = 10_000  # for each shift
_LEAST_SHIFTED = 0.8  # of the time compared without a shift, for a shift to count

TYPES: dict[str, Type] = {
    **{"label": str, "kappa": float, "low": float, "high": float, "agreed": float},
    **{"first_s": float, "second_s": float},
}
"""The columns of `Agreement.rows`."""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How far two sides agree.

    matrix: (C, C) float64, seconds; rows are labels of the first side, columns of the second
    kappa: Cohen's, over all classes; None where both sides have one and the same class only
    of_class: for each class, kappa of "this class or another"; None where neither side has it
    interval: what the bootstrap drew, in words
    uncertain_s: seconds with a label that does not count, in the first and in the second side
    missing_s: seconds that only the other side has a label for, likewise
    left_out: events of a coding that are not compared, by the reason
    shift_s: how much later the second side was taken
    best_shift_s, best_kappa: the shift at which both agree most, and kappa there
    renamed: the only video of each table, where they have different names
    """

    classes: tuple[str, ...]
    matrix: Matrix
    kappa: Interval | None
    of_class: dict[str, Interval | None]
    n_films: int
    interval: str
    uncertain_s: tuple[float, float]
    missing_s: tuple[float, float]
    left_out: dict[str, int]
    shift_s: float
    best_shift_s: float
    best_kappa: float | None
    renamed: tuple[str, str] | None = None

    @property
    def agreed(self) -> float:
        """The share of the compared time in which both have the same label."""
        return float(np.trace(self.matrix) / self.matrix.sum())

    @property
    def left_out_s(self) -> dict[str, float]:
        """Seconds without two certain labels, by the reason."""
        found = {
            f"{what} in the {which}": seconds
            for what, of_both in (("uncertain", self.uncertain_s), ("missing", self.missing_s))
            for which, seconds in zip(("first", "second"), of_both, strict=True)
        }
        return {reason: seconds for reason, seconds in found.items() if seconds > 0}

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for all classes together, and one for each."""
        found = [_cells("all", self.kappa, self.matrix.sum(), self.matrix.sum(), self.agreed)]
        for i, name in enumerate(self.classes):
            of_a, of_b = self.matrix[i].sum(), self.matrix[:, i].sum()
            both, either = self.matrix[i, i], of_a + of_b - self.matrix[i, i]
            agreed = both / either if either else None
            found.append(_cells(name, self.of_class[name], of_a, of_b, agreed))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "classes": list(self.classes),
            "seconds": self.matrix.round(3).tolist(),
            "kappa": self.rows(),
            "n_films": self.n_films,
            "interval": self.interval,
            "left_out_s": {name: round(s, 3) for name, s in self.left_out_s.items()},
            "left_out_events": self.left_out,
            "shift_s": self.shift_s,
            "best_shift_s": self.best_shift_s,
            "best_kappa": None if self.best_kappa is None else round(self.best_kappa, 4),
        }


def _cells(
    label: str, kappa: Interval | None, first_s: float, second_s: float, agreed: float | None
) -> dict[str, Any]:
    def plain(value: float | None) -> float | None:
        return None if value is None else round(float(value), 4)

    return {
        "label": label,
        "kappa": plain(None if kappa is None else kappa.value),
        "low": plain(None if kappa is None else kappa.low),
        "high": plain(None if kappa is None else kappa.high),
        "agreed": plain(agreed),
        "first_s": round(float(first_s), 3),
        "second_s": round(float(second_s), 3),
    }


def agreement(
    first: Side, second: Side, shift_s: float | None = 0.0, max_shift_s: float = 2.0
) -> Agreement:
    """Compare two tables, or a table and a coding.

    shift_s: how much later the second side is taken; None takes the best one
    max_shift_s: the largest shift that is tried

    DatasetError where both are codings, the two have no video in common, or there is no moment with
    two certain labels.
    """
    if isinstance(first, TableSide):
        return _agreement(first, second, shift_s, max_shift_s)
    if isinstance(second, TableSide):
        shift_s = None if shift_s is None else -shift_s
        return _turned(_agreement(second, first, shift_s, max_shift_s))
    raise DatasetError("both are codings: one of them has to be a table")


def _turned(found: Agreement) -> Agreement:
    """Return the same with the sides exchanged."""
    return replace(
        found,
        matrix=found.matrix.T,
        uncertain_s=found.uncertain_s[::-1],
        missing_s=found.missing_s[::-1],
        shift_s=0.0 - found.shift_s,
        best_shift_s=0.0 - found.best_shift_s,
        renamed=None if found.renamed is None else found.renamed[::-1],
    )


def _agreement(
    table: TableSide, other: Side, shift_s: float | None, max_shift_s: float
) -> Agreement:
    if isinstance(other, TableSide) and other.classes != table.classes:
        raise DatasetError(
            f"the classes differ: {', '.join(table.classes)} and {', '.join(other.classes)}"
        )
    n = len(table.classes)
    pairs = _pairs(table, other)
    samples = _Samples.of(table, pairs, isinstance(other, CodingSide))
    best_shift_s, best_kappa = _best_shift(samples.thinned(), other, max_shift_s, n)
    at_s = best_shift_s if shift_s is None else shift_s
    labels = samples.labels_of(other, at_s)
    by_block = samples.matrices(labels, n)
    matrix = by_block.sum(axis=0)
    if matrix.sum() <= 0:
        raise DatasetError("there is no moment in which both have a certain label of one face")
    bootstrap = Bootstrap.of(by_block, samples.are_blocks_films)
    mine = samples.labels >= 0
    return Agreement(
        classes=table.classes,
        matrix=matrix,
        kappa=bootstrap.interval(matrix, kappa),
        of_class={
            name: bootstrap.interval(matrix, partial(kappa_of_class, i=i))
            for i, name in enumerate(table.classes)
        },
        n_films=len(pairs),
        interval=bootstrap.words,
        uncertain_s=(
            samples.seconds(samples.labels == UNCERTAIN),
            samples.seconds(mine & (labels == UNCERTAIN)),
        ),
        missing_s=(
            _unseen_s(table, other, pairs, at_s),
            samples.seconds(mine & (labels == MISSING)),
        ),
        left_out=other.left_out if isinstance(other, CodingSide) else {},
        shift_s=at_s,
        best_shift_s=best_shift_s,
        best_kappa=best_kappa,
        renamed=None if set(keys_of(pairs[0][0])) & set(keys_of(pairs[0][1])) else pairs[0],
    )


_Pairs = Sequence[tuple[str, str]]
"""The videos that both sides have, by each side's name."""


def _pairs(table: TableSide, other: Side) -> _Pairs:
    if isinstance(other, CodingSide):
        return [(source, source) for source in other.sources]
    if len(table.sources) == len(other.sources) == 1:
        return [(table.sources[0], other.sources[0])]
    known = sources_by_key(other.sources)
    found = []
    for source in table.sources:
        names = next((known[key] for key in keys_of(source) if key in known), [])
        if len(names) == 1:
            found.append((source, names[0]))
    if not found:
        raise DatasetError(
            f"the tables have no video in common: {count(len(table.sources), 'video')} and "
            f"{count(len(other.sources), 'video')} with other names"
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    """The faces of a table, one after another; N moments.

    sources: of each side
    times_s, holds_s: (N,) float64
    labels: (N,) int64
    boxes: of the faces; None means the main one
    blocks: (N,) int64, numbers of the blocks that the bootstrap draws
    are_blocks_films: not spans of time
    """

    sources: list[tuple[str, str]]
    times_s: NDArray[np.float64]
    holds_s: NDArray[np.float64]
    labels: NDArray[np.int64]
    boxes: list[Box | None]
    blocks: NDArray[np.int64]
    are_blocks_films: bool

    @classmethod
    def of(cls, table: TableSide, pairs: _Pairs, main_only: bool) -> _Samples:
        """Take the faces of the videos that both sides have, or the main one of each frame."""
        are_films = len(pairs) >= LEAST_FILMS
        sources, times_s, holds_s, labels, boxes, blocks = [], [], [], [], [], []
        numbers: dict[Any, int] = {}
        for pair in pairs:
            for frame in table.frames[pair[0]]:
                main = table.main_face(pair[0], frame) if main_only else None
                for _, label, box in frame.faces if main is None else [main]:
                    block = pair[0] if are_films else (pair[0], int(frame.time_s // BLOCK_S))
                    sources.append(pair)
                    times_s.append(frame.time_s)
                    holds_s.append(frame.hold_s)
                    labels.append(label)
                    boxes.append(None if main_only else box)
                    blocks.append(numbers.setdefault(block, len(numbers)))
        if not times_s:
            raise DatasetError("the table has no face in the videos that both have")
        arrays = np.array(times_s), np.array(holds_s), np.array(labels)
        return cls(sources, *arrays, boxes, np.array(blocks), are_films)

    def thinned(self) -> _Samples:
        """Return every n-th moment, where there are too many."""
        n = slice(None, None, max(1, len(self.times_s) // _MOST_SAMPLES))
        arrays = self.times_s[n], self.holds_s[n], self.labels[n]
        return _Samples(
            self.sources[n], *arrays, self.boxes[n], self.blocks[n], self.are_blocks_films
        )

    def labels_of(self, other: Side, shift_s: float) -> NDArray[np.int64]:
        """Return the other side's class at each moment."""
        moments = zip(self.sources, (self.times_s + shift_s).tolist(), self.boxes, strict=True)
        found = [other.label_at(names[1], time_s, box) for names, time_s, box in moments]
        return np.array(found, np.int64)

    def matrices(self, labels: NDArray[np.int64], n: int) -> Matrix:
        """Return the seconds of each pair of classes in each block: (B, n, n)."""
        both = (self.labels >= 0) & (labels >= 0)
        matrices = np.zeros((int(self.blocks.max()) + 1, n, n))
        where = self.blocks[both], self.labels[both], labels[both]
        np.add.at(matrices, where, self.holds_s[both])
        return matrices

    def seconds(self, where: NDArray[np.bool_]) -> float:
        return float(self.holds_s[where].sum())


def _best_shift(
    samples: _Samples, other: Side, max_shift_s: float, n: int
) -> tuple[float, float | None]:
    """Return the shift with the highest kappa, the smallest of several, and that kappa."""
    best_shift_s, best, least_s = 0.0, None, 0.0
    steps = round(max_shift_s / _SHIFT_STEP_S)
    for step in sorted(range(-steps, steps + 1), key=abs):
        at_s = round(step * _SHIFT_STEP_S, 3)
        shifted = samples.matrices(samples.labels_of(other, at_s), n).sum(axis=0)
        found = kappa(shifted)
        if step == 0:
            least_s = _LEAST_SHIFTED * shifted.sum()
            if found is None and least_s:
                break  # one class only: there is nothing to agree better about
        is_better = found is not None and (best is None or found > best + 1e-9)
        if is_better and shifted.sum() >= least_s:
            best_shift_s, best = at_s, found
    return best_shift_s, best


def _unseen_s(table: TableSide, other: Side, pairs: _Pairs, shift_s: float) -> float:
    """Return the seconds for which the other side has a label, and the table no such face."""
    if isinstance(other, CodingSide):
        return sum(
            frame.hold_s
            for name, others in pairs
            for frame in table.frames[name]
            if not frame.faces and other.label_at(others, frame.time_s + shift_s) >= 0
        )
    return sum(
        frame.hold_s
        for name, others in pairs
        for frame in other.frames[others]
        for _, label, box in frame.faces
        if label >= 0 and table.label_at(name, frame.time_s - shift_s, box) == MISSING
    )
