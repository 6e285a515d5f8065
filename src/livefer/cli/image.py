"""`livefer image`: the faces of pictures as a table, as JSON lines, and drawn into copies."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from livefer.cli.console import (
    new_table,
    print_left_out,
    print_without_landmarks,
    stdout,
)
from livefer.cli.files import Item, check_folder, find, free_name
from livefer.cli.options import (
    DetectorOption,
    MinScoreOption,
    ModelOption,
    PriorOption,
    ProfileOption,
    QuietOption,
)
from livefer.cli.progress import progress_bar
from livefer.drawing.faces import draw_faces
from livefer.errors import ConfigError, SourceError
from livefer.formatting import count, printable
from livefer.labels import colour_hex
from livefer.media.names import LeftOut
from livefer.media.pictures import WRITABLE, read_image, write_image
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.atomic import noting
from livefer.system.pipes import stem_of

_NO_LIMIT = 10_000  # letters in a line


def image(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, their http(s):// addresses, folders of pictures, quoted patterns "
            '("DIR/**/*" looks deeper), pipes (- is standard input).',
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
        bool, typer.Option("--json", help="Print a line of JSON for each picture, no table.")
    ] = False,
    landmarks: Annotated[
        bool,
        typer.Option(
            "--landmarks",
            help="Add the places of eyes, nose and corners of the mouth (with --json).",
        ),
    ] = False,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    min_score: MinScoreOption = None,
    prior: PriorOption = None,
    profile: ProfileOption = None,
    quiet: QuietOption = False,
) -> None:
    """Recognise the faces in pictures.

    Prints a table; writes files only with --out. `livefer analyze` writes tables. A picture without
    a face is an ordinary result. A picture that cannot be read becomes a row with its error, and a
    copy that cannot be written is named; the others follow, and the exit code is 1.
    """
    if landmarks and not as_json:
        raise ConfigError("--landmarks adds to the lines of JSON: add --json")
    if as_json and (file := next((p for p in paths if p.lower().endswith(".json")), None)):
        raise ConfigError(f"--json prints, and takes no name of a file: write --json > {file}")
    items, left_out = find(paths, "picture")
    _check_out(out, cam, paths, items)
    recognizer = Recognizer(
        model, detector, heatmaps=cam, prior=prior, profile=profile, min_score=min_score
    )
    if landmarks:
        print_without_landmarks(recognizer)
    table, shown = _table(), _short([name for name, _ in items])
    taken = {Path(name).resolve() for name, error in items if error is None}
    n_done, n_faces, errors, copies = 0, 0, list[str](), list[Path]()
    unwritten = list[str]()
    try:
        with progress_bar("recognising") as progress:
            for index, (name, error) in enumerate(items):
                result = _recognise(recognizer, index, name, error)
                if result.error and len(items) == 1 and not as_json:
                    raise SourceError(result.error)
                n_faces += len(result.faces)
                errors += [printable(result.error)] if result.error else []
                n_done += 1
                if not as_json:
                    _add_rows(table, shown[index], result)
                copy = None
                with noting(unwritten):
                    copy = None if out is None else _write_copy(result, out, taken, cam)
                copies += [copy] if copy else []
                if as_json:
                    _print_json(result.to_dict(landmarks), recognizer.classifier.name, copy)
                if len(items) > 2:
                    progress(n_done, len(items))
    finally:  # a full disk and Ctrl-C do not take what is known
        if n_done and not as_json:
            line = "" if n_done == len(items) else f"stopped after {n_done} of "
            line += f"{count(len(items), 'picture')}, {count(n_faces, 'face')}"
            line += f", {len(errors)} not readable" if errors else ""
            line += f"; model {recognizer.classifier.name}"
            line += f"; annotated copies in {out}" if copies[1:] else ""
            line += f"; annotated copy: {copies[0]}" if len(copies) == 1 else ""
            line += f"; {count(len(unwritten), 'copy')} not written" if unwritten else ""
            if not quiet:
                _print(table, [*errors, *unwritten], line, left_out)
    if as_json or quiet:
        of_pictures = [] if as_json else errors  # the JSON has them
        sys.stderr.writelines(f"{error}\n" for error in [*of_pictures, *unwritten])
        print_left_out(left_out)
    if errors or unwritten:
        raise typer.Exit(1)


def _check_out(out: Path | None, cam: bool, paths: Sequence[str], items: Sequence[Item]) -> None:
    """Raise ConfigError where copies cannot be written, or the next run would read them."""
    if cam and out is None:
        raise ConfigError("--cam paints into the annotated copies: add --out DIR")
    if out is None:
        return
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: expected a folder, existing or new")
    if out.suffix.lower() in WRITABLE and not out.exists():
        raise ConfigError(
            f"--out {out} is a picture's name: expected a folder, into which each picture's copy "
            "goes under its own name"
        )
    given = set(paths)
    searched = {Path(path).resolve() for path in paths if os.path.isdir(path)}
    searched |= {Path(name).resolve().parent for name, _ in items if name not in given}
    if out.resolve() in searched:
        raise ConfigError(
            f"--out {out} is a folder of the pictures to read, and the next run would read the "
            "copies too: expected another folder"
        )
    check_folder("--out", out)


def _recognise(recognizer: Recognizer, index: int, name: str, error: str | None) -> FrameResult:
    picture = None
    if error is None:
        try:
            picture = read_image(name)
        except SourceError as reason:
            error = str(reason)
    return recognizer.process(Frame(name, index, 0.0, picture, error=error, still=True))


def _write_copy(result: FrameResult, out: Path, taken: set[Path], cam: bool) -> Path | None:
    """Write the annotated copy of a picture that was read, and return its path.

    taken: paths that it must not have, of inputs and copies; it gets the new one
    """
    if result.image is None:
        return None
    source = Path(result.source)
    suffix = source.suffix if source.suffix.lower() in WRITABLE else ".png"
    path = free_name(out / f"{stem_of(result.source)}{suffix}", taken)
    write_image(path, draw_faces(result.image, result.faces, cam, bars=True))
    return path


def _print_json(result: dict[str, Any], model: str, copy: Path | None) -> None:
    record = result | {"model": model}
    if copy is not None:
        record["output"] = printable(str(copy))
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def _short(names: list[str]) -> list[str]:
    """Return the names without the folder that all of them share."""
    try:
        folder = os.path.commonpath([os.path.dirname(name) for name in names])
        return [printable(os.path.relpath(name, folder or ".")) for name in names]
    except ValueError:  # different drives, or absolute and relative
        return [printable(name) for name in names]


def _table() -> Table:
    return new_table(
        Column("picture", overflow="fold"),
        "face>",
        Column("expression", no_wrap=True),
        Column("second", no_wrap=True),
        Column("box", no_wrap=True, style="dim"),
    )


def _add_rows(table: Table, name: str, result: FrameResult) -> None:
    """Add a row for each face, or one for a picture without any."""
    if result.error is not None:
        table.add_row(Text(name), "", Text("cannot be read", "red"))
    elif not result.faces:
        table.add_row(Text(name), "", Text("no face", "dim"))
    for number, face in enumerate(result.faces, 1):
        style = "italic" if face.uncertain else f"bold {colour_hex(face.label, face.classes)}"
        second = face.probabilities[face.classes.index(face.second_label)]
        table.add_row(
            Text(name if number == 1 else ""),
            str(number),
            Text(f"{face.answer} {face.confidence:.0%}", style),
            f"{face.second_label} {second:.0%}",
            " ".join(f"{v:.0f}" for v in face.box),
        )


def _print(table: Table, errors: list[str], line: str, left_out: LeftOut) -> None:
    # In a file or a pipe, lines have any length: a broken name would be no name.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _NO_LIMIT
    console = stdout(markup=False, width=width)
    console.print(table)
    for error in errors:
        console.print(error, style="red", soft_wrap=True)
    console.print(line, style="bold", soft_wrap=True)
    if left_out:
        console.print(f"left out: {printable(str(left_out))}", soft_wrap=True)
