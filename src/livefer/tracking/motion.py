"""Motion in pictures: a face found again by template matching, and the blocks that have changed.

Knows nothing about detectors or tracks.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import side_of
from livefer.faces.crops import crop_faces

BLOCK_PX = 8
"""Side of a block: changes are those of the means of such blocks."""

_TEMPLATE_PX, _WINDOW_PX = 40, 60  # a face, and the window around it in which it is searched
_WINDOW = _WINDOW_PX / _TEMPLATE_PX
_MIN_CORRELATION = 0.8
_MIN_CONTRAST = 2.0  # gray levels
_CHANGE = 8.0  # gray levels, beyond the change of the picture as a whole


def template_of(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the template of a face: (40, 40) uint8, gray.

    image: (H, W) gray or (H, W, 3) BGR uint8
    box: (4,) float32, xyxy in pixels
    """
    return np.asarray(crop_faces(image, box[None], size=_TEMPLATE_PX)[0])


def match_template(
    image: NDArray[np.uint8], box: NDArray[np.float32], template: NDArray[np.uint8]
) -> NDArray[np.float32] | None:
    """Return the box (4,) where the picture matches a face best, or None without a good match.

    image: (H, W) gray or (H, W, 3) BGR uint8
    box: (4,) float32, xyxy in pixels, where the face was: the search goes a quarter of its side
        to each direction
    template: of `template_of`, from an earlier frame
    """
    if template.std() < _MIN_CONTRAST:  # a flat template matches everything
        return None
    window = crop_faces(image, box[None], scale=_WINDOW, size=_WINDOW_PX)[0]
    correlation = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
    best = np.unravel_index(int(correlation.argmax()), correlation.shape)
    if correlation[best] < _MIN_CORRELATION:
        return None
    middle = (_WINDOW_PX - _TEMPLATE_PX) // 2
    y, x = (_peak(correlation, best, axis) - middle for axis in (0, 1))
    shift = np.array([x, y, x, y], np.float32) * (side_of(box) / _TEMPLATE_PX)
    return np.asarray(box + shift, np.float32)


def _peak(values: NDArray[Any], best: Any, axis: int) -> float:
    """Return the place of a maximum along an axis, to a fraction: the vertex of a parabola."""
    i = int(best[axis])
    if not 0 < i < values.shape[axis] - 1:
        return float(i)
    line = np.moveaxis(values, axis, 0)[i - 1 : i + 2, best[1 - axis]].astype(float)
    bend = line[0] - 2 * line[1] + line[2]
    return i + (0.5 * (line[0] - line[2]) / bend if bend < 0 else 0.0)


def block_means(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the means of the blocks of a picture (H, W): (h, w) float32."""
    height, width = gray.shape
    size_wh = (max(1, round(width / BLOCK_PX)), max(1, round(height / BLOCK_PX)))
    return np.asarray(cv2.resize(gray, size_wh, interpolation=cv2.INTER_AREA), np.float32)


def changed_blocks(before: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (h, w) bool: the blocks that have changed otherwise than the light as a whole.

    before, now: (h, w) float32, of `block_means`, of pictures of one size
    """
    change = now - before
    return np.asarray(np.abs(change - np.median(change)) > _CHANGE)
