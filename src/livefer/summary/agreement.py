"""Agreement of two tables, or of a table and a person's coding: Cohen's kappa over time.

A moment counts where both sides have a certain label. Two tables are compared face by face: those
that overlap in the picture. A coding is about the main face of a video, the track that is seen
longest. All is weighted by seconds, so frame rates do not matter.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.errors import ConfigError, DatasetError
from livefer.formatting import count
from livefer.summary.events import Event
from livefer.tables.plain import key_of, keys_of, sources_by_key
from livefer.tables.schema import Type

Row = Mapping[str, Any]
Matrix = NDArray[np.float64]

BLOCK_S = 5.0
"""Moments that lie closer together are alike: the bootstrap draws spans of so many seconds."""
LEAST_BLOCKS = 6
_FILMS = 5  # from so many on, whole films are drawn
_DRAWS, _SEED = 2000, 0
_LEAST_OVERLAP = 0.3  # of two boxes, intersection over union, for one face
_HOLD_S = 1.0  # the most that a frame stands for
_SHIFT_STEP_S = 0.1
_MOST_SAMPLES = 10_000  # for each shift
_LEAST_SHIFTED = 0.8  # of the time compared without a shift, for a shift to count
_NONE, _DOUBT = -1, -2  # no face or no code; an uncertain face

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; None where there is too little to tell."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How far two sides agree.

    matrix: (C, C) float64, seconds; rows are labels of the first side, columns of the second
    kappa: Cohen's, over all classes; None where both sides have one and the same class only
    of_class: for each class, kappa of "this class or another"; None where neither side has it
    blocks: what the bootstrap drew, in words
    left_out_s: seconds without two certain labels, by the reason
    shift_s: how much later the second side was taken
    best_shift_s, best_kappa: the shift at which both agree most, and kappa there
    strange: labels of a coding that are no classes, and how often
    renamed: the only video of each table, where they have different names
    """

    classes: tuple[str, ...]
    matrix: Matrix
    kappa: Interval | None
    of_class: dict[str, Interval | None]
    n_films: int
    blocks: str
    left_out_s: dict[str, float]
    shift_s: float
    best_shift_s: float
    best_kappa: float | None
    strange: dict[str, int]
    renamed: tuple[str, str] | None = None

    @property
    def agreed(self) -> float:
        """The share of the compared time in which both have the same label."""
        return float(np.trace(self.matrix) / self.matrix.sum())

    def turned(self) -> Agreement:
        """Return the same with shifts as seen from the other side."""
        shift_s, best_shift_s = 0.0 - self.shift_s, 0.0 - self.best_shift_s
        return replace(self, shift_s=shift_s, best_shift_s=best_shift_s)

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
            "interval": self.blocks,
            "left_out_s": {name: round(s, 3) for name, s in self.left_out_s.items()},
            "shift_s": self.shift_s,
            "best_shift_s": self.best_shift_s,
            "best_kappa": None if self.best_kappa is None else round(self.best_kappa, 4),
            "other_labels": self.strange,
        }


