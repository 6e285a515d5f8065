"""`livefer summarize`: a result table as figures, a picture and a report, without the media.

`livefer video` makes the same picture and report, with faces. The figures of windows, episodes,
events and participants are a table of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from livefer.cli.console import new_table, note, stdout
from livefer.cli.files import check_not_read, check_plot_and_report, check_writable, write_json
from livefer.cli.options import (
    JsonFileOption,
    MaxFacesOption,
    MinFaceOption,
    MinScoreOption,
    MinSeenOption,
    OnePersonOption,
    PlotOption,
    QuietOption,
    ReportOption,
    a_number,
)
from livefer.cli.progress import progress_bar
from livefer.drawing.figures import save_picture
from livefer.errors import ConfigError, DatasetError
from livefer.formatting import clock, count, length, printable, short_name
from livefer.labels import colour_hex
from livefer.profiles.running import AUTO
from livefer.profiles.tables import MainFaces, seconds_in
from livefer.summary.choice import FaceFilter, WhoIsWho
from livefer.summary.episodes import SHORTEST_S, Episodes
from livefer.summary.events import BEFORE_S, Events, read_events
from livefer.summary.group_means import group_means_picture
from livefer.summary.participants import Known, Named, Participants
from livefer.summary.person_sums import FaceRow
from livefer.summary.records import Person, Pictures, SourceSummary, Summary
from livefer.summary.subtitles import Subtitles
from livefer.summary.summarize import Summarizer
from livefer.summary.units import Unit, Videos, Windows
from livefer.summary.video_digest import write_report, write_timelines
from livefer.system.atomic import noting
from livefer.system.pipes import on_disk
from livefer.tables.plain import check_plain_name, csv_text, write_plain
from livefer.tables.reading import BOX, OnRead, ResultTable, read_table
from livefer.tables.sidecar import how_made

_MOST_ROWS = 20  # people of one source, and errors
_MOST_SOURCES = 10
_PADDING = (0, 1, 0, 0)
_UNITS, _FACES = "Rows of figures", "Which faces count"

UnitOf = Callable[[Sequence[str], Known], Unit]
Judge = Callable[[Iterable[dict[str, Any]]], Iterable[dict[str, Any]]]
WhoOf = Callable[[Summary], Participants]
ChoiceOf = Callable[[Summary], WhoIsWho]


def summarize(
    table: Annotated[
        Path,
        typer.Argument(
            help="A table that livefer wrote: .csv, .jsonl, .parquet, a folder of Parquet, or a "
            "pipe (- is standard input).",
            metavar="TABLE",
        ),
    ],
    plot: PlotOption = None,
    report: ReportOption = None,
    as_json: JsonFileOption = None,
    vtt: Annotated[
        Path | None,
        typer.Option(
            help="Write the labels as subtitles that players show: a .vtt file, one for each "
            "video.",
            metavar="OUT.VTT",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write a row for each video and track, or for what the options below choose: a "
            ".csv, .json or .parquet file. Without --out, they print the rows as CSV.",
            rich_help_panel=_UNITS,
            metavar="FILE",
        ),
    ] = None,
    windows: Annotated[
        float | None,
        typer.Option(
            help="A row for each window of so many seconds. With --events, windows count from "
            "each onset.",
            min=0.01,
            callback=a_number,
            rich_help_panel=_UNITS,
            metavar="SECONDS",
        ),
    ] = None,
    episodes: Annotated[
        bool,
        typer.Option(
            "--episodes",
            help="A row for each episode of an expression: onset, offset, peak and mean.",
            rich_help_panel=_UNITS,
        ),
    ] = False,
    shortest: Annotated[
        float | None,
        typer.Option(
            help="Leave out shorter episodes.",
            min=0,
            callback=a_number,
            show_default=str(SHORTEST_S),
            rich_help_panel=_UNITS,
            metavar="SECONDS",
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="A row for each event and one for the baseline before it. The file has the "
            "columns onset, duration and trial_type as in BIDS; with a column file, events are of "
            "that video only. Of a live table, TABLE itself, the markers are the events.",
            rich_help_panel=_UNITS,
            metavar="EVENTS.TSV",
        ),
    ] = None,
    before: Annotated[
        float | None,
        typer.Option(
            help="Length of the baseline before each event.",
            min=0,
            callback=a_number,
            show_default=str(BEFORE_S),
            rich_help_panel=_UNITS,
            metavar="SECONDS",
        ),
    ] = None,
    after: Annotated[
        float | None,
        typer.Option(
            help="Seconds from each onset that count.",
            min=0.01,
            callback=a_number,
            show_default="the event's duration",
            rich_help_panel=_UNITS,
            metavar="SECONDS",
        ),
    ] = None,
    participants: Annotated[
        Path | None,
        typer.Option(
            help="Rows for participants instead of tracks: a table with the columns file and "
            "participant, and more, such as condition. All tracks of a video are its "
            "participant's; a column track_id chooses. --plot then draws means with intervals.",
            rich_help_panel=_UNITS,
            metavar="FILE.CSV",
        ),
    ] = None,
    by_name: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="The same from the names of files: a regular expression whose groups are "
            r"participant and condition, as in '(P\\d+)_(\\w+)', or have names.",
            rich_help_panel=_UNITS,
            metavar="REGEX",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Judge each video's main face anew by its resting face, seen in these seconds: "
            "0-10. auto finds them. The table itself stays.",
            metavar="FROM-TO|auto",
        ),
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(
            help="Tracks that are one person's; FILE:1,4,7 where there are several videos. May be "
            "repeated.",
            rich_help_panel=_FACES,
            metavar="1,4,7",
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            help="What people are called: a table with the columns track_id and name, and file "
            "where there are several videos. Tracks of one name are one person's.",
            rich_help_panel=_FACES,
            metavar="NAMES.CSV",
        ),
    ] = None,
    one_person: OnePersonOption = False,
    max_faces: MaxFacesOption = None,
    min_face: MinFaceOption = None,
    min_seen: MinSeenOption = None,
    min_score: MinScoreOption = None,
    quiet: QuietOption = False,
) -> None:
    """Summarise a table of faces.

    For each person: the share of time of each expression and of uncertain faces, changes per
    minute, and the longest stretches. For each video: frames without a face, skipped frames, gaps
    and errors. All shares are weighted by time.

    The options under "Rows of figures" make a table for statistics: windows, episodes, the time
    around events, by track or by participant.
    """
    check_plot_and_report(plot, report)
    lists = [path for path in (events, participants, names) if path is not None]
    check_not_read([as_json, out, vtt], [table, *lists])
    if out is not None:
        check_plain_name(out)
    if vtt is not None and (vtt.suffix.lower() != ".vtt" or vtt.is_dir()):
        raise ConfigError(f"--vtt {vtt}: expected the name of a file that ends in .vtt")
    for path in (as_json, out, vtt):
        if path:
            check_writable(path)
    unit_of = _chosen_unit(windows, episodes, shortest, events, before, after)
    who_of = _chosen_participants(participants, by_name)
    faces = FaceFilter(max_faces, min_face, min_score)
    if one_person and (merge or names):
        raise ConfigError("--one-person and --merge or --names both say who is who: choose one")
    choice_of: ChoiceOf | None = None
    if one_person or merge or names is not None or min_seen is not None:

        def choice_of(summary: Summary) -> WhoIsWho:
            return WhoIsWho(summary, one_person, merge or (), names, min_seen)

    span_s = None if baseline in (None, AUTO) else seconds_in(baseline)
    is_asked = unit_of is not None or who_of is not None
    if out is not None or is_asked:
        unit_of = unit_of or Videos
    plainly = list[str]()
    with progress_bar("reading") as progress, on_disk(table) as file:
        try:
            judge = None
            if baseline is not None:
                judge, plainly = _judge(file, progress, span_s)
            read = _Reading(file, progress, faces, judge, vtt is not None)
            found = read.all(unit_of, who_of, choice_of)
        except DatasetError as error:
            raise DatasetError(str(error).replace(str(file), str(table))) from None
    opened, summary, unit, choice = found.table, found.summary, found.unit, found.choice
    name = printable(str(table))
    if not summary.n_rows:
        raise DatasetError(f"{table} has no rows: there is nothing to summarise")
    if unit is not None and not summary.sources:
        raise DatasetError(f"{table} has no video, and pictures have no time: leave out --out")
    rows = unit.rows(summary) if unit is not None else []
    if unit is not None and out is None:
        sys.stdout.write(csv_text(rows, unit.types))
    elif not quiet:
        print_summary(stdout(markup=False), summary)
    written, errors = list[Path](), plainly
    if as_json:
        with noting(errors):
            write_json(as_json, {"table": name} | summary.to_dict())
            written.append(as_json)
    if out is not None and unit is not None:
        with noting(errors):
            write_plain(out, rows, unit.types, {"livefer.table": name} | opened.metadata)
            written.append(out)
    about = {"table": name, **how_made(opened.metadata)}
    only = summary.sources[0].source if len(summary.sources) == 1 else name
    with noting(errors):
        written += [write_report(report, summary, short_name(only), about)] if report else []
    if plot is not None and who_of is not None and isinstance(unit, Videos):
        with noting(errors):
            figure = group_means_picture(rows, tuple(unit.whose.columns), opened.classes)
            save_picture(figure, plot)
            written.append(plot)
    elif plot is not None:
        written += write_timelines(plot, summary, errors=errors)
    written += [] if vtt is None else found.subtitles.write(vtt, summary, errors)
    if unit is not None:
        for line in unit.left_out(summary):
            note(line)
    if choice is not None:
        for line in choice.left_out():
            note(line)
    for path in written:
        rows_in = f": {count(len(rows), 'row')}" if path == out else ""
        note(f"wrote {path}{rows_in}")
    sys.stderr.writelines(f"{error}\n" for error in errors)
    if errors:
        raise typer.Exit(1)


def _chosen_unit(
    windows: float | None,
    episodes: bool,
    shortest: float | None,
    events: Path | None,
    before: float | None,
    after: float | None,
) -> UnitOf | None:
    """Return what a row is about; None where no option chooses it. ConfigError where two do."""
    if episodes and (windows is not None or events is not None):
        other = "--windows" if windows is not None else "--events"
        raise ConfigError(f"--episodes and {other} are two tables: choose one, then the other")
    if shortest is not None and not episodes:
        raise ConfigError("--shortest is for episodes: add --episodes")
    if events is None and (before is not None or after is not None):
        option = "--before" if before is not None else "--after"
        raise ConfigError(f"{option} is for events: add --events EVENTS.TSV")
    if episodes:
        least = SHORTEST_S if shortest is None else shortest
        return lambda classes, who: Episodes(classes, least, participants=who)
    if events is not None:
        read, before_s = read_events(events), BEFORE_S if before is None else before
        return lambda classes, who: Events(classes, read, before_s, after, windows, who)
    if windows is not None:
        return lambda classes, who: Windows(classes, windows, who)
    return None


def _chosen_participants(table: Path | None, pattern: str | None) -> WhoOf | None:
    if table is not None and pattern is not None:
        raise ConfigError("--participants and --id say the same thing: choose one")
    if table is not None:
        return lambda summary: Participants.read(summary, table)
    if pattern is not None:
        return lambda summary: Participants.from_names(summary, pattern)
    return None


@dataclass(frozen=True)
class _Reading:
    """A table that is read several times: it takes all of it to know which tracks are long."""

    file: Path
    progress: OnRead
    faces: FaceFilter
    judge: Judge | None
    with_subtitles: bool

    def all(
        self, unit_of: UnitOf | None, who_of: WhoOf | None, choice_of: ChoiceOf | None
    ) -> _Found:
        """Return the table, its figures, and its rows of figures where these are asked for."""
        choice: WhoIsWho | None = None
        who: Known = None
        if choice_of is not None:
            choice = choice_of(self._once(None, None, None).summary)
            if choice.names:
                who = Named(choice.names)
        if who_of is not None:
            who = who_of(self._once(choice, None, None).summary)
        return self._once(choice, who, unit_of)

    def _once(self, choice: WhoIsWho | None, who: Known, unit_of: UnitOf | None) -> _Found:
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
        return _Found(opened, summarizer.summary(), unit, choice, subtitles)


@dataclass(frozen=True)
class _Found:
    """What was read of a table."""

    table: ResultTable
    summary: Summary
    unit: Unit | None
    choice: WhoIsWho | None
    subtitles: Subtitles


def _judge(
    file: Path, progress: OnRead, span_s: tuple[float, float] | None
) -> tuple[Judge, list[str]]:
    """Return what judges a table's rows by each video's own resting face, and what hinders it.

    span_s: the seconds in which the faces are at rest; None finds them
    """
    opened = read_table(file, progress)
    faces = MainFaces(opened.rows, opened.classes)
    profiles, lines = {}, list[str]()
    for source in faces.answers:
        try:
            made = faces.profile_of(source, span_s)
        except ConfigError as error:
            lines.append(f"{source} was judged plainly: {error}")
            continue
        if made is None:
            sys.stderr.write(f"{source} was judged plainly: the face is hardly ever at rest\n")
        else:
            profiles[source] = made
    if not faces.answers:
        raise ConfigError("--baseline is for videos, and the table has no face with a track")
    return partial(faces.judged, profiles=profiles), lines


def print_summary(console: Console, summary: Summary) -> None:
    """Print a table's figures: the longest videos, the pictures, and what could not be read."""
    sources = sorted(summary.sources, key=lambda s: -s.frames_s)
    for source in [s for s in summary.sources if s in sources[:_MOST_SOURCES]]:
        _print_source(console, source, summary.classes)
    if (n := len(sources)) > _MOST_SOURCES:
        console.print(f"and {n - _MOST_SOURCES:,} shorter videos: --json has all\n", style="dim")
    if summary.pictures is not None:
        _print_pictures(console, summary.pictures)
    troubles = summary.troubles
    for trouble in troubles[:_MOST_ROWS]:
        says_where = trouble.source in trouble.error
        line = trouble.error if says_where else f"{trouble.source}: {trouble.error}"
        console.print(line, style="red", soft_wrap=True)
    if len(troubles) > _MOST_ROWS:
        console.print(f"and {len(troubles) - _MOST_ROWS:,} more errors: --json has all")


