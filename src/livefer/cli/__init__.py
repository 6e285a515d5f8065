"""The `livefer` command: a group that imports each command's module only when it is called."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from livefer.drawing import fonts
from livefer.errors import REINSTALL, LiveferError, MissingExtraError
from livefer.formatting import printable
from livefer.system.interrupts import outlive_terminals, terminable
from livefer.version import __version__

_MODELS = "From data to model"
_SETTINGS = {"help_option_names": ["--help", "-h"]}


class Command(NamedTuple):
    """A command as the group's help lists it; the function lies in the module of the same name.

    help: the first paragraph of the function's docstring
    extra: whose packages the function imports when it runs
    panel: the box of the help that lists it
    """

    help: str
    extra: str | None = None
    panel: str | None = None


COMMANDS = {
    "image": Command("Recognise the faces in pictures."),
    "video": Command("Recognise the faces in videos: a row for each face of each frame."),
    "analyze": Command("Recognise the faces in any number of pictures and videos."),
    "webcam": Command("Recognise faces live in a window."),
    "watch": Command("Recognise faces live without a window, for tables and other programs."),
    "serve": Command("Open livefer in the browser, with an API for programs.", "web"),
    "page": Command(
        "Write the page for any web host: faces are recognised in the visitor's browser."
    ),
    "summarize": Command("Summarise a table of faces."),
    "compare": Command("Measure how far two tables agree, or a table and a person's coding."),
    "profile": Command("Learn a person's own face, so that a resting one counts as neutral."),
    "explain": Command("Show which parts of a face speak for each expression."),
    "demo": Command("Recognise the face in the picture that comes with livefer."),
    "bench": Command("Measure how fast livefer is on this machine."),
    "doctor": Command("Check packages, model, detectors, cameras and display."),
    "download": Command(
        "Download a face detector, or ONNX Runtime for browsers, into livefer's cache folder."
    ),
    "data": Command("Show the classes, splits and faults of a data set.", panel=_MODELS),
    "crop": Command(
        "Cut the faces out of photographs, as livefer cuts them for its network.", panel=_MODELS
    ),
    "train": Command("Train the network.", "train", _MODELS),
    "train-detector": Command("Train the face detector.", "train", _MODELS),
    "evaluate": Command("Measure a model on labelled faces or photographs.", "train", _MODELS),
    "export": Command("Export a checkpoint to one self-describing ONNX file.", "train", _MODELS),
}


class Group(TyperGroup):
    """Lists commands by their line in COMMANDS, and loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command itself and its arguments."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load_command(str(listed.name)), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a package that is not installed becomes one line."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand
            extra = COMMANDS[name].extra if name in COMMANDS else None
            if extra is None or (error.name or "").startswith("livefer"):
                raise LiveferError(f"{error.name} is missing: {REINSTALL}") from None
            raise MissingExtraError(f"livefer {name} ({error.name})", extra) from None


app = typer.Typer(
    name="livefer",
    cls=Group,
    help="Facial expressions, live: recognise them in pictures, videos and cameras; "
    "train, evaluate and export the network behind it.",
    no_args_is_help=True,
    context_settings=_SETTINGS,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def load_command(name: str) -> Any:
    """Import a command's module, and return the command that typer makes of its function."""
    alone = typer.Typer(
        add_completion=False, context_settings=_SETTINGS, rich_markup_mode="markdown"
    )
    function = name.replace("-", "_")
    alone.command(name)(getattr(import_module(f"livefer.cli.{function}"), function))
    return get_command(alone)


def _listed() -> None:
    """Stand for a command that is not loaded yet."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.help, rich_help_panel=_command.panel)(_listed)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"livefer {__version__}")
        raise typer.Exit


@app.callback()
def _livefer(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit code 1."""
    # OpenCV prints a line for each frame that it cannot write; livefer reports the file once.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # bars and names that the terminal cannot show
    outlive_terminals()
    warnings.simplefilter("ignore", fonts.FontWarning)  # one line at the end says it
    try:
        with terminable():
            app(prog_name="livefer")  # what shells complete, as python -m livefer, too
    except LiveferError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:  # stdout, most probably
            # Python would write what it holds once more at the end, and fail for good.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            _fail("no space left to write to: free some on the disk")
        if error.filename is None:  # no file that the user could do something about
            raise
        _fail(
            f"{error.filename} cannot be read or written ({error.strerror}): check the path, its "
            "permissions and the free space on the disk"
        )
    finally:
        if letters := fonts.undrawn_letters():
            sys.stderr.write(f"{fonts.explain(letters)}\n")


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"livefer: {printable(message)}\n")
    raise SystemExit(1) from None
