"""Which faces of a finished table count, and whose they are: merged tracks, names, one person.

Rows go through `FaceFilter`, which knows a frame at a time, and through `WhoIsWho`, which knows how
long each track is seen. Both keep every frame: one whose faces are all left out has no face.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from livefer.errors import ConfigError, DatasetError
from livefer.formatting import count
from livefer.summary.records import SourceSummary, Summary
from livefer.tables.plain import key_of, read_plain, sources_by_key

Row = dict[str, Any]
_Track = tuple[str, int | None]
_BOX = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class FaceFilter:
    """Leaves faces out by what the detector says of them.

    max_faces: keep so many of each frame, the largest
    min_face_px: leave out faces whose box has a shorter side
    min_score: leave out faces of which the detector is less certain
    """

    max_faces: int | None = None
    min_face_px: float | None = None
    min_score: float | None = None

    @property
    def is_on(self) -> bool:
        return (self.max_faces, self.min_face_px, self.min_score) != (None, None, None)

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows of the faces that count, and of frames without a face."""
        if not self.is_on:
            yield from rows
            return
        for frame in _frames(rows):
            faces = [row for row in frame if row["label"] is not None]
            kept = [row for row in faces if self._counts(row)]
            if self.max_faces is not None:
                large = sorted(kept, key=lambda row: -sum(_sides(row)))[: self.max_faces]
                kept = [row for row in kept if any(row is one for one in large)]
            yield from _frame(frame, kept)

    def _counts(self, row: Row) -> bool:
        if self.min_score is not None and _number(row, "score") < self.min_score:
            return False
        return self.min_face_px is None or min(_sides(row)) >= self.min_face_px


def _sides(row: Row) -> tuple[float, float]:
    left, top, right, bottom = (_number(row, name) for name in _BOX)
    return right - left, bottom - top


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    if value is None:
        raise DatasetError(f"the table has no {name} of its faces, by which they would be chosen")
    return float(value)


