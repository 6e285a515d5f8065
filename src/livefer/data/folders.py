"""The layouts of class folders: which folder is which split and class, and what is neither.

Lists files and opens none; leaves open the splits that neither folders nor files name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livefer.errors import DatasetError
from livefer.formatting import count
from livefer.labels import FER2013_CSV_ORDER, class_named
from livefer.media.names import PICTURE_SUFFIXES, find_files, in_order, suffix_of

FER2013_USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
LAYOUTS = (
    "understood are DIR/<class>/*.jpg; DIR/train/<class>/*.jpg, and beside train val and test "
    "(or training, valid, validation, dev, eval, PublicTest, PrivateTest, FER2013Train, …); "
    "FER2013's DIR/test/<class>/PublicTest_*.jpg; and fer2013.csv"
)
_SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "development": "val",
    "eval": "val", "evaluation": "val", "publictest": "val",
    "test": "test", "testing": "test", "privatetest": "test",
}  # fmt: skip
_N_NAMED = 8  # folders that an error names
_NOT_DATA = ("thumbs.db", "desktop.ini", "__macosx")  # as are names with a leading dot

Ignored = list[tuple[str, str]]
"""(path, reason) of what lies beside the splits and classes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a class folder."""

    split: str
    label: str
    file: str  # relative to the root, with forward slashes
    size: int
    mtime_ns: int


@dataclass(slots=True)
class Listing:
    """The files of a folder's classes.

    root: the folder that holds the splits or the classes, perhaps below the one that was named
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    ignored: Ignored = field(default_factory=list)


def find_root(root: Path) -> Listing:
    """Return the empty listing of the folder that holds the splits: archive/ of archive/train/.

    Raises DatasetError where several folders do.
    """
    listing = Listing(root)
    while True:
        folders = _folders(listing.root)
        inner = [folder for folder in folders if _holds_splits(folder)]
        if any(map(_split_of, folders)):
            return listing
        if len(inner) > 1:
            names = ", ".join(folder.name for folder in inner)
            raise DatasetError(f"{listing.root} holds several data sets, {names}: name one of them")
        if not inner and len(folders) == 1 and _only_wraps(folders[0]):
            inner = folders
        if not inner:
            return listing
        _ignore_files(listing, listing.root)
        _ignore_folders(listing, [folder for folder in folders if folder not in inner])
        listing.root = inner[0]


def list_folder(listing: Listing) -> Listing:
    """List the files of all class folders of `find_root`, sorted by split, class and name.

    Raises DatasetError for a folder without class folders, and for an empty class to train on.
    """
    root, folders = listing.root, _folders(listing.root)
    parts: dict[Path, str] = {}
    for folder in folders:
        if split := _split_of(folder):
            if other := next((part for part in parts if parts[part] == split), None):
                raise DatasetError(
                    f"{root} has two folders of the split {split}, {other.name} and {folder.name}: "
                    "merge them, or rename one"
                )
            parts[folder] = split
    others = [folder for folder in folders if folder not in parts]
    beside = {name.name for part in parts for name in _folders(part)}
    if not parts or ("train" not in parts.values() and beside & {f.name for f in others}):
        parts[root] = ""  # class folders, perhaps beside a test/ of the same classes
        others = []
    names = _class_names(parts)
    for part, split in parts.items():
        classes = [f for f in _folders(_unwrapped(part)) if part != root or f not in parts]
        if not classes:
            raise DatasetError(f"{part} has no class folders: {LAYOUTS}")
        for folder in classes:
            label = names.get(folder.name, folder.name)
            found = list(_list_class(root, folder, split, label))
            if not found and split in ("", "train"):
                raise DatasetError(f"{folder} is empty: put pictures of that class in or remove it")
            listing.entries += found
    for part in sorted({root, *parts, *map(_unwrapped, parts)}):
        _ignore_files(listing, part)
    _ignore_folders(listing, others)
    return listing


