"""Hygiene: blank images, copies, conflicts and twins, and their numbers in FER2013."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_faces, make_split
from numpy.typing import NDArray

from livefer.data import hygiene
from livefer.data.dataset import Dataset, Split, read_dataset


def test_blank_is_what_shows_nothing() -> None:
    faces = np.zeros((5, 48, 48), np.uint8)
    faces[1] = 255
    faces[2] = 128 + np.arange(48) % 3  # compression noise
    faces[3, 10:20, 10:20] = 60
    faces[4] = make_faces(1)[0] // 8 + 100  # a pale picture is a picture
    assert hygiene.blank(faces).tolist() == [True, True, True, False, False]


def test_copies_with_another_label_conflict() -> None:
    a, b, c, d = make_faces(4)
    faces = np.stack([a, b, a, c, b, a, d, c])
    targets = np.array([0, 1, 2, 3, 1, 0, 0, 0])
    assert hygiene.groups(faces).tolist() == [0, 1, 0, 2, 1, 0, 3, 2]
    expected = [True, False, True, True, False, True, False, True]
    assert hygiene.conflicting(faces, targets).tolist() == expected
    order = np.random.default_rng(0).permutation(8)
    assert hygiene.conflicting(faces[order], targets[order]).tolist() == [
        expected[i] for i in order
    ]


def recompressed(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.uint8)


def paler(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (face * 0.6 + 70).astype(np.uint8)


def test_twins_are_copies_and_near_copies() -> None:
    train = make_faces(300, seed=1)
    others = make_faces(3, seed=2)
    faces = np.stack([others[0], train[250], recompressed(train[7]), paler(train[299]), others[1]])
    assert hygiene.copies(faces, train).tolist() == [False, True, False, False, False]
    assert hygiene.twins(faces, train).tolist() == [False, True, True, True, False]


def test_twins_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, others = make_faces(11, seed=1), make_faces(13, seed=2)
    pairs = np.corrcoef(np.concatenate([faces, others]).reshape(24, -1))[:11, 11:]
    for block in (1, 4, 100):
        monkeypatch.setattr(hygiene, "_BLOCK", block)
        np.testing.assert_allclose(
            hygiene._closest(faces, others), pairs.max(axis=1), rtol=0, atol=1e-5
        )


def test_twins_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path))
    train = make_faces(20, seed=1)
    faces = np.stack([train[3], *make_faces(2, seed=2)])
    first = hygiene.twins(faces, train)
    with monkeypatch.context() as patch:
        patch.setattr(hygiene, "_closest", lambda *_: pytest.fail("was computed again"))
        np.testing.assert_array_equal(hygiene.twins(faces, train), first)
    assert hygiene.twins(faces, train[:2]).tolist() == [False, False, False]


@pytest.mark.filterwarnings("error")
def test_nothing_is_found_in_nothing() -> None:
    none, some = make_faces(0), make_faces(2)
    assert hygiene.blank(none).tolist() == []
    assert hygiene.conflicting(none, np.empty(0, np.int64)).tolist() == []
    assert hygiene.twins(none, some).tolist() == []
    assert hygiene.twins(some, none).tolist() == [False, False]


def test_inspect_counts_and_names_files() -> None:
    a, b, c, d = make_faces(4)
    dark = np.zeros((48, 48), np.uint8)
    train_faces, train_targets = np.stack([a, a, b, b, b, dark]), np.array([0, 0, 0, 1, 1, 0])
    train = Split("train", train_faces, train_targets, tuple("123456"))
    val_faces, val_targets = np.stack([a, recompressed(b), c, d]), np.array([0, 0, 1, 1])
    val = Split("val", val_faces, val_targets, tuple("abcd"))
    data = Dataset(Path("x"), ("p", "q"), {"train": train, "val": val}, (), "")
    found = hygiene.inspect(data)
    assert found["train"].to_dict() == {
        "n_images": 6, "n_blank": 1, "n_redundant": 3, "n_conflicting_groups": 1,
        "n_conflicting": 3,
    }  # fmt: skip
    assert found["val"].n_copies_of_train == 1
    assert found["val"].n_twins_in_train == 2
    assert hygiene.files_of(train, train) == {
        "blank": ["6"], "copies": [["1", "2"], ["3", "4", "5"]], "conflicting": [["3", "4", "5"]],
    }  # fmt: skip
    assert hygiene.files_of(val, train) == {
        "blank": [], "copies": [], "conflicting": [],
        "copies_of_train": ["a"], "twins_in_train": ["a", "b"],
    }  # fmt: skip


def test_inspect_without_train() -> None:
    data = Dataset(Path("x"), ("p", "q"), {"val": make_split([0, 1])}, (), "")
    assert "n_twins_in_train" not in hygiene.inspect(data)["val"].to_dict()


def test_fer2013(fer2013_dir: Path) -> None:
    found = hygiene.inspect(read_dataset(fer2013_dir))
    train, val = found["train"], found["val"]
    assert (train.n_images, val.n_images) == (28709, 3589)
    assert (train.n_blank, val.n_blank) == (12, 1)
    assert train.n_redundant == 1236
    assert train.n_conflicting_groups == 39
    assert val.n_copies_of_train == 280
    assert val.n_twins_in_train is not None
    assert 365 <= val.n_twins_in_train <= 380
