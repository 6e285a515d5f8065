"""`livefer summarize`: a result table as figures, a picture and a report, without the media.

`livefer video` makes the same picture and report, with faces.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from livefer.cli.console import new_table, stdout
from livefer.cli.files import check_not_read, check_plot_and_report, check_writable, write_json
from livefer.cli.options import JsonFileOption, PlotOption, ReportOption
from livefer.cli.progress import progress_bar
from livefer.errors import DatasetError
from livefer.formatting import clock, count, length, printable, short_name
from livefer.labels import colour_hex
from livefer.summary.records import Person, Pictures, SourceSummary, Summary
from livefer.summary.summarize import Summarizer
from livefer.summary.video_digest import write_report, write_timelines
from livefer.system.atomic import noting
from livefer.system.pipes import on_disk
from livefer.tables.reading import read_table
from livefer.tables.schema import SEARCH

_METADATA = {
    "livefer.model": "model",
    SEARCH: "videos searched for faces",
    "livefer.version": "recognised by livefer",
}
_MOST_ROWS = 20  # people of one source, and errors
_MOST_SOURCES = 10
_PADDING = (0, 1, 0, 0)


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
) -> None:
    """Summarise a table of faces.

    For each person: the share of time of each expression and of uncertain faces, changes per
    minute, and the longest stretches. For each video: frames without a face, skipped frames, gaps
    and errors. All shares are weighted by time.
    """
    check_plot_and_report(plot, report)
    check_not_read([as_json], [table])
    if as_json:
        check_writable(as_json)
    with progress_bar("reading") as progress, on_disk(table) as file:
        try:
            opened = read_table(file, progress)
            summarizer = Summarizer(opened.classes)
            for row in opened.rows:
                summarizer.add(row)
        except DatasetError as error:
            raise DatasetError(str(error).replace(str(file), str(table))) from None
    summary, name = summarizer.summary(), printable(str(table))
    if not summary.n_rows:
        raise DatasetError(f"{table} has no rows: there is nothing to summarise")
    print_summary(stdout(markup=False), summary)
    written, errors = list[Path](), list[str]()
    if as_json:
        with noting(errors):
            write_json(as_json, {"table": name} | summary.to_dict())
            written.append(as_json)
    about = {"table": name} | {
        words: opened.metadata[key] for key, words in _METADATA.items() if key in opened.metadata
    }
    only = summary.sources[0].source if len(summary.sources) == 1 else name
    with noting(errors):
        written += [write_report(report, summary, short_name(only), about)] if report else []
    written += write_timelines(plot, summary, errors=errors) if plot else []
    for path in written:
        sys.stderr.write(f"wrote {path}\n")
    sys.stderr.writelines(f"{error}\n" for error in errors)
    if errors:
        raise typer.Exit(1)


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
    n = len(source.persons)
    head = f" · {length(source.frames_s)} · {source.n_frames:,} frames · {count(n, 'person')}"
    console.print(Text.assemble((source.source, "bold"), head), soft_wrap=True)
    persons = sorted(source.persons, key=lambda p: -p.seen_s)[:_MOST_ROWS]
    if persons:
        shown = [p for p in source.persons if p in persons]
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
    for note, number in pictures.notes.items():
        console.print(f"{number:,} {note}", style="dim", soft_wrap=True)
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
