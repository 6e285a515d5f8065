"""Cells: a perfect answer decodes to the faces, and nothing costs less than it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from livefer.train.detector.cells import (
    IGNORED,
    Targets,
    decode,
    detector_loss,
    middles,
    scene_targets,
)
from livefer.train.detector.network import CHANNELS, STRIDES_PX
from livefer.train.detector.scenes import Scene

SIDE_PX = 256


def one_face(middle_xy: tuple[float, float], side_px: float, score: float = 1.0) -> Scene:
    """Return a scene with one face of a size at a place."""
    middle = np.array(middle_xy, np.float32)
    box = np.concatenate([middle - side_px / 2, middle + side_px / 2])
    points = middle + side_px * np.array(
        [[-0.2, -0.1], [0.2, -0.1], [0, 0.1], [-0.15, 0.3], [0.15, 0.3]], np.float32
    )
    return Scene(
        np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), box[None], points[None],
        np.array([score], np.float32),
    )  # fmt: skip


def targets_of(scene: Scene) -> Targets:
    return Targets(*(torch.from_numpy(column[None]) for column in scene_targets(scene)))


def perfect(targets: Targets) -> tuple[torch.Tensor, ...]:
    """Return answers of the network that say what the targets say."""
    points, strides = (torch.from_numpy(a) for a in middles(SIDE_PX))
    cells = torch.zeros(*targets.score.shape, CHANNELS)
    cells[..., 0] = torch.where(targets.score > 0, 20.0, -20.0)
    box = targets.box
    cells[..., 1:3] = ((box[..., :2] + box[..., 2:]) / 2 - points) / strides[:, None]
    cells[..., 3:5] = ((box[..., 2:] - box[..., :2]) / strides[:, None]).clamp(min=1e-3).log()
    cells[..., 5:] = (targets.landmarks - points.repeat(1, 5)) / strides[:, None]
    answers, start = [], 0
    for stride in STRIDES_PX:
        n = SIDE_PX // stride
        part = cells[:, start : start + n * n].transpose(1, 2)
        answers.append(part.reshape(1, CHANNELS, n, n))
        start += n * n
    return tuple(answers)


@pytest.mark.parametrize("side_px", [9, 12, 20, 33, 45, 64, 90, 120, 180, 240])
def test_every_face_has_cells_wherever_it_lies(side_px: int) -> None:
    rng = np.random.default_rng(side_px)
    for middle in rng.uniform(20, SIDE_PX - 20, (30, 2)):
        scene = one_face((middle[0], middle[1]), side_px)
        score, box, landmarks = scene_targets(scene)
        faces = score > 0
        assert 1 <= faces.sum() <= 60
        assert (box[faces] == scene.boxes[0]).all()
        assert (landmarks[faces] == scene.landmarks[0].ravel()).all()


def test_a_perfect_answer_costs_nothing_and_decodes_to_the_faces() -> None:
    targets = targets_of(one_face((100.3, 120.8), 50))
    answers = perfect(targets)
    losses = detector_loss(answers, targets, SIDE_PX)
    assert float(losses["loss"]) < 1e-3
    points, strides = (torch.from_numpy(a) for a in middles(SIDE_PX))
    cells = torch.cat([a.flatten(2).transpose(1, 2) for a in answers], dim=1)
    boxes, landmarks = decode(cells, points, strides)
    faces = targets.score > 0
    assert torch.allclose(boxes[faces], targets.box[faces], atol=1e-3)
    assert torch.allclose(landmarks[faces], targets.landmarks[faces], atol=1e-3)


@pytest.mark.parametrize("channel", [0, 1, 2, 3, 4, 5, 14])
def test_every_mistake_costs(channel: int) -> None:
    targets = targets_of(one_face((100.3, 120.8), 50))
    answers = perfect(targets)
    for answer in answers:
        answer[:, channel] += 1.0 if channel else -25.0
    assert float(detector_loss(answers, targets, SIDE_PX)["loss"]) > 0.02


def test_a_false_face_costs_and_one_that_is_ignored_does_not() -> None:
    certain = targets_of(one_face((60, 60), 40))
    answers = perfect(certain)
    alarmed = tuple(a.clone() for a in answers)
    alarmed[0][0, 0, 25, 25] = 5.0
    cost = float(detector_loss(alarmed, certain, SIDE_PX)["loss"])
    assert cost > float(detector_loss(answers, certain, SIDE_PX)["loss"]) + 0.1

    doubtful = targets_of(one_face((204, 204), 40, score=0.0))
    assert (doubtful.score == IGNORED).any()
    assert not (doubtful.score > 0).any()
    quiet = float(detector_loss(perfect(doubtful), doubtful, SIDE_PX)["loss"])
    told = perfect(doubtful)
    told[0][0, 0, 25, 25] = 5.0
    assert float(detector_loss(told, doubtful, SIDE_PX)["loss"]) == pytest.approx(quiet)


def test_a_small_face_before_a_large_one_keeps_its_cells() -> None:
    large, small = one_face((128, 128), 200), one_face((120, 130), 20)
    both = Scene(
        large.image,
        np.concatenate([large.boxes, small.boxes]),
        np.concatenate([large.landmarks, small.landmarks]),
        np.ones(2, np.float32),
    )
    score, box, _ = scene_targets(both)
    for face in (large, small):
        assert ((box == face.boxes[0]).all(axis=1) & (score > 0)).any()
