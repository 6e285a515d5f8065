"""What heat maps (N, S, S) are worth: where their heat lies, what covering it costs, likeness.

Knows nothing of how maps are made or drawn.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.evaluation.predict import Predict

Heats = NDArray[np.float32]

INNER = (0.2, 0.25, 0.8, 0.86)
"""left, top, right, bottom of the face's inner region, in shares of the crop's side.

bench/results/crop_scale.txt: in FER2013's pictures the eyes are 0.34 apart at 0.41 of the height
and the mouth is at 0.76. An eye is half as wide as the eyes are apart, and the brows lie above
it by half that: from there to a lip's height below the mouth, with a little beside the eyes.
"""

COVERED = 0.2
"""Share of a face that is covered."""

_SSIM_SIGMA_PX, _SSIM_C1, _SSIM_C2 = 1.5, 0.01**2, 0.03**2


def inner_mask(side: int = 48) -> NDArray[np.float32]:
    """Return (side, side) float32: how much of each pixel lies in the inner region."""
    edges = np.arange(side + 1) / side
    left, top, right, bottom = INNER

    def covered(low: float, high: float) -> NDArray[np.float64]:
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        return np.asarray(np.clip(overlap, 0, None) * side)

    return np.outer(covered(top, bottom), covered(left, right)).astype(np.float32)


def inner_share(heats: Heats) -> NDArray[np.float64]:
    """Return (N,): the share of each map's heat (N, S, S) in the inner region; nan without heat."""
    total = heats.sum(axis=(1, 2), dtype=np.float64)
    inner = (heats * inner_mask(heats.shape[1])).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(np.divide(inner, total, out=np.full(len(heats), np.nan), where=total > 0))


def peak_is_inside(heats: Heats) -> NDArray[np.bool_]:
    """Return (N,) bool: whether the hottest pixel of each map lies in the inner region."""
    flat = heats.reshape(len(heats), -1).argmax(axis=1)
    return np.asarray(inner_mask(heats.shape[1]).ravel()[flat] >= 0.5, bool)


def covered_where_hot(faces: NDArray[np.uint8], heats: Heats) -> NDArray[np.uint8]:
    """Return the faces with the hottest fifth of each map in the face's mean gray."""
    covered = np.array(faces)
    n_pixels = round(COVERED * heats[0].size)
    for face, heat in zip(covered, heats, strict=True):
        hottest = np.argsort(-heat, axis=None, kind="stable")[:n_pixels]
        face.flat[hottest] = round(float(face.mean()))
    return covered


def loss_by_covering(
    predict: Predict, faces: NDArray[np.uint8], heats: Heats, ids: NDArray[Any]
) -> tuple[float, float]:
    """Return by how much the named class's probability falls: own maps, another face's map."""
    rows = np.arange(len(faces))
    before = predict(faces)[rows, ids]
    own = predict(covered_where_hot(faces, heats))[rows, ids]
    other = predict(covered_where_hot(faces, np.roll(heats, 1, axis=0)))[rows, ids]
    return float((before - own).mean()), float((before - other).mean())


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return (N,): Spearman's rank correlation of maps (N, h, w) without ties; 0 for a flat map."""
    ranks = []
    for maps in (a, b):
        flat = maps.reshape(len(maps), -1)
        rank = flat.argsort(axis=1, kind="stable").argsort(axis=1).astype(float)
        rank -= rank.mean(axis=1, keepdims=True)
        ranks.append(np.where(np.ptp(flat, axis=1)[:, None] > 0, rank, 0))
    norm = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    return np.asarray((ranks[0] * ranks[1]).sum(axis=1) / np.maximum(norm, 1e-9), np.float64)


def ssim(a: Heats, b: Heats) -> NDArray[np.float64]:
    """Return (N,): the structural similarity of maps (N, S, S) of 0–1.

    Wang et al. 2004, equation 13, https://doi.org/10.1109/TIP.2003.819861
    """

    def mean(image: NDArray[Any]) -> NDArray[Any]:
        return cv2.GaussianBlur(image.astype(np.float64), (11, 11), _SSIM_SIGMA_PX)

    values = []
    for x, y in zip(a, b, strict=True):
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
        top = (2 * mx * my + _SSIM_C1) * (2 * cov + _SSIM_C2)
        values.append((top / ((mx**2 + my**2 + _SSIM_C1) * (vx + vy + _SSIM_C2))).mean())
    return np.array(values)
