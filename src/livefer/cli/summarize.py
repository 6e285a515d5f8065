"""`livefer summarize`: a result table as figures, a picture and a report, without the media.

`livefer video` makes the same picture and report, with faces. The figures of windows, episodes,
events and participants are a table of their own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.console import note, stdout
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
from livefer.cli.summary_tables import print_summary
from livefer.drawing.figures import save_picture
from livefer.errors import ConfigError, DatasetError
from livefer.formatting import count, printable, short_name
from livefer.profiles.running import AUTO
from livefer.profiles.tables import seconds_in
from livefer.summary.choice import FaceFilter, WhoIsWho
from livefer.summary.episodes import SHORTEST_S, Episodes
from livefer.summary.events import BEFORE_S, Events, read_events
from livefer.summary.group_means import group_means_picture
from livefer.summary.participants import Participants
from livefer.summary.reading import ChoiceOf, Reader, UnitOf, WhoOf, judge_of
from livefer.summary.records import Summary
from livefer.summary.units import Videos, Windows
from livefer.summary.video_digest import write_report, write_timelines
from livefer.system.atomic import noting
from livefer.system.pipes import on_disk
from livefer.tables.plain import check_plain_name, csv_text, write_plain
from livefer.tables.sidecar import how_made

_UNITS, _FACES = "Rows of figures", "Which faces count"


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
    if unit_of is None and (out is not None or who_of is not None):
        unit_of = Videos
    judge, remarks, errors = None, list[str](), list[str]()
    with progress_bar("reading") as progress, on_disk(table) as file:
        try:
            if baseline is not None:
                judge, remarks, errors = judge_of(file, progress, span_s)
            reader = Reader(file, progress, faces, judge, vtt is not None)
            found = reader.read(unit_of, who_of, choice_of)
        except DatasetError as error:
            raise DatasetError(str(error).replace(str(file), str(table))) from None
    opened, summary, unit, choice = found.table, found.summary, found.unit, found.choice
    name = printable(str(table))
    if not summary.n_rows:
        raise DatasetError(f"{table} has no rows: there is nothing to summarise")
    if not summary.sources and (unit is not None or vtt is not None):
        what = "subtitles" if unit is None else "rows of figures"
        raise DatasetError(f"{table} has no video, and pictures have no time: there are no {what}")
    rows = unit.rows(summary) if unit is not None else []
    if unit is not None and out is None:
        sys.stdout.write(csv_text(rows, unit.types))
    elif not quiet:
        print_summary(stdout(markup=False), summary)
    written = list[Path]()
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
    remarks += [] if unit is None else unit.left_out(summary)
    remarks += [] if choice is None else choice.left_out()
    for line in remarks:
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
