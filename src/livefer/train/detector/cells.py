"""What the detector's cells should say, and the loss of what they say instead.

Each face belongs to the cells around its middle, at the stride that suits its size. Next to them
lies a ring that is neither face nor background. A cell's score learns how well its own box fits
(Li et al. 2020, Generalized Focal Loss, https://arxiv.org/abs/2006.04388), boxes learn by the
DIoU loss (Zheng et al. 2020, https://arxiv.org/abs/1911.08287).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from livefer.train.detector.network import CHANNELS, STRIDES_PX
from livefer.train.detector.scenes import Scene

# Sides in pixels of the faces of each stride, and how far beyond them another stride may help.
_SIDES_PX = ((0.0, 40.0), (40.0, 100.0), (100.0, np.inf))
_OVERLAP = 1.25
_DOUBT = 1.8
_RADIUS = 0.2  # of a face's cells around its middle, in sides
_MIN_RADIUS = 0.75  # the same in strides: at least one cell
_RING = 1.8  # the radius of the ring around them, in radii
IGNORED = -1.0
_BOX_WEIGHT, _LANDMARK_WEIGHT = 2.0, 5.0


class Targets(NamedTuple):
    """What all cells of a batch should say; M cells of one scene, of all strides, row by row.

    score: (N, M) float32, the certainty of a face, 0 for background, -1 for ignored
    box: (N, M, 4) float32, xyxy in pixels
    landmarks: (N, M, 10) float32, x and y in pixels
    """

    score: Tensor
    box: Tensor
    landmarks: Tensor


def middles(side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the middles (M, 2) of all cells of a square scene, and their strides (M,)."""
    points, strides = [], []
    for stride in STRIDES_PX:
        at = (np.arange(side_px // stride) + 0.5) * stride
        points.append(np.stack(np.meshgrid(at, at), axis=2).reshape(-1, 2))
        strides.append(np.full(len(points[-1]), stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)


def scene_targets(scene: Scene) -> tuple[NDArray[np.float32], ...]:
    """Return score (M,), box (M, 4) and landmarks (M, 10) of one scene's cells."""
    points, strides = middles(scene.image.shape[0])
    score = np.zeros(len(points), np.float32)
    box = np.zeros((len(points), 4), np.float32)
    landmarks = np.zeros((len(points), 10), np.float32)
    side = (scene.boxes[:, 2:] - scene.boxes[:, :2]).mean(axis=1)
    for i in np.argsort(-side, kind="stable"):  # small faces lie before large ones
        middle = (scene.boxes[i, :2] + scene.boxes[i, 2:]) / 2
        away = np.linalg.norm(points - middle, axis=1)
        for stride, (low, high) in zip(STRIDES_PX, _SIDES_PX, strict=True):
            of_stride = strides == stride
            radius = max(_RADIUS * float(side[i]), _MIN_RADIUS * stride)
            inner = of_stride & (away <= radius)
            near = of_stride & (away <= radius * _RING)
            if scene.scores[i] > 0 and low / _OVERLAP <= side[i] <= high * _OVERLAP:
                score[near & (score == 0)] = IGNORED
                score[inner] = scene.scores[i]
                box[inner] = scene.boxes[i]
                landmarks[inner] = scene.landmarks[i].ravel()
            elif low / _DOUBT <= side[i] <= high * _DOUBT:
                score[near & (score == 0)] = IGNORED
            if scene.scores[i] == 0:
                inside = (points > scene.boxes[i, :2]) & (points < scene.boxes[i, 2:])
                score[inside.all(axis=1) & (score == 0)] = IGNORED
    return score, box, landmarks


def flat(answers: tuple[Tensor, ...]) -> Tensor:
    """Return the network's answers as (N, M, 15), cells of all strides row by row."""
    return torch.cat([a.flatten(2).transpose(1, 2) for a in answers], dim=1)


def decode(cells: Tensor, points: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes (…, 4) xyxy and landmarks (…, 10) in pixels of cells (…, 15)."""
    middle = points + cells[..., 1:3] * strides[..., None]
    half = cells[..., 3:5].clamp(max=6).exp() * strides[..., None] / 2
    spread = cells[..., 5:CHANNELS] * strides[..., None]
    landmarks = points.repeat(1, 5) + spread
    return torch.cat([middle - half, middle + half], dim=-1), landmarks


def detector_loss(answers: tuple[Tensor, ...], targets: Targets, side_px: int) -> dict[str, Tensor]:
    """Return the parts of a batch's loss: "score", "box", "landmarks", and their sum "loss"."""
    at, strides_px = middles(side_px)
    cells = flat(answers).float()
    is_face = targets.score > 0
    rows = is_face.nonzero(as_tuple=True)
    points = torch.from_numpy(at)[rows[1]]
    strides = torch.from_numpy(strides_px)[rows[1]]
    certainty = targets.score[rows]
    boxes, landmarks = decode(cells[rows], points, strides)
    truth, true_landmarks = targets.box[rows], targets.landmarks[rows]
    iou, distance = _iou(boxes, truth)

    quality = targets.score.clamp(min=0)
    quality[rows] = certainty * iou.detach().clamp(min=0)
    logit = cells[..., 0]
    off = (quality - logit.sigmoid()).abs()
    entropy = F.binary_cross_entropy_with_logits(logit, quality, reduction="none")
    counted = targets.score != IGNORED
    n = certainty.sum().clamp(min=1)
    score_loss = (entropy * off.square() * counted).sum() / n
    box_loss = (certainty * (1 - iou + distance)).sum() / n
    side = (truth[:, 2:] - truth[:, :2]).mean(dim=1, keepdim=True)
    missed = F.smooth_l1_loss(landmarks / side, true_landmarks / side, reduction="none", beta=0.05)
    landmark_loss = (certainty * missed.mean(dim=1)).sum() / n
    return {
        "score": score_loss,
        "box": box_loss,
        "landmarks": landmark_loss,
        "loss": score_loss + _BOX_WEIGHT * box_loss + _LANDMARK_WEIGHT * landmark_loss,
    }


def _iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return, of boxes (K, 4) in pairs, the IoU (K,) and the DIoU's distance of the middles."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - shared
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    apart = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2).square().sum(dim=1)
    distance = apart / around.square().sum(dim=1).clamp(min=1e-6)
    return shared / union.clamp(min=1e-6), distance
