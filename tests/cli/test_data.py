"""`livefer data` and `livefer evaluate` print what is so, and say what is wrong in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_faces, write_folders, write_picture
from numpy.typing import NDArray

from livefer.cli import main

COUNTS = {"train/cat": 6, "train/dog": 2, "val/cat": 3, "val/dog": 1}


@dataclass
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def livefer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["livefer", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


class Fake:
    """A model that takes everything bright for a cat."""

    classes: tuple[str, ...] = ("dog", "cat")
    name = "fake"

    uncertain_below = 0.5

    def __init__(self, model: str = "fake", prior: float | None = None) -> None:
        self.name = Path(model).stem
        self.prior = prior or 0

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        bright = (faces.mean(axis=(1, 2)) / 255).astype(np.float32)
        odds = np.stack([1 - bright, bright], axis=1) * np.float32([1, 0.01**self.prior])
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cats are bright and dogs dark, but for one dog of val; a cat of val is in train."""
    monkeypatch.setattr("livefer.cli.evaluate.EmotionClassifier", Fake)
    for folder, n in COUNTS.items():
        for i, face in enumerate(make_faces(n, seed=len(folder) + ord(folder[-1]))):
            level = 150 if folder.endswith("cat") or folder.startswith("val") else 20
            write_picture(tmp_path / "pets" / folder / f"{i}.png", face // 3 + level)
    twin = cv2.imread(str(tmp_path / "pets" / "train" / "cat" / "0.png"), cv2.IMREAD_GRAYSCALE)
    write_picture(tmp_path / "pets" / "val" / "cat" / "0.png", twin)
    return tmp_path / "pets"


def words(text: str, start: str) -> list[str]:
    """The words of the first line that starts so."""
    return next(line for line in text.splitlines() if line.strip().startswith(start)).split()


def test_data_prints_classes_and_findings(livefer: Run, pets: Path) -> None:
    ended = livefer("data", pets)
    assert ended.code == 0
    assert words(ended.out, "cat")[:6] == ["cat", "6", "3", "75.0", "%", "0.67"]
    assert words(ended.out, "dog")[:6] == ["dog", "2", "1", "25.0", "%", "2.00"]
    assert words(ended.out, "all") == ["all", "8", "4"]
    assert words(ended.out, "pixel copies")[-1] == "1"
    assert "--json names the files" in ended.out
    assert "every file could be read" in ended.out
    assert max(map(len, ended.out.splitlines())) <= max(80, len(str(pets)) + 20)


def test_data_as_json_is_nothing_but_json(livefer: Run, pets: Path) -> None:
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


def test_data_lists_what_could_not_be_read(livefer: Run, pets: Path) -> None:
    for i in range(12):
        (pets / "train" / "dog" / f"bad[{i:02}].jpg").write_bytes(b"\xff\xd8\xff")
    ended = livefer("data", pets)
    assert ended.code == 1
    assert "12 unreadable files" in ended.out
    assert "train/dog/bad[09].jpg: a picture that is cut short" in ended.out
    assert "bad[10]" not in ended.out
    assert "2 more" in ended.out


def test_data_splits_one_folder_by_the_seed(livefer: Run, tmp_path: Path) -> None:
    write_folders(tmp_path, {"a": 20, "b": 10})
    ended = livefer("data", tmp_path)
    assert "seed 0" in ended.out
    assert words(ended.out, "all") == ["all", "24", "3", "3"]


def test_plots_are_written(livefer: Run, pets: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    assert livefer("data", pets, "--plot", tmp_path / "data.png").code == 0
    assert livefer("evaluate", "--data", pets, "--plots", tmp_path / "plots").code == 0
    stems = ("confusion", "reliability", "risk-coverage")
    for name in ("data.png", *(f"plots/{stem}.png" for stem in stems)):
        assert cv2.imread(str(tmp_path / name)) is not None


def test_evaluate_prints_what_it_writes(livefer: Run, pets: Path, tmp_path: Path) -> None:
    ended = livefer("evaluate", "--data", pets, "--json", tmp_path / "new" / "report.json")
    assert ended.code == 0
    written = json.loads((tmp_path / "new" / "report.json").read_text())
    assert (written["model"], written["n_images"], written["accuracy"]) == ("fer2013", 4, 0.75)
    assert written["classes"] == ["cat", "dog"]
    assert written["confusion_matrix"] == [[3, 0], [1, 0]]
    assert written["without_twins"]["n_images"] == 3
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "75.0", "%"]
    assert words(ended.out, "without twins")[2:4] == ["66.7", "%"]
    assert words(ended.out, "macro-F1")[1:3] == [f"{100 * written['macro_f1']:.1f}", "%"]
    assert words(ended.out, "NLL")[1] == f"{written['nll']:.3f}"
    assert words(ended.out, "dog")[:5] == ["dog", "1", "–", "0.0", "%"]
    assert "dog taken for cat: 100 % (1 of 1)" in ended.out
    assert max(map(len, ended.out.splitlines()[1:])) <= 80


def test_evaluate_takes_another_model_and_many_views(livefer: Run, pets: Path) -> None:
    ended = livefer("evaluate", "--data", pets, "--split", "train", "--model", "my.onnx", "--tta")
    assert ended.code == 0
    assert ended.out.startswith("my, ten views on train")
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "100.0", "%"]
    assert "without twins" not in ended.out