TYPES: dict[str, Type] = {
    **{"label": str, "kappa": float, "low": float, "high": float, "agreed": float},
    **{"first_s": float, "second_s": float},
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


@dataclass(slots=True)
class _Frame:
    """The faces of a frame: track, class or _DOUBT, and box, which a table may lack."""

    time_s: float
    hold_s: float
    faces: list[tuple[int | None, int, Box | None]]


class TableSide:
    """A result table as one side of a comparison."""

    def __init__(
        self, rows: Iterable[Row], classes: Sequence[str], with_uncertain: bool = False
    ) -> None:
        """Take the faces of a table.

        rows: as read_table makes them with its BOX columns
        with_uncertain: uncertain faces count by their labels
        """
        self.classes = tuple(classes)
        ids = {name: i for i, name in enumerate(self.classes)}
        self.frames: dict[str, list[_Frame]] = {}
        self._sizes: dict[tuple[str, int | None], int] = {}
        for row in rows:
            if row["error"] is not None:
                continue
            frames = self.frames.setdefault(row["source"], [])
            if not frames or frames[-1].time_s != row["time_s"]:
                frames.append(_Frame(row["time_s"], 0.0, []))
            if row["label"] is not None:
                label = _DOUBT if row["uncertain"] and not with_uncertain else ids[row["label"]]
                frames[-1].faces.append((row["track_id"], label, _box(row)))
                key = row["source"], row["track_id"]
                self._sizes[key] = self._sizes.get(key, 0) + 1
        self.frames = {source: f for source, f in self.frames.items() if len(f) > 1}
        for frames in self.frames.values():
            frames.sort(key=lambda frame: frame.time_s)
            times = np.array([frame.time_s for frame in frames])
            usual = statistics.median(np.diff(times).tolist())
            holds = [*np.minimum(np.diff(times), max(_HOLD_S, 5 * usual)).tolist(), usual]
            for frame, hold_s in zip(frames, holds, strict=True):
                frame.hold_s = hold_s
        self._times = {s: [frame.time_s for frame in f] for s, f in self.frames.items()}

    @property
    def sources(self) -> list[str]:
        return list(self.frames)

    def main_face(self, source: str, frame: _Frame) -> list[tuple[int | None, int, Box | None]]:
        """Return the face of a frame whose track is seen longest in the video, or none."""
        return sorted(frame.faces, key=lambda face: -self._sizes[source, face[0]])[:1]

    def label_at(self, source: str, time_s: float, box: Box | None) -> int:
        """Return the class at a time, of the face at a place; without one, of the main face."""
        place = bisect_right(self._times[source], time_s + 1e-6) - 1
        if place < 0:
            return _NONE
        frame = self.frames[source][place]
        if time_s - frame.time_s > frame.hold_s + 1e-6:
            return _NONE
        if box is None:
            faces = self.main_face(source, frame)
            return faces[0][1] if faces else _NONE
        best, label = _LEAST_OVERLAP, _NONE
        for _, one, other in frame.faces:
            if other is not None and (overlap := _overlap(box, other)) >= best:
                best, label = overlap, one
        return label


class CodingSide:
    """A person's coding as one side of a comparison.

    strange: labels that are no classes, and how often
    """

    def __init__(
        self,
        events: Sequence[Event],
        classes: Sequence[str],
        words: Mapping[str, str] | None = None,
        rest: str | None = None,
    ) -> None:
        """Take events as labels, by their kind or their tier.

        words: classes by a coding's own words, as in {"smile": "happy"}
        rest: the class of the time without a code; None leaves it out

        ConfigError for a class that the table lacks, DatasetError where no label is a class.
        """
        ids = {name.casefold(): i for i, name in enumerate(classes)}
        for name in [*(words or {}).values(), *([rest] if rest else [])]:
            if name.casefold() not in ids:
                raise ConfigError(f"{name} is no class of the table: it has {', '.join(classes)}")
        known = {**ids, **{w.casefold(): ids[c.casefold()] for w, c in (words or {}).items()}}
        self._rest = _NONE if rest is None else ids[rest.casefold()]
        self.strange: dict[str, int] = {}
        self._spans: dict[str | None, list[tuple[float, float, int]]] = {}
        for event in events:
            labels = [name for name in (event.trial_type, event.tier) if name]
            found = next((known[n.casefold()] for n in labels if n.casefold() in known), None)
            if found is None:
                name = labels[0] if labels else "events without a label"
                self.strange[name] = self.strange.get(name, 0) + 1
                continue
            source = None if event.source is None else key_of(event.source)
            end_s = event.onset_s + (event.duration_s or 0.0)
            self._spans.setdefault(source, []).append((event.onset_s, end_s, found))
        if not self._spans:
            words_found = ", ".join(list(self.strange)[:5])
            raise DatasetError(
                f"no label of the coding is a class of the table: it has {words_found}; "
                "--label WORD=CLASS tells what they mean"
            )
        for spans in self._spans.values():
            spans.sort()
        self._of: dict[str, list[tuple[float, float, int]]] = {}

    def covers(self, source: str) -> bool:
        """Say whether a video was coded."""
        return bool(self._of_source(source))

    def _of_source(self, source: str) -> list[tuple[float, float, int]]:
        if source not in self._of:
            keys = [None, *keys_of(source)]
            self._of[source] = sorted(s for key in keys for s in self._spans.get(key, ()))
        return self._of[source]

    def label_at(self, source: str, time_s: float, box: Box | None) -> int:
        """Return the class at a time: that of the code which began last."""
        spans = self._of_source(source)
        place = bisect_right(spans, (time_s + 1e-6, float("inf"), 0))
        for start_s, end_s, label in reversed(spans[:place]):
            if start_s <= time_s + 1e-6 and time_s < end_s:
                return label
        return self._rest


@dataclass(slots=True)
class _Samples:
    """Moments of the first table: source of each side, time, weight, class, box, block."""

    sources: list[tuple[str, str]]
    times_s: list[float]
    holds_s: NDArray[np.float64]
    labels: NDArray[np.int64]
    boxes: list[Box | None]
    blocks: NDArray[np.int64]


def agreement(
    table: TableSide,
    other: TableSide | CodingSide,
    shift_s: float | None = 0.0,
    max_shift_s: float = 2.0,
    is_first: bool = True,
) -> Agreement:
    """Compare a table with another one or with a coding.

    shift_s: how much later the other side is taken; None takes the best one
    max_shift_s: the largest shift that is tried
    is_first: the table is the first side, a row of the matrix

    DatasetError where the two have no video in common, or no moment with two certain labels.
    """
    if isinstance(other, TableSide) and other.classes != table.classes:
        raise DatasetError(
            f"the classes differ: {', '.join(table.classes)} and {', '.join(other.classes)}"
        )
    n = len(table.classes)
    pairs = _pairs(table, other)
    samples, blocks = _samples(table, pairs, isinstance(other, CodingSide))
    thin = slice(None, None, max(1, len(samples.times_s) // _MOST_SAMPLES))
    best_shift_s, best, least_s = 0.0, -np.inf, 0.0
    steps = round(max_shift_s / _SHIFT_STEP_S)
    for step in sorted(range(-steps, steps + 1), key=abs):
        at_s = round(step * _SHIFT_STEP_S, 3)
        shifted = _matrix(samples, _labels(samples, other, at_s, thin), n, thin)
        found = kappa(shifted)
        if step == 0:
            least_s = _LEAST_SHIFTED * shifted.sum()
            if found is None and least_s:
                break  # one class only: there is nothing to agree better about
        if found is not None and found > best + 1e-9 and shifted.sum() >= least_s:
            best_shift_s, best = at_s, found
    at_s = best_shift_s if shift_s is None else shift_s
    labels = _labels(samples, other, at_s)
    by_block = _matrices(samples, labels, n, len(blocks))
    if not is_first:
        by_block = by_block.transpose(0, 2, 1)
    matrix = by_block.sum(axis=0)
    if matrix.sum() <= 0:
        raise DatasetError("there is no moment in which both have a certain label of one face")
    lines, drawn = _drawn(by_block, pairs)
    seconds = samples.holds_s
    mine, yours = samples.labels, labels
    names = ("first", "second") if is_first else ("second", "first")
    left_out_s = {
        f"uncertain in the {names[0]}": float(seconds[mine == _DOUBT].sum()),
        f"uncertain in the {names[1]}": float(seconds[(mine >= 0) & (yours == _DOUBT)].sum()),
        f"missing in the {names[1]}": float(seconds[(mine >= 0) & (yours == _NONE)].sum()),
    }
    return Agreement(
        classes=table.classes,
        matrix=matrix,
        kappa=_interval(matrix, drawn, kappa),
        of_class={
            name: _interval(matrix, drawn, _kappa_of(i)) for i, name in enumerate(table.classes)
        },
        n_films=len(pairs),
        blocks=lines,
        left_out_s={name: s for name, s in left_out_s.items() if s > 0},
        shift_s=at_s,
        best_shift_s=best_shift_s,
        best_kappa=float(best) if np.isfinite(best) else None,
        strange=dict(other.strange) if isinstance(other, CodingSide) else {},
        renamed=None if set(keys_of(pairs[0][0])) & set(keys_of(pairs[0][1])) else pairs[0],
    )


def kappa(matrix: Matrix) -> float | None:
    """Return Cohen's kappa of a matrix of weights; None where all of it is one class.

    Cohen 1960, https://doi.org/10.1177/001316446002000104
    """
    total = matrix.sum()
    if total <= 0:
        return None
    agreed = float(np.trace(matrix)) / total
    by_chance = float(matrix.sum(axis=1) @ matrix.sum(axis=0)) / total**2
    if by_chance >= 1 - 1e-12:
        return None
    return float((agreed - by_chance) / (1 - by_chance))


def _kappa_of(i: int) -> Callable[[Matrix], float | None]:
    def one(matrix: Matrix) -> float | None:
        both = matrix[i, i]
        first, second = matrix[i].sum() - both, matrix[:, i].sum() - both
        rest = matrix.sum() - both - first - second
        return kappa(np.array([[both, first], [second, rest]]))

    return one


def _interval(
    matrix: Matrix, drawn: Matrix | None, figure: Callable[[Matrix], float | None]
) -> Interval | None:
    value = figure(matrix)
    if value is None:
        return None
    if drawn is None:
        return Interval(value)
    found = [one for m in drawn if (one := figure(m)) is not None]
    if len(found) < 0.9 * len(drawn):
        return Interval(value)
    low, high = np.percentile(found, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _drawn(by_block: Matrix, pairs: Sequence[tuple[str, str]]) -> tuple[str, Matrix | None]:
    """Return what the bootstrap draws, in words, and its matrices (draws, C, C)."""
    n = len(by_block)
    what = "films" if len(pairs) >= _FILMS else f"spans of {BLOCK_S:g} s"
    if n < LEAST_BLOCKS and what != "films":
        return f"none: fewer than {LEAST_BLOCKS} {what}", None
    counts = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), _DRAWS)
    return f"95 %, by a bootstrap of {n} {what}", np.tensordot(counts, by_block, axes=1)


def _pairs(table: TableSide, other: TableSide | CodingSide) -> list[tuple[str, str]]:
    """Return the videos that both have, by each side's name."""
    if isinstance(other, CodingSide):
        found = [(source, source) for source in table.sources if other.covers(source)]
        if not found:
            raise DatasetError("the coding is of no video of the table: its names are other ones")
        return found
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


def _samples(
    table: TableSide, pairs: Sequence[tuple[str, str]], main_only: bool
) -> tuple[_Samples, list[Any]]:
    """Return the moments of the first table, and what their blocks are."""
    by_film = len(pairs) >= _FILMS
    sources, times_s, holds_s, labels, boxes, blocks = [], [], [], [], [], []
    numbers: dict[Any, int] = {}
    for pair in pairs:
        for frame in table.frames[pair[0]]:
            for _, label, box in table.main_face(pair[0], frame) if main_only else frame.faces:
                key = pair[0] if by_film else (pair[0], int(frame.time_s // BLOCK_S))
                sources.append(pair)
                times_s.append(frame.time_s)
                holds_s.append(frame.hold_s)
                labels.append(label)
                boxes.append(None if main_only else box)
                blocks.append(numbers.setdefault(key, len(numbers)))
    if not times_s:
        raise DatasetError("the first table has no face in the videos that both have")
    return (
        _Samples(sources, times_s, np.array(holds_s), np.array(labels), boxes, np.array(blocks)),
        list(numbers),
    )


def _labels(
    samples: _Samples, other: TableSide | CodingSide, shift_s: float, thin: slice = slice(None)
) -> NDArray[np.int64]:
    """Return the other side's class at each moment."""
    moments = zip(samples.sources[thin], samples.times_s[thin], samples.boxes[thin], strict=True)
    found = [other.label_at(pair[1], time_s + shift_s, box) for pair, time_s, box in moments]
    return np.array(found, np.int64)


def _matrix(samples: _Samples, labels: NDArray[np.int64], n: int, thin: slice) -> Matrix:
    mine, weights = samples.labels[thin], samples.holds_s[thin]
    both = (mine >= 0) & (labels >= 0)
    matrix = np.zeros((n, n))
    np.add.at(matrix, (mine[both], labels[both]), weights[both])
    return matrix


def _matrices(samples: _Samples, labels: NDArray[np.int64], n: int, n_blocks: int) -> Matrix:
    """Return the matrix of each block: (n_blocks, n, n)."""
    both = (samples.labels >= 0) & (labels >= 0)
    matrices = np.zeros((n_blocks, n, n))
    where = (samples.blocks[both], samples.labels[both], labels[both])
    np.add.at(matrices, where, samples.holds_s[both])
    return matrices


def _box(row: Row) -> Box | None:
    box = tuple(row.get(name) for name in ("left", "top", "right", "bottom"))
    return None if None in box else box  # type: ignore[return-value]


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / (areas - both)
