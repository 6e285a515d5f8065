"""`livefer demo`: the picture that comes with livefer, recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livefer.assets.files import PICTURE
from livefer.cli.image import image


def demo(
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the annotated picture.", metavar="DIR"),
    ] = Path("out"),
) -> None:
    """Recognise the face in the picture that comes with livefer.

    A first test: prints the result and writes an annotated copy, as `livefer image --out` does.
    """
    image([str(PICTURE)], out)
