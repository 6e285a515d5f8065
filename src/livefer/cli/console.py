"""What commands print with rich: consoles, tables, and bars of classes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from livefer.errors import ConfigError
from livefer.formatting import printable
from livefer.labels import colour_hex

if TYPE_CHECKING:
    from livefer.media.names import LeftOut
    from livefer.recognizer import Recognizer


_is_quiet = False


def be_quiet(value: bool) -> bool:
    """Take the answer of --quiet: what `note` and progress bars would print is left out."""
    global _is_quiet
    _is_quiet = value
    return value


def is_quiet() -> bool:
    """Say whether --quiet was given."""
    return _is_quiet


def note(line: str) -> None:
    """Print a line on stderr, such as a summary or a hint; not with --quiet."""
    if not _is_quiet:
        sys.stderr.write(f"{printable(line)}\n")


def stdout(**options: Any) -> Console:
    """Return a console for results; numbers get no colours of their own."""
    return Console(highlight=False, **options)


def stderr() -> Console:
    """Return a console for progress and notes."""
    return Console(stderr=True)


def new_table(*columns: str | Column, **options: Any) -> Table:
    """Return an empty table: a line below its head, none around it.

    columns: a name that ends in > is that of a column of numbers, which stand to the right
    options: as for rich's Table
    """
    heads = (
        Column(column[:-1], justify="right", no_wrap=True)
        if isinstance(column, str) and column.endswith(">")
        else column
        for column in columns
    )
    return Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, **options)


def class_bar(share: float, name: str, classes: Sequence[str]) -> Text:
    """Return a bar in the class's colour, 18 letters long for a share of 1."""
    length = max(1, round(18 * share)) if share else 0
    return Text("█" * length, colour_hex(name, classes))


def print_left_out(left_out: LeftOut) -> None:
    """Print one line on stderr where folders hold more than was read."""
    if left_out:
        note(f"left out: {printable(str(left_out))}")


def check_landmarks(recognizer: Recognizer) -> None:
    """Raise ConfigError where the detector finds no landmarks, by which faces are compared."""
    if not getattr(recognizer.detector, "has_landmarks", False):
        raise ConfigError("--identify needs a detector with landmarks: --detector native or yunet")


def print_without_landmarks(recognizer: Recognizer) -> None:
    """Print one line where the detector knows no landmarks, although they are asked for."""
    name = getattr(recognizer.detector, "name", type(recognizer.detector).__name__)
    if not getattr(recognizer.detector, "has_landmarks", False):
        sys.stderr.write(f"{name} finds no landmarks, so they stay empty; native finds them\n")
