"""Figures around events: of each event, and of the baseline before it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livefer.errors import ConfigError, DatasetError
from livefer.formatting import count, seconds_of
from livefer.summary.codings import event_rows_of
from livefer.summary.participants import Known
from livefer.summary.records import SourceSummary, Summary
from livefer.summary.units import SLIVER_S, Row, Span, SpanUnit, cut, unit_rows
from livefer.tables.plain import key_of, keys_of, sources_by_key
from livefer.tables.reading import is_table, read_markers
from livefer.tables.schema import Type

BEFORE_S = 1.0
_OF_EVENT: dict[str, Type] = {
    **{"event": int, "trial_type": str, "onset_s": float, "phase": str, "since_onset_s": float}
}


def event_rows(
    rows: Iterable[Mapping[str, Any]],
    classes: Sequence[str],
    events: Sequence[Event],
    before_s: float = BEFORE_S,
    after_s: float | None = None,
    window_s: float | None = None,
    participants: Known = None,
) -> list[Row]:
    """Return the figures of each event and of a baseline before it, by track, as plain rows.

    rows, classes: as of `livefer.summarize`
    events: as `livefer.read_events` reads them
    before_s: length of the baseline, which ends with the onset; 0: none
    after_s: seconds from the onset that count, instead of the events' own durations
    window_s: cuts both into windows of so many seconds, which begin with the onset
    participants: gives one row for each of them instead of each track

    ConfigError for an event without a duration, where after_s is None. DatasetError where the
    events are of other videos, or one of them is of two.
    """
    return unit_rows(Events(classes, events, before_s, after_s, window_s, participants), rows)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in a video, or in all of them (source None).

    number: its row in the file, from 1
    source: the video's name, or the end of its path
    duration_s: None where it is not known
    tier: of ELAN, or BORIS's subject
    """

    number: int
    onset_s: float
    duration_s: float | None = None
    trial_type: str | None = None
    source: str | None = None
    tier: str | None = None


def read_events(path: str | Path) -> list[Event]:
    """Read events from a TSV or CSV with the columns of BIDS: onset, duration, trial_type.

    Or from an export of ELAN or BORIS, as in `livefer.summary.codings`. A column `file` or `source`
    names the video; without it, or where it is empty, the event is one of every video. Times are
    seconds of the video, or m:ss. Of a live result table, each marker is an event without a
    duration. DatasetError where the file is another.
    """
    path = Path(path)
    if is_table(path):
        return [
            Event(number, row["time_s"], None, row["marker"], row["source"])
            for number, row in enumerate(read_markers(path), 1)
        ]
    events = []
    for number, (line, row) in enumerate(event_rows_of(path), 1):
        if "onset" not in row:
            raise DatasetError(f"{path}, line {line}: no onset: expected the column with seconds")
        try:
            onset_s = _seconds(row["onset"])
            duration_s = _seconds(row["duration"]) if "duration" in row else None
            if duration_s is not None and duration_s < 0:
                raise ValueError(f"the duration is {duration_s:g}")
        except ValueError as error:
            raise DatasetError(f"{path}, line {line}: {error}: expected seconds, or m:ss") from None
        source = row.get("source", row.get("file"))
        kind, tier = row.get("trial_type"), row.get("tier")
        events.append(Event(number, onset_s, duration_s, kind, source, tier))
    if not events:
        raise DatasetError(f"{path} has no rows: expected the columns onset, duration, trial_type")
    return events


def _seconds(text: str) -> float:
    """Return seconds; unlike times of people, these may be negative."""
    try:
        seconds = seconds_of(text) if ":" in text else float(text.replace(",", "."))
    except ValueError:
        seconds = float("nan")
    if not abs(seconds) < 1e9:  # nan too
        raise ValueError(f"{text} is not a time")
    return seconds


