"""Before the first step: images left out, priors and the preview."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from training import CLASSES, tiny_split, write_votes

from livefer.data.dataset import Split
from livefer.train.config import Config
from livefer.train.prepare import clean, describe_run, loss_weights, write_preview

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "expected"), [("none", [1 / 2, 1 / 3, 1 / 6]), ("inverse", [1 / 3] * 3)]
)
def test_priors_are_weighted_as_the_loss_is(
    tmp_path: Path, kind: str, expected: list[float]
) -> None:
    uneven = tiny_split(24)
    uneven.targets[:] = [0] * 12 + [1] * 8 + [2] * 4
    settings = {"learn": "both", "votes": str(write_votes(tmp_path / "votes.csv", 24))}
    config = Config(class_weights=kind, label_smoothing=0.1, **settings)
    weights = loss_weights(uneven, CLASSES, config)
    priors = describe_run(uneven, CLASSES, config, weights)["priors"]
    assert priors["labels"] == pytest.approx(expected)
    assert priors["votes"] == pytest.approx([1 / 3] * 3)


def test_images_left_out_of_training_are_noted() -> None:
    split = tiny_split(9)
    faces = split.faces.copy()
    faces[0] = 128
    faces[4] = faces[3]
    split = Split("train", faces, split.targets, split.files)
    config = Config(drop_blank=True, drop_conflicting=True)
    kept, notes = clean(split, config)
    assert kept.files == tuple(f"{i}.png" for i in (1, 2, 5, 6, 7, 8))
    assert notes == [
        "left out of train: 1 blank",
        "left out of train: 2 labelled differently elsewhere",
    ]
    fewer, _ = clean(split, Config(train_images=4))
    assert len(fewer) == 4


def test_preview_shows_each_class(tmp_path: Path) -> None:
    write_preview(tmp_path / "sheet.png", tiny_split(), CLASSES, Config(augment={"erase": 1}))
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape[0] == 3 * 96
    rows = [sheet[i * 96 : (i + 1) * 96, 96:192].mean() for i in range(3)]
    assert rows == pytest.approx([19.5, 89.5, 159.5], abs=3)


def test_preview_leaves_the_row_of_a_class_without_images_empty(tmp_path: Path) -> None:
    write_preview(tmp_path / "sheet.png", tiny_split(), (*CLASSES, "none"), Config())
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape[0] == 4 * 96
    assert (sheet[3 * 96 :, 96:] == 255).all()
