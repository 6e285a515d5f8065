"""The views of a face whose average is better than one look: five places, each mirrored, too.

`evaluate --tta` averages all ten of a picture. A stream takes another one in each frame, so that
its smoothing averages them at no cost (docs/experiments.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHIFTS = tuple((x / 48, y / 48) for x, y in ((0, 0), (2, 2), (-2, -2), (2, -2), (-2, 2)))
"""Right and down, in sides of the face."""


_CYCLES = (10, 6, 2)  # of views whose shifts and mirror images even out


def view_of(number: int, n_averaged: float) -> int:
    """Return the number of the view, from 0, that a stream's frame takes.

    All ten where as many frames are averaged, fewer where fewer are, so that they always even out,
    and the plain one where there is nothing to average.
    """
    cycle = next((n for n in _CYCLES if n <= n_averaged + 0.5), 1)
    return number % cycle


def boxes_of(view: int, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the boxes to cut in a view: (N, 4) float32, xyxy in pixels as `boxes`.

    view: its number, 0 to 9; 0 is the plain one
    """
    side = ((boxes[:, 2:] - boxes[:, :2]).sum(axis=1, keepdims=True)) / 2
    shift = np.array(SHIFTS[view // 2] * 2, np.float32)
    return np.asarray(boxes + shift * side, np.float32)


def is_mirrored(view: int) -> bool:
    """Say whether a view is mirrored: each second one, the mirror image of the one before."""
    return view % 2 == 1


def mirror(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return faces (N, H, W) uint8, left and right exchanged."""
    return np.ascontiguousarray(faces[:, :, ::-1])
