"""Data sets: splits by folder, by name and by seed, and a cache that notices changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from builders import csv_row, make_faces, write_folders, write_picture

from livefer.data import readers
from livefer.data.dataset import Dataset, read_dataset
from livefer.errors import DatasetError
from livefer.labels import CLASSES
from livefer.system import cache

TWO = {"train/cat": 3, "train/dog": 2, "val/cat": 1, "val/dog": 2, "test/cat": 1, "test/dog": 1}

# The order of FER2013's pictures and labels; `DRAWN` are the splits of train/ alone, with seed 5.
WHOLE = ["2687b89ccab4e693", "932a0042a970c565"]
DRAWN = ["3adae482b3ab877d", "b9b68e3c9df78d12", "be95d502feaa7d1a"]


def assert_equal(one: Dataset, other: Dataset) -> None:
    assert one.classes == other.classes
    assert one.splits.keys() == other.splits.keys()
    assert one.unreadable == other.unreadable
    for name, split in one.splits.items():
        np.testing.assert_array_equal(split.faces, other.splits[name].faces)
        np.testing.assert_array_equal(split.targets, other.splits[name].targets)
        assert split.files == other.splits[name].files


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Note which pictures are decoded from now on."""
    seen: list[Path] = []
    read = readers._read_picture

    def noted(path: Path) -> object:
        seen.append(path)
        return read(path)

    monkeypatch.setattr(readers, "_read_picture", noted)
    return seen


def test_split_folders(tmp_path: Path) -> None:
    data = read_dataset(write_folders(tmp_path, TWO))
    assert data.classes == ("cat", "dog")
    assert data.counts() == {"train": [3, 2], "val": [1, 2], "test": [1, 1]}
    assert data.class_weights() == [5 / (2 * 3), 5 / (2 * 2)]
    train = data.split("train")
    assert (train.faces.shape, train.faces.dtype) == ((5, 48, 48), np.uint8)
    assert train.targets.dtype == np.int64
    assert train.files[0] == "train/cat/000.png"
    np.testing.assert_array_equal(train.faces[:3], make_faces(3, seed=0))
    assert data.unreadable == ()


def test_kaggle_folder_has_val_and_test_in_file_names(tmp_path: Path) -> None:
    for prefix, folder in (
        ("Training_", "train"),
        ("PublicTest_", "test"),
        ("PrivateTest_", "test"),
    ):
        write_folders(tmp_path, {f"{folder}/{name}": 2 for name in CLASSES}, prefix)
    write_picture(tmp_path / "test" / "sad" / "other.png", make_faces(1)[0])
    data = read_dataset(tmp_path)
    assert data.classes == CLASSES
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 14, "val": 14, "test": 15,
    }  # fmt: skip
    assert all("/PublicTest_" in file for file in data.split("val").files)
    for split in data.splits.values():
        named = [data.classes[target] for target in split.targets]
        assert named == [file.split("/")[1] for file in split.files]


def test_one_folder_is_split_by_the_seed(tmp_path: Path) -> None:
    write_folders(tmp_path, {"b": 40, "a": 20})
    data = read_dataset(tmp_path, seed=3)
    assert data.counts() == {"train": [16, 32], "val": [2, 4], "test": [2, 4]}
    assert_equal(data, read_dataset(tmp_path, seed=3))
    assert data.split("val").files != read_dataset(tmp_path, seed=4).split("val").files
    files = [file for split in data.splits.values() for file in split.files]
    assert len(set(files)) == 60
    assert "seed 3" in data.origin
    assert read_dataset(tmp_path, val_share=0.25).counts()["val"] == [5, 10]


def test_the_cache_saves_decoding_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path / "cache"))
    root = write_folders(tmp_path / "data", TWO)
    reads = count_reads(monkeypatch)
    first = read_dataset(root)
    assert len(reads) == 10
    reads.clear()
    assert_equal(first, read_dataset(root))
    assert reads == []

    changes = [
        lambda: write_picture(root / "train" / "cat" / "new.png", make_faces(1, 9)[0]),
        lambda: os.utime(root / "val" / "cat" / "000.png", ns=(1, 1)),
        lambda: (root / "train" / "cat" / "new.png").unlink(),
        lambda: (root / "train" / "dog" / "000.png").rename(root / "train" / "cat" / "dog.png"),
    ]
    for change in changes:
        change()
        reads.clear()
        read_dataset(root)
        assert reads
    assert len(list((tmp_path / "cache").iterdir())) == 1  # the old ones are removed


def test_a_damaged_or_forbidden_cache_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path / "cache"))
    root = write_folders(tmp_path / "data", TWO)
    first = read_dataset(root)
    (kept,) = (tmp_path / "cache").iterdir()
    for damage in (kept.read_bytes()[:2000], b"", b"no archive"):
        kept.write_bytes(damage)
        assert_equal(first, read_dataset(root))
    monkeypatch.setenv("LIVEFER_CACHE", str(root / "train" / "cat" / "000.png" / "cache"))
    assert_equal(first, read_dataset(root))
    assert cache.load_arrays("anything") is None


def test_the_error_for_a_missing_split_says_what_makes_it(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/sad": 1})
    data = read_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"no val split.*val/<class>/.*PublicTest_\*\.jpg"):
        data.split("val")
    with pytest.raises(DatasetError, match=r"test/<class>/PrivateTest_\*\.jpg"):
        data.split("test")
    with pytest.raises(DatasetError, match=r'"dev".*train, val, test'):
        data.split("dev")
    table = tmp_path / "fer2013.csv"
    table.write_text(f"emotion,pixels,Usage\n3,{csv_row(make_faces(1)[0])},Training\n")
    with pytest.raises(DatasetError, match='lines with the Usage "PrivateTest"'):
        read_dataset(table).split("test")


def order_of(data: Dataset, name: str) -> str:
    split = data.split(name)
    rows = zip(split.files, split.targets.tolist(), strict=True)
    return hashlib.sha256(str(list(rows)).encode()).hexdigest()[:16]


def test_the_order_and_the_splits_of_fer2013_stay(fer2013_dir: Path) -> None:
    data, drawn = read_dataset(fer2013_dir), read_dataset(fer2013_dir / "train", seed=5)
    assert [order_of(data, name) for name in ("train", "val")] == WHOLE
    assert [order_of(drawn, name) for name in ("train", "val", "test")] == DRAWN
    assert data.ignored == drawn.ignored == ()


def test_fer2013(fer2013_dir: Path) -> None:
    data = read_dataset(fer2013_dir)
    assert data.classes == CLASSES
    assert data.counts()["train"] == [3995, 436, 4097, 7215, 4965, 4830, 3171]
    assert data.counts()["val"] == [467, 56, 496, 895, 607, 653, 415]
    assert data.unreadable == ()
