"""The figures of a result table as they are printed in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from livefer.cli.console import new_table
from livefer.formatting import clock, count, length
from livefer.labels import colour_hex
from livefer.summary.records import Person, Pictures, SourceSummary, Summary, kind_of

_MOST_ROWS = 20  # people of one source, and errors
_MOST_SOURCES = 10
_PADDING = (0, 1, 0, 0)


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
    who = count(n, kind_of(source.followed))
    head = f" · {length(source.frames_s)} · {frames} · {who}"
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
