"""Readers of data sets: listed pictures of class folders, or FER2013's CSV.

Knows nothing about the cache, and leaves open the splits that the files do not name.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.data.folders import FER2013_USAGES, Entry
from livefer.errors import DatasetError
from livefer.labels import CLASSES, FER2013_CSV_ORDER
from livefer.media.opencv_reader import quiet
from livefer.media.pictures import is_cut_short

SIZE = 48

# Several threads read from a slow disk and decode large pictures side by side. Small pictures gain
# nothing (32,000 of 48×48 take 1.5 s from a warm disk either way), and a task per file costs 40 %.
_THREADS, _CHUNK = 4, 128

Progress = Callable[[int, int], None]
"""Called with the number of items, or bytes, done and of all."""


@dataclass(slots=True)
class Samples:
    """All faces of a data set, not yet sorted into splits.

    faces: (N, 48, 48) uint8
    classes: names of all classes, those without a picture included, in no order
    splits, labels, files: N texts each; the split "" is drawn by the seed
    unreadable: (file, reason)
    """

    faces: NDArray[np.uint8]
    classes: list[str]
    splits: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def read_pictures(root: Path, entries: list[Entry], progress: Progress | None) -> Samples:
    """Read the pictures of a listing; `unreadable` lists those that cannot be read."""
    faces = np.empty((len(entries), SIZE, SIZE), np.uint8)
    good: list[int] = []
    samples = Samples(faces, classes=list({entry.label for entry in entries}))
    starts = range(0, len(entries), _CHUNK)

    def read_chunk(start: int) -> list[NDArray[np.uint8] | str]:
        return [_read_picture(root / e.file) for e in entries[start : start + _CHUNK]]

    with quiet(), ThreadPoolExecutor(_THREADS) as pool:
        for start, chunk in zip(starts, pool.map(read_chunk, starts), strict=True):
            for i, face in enumerate(chunk, start):
                if isinstance(face, str):
                    samples.unreadable.append((entries[i].file, face))
                else:
                    faces[i] = face
                    good.append(i)
            if progress:
                progress(start + len(chunk), len(entries))
    samples.faces = faces[good]
    samples.splits = [entries[i].split for i in good]
    samples.labels = [entries[i].label for i in good]
    samples.files = [entries[i].file for i in good]
    return samples


def _read_picture(path: Path) -> NDArray[np.uint8] | str:
    """Return a picture as (48, 48) uint8, or the reason why it cannot be read."""
    if path.is_dir():
        return "a folder where a picture was expected"
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if not data:
        return "an empty file"
    if is_cut_short(data):
        return "a picture that is cut short"
    try:
        face = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # a header that promises more pixels than OpenCV allows
        face = None
    if face is None:
        return "not a picture that OpenCV can read"
    if face.shape != (SIZE, SIZE):
        larger = min(face.shape) > SIZE
        how = cv2.INTER_AREA if larger else cv2.INTER_LINEAR
        face = cv2.resize(face, (SIZE, SIZE), interpolation=how)
    return face.astype(np.uint8, copy=False)


# The original CSV


def read_csv(path: Path, progress: Progress | None) -> Samples:
    """Read fer2013.csv or icml_face_data.csv; `unreadable` lists the wrong lines."""
    faces: list[NDArray[np.uint8]] = []
    samples = Samples(np.empty((0, SIZE, SIZE), np.uint8), classes=list(CLASSES))
    size, n_read = path.stat().st_size, 0
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        rows = csv.reader(file)
        header = [name.strip().lower() for _, row in islice(_lines(path, rows), 1) for name in row]
        if not {"emotion", "pixels"} <= set(header):
            raise DatasetError(
                f"{path} is not a table of FER2013: expected the columns emotion, pixels and "
                f"Usage, its first line has {', '.join(header)[:80] or 'nothing'}"
            )
        for line, row in _lines(path, rows):
            n_read += sum(map(len, row))
            try:
                split, label, face = _read_row(header, row)
            except ValueError as error:
                samples.unreadable.append((line, str(error)))
                continue
            faces.append(face)
            samples.splits.append(split)
            samples.labels.append(label)
            samples.files.append(line)
            if progress and len(faces) % 100 == 0:
                progress(n_read, size)
    if progress:
        progress(size, size)
    samples.faces = np.stack(faces) if faces else samples.faces
    return samples


def _lines(path: Path, rows: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the last line of each row that is not empty, and its fields."""
    try:
        for row in rows:
            if row:
                yield f"line {rows.line_num}", row
    except csv.Error as error:  # an open quotation mark, for one
        raise DatasetError(f"{path}, line {rows.line_num}: {error}: mend or delete it") from None


def _read_row(header: list[str], row: list[str]) -> tuple[str, str, NDArray[np.uint8]]:
    """Return split, class and face (48, 48) uint8 of a row; ValueError with what is wrong in it."""
    if len(row) != len(header):
        raise ValueError(f"has {len(row)} columns, expected {len(header)}")
    fields = dict(zip(header, map(str.strip, row), strict=True))
    usage, emotion = fields.get("usage"), fields["emotion"]
    if usage is not None and usage not in FER2013_USAGES:
        raise ValueError(f'has the Usage "{usage}", expected {", ".join(FER2013_USAGES)}')
    if emotion not in map(str, range(len(FER2013_CSV_ORDER))):
        raise ValueError(f'has the emotion "{emotion}", expected 0 to {len(FER2013_CSV_ORDER) - 1}')
    values = fields["pixels"].split()
    if len(values) != SIZE * SIZE:
        raise ValueError(f"has {len(values)} pixel values, expected {SIZE * SIZE}")
    try:
        face = np.frombuffer(bytes(map(int, values)), np.uint8)
    except ValueError:
        raise ValueError("has a pixel value that is no whole number from 0 to 255") from None
    split = FER2013_USAGES[usage] if usage is not None else ""
    return split, FER2013_CSV_ORDER[int(emotion)], face.reshape(SIZE, SIZE)
