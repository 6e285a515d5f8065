"""Pipes as inputs: named ones, those of a shell's <(…), and standard input, which is called "-"."""

from __future__ import annotations

import os
import select
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from livefer.errors import LiveferError, SourceError

STDIN = "-"
_POLL_S = 0.2


def is_pipe(path: str | Path) -> bool:
    """Say whether a path is standard input or a pipe: what can be read once, to its end."""
    if str(path) == STDIN:
        return True
    mode = _mode(path)
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def is_special(path: str | Path) -> bool:
    """Say whether a path is neither file nor folder: a pipe or a device, on which one may wait."""
    mode = _mode(path)
    return mode != 0 and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def stem_of(name: str) -> str:
    """Return a file's name without its suffix; "stdin" for standard input."""
    return "stdin" if name == STDIN else Path(name).stem


def read_stdin() -> bytes:
    """Return all of standard input; SourceError where that is a terminal."""
    with _stdin() as file:
        return file.read()


def open_pipe(path: str | Path, stop: Event | None = None) -> Any:
    """Open a pipe for reading, as an object with `read` and `close`.

    Standard input can be sought where it is a file. SourceError where it is a terminal.

    stop: setting it ends the waiting, as the end of the pipe does
    """
    if str(path) not in (STDIN, "/dev/stdin"):
        return _Pipe(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), stop)
    file = _stdin()
    return file if file.seekable() else _Pipe(os.dup(file.fileno()), stop)


@contextmanager
def on_disk(path: Path) -> Iterator[Path]:
    """Give the path of a table on the disk: its own, or that of a copy of what a pipe sends."""
    if not is_pipe(path) and str(path) != "/dev/stdin":
        yield path
        return
    with _stdin() if str(path) == STDIN else path.open("rb") as file:
        try:
            folder = tempfile.TemporaryDirectory(prefix="livefer-")
        except OSError as error:
            raise LiveferError(
                f"{path} cannot be stored ({error.strerror}): name a folder in TMPDIR"
            ) from None
        with folder as name:
            head = file.read(4)
            if not head:
                raise SourceError(f"{path} sends nothing: expected a table that livefer wrote")
            suffix = ".parquet" if head == b"PAR1" else ".jsonl" if head[:1] == b"{" else ".csv"
            copy = Path(name) / f"table{suffix}"
            with copy.open("wb") as stored:
                stored.write(head)
                shutil.copyfileobj(file, stored)
            yield copy


class _Pipe:
    """A pipe; reading it can be ended from another thread."""

    def __init__(self, fd: int, stop: Event | None) -> None:
        self._fd, self._stop = fd, stop or Event()

    def read(self, n: int) -> bytes:
        """Return up to n bytes, as soon as there are some; none at the end."""
        while not self._stop.is_set():
            # On Windows, only sockets can be waited for.
            if os.name == "nt" or select.select([self._fd], [], [], _POLL_S)[0]:
                return os.read(self._fd, n)
        return b""

    def close(self) -> None:
        os.close(self._fd)


def _stdin() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise SourceError(f"{STDIN} is standard input, a terminal: send it a file or a pipe")
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb")


def _mode(path: str | Path) -> int:
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return 0