def test_evaluate_against_votes(livefer: Run, pets: Path, tmp_path: Path) -> None:
    table = tmp_path / "votes.csv"
    table.write_text(
        "file,cat,dog,NF\nval/cat/0.png,9,1,0\nval/cat/1.png,1,9,0\nval/dog/0.png,6,0,4\n"
    )
    ended = livefer(
        "evaluate", "--data", pets, "--labels", "votes", "--votes", table,
        "--json", tmp_path / "report.json",
    )  # fmt: skip
    assert ended.code == 0
    written = json.loads((tmp_path / "report.json").read_text())
    assert (written["labels"], written["n_images"], written["n_left_out"]) == ("votes", 3, 1)
    assert written["accuracy"] == pytest.approx(2 / 3)
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "66.7", "%"]
    assert words(ended.out, "where they agree")[3:5] == ["66.7", "%"]
    assert written["crowd"]["agreed"]["n_images"] == 3  # 9 and 9 of 9, 6 of 10
    assert words(ended.out, "against all votes")[3] == f"{written['crowd']['cross_entropy']:.3f}"
    assert "1 image without a majority left out" in ended.out


def test_evaluate_takes_a_prior(livefer: Run, pets: Path) -> None:
    ended = livefer("evaluate", "--data", pets, "--prior", "1")
    assert ended.out.startswith("fer2013, prior 1 on val")
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "25.0", "%"]  # all are dogs now
    (answered,) = (line for line in ended.out.splitlines() if "not uncertain" in line)
    assert "100.0 % get an answer" in answered


def test_evaluate_compares_with_another_model(livefer: Run, pets: Path, tmp_path: Path) -> None:
    ended = livefer(
        "evaluate", "--data", pets, "--prior", "1", "--against", "my.onnx",
        "--json", tmp_path / "report.json",
    )  # fmt: skip
    assert ended.code == 0
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "25.0", "%"]  # and 75 % there
    against = json.loads((tmp_path / "report.json").read_text())["against"]
    assert (against["model"], against["value"]) == ("my", -0.5)
    assert (against["n_only_here"], against["n_only_there"]) == (1, 3)
    assert against["low"] < -0.5 < against["high"]
    low, high = (f"{100 * against[key]:+.1f}" for key in ("low", "high"))
    said = f"against my: -50.0 points of accuracy (95 % interval {low} to {high}"
    assert said in ended.out
    assert ("which includes 0" in ended.out) == (against["high"] >= 0)


def test_evaluate_compares_with_a_checkpoint(
    livefer: Run, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = pytest.importorskip("livefer.train.checkpoint", reason="needs the train extra")
    monkeypatch.setattr(checkpoint, "load_predictor", lambda path: (Fake().predict, Fake.classes))
    ended = livefer("evaluate", "--data", pets, "--against", "runs/one/best.safetensors")
    assert "against one/best: +0.0 points of accuracy" in ended.out
    assert "which includes 0" in ended.out


def test_evaluate_takes_a_checkpoint(
    livefer: Run, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = pytest.importorskip("livefer.train.checkpoint", reason="needs the train extra")
    monkeypatch.setattr(checkpoint, "load_predictor", lambda path: (Fake().predict, Fake.classes))
    ended = livefer("evaluate", "--data", pets, "--checkpoint", "runs/one/best.safetensors")
    assert ended.code == 0
    assert ended.out.startswith("one/best on val")
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "75.0", "%"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("data", "nowhere"), ["nowhere does not exist"]),
        (("evaluate", "--data", "nowhere"), ["nowhere does not exist"]),
        (("evaluate", "--data", "PETS", "--split", "test"), ["no test split", "PrivateTest_*"]),
        (("evaluate", "--data", "PETS", "--model", "m", "--checkpoint", "c"), ["choose one"]),
        (("evaluate", "--data", "PETS", "--checkpoint", "c", "--prior", "1"), ["export it"]),
        (("evaluate", "--data", "PETS", "--labels", "votes"), ["--votes FILE"]),
        (("evaluate", "--data", "PETS", "--votes", "v.csv"), ["without --labels votes"]),
        (("evaluate", "--data", "OTHER"), ["only fer2013: dog; only the data: fox"]),
        (("evaluate", "--data", "PETS", "--json", "PETS/val/cat/0.png/x"), ["cannot be written"]),
    ],
)
def test_mistakes_are_told_in_one_line(
    livefer: Run, pets: Path, tmp_path: Path, arguments: tuple[str, ...], says: list[str]
) -> None:
    other = write_folders(tmp_path / "other", {"train/cat": 2, "val/cat": 2, "train/fox": 2})
    places = {"PETS": str(pets), "OTHER": str(other)}
    filled = [places.get(a, a.replace("PETS", str(pets))) for a in arguments]
    ended = livefer(*filled)
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    for part in says:
        assert part in line


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
    ended = livefer("data", pets, "--plot", plot)
    assert (ended.code, ended.err) == (0, f"wrote {plot}\n")


def test_brackets_in_names_are_no_markup(livefer: Run, pets: Path) -> None:
    odd = pets.rename(pets.with_name("pets [old]"))
    for split in ("train", "val"):
        (odd / split / "cat").rename(odd / split / "cat [big]")
    ended = livefer("data", odd)
    assert "pets [old]" in ended.out
    assert "cat [big]" in ended.out
