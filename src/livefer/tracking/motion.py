"""A face found again in the next frame by its likeness; knows nothing about detectors."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import side_of
from livefer.faces.crops import crop_faces

_TEMPLATE_PX, _AROUND_PX = 40, 60  # a face, and the place where it is looked for
_AROUND = _AROUND_PX / _TEMPLATE_PX
_MIN_LIKENESS = 0.8  # correlation
_MIN_CONTRAST = 2.0  # gray levels


def likeness_of(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what a face looks like.

    image: (H, W) gray or (H, W, 3) BGR uint8
    box: (4,) float32, xyxy in pixels
    """
    return np.asarray(crop_faces(image, box[None], size=_TEMPLATE_PX)[0])


def find_again(
    image: NDArray[np.uint8], box: NDArray[np.float32], likeness: NDArray[np.uint8]
) -> NDArray[np.float32] | None:
    """Return the box (4,) where the picture is most like a face, or None where it is not enough.

    image: (H, W) gray or (H, W, 3) BGR uint8
    box: (4,) float32, xyxy in pixels: where the face was; a quarter of its side around is looked at
    likeness: of `likeness_of`, of a frame before
    """
    if likeness.std() < _MIN_CONTRAST:  # everything is like it
        return None
    around = crop_faces(image, box[None], scale=_AROUND, size=_AROUND_PX)[0]
    values = cv2.matchTemplate(around, likeness, cv2.TM_CCOEFF_NORMED)
    best = np.unravel_index(int(values.argmax()), values.shape)
    if values[best] < _MIN_LIKENESS:
        return None
    middle = (_AROUND_PX - _TEMPLATE_PX) // 2
    y, x = (_peak(values, best, axis) - middle for axis in (0, 1))
    moved = box + np.array([x, y, x, y], np.float32) * (side_of(box) / _TEMPLATE_PX)
    return np.asarray(moved, np.float32)


def _peak(values: NDArray[Any], best: Any, axis: int) -> float:
    """Return the place of a maximum along an axis, to a fraction: that of a parabola."""
    i = int(best[axis])
    if not 0 < i < values.shape[axis] - 1:
        return float(i)
    line = np.moveaxis(values, axis, 0)[i - 1 : i + 2, best[1 - axis]].astype(float)
    bend = line[0] - 2 * line[1] + line[2]
    return i + (0.5 * (line[0] - line[2]) / bend if bend < 0 else 0.0)
