"""Rows of a result table → a Summary; knows nothing about files.

Everything is weighted by time. A frame stands until the next one of its source, so that variable
frame rates, skipped frames and `--every` do not matter; where the next one is missing for more than
a second and for more than five usual intervals, it stands for a usual interval and the rest is a
gap. Rows are taken one after another and memory does not grow with their number: a person's
timeline has at most MAX_BINS bins, which become twice as wide whenever they are full.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livefer.summary import Person, Pictures, SourceSummary, Stretch, Summary, Timeline, Trouble

MAX_BINS = 2048
BRIDGE_S = 0.5
"""A person who is not seen for less than this is taken to go on as before."""
GAP_S = 1.0
_GAP_INTERVALS = 5.0
_NARROWEST_S = 1 / 32
_NOMINAL_S = 1 / 30  # what the only frame of a video stands for
_AHEAD, _WINDOW = 8, 31  # frames that wait for their weight; intervals that the usual one is of


def summarize(rows: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> Summary:
    """Return the figures of a table's rows."""
    summarizer = Summarizer(classes)
    for row in rows:
        summarizer.add(row)
    return summarizer.summary()


class Summarizer:
    """Takes a table's rows, as `livefer.sinks.rows` makes them, one after another.

    Rows of one frame follow each other, and so do the frames of one source; rows of other sources
    may stand between them.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.n_rows = 0
        self._ids = {name: number for number, name in enumerate(self.classes)}
        self._sources: dict[str, _Source] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one row. It has Python's own types; what is empty is None."""
        name = row["source"]
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source(len(self.classes))
        self.n_rows += 1
        source.n_skipped += row["n_skipped"] or 0 if source.is_new_frame(row) else 0
        if row["error"] is not None:
            trouble = Trouble(name, row["index"], row["time_s"], row["error"])
            source.troubles.append(trouble)
            return
        face = None
        if row["label"] is not None:
            face = _Face(
                row["track_id"],
                self._ids[row["label"]],
                row["confidence"],
                row["uncertain"],
                [row[name] for name in self.classes],
            )
        source.add(row["index"], row["time_s"], face, row.get("note"))

    def summary(self) -> Summary:
        """Return the figures of all rows so far; it is the end, no row may follow."""
        stills: list[_Still] = []
        unreadable: list[Trouble] = []
        sources: list[SourceSummary] = []
        for name, source in self._sources.items():
            if source.is_empty():
                unreadable += source.troubles
            elif source.is_still():
                stills.append(source.still())
            else:
                sources.append(source.finish(name, self.classes))
        pictures = _pictures(stills, self.classes) if stills else None
        return Summary(self.classes, self.n_rows, tuple(sources), pictures, tuple(unreadable))


@dataclass(slots=True)
class _Face:
    track_id: int | None
    class_id: int
    confidence: float
    uncertain: bool
    probabilities: list[float]


@dataclass(slots=True)
class _Frame:
    index: int
    time_s: float
    faces: list[_Face] = field(default_factory=list)