def _print_source(console: Console, source: SourceSummary, classes: Sequence[str]) -> None:
    n = len(source.followed)
    frames = count(source.n_frames, "frame")
    head = f" · {length(source.frames_s)} · {frames} · {count(n, 'track')}"
    console.print(Text.assemble((source.source, "bold"), head), soft_wrap=True)
    persons = sorted(source.followed, key=lambda p: -p.seen_s)[:_MOST_ROWS]
    if persons:
        shown = [p for p in source.followed if p in persons]
        console.print()
        _print_shares(console, [(p.name, length(p.seen_s), p) for p in shown], classes, "seen")
        console.print()
        console.print(_person_table(shown))
    if n > _MOST_ROWS:
        console.print(f"and {n - _MOST_ROWS:,} more who were seen for less: --json has all")
    for line in source.left_out():
        console.print(line, style="dim", soft_wrap=True)
    console.print()


def _print_pictures(console: Console, pictures: Pictures) -> None:
    without = f" · {pictures.n_without_face:,} without a face" if pictures.n_without_face else ""
    head = f" · {count(pictures.n_faces, 'face')}{without}"
    console.print(Text.assemble((count(pictures.n_pictures, "picture"), "bold"), head))
    for remark, number in pictures.notes.items():
        console.print(f"{number:,} {remark}", style="dim", soft_wrap=True)
    if pictures.n_faces:
        console.print()
        row = ("all", f"{pictures.n_faces:,}", pictures)
        _print_shares(console, [row], tuple(pictures.shares), "faces")
    console.print()


