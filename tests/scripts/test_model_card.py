"""The card and its pages hold the measured figures, and the command of what is missing."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_split

from livefer.data.votes import Votes
from livefer.evaluation.report import measure
from livefer.labels import CLASSES

ROOT = Path(__file__).parents[2]
CARD = ROOT / "docs" / "card"
sys.path.insert(0, str(ROOT / "scripts"))

import model_card
import prior


def make_reports(seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(7, 0.4), 140).astype(np.float32)
    split = make_split([i % 7 for i in range(140)])
    majority = np.where(np.arange(140) < 10, -1, split.targets)
    shares, weight = np.eye(7, dtype=np.float32)[split.targets], np.ones(140, np.float32)
    votes = Votes(shares, weight, majority, majority > 0)
    twins = np.arange(140) < 20
    labels = measure(probabilities, split, CLASSES, twins, None, 0.5).to_dict()
    crowd = measure(probabilities, split, CLASSES, twins, votes, 0.5).to_dict()
    mirror = {"accuracy": 0.123 + seed / 10, "accuracy_95": [0.1, 0.2]}
    return {"dataset": labels, "votes": crowd, "votes_mirror": {**crowd, **mirror}}


def make_model(seed: int, **metadata: str) -> dict[str, Any]:
    row = {"accuracy": 0.5, "balanced_accuracy": 0.4}
    config = {"name": "cpu", "augment": {"flip": 0.5}, "learn": "both"}
    return {
        "metadata": {
            "network": "ResNet-18", "temperature": "0.9", "uncertain_below": "0.6", "epoch": "3",
            "commit": "abc", "date": "2026-01-01", "config": json.dumps(config), **metadata,
        },
        "sha256": {"m.onnx": "0" * 64, "m.weights": "1" * 64},
        "size_mb": 5.5,
        "n_parameters": 2_800_000,
        "ms_per_call": {"1 face, 1 core": 4.0},
        "training": {"n_epochs": 7, "minutes": 12.0},
        "priors": [{"prior": t, "dataset": row, "votes": row} for t in prior.TAUS],
        "reports": make_reports(seed),
    }  # fmt: skip


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two measured models."""
    for folder in ("scripts", "results"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts/MODEL_CARD.md.in", tmp_path / "scripts")
    hygiene = {
        "n_images": 900, "n_blank": 1, "n_redundant": 2, "n_conflicting_groups": 3,
        "n_conflicting": 6, "n_copies_of_train": 4, "n_twins_in_train": 5,
    }  # fmt: skip
    seen = {"n_with_majority": 800, "agree": 0.655, "shares": [1 / 7] * 7}
    splits = ("train", "val")
    figures = {
        "made": {"livefer": "9.9", "date": "2026-01-01", "machine": "a machine", "load": 3.0},
        "data": {
            "classes": list(CLASSES),
            "counts": {name: [7] * 7 for name in splits},
            "hygiene": dict.fromkeys(splits, hygiene),
            "votes": dict.fromkeys(splits, seen),
        },
        "models": {
            "fer2013": make_model(0, labels="labels"),
            "human": make_model(1, labels="votes", prior_removed="0.5"),
        },
    }
    (tmp_path / "results" / "models.json").write_text(json.dumps(figures))
    monkeypatch.setattr(model_card, "ROOT", tmp_path)
    return tmp_path / "results"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def pages(results: Path) -> dict[str, str]:
    """Return the text of the pages that the script writes: the card, and those of docs/card."""
    model_card.main(results)
    found = [results.parent / "MODEL_CARD.md", *(results.parent / "docs/card").glob("*.md")]
    return {path.stem: read(path) for path in found}


def test_two_models_side_by_side(results: Path) -> None:
    written = pages(results)
    card, accuracy, making = (written[name] for name in ("MODEL_CARD", "accuracy", "making"))
    models = json.loads((results / "models.json").read_text())["models"]
    for truth, start in (("dataset", "| accuracy |"), ("votes", "| agreement |")):
        (line,) = (row for row in accuracy.splitlines() if row.startswith(start))
        for model in models.values():
            report = model["reports"][truth]
            assert f"{100 * report['accuracy']:.1f} %" in line
    assert "what most people voted**, 130 images" in accuracy
    assert "`human` against what most people voted" in accuracy
    answers = "| right by what most people voted, 130 images | 12.3 % (10.0–20.0) | 22.3 % ("
    assert answers in card
    assert "| right by FER2013's labels, 140 images | – | – |" in card  # not measured both ways
    assert "-o src/livefer/assets/human.onnx --labels votes --prior 0.5\n" in making
    assert "65.5 % carry that class" in card
    assert "load 3.0" in making


def test_what_is_missing_names_its_command(results: Path) -> None:
    written = pages(results)
    assert "`python bench/robustness.py fer2013 human --json" in written["robustness"]
    assert "`python bench/unusable.py fer2013 --yunet" in written["robustness"]
    assert "`python bench/cam_sanity.py fer2013" in written["maps"]
    assert "`python bench/int8.py FLOAT.onnx INT8.onnx" in written["making"]
    assert "damaged crops, mean" not in written["MODEL_CARD"]
    (results / "int8.md").write_text("# A title\n\n| a | table |\n")
    robust = {
        "n_images": 50,
        "corruptions": {"blur": {"labels": ["1 px", "2 px", "3 px"]}},
        "models": {
            name: {
                "clean": 0.7, "accuracy": {"blur": [0.6, 0.5, 0.4]}, "drop": {"blur": 0.2},
                "mean_drop": 0.2, "mean_drop_95": [0.1, 0.3],
            }
            for name in ("fer2013", "human")
        },
    }  # fmt: skip
    (results / "robustness.json").write_text(json.dumps(robust))
    written = pages(results)
    assert "## In 8 bits\n\n| a | table |" in written["making"]
    assert "| blur (1 px; 2 px; 3 px) | 60.0, 50.0, 40.0; −20.0 |" in written["robustness"]
    assert "20.0 (10.0–30.0)" in written["robustness"]
    assert (
        "| points lost on damaged crops, mean of all kinds | 20.0 | 20.0 |" in written["MODEL_CARD"]
    )


def test_the_committed_pages_are_those_of_the_committed_results(results: Path) -> None:
    """`python scripts/model_card.py` makes them again, without measuring."""
    copy = results.parent
    model_card.main(ROOT / "bench" / "results")
    names = ["MODEL_CARD.md", *(f"docs/card/{p.name}" for p in CARD.glob("*.md"))]
    assert [name for name in names if read(ROOT / name) != read(copy / name)] == []
    assert {p.name for p in CARD.glob("*.md")} == {p.name for p in copy.glob("docs/card/*.md")}


def test_readme_says_what_the_card_says() -> None:
    line = next(s for s in read(ROOT / "MODEL_CARD.md").splitlines() if "most people voted" in s)
    human = line.split("|")[3].split("(")[0].strip()
    row = next(s for s in read(ROOT / "README.md").splitlines() if "ten people voted" in s)
    assert f"| {human} |" in row


def test_the_card_is_a_page() -> None:
    assert len(read(ROOT / "MODEL_CARD.md").splitlines()) <= 120


def test_without_any_measurement_it_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="scripts/card makes it"):
        model_card.main(tmp_path)


def test_taking_the_prior_out_favours_the_rare() -> None:
    split = make_split([0, 0, 0, 1])
    said = np.array([[0.7, 0.3]] * 2 + [[0.8, 0.2]] + [[0.6, 0.4]], np.float32)
    rows = prior.sweep(said, [0.75, 0.25], split)
    assert [row["prior"] for row in rows] == list(prior.TAUS)
    assert rows[0]["dataset"] == {"accuracy": 0.75, "balanced_accuracy": 0.5}
    assert rows[-1]["dataset"]["accuracy"] == 0.5  # 0.7 / 3 < 0.3, but not 0.8 / 3 < 0.2
    assert rows[-1]["dataset"]["balanced_accuracy"] == pytest.approx((1 / 3 + 1) / 2)
    votes = Votes(np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], np.ones(4, np.float32),
                  np.array([0, -1, 1, 1]), np.ones(4, bool))  # fmt: skip
    assert prior.sweep(said, [0.5, 0.5], split, votes)[0]["votes"]["accuracy"] == 1 / 3
