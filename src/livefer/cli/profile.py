"""`livefer profile`: what a person's own faces look like to the model, from pictures and films."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.text import Text

from livefer.batch.profiles import Example, doubts, learn_profile
from livefer.cli.console import new_table, stdout
from livefer.cli.files import check_not_read, check_writable, find
from livefer.cli.options import DetectorOption, ModelOption, PriorOption, QuietOption
from livefer.errors import ConfigError, SourceError
from livefer.formatting import printable
from livefer.profiles.profile import NEUTRAL, Profile
from livefer.recognizer import Recognizer


def profile(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The profile to write.", metavar="OUT.JSON")
    ],
    neutral: Annotated[
        list[str],
        typer.Option(
            help="A picture of the person's resting face, a folder of such, or a film; "
            "FILM@0-10 is its first ten seconds. Several times for several.",
            metavar="PATH",
        ),
    ],
    expression: Annotated[
        list[str] | None,
        typer.Option(
            help="The same for another expression of the person, as in happy=smile.jpg.",
            metavar="CLASS=PATH",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="The person's name in tables.", show_default="the file's", metavar="NAME"
        ),
    ] = None,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
    quiet: QuietOption = False,
) -> None:
    """Learn a person's own face, so that a resting one counts as neutral.

    Faces differ, and the model judges each by the average one. With a profile, livefer judges by
    how far a face is from the person's own resting face. It helps most with faint smiles, and with
    people who look sad or angry at rest.

    The file holds numbers only, no picture, and belongs to one model. Use it by --profile.
    """
    if out.suffix.lower() != ".json":
        raise ConfigError(f"--out {out}: expected the name of a file ending in .json")
    sources = {NEUTRAL: _files(neutral)}
    for given in expression or []:
        shown, _, path = given.partition("=")
        if not path:
            raise ConfigError(f"--expression {given}: expected CLASS=PATH, as in happy=smile.jpg")
        sources.setdefault(shown, []).extend(_files([path]))
    check_not_read([out], [path for paths in sources.values() for path in paths])
    check_writable(out)
    recognizer = Recognizer(model, detector, prior=prior)
    made, examples = learn_profile(recognizer, sources, name or out.stem)
    made.save(out)
    if not quiet:
        _print(made, examples)
    sys.stderr.writelines(f"{printable(line)}\n" for line in doubts(made, examples))
    if not quiet:
        about = f"{made.name}, for the model {made.model}"
        typer.echo(f"wrote {out}: {about}; use it by --profile {out}")


def _files(paths: Sequence[str]) -> list[str]:
    """Return the pictures of folders and patterns; other paths as they are."""
    files = []
    for path in paths:
        if "@" in path or not (Path(path).is_dir() or any(letter in path for letter in "*?[")):
            files.append(path)
            continue
        items, _ = find([path], "picture")
        for item, error in items:
            if error is not None:
                raise SourceError(error)
            files.append(item)
    return files


def _print(made: Profile, examples: Sequence[Example]) -> None:
    """Show what each example looks like without the profile and with it."""
    table = new_table("given", "as", "faces>", "without the profile", "with it")
    for one in examples:
        plain, judged = one.answers.mean(axis=0), made.judge(one.answers).mean(axis=0)
        faces = "1" if one.n_frames == 1 else f"{len(one.answers)} of {one.n_frames}"
        table.add_row(
            Text(printable(Path(one.source).name)), one.expression, faces,
            *(_answer(made.classes, shares) for shares in (plain, judged)),
        )  # fmt: skip
    stdout().print(table)


def _answer(classes: Sequence[str], probabilities: np.ndarray) -> str:
    best = int(probabilities.argmax())
    return f"{classes[best]} {probabilities[best]:.0%}"
