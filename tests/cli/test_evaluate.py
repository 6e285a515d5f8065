"""`livefer evaluate`: checkpoints against votes, and mistakes in one line, before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import write_folders
from training import CLASSES, write_two_headed
from typer.testing import CliRunner

from livefer.cli import app
from livefer.data.dataset import read_dataset
from livefer.errors import ConfigError, LiveferError
from livefer.labels import CLASSES as EMOTIONS
from livefer.train.checkpoint import load_predictor


def test_the_figures_do_not_replace_the_votes(tmp_path: Path) -> None:
    table = tmp_path / "votes.csv"
    table.write_text("file,happy\n")
    words = ["--data", "x", "--labels", "votes", "--votes", str(table), "--json", str(table)]
    with pytest.raises(ConfigError, match="is an input: choose another name"):
        CliRunner().invoke(app, ["evaluate", *words], catch_exceptions=False)
    assert table.read_text() == "file,happy\n"


def test_the_default_is_the_model_that_learned_what_is_asked(tmp_path: Path) -> None:
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


def test_where_nothing_can_be_written_is_said_first(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a file where a folder would be needed")
    words = ["evaluate", "--data", "nowhere", "--json", str(tmp_path / "a" / "b.json")]
    with pytest.raises(LiveferError, match=r"b\.json cannot be written"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_against_votes_a_checkpoint_answers_with_what_it_learned_of_them(
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