def _print_shares(
    console: Console,
    rows: Sequence[tuple[str, str, Person | Pictures]],
    classes: Sequence[str],
    weight: str,
) -> None:
    """Print the share of each class, as figures, and where there is room as a bar."""
    figures_of = [f"{name}>" for name in (*classes, "uncertain")]
    # A column holds its cells: each table needs columns of its own.
    plain = new_table(Column(no_wrap=True), f"{weight}>", *figures_of, padding=_PADDING)
    with_bar = new_table(
        Column(no_wrap=True), f"{weight}>", Column(no_wrap=True), *figures_of, padding=_PADDING
    )
    for name, amount, figures in rows:
        top = max(figures.shares.values(), default=0.0)
        cells: list[RenderableType] = [
            Text(
                f"{share:.0%}",
                f"bold {colour_hex(c, classes)}" if share == top else "" if share else "dim",
            )
            for c, share in figures.shares.items()
        ]
        cells.append(f"{figures.uncertain:.0%}")
        plain.add_row(name, amount, *cells)
        with_bar.add_row(name, amount, _bar(figures.shares), *cells)
    unbounded = console.options.update(width=10_000)
    has_room = console.measure(with_bar, options=unbounded).maximum <= console.width
    console.print(with_bar if has_room else plain)


def _person_table(persons: Sequence[Person]) -> Table:
    names = ("first>", "last>", "confidence>", "changes/min>", "longest stretches")
    table = new_table(Column(no_wrap=True), *names, padding=_PADDING)
    for person in persons:
        stretches = sorted(person.longest.items(), key=lambda item: -item[1].length_s)[:3]
        longest = ", ".join(f"{c} {length(s.length_s)} at {clock(s.start_s)}" for c, s in stretches)
        rate = person.transitions_per_min
        table.add_row(
            person.name,
            clock(person.first_s),
            clock(person.last_s),
            f"{person.confidence:.0%}",
            "–" if rate is None else f"{rate:.1f}",
            longest or "–",
        )
    return table


def _bar(shares: dict[str, float], width: int = 16) -> Text:
    """Return shares as a bar; what is missing to 1 is uncertain."""
    bar, done, end = Text(), 0, 0.0
    for name, share in shares.items():
        end += share
        n = round(width * end) - done
        bar.append("█" * n, colour_hex(name, tuple(shares)))
        done += n
    return bar.append("░" * (width - done), "dim")
