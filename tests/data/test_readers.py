"""Readers: pictures and CSV rows; what cannot be read is reported with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import csv_row, make_faces, write_folders, write_picture

from livefer.data import dataset
from livefer.data.dataset import read_dataset
from livefer.errors import DatasetError
from livefer.labels import CLASSES, FER2013_CSV_ORDER

TWO = {"train/cat": 3, "train/dog": 2, "val/cat": 1, "val/dog": 2, "test/cat": 1, "test/dog": 1}


GOOD = csv_row(make_faces(1)[0])


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("emotion,pixels,Usage", ("emotion", "pixels", "usage")),
        ("emotion, Usage, pixels", ("emotion", "usage", "pixels")),
        ("\ufeffemotion,pixels,Usage", ("emotion", "pixels", "usage")),
    ],
)
def test_the_csv_is_the_folder(tmp_path: Path, header: str, order: tuple[str, ...]) -> None:
    faces = make_faces(21)
    lines, usages = [header], ("Training", "PublicTest", "PrivateTest")
    for i, face in enumerate(faces):
        emotion, usage = i % 7, usages[i // 7]
        fields = {"emotion": str(emotion), "pixels": csv_row(face), "usage": usage}
        lines.append(",".join(fields[name] for name in order))
        place = {"Training": "train"}.get(usage, "test")
        name = FER2013_CSV_ORDER[emotion]
        write_picture(tmp_path / "folder" / place / name / f"{usage}_{i}.png", face)
    table = tmp_path / "fer2013.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")

    from_csv, from_folder = read_dataset(table), read_dataset(tmp_path / "folder")
    assert from_csv.classes == from_folder.classes == CLASSES
    for name in dataset.SPLITS:
        one, other = from_csv.split(name), from_folder.split(name)
        by_class = np.argsort(one.targets)
        np.testing.assert_array_equal(one.targets[by_class], other.targets)
        np.testing.assert_array_equal(one.faces[by_class], other.faces)
    assert from_csv.split("train").files[:2] == ("line 2", "line 3")


def test_a_folder_with_only_a_csv_is_that_csv(tmp_path: Path) -> None:
    face = make_faces(1)[0]
    (tmp_path / "icml_face_data.csv").write_text(
        f"emotion,pixels,Usage\n3,{csv_row(face)},Training\n"
    )
    data = read_dataset(tmp_path)
    assert data.root.name == "icml_face_data.csv"
    assert data.class_weights()[CLASSES.index("happy")] == 1 / 7
    assert data.class_weights()[CLASSES.index("fear")] is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"3,{GOOD} 1,Training", "has 2305 pixel values, expected 2304"),
        ("3,1 2 3,Training", "has 3 pixel values"),
        (f"3,{GOOD.rsplit(' ', 1)[0]} 256,Training", "no whole number from 0 to 255"),
        (f"3,{GOOD.rsplit(' ', 1)[0]} x,Training", "no whole number from 0 to 255"),
        (f"7,{GOOD},Training", 'the emotion "7", expected 0 to 6'),
        (f",{GOOD},Training", 'the emotion "", expected'),
        (f"3,{GOOD},Spare", 'the Usage "Spare", expected Training'),
        ("3", "has 1 columns, expected 3"),
    ],
)
def test_a_wrong_csv_row_is_reported_with_its_line(tmp_path: Path, row: str, reason: str) -> None:
    table = tmp_path / "fer2013.csv"
    table.write_text(f"emotion,pixels,Usage\n0,{GOOD},Training\n{row}\n\n1,{GOOD},Training\n")
    data = read_dataset(table)
    assert data.split("train").files == ("line 2", "line 5")
    ((line, found),) = data.unreadable
    assert line == "line 3"
    assert reason in found


def test_pictures_of_other_sizes_and_colours(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/b": 1})
    ramp = np.repeat(np.linspace(0, 255, 192).astype(np.uint8)[None], 96, axis=0)  # (96, 192)
    write_picture(tmp_path / "train" / "a" / "wide.png", ramp)
    blue = np.zeros((20, 20, 3), np.uint8)
    blue[..., 0] = 255
    write_picture(tmp_path / "train" / "a" / "blue.jpg", blue)
    data = read_dataset(tmp_path)
    faces = dict(zip(data.split("train").files, data.split("train").faces, strict=True))
    means = ramp[0].reshape(48, 4).mean(axis=1)  # of the areas that become a pixel each
    np.testing.assert_allclose(faces["train/a/wide.png"][0], means, atol=1)
    assert abs(int(faces["train/a/blue.jpg"].mean()) - 29) <= 2  # 0.114 × 255


def with_thumbnail(data: bytes) -> bytes:
    """A JPEG whose first segment holds a small JPEG, whose end is not the picture's end."""
    small = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()
    length = (len(small) + 2).to_bytes(2, "big")
    return data[:2] + b"\xff\xee" + length + small + data[2:]


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/a": 3, "train/b": 3})
    folder = tmp_path / "train" / "a"
    face = make_faces(1)[0]
    jpeg = cv2.imencode(".jpg", face)[1].tobytes()
    png = cv2.imencode(".png", face)[1].tobytes()
    files = {
        "cut.jpg": (jpeg[: len(jpeg) // 2], "cut short"),
        "end_lost.jpg": (jpeg[:-2], "cut short"),
        "cut_behind_thumbnail.jpg": (with_thumbnail(jpeg)[:-2], "cut short"),
        "cut.png": (png[: len(png) // 2], "cut short"),
        "empty.jpg": (b"", "an empty file"),
        "notes.txt": (b"hello", "not a picture"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    (folder / "more").mkdir()
    filled = jpeg[:2] + b"\xff" + jpeg[2:]  # any marker may have fill bytes before it
    whole = {"whole.jpg": with_thumbnail(jpeg), "tail.jpg": jpeg + b"\0" * 40, "fill.jpg": filled}
    (folder / ".hidden").write_bytes(b"x")
    for name, data in {**whole, "Thumbs.db": b"x", "desktop.ini": b"x"}.items():
        (folder / name).write_bytes(data)

    data = read_dataset(tmp_path)
    reasons = dict(data.unreadable)
    assert reasons.keys() == {f"train/a/{name}" for name in [*files, "more"]}
    for name, (_, reason) in files.items():
        assert reason in reasons[f"train/a/{name}"]
    assert "folder" in reasons["train/a/more"]
    assert {f"train/a/{name}" for name in whole} <= set(data.split("train").files)
    assert data.counts() == {"train": [6, 3]}
    assert read_dataset(tmp_path).unreadable == data.unreadable  # from the cache, too


@pytest.mark.skipif(os.name == "nt", reason="Windows lets only administrators make links")
def test_a_link_to_nothing_is_reported(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/a": 1, "train/b": 1})
    (tmp_path / "train" / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert [file for file, _ in read_dataset(tmp_path).unreadable] == ["train/a/gone.png"]


def empty_class(root: Path) -> Path:
    (write_folders(root, TWO) / "train" / "fox").mkdir()
    return root


def unreadable_class(root: Path) -> Path:
    (empty_class(root) / "train" / "fox" / "fox.jpg").write_bytes(b"no picture")
    return root


def text_file(root: Path) -> Path:
    path = root / "labels.csv"
    path.write_text("name,age\nx,3\n")
    return path


def open_quote(root: Path) -> Path:
    path = root / "fer2013.csv"
    path.write_text(f'emotion,pixels,Usage\n3,"{GOOD * 30},Training\n')
    return path


def endless(root: Path) -> Path:
    path = root / "fer2013.csv"
    path.write_text("x" * 200_000)
    return path


def packed(root: Path) -> Path:
    path = root / "fer2013.zip"
    path.write_bytes(b"PK")
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "nowhere", ["nowhere does not exist", "train/<class>/"]),
        (lambda root: root, ["has no class folders"]),
        (
            lambda root: write_folders(root, {"train": 3, "test/a": 1}),
            ["train has no class folders"],
        ),
        (empty_class, ["fox is empty", "put pictures"]),
        (unreadable_class, ['"fox" has no readable picture']),
        (lambda root: write_folders(root, {"train/a": 1, "val/a": 1, "val/b": 1}), ['class "b"']),
        (text_file, ["labels.csv", "emotion, pixels and Usage", "name, age"]),
        (open_quote, ["fer2013.csv, line 2", "mend or delete"]),
        (endless, ["fer2013.csv, line 1", "mend or delete"]),
        (packed, ["fer2013.zip", "unpack it"]),
    ],
)
def test_the_error_for_no_data_set_says_what_was_expected(
    tmp_path: Path, make: object, message: list[str]
) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(make(tmp_path))  # type: ignore[operator]
    for words in message:
        assert words in str(caught.value)


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    read_dataset(write_folders(tmp_path, TWO), progress=lambda *call: calls.append(call))
    assert calls[-1] == (10, 10)
