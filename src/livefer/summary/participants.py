"""Who is who in a study: participants and conditions by the names of videos."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from livefer.errors import ConfigError, DatasetError
from livefer.formatting import count, short_name
from livefer.summary.person_sums import FaceRow
from livefer.summary.records import Summary
from livefer.tables.plain import key_of, read_plain, sources_by_key
from livefer.tables.schema import Type

Who = tuple[str | int | None, ...]
_PLAIN_GROUPS = ("participant", "condition")
_FILE_COLUMNS = ("file", "source")


class Participants:
    """The participants of a table's videos.

    All tracks of a video belong to its participant, unless `read` says which do. While several of
    them are seen at once, the one that is seen longest in the video counts.

    columns: what is known of a participant, such as "participant" and "condition"
    unmatched: videos without a participant; their rows are left out
    strange: names of videos that the table lacks
    """

    def __init__(
        self,
        columns: Sequence[str],
        of_tracks: Mapping[tuple[str, int | None], Sequence[str | None]],
        summary: Summary,
        strange: Sequence[str] = (),
    ) -> None:
        """of_tracks: the cells of each track of each video, or of all its tracks (track None)."""
        self.columns, self.strange = tuple(columns), tuple(strange)
        self._of_tracks = {key: tuple(cells) for key, cells in of_tracks.items()}
        self._seen_s = {
            (v.source, p.track_id): p.seen_s for v in summary.sources for p in v.persons
        }
        self._of_video: dict[str, dict[Who, None]] = {}
        for (source, _), cells in self._of_tracks.items():
            self._of_video.setdefault(source, {})[cells] = None
        names = [video.source for video in summary.sources]
        self.unmatched = [name for name in names if name not in self._of_video]
        if names and len(self.unmatched) == len(names):
            named = f" and not {self.strange[0]}" if self.strange else ""
            raise DatasetError(
                f"no video of the table has a participant: expected names as they are in the "
                f"table, such as {names[0]}{named}"
            )

    @classmethod
    def from_names(cls, summary: Summary, pattern: str) -> Participants:
        """Take participants from the names of files, or where those do not fit, from their paths.

        pattern: a regular expression. Its groups are columns: by their names, as in
            (?P<participant>P\\d+)_(?P<condition>[a-z]+); one or two plain groups are participant
            and condition

        ConfigError where the pattern is none, DatasetError where it fits no video.
        """
        try:
            regex = re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"{pattern} is no regular expression ({error})") from None
        columns = tuple(regex.groupindex) or _PLAIN_GROUPS[: regex.groups]
        if not columns or regex.groups != len(columns):
            raise ConfigError(
                f"{pattern} has {regex.groups} groups: expected one for the participant, or two "
                r"for participant and condition, as in (P\d+)_([a-z]+), or each with a name: "
                r"(?P<participant>P\d+)"
            )
        _check_columns(columns, summary, pattern)
        found: dict[tuple[str, int | None], Sequence[str | None]] = {}
        for video in summary.sources:
            match = regex.search(short_name(video.source)) or regex.search(video.source)
            if match is not None:
                found[video.source, None] = match.groups()
        if summary.sources and not found:
            first = short_name(summary.sources[0].source)
            raise DatasetError(f"{pattern} fits the name of no video: the first one is {first}")
        return cls(columns, found, summary)

    @classmethod
    def read(cls, summary: Summary, path: str | Path) -> Participants:
        """Read participants from a CSV or TSV with a row for each video.

        Its column `file` or `source` names the video: its path, or the end of it. A column
        `track_id` says which track is meant, for several participants in one video. All other
        columns are kept. DatasetError where the table is another.
        """
        path = Path(path)
        rows = list(read_plain(path))
        columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
        file = next((name for name in _FILE_COLUMNS if name in columns), None)
        kept = tuple(name for name in columns if name and name not in (file, "track_id"))
        if file is None or not kept:
            raise DatasetError(
                f"{path}: expected the columns file and participant, and more, such as condition"
            )
        _check_columns(kept, summary, str(path))
        videos = sources_by_key(video.source for video in summary.sources)
        found: dict[tuple[str, int | None], Sequence[str | None]] = {}
        strange: dict[str, None] = {}
        for line, row in rows:
            where = f"{path}, line {line}"
            if file not in row:
                raise DatasetError(f"{where}: no {file}")
            names = videos.get(key_of(row[file]), [])
            if len(names) > 1:
                raise DatasetError(
                    f"{where}: {row[file]} is {' and '.join(names[:2])}: give more of the path"
                )
            track = row.get("track_id")
            if track is not None and not track.isdecimal():
                raise DatasetError(f"{where}: {track} is no track_id of a table")
            if not names:
                strange[row[file]] = None
            for name in names:
                key = (name, None if track is None else int(track))
                if key in found:
                    raise DatasetError(f"{where}: {row[file]} has a row already")
                found[key] = [row.get(column) for column in kept]
        return cls(kept, found, summary, list(strange))

    def of(self, source: str, faces: Iterable[FaceRow]) -> dict[Who, FaceRow]:
        """Return the face of each participant in a frame."""
        found: dict[Who, FaceRow] = {}
        for face in sorted(faces, key=lambda f: self._seen_s.get((source, f.track_id), 0.0)):
            of_all = self._of_tracks.get((source, None))
            who = self._of_tracks.get((source, face.track_id), of_all)
            if who is not None:
                found[who] = face
        return found

    def of_video(self, source: str) -> list[Who]:
        """Return the participants of a video, seen or not."""
        return list(self._of_video.get(source, ()))


@dataclass(frozen=True)
class Named:
    """The persons of a table's tracks.

    names: by source and track; of a track that is not here, the person is not known
    """

    names: Mapping[tuple[str, int | None], str]


Known = Participants | Named | None
"""What is known of whose faces a table shows."""


class Whose:
    """Whose a face is: a track's, or a participant's.

    columns: that name them, with their types
    of_empty: who has the rows of a span without a face: an empty track, but no participant
    """

    def __init__(self, participants: Known) -> None:
        self._names = participants.names if isinstance(participants, Named) else None
        self._participants = participants if isinstance(participants, Participants) else None
        self.columns: dict[str, Type] = {"track_id": int}
        if self._names is not None:
            self.columns = {"track_id": int, "name": str}
        if self._participants is not None:
            self.columns = dict.fromkeys(self._participants.columns, str)
        unknown: Who = (None,) * len(self.columns)
        self.of_empty: list[Who] = [unknown] if self._participants is None else []

    def of(self, source: str, faces: Iterable[FaceRow]) -> dict[Who, FaceRow]:
        """Return the face of each in a frame."""
        if self._names is not None:
            names = self._names
            return {(f.track_id, names.get((source, f.track_id))): f for f in faces}
        if self._participants is None:
            return {(face.track_id,): face for face in faces}
        return self._participants.of(source, faces)

    def of_video(self, source: str, found: Iterable[Who]) -> list[Who]:
        """Return the participants of a video, seen or not; without any, the tracks found."""
        if self._participants is not None:
            return self._participants.of_video(source)
        return sorted(found, key=lambda who: (who[0] is None, who[0]))

    def cells(self, who: Who) -> dict[str, str | int | None]:
        """Return the cells that name one."""
        return dict(zip(self.columns, who, strict=True))

    def left_out(self) -> list[str]:
        """Return lines about videos without a participant, and participants without a video."""
        if self._participants is None:
            return []
        lines = []
        if names := self._participants.unmatched:
            videos = count(len(names), "video")
            lines.append(f"{videos} without a participant left out: {_first_of(names)}")
        if strange := self._participants.strange:
            videos = count(len(strange), "video")
            lines.append(f"{videos} of a participant not in the table: {_first_of(strange)}")
        return lines


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _check_columns(columns: Sequence[str], summary: Summary, where: str) -> None:
    """Raise ConfigError where a column has the name of a figure."""
    figures = {*_OF_FIGURES, *(f"{k}_{n}" for n in summary.classes for k in ("share", "mean"))}
    if taken := sorted(figures & {*columns}):
        raise ConfigError(f"{where}: {taken[0]} is a column of the figures: choose another name")


_OF_FIGURES = {
    *("source", "start_s", "end_s", "n_frames", "seen_s", "seen", "share_uncertain", "confidence"),
    *("n_videos", "length_s", "event", "trial_type", "onset_s", "phase", "since_onset_s"),
    *("expression", "offset_s", "duration_s", "peak_s", "peak", "mean", "complete"),
}
