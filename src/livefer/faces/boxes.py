"""Geometry of face boxes; knows nothing about pixels, detectors or networks.

Boxes are (N, 4) float32, xyxy in pixels; pixel (i, j) covers the square from (j, i) to (j+1, i+1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]
Region = tuple[int, int, int, int]
"""A rectangle of whole pixels: left, top, right, bottom."""
SAME_FACE = 0.4
"""Two boxes show one face if they share more of the smaller one's area; those of two share less."""


def as_boxes(boxes: ArrayLike) -> Boxes:
    """Return boxes as (N, 4) float32; an empty list becomes (0, 4)."""
    array = np.asarray(boxes, np.float32)
    if array.size == 0:
        return np.zeros((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"expected boxes of shape (N, 4), xyxy in pixels, got {array.shape}")
    return array


def xyxy(rects: Any) -> Boxes:
    """Return OpenCV's rectangles (x, y, width, height) as boxes; an empty tuple as (0, 4)."""
    boxes = np.array(rects, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def side_of(box: NDArray[np.float32]) -> float:
    """Return the side of one box (4,) in pixels: the mean of width and height, at least one."""
    return max(float(sides_of(box[None])[0]), 1.0)


def sides_of(boxes: Boxes) -> NDArray[np.float32]:
    """Return the sides of boxes in pixels, (N,) float32: the means of width and height."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).mean(axis=1), np.float32)


def crop_boxes(boxes: ArrayLike, scale: float = 1.0, shift_y: float = 0.0) -> Boxes:
    """Return the squares that are cut for detector boxes; they may reach outside the picture.

    A square's side is `scale` times the mean of its box's width and height, at least one pixel;
    its centre moves down by `shift_y` sides.

    boxes: (N, 4) float32, xyxy in pixels
    returns: (N, 4) float32, xyxy in pixels
    """
    left, top, right, bottom = as_boxes(boxes).T
    side = np.maximum(scale * (right - left + bottom - top) / 2, 1)
    x = (left + right) / 2
    y = (top + bottom) / 2 + shift_y * side
    half = side / 2
    return np.stack([x - half, y - half, x + half, y + half], axis=1).astype(np.float32)


def iou_matrix(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Return the intersection over union of every box of `a` with every box of `b`.

    a: (N, 4) float32, xyxy in pixels
    b: (M, 4) float32, xyxy in pixels
    returns: (N, M) float32, 0–1; 0 where both boxes are empty
    """
    first, second = as_boxes(a)[:, None], as_boxes(b)[None]
    intersection = _intersections(first, second)
    union = _areas(first) + _areas(second) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9), np.float32)


def covered(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.bool_]:
    """Return (N,) bool: which boxes show the same face as one of the others.

    boxes: (N, 4) float32, xyxy in pixels
    others: (M, 4) float32, xyxy in pixels
    """
    first, second = as_boxes(boxes)[:, None], as_boxes(others)[None]
    smaller = np.minimum(_areas(first), _areas(second))
    return np.asarray((_intersections(first, second) > SAME_FACE * smaller).any(axis=1))


def _intersections(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float32]:
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=-1), np.float32)


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1), np.float32)
