"""`livefer data`: classes, splits and faults of a data set, as tables and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from builders import write_folders
from commands import Run, words
from madefonts import installed, write_font

pytestmark = pytest.mark.slow


def test_it_prints_classes_and_faults(livefer: Run, pets: Path) -> None:
    ended = livefer("data", pets)
    assert ended.code == 0
    assert words(ended.out, "cat")[:6] == ["cat", "6", "3", "75.0", "%", "0.67"]
    assert words(ended.out, "dog")[:6] == ["dog", "2", "1", "25.0", "%", "2.00"]
    assert words(ended.out, "all") == ["all", "8", "4"]
    assert words(ended.out, "pixel copies")[-1] == "1"
    assert "--json names the files" in ended.out
    assert "every file of a class could be read" in ended.out
    assert "left out" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= max(80, len(str(pets)) + 20)


def test_json_is_nothing_but_json(livefer: Run, pets: Path) -> None:
    (pets / "val" / "cat" / "notes.txt").write_text("hello")
    ended = livefer("data", pets, "--json")
    found = json.loads(ended.out)
    assert found["classes"]["cat"] == {"train": 6, "val": 3, "share": 0.75, "weight": 8 / 12}
    assert found["splits"]["val"]["n_copies_of_train"] == 1
    assert found["splits"]["val"]["files"]["copies_of_train"] == ["val/cat/0.png"]
    assert found["splits"]["train"]["n_redundant"] == 0
    assert found["splits"]["train"]["files"] == {"blank": [], "copies": [], "conflicting": []}
    assert [entry["file"] for entry in found["unreadable"]] == ["val/cat/notes.txt"]
    assert ended.code == 1


def test_what_belongs_to_no_split_or_class_is_listed(livefer: Run, pets: Path) -> None:
    write_folders(pets, {"spare/cat": 3, "train": 2})
    ended = livefer("data", pets)
    assert ended.code == 0
    assert f"left out: {pets / 'spare'}: is no split by its name" in ended.out
    assert f"left out: {pets / 'train'}: 2 files outside class folders" in ended.out
    found = json.loads(livefer("data", pets, "--json").out)
    assert [entry["path"] for entry in found["ignored"]] == [
        str(pets / name) for name in ("train", "spare")
    ]


def test_unreadable_files_are_listed(livefer: Run, pets: Path) -> None:
    for i in range(12):
        (pets / "train" / "dog" / f"bad[{i:02}].jpg").write_bytes(b"\xff\xd8\xff")
    ended = livefer("data", pets)
    assert ended.code == 1
    assert "12 unreadable files" in ended.out
    assert "train/dog/bad[09].jpg: a picture that is cut short" in ended.out
    assert "bad[10]" not in ended.out
    assert "2 more" in ended.out


def test_one_folder_is_split_by_the_seed(livefer: Run, tmp_path: Path) -> None:
    write_folders(tmp_path, {"a": 20, "b": 10})
    ended = livefer("data", tmp_path)
    assert "seed 0" in ended.out
    assert words(ended.out, "all") == ["all", "24", "3", "3"]


def test_a_plot_is_written(livefer: Run, pets: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    assert livefer("data", pets, "--plot", tmp_path / "data.png").code == 0
    assert cv2.imread(str(tmp_path / "data.png")) is not None


def test_fer2013(livefer: Run, fer2013_dir: Path) -> None:
    ended = livefer("data", fer2013_dir)
    assert ended.code == 0
    assert words(ended.out, "disgust")[:3] == ["disgust", "436", "56"]
    assert "9.41" in words(ended.out, "disgust")
    assert words(ended.out, "blank")[2:4] == ["12", "1"]
    assert words(ended.out, "redundant")[4:6] == ["1,236", "26"]
    assert words(ended.out, "groups")[6:8] == ["39", "1"]
    assert words(ended.out, "pixel copies")[5] == "280"


def test_classes_may_have_names_in_any_script(livefer: Run, pets: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    for split in ("train", "val"):
        (pets / split / "cat").rename(pets / split / "猫")
    plot = pets.with_name("data.png")
    with installed(write_font(pets.with_name("fonts") / "Cat.ttf", "猫").parent):
        ended = livefer("data", pets, "--plot", plot)
    assert (ended.code, ended.err) == (0, f"wrote {plot}\n")
    with installed(pets):
        ended = livefer("data", pets, "--plot", plot)
    assert ended.code == 0
    assert ended.err.startswith(f"wrote {plot}\nno installed font has the letters 猫: they are")
    assert ended.err.count("\n") == 2


def test_brackets_in_names_are_no_markup(livefer: Run, pets: Path) -> None:
    odd = pets.rename(pets.with_name("pets [old]"))
    for split in ("train", "val"):
        (odd / split / "cat").rename(odd / split / "cat [big]")
    ended = livefer("data", odd)
    assert "pets [old]" in ended.out
    assert "cat [big]" in ended.out


def test_a_mistake_is_one_line(livefer: Run) -> None:
    ended = livefer("data", "nowhere")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "nowhere does not exist" in ended.err
