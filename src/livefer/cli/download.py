"""`livefer download`: fetch another face detector; nothing is fetched unasked."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.options import QuietOption
from livefer.cli.progress import progress_bar
from livefer.detection.yunet import download_yunet


class Item(str, enum.Enum):
    """What can be downloaded."""

    yunet = "yunet"


def download(
    item: Annotated[
        Item, typer.Argument(help="yunet: another face detector, 0.2 MB.", metavar="ITEM")
    ],
    from_file: Annotated[
        Path | None, typer.Option("--from", help="Install this file instead: needs no network.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Download a face detector into livefer's cache folder.

    Its SHA-256 is checked. `--detector yunet` then uses it. LIVEFER_CACHE names another folder.
    """
    with progress_bar(item.value, in_bytes=True) as progress:
        path = download_yunet(from_file, progress)
    if not quiet:
        typer.echo(f"{item.value} is at {path}; use it by --detector {item.value}")