class Events(SpanUnit):
    """Two rows for each event and each track in it, or participant: its baseline and itself."""

    def __init__(
        self,
        classes: Sequence[str],
        events: Sequence[Event],
        before_s: float = BEFORE_S,
        after_s: float | None = None,
        window_s: float | None = None,
        participants: Known = None,
    ) -> None:
        super().__init__(classes, participants, _OF_EVENT)
        self._before_s, self._after_s, self._window_s = before_s, after_s, window_s
        self._events: dict[str | None, list[Event]] = {}
        self._keys: dict[int, str | None] = {}
        self._videos: dict[str, list[str]] = {}
        for event in events:
            key = None if event.source is None else key_of(event.source)
            self._events.setdefault(key, []).append(event)
            self._keys[event.number] = key
            if after_s is None and not event.duration_s:
                raise ConfigError(
                    f"event {event.number} has no duration: choose how many seconds from each "
                    "onset count with --after SECONDS (after_s)"
                )
        self._of_source: dict[str, _SpansOfVideo] = {}

    def spans_at(
        self, source: str, start_s: float, end_s: float
    ) -> Iterator[tuple[int, float, float]]:
        """Yield the number, start and end of all spans that may have time between two others."""
        return self._spans(source).between(start_s, end_s)

    def spans_of(self, video: SourceSummary) -> Iterator[tuple[int, Span]]:
        """Yield the spans of a video's events, in the order of the events."""
        for number, span in enumerate(self._spans(video.source).spans):
            key = self._keys[span[2]["event"]]
            # A whole path may be the end of another one, too.
            if key is None or self._videos[key] == [video.source]:
                yield number, span

    def rows(self, summary: Summary) -> list[Row]:
        """Return the rows of all frames; summary: of the same table.

        DatasetError where an event is of two videos, or all are of videos that the table lacks.
        """
        self._videos = sources_by_key(video.source for video in summary.sources)
        for key in self._events:
            if key is not None and len(names := self._videos.get(key, ())) > 1:
                raise DatasetError(
                    f"{key} of the events is {' and '.join(names[:2])}: give more of the path"
                )
        strange = self._strange(summary)
        if strange and len(strange) == len(self._events):
            raise DatasetError(f"the events are of {strange[0]}, which is no video of the table")
        return super().rows(summary)

    def left_out(self, summary: Summary) -> list[str]:
        """Return lines about what has no row."""
        strange = self._strange(summary)
        lines = super().left_out(summary)
        if strange:
            n = count(sum(len(self._events[key]) for key in strange), "event")
            lines.append(f"{n} left out, of videos that the table lacks: {', '.join(strange[:5])}")
        return lines

    def _strange(self, summary: Summary) -> list[str]:
        videos = sources_by_key(video.source for video in summary.sources)
        return [key for key in self._events if key is not None and key not in videos]

    def _spans(self, source: str) -> _SpansOfVideo:
        if source not in self._of_source:
            keys = [None, *keys_of(source)]
            events = [event for key in keys for event in self._events.get(key, ())]
            events.sort(key=lambda event: event.number)
            self._of_source[source] = _SpansOfVideo([s for e in events for s in self._cut(e)])
        return self._of_source[source]

    def _cut(self, event: Event) -> Iterator[Span]:
        """Yield the spans of an event: those of its baseline, then its own."""
        length_s = self._after_s or event.duration_s or 0.0
        cells: Row = {"event": event.number, "trial_type": event.trial_type}
        cells["onset_s"] = round(event.onset_s, 4)
        phases = [("baseline", -self._before_s, 0.0), ("event", 0.0, length_s)]
        for phase, first_s, last_s in phases:
            if last_s - first_s <= SLIVER_S:
                continue
            # Without windows, two of more than all the time, which meet at the onset.
            for _, start_s, end_s in cut(first_s, last_s, self._window_s or 1e9):
                start_s, end_s = max(start_s, first_s), min(end_s, last_s)
                named = {"phase": phase, "since_onset_s": round(start_s, 4)}
                yield event.onset_s + start_s, event.onset_s + end_s, cells | named


class _SpansOfVideo:
    """The spans of one video's events, which may overlap; their numbers are their places."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans
        self._by_start = sorted((a, b, number) for number, (a, b, _) in enumerate(spans))
        self._starts = [start_s for start_s, _, _ in self._by_start]
        self._longest_s = max((b - a for a, b, _ in self._by_start), default=0.0)

    def between(self, start_s: float, end_s: float) -> Iterator[tuple[int, float, float]]:
        """Yield the number, start and end of each span that may have time between two others."""
        first = bisect_left(self._starts, start_s - self._longest_s - SLIVER_S)
        for a, b, number in self._by_start[first : bisect_left(self._starts, end_s + SLIVER_S)]:
            if b > start_s - SLIVER_S:
                yield number, a, b
