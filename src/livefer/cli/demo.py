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
        typer.Option(
            "--out", "-o", help="Write the annotated picture into this folder.", metavar="DIR"
        ),
    ] = Path("out"),
) -> None:
    """Recognise the face in the picture that comes with livefer.

    Prints the result and writes the annotated picture: `livefer image`, to see that all is well.
    """
    image([str(PICTURE)], out)
