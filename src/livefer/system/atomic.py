"""Files that appear under their name when they are complete: written aside, then renamed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from livefer.errors import LiveferError

_STEM, _SUFFIX = 32, 12  # letters of the name in the temporary one: of 4 bytes each, 255 hold them
_ELSEWHERE = "choose another place"


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
        self.part = path.with_name(f".{stem}.{uuid4().hex[:8]}.part{suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(path.lstat().st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            # Not by tempfile, whose files only their owner may read: the cache can be shared.
            self.part.touch()
        except OSError as error:
            raise cannot_write(path, error) from None

    def keep(self) -> None:
        """Give the complete file its name, in place of any file of that name; may raise OSError."""
        self.part.replace(self.path)

    def discard(self) -> None:
        """Remove the file; none is there any more after `keep`."""
        with suppress(OSError):
            self.part.unlink()


def cannot_write(path: Path, error: Exception, todo: str = _ELSEWHERE) -> LiveferError:
    """Return the error to raise when a file cannot be written.

    todo: what it asks the user to do
    """
    reason = getattr(error, "strerror", None) or error
    return LiveferError(f"{path} cannot be written ({reason}): {todo}")
