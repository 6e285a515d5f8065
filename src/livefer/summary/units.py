"""Figures of spans of time as plain rows: of whole videos, and of windows.

A unit takes the frames that `Summarizer` has weighted. It returns a row for each span and track, or
for each span and participant. A frame that reaches over the end of a span counts in both, with the
seconds that lie in each. Time without frames and time without the face count for no expression:
they only lower `seen`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from livefer.errors import DatasetError
from livefer.formatting import count
from livefer.summary.participants import Known, Participants, Who, Whose
from livefer.summary.person_sums import FaceRow
from livefer.summary.records import SourceSummary, Summary
from livefer.summary.summarize import Summarizer
from livefer.tables.schema import Type

SLIVER_S = 5e-4
"""Times are rounded to 0.1 ms: shorter overlaps are none."""
_MOST_WINDOWS = 1_000_000
Row = dict[str, Any]
Span = tuple[float, float, Row]
"""Start, end, and the cells that name the span."""


def video_rows(
    rows: Iterable[Mapping[str, Any]],
    classes: Sequence[str],
    participants: Known = None,
) -> list[Row]:
    """Return the figures of each video and track, as plain rows (docs/tables.md has the columns).

    rows, classes: as of `livefer.summarize`
    participants: gives one row for each of them, over all their videos
    """
    return unit_rows(Videos(classes, participants), rows)


def window_rows(
    rows: Iterable[Mapping[str, Any]],
    classes: Sequence[str],
    window_s: float,
    participants: Known = None,
) -> list[Row]:
    """Return the figures of each window of so many seconds, by video and track, as plain rows.

    rows, classes: as of `livefer.summarize`
    participants: gives one row for each of them instead of each track
    """
    return unit_rows(Windows(classes, window_s, participants), rows)


def unit_rows(unit: Unit, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return a unit's rows of a table's rows, which are read one by one and not kept."""
    summarizer = Summarizer(unit.classes, unit.add)
    for row in rows:
        summarizer.add(row)
    return unit.rows(summarizer.summary())


class Unit(ABC):
    """What a row of figures is about.

    types: of the columns of its rows
    whose: tracks or participants
    """

    def __init__(self, classes: Sequence[str], participants: Known) -> None:
        self.classes = tuple(classes)
        self.whose = Whose(participants)
        self.types: dict[str, Type] = {}

    @abstractmethod
    def add(self, source: str, time_s: float, hold_s: float, faces: list[FaceRow]) -> None:
        """Add a frame that stands for hold_s seconds."""

    @abstractmethod
    def rows(self, summary: Summary) -> list[Row]:
        """Return the rows of all frames; summary: of the same table."""

    def left_out(self, summary: Summary) -> list[str]:
        """Return lines about what has no row."""
        lines = self.whose.left_out()
        if summary.pictures is not None:
            n = count(summary.pictures.n_pictures, "picture")
            lines.append(f"{n} left out: pictures have no time")
        return lines


class Sums:
    """The sums over a span: seconds, each times what a face showed."""

    __slots__ = ("confidence_s", "label_s", "mean_s", "n_frames", "seen_s", "uncertain_s")

    def __init__(self, n_classes: int) -> None:
        self.n_frames = 0
        self.seen_s = self.uncertain_s = self.confidence_s = 0.0
        self.label_s = [0.0] * n_classes
        self.mean_s = [0.0] * n_classes

    def add(self, face: FaceRow, hold_s: float, is_new: bool) -> None:
        """Add hold_s seconds of a frame; is_new: the frame begins in this span."""
        self.n_frames += is_new
        self.seen_s += hold_s
        self.confidence_s += hold_s * face.confidence
        if face.uncertain:
            self.uncertain_s += hold_s
        else:
            self.label_s[face.class_id] += hold_s
        for i, probability in enumerate(face.probabilities):
            self.mean_s[i] += hold_s * probability

    def add_all(self, other: Sums) -> None:
        """Add another span."""
        self.n_frames += other.n_frames
        self.seen_s += other.seen_s
        self.uncertain_s += other.uncertain_s
        self.confidence_s += other.confidence_s
        self.label_s = [a + b for a, b in zip(self.label_s, other.label_s, strict=True)]
        self.mean_s = [a + b for a, b in zip(self.mean_s, other.mean_s, strict=True)]

    def cells(self, length_s: float, classes: Sequence[str]) -> Row:
        """Return the figures as cells; those of the time seen are None where it is 0."""

        def mean(sum_s: float) -> float | None:
            return round(sum_s / self.seen_s, 4) if self.seen_s > 0 else None

        return {
            "n_frames": self.n_frames,
            "seen_s": round(self.seen_s, 4),
            "seen": round(min(self.seen_s / length_s, 1.0), 4) if length_s > 0 else None,
            **{f"share_{name}": mean(s) for name, s in zip(classes, self.label_s, strict=True)},
            "share_uncertain": mean(self.uncertain_s),
            **{f"mean_{name}": mean(s) for name, s in zip(classes, self.mean_s, strict=True)},
            "confidence": mean(self.confidence_s),
        }