class _Source:
    """What is known of a source so far; its newest frames wait until their weight is known."""

    __slots__ = (
        *("n_skipped", "troubles", "_n_classes", "_waiting", "_intervals", "_last_key", "_tracks"),
        *("_notes", "_gaps", "_n_frames", "_n_without_face", "_n_back"),
        *("_frames_s", "_without_face_s", "_first_s", "_last_s"),
    )

    def __init__(self, n_classes: int) -> None:
        self.n_skipped = 0
        self.troubles: list[Trouble] = []
        self._n_classes = n_classes
        self._waiting: list[_Frame] = []  # lists, not deques: there may be 100,000 pictures
        self._intervals: list[float] = []
        self._last_key: tuple[int, float] | None = None
        self._tracks: dict[int | None, _Track] = {}
        self._notes: Counter[str] = Counter()
        self._gaps: list[tuple[float, float]] = []
        self._n_frames = self._n_without_face = self._n_back = 0
        self._frames_s = self._without_face_s = 0.0
        self._first_s, self._last_s = float("inf"), 0.0

    def is_new_frame(self, row: Mapping[str, Any]) -> bool:
        """Say whether a row begins a frame, and note it as begun."""
        key = (row["index"], row["time_s"])
        is_new, self._last_key = key != self._last_key, key
        return is_new

    def is_empty(self) -> bool:
        """Say whether there is no frame, but only errors."""
        return not self._n_frames and not self._waiting

    def is_still(self) -> bool:
        """Say whether this is a single picture."""
        if self._n_frames + len(self._waiting) > 1 or self.troubles or self.n_skipped:
            return False
        return all(face.track_id is None for frame in self._waiting for face in frame.faces)

    def still(self) -> _Still:
        """Return a picture's faces, and why it has none."""
        return self._waiting[0].faces, self._notes

    def add(self, index: int, time_s: float, face: _Face | None, note: str | None) -> None:
        newest = self._waiting[-1] if self._waiting else None
        if newest is None or (newest.index, newest.time_s) != (index, time_s):
            if newest is not None and time_s < newest.time_s:
                self._n_back += 1
            elif newest is not None:
                self._intervals = [*self._intervals[1 - _WINDOW :], time_s - newest.time_s]
            newest = _Frame(index, time_s)
            self._waiting.append(newest)
            if len(self._waiting) > _AHEAD:
                self._settle()
        if face is not None:
            newest.faces.append(face)
        elif note is not None:
            self._notes[note] += 1

    def _settle(self) -> None:
        """Count the oldest frame that waits, with the time that it stands for."""
        frame = self._waiting.pop(0)
        usual = statistics.median(self._intervals) if self._intervals else 0.0
        usual = usual or _NOMINAL_S
        hold_s = usual
        if self._waiting:
            until_next = self._waiting[0].time_s - frame.time_s
            if 0 <= until_next <= max(GAP_S, _GAP_INTERVALS * usual):
                hold_s = until_next
            elif until_next > 0:
                self._gaps.append((frame.time_s + usual, self._waiting[0].time_s))
        self._n_frames += 1
        self._frames_s += hold_s
        self._first_s = min(self._first_s, frame.time_s)
        self._last_s = max(self._last_s, frame.time_s + hold_s)
        if not frame.faces:
            self._n_without_face += 1
            self._without_face_s += hold_s
        for face in frame.faces:
            track = self._tracks.get(face.track_id)
            if track is None:
                track = self._tracks[face.track_id] = _Track(self._n_classes)
            track.add(frame.time_s, hold_s, face)

    def finish(self, source: str, classes: tuple[str, ...]) -> SourceSummary:
        while self._waiting:
            self._settle()
        order = sorted(self._tracks, key=lambda track_id: (track_id is None, track_id))
        return SourceSummary(
            source=source,
            n_frames=self._n_frames,
            first_s=self._first_s if self._n_frames else 0.0,
            last_s=self._last_s,
            frames_s=self._frames_s,
            gaps=tuple(self._gaps),
            n_without_face=self._n_without_face,
            without_face_s=self._without_face_s,
            notes=dict(self._notes.most_common()),
            n_skipped=self.n_skipped,
            n_time_went_back=self._n_back,
            troubles=tuple(self.troubles),
            persons=tuple(self._tracks[i].finish(i, classes) for i in order),
        )