class WhoIsWho:
    """Tracks that are one person's, and what people are called.

    names: of persons, by source and track
    min_seen_s: None where no least time is asked for
    n_bystanders: tracks that are left out
    """

    def __init__(
        self,
        summary: Summary,
        one_person: bool = False,
        merges: Sequence[str] = (),
        names: Path | None = None,
        min_seen_s: float | None = None,
    ) -> None:
        """Decide for each track of a table.

        summary: of the table's rows
        one_person: all tracks of a video are one, but those of bystanders
        merges: tracks that are one, as in "1,4,7" or "clip.mp4:1,4,7"
        names: a table with the columns track_id and name, and file where there are several videos
        min_seen_s: leave out tracks that are seen for fewer seconds

        ConfigError or DatasetError where a video or track is not there.
        """
        self._summary, self.min_seen_s = summary, min_seen_s
        self.names: dict[_Track, str] = {}
        self._seen_s = {
            (v.source, p.track_id): p.seen_s for v in summary.sources for p in v.persons
        }
        self._as: dict[_Track, _Track | None] = {}
        for merge in merges:
            self._merge(merge)
        if names is not None:
            self._read(names)
        if one_person:
            for video in summary.sources:
                others = {p.track_id for p in video.bystanders}
                for person in video.persons:
                    is_other = person.track_id in others
                    self._as[video.source, person.track_id] = (
                        None if is_other else (video.source, 1)
                    )
        if min_seen_s is not None:
            self._leave_out(min_seen_s)
        self.n_bystanders = sum(to is None for to in self._as.values())

    def _leave_out(self, min_seen_s: float) -> None:
        seen_s: dict[_Track, float] = {}
        for track, one_s in self._seen_s.items():
            to = self._as.get(track, track)
            if to is not None:
                seen_s[to] = seen_s.get(to, 0.0) + one_s
        for track in self._seen_s:
            to = self._as.get(track, track)
            if to is not None and seen_s[to] < min_seen_s - 1e-6:
                self._as[track] = None

    def _only(self, where: str, todo: str) -> list[SourceSummary]:
        """Return the only video of the table, for tracks that are named without one."""
        videos = list(self._summary.sources)
        if not videos:
            raise DatasetError(f"{where}: the table has no video, and only videos have tracks")
        if len(videos) > 1:
            raise DatasetError(f"{where}: the table has {len(videos)} videos: {todo}")
        return videos

    def _merge(self, text: str) -> None:
        file, _, listed = text.rpartition(":")
        numbers = [part.strip() for part in listed.split(",")]
        if len(numbers) < 2 or not all(n.isdecimal() for n in numbers):
            raise ConfigError(
                f"--merge {text} names no tracks: expected two or more, as in 1,4,7, or "
                "clip.mp4:1,4,7 where the table has several videos"
            )
        where = f"--merge {text}"
        name_one = f"name one of them, as in clip.mp4:{listed}"
        for video in self._videos(file, where) if file else self._only(where, name_one):
            tracks = [self._track(video.source, int(n), where) for n in numbers]
            ends = [self._as.get(track) or track for track in tracks]  # of earlier merges
            for one, other in [*self._as.items(), *zip(tracks, tracks, strict=True)]:
                if other in ends or one in tracks:
                    self._as[one] = ends[0]

    def _read(self, path: Path) -> None:
        first: dict[tuple[str, str], _Track] = {}
        for line, row in read_plain(path):
            where = f"{path}, line {line}"
            if "name" not in row or not row.get("track_id", "").isdecimal():
                raise DatasetError(f"{where}: expected a number as track_id, and a name")
            file = row.get("file", row.get("source"))
            videos = self._videos(file, where) if file else self._only(where, "add a column file")
            for video in videos:
                track = self._track(video.source, int(row["track_id"]), where)
                own = self._as.get(track) or track
                if self.names.get(own, row["name"]) != row["name"]:
                    raise DatasetError(f"{where}: track {track[1]} is {self.names[own]} already")
                to = first.setdefault((video.source, row["name"]), own)
                for one, other in [*self._as.items(), (own, own), (track, track)]:
                    if other == own:
                        self._as[one] = to
                self.names[to] = row["name"]
        if not first:
            raise DatasetError(f"{path} has no names: expected the columns track_id and name")

    def _videos(self, file: str, where: str) -> list[SourceSummary]:
        keys = sources_by_key(video.source for video in self._summary.sources)
        names = keys.get(key_of(file), [])
        if len(names) != 1:
            which = f"is {' and '.join(names[:2])}: give more of the path"
            what = which if names else "is no video of the table"
            raise DatasetError(f"{where}: {file} {what}")
        return [video for video in self._summary.sources if video.source == names[0]]

    def _track(self, source: str, number: int, where: str) -> _Track:
        if (source, number) not in self._seen_s:
            raise DatasetError(f"{where}: {source} has no track {number}")
        return source, number

    def track_of(self, source: str, track_id: int | None) -> int | None:
        """Return the track that the person of a track has; None where it is left out."""
        to = self._as.get((source, track_id), (source, track_id))
        return None if to is None else to[1]

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows in which each person has one track.

        Of several faces of a person in a frame, the one whose track is seen longest counts.
        """
        for frame in _frames(rows):
            kept: dict[Any, Row] = {}
            for number, row in enumerate(frame):
                if row["label"] is None:
                    continue
                track: _Track = row["source"], row["track_id"]
                to = self._as.get(track, track)
                if to is None:
                    continue
                key = number if row["track_id"] is None else to
                other = kept.get(key)
                seen_s = self._seen_s.get(track, 0.0)
                if other is None or seen_s > self._seen_s.get(
                    (other["source"], other["track_id"]), 0
                ):
                    kept[key] = row
            own = {id(row): key for key, row in kept.items()}
            changed = [
                row if row["track_id"] is None else {**row, "track_id": own[id(row)][1]}
                for row in frame
                if id(row) in own
            ]
            yield from _frame(frame, changed)

    def left_out(self) -> list[str]:
        """Return a line about the tracks that are left out."""
        if not self.n_bystanders:
            return []
        return [f"{count(self.n_bystanders, 'track')} left out, seen for too short a time"]


def _frames(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each frame, and of each error."""
    for _, frame in groupby(rows, key=lambda r: (r["source"], r["index"], r["time_s"])):
        yield list(frame)


def _frame(frame: Sequence[Row], faces: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield the rows of the faces that count, and one without a face where none does."""
    others = [row for row in frame if row["label"] is None]
    if not faces and not others:
        others = [{**frame[0], "label": None, "track_id": None}]
    yield from others
    yield from map(dict, faces)
