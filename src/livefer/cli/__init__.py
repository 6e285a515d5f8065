"""The `livefer` command: one small module a command; heavy imports wait inside the functions."""

from __future__ import annotations

import sys

import typer

from livefer.errors import LiveferError

app = typer.Typer(
    name="livefer",
    help="Facial expressions, live: recognise them in pictures, videos and cameras; "
    "train, evaluate and export the network behind it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit code 1."""
    try:
        app()
    except LiveferError as error:
        sys.stderr.write(f"livefer: {error}\n")
        raise SystemExit(1) from None
