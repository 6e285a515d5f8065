"""Files that appear under their name when they are complete: written aside, then renamed."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO, TypeVar

from livefer.errors import LiveferError, OutputError
from livefer.formatting import printable
from livefer.system.pipes import STDIN

STDOUT = STDIN
"""The name of standard output: "-"."""
_STEM, _SUFFIX = 32, 12  # letters of the name in the temporary one: of 4 bytes each, 255 hold them
_NAME_BYTES = 255  # of a file's name, at most
_ELSEWHERE = "choose another place"
# The disk is full or read-only: no other file could be written.
_OF_ALL_FILES = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def replacing(path: Path, *also: type[Exception], todo: str = _ELSEWHERE) -> Iterator[Path]:
    """Give the path of an empty temporary file; it becomes `path` when the block ends well.

    After any other end, Ctrl-C included, it is removed, and `path` is what it was before. An
    OSError of the block becomes a LiveferError that names the path.

    also: what the block raises, beside OSError, when the file cannot be written
    todo: what the error asks the user to do
    """
    unwritable: tuple[type[Exception], ...] = (OSError, *also)
    file = PartialFile(path)
    try:
        yield file.part
        file.keep()
    except unwritable as error:
        raise cannot_write(path, error, todo) from None
    finally:
        file.discard()


class PartialFile:
    """A file under a temporary name beside its own: for writers that outlive one block.

    path: the name of the complete file
    part: the temporary name: hidden, unique, short, and with the suffix that tells the format
    """

    def __init__(self, path: Path) -> None:
        """Create the file, empty, and missing folders.

        LiveferError where `path` cannot be written: before the work, not after it.
        """
        stem, suffix = path.stem[:_STEM], path.suffix[:_SUFFIX]
        self.path = path
        self.part = path.with_name(f".{stem}.{os.urandom(4).hex()}.part{suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(path.lstat().st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            # Not by tempfile, whose files only their owner may read: the cache can be shared.
            self.part.touch()
        except OSError as error:
            raise cannot_write(path, error) from None

    def open_text(self) -> TextIO:
        """Open the file for UTF-8, with line feeds as they are written."""
        return self.part.open("w", encoding="utf-8", newline="")

    def keep(self) -> None:
        """Give the complete file its name, in place of any file of that name; may raise OSError."""
        self.part.replace(self.path)

    def discard(self) -> None:
        """Remove the file; none is there any more after `keep`."""
        with suppress(OSError):
            self.part.unlink()


class StandardOutput(PartialFile):
    """Standard output in the place of a file: what is written goes out at once."""

    def __init__(self) -> None:
        self.path = self.part = Path(STDOUT)

    def open_text(self) -> TextIO:
        return _Lasting(sys.stdout.buffer, "utf-8", newline="", line_buffering=True)

    def keep(self) -> None:
        """Do nothing: it has no other name."""

    def discard(self) -> None:
        """Do nothing: what is out is out."""


class _Lasting(TextIOWrapper):
    """Text to a stream that stays open when this is closed."""

    def close(self) -> None:
        if not self._is_detached:
            self._is_detached = True
            self.flush()
            self.detach()

    _is_detached = False


class Sink(ABC):
    """A file that is written piece by piece, and appears under its name when it is closed.

    Leaving `with` closes it after an error and Ctrl-C, too: what was written until then is worth
    having. What cannot be written whole, as on a full disk, stays under its temporary name.

    path: the name of the complete file; "-" is standard output
    """

    def __init__(self, path: str | Path) -> None:
        """Create the file under a temporary name; LiveferError where it cannot be written."""
        self.path = Path(path)
        self._is_broken = False
        self._partial = StandardOutput() if str(path) == STDOUT else PartialFile(self.path)
        self._part = self._partial.part

    @abstractmethod
    def _end_file(self) -> None:
        """Write what is left and close the temporary file; remove it if it is worth nothing."""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Take an OSError for the end of the file, which then does not get its name."""
        try:
            yield
        except BrokenPipeError:  # the program behind standard output has had enough
            self._is_broken = True
            raise
        except OSError as error:
            self._is_broken = True
            raise LiveferError(
                f"{self.path} cannot be written ({error.strerror or error}): is the disk full? "
                f"What was written is in {self._part}"
            ) from None

    def close(self) -> None:
        """End the file and give it its name; a second call does nothing."""
        if self._is_broken:
            with suppress(OSError, LiveferError):
                self._end_file()
            return
        with self._writing():
            self._end_file()
        if not self._part.exists():
            return
        try:
            self._partial.keep()
        except OSError as error:
            raise LiveferError(
                f"{self.path} could not be replaced ({error.strerror}): is it open in another "
                f"program? What was written is in {self._part}"
            ) from None

    def __enter__(self: SinkT) -> SinkT:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


SinkT = TypeVar("SinkT", bound=Sink)


def cannot_write(path: Path, error: Exception, todo: str = _ELSEWHERE) -> LiveferError:
    """Return the error to raise when a file cannot be written: OutputError if others could be.

    todo: what it asks the user to do
    """
    reason = getattr(error, "strerror", None) or error
    of_all = getattr(error, "errno", None) in _OF_ALL_FILES
    return (LiveferError if of_all else OutputError)(f"{path} cannot be written ({reason}): {todo}")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that is removed again; LiveferError where none can be made."""
    check_temporary_folder()
    with tempfile.TemporaryDirectory(prefix="livefer-") as name:
        yield Path(name)


def check_temporary_folder() -> None:
    """Raise LiveferError where temporary files have no place: torch, too, needs one."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise LiveferError(
            f"there is no place for temporary files ({error.strerror}): set TMPDIR to a folder "
            "that can be written"
        ) from None


def with_end(path: Path, end: str = "") -> Path:
    """Return x.png as x-end.png; x is cut where no file system would take the whole name."""
    stem, end = path.stem, f"{end}{path.suffix}"
    while stem and len(os.fsencode(stem + end)) > _NAME_BYTES:
        stem = stem[:-1]
    return path.with_name(stem + end)


@contextmanager
def noting(errors: list[str]) -> Iterator[None]:
    """Add the message of an OutputError to a list and go on, so that the next file is written."""
    try:
        yield
    except OutputError as error:
        errors.append(printable(str(error)))


@contextmanager
def each_file(errors: list[str] | None) -> Iterator[list[str]]:
    """Give the list for `noting`: the caller's own, or one whose first error is raised at last."""
    noted: list[str] = [] if errors is None else errors
    yield noted
    if errors is None and noted:
        raise OutputError(noted[0])