class _Track:
    """One person of one source, so far."""

    def __init__(self, n_classes: int) -> None:
        self._n_rows = self._n_transitions = 0
        self._seen_s = self._uncertain_s = self._confidence_s = 0.0
        self._label_s = [0.0] * n_classes
        self._first_s, self._last_s = float("inf"), float("-inf")
        self._end_s = float("-inf")
        self._label: int | None = None  # the last certain one while in view
        self._stretch: tuple[int, float] | None = None  # class, start
        self._longest: list[Stretch | None] = [None] * n_classes
        self._bins: dict[int, list[float]] = {}
        self._width_s = _NARROWEST_S

    def add(self, time_s: float, hold_s: float, face: _Face) -> None:
        if not 0 <= time_s - self._end_s <= BRIDGE_S:
            self._label = self._stretch = None
        self._n_rows += 1
        self._seen_s += hold_s
        self._confidence_s += hold_s * face.confidence
        self._first_s = min(self._first_s, time_s)
        self._end_s = time_s + hold_s
        self._last_s = max(self._last_s, self._end_s)
        if face.uncertain:
            self._uncertain_s += hold_s
            self._stretch = None
        else:
            self._label_s[face.class_id] += hold_s
            self._n_transitions += self._label not in (None, face.class_id)
            self._label = face.class_id
            if self._stretch is None or self._stretch[0] != face.class_id:
                self._stretch = (face.class_id, time_s)
            stretch = Stretch(self._stretch[1], self._end_s)
            longest = self._longest[face.class_id]
            if longest is None or stretch.length_s > longest.length_s:
                self._longest[face.class_id] = stretch
        self._fill(time_s, self._end_s, face)

    def _fill(self, start_s: float, end_s: float, face: _Face) -> None:
        """Put a row into the bins that its time covers, each as much as it covers."""
        number = int(start_s // self._width_s)
        while start_s < end_s:
            edge_s = min((number + 1) * self._width_s, end_s)
            part_s = edge_s - start_s
            if part_s > 0:
                sums = self._bins.get(number)
                if sums is None:
                    sums = self._bins[number] = [0.0] * (2 + len(face.probabilities))
                sums[0] += part_s
                sums[1] += part_s * face.uncertain
                for i, probability in enumerate(face.probabilities, 2):
                    sums[i] += part_s * probability
                start_s = edge_s
            number += 1
            if len(self._bins) > MAX_BINS:
                self._widen()
                number = int(start_s // self._width_s)

    def _widen(self) -> None:
        self._width_s *= 2
        bins: dict[int, list[float]] = {}
        for number, sums in self._bins.items():
            other = bins.get(number // 2)
            bins[number // 2] = (
                sums if other is None else [a + b for a, b in zip(other, sums, strict=True)]
            )
        self._bins = bins

    def finish(self, track_id: int | None, classes: tuple[str, ...]) -> Person:
        numbers = sorted(self._bins)
        sums = np.array([self._bins[i] for i in numbers], np.float64).reshape(-1, 2 + len(classes))
        seen_s = max(self._seen_s, 1e-9)
        certain_s = sum(self._label_s)
        means = sums[:, 2:].sum(axis=0) / max(float(sums[:, 0].sum()), 1e-9)
        timeline = Timeline(
            self._width_s,
            np.array(numbers, np.int64),
            sums[:, 0],
            sums[:, 1],
            sums[:, 2:] / np.maximum(sums[:, :1], 1e-12),
        )
        return Person(
            track_id=track_id,
            n_rows=self._n_rows,
            seen_s=self._seen_s,
            first_s=self._first_s,
            last_s=self._last_s,
            shares=dict(zip(classes, (s / seen_s for s in self._label_s), strict=True)),
            uncertain=self._uncertain_s / seen_s,
            probabilities=dict(zip(classes, means.tolist(), strict=True)),
            confidence=self._confidence_s / seen_s,
            n_transitions=self._n_transitions,
            transitions_per_min=60 * self._n_transitions / certain_s if certain_s else None,
            longest={c: s for c, s in zip(classes, self._longest, strict=True) if s is not None},
            timeline=timeline,
        )


_Still = tuple[list[_Face], "Counter[str]"]


def _pictures(stills: list[_Still], classes: tuple[str, ...]) -> Pictures:
    faces = [face for found, _ in stills for face in found]
    notes: Counter[str] = Counter()
    for _, reasons in stills:
        notes.update(reasons)
    n = max(len(faces), 1)
    counts = Counter(face.class_id for face in faces if not face.uncertain)
    means = np.zeros(len(classes))
    if faces:
        means = np.mean([face.probabilities for face in faces], axis=0)
    return Pictures(
        n_pictures=len(stills),
        n_faces=len(faces),
        n_without_face=sum(not found for found, _ in stills),
        notes=dict(notes.most_common()),
        shares={name: counts[i] / n for i, name in enumerate(classes)},
        uncertain=sum(face.uncertain for face in faces) / n,
        probabilities=dict(zip(classes, means.tolist(), strict=True)),
        confidence=sum(face.confidence for face in faces) / n,
    )
