"""Layouts of class folders: which folder is which split and class, and what is named as neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import csv_row, make_faces, write_folders

from livefer.data.dataset import read_dataset
from livefer.errors import DatasetError
from livefer.labels import CLASSES, FER2013_CSV_ORDER


def pets(*folders: str, n: int = 2) -> dict[str, int]:
    """Class folders of cats and dogs in each of the folders."""
    return {f"{folder}/{name}": n for folder in folders for name in ("cat", "dog")}


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "valid", "test"), ["train", "val", "test"]),
        (("Training", "Validation", "Testing"), ["train", "val", "test"]),
        (("train", "eval"), ["train", "val"]),
        (("train", "dev"), ["train", "val"]),
        (("train_set", "val-set", "Test Set"), ["train", "val", "test"]),
        (("Training", "PublicTest", "PrivateTest"), ["train", "val", "test"]),
        (("FER2013Train", "FER2013Valid", "FER2013Test"), ["train", "val", "test"]),
        (("train/train", "test/test"), ["train", "test"]),
    ],
)
def test_folders_of_splits_have_their_usual_names(
    tmp_path: Path, folders: tuple[str, ...], splits: list[str]
) -> None:
    data = read_dataset(write_folders(tmp_path, pets(*folders)))
    assert data.counts() == {split: [2, 2] for split in splits}
    for folder, split in zip(folders, splits, strict=True):
        assert all(file.startswith(f"{folder}/") for file in data.split(split).files)
    assert (data.classes, data.ignored, data.origin) == (("cat", "dog"), (), "class folders")


@pytest.mark.parametrize("inside", ["archive", "downloads/archive", "images/images"])
def test_a_data_set_is_found_in_its_folder(tmp_path: Path, inside: str) -> None:
    write_folders(tmp_path, pets(f"{inside}/train", f"{inside}/val"))
    (tmp_path / "__MACOSX" / "train" / "cat").mkdir(parents=True)
    data = read_dataset(tmp_path)
    assert (data.root, data.ignored) == (tmp_path / inside, ())
    assert data.counts() == {"train": [2, 2], "val": [2, 2]}
    assert data.split("train").files[0] == "train/cat/000.png"


def test_class_folders_and_a_table_are_found_in_their_folder_too(tmp_path: Path) -> None:
    write_folders(tmp_path / "one", pets("archive", n=10))
    assert read_dataset(tmp_path / "one").counts()["train"] == [8, 8]
    (tmp_path / "two" / "archive").mkdir(parents=True)
    row = f"emotion,pixels,Usage\n3,{csv_row(make_faces(1)[0])},Training\n"
    (tmp_path / "two" / "archive" / "FER2013.CSV").write_text(row)
    (tmp_path / "two" / "archive" / "submission.csv").write_text("id,emotion\n")
    assert read_dataset(tmp_path / "two").origin == "FER2013's CSV"


def test_class_folders_beside_a_test_folder_are_trained_on(tmp_path: Path) -> None:
    write_folders(tmp_path, {"cat": 20, "dog": 10, "fox": 10} | pets("test"))
    data = read_dataset(tmp_path)
    assert data.counts() == {"train": [18, 9, 9], "val": [2, 1, 1], "test": [2, 2, 0]}
    assert all(file.startswith("test/") for file in data.split("test").files)
    assert data.origin == "class folders, val 10 %, drawn per class with seed 0"
    write_folders(tmp_path, pets("val"))
    both = read_dataset(tmp_path)
    assert both.counts() == {"train": [20, 10, 10], "val": [2, 2, 0], "test": [2, 2, 0]}
    assert both.origin == "class folders"


def test_numbers_are_classes_in_folders_with_fer2013s_own_names(tmp_path: Path) -> None:
    counts = {f"{part}/{i}": 1 for part in ("Training", "PublicTest") for i in range(7)}
    data = read_dataset(write_folders(tmp_path / "own", counts))
    assert data.classes == CLASSES
    for file, target in zip(data.split("val").files, data.split("val").targets, strict=True):
        assert FER2013_CSV_ORDER[int(file.split("/")[1])] == CLASSES[target]
    other = write_folders(tmp_path / "other", {"train/1": 1, "train/2": 1, "test/1": 1})
    assert read_dataset(other).classes == ("1", "2")


def test_what_is_no_split_and_no_class_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path, pets("in/train", "in/val", "in/more", "notes") | {"in/train": 3})
    (tmp_path / "in" / "README.md").write_text("pets")
    (tmp_path / "in" / ".hidden").write_text("")
    assert read_dataset(tmp_path).ignored == (
        (f"{tmp_path / 'notes'}", "is no split by its name"),
        (f"{tmp_path / 'in'}", "1 file outside class folders"),
        (f"{tmp_path / 'in' / 'train'}", "3 files outside class folders"),
        (f"{tmp_path / 'in' / 'more'}", "is no split by its name"),
    )


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"train": 2, "test": 2}, "test has no class folders: understood are DIR/<class>"),
        ({}, r"has no class folders: understood are .*train/<class>/.*valid.*fer2013\.csv"),
        (pets("mine", "yours"), "no readable picture in a class folder.*: understood are DIR"),
        (pets("train", "val", "valid"), "has two folders of the split val, val and valid: merge"),
        (pets("one/train", "two/train"), "holds several data sets, one, two: name one of them"),
    ],
)
def test_where_nothing_fits_the_layouts_are_named(
    tmp_path: Path, counts: dict[str, int], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_dataset(write_folders(tmp_path, counts))


def test_a_class_with_a_folder_of_the_name_test_stays_a_class(tmp_path: Path) -> None:
    data = read_dataset(write_folders(tmp_path, {"cat": 10, "dog": 10, "dog/test": 1}))
    assert data.classes == ("cat", "dog")
    assert [file for file, _ in data.unreadable] == ["dog/test"]
    np.testing.assert_array_equal(data.counts()["train"], [8, 8])
