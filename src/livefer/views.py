"""The views of a face whose average is better than one look: five places, each mirrored, too.

`evaluate --tta` averages all ten of a picture. A stream takes another one in each frame, so that
its smoothing averages them at no cost (docs/experiments.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHIFTS = tuple((x / 48, y / 48) for x, y in ((0, 0), (2, 2), (-2, -2), (2, -2), (-2, 2)))
"""Right and down, in sides of the face."""


def boxes_of(view: int, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the boxes to cut in a view: (N, 4) float32, xyxy in pixels as `boxes`.

    view: its number, from 0, which is the plain one; behind the tenth they begin again
    """
    side = ((boxes[:, 2:] - boxes[:, :2]).sum(axis=1, keepdims=True)) / 2
    shift = np.array(SHIFTS[view // 2 % len(SHIFTS)] * 2, np.float32)
    return np.asarray(boxes + shift * side, np.float32)


def is_mirrored(view: int) -> bool:
    """Say whether a view is mirrored: each second one, the mirror image of the one before."""
    return view % 2 == 1


def mirror(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return faces (N, H, W) uint8, left and right exchanged."""
    return np.ascontiguousarray(faces[:, :, ::-1])
