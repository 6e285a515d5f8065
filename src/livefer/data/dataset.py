"""FER2013, or any folder of class folders, as arrays: read once, checked, kept in a cache.

Four layouts: FER2013 as Kaggle's folder (`train/<class>/`, and `test/<class>/` where `PublicTest_*`
is val and `PrivateTest_*` is test), FER2013 as the original CSV, `train/ val/ test/` folders with
any class names, and one folder of class folders, which a seed splits. Folders of splits have their
usual names, and may lie in a folder of their own. `Dataset.unreadable` lists every file that could
not be read, `Dataset.ignored` what belongs to no split or class, each with the reason.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livefer.data.folders import FER2013_USAGES, LAYOUTS, find_root, list_folder
from livefer.data.readers import Progress, Samples, read_csv, read_pictures
from livefer.errors import DatasetError
from livefer.labels import CLASSES
from livefer.system.cache import load_arrays, save_arrays

SPLITS = ("train", "val", "test")
ALL = "all"
_CACHE_VERSION = 2


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One part of a data set.

    faces: (N, 48, 48) uint8, gray
    targets: (N,) int64, indices into Dataset.classes
    files: N paths relative to Dataset.root, or lines of a CSV, as "line 17"
    """

    name: str
    faces: NDArray[np.uint8]
    targets: NDArray[np.int64]
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Faces with their classes, in up to three splits.

    origin: the layout and the source of the splits, in words
    unreadable: (file, reason) of everything among the pictures that could not be read
    ignored: (path, reason) of folders that name no split, and of files outside class folders
    has_splits: false if all splits were drawn by the seed
    """

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, Split]
    unreadable: tuple[tuple[str, str], ...]
    origin: str
    ignored: tuple[tuple[str, str], ...] = ()
    has_splits: bool = True

    def split(self, name: str) -> Split:
        """Return train, val, test or all of them together.

        The DatasetError for a missing one says what would make it.
        """
        if name in self.splits:
            return self.splits[name]
        if name == ALL:
            parts = self.splits.values()
            faces = np.concatenate([part.faces for part in parts])
            targets = np.concatenate([part.targets for part in parts])
            return Split(ALL, faces, targets, tuple(file for part in parts for file in part.files))
        if name not in SPLITS:
            expected = ", ".join((*SPLITS, ALL))
            raise DatasetError(f'no split is called "{name}": expected {expected}')
        usage = next(u for u, split in FER2013_USAGES.items() if split == name)
        if self.root.suffix.lower() == ".csv":
            makes = f'lines with the Usage "{usage}"'
        elif name == "train":
            makes = "pictures in train/<class>/"
        else:
            makes = f"pictures in {name}/<class>/, or FER2013's test/<class>/{usage}_*.jpg"
        has = " and ".join(f"{s.name} ({len(s):,} images)" for s in self.splits.values())
        raise DatasetError(f"{self.root} has {has} but no {name} split; what makes one: {makes}")

    def counts(self) -> dict[str, list[int]]:
        """Return the number of images of each class, by split."""
        n = len(self.classes)
        return {s.name: np.bincount(s.targets, minlength=n).tolist() for s in self.splits.values()}

    def class_weights(self) -> list[float | None]:
        """Return w_c = N / (C · N_c) over train; None for a class without a training image."""
        counts = self.counts().get("train", [0] * len(self.classes))
        return [sum(counts) / (len(counts) * n) if n else None for n in counts]


def read_dataset(
    path: str | Path, seed: int = 0, val_share: float = 0.1, progress: Progress | None = None
) -> Dataset:
    """Read a data set from its folder or CSV file, or from the cache if nothing has changed.

    seed, val_share: of data without splits, val and test each get this share of every class
    progress: called with the number of pictures, or bytes of the CSV, done and of all

    Raises DatasetError where there is no data set, or a class without a picture to train on.
    """
    root = Path(os.path.expanduser(path))
    if not root.exists():
        raise DatasetError(f"{root} does not exist: {LAYOUTS}")
    ignored: list[tuple[str, str]] = []
    if root.is_dir():
        found = find_root(root)
        root = _table_in(found.root) or found.root
    if root.is_file() and root.suffix.lower() != ".csv":
        raise DatasetError(f"{root} is neither a folder nor a .csv file: unpack it if it is packed")
    if root.is_dir():
        found = list_folder(found)
        ignored, entries = found.ignored, found.entries
        listing = [(e.split, e.label, e.file, e.size, e.mtime_ns) for e in entries]
        samples = _cached(root, listing, lambda: read_pictures(root, entries, progress))
        origin = "class folders"
    else:
        stat = root.stat()
        listing = [("", "", root.name, stat.st_size, stat.st_mtime_ns)]
        samples = _cached(root, listing, lambda: read_csv(root, progress))
        origin = "FER2013's CSV"
    has_splits = any(samples.splits)
    if "" in samples.splits:
        drawn = [name for name in ("val", "test") if name not in samples.splits]
        samples.splits = _draw_splits(samples, drawn, seed, val_share)
        if drawn:
            origin += (
                f", {' and '.join(drawn)} {100 * val_share:g} %{' each' * (len(drawn) > 1)}, "
                f"drawn per class with seed {seed}"
            )
    return _assemble(root, samples, origin, tuple(ignored), has_splits)


def _table_in(folder: Path) -> Path | None:
    """Return the CSV of a folder without folders: the only one, or the one with FER2013's name."""
    if any(child.is_dir() for child in folder.iterdir()):
        return None
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
    named = [path for path in tables if path.stem.lower() in ("fer2013", "icml_face_data")]
    return next(iter(named or tables), None) if named or len(tables) == 1 else None


