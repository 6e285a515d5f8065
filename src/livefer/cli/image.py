"""`livefer image`: the faces of pictures as a table, as JSON lines, and drawn into copies."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.shared import (
    WRITABLE,
    DetectorOption,
    ModelOption,
    PriorOption,
    write_hint,
    write_image,
)
from livefer.errors import ConfigError, SourceError
from livefer.formatting import printable
from livefer.labels import colour_bgr

if TYPE_CHECKING:
    from rich.table import Table

    from livefer.recognizer import Recognizer
    from livefer.results import FrameResult


Item = tuple[str, str | None]  # a picture's path, and why there is none
_NO_LIMIT = 10_000  # letters in a line


def image(
    paths: Annotated[
        list[str],
        typer.Argument(
            help='Pictures, folders of pictures, quoted patterns ("DIR/**/*" looks deeper).',
            metavar="PATH...",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write annotated copies into this folder, under the pictures' own names.",
            metavar="DIR",
        ),
    ] = None,
    cam: Annotated[
        bool, typer.Option("--cam", help="Paint where the network looked (with --out).")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for each picture, no table.")
    ] = False,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:
    """Recognise the faces in pictures.

    Prints a table; nothing is written without --out. A picture without a face is an ordinary
    result. One that cannot be read is a row with its error; the others follow, and the exit
    code is 1.
    """
    from livefer.drawing.faces import draw_faces
    from livefer.recognizer import Recognizer

    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: expected a folder, existing or new")
    if cam and out is None:
        raise ConfigError("--cam paints into the annotated copies: say where to with --out DIR")
    items = list(_find(paths))
    taken = {Path(name).resolve() for name, error in items if error is None}
    if out is not None and out.resolve() in _searched(paths, items):
        raise ConfigError(
            f"--out {out} is where pictures are looked for, and the next run would take the copies "
            "for pictures: expected another folder"
        )
    recognizer = Recognizer(model, detector, heatmaps=cam, prior=prior)
    table, shown = _table(), _short([name for name, _ in items])
    n_faces, errors = 0, []
    copies: list[Path] = []
    for index, (name, error) in enumerate(_with_progress(items)):
        result = _recognise(recognizer, index, name, error)
        if result.error and len(items) == 1 and not as_json:
            raise SourceError(result.error)
        n_faces += len(result.faces)
        errors += [printable(result.error)] if result.error else []
        record = result.to_dict() | {"model": recognizer.classifier.name}
        if out is not None and result.image is not None:
            path = _free_name(out, Path(name), taken)
            write_image(path, draw_faces(result.image, result.faces, cam, bars=True))
            record["output"] = printable(str(path))
            copies.append(path)
        if as_json:
            sys.stdout.write(json.dumps(record) + "\n")
            sys.stdout.flush()
        else:
            _add_rows(table, shown[index], result)
    if not as_json:
        where = copies[0] if len(copies) == 1 else out
        line = f"{_count(len(items), 'picture')}, {_count(n_faces, 'face')}"
        line += f", {len(errors)} not readable" if errors else ""
        line += f"; model {recognizer.classifier.name}"
        _print(table, errors, line, where if copies else None)
    write_hint(recognizer)
    if errors:
        raise typer.Exit(1)


def _find(paths: list[str]) -> Iterator[tuple[str, str | None]]:
    """Yield (file, None) for each picture, and (path, why not) for what is none."""
    from livefer.media.names import VIDEO_SUFFIXES, find_files, suffix_of

    for path in paths:
        found = find_files(path, "picture")
        if found is None:
            is_video = suffix_of(path) in VIDEO_SUFFIXES
            yield path, f'{path} is a video: "livefer video" is for them' if is_video else None
            continue
        yield from ((file, None) for file in found.files)
        yield from found.errors


def _searched(paths: list[str], items: list[Item]) -> set[Path]:
    """Return the folders in which pictures were looked for and found."""
    given = set(paths)
    folders = {Path(path).resolve() for path in paths if os.path.isdir(path)}
    return folders | {Path(name).resolve().parent for name, _ in items if name not in given}


def _recognise(recognizer: Recognizer, index: int, name: str, error: str | None) -> FrameResult:
    from livefer.media.sources import read_image
    from livefer.results import Frame

    picture = None
    if error is None:
        try:
            picture = read_image(name)
        except SourceError as reason:
            error = str(reason)
    return recognizer.process(Frame(name, index, 0.0, picture, error=error, still=True))


def _free_name(out: Path, source: Path, taken: set[Path]) -> Path:
    """Return a name in `out` that is neither an input nor written before; and note it as taken."""
    suffix = source.suffix if source.suffix.lower() in WRITABLE else ".png"
    path, n = out / f"{source.stem}{suffix}", 1
    while path.resolve() in taken:
        n += 1
        path = out / f"{source.stem}-{n}{suffix}"
    taken.add(path.resolve())
    return path


def _with_progress(items: list[Item]) -> Iterable[Item]:
    """Show a bar while many pictures are recognised, if somebody is watching."""
    if len(items) < 3 or not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, "recognising", console=Console(stderr=True), transient=True)


def _short(names: list[str]) -> list[str]:
    """Return the names without the folder that all of them are in."""
    try:
        folder = os.path.commonpath([os.path.dirname(name) for name in names])
        return [printable(os.path.relpath(name, folder or ".")) for name in names]
    except ValueError:  # different drives, or absolute and relative
        return [printable(name) for name in names]


def _table() -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("picture", overflow="fold")
    table.add_column("face", justify="right")
    table.add_column("expression", no_wrap=True)
    table.add_column("second", no_wrap=True)
    table.add_column("box", no_wrap=True, style="dim")
    return table


def _add_rows(table: Table, name: str, result: FrameResult) -> None:
    """Add a row for each face, or one that says that there is none."""
    from rich.text import Text

    if result.error is not None:
        table.add_row(Text(name), "", Text("cannot be read", "red"))
    elif not result.faces:
        table.add_row(Text(name), "", Text("no face", "dim"))
    for number, face in enumerate(result.faces, 1):
        blue, green, red = colour_bgr(face.label, face.classes)
        style = "italic" if face.uncertain else f"bold rgb({red},{green},{blue})"
        label = Text(f"{face.answer} {face.confidence:.0%}", style)
        second = face.probabilities[face.classes.index(face.second_label)]
        table.add_row(
            Text(name if number == 1 else ""),
            str(number),
            label,
            f"{face.second_label} {second:.0%}",
            " ".join(f"{v:.0f}" for v in face.box),
        )


def _print(table: Table, errors: list[str], line: str, out: Path | None) -> None:
    from rich.console import Console

    # In a file or a pipe, nobody wants lines that are broken.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _NO_LIMIT
    console = Console(highlight=False, markup=False, width=width)
    console.print(table)
    for error in errors:
        console.print(error, style="red", soft_wrap=True)
    if out is not None:
        line += f"; annotated copies in {out}" if out.is_dir() else f"; annotated copy: {out}"
    console.print(line, style="bold", soft_wrap=True)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
