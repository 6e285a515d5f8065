"""Where eyes, brows, nose and mouth are in crops of faces, by the five landmarks of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from lib.cam_maps import Heats
from numpy.typing import NDArray

from livefer.detection.detections import Detections

REGIONS = ("brows", "eyes", "nose", "mouth")
_ZOOM = 4  # of the crops, which are too small for a detector
_SCORE = 0.7


def landmarks(detector: Any, faces: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return the landmarks (M, 5, 2) in pixels of the crops, and the indices (M,) of their faces.

    faces: (N, S, S) uint8; those in which no face is found are left out
    """
    found, rows = [], []
    side = faces.shape[1]
    for row, face in enumerate(faces):
        margin = side // 2
        wide = cv2.copyMakeBorder(face, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        wide = cv2.resize(wide, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
        answer = Detections(*detector.detect(wide))
        if len(answer.boxes) and answer.scores[0] >= _SCORE and answer.landmarks is not None:
            found.append(answer.landmarks[0] / _ZOOM - margin)
            rows.append(row)
    return np.array(found, np.float32).reshape(-1, 5, 2), np.array(rows, np.int64)


def masks(points: NDArray[np.float32], side: int = 48) -> dict[str, NDArray[np.bool_]]:
    """Return for each region its pixels (side, side) in one crop; none is in two.

    points: (5, 2) float32, x and y in pixels: eyes, nose, corners of the mouth

    Lengths are in distances of the eyes, along the line through them and across it. Brows reach
    from the root of the nose past the outer corners of the eyes, the mouth from the nose's base to
    below the lower lip.
    """
    left, right, nose, corner, other_corner = points.astype(np.float64)
    along = right - left
    unit = max(float(np.hypot(*along)), 1.0)
    along = along / unit
    across = np.array([-along[1], along[0]])
    pixels = np.stack(np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5), axis=-1)

    def inside(middle: NDArray[Any], half_u: float, top: float, bottom: float) -> NDArray[np.bool_]:
        u, v = (((pixels - middle) @ axis) / unit for axis in (along, across))
        return np.asarray((np.abs(u) <= half_u) & (v >= top) & (v <= bottom))

    eyes, mouth = (left + right) / 2, (corner + other_corner) / 2
    half_mouth = float(np.hypot(*(other_corner - corner))) / unit / 2
    found = {
        "mouth": inside(mouth, half_mouth + 0.2, -0.3, 0.45),
        "eyes": inside(left, 0.33, -0.2, 0.25) | inside(right, 0.33, -0.2, 0.25),
        "brows": inside(eyes, 0.95, -0.6, -0.2),
        "nose": inside(nose, 0.3, -0.5, 0.2),
    }
    taken = np.zeros((side, side), bool)
    for name, mask in found.items():
        found[name] = mask & ~taken
        taken |= mask
    return {name: found[name] for name in REGIONS}


def shares(heats: Heats, regions: Sequence[dict[str, NDArray[np.bool_]]]) -> NDArray[np.float64]:
    """Return the share of each map's heat in each region, (N, 4); nan for a map without heat."""
    total = heats.sum(axis=(1, 2), dtype=np.float64)
    parts = [
        [heat[of_face[name]].sum(dtype=np.float64) for name in REGIONS]
        for heat, of_face in zip(heats, regions, strict=True)
    ]
    nothing = np.full((len(heats), len(REGIONS)), np.nan)
    return np.asarray(np.divide(parts, total[:, None], out=nothing, where=total[:, None] > 0))


def half_area(heats: Heats) -> NDArray[np.float64]:
    """Return the share of pixels that hold half of each map's heat, (N,)."""
    ranked = -np.sort(-heats.reshape(len(heats), -1), axis=1).astype(np.float64)
    total = np.maximum(ranked.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray((np.cumsum(ranked, axis=1) < total / 2).mean(axis=1))


def hot_area(heats: Heats) -> NDArray[np.float64]:
    """Return the share of pixels at least half as hot as the hottest of their map, (N,)."""
    peaks = heats.max(axis=(1, 2), keepdims=True)
    return np.asarray((heats >= np.maximum(peaks, 1e-12) / 2).mean(axis=(1, 2)))


def peaks_in(heats: Heats, regions: Sequence[dict[str, NDArray[np.bool_]]]) -> NDArray[np.bool_]:
    """Return whether the hottest pixel of each map lies in each region, (N, 4)."""
    hottest = heats.reshape(len(heats), -1).argmax(axis=1)
    rows = zip(hottest, regions, strict=True)
    return np.array([[of_face[name].flat[at] for name in REGIONS] for at, of_face in rows])


def aligned(heat: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map (S, S) moved, turned and scaled so that its landmarks lie where FER2013's do."""
    side = heat.shape[0]
    goal = np.array([(0.33, 0.41), (0.67, 0.41), (0.5, 0.76)], np.float32) * side
    own = np.array([points[0], points[1], (points[3] + points[4]) / 2], np.float32)
    matrix = cv2.estimateAffinePartial2D(own, goal, method=cv2.LMEDS)[0]
    return np.asarray(cv2.warpAffine(heat, matrix, (side, side)), np.float32)
