"""The names of pictures and videos: those that a folder or a pattern stands for, in order.

Everything that lists pictures or videos uses these rules:

- A file counts by its suffix, in upper or lower case; a GIF with one picture is a picture.
- Names that begin with a dot do not count, unless a pattern spells the dot.
- A pipe or a device counts where it is named itself, but not in a folder: one may wait on it.
- A link to a file is a file. A link to a folder is followed where it is named itself, but neither
  below a folder nor by a wildcard: links may make loops.
- What is not taken is counted (`LeftOut`).
- The files of a folder come before those of its sub-folders. Numbers count as numbers: 2.jpg comes
  before 10.jpg. Upper and lower case are alike.

Class folders of data sets have a listing of their own (`livefer.data.readers`): seeds draw splits
from it, so its order must never change.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from livefer.errors import SourceError
from livefer.formatting import count
from livefer.system.cloud import is_url
from livefer.system.pipes import is_pipe, is_special

HEIC_SUFFIXES = frozenset((".heic", ".heif", ".hif"))
"""Of pictures that only the `heic` extra reads; without it, a folder counts them as other files."""

PICTURE_SUFFIXES = HEIC_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".avif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2",
}  # fmt: skip
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".qt", ".avi", ".divx", ".mkv", ".webm", ".wmv", ".asf", ".flv", ".f4v",
    ".3gp", ".3g2", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".ts", ".mts", ".m2ts", ".vob", ".ogv",
    ".ogm", ".mxf", ".dv", ".rm", ".rmvb", ".gif", ".mjpeg", ".mjpg", ".h264", ".264", ".avc",
    ".h265", ".265", ".hevc", ".ivf", ".y4m", ".nut",
})  # fmt: skip

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
_MOST_KINDS = 3  # of other files, that are named


@dataclass(eq=False)
class LeftOut:
    """What folders and patterns hold beside the files that are taken; as text, how much of what.

    files: that are none of the kind, by their suffixes
    folders: that are not looked into
    links: to folders, which are not followed
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)

    def add(self, other: LeftOut) -> None:
        """Add what another folder or pattern leaves out."""
        self.files |= other.files
        self.folders |= other.folders
        self.links |= other.links

    def __bool__(self) -> bool:
        return bool(self.files or self.folders or self.links)

    def __str__(self) -> str:
        """Return text such as "412 other files: .heic 400, .txt 12; 1 linked folder"."""
        suffixes = Counter(suffix_of(file) or "without suffix" for file in self.files)
        first = sorted(suffixes.items(), key=lambda one: (-one[1], one[0]))
        kinds = [f"{suffix} {n:,}" for suffix, n in first[:_MOST_KINDS]]
        if n_rest := sum(n for _, n in first[_MOST_KINDS:]):
            kinds.append(f"others {n_rest:,}")
        parts = [f"{count(len(self.files), 'other file')}: {', '.join(kinds)}"] if kinds else []
        parts += [count(len(self.folders), "folder")] if self.folders else []
        parts += [count(len(self.links), "linked folder")] if self.links else []
        if HEIC_SUFFIXES & suffixes.keys() and not reads_heic():
            parts.append('pip install "livefer[heic]" lets livefer read HEIC')
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that a folder or a pattern stands for.

    files: in natural order
    errors: (path, reason) of each folder that could not be listed, or of the whole where there is
        no file
    left_out: the rest
    """

    files: tuple[str, ...]
    errors: tuple[tuple[str, str], ...]
    left_out: LeftOut


def find_files(path: str | Path, kind: Kind, below: bool = False) -> Listing | None:
    """Return the files of a folder or a pattern; None for any other path, which is one file.

    below: take the files in a folder's sub-folders, too; a pattern has "**" for that
    """
    path = str(path)
    failures: list[OSError] = []
    left_out = LeftOut()
    is_folder = os.path.isdir(path)
    if is_folder:
        found = list(_inside(path, below, failures, left_out))
    elif is_pattern(path) and not is_url(path):
        found = list(dict.fromkeys(_matches("", _parts(path), failures, left_out)))
    else:
        return None
    files = []
    for file in found:
        if os.path.isdir(file):
            (left_out.links if os.path.islink(file) else left_out.folders).add(file)
        elif is_taken(file, kind) and not is_special(file):
            files.append(file)
        else:
            left_out.files.add(file)
    if not is_folder and "**" in _parts(path):
        left_out.folders.clear()  # it looks into them
    errors = [
        (str(e.filename), f"{e.filename} could not be listed ({e.strerror}): check its permissions")
        for e in failures
    ]
    if not files and not errors:
        what = f"{'holds' if is_folder else 'matches'} no {kind}"
        todo = "check the path"
        if is_folder and not below:
            todo += f'; "{os.path.join(glob.escape(path), "**", "*")}" looks deeper'
        errors = [(path, f"{path} {what} ({left_out or 'it is empty'}): {todo}")]
    return Listing(tuple(in_order(files)), tuple(errors), left_out)


def is_taken(name: str, kind: Kind) -> bool:
    """Say whether a file of a folder is of this kind, and can be read here."""
    return is_kind(name, kind) and (suffix_of(name) not in HEIC_SUFFIXES or reads_heic())


def reads_heic() -> bool:
    """Say whether the package of the `heic` extra is installed."""
    return find_spec("pillow_heif") is not None


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


def same_file(path: str) -> str:
    """Return what all spellings of a path have in common: p, ./p and folder/../p are one file.

    A link to a file is another file. An address has one spelling.
    """
    if is_url(path):
        return path
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.normcase(os.path.join(_real_folder(folder), name))


@lru_cache(maxsize=1024)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


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


def _inside(folder: str, below: bool, failures: list[OSError], left_out: LeftOut) -> Iterator[str]:
    """Yield the visible files in a folder; and its folders, unless those below are taken, too."""
    for parent, folders, files in os.walk(folder, onerror=failures.append):
        folders[:] = [name for name in folders if name[0] != "."]
        paths = [os.path.join(parent, name) for name in folders]
        if below:
            left_out.links.update(filter(os.path.islink, paths))
        else:
            yield from paths
        yield from (os.path.join(parent, name) for name in files if name[0] != ".")
        if not below:
            return


def _parts(pattern: str) -> list[str]:
    """Return the parts of a pattern; the first is empty in an absolute one."""
    first, *rest = pattern.replace(os.altsep or os.sep, os.sep).split(os.sep)
    return [first, *filter(None, rest)]


def _matches(
    start: str, parts: Sequence[str], failures: list[OSError], left_out: LeftOut
) -> Iterator[str]:
    """Yield what matches a pattern below a folder; "**" is any folder below, itself included."""
    if "**" not in parts:
        yield from _named(start, parts, left_out)
        return
    at = parts.index("**")
    tops = _named(start, [*parts[:at], ""], left_out) if at else [start or os.curdir]
    # Not by glob's own "**", which follows links to folders, round and round.
    for top in tops:
        for folder, folders, _ in os.walk(top, onerror=failures.append):
            folders[:] = [name for name in folders if name[0] != "."]
            there = folder if at or start else folder.removeprefix(os.curdir).removeprefix(os.sep)
            paths = (os.path.join(there, name) for name in folders)
            left_out.links.update(filter(os.path.islink, paths))
            yield from _matches(there, parts[at + 1 :] or ["*"], failures, left_out)


def _named(start: str, parts: Sequence[str], left_out: LeftOut) -> Iterator[str]:
    """Yield what matches a pattern without "**", but for what lies behind a link to a folder."""
    is_link = cache(os.path.islink)
    wild = [i for i, part in enumerate(parts[:-1]) if glob.has_magic(part)]
    for match in glob.iglob(os.sep.join(parts), root_dir=start or None):
        names = match.split(os.sep)
        passed = (os.path.join(start, os.sep.join(names[: i + 1])) for i in wild)
        if link := next(filter(is_link, passed), None):
            left_out.links.add(link)
        else:
            yield os.path.join(start, match)
