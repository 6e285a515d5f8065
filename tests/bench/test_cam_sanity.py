"""Where the heat of Grad-CAM maps lies, what covering it costs, and random weights."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_faces, make_split
from cam_sanity import as_markdown, measure, randomised
from lib.cam_maps import (
    INNER,
    covered_where_hot,
    inner_mask,
    inner_share,
    loss_by_covering,
    peak_is_inside,
    rank_correlation,
    ssim,
)
from lib.cam_pictures import average_picture, sheet
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier

pytestmark = pytest.mark.slow

CLASSES = ("calm", "glad")


class SpotClassifier(EmotionClassifier):
    """Calls a face glad the brighter its upper left corner is; looks at that corner, too."""

    def __init__(self) -> None:
        self.classes = CLASSES
        self.input_size = 48

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        glad = faces[:, :8, :8].mean(axis=(1, 2)) / 255
        cams = np.full((len(faces), 2, 6, 6), -1, np.float32)
        cams[:, :, 0, 0] = 1
        return np.stack([1 - glad, glad], axis=1).astype(np.float32), cams


def spot(x: int, y: int) -> NDArray[np.float32]:
    heat = np.zeros((1, 48, 48), np.float32)
    heat[0, y, x] = 0.7
    return heat


def test_the_inner_region_has_the_area_of_its_sides() -> None:
    left, top, right, bottom = INNER
    for side in (48, 50, 6):
        assert inner_mask(side).mean() == pytest.approx((right - left) * (bottom - top), abs=1e-5)
    assert inner_share(np.ones((1, 48, 48), np.float32)) == pytest.approx(inner_mask().mean())


def test_heat_is_inside_or_outside_or_not_there() -> None:
    heats = np.concatenate([spot(24, 24), spot(1, 1), np.zeros((1, 48, 48), np.float32)])
    heats[0, 0, 0] = 0.7
    assert inner_share(heats)[:2] == pytest.approx([0.5, 0])
    assert np.isnan(inner_share(heats)[2])
    assert peak_is_inside(np.concatenate([spot(24, 24), spot(1, 1)])).tolist() == [True, False]


def test_covering_takes_the_hottest_fifth_and_leaves_the_rest() -> None:
    faces = make_faces(2)
    heats = np.random.default_rng(0).random((2, 48, 48)).astype(np.float32)
    covered = covered_where_hot(faces, heats)
    hot = heats >= np.quantile(heats, 0.8, axis=(1, 2), keepdims=True)
    assert np.array_equal(covered[~hot], faces[~hot])
    for face, cover, where in zip(faces, covered, hot, strict=True):
        assert set(cover[where]) == {round(float(face.mean()))}


def test_covering_what_matters_costs_more_than_covering_something_else() -> None:
    faces = np.zeros((2, 48, 48), np.uint8)
    faces[0, :8, :8] = 255  # glad for its corner; the other is calm wherever it is covered
    heats = np.zeros((2, 48, 48), np.float32)
    heats[0, :24, :24] = heats[1, 24:, 24:] = 1
    own, other = loss_by_covering(SpotClassifier().predict, faces, heats, np.array([1, 0]))
    assert own > 0.4
    assert other == pytest.approx(0)


def test_rank_correlation_sees_order_alone() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 6, 6))
    assert rank_correlation(maps, np.exp(maps)) == pytest.approx(1)
    assert rank_correlation(maps, -maps) == pytest.approx(-1)
    assert rank_correlation(maps, np.zeros((5, 6, 6))) == pytest.approx(0)
    # Spearman 1904 by its formula for ranks without ties: 1 - 6 Σd² / (n (n² - 1)).
    a, b = np.array([[[1, 2], [3, 4]]]), np.array([[[2, 1], [3, 4]]])
    assert rank_correlation(a, b) == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_ssim_is_one_for_equals_and_less_for_others() -> None:
    maps = (make_faces(3) / 255).astype(np.float32)
    assert ssim(maps, maps) == pytest.approx(1)
    assert (ssim(maps, 1 - maps) < 0.3).all()
    assert ssim(maps, maps[::-1]) == pytest.approx(ssim(maps[::-1], maps))


def test_figures_of_a_network_that_looks_into_a_corner() -> None:
    split = make_split([0, 1, 1, 0, 1, 0])
    figures, probabilities, heats = measure(SpotClassifier(), split, CLASSES)
    assert figures["all"]["n_images"] == 6
    assert figures["all"]["heat_inside"] < 0.05
    assert figures["all"]["peak_inside"] == 0
    parts = [figures["right_answers"]["n_images"], figures["wrong_answers"]["n_images"]]
    assert sum(parts) == 6
    assert json.loads(json.dumps(figures)) == figures
    assert "| calm |" in as_markdown(figures)
    ids = probabilities.argmax(axis=1)
    right = ids == split.targets
    average = average_picture(CLASSES, ids, right, heats)
    assert average.shape[2] == 3
    assert average.std() > 0
    assert sheet(CLASSES, split, probabilities, right, heats, columns=2).std() > 0


def test_random_weights_change_the_maps_and_the_file_is_left_alone(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from livefer.train.checkpoint import save_checkpoint, with_prefix
    from livefer.train.config import Config
    from livefer.train.model import ResNetFER

    torch.manual_seed(0)
    model = ResNetFER(2, 8)
    meta = {
        "config": Config(width=8).model_dump(mode="json"),
        "classes": CLASSES,
        "mean": 0.5,
        "std": 0.25,
    }
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, with_prefix("model", model.state_dict()), meta)
    before = path.read_bytes()
    faces = np.stack([cv2.GaussianBlur(face, (0, 0), 1) for face in make_faces(6)])
    rows = randomised(path, faces, SpotClassifier(), seeds=1)
    assert path.read_bytes() == before
    assert len(rows) == 8
    assert rows == randomised(path, faces, SpotClassifier(), seeds=1)
    assert all(abs(row["rank_correlation"]) < 0.95 and row["ssim"] < 0.95 for row in rows)
