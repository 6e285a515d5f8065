"""Frames with one to eight moving heads, made from one photograph, for measurements.

A scene returns any frame by its index, at any size, without a camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.results import Frame

FPS = 30.0
SOURCE = "made frames"
"""Name of a scene's source."""
GRIDS = {1: (1, 1), 2: (2, 1), 4: (2, 2), 8: (4, 2)}
"""Columns and rows for each number of faces."""

_HIGH, _ACROSS = 0.6, 0.9  # largest head: share of the frame's height, of the cell's smaller side
_SWAY = 0.05  # of the head's picture, to all sides
_PERIODS_S = (4.0, 5.0)  # sideways, up and down
_GRAIN = 3.0  # levels: a webcam's noise in a lit room. Without it frames are too easy
_N_GRAINS = 4  # noise patterns, used in turn


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photograph of one person, with the place of the head and an empty place.

    image: (H, W, 3) uint8 BGR
    head, empty: (left, top, right, bottom) in pixels; the head with its hair, as a square
    """

    image: NDArray[np.uint8]
    head: tuple[int, int, int, int]
    empty: tuple[int, int, int, int]


class Scene:
    """Heads in a grid that sway gently before a still background with a camera's grain.

    Every other head is mirrored, and each is at another point of its sway.

    grounds: backgrounds without heads, (H, W, 3) uint8 BGR each, used in turn
    """

    def __init__(self, portrait: Portrait, size_wh: tuple[int, int], n_faces: int) -> None:
        """Prepare the heads and backgrounds; n_faces: a key of GRIDS."""
        self.size_wh, self.n_faces = size_wh, n_faces
        width, height = size_wh
        columns, rows = GRIDS[n_faces]
        cell_w, cell_h = width / columns, height / rows
        self._side = side = round(min(_HIGH * height, _ACROSS * min(cell_w, cell_h)))
        self._centres = [
            ((column + 0.5) * cell_w, (row + 0.5) * cell_h)
            for row in range(rows)
            for column in range(columns)
        ]
        head = _resized(_cut(portrait.image, portrait.head), (side, side))
        self._heads = (head, np.ascontiguousarray(head[:, ::-1]))
        x = np.abs(np.linspace(-1, 1, side, dtype=np.float32))
        distance = np.hypot(x[None], x[:, None])
        self._weight = np.clip((1 - distance) / 0.15, 0, 1)
        self._rest = 1 - self._weight
        behind = _filling(_cut(portrait.image, portrait.empty), size_wh).astype(np.int16)
        rng = np.random.default_rng(0)
        self.grounds = [
            np.clip(behind + _noise(rng, behind.shape), 0, 255).astype(np.uint8)
            for _ in range(_N_GRAINS)
        ]

    def frame(self, index: int) -> Frame:
        """Return a frame of the scene, at 30 frames a second."""
        time_s = index / FPS
        image = self.grounds[index % _N_GRAINS].copy()
        for i, (x, y) in enumerate(self._centres):
            sway, phase, half = _SWAY * self._side, 0.7 * i, self._side / 2
            left = round(x - half + sway * math.sin(2 * math.pi * time_s / _PERIODS_S[0] + phase))
            top = round(y - half + sway * math.cos(2 * math.pi * time_s / _PERIODS_S[1] + phase))
            part = image[top : top + self._side, left : left + self._side]
            part[:] = cv2.blendLinear(self._heads[i % 2], part, self._weight, self._rest)
        return Frame(SOURCE, index, time_s, image)


def _cut(image: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def _resized(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if size_wh[0] < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)


def _filling(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the largest middle part of a picture with a frame's shape, resized to the frame."""
    height, width = image.shape[:2]
    scale = max(size_wh[0] / width, size_wh[1] / height)
    w, h = round(size_wh[0] / scale), round(size_wh[1] / scale)
    left, top = (width - w) // 2, (height - h) // 2
    return _resized(image[top : top + h, left : left + w], size_wh)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Return noise (H, W, 1) int16 for a picture of this shape."""
    grain = rng.standard_normal((shape[0], shape[1], 1), dtype=np.float32)
    return np.asarray(np.round(_GRAIN * grain), np.int16)