class SpanUnit(Unit):
    """A unit of spans; each video's are numbered."""

    def __init__(
        self,
        classes: Sequence[str],
        participants: Known,
        of_span: Mapping[str, Type] | None = None,
    ) -> None:
        """of_span: the types of the cells that name a span."""
        super().__init__(classes, participants)
        self._sums: dict[tuple[str, int], dict[Who, Sums]] = {}
        times: dict[str, Type] = {"start_s": float, "end_s": float}
        self.types = {"source": str, **self.whose.columns, **(of_span or {}), **times}
        self.types |= self.figures()

    def figures(self) -> dict[str, Type]:
        """Return the types of the figures."""
        names = Sums(len(self.classes)).cells(1, self.classes)
        return {name: int if name == "n_frames" else float for name in names}

    @abstractmethod
    def spans_at(
        self, source: str, start_s: float, end_s: float
    ) -> Iterable[tuple[int, float, float]]:
        """Yield the number, start and end of all spans that may have time between two others."""

    @abstractmethod
    def spans_of(self, video: SourceSummary) -> Iterable[tuple[int, Span]]:
        """Yield the number of each span of a video, and the span."""

    def add(self, source: str, time_s: float, hold_s: float, faces: list[FaceRow]) -> None:
        """Add a frame that stands for hold_s seconds."""
        found = self.whose.of(source, faces) if faces else {}
        if not found:
            return
        for number, start_s, end_s in self.spans_at(source, time_s, time_s + hold_s):
            part_s = min(end_s, time_s + hold_s) - max(start_s, time_s)
            is_new = start_s - SLIVER_S <= time_s < end_s - SLIVER_S
            if part_s <= 0 and not is_new:
                continue
            sums = self._sums.setdefault((source, number), {})
            for who, face in found.items():
                if who not in sums:
                    sums[who] = Sums(len(self.classes))
                sums[who].add(face, max(part_s, 0.0), is_new)

    def sums_of(self, source: str, number: int) -> dict[Who, Sums]:
        """Return the sums of a span: of all participants of a video, or of the tracks in the span.

        A span without a face has one of an empty track.
        """
        of_span = self._sums.get((source, number), {})
        found = {who: s for who, s in of_span.items() if s.n_frames or s.seen_s > SLIVER_S}
        whos = self.whose.of_video(source, found) or self.whose.of_empty
        return {who: found.get(who) or Sums(len(self.classes)) for who in whos}

    def rows(self, summary: Summary) -> list[Row]:
        """Return the rows of all frames; summary: of the same table."""
        return [
            {
                "source": video.source,
                **self.whose.cells(who),
                **cells,
                "start_s": round(start_s, 4),
                "end_s": round(end_s, 4),
                **sums.cells(end_s - start_s, self.classes),
            }
            for video in summary.sources
            for number, (start_s, end_s, cells) in self.spans_of(video)
            for who, sums in self.sums_of(video.source, number).items()
        ]


class Videos(SpanUnit):
    """One row for each video and track, or for each participant over all videos."""

    def __init__(self, classes: Sequence[str], participants: Known = None) -> None:
        super().__init__(classes, participants)
        self._is_pooled = isinstance(participants, Participants)
        if self._is_pooled:
            self.types = {**self.whose.columns, "n_videos": int, "length_s": float}
            self.types |= self.figures()

    def spans_at(
        self, source: str, start_s: float, end_s: float
    ) -> Iterator[tuple[int, float, float]]:
        """Yield the number, start and end of the only span."""
        yield 0, start_s, end_s

    def spans_of(self, video: SourceSummary) -> Iterator[tuple[int, Span]]:
        """Yield the video as its only span."""
        yield 0, (video.first_s, video.last_s, {})

    def rows(self, summary: Summary) -> list[Row]:
        """Return the rows of all frames; summary: of the same table."""
        if not self._is_pooled:
            return super().rows(summary)
        pooled: dict[Who, tuple[Sums, list[float]]] = {}
        for video in summary.sources:
            for who, sums in self.sums_of(video.source, 0).items():
                of_all, lengths = pooled.setdefault(who, (Sums(len(self.classes)), []))
                of_all.add_all(sums)
                lengths.append(video.last_s - video.first_s)
        return [
            {
                **self.whose.cells(who),
                "n_videos": len(lengths),
                "length_s": round(sum(lengths), 4),
                **sums.cells(sum(lengths), self.classes),
            }
            for who, (sums, lengths) in pooled.items()
        ]


class Windows(SpanUnit):
    """One row for each window of a video and each track in it, or each participant.

    The first and the last window of a video are as long as the video is in them.
    """

    def __init__(
        self,
        classes: Sequence[str],
        window_s: float,
        participants: Known = None,
    ) -> None:
        super().__init__(classes, participants)
        self._window_s = window_s

    def spans_at(
        self, source: str, start_s: float, end_s: float
    ) -> Iterator[tuple[int, float, float]]:
        """Return the number, start and end of each window between two times, and at least one."""
        return cut(start_s - 2 * SLIVER_S, end_s + 2 * SLIVER_S, self._window_s)

    def spans_of(self, video: SourceSummary) -> Iterator[tuple[int, Span]]:
        """Yield the windows of a video."""
        for number, start_s, end_s in cut(video.first_s, video.last_s, self._window_s):
            yield number, (max(start_s, video.first_s), min(end_s, video.last_s), {})


def cut(start_s: float, end_s: float, width_s: float) -> Iterator[tuple[int, float, float]]:
    """Yield the number and limits of each window between two times, and at least one.

    DatasetError where there would be too many to be used.
    """
    if (n := (end_s - start_s) / width_s) > _MOST_WINDOWS:
        raise DatasetError(
            f"{end_s - start_s:,.0f} s have {n:,.0f} windows of {width_s:g} s: choose longer ones"
        )
    number = int((start_s + SLIVER_S) // width_s)
    while True:
        yield number, number * width_s, (number + 1) * width_s
        number += 1
        if number * width_s >= end_s - SLIVER_S:
            return
