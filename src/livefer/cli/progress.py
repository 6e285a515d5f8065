"""Progress bars on stderr: shown on a terminal only, and gone when the work is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from livefer.cli.console import is_quiet, stderr

_LOG_S = 30.0  # between two lines where stderr is no terminal


def new_bar(*columns: str | ProgressColumn, **options: Any) -> Progress:
    """Return a bar that is not shown yet; options: as for rich's Progress."""
    console = stderr()
    disable = is_quiet() or not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=disable, **options)


@contextmanager
def progress_bar(
    description: str, in_bytes: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """Give a function (done, total) that moves a bar; the bar appears with its first call."""
    amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with new_bar(*columns) as bar:
        task = bar.add_task(description, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@contextmanager
def still_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function (what, done, total) that draws a bar.

    It is drawn only when called: a bar that moves by itself would take time from what is measured.
    """
    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}"))
    with new_bar(*columns, auto_refresh=False) as bar:
        task = bar.add_task("loading", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total, refresh=True
        )


@contextmanager
def bar_or_log(total: float) -> Iterator[Callable[[float, str, str], None]]:
    """Give a function (done, count, speed) that moves a bar; in a log, a line every 30 seconds."""
    columns = ("{task.fields[count]}", BarColumn(), TaskProgressColumn(), "{task.fields[speed]}")
    with new_bar(*columns) as bar:
        task = bar.add_task("", total=total, count="loading", speed="")
        logged_s = time.monotonic()

        def show(done: float, count: str, speed: str) -> None:
            nonlocal logged_s
            bar.update(task, completed=done, count=count, speed=speed)
            if bar.disable and not is_quiet() and time.monotonic() > logged_s + _LOG_S:
                logged_s = time.monotonic()
                sys.stderr.write(f"{count}: {speed}\n")

        yield show


def video_bar() -> Progress:
    """Return a bar for videos, with speed and time left."""
    return new_bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
