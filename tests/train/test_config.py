"""Configurations: what is accepted, and the messages of what is refused."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from livefer.errors import ConfigError
from livefer.train.config import Augment, Config, Distill, config_yaml, load_config
from livefer.train.detector.config import DetectorConfig
from livefer.train.detector.config import load_config as load_detector_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_page_in_docs_has_every_key_with_its_default() -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8").partition("## Every key")[2]
    values = Config().model_dump(mode="json")
    expected = []
    for prefix, model in (("", Config), ("augment.", Augment), ("distill.", Distill)):
        for key, field in model.model_fields.items():
            value = values[prefix[:-1]][key] if prefix else values[key]
            if not isinstance(value, dict):
                assert field.description
                expected.append(
                    f"| `{prefix}{key}` | `{json.dumps(value)}` | {field.description} |"
                )
    assert [line for line in text.splitlines() if line.startswith("| `")] == expected


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda p: p.stem)
def test_published_configurations_are_valid_and_named_like_their_file(path: Path) -> None:
    load = load_detector_config if path.stem == "detector" else load_config
    assert load(path).name == path.stem


def test_the_page_in_docs_has_every_key_of_the_detector() -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    section = text.partition("## The face detector")[2].partition("\n## ")[0]
    section = section.partition("| key |")[2]
    values = DetectorConfig().model_dump(mode="json")
    expected = [
        f"| `{key}` | `{json.dumps(values[key])}` | {field.description} |"
        for key, field in DetectorConfig.model_fields.items()
    ]
    assert [line for line in section.splitlines() if line.startswith("| `")] == expected


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["lerning_rate=1"], r'unknown key "lerning_rate"; the nearest is "lr"'),
        (["augment.rotate=3"], r'unknown key "augment\.rotate"; the nearest is "augment\.rotation'),
        (["batchsize=3"], r'the nearest is "batch_size"'),
        (["epochs=many"], r'"epochs": .*integer.*\'many\''),
        (["augment.flip=2"], r'"augment\.flip": .*less than or equal to 1, got 2'),
        (["optimizer=lion"], r"'sgd', 'adam' or 'adamw'"),
        (["freeze_epochs=50"], "freeze_epochs 50 of 50 epochs leaves none for the whole network"),
        (["lr_floor=0.2"], "lr_floor 0.2 is higher than lr 0.1"),
        (["resolution=[[3, 32]]"], "begin with 0"),
        (["resolution=[[0, 8]]"], "from 16 to 96"),
        (["augment.scale=[1.2, 0.8]"], "0 < low <= high"),
        (["learn=votes"], 'needs a table of votes: "votes: FILE"'),
        (["distill.teacher=x"], r'the nearest is "distill\.teachers"'),
        (["lr"], '"lr" is not key=value'),
        (["lr=[1"], "not valid YAML"),
        (["lr.x=1", "lr.y=2"], "lr"),
        (["name=../x"], '"name"'),
    ],
)
def test_mistakes_name_the_key(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(None, overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [("- 1\n- 2\n", "got a list"), ("a: [1\n", "cannot be read as YAML"), (None, "does not exist")],
)
def test_files_that_are_no_configuration(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "run.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [("teacher-deep", []), ("teacher-se", [])]),
        (
            ["--seeds", "0", "5"],
            [("teacher-deep", ["seed=0"]), ("teacher-deep-seed5", ["seed=5"]),
             ("teacher-se", ["seed=0"]), ("teacher-se-seed5", ["seed=5"])],
        ),
    ],
    ids=["own", "given"],
)  # fmt: skip
def test_many_runs_have_their_own_seeds_unless_others_are_given(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[tuple[str, list[str]]]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import train_many

    begun = []

    def finish(config: Path, folder: Path, overrides: list[str], deadline: float) -> None:
        begun.append((folder.name, overrides))
        raise train_many.OutOfTime

    monkeypatch.setattr(train_many, "finish", finish)
    monkeypatch.setattr(sys, "argv", ["train_many", "teacher-deep.yaml", "teacher-se.yaml", *words])
    assert train_many.main() == 1
    assert begun == expected


def test_written_is_read(tmp_path: Path) -> None:
    config = load_config(ROOT / "configs/cpu.yaml", ["augment.flip=0.25", "epochs=7", "seed=3"])
    (tmp_path / "config.yaml").write_text(config_yaml(config))
    assert load_config(tmp_path / "config.yaml") == config
    assert (config.augment.flip, config.epochs, config.seed) == (0.25, 7, 3)


def test_resolution_rises_at_its_epochs() -> None:
    config = Config(resolution=[(0, 24), (2, 32), (5, 48)])
    assert [config.resolution_at(epoch) for epoch in range(7)] == [24, 24, 32, 32, 32, 48, 48]


def test_every_key_is_read_somewhere() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in [*(ROOT / "src/livefer/train").glob("*.py"), ROOT / "src/livefer/cli/train.py"]
    )
    keys = [*Config.model_fields, *Augment.model_fields, *Distill.model_fields]
    unread = [
        key
        for key in keys
        if not re.search(rf"\b(config|settings)\.(augment\.|distill\.)?{key}\b", code)
    ]
    assert [key for key in unread if key not in ("resolution", "learn")] == []