def list_photos(root: Path, classes: Sequence[str]) -> tuple[list[tuple[str, str]], Ignored]:
    """List the pictures of the folders that are called as one of `classes`, at any depth.

    returns: (path, class) of each picture, and (path, reason) of what is left out

    Raises DatasetError where no picture is in such a folder.
    """
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder: expected one with a folder for each class")
    listing, found = Listing(_unwrapped(root)), list[tuple[str, str]]()
    for folder in _folders(listing.root):
        label = class_named(folder.name, classes)
        if label is None:
            listing.ignored.append((f"{folder}", "is no class of the model by its name"))
        elif files := find_files(folder, "picture", below=True):
            found += [(file, label) for file in in_order(files.files)]
            listing.ignored += files.errors
            if files.left_out:
                listing.ignored.append((f"{folder}", str(files.left_out)))
    _ignore_files(listing, listing.root)
    if not found:
        seen = ", ".join(folder.name for folder in _folders(listing.root)[:_N_NAMED])
        raise DatasetError(
            f"{root} has no pictures in a folder that is called as a class of the model: expected "
            f"{', '.join(classes)}; it has {seen or 'no folders'}"
        )
    return found, listing.ignored


def _folders(parent: Path) -> list[Path]:
    found = (p for p in parent.iterdir() if p.is_dir() and _is_data(p.name))
    return sorted(found, key=lambda p: p.name)


def _files(parent: Path) -> list[Path]:
    return [p for p in parent.iterdir() if not p.is_dir() and _is_data(p.name)]


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _NOT_DATA


def _split_of(folder: Path) -> str | None:
    """Return the split that a folder's name means: "FER2013Train" and "train_set" are train."""
    letters = re.sub(r"[\W\d_]", "", folder.name.lower())
    return _SPLIT_FOLDERS.get(re.sub(r"^fer(plus)?|(set|data|images)$", "", letters))


def _holds_splits(folder: Path) -> bool:
    return any(_split_of(part) and _folders(part) for part in _folders(folder))


def _only_wraps(folder: Path) -> bool:
    """Tell whether a folder holds folders or a table, and no picture."""
    suffixes = {suffix_of(str(path)) for path in _files(folder)}
    return not suffixes & PICTURE_SUFFIXES and bool(_folders(folder) or ".csv" in suffixes)


def _unwrapped(part: Path) -> Path:
    """Return the folder that holds the classes of a split: train/train/ of train/train/happy/."""
    folders = _folders(part)
    while len(folders) == 1 and _folders(folders[0]) and _only_wraps(folders[0]):
        part, folders = folders[0], _folders(folders[0])
    return part


def _class_names(parts: dict[Path, str]) -> dict[str, str]:
    """Return the classes that FER2013's numbers mean, in folders that have its own names."""
    numbers = dict(zip("0123456", FER2013_CSV_ORDER, strict=True))
    own = any(part.name in ("PublicTest", "PrivateTest") for part in parts)
    found = {folder.name for part in parts for folder in _folders(_unwrapped(part))}
    return numbers if own and found <= numbers.keys() else {}


def _ignore_files(listing: Listing, folder: Path) -> None:
    if n := len(_files(folder)):
        listing.ignored.append((f"{folder}", f"{count(n, 'file')} outside class folders"))


def _ignore_folders(listing: Listing, folders: list[Path]) -> None:
    listing.ignored += [(f"{folder}", "is no split by its name") for folder in folders]


def _list_class(root: Path, folder: Path, split: str, label: str) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: item.name)
    prefix = folder.relative_to(root).as_posix() + "/"
    for item in items:
        if not _is_data(item.name):
            continue
        own = split
        if split == "test":
            own = FER2013_USAGES.get(item.name.partition("_")[0], split)
        try:
            stat = item.stat()
        except OSError:  # a broken link: reading it reports the reason
            stat = item.stat(follow_symlinks=False)
        yield Entry(own, label, prefix + item.name, stat.st_size, stat.st_mtime_ns)
