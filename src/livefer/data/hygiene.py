"""Faults of a readable data set: blank images, copies, labels that disagree, twins across splits.

The figures for FER2013 at the constants below were measured on Kaggle's folder (28,709 training
and 3,589 PublicTest images).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Dataset, Split
from livefer.system.cache import load_arrays, save_arrays

BLANK_STD = 2.0
"""Standard deviation of the pixels, gray levels: images with less are blank.

FER2013's 13 blank images have at most 0.65, the next image has 4.1.
"""

NEAR_CORRELATION = 0.95
"""Correlation of the pixels: two images with at least this are near copies.

Twelve pairs of FER2013 in each band were compared by eye: down to 0.92 all show the same photograph
(another compression, watermark or crop), at 0.90 two of twelve do not. Mirrored copies are not
searched: with them 374 PublicTest images have a twin instead of 373.
"""

_BLOCK = 2048  # rows of a matrix product: 19 MB of float32 faces at a time


def blank(faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (N,) bool: which faces (N, 48, 48) uint8 are blank."""
    mask: NDArray[np.bool_] = faces.std(axis=(1, 2), dtype=np.float32) < BLANK_STD
    return mask


def groups(faces: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return (N,) int64 from 0: equal numbers for faces (N, 48, 48) uint8 with equal pixels."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(face.tobytes(), len(seen)) for face in faces], np.int64)


def conflicting(faces: NDArray[np.uint8], targets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,) bool: which images have a copy with another label; every such copy counts.

    faces: (N, 48, 48) uint8
    targets: (N,) int64
    """
    group = groups(faces)
    pairs = np.unique(np.stack([group, targets]), axis=1)  # (2, P)
    n_labels = np.bincount(pairs[0], minlength=int(group.max(initial=0)) + 1)
    mask: NDArray[np.bool_] = n_labels[group] > 1
    return mask


def copies(faces: NDArray[np.uint8], train_faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (N,) bool: which faces (N, 48, 48) uint8 are in train_faces, pixel for pixel."""
    known = {face.tobytes() for face in train_faces}
    return np.array([face.tobytes() in known for face in faces], bool)


def twins(faces: NDArray[np.uint8], train_faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (N,) bool: which faces are copies or near copies of one in train_faces.

    Compares every pair, which takes seconds for FER2013: the result is kept in the cache.

    faces: (N, 48, 48) uint8
    train_faces: (M, 48, 48) uint8
    """
    key = hashlib.sha256(f"{NEAR_CORRELATION} {len(faces)}".encode())
    key.update(np.ascontiguousarray(faces).data)
    key.update(np.ascontiguousarray(train_faces).data)
    name = f"twins-{key.hexdigest()[:32]}"
    if (kept := load_arrays(name)) is not None:
        return kept["mask"].astype(bool)
    mask = copies(faces, train_faces)
    left = np.flatnonzero(~mask)
    mask[left] = _closest(faces[left], train_faces) >= NEAR_CORRELATION
    save_arrays(name, {"mask": mask})
    return mask


def _closest(faces: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N,) float32: each face's largest correlation with any of the others."""
    best = np.full(len(faces), -1, np.float32)
    blocks = [_unit(faces[at : at + _BLOCK]) for at in range(0, len(faces), _BLOCK)]
    for at in range(0, len(others), _BLOCK):
        other = _unit(others[at : at + _BLOCK]).T  # (H·W, ≤ _BLOCK)
        for number, block in enumerate(blocks):
            part = best[number * _BLOCK : number * _BLOCK + len(block)]
            np.maximum(part, (block @ other).max(axis=1), out=part)
    return best


def _unit(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, H·W) float32 rows of mean 0 and length 1, whose products are correlations."""
    rows = faces.reshape(len(faces), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


@dataclass(frozen=True, slots=True)
class SplitHygiene:
    """The faults of one split.

    n_redundant: images beyond the first of each group with equal pixels
    n_conflicting_groups, n_conflicting: groups with more than one label, and the images in them
    n_copies_of_train, n_twins_in_train: pixel copies; pixel copies and near copies together
    """

    n_images: int
    n_blank: int
    n_redundant: int
    n_conflicting_groups: int
    n_conflicting: int
    n_copies_of_train: int | None = None
    n_twins_in_train: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def inspect(dataset: Dataset) -> dict[str, SplitHygiene]:
    """Return the faults of each split; those of val and test include what they share with train."""
    train = dataset.splits.get("train")
    return {name: _inspect_split(split, train) for name, split in dataset.splits.items()}


def files_of(split: Split, train: Split | None) -> dict[str, list[Any]]:
    """Return the files behind the figures of a split: blank, groups of copies, twins in train."""
    by_pixels: dict[int, list[int]] = {}
    for row, number in enumerate(groups(split.faces)):
        by_pixels.setdefault(int(number), []).append(row)
    alike = [rows for rows in by_pixels.values() if len(rows) > 1]
    differ = [rows for rows in alike if len(set(split.targets[rows].tolist())) > 1]
    found: dict[str, list[Any]] = {
        "blank": _names(split, np.flatnonzero(blank(split.faces))),
        "copies": [_names(split, rows) for rows in alike],
        "conflicting": [_names(split, rows) for rows in differ],
    }
    if train is not None and split is not train:
        found["copies_of_train"] = _names(split, np.flatnonzero(copies(split.faces, train.faces)))
        found["twins_in_train"] = _names(split, np.flatnonzero(twins(split.faces, train.faces)))
    return found


def _names(split: Split, rows: Iterable[int]) -> list[str]:
    return [split.files[row] for row in rows]


def _inspect_split(split: Split, train: Split | None) -> SplitHygiene:
    group = groups(split.faces)
    conflict = conflicting(split.faces, split.targets)
    n_copies = n_twins = None
    if train is not None and split is not train:
        n_copies = int(copies(split.faces, train.faces).sum())
        n_twins = int(twins(split.faces, train.faces).sum())
    return SplitHygiene(
        n_images=len(split),
        n_blank=int(blank(split.faces).sum()),
        n_redundant=len(split) - len(np.unique(group)),
        n_conflicting_groups=len(np.unique(group[conflict])),
        n_conflicting=int(conflict.sum()),
        n_copies_of_train=n_copies,
        n_twins_in_train=n_twins,
    )
