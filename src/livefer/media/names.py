"""The names of pictures and videos: those that a folder or a pattern stands for, in order.

Everything that lists pictures or videos uses these rules:

- A file counts by its suffix, in upper or lower case; a GIF with one picture is a picture.
- Names that begin with a dot do not count, unless a pattern spells the dot.
- A pipe or a device counts where it is named itself, but not in a folder: one may wait on it.
- A link to a file is a file. A link to a folder is followed where it is named itself, but not below
  a folder: links may make loops.
- The files of a folder come before those of its sub-folders. Numbers count as numbers: 2.jpg comes
  before 10.jpg. Upper and lower case are alike.

Class folders of data sets have a listing of their own (`livefer.data.readers`): seeds draw splits
from it, so its order must never change.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from livefer.errors import SourceError
from livefer.system.cloud import is_url
from livefer.system.pipes import is_pipe, is_special

PICTURE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".flv")
) | {".3gp", ".mjpeg", ".mjpg", ".gif", ".ogv", ".mts", ".m2ts", ".vob"}

PIPE_TODO = "send one that needs no seeking, such as MPEG-TS or Matroska"
"""What an error asks for where a pipe cannot be read."""

WRITABLE_VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts", ".3gp", ".wmv")
"""Suffixes of the videos that both writers write."""

Kind = Literal["picture", "video", "picture or video"]
SUFFIXES: dict[Kind, frozenset[str]] = {
    "picture": PICTURE_SUFFIXES,
    "video": VIDEO_SUFFIXES,
    "picture or video": PICTURE_SUFFIXES | VIDEO_SUFFIXES,
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that a folder or a pattern stands for.

    files: in natural order
    errors: (path, reason) of each folder that could not be listed, or of the whole where there is
        no file
    """

    files: tuple[str, ...]
    errors: tuple[tuple[str, str], ...]


def find_files(path: str | Path, kind: Kind, below: bool = False) -> Listing | None:
    """Return the files of a folder or a pattern; None for any other path, which is one file.

    below: take the files in a folder's sub-folders, too; a pattern has "**" for that
    """
    path = str(path)
    failures: list[OSError] = []
    is_folder = os.path.isdir(path)
    if is_folder:
        found = list(_inside(path, below, failures))
    elif is_pattern(path):
        found = list(dict.fromkeys(_matches(path, failures)))
    else:
        return None
    files = in_order(
        f for f in found if not (os.path.isdir(f) or is_special(f)) and is_kind(f, kind)
    )
    errors = [
        (str(e.filename), f"{e.filename} could not be listed ({e.strerror}): check its permissions")
        for e in failures
    ]
    if not files and not errors:
        n = len(found)
        others = "1 other file or folder" if n == 1 else f"{n} other files or folders"
        what = f"{'holds' if is_folder else 'matches'} no {kind}"
        todo = "check the path"
        if is_folder and not below:
            todo += f'; "{os.path.join(glob.escape(path), "**", "*")}" looks deeper'
        errors = [(path, f"{path} {what} ({others}): {todo}")]
    return Listing(tuple(files), tuple(errors))


def is_kind(path: str, kind: Kind) -> bool:
    """Say whether a file is of a kind: by its suffix, and a GIF by the number of its pictures."""
    suffix = suffix_of(path)
    if suffix == ".gif" and kind != "picture or video":
        return kind == ("picture" if _is_still(path) else "video")
    return suffix in SUFFIXES[kind]


def n_gif_pictures(data: bytes) -> int:
    """Return whether a GIF holds one picture (1) or more (2); 0 for other data."""
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        return 0
    at, n = 13 + _colours(data[10:11]), 0
    while at < len(data) and n < 2:
        if data[at] == 0x2C:  # a picture
            n, at = n + 1, at + 11 + _colours(data[at + 9 : at + 10])
        elif data[at] == 0x21:  # an extension
            at += 2
        else:
            break
        while at < len(data) and data[at]:  # blocks, each with its length before it
            at += 1 + data[at]
        at += 1
    return n


def _colours(flags: bytes) -> int:
    """Return the bytes of the table of colours that flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _is_still(path: str) -> bool:
    if is_url(path) or is_special(path):
        return False
    try:
        return n_gif_pictures(Path(path).read_bytes()) == 1
    except OSError:  # told where it is read
        return False


def is_pattern(path: str) -> bool:
    """Say whether a path has wildcards and is no file that is called so."""
    return glob.has_magic(path) and not os.path.exists(path)


def suffix_of(name: str) -> str:
    """Return the suffix of a path or address in lower case."""
    name = name.partition("?")[0] if is_url(name) else name
    return os.path.splitext(name)[1].lower()


def file_name(path: str | Path) -> str:
    """Return a path that FFmpeg takes for one: it takes "12:30.mp4" for the protocol "12"."""
    return os.path.join(os.curdir, path)


def check_file(path: str | Path) -> None:
    """Raise SourceError where a file cannot be opened, is empty, or is a device."""
    if is_pipe(path):
        return
    try:
        n_bytes = os.stat(path).st_size
    except OSError as error:
        raise SourceError(
            f"{path} could not be opened ({error.strerror}): check the path"
        ) from None
    if is_special(path):  # reading one need never end
        raise SourceError(f"{path} is a device: expected a file or a pipe")
    if n_bytes == 0:
        raise SourceError(f"{path} is empty (0 bytes): copy or download it again")


def no_frame(name: str) -> str:
    """Return the error of a video without a frame."""
    todo = f" from a pipe: {PIPE_TODO}" if is_pipe(name) else ""
    return f"{name} has no frame that can be read{todo}"


def in_order(paths: Iterable[str]) -> list[str]:
    """Return paths or addresses in natural order."""
    return sorted(paths, key=_place)


def _place(path: str) -> list[tuple[int, list[str | int], str]]:
    """Return the sort key of a path: folder by folder, files before sub-folders."""
    *folders, name = path.replace(os.sep, "/").split("/")
    return [*((1, _natural(folder), folder) for folder in folders), (0, _natural(name), name)]


def _natural(name: str) -> list[str | int]:
    """Return a sort key that puts 2 before 10, and "a" beside "A"."""
    stem, _ = os.path.splitext(name.casefold())
    parts = re.split(r"(\d+)", stem)  # every second one is a number
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _inside(folder: str, below: bool, failures: list[OSError]) -> Iterator[str]:
    """Yield the visible files and folders in a folder."""
    for parent, folders, files in os.walk(folder, onerror=failures.append):
        folders[:] = [name for name in folders if name[0] != "."]
        yield from (os.path.join(parent, name) for name in folders)
        yield from (os.path.join(parent, name) for name in files if name[0] != ".")
        if not below:
            return


def _matches(pattern: str, failures: list[OSError]) -> Iterator[str]:
    """Yield what matches a pattern; "**" is any folder below, itself included."""
    parts = pattern.replace(os.altsep or os.sep, os.sep).split(os.sep)
    if "**" not in parts:
        yield from glob.glob(pattern)
        return
    at = parts.index("**")
    head = os.sep.join([*parts[:at], ""])
    tail = os.sep.join(parts[at + 1 :]) or "*"
    # Not by glob's own "**", which follows links to folders, round and round.
    for start in glob.glob(head) if head else [os.curdir]:
        for folder, folders, _ in os.walk(start, onerror=failures.append):
            folders[:] = [name for name in folders if name[0] != "."]
            there = folder if head else folder.removeprefix(os.curdir).removeprefix(os.sep)
            yield from _matches(os.path.join(glob.escape(there), tail), failures)
