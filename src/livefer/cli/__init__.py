"""The `livefer` command: one small module a command; heavy imports wait inside the functions."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from livefer.cli.analyze import analyze
from livefer.cli.bench import bench
from livefer.cli.data import data
from livefer.cli.demo import demo
from livefer.cli.doctor import doctor
from livefer.cli.download import download
from livefer.cli.evaluate import evaluate
from livefer.cli.explain import explain
from livefer.cli.export import export
from livefer.cli.image import image
from livefer.cli.serve import serve
from livefer.cli.summarize import summarize
from livefer.cli.train import train
from livefer.cli.video import video
from livefer.cli.webcam import webcam
from livefer.errors import LiveferError
from livefer.system.interrupts import terminable
from livefer.version import __version__

app = typer.Typer(
    name="livefer",
    help="Facial expressions, live: recognise them in pictures, videos and cameras; "
    "train, evaluate and export the network behind it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"livefer {__version__}")
        raise typer.Exit


@app.callback()
def _livefer(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


app.command()(image)
app.command()(video)
app.command()(analyze)
app.command()(webcam)
app.command()(serve)
app.command()(summarize)
app.command()(explain)
app.command()(demo)
app.command()(bench)
app.command()(doctor)
app.command()(download)

app.command(rich_help_panel="From data to model")(data)
app.command(rich_help_panel="From data to model")(train)
app.command(rich_help_panel="From data to model")(evaluate)
app.command(rich_help_panel="From data to model")(export)


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit code 1."""
    # OpenCV has a line for each frame that it cannot write; livefer says it once.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # bars and names that the terminal cannot show
    try:
        with terminable():
            app()
    except LiveferError as error:
        sys.stderr.write(f"livefer: {error}\n")
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:  # stdout, most probably
            sys.stderr.write("livefer: there is no room to write to: make some on the disk\n")
            raise SystemExit(1) from None
        if error.filename is None:  # no file that the user could do something about
            raise
        sys.stderr.write(
            f"livefer: {error.filename} cannot be read or written ({error.strerror}): check the "
            "path, its permissions and the room on the disk\n"
        )
        raise SystemExit(1) from None
