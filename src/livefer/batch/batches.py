"""What is to be analysed: names of pictures and videos found, and cut into batches.

A name is a path of this machine or an address that `livefer.system.cloud` reads. Everything that is
named becomes an input: what cannot be found is one with its error, so that its row says why.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from livefer.errors import SourceError
from livefer.media.names import (
    SUFFIXES,
    VIDEO_SUFFIXES,
    find_files,
    in_order,
    is_pattern,
    suffix_of,
)
from livefer.system.cloud import is_url, list_files

_KNOWN = SUFFIXES["picture or video"]
_FEWEST, _MOST = 16, 256  # pictures of a batch: what a kill costs, and how many files there are
_N_BATCHES = 1000  # of so many pictures that the batches have neither the fewest nor the most
_FRAME_BYTES = 15_000  # of a video, by which its work is guessed before it is opened


@dataclass(frozen=True, slots=True)
class Input:
    """A picture or a video by name, or the reason why there is none."""

    name: str
    error: str | None = None

    @property
    def is_video(self) -> bool:
        """Whether the name says so."""
        return suffix_of(self.name) in VIDEO_SUFFIXES and self.error is None


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs that one process does in one go: some pictures, or one video.

    number: grows with the place of the inputs among all inputs
    work: a guess at how much there is to do, in pictures
    """

    number: int
    inputs: tuple[Input, ...]
    work: float

    @property
    def name(self) -> str:
        """What its file is called: by its place, and by what is in it."""
        names = "\0".join(one.name for one in self.inputs)
        digest = hashlib.sha256(names.encode(errors="surrogatepass")).hexdigest()
        return f"part-{self.number:08}-{digest[:12]}"


def find_inputs(paths: Iterable[str | Path]) -> list[Input]:
    """Return every picture and video that is meant, each once, in order.

    A file stands for itself, a folder for the pictures and videos in it and below it, a pattern for
    those that match it, both in the order of `livefer.media.names`. A .txt file is a list of such
    paths, one a line or, as `find -print0` writes them, each followed by a zero byte; "-" is such a
    list from standard input.
    """
    found: dict[str, Input] = {}
    for path in paths:
        for one in _find(str(path)):
            found.setdefault(one.name, one)
    return list(found.values())


def _find(path: str) -> Iterator[Input]:
    if path == "-":
        yield from _find_listed(sys.stdin.buffer.read())
    elif suffix_of(path) == ".txt" and not is_url(path) and not os.path.isdir(path):
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SourceError(
                f"the list {path} cannot be read ({error.strerror}): check the path"
            ) from None
        yield from _find_listed(data)
    else:
        yield from _find_one(path)


def _find_listed(data: bytes) -> Iterator[Input]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as Windows PowerShell's >
        text = data.decode("utf-16", errors="replace")
    else:
        text = os.fsdecode(data.removeprefix(codecs.BOM_UTF8))
    for line in text.split("\0" if "\0" in text else "\n"):
        if path := line.strip("\r"):
            yield from _find_one(path)


def _find_one(path: str) -> Iterator[Input]:
    if is_url(path):
        yield from _find_at(path)
        return
    found = find_files(path, "picture or video", below=True)
    if found is None:
        yield Input(path)
        return
    yield from (Input(file) for file in found.files)
    yield from (Input(name, error) for name, error in found.errors)


def _find_at(url: str) -> Iterator[Input]:
    if is_pattern(url.partition("?")[0]):
        yield Input(url, f"{url}: patterns are for this machine's files; name the folder instead")
        return
    if suffix_of(url) in _KNOWN:
        yield Input(url)
        return
    try:
        files = list_files(url)
    except SourceError as error:
        yield Input(url, str(error))
        return
    if files is None:
        yield Input(url)
        return
    found = in_order(file for file in files if suffix_of(file) in _KNOWN)
    yield from (Input(file) for file in found)
    if not found:
        yield Input(url, f"{url} holds no picture or video: check the address")


def cut(inputs: Sequence[Input], done: frozenset[str] = frozenset()) -> list[Batch]:
    """Return the batches of what is not done yet.

    Where the cuts are depends on the inputs alone, so that a run that goes on makes the batches
    that it would have made anyway.
    """
    n_each = min(max(len(inputs) // _N_BATCHES, _FEWEST), _MOST)
    groups: list[tuple[Input, ...]] = []
    for is_video, run in groupby(inputs, key=lambda one: one.is_video):
        members, n = tuple(run), 1 if is_video else n_each
        groups += [members[i : i + n] for i in range(0, len(members), n)]
    batches = []
    for number, group in enumerate(groups):
        left = tuple(one for one in group if one.name not in done)
        if left:
            batches.append(Batch(number, left, sum(map(_work_of, left))))
    return batches


def _work_of(one: Input) -> float:
    if not one.is_video or is_url(one.name):
        return 1.0
    try:
        return max(1.0, os.path.getsize(one.name) / _FRAME_BYTES)
    except OSError:  # its row will say so
        return 1.0
