"""Rows of a result table → a Summary; knows nothing about files.

Everything is weighted by time, as `tables/holds.py` does it. Rows are added one after another, and
memory does not grow with their number: a person's timeline has a bounded number of bins, which
become twice as wide when they are full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livefer.summary.person_sums import FaceRow, PersonSums
from livefer.summary.records import Pictures, SourceSummary, Summary, Trouble
from livefer.tables.holds import Held, Holds

OnFrame = Callable[[str, float, float, list[FaceRow]], None]
"""Called with the source, time and weight (seconds) of a frame, and its faces."""


def summarize(rows: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> Summary:
    """Return the figures of a table's rows, by source and person.

    The rows are read one by one and not kept, however many there are.

    rows: as `livefer.to_rows` or `livefer.read_table` make them
    classes: of the table
    """
    summarizer = Summarizer(classes)
    for row in rows:
        summarizer.add(row)
    return summarizer.summary()


class Summarizer:
    """Adds up a table's rows, which come one after another as `livefer.to_rows` makes them.

    The rows of one source are in the order of its frames; rows of other sources may lie between.
    """

    def __init__(
        self,
        classes: Sequence[str],
        on_frame: OnFrame | None = None,
        min_seen_s: float | None = None,
        names: Mapping[tuple[str, int | None], str] | None = None,
    ) -> None:
        """Add up nothing yet.

        on_frame: called for each frame of a video, in their order; not for pictures
        min_seen_s: tracks that are seen for fewer seconds are bystanders', as in SourceSummary
        names: of persons, by source and track
        """
        self._min_seen_s, self._names = min_seen_s, names or {}
        self.classes = tuple(classes)
        self.n_rows = 0
        self._on_frame = on_frame
        self._ids = {name: number for number, name in enumerate(self.classes)}
        self._sources: dict[str, _Source] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one row of plain Python values; an empty cell is None."""
        name = row["source"]
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source(name, len(self.classes), self._on_frame)
        self.n_rows += 1
        source.n_skipped += row["n_skipped"] or 0 if source.is_new_frame(row) else 0
        if row["error"] is not None:
            trouble = Trouble(name, row["index"], row["time_s"], row["error"])
            source.troubles.append(trouble)
            return
        face = None
        if row["label"] is not None:
            face = FaceRow(
                row["track_id"],
                self._ids[row["label"]],
                row["confidence"],
                row["uncertain"],
                [row[name] for name in self.classes],
            )
        source.add(row["index"], row["time_s"], face, row.get("note"))

    def summary(self) -> Summary:
        """Return the figures of all rows; none may be added after it."""
        stills: list[_Still] = []
        unreadable: list[Trouble] = []
        sources: list[SourceSummary] = []
        for source in self._sources.values():
            if source.is_empty():
                unreadable += source.troubles
            elif source.is_still():
                stills.append(source.still())
            else:
                sources.append(source.finish(self.classes, self._names, self._min_seen_s))
        pictures = _pictures(stills, self.classes) if stills else None
        return Summary(self.classes, self.n_rows, tuple(sources), pictures, tuple(unreadable))


@dataclass(slots=True)
class _Frame:
    index: int
    time_s: float
    faces: list[FaceRow] = field(default_factory=list)


class _Source:
    """The running sums of one source; its newest frames wait until their weight is known."""

    __slots__ = (
        *("n_skipped", "troubles", "_name", "_on_frame", "_n_classes", "_holds", "_newest"),
        *("_last_key", "_persons", "_notes", "_cuts_s", "_gaps", "_n_frames", "_n_without_face"),
        *("_frames_s", "_without_face_s", "_first_s", "_last_s"),
    )

    def __init__(self, name: str, n_classes: int, on_frame: OnFrame | None) -> None:
        self._name, self._on_frame = name, on_frame
        self.n_skipped = 0
        self.troubles: list[Trouble] = []
        self._n_classes = n_classes
        self._holds = Holds[_Frame]()
        self._newest: _Frame | None = None
        self._last_key: tuple[int, float] | None = None
        self._persons: dict[int | None, PersonSums] = {}
        self._notes: Counter[str] = Counter()
        self._cuts_s: list[float] = []
        self._gaps: list[tuple[float, float]] = []
        self._n_frames = self._n_without_face = 0
        self._frames_s = self._without_face_s = 0.0
        self._first_s, self._last_s = float("inf"), 0.0

    def is_new_frame(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row begins a frame, and remember the frame."""
        key = (row["index"], row["time_s"])
        is_new, self._last_key = key != self._last_key, key
        return is_new

    def is_empty(self) -> bool:
        """Return whether there are only errors and no frame."""
        return self._newest is None

    def is_still(self) -> bool:
        """Return whether this is a single picture."""
        waiting = self._holds.waiting
        if self._n_frames or len(waiting) > 1 or self.troubles or self.n_skipped:
            return False
        return all(face.track_id is None for frame in waiting for face in frame.faces)

    def still(self) -> _Still:
        """Return a single picture's faces and notes."""
        return self._holds.waiting[0].faces, self._notes

    def add(self, index: int, time_s: float, face: FaceRow | None, note: str | None) -> None:
        newest = self._newest
        if newest is None or (newest.index, newest.time_s) != (index, time_s):
            newest = self._newest = _Frame(index, time_s)
            if note == "cut":
                self._cuts_s.append(time_s)
            elif note is not None:
                self._notes[note] += 1
            for held in self._holds.add(time_s, newest):
                self._settle(held)
        if face is not None:
            newest.faces.append(face)

    def _settle(self, held: Held[_Frame]) -> None:
        """Add a frame to the sums, weighted by the time that it stands for."""
        frame, hold_s = held.frame, held.hold_s
        self._gaps += [] if held.gap_s is None else [held.gap_s]
        self._n_frames += 1
        self._frames_s += hold_s
        self._first_s = min(self._first_s, frame.time_s)
        self._last_s = max(self._last_s, frame.time_s + hold_s)
        if not frame.faces:
            self._n_without_face += 1
            self._without_face_s += hold_s
        for face in frame.faces:
            person = self._persons.get(face.track_id)
            if person is None:
                person = self._persons[face.track_id] = PersonSums(self._n_classes)
            person.add(frame.time_s, hold_s, face)
        if self._on_frame is not None:
            self._on_frame(self._name, frame.time_s, hold_s, frame.faces)

    def finish(
        self,
        classes: tuple[str, ...],
        names: Mapping[tuple[str, int | None], str],
        min_seen_s: float | None,
    ) -> SourceSummary:
        for held in self._holds.end():
            self._settle(held)
        order = sorted(self._persons, key=lambda track_id: (track_id is None, track_id))
        return SourceSummary(
            source=self._name,
            n_frames=self._n_frames,
            first_s=self._first_s,
            last_s=self._last_s,
            frames_s=self._frames_s,
            gaps=tuple(self._gaps),
            n_without_face=self._n_without_face,
            without_face_s=self._without_face_s,
            notes=dict(self._notes.most_common()),
            cuts_s=tuple(self._cuts_s),
            n_skipped=self.n_skipped,
            n_time_went_back=self._holds.n_went_back,
            troubles=tuple(self.troubles),
            persons=tuple(
                self._persons[i].finish(i, classes, names.get((self._name, i))) for i in order
            ),
            min_seen_s=min_seen_s,
        )


_Still = tuple[list[FaceRow], "Counter[str]"]


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
