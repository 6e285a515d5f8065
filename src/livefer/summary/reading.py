"""A table read as often as its figures need: how long each track is seen is known at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from livefer.errors import ConfigError
from livefer.profiles.tables import MainFaces
from livefer.summary.choice import FaceFilter, WhoIsWho
from livefer.summary.participants import Known, Named, Participants
from livefer.summary.person_sums import FaceRow
from livefer.summary.records import Summary
from livefer.summary.subtitles import Subtitles
from livefer.summary.summarize import Summarizer
from livefer.summary.units import Unit
from livefer.tables.reading import BOX, OnRead, ResultTable, read_table

UnitOf = Callable[[Sequence[str], Known], Unit]
WhoOf = Callable[[Summary], Participants]
ChoiceOf = Callable[[Summary], WhoIsWho]
Judge = Callable[[Iterable[dict[str, Any]]], Iterable[dict[str, Any]]]
"""Judges a table's rows anew."""


@dataclass(frozen=True)
class Reading:
    """What was read of a table.

    unit, choice: None where none was asked for
    subtitles: empty where none were asked for
    """

    table: ResultTable
    summary: Summary
    unit: Unit | None
    choice: WhoIsWho | None
    subtitles: Subtitles


@dataclass(frozen=True)
class Reader:
    """Reads a table several times, where that is needed.

    progress: as of `read_table`
    faces: that count
    judge: of the rows; None takes them as they are
    with_subtitles: collect them, too
    """

    file: Path
    progress: OnRead
    faces: FaceFilter
    judge: Judge | None = None
    with_subtitles: bool = False

    def read(
        self,
        unit_of: UnitOf | None = None,
        who_of: WhoOf | None = None,
        choice_of: ChoiceOf | None = None,
    ) -> Reading:
        """Return a table's figures.

        unit_of: makes the unit of rows of figures, of the table's classes and whose faces it shows
        who_of: makes the participants, of the summary of what counts
        choice_of: says which tracks count and whose they are, of the summary of all tracks
        """
        choice: WhoIsWho | None = None
        who: Known = None
        if choice_of is not None:
            choice = choice_of(self._once(None, None, None).summary)
            if choice.names:
                who = Named(choice.names)
        if who_of is not None:
            who = who_of(self._once(choice, None, None).summary)
        return self._once(choice, who, unit_of)

    def _once(self, choice: WhoIsWho | None, who: Known, unit_of: UnitOf | None) -> Reading:
        opened = read_table(self.file, self.progress, BOX if self.faces.is_on else ())
        unit = None if unit_of is None else unit_of(opened.classes, who)
        names = None if choice is None else choice.names
        min_seen_s = None if choice is None else choice.min_seen_s
        subtitles = Subtitles(opened.classes, names)

        def on_frame(source: str, time_s: float, hold_s: float, faces: list[FaceRow]) -> None:
            if unit is not None:
                unit.add(source, time_s, hold_s, faces)
            if self.with_subtitles:
                subtitles.add(source, time_s, hold_s, faces)

        summarizer = Summarizer(opened.classes, on_frame, min_seen_s, names)
        rows = self.faces.rows(opened.rows if self.judge is None else self.judge(opened.rows))
        for row in rows if choice is None else choice.rows(rows):
            summarizer.add(row)
        return Reading(opened, summarizer.summary(), unit, choice, subtitles)


def judge_of(
    file: Path, progress: OnRead, span_s: tuple[float, float] | None
) -> tuple[Judge, list[str], list[str]]:
    """Return what judges a table's rows by each video's own resting face.

    Also returns lines about the videos that it judges plainly: those whose face is hardly ever at
    rest, and those of which no profile can be made in the seconds asked for.

    span_s: the seconds in which the faces are at rest; None finds them

    ConfigError where the table has no face with a track.
    """
    opened = read_table(file, progress)
    faces = MainFaces(opened.rows, opened.classes)
    if not faces.answers:
        raise ConfigError("--baseline is for videos, and the table has no face with a track")
    profiles, restless, errors = {}, list[str](), list[str]()
    for source in faces.answers:
        try:
            made = faces.profile_of(source, span_s)
        except ConfigError as error:
            errors.append(f"{source} was judged plainly: {error}")
            continue
        if made is None:
            restless.append(f"{source} was judged plainly: the face is hardly ever at rest")
        else:
            profiles[source] = made
    return partial(faces.judged, profiles=profiles), restless, errors
