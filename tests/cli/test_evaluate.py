"""`livefer evaluate`: its figures as tables, JSON and pictures, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import write_folders
from commands import PetModel, Run, words
from training import CLASSES, write_two_headed
from typer.testing import CliRunner

from livefer.cli import app
from livefer.data.dataset import read_dataset
from livefer.errors import ConfigError, LiveferError
from livefer.labels import CLASSES as EMOTIONS
from livefer.train.checkpoint import load_predictor

pytestmark = pytest.mark.slow


def test_it_prints_the_figures_that_it_writes(livefer: Run, pets: Path, tmp_path: Path) -> None:
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


def test_what_is_left_out_is_said(livefer: Run, pets: Path) -> None:
    write_folders(pets, {"spare/cat": 3})
    ended = livefer("evaluate", "--data", pets)
    assert (ended.code, ended.err) == (
        0, f"left out: {pets / 'spare'}: is no split by its name\n"
    )  # fmt: skip


def test_a_class_that_does_not_occur_is_named(livefer: Run, tmp_path: Path) -> None:
    six = [name for name in EMOTIONS if name != "neutral"]
    data = write_folders(tmp_path / "data", {f"test/{name}": 3 for name in six})
    report = tmp_path / "report.json"
    words = ["--data", data, "--split", "test", "--against", "human", "--json", report]
    ended = livefer("evaluate", *words)
    assert ended.code == 0
    assert "no image of neutral: not in the means" in ended.out
    found = json.loads(report.read_text())
    assert (found["absent"], found["n_images"]) == (["neutral"], 18)
    assert found["classes"] == [*six, "neutral"]
    recalls = [found["per_class"][name]["recall"] for name in six]
    assert found["per_class"]["neutral"]["recall"] is None
    assert found["balanced_accuracy"] == pytest.approx(sum(recalls) / 6)
    assert sum(sum(row) for row in found["confusion_matrix"]) == 18


def test_another_model_and_many_views(livefer: Run, pets: Path) -> None:
    ended = livefer("evaluate", "--data", pets, "--split", "train", "--model", "my.onnx", "--tta")
    assert ended.code == 0
    assert ended.out.startswith("my, ten views on train")
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "100.0", "%"]
    assert "without twins" not in ended.out


def test_votes_as_ground_truth(livefer: Run, pets: Path, tmp_path: Path) -> None:
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


def test_a_prior(livefer: Run, pets: Path) -> None:
    ended = livefer("evaluate", "--data", pets, "--prior", "1")
    assert ended.out.startswith("fer2013, prior 1 on val")
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "25.0", "%"]  # all are dogs now
    (answered,) = (line for line in ended.out.splitlines() if "not uncertain" in line)
    assert "100.0 % get an answer" in answered


def test_it_compares_with_another_model(livefer: Run, pets: Path, tmp_path: Path) -> None:
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


def test_it_compares_with_a_checkpoint(
    livefer: Run, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = pytest.importorskip("livefer.train.checkpoint", reason="needs the train extra")
    monkeypatch.setattr(
        checkpoint, "load_predictor", lambda path: (PetModel().predict, PetModel.classes)
    )
    ended = livefer("evaluate", "--data", pets, "--against", "runs/one/best.safetensors")
    assert "against one/best: +0.0 points of accuracy" in ended.out
    assert "which includes 0" in ended.out


def test_a_checkpoint(livefer: Run, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = pytest.importorskip("livefer.train.checkpoint", reason="needs the train extra")
    monkeypatch.setattr(
        checkpoint, "load_predictor", lambda path: (PetModel().predict, PetModel.classes)
    )
    ended = livefer("evaluate", "--data", pets, "--checkpoint", "runs/one/best.safetensors")
    assert ended.code == 0
    assert ended.out.startswith("one/best on val")
    assert words(ended.out, "accuracy")[:3] == ["accuracy", "75.0", "%"]


def test_plots_are_written(livefer: Run, pets: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    assert livefer("evaluate", "--data", pets, "--plots", tmp_path / "plots").code == 0
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"confusion.png", "reliability.png", "risk-coverage.png", "mistakes.jpg"}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--data", "nowhere"), ["nowhere does not exist"]),
        (("--data", "PETS", "--split", "test"), ["no test split", "PrivateTest_*"]),
        (("--data", "PETS", "--model", "m", "--checkpoint", "c"), ["choose one"]),
        (("--data", "PETS", "--checkpoint", "c", "--prior", "1"), ["export it"]),
        (("--data", "PETS", "--labels", "votes"), ["--votes FILE"]),
        (("--data", "PETS", "--votes", "v.csv"), ["without --labels votes"]),
        (("--data", "OTHER"), ["only fer2013: dog; only the data: fox"]),
        (("--data", "PETS", "--json", "PETS/val/cat/0.png/x"), ["cannot be written"]),
    ],
)
def test_mistakes_are_one_line(
    livefer: Run, pets: Path, tmp_path: Path, arguments: tuple[str, ...], parts: list[str]
) -> None:
    other = write_folders(tmp_path / "other", {"train/cat": 2, "val/cat": 2, "train/fox": 2})
    places = {"PETS": str(pets), "OTHER": str(other)}
    filled = [places.get(a, a.replace("PETS", str(pets))) for a in arguments]
    ended = livefer("evaluate", *filled)
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    for part in parts:
        assert part in line


def test_the_figures_do_not_replace_the_votes(tmp_path: Path) -> None:
    table = tmp_path / "votes.csv"
    table.write_text("file,happy\n")
    words = ["--data", "x", "--labels", "votes", "--votes", str(table), "--json", str(table)]
    with pytest.raises(ConfigError, match="is an input: choose another name"):
        CliRunner().invoke(app, ["evaluate", *words], catch_exceptions=False)
    assert table.read_text() == "file,happy\n"


def test_the_default_model_learned_from_the_ground_truth(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", {f"val/{name}": 2 for name in EMOTIONS})
    files = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    votes = tmp_path / "votes.csv"
    rows = [f"{file},1,0,0,0,0,0,0" for file in files]
    votes.write_text("\n".join([",".join(["file", *EMOTIONS]), *rows]))
    for given, name in (
        ((), "fer2013"),
        (("--labels", "votes", "--votes", str(votes)), "human"),
        (("--model", "human"), "human"),
    ):
        words = ["evaluate", "--data", str(data), *given]
        ended = CliRunner().invoke(app, words, catch_exceptions=False)
        assert ended.exit_code == 0
        assert ended.stdout.startswith(f"{name} on val of ")


def test_an_output_that_cannot_be_written_is_an_error_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a file where a folder would be needed")
    words = ["evaluate", "--data", "nowhere", "--json", str(tmp_path / "a" / "b.json")]
    with pytest.raises(LiveferError, match=r"b\.json cannot be written"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_against_votes_a_checkpoint_answers_by_its_head_of_votes(
    tmp_path: Path,
) -> None:
    two_headed = write_two_headed(tmp_path / "best.safetensors")
    counts = {f"{split}/{name}": 4 for split in ("train", "val") for name in CLASSES}
    data, out = write_folders(tmp_path / "data", counts), tmp_path / "report.json"
    split = read_dataset(data).split("val")
    answers = load_predictor(two_headed, "votes")[0](split.faces).argmax(axis=1)
    assert (answers != load_predictor(two_headed, "labels")[0](split.faces).argmax(axis=1)).any()
    rows = [f"{f},{','.join(str(10 * (i == a)) for i in range(3))}" for f, a in
            zip(split.files, answers, strict=True)]  # fmt: skip
    (tmp_path / "votes.csv").write_text("\n".join([f"file,{','.join(CLASSES)}", *rows]))
    ended = CliRunner().invoke(
        app,
        ["evaluate", "--data", str(data), "--checkpoint", str(two_headed), "--labels", "votes",
         "--votes", str(tmp_path / "votes.csv"), "--json", str(out)],
        catch_exceptions=False,
    )  # fmt: skip
    assert ended.exit_code == 0
    assert json.loads(out.read_text())["accuracy"] == 1


def test_a_picture_that_cannot_be_written_leaves_the_others(
    livefer: Run, pets: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "plots" / "reliability.png").mkdir(parents=True)
    ended = livefer("evaluate", "--data", pets, "--plots", tmp_path / "plots")
    assert ended.code == 1
    assert "reliability.png cannot be written (Is a directory)" in ended.err
    written = [path.name for path in (tmp_path / "plots").iterdir() if path.is_file()]
    assert sorted(written) == ["confusion.png", "mistakes.jpg", "risk-coverage.png"]
