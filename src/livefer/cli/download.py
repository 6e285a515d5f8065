"""`livefer download`: bring what livefer can use and does not carry; nothing comes unasked."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer


class Item(str, enum.Enum):
    """What can be downloaded."""

    yunet = "yunet"


def download(
    item: Annotated[
        Item, typer.Argument(help="yunet: the better face detector, 0.2 MB.", metavar="ITEM")
    ],
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="Take the file from here instead of the network."),
    ] = None,
) -> None:
    """Download a face detector into livefer's cache folder, and check it.

    `--detector auto` finds it there. LIVEFER_CACHE names another folder.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from livefer.detection.yunet import download_yunet

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(item.value, total=None)
        path = download_yunet(
            from_file, lambda done, total: bar.update(task, completed=done, total=total)
        )
    typer.echo(f"{item.value} is at {path}; --detector auto now takes it")
