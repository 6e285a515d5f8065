"""`livefer download`: fetch what does not come with livefer; nothing is fetched unasked."""

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
    browser_runtime = "browser-runtime"


def download(
    item: Annotated[
        Item,
        typer.Argument(
            help="yunet: another face detector, 0.2 MB. browser-runtime: what livefer page "
            "needs, ONNX Runtime for browsers, 33 MB from npm.",
            metavar="ITEM",
        ),
    ],
    from_file: Annotated[
        Path | None, typer.Option("--from", help="Install this file instead: needs no network.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Download a face detector, or ONNX Runtime for browsers, into livefer's cache folder.

    The checksum is verified. LIVEFER_CACHE names another folder.
    """
    # Not at the top: no other command needs the room web.
    from livefer.web.runtime import download_runtime

    get, use = {
        Item.yunet: (download_yunet, "use it by --detector yunet"),
        Item.browser_runtime: (download_runtime, '"livefer page" and "livefer serve" use it'),
    }[item]
    with progress_bar(item.value, in_bytes=True) as progress:
        path = get(from_file, progress)
    if not quiet:
        typer.echo(f"{item.value} is at {path}; {use}")