def _assemble(
    root: Path,
    samples: Samples,
    origin: str,
    ignored: tuple[tuple[str, str], ...],
    has_splits: bool,
) -> Dataset:
    if not samples.files:
        first = f" (first: {': '.join(samples.unreadable[0])})" if samples.unreadable else ""
        raise DatasetError(f"{root} has no readable picture in a class folder{first}: {LAYOUTS}")
    names = set(samples.classes)
    classes = CLASSES if names == set(CLASSES) else tuple(sorted(names))
    targets = np.array([classes.index(label) for label in samples.labels], np.int64)
    part = np.array(samples.splits)
    splits = {}
    for name in SPLITS:
        chosen = np.flatnonzero(part == name)
        if len(chosen):
            files = tuple(samples.files[i] for i in chosen)
            splits[name] = Split(name, samples.faces[chosen], targets[chosen], files)
    if "train" in splits and root.is_dir():
        for class_id in set(range(len(classes))) - set(splits["train"].targets.tolist()):
            raise DatasetError(
                f'{root}: class "{classes[class_id]}" has no readable picture to train on: '
                "add some, or remove its folder everywhere"
            )
    unreadable = tuple((file, reason) for file, reason in samples.unreadable)
    return Dataset(root, classes, splits, unreadable, origin, ignored, has_splits)


def _draw_splits(samples: Samples, drawn: list[str], seed: int, share: float) -> list[str]:
    """Return the split of each picture: those drawn each get `share` of every class without one."""
    if not 0 < share < 0.5:
        raise DatasetError(f"val_share must lie between 0 and 0.5, got {share}")
    generator = np.random.default_rng(seed)
    splits = np.array(samples.splits, dtype="<U5")
    free, labels = splits == "", np.array(samples.labels)
    splits[free] = "train"
    for label in sorted(set(samples.labels)):
        members = generator.permutation(np.flatnonzero(free & (labels == label)))
        n_held_out = round(len(members) * share)
        for place, name in enumerate(drawn):
            splits[members[place * n_held_out : (place + 1) * n_held_out]] = name
    return [str(split) for split in splits]


def _cached(
    root: Path, listing: list[tuple[str, str, str, int, int]], read: Callable[[], Samples]
) -> Samples:
    """Return what `read` returns, from the cache as long as the listing stays the same."""
    source = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    content = hashlib.sha256(json.dumps([_CACHE_VERSION, listing]).encode()).hexdigest()[:16]
    name = f"dataset-{source}-{content}"
    if arrays := load_arrays(name):
        return Samples(arrays["faces"], **json.loads(arrays["rest"].tobytes()))
    samples = read()
    rest = {f.name: getattr(samples, f.name) for f in fields(samples) if f.name != "faces"}
    packed = np.frombuffer(json.dumps(rest).encode(), np.uint8)
    save_arrays(name, {"faces": samples.faces, "rest": packed}, replaces=f"dataset-{source}-*")
    return samples
