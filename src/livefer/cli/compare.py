"""`livefer compare`: how far two tables agree, or a table and a person's coding."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from livefer.cli.console import new_table, stdout
from livefer.cli.files import check_not_read, check_writable, use_matplotlib, write_json
from livefer.cli.options import JsonFileOption, a_number
from livefer.cli.progress import progress_bar
from livefer.drawing.figures import save_picture
from livefer.errors import ConfigError, DatasetError
from livefer.formatting import count, length, printable
from livefer.summary.agreement import TYPES, Agreement, agreement
from livefer.summary.agreement_picture import agreement_picture
from livefer.summary.events import read_events
from livefer.summary.kappa import two_digits
from livefer.summary.sides import CodingSide, Side, TableSide
from livefer.system.atomic import noting
from livefer.tables.plain import check_plain_name, write_plain
from livefer.tables.reading import BOX, SUFFIXES, column_names, read_table
from livefer.tables.schema import classes_in

_PICTURES = (".png", ".pdf", ".svg")


def compare(
    first: Annotated[
        Path, typer.Argument(help="A table that livefer wrote, or a coding.", metavar="A")
    ],
    second: Annotated[
        Path,
        typer.Argument(
            help="A second table of the same videos, or a person's coding: an export of ELAN or "
            "BORIS, or a table with onset, duration and trial_type.",
            metavar="B",
        ),
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="What a word of the coding means, as in smile=happy. May be repeated.",
            metavar="WORD=CLASS",
        ),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option(
            help="The class of the time that the coding leaves empty, such as neutral.",
            show_default="left out",
            metavar="CLASS",
        ),
    ] = None,
    uncertain: Annotated[
        bool,
        typer.Option("--uncertain", help="Count uncertain faces, too, by their labels."),
    ] = False,
    shift: Annotated[
        str,
        typer.Option(
            help="Take B so many seconds later; auto: as they agree most.", metavar="SECONDS|auto"
        ),
    ] = "0",
    max_shift: Annotated[
        float,
        typer.Option(
            help="The largest shift to try.", min=0, max=60, callback=a_number, metavar="SECONDS"
        ),
    ] = 2.0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write a row for each class: a .csv, .json or .parquet file.",
            metavar="FILE",
        ),
    ] = None,
    as_json: JsonFileOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the confusion: a .png, .pdf or .svg file.", metavar="FILE"),
    ] = None,
) -> None:
    """Measure how far two tables agree, or a table and a person's coding.

    Prints Cohen's kappa over all classes and for each, with 95 % intervals, the confusion in
    seconds, and the shift in time at which both agree most.
    """
    check_not_read([out, as_json, plot], [first, second])
    if out is not None:
        check_plain_name(out)
    if plot is not None:
        if plot.suffix.lower() not in _PICTURES or plot.is_dir():
            raise ConfigError(f"--plot {plot}: expected a name that ends in {', '.join(_PICTURES)}")
        use_matplotlib()
    for path in (out, as_json, plot):
        if path is not None:
            check_writable(path)
    shift_s = _shift(shift)
    sides = _sides((first, second), uncertain, _words(label or ()), rest)
    found = agreement(*sides, shift_s, max_shift)
    _print(found, first, second, max_shift)
    errors, written = list[str](), list[Path]()
    names = {"first": printable(str(first)), "second": printable(str(second))}
    if out is not None:
        with noting(errors):
            write_plain(out, found.rows(), TYPES)
            written.append(out)
    if as_json is not None:
        with noting(errors):
            write_json(as_json, names | found.to_dict())
            written.append(as_json)
    if plot is not None:
        with noting(errors):
            save_picture(agreement_picture(found, first.name, second.name), plot)
            written.append(plot)
    sys.stderr.writelines(f"wrote {path}\n" for path in written)
    sys.stderr.writelines(f"{error}\n" for error in errors)
    if errors:
        raise typer.Exit(1)


def _shift(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not abs(seconds) < 1e6:
        raise ConfigError(f"--shift {text}: expected seconds, or auto")
    return seconds


def _words(labels: list[str] | tuple[()]) -> dict[str, str]:
    words = {}
    for text in labels:
        word, mark, name = text.rpartition("=")
        if not mark or not word or not name:
            raise ConfigError(f"--label {text}: expected WORD=CLASS, as in smile=happy")
        words[word.strip()] = name.strip()
    return words


def _sides(
    paths: tuple[Path, Path], uncertain: bool, words: dict[str, str], rest: str | None
) -> tuple[Side, Side]:
    """Read both sides; one that is no table is a coding."""
    are_tables = [_is_table(path) for path in paths]
    if all(are_tables) and (words or rest):
        raise ConfigError("--label and --rest are for a coding, and both files are tables")
    tables = {
        path: _table_side(path, uncertain)
        for path, is_one in zip(paths, are_tables, strict=True)
        if is_one
    }
    if not tables:
        raise DatasetError(
            f"neither {paths[0]} nor {paths[1]} is a table that livefer wrote: one of them has to "
            "be"
        )
    of = next(iter(tables.values()))
    first, second = (
        tables.get(path) or CodingSide(read_events(path), of.sources, of.classes, words, rest)
        for path in paths
    )
    return first, second


def _is_table(path: Path) -> bool:
    """Say whether a file is a result table."""
    if not path.is_dir() and path.suffix.lower() not in SUFFIXES:
        return False
    names = column_names(path)
    return "source" in names and bool(classes_in(names))


def _table_side(path: Path, uncertain: bool) -> TableSide:
    with progress_bar("reading") as progress:
        opened = read_table(path, progress, BOX)
        side = TableSide(opened.rows, opened.classes, uncertain)
    if not side.sources:
        has = "pictures only, and they have no time" if side.n_pictures else "no rows of a video"
        raise DatasetError(f"{path} has {has}: there is nothing to compare")
    return side


def _print(found: Agreement, first: Path, second: Path, max_shift_s: float) -> None:
    console = stdout(markup=False)
    names = f"{printable(first.name)} and {printable(second.name)}"
    compared = length(float(found.matrix.sum()))
    console.print(f"{names} · {count(found.n_films, 'film')} · {compared} compared", soft_wrap=True)
    console.print()
    table = new_table("", "kappa>", "95 %>", "agree>", "A>", "B>", padding=(0, 1, 0, 0))
    for row in found.rows():
        if not row["first_s"] and not row["second_s"]:
            continue
        low, high = row["low"], row["high"]
        table.add_row(
            row["label"],
            "–" if row["kappa"] is None else two_digits(row["kappa"]),
            "" if low is None else f"{two_digits(low)}–{two_digits(high)}",
            "–" if row["agreed"] is None else f"{row['agreed']:.0%}",
            _seconds(row["first_s"]),
            _seconds(row["second_s"]),
        )
    console.print(table)
    console.print()
    used = np.flatnonzero(found.matrix.sum(axis=0) + found.matrix.sum(axis=1)).tolist()
    heads = [f"{found.classes[i]}>" for i in used]
    confusion = new_table("A (rows), B", *heads, padding=(0, 1, 0, 0))
    for i in used:
        cells = [_seconds(float(found.matrix[i, j])) for j in used]
        confusion.add_row(found.classes[i], *cells)
    console.print(confusion)
    console.print()
    console.print(f"interval: {found.interval}", style="dim", soft_wrap=True)
    for what, of_both in (("uncertain", found.uncertain_s), ("missing", found.missing_s)):
        for side, seconds in zip("AB", of_both, strict=True):
            if seconds:
                console.print(f"left out: {length(seconds)} {what} in {side}", style="dim")
    for reason, n in found.left_out.items():
        line = f"left out: {count(n, 'event')} {printable(reason)}"
        console.print(line, style="dim", soft_wrap=True)
    console.print(_shift_words(found, max_shift_s), soft_wrap=True)
    if found.renamed is not None:
        names = " and ".join(printable(name) for name in found.renamed)
        console.print(f"compared {names}: the names differ, so check that they are one film")


def _seconds(seconds: float) -> str:
    return length(seconds) if seconds else "·"


def _shift_words(found: Agreement, max_shift_s: float) -> str:
    at = f" (here B is taken {_later(found.shift_s)})" if found.shift_s else ""
    if found.best_kappa is None or found.best_shift_s == 0:
        return f"no shift in time improves the agreement{at}"
    best = f"{_later(found.best_shift_s)}: kappa {two_digits(found.best_kappa)}"
    if abs(found.best_shift_s) > max_shift_s - 0.05:
        best += " (the largest shift that was tried: look whether the times are of one clock)"
    without = f", {found.kappa or '–'} without a shift; --shift auto takes it"
    return f"best agreement where B is taken {best}{at or without}"


def _later(shift_s: float) -> str:
    return f"{abs(shift_s):g} s {'later' if shift_s > 0 else 'earlier'}"
