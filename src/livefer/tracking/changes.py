"""Where a picture has changed since it was looked at; knows nothing about faces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 8
"""A change is one of the mean of a block of so many pixels' side."""

_CHANGE = 8.0  # by so many gray levels more than that of the whole picture


def blocks_of(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the means of the blocks of a picture (H, W): (h, w) float32."""
    height, width = gray.shape
    size_wh = (max(1, round(width / BLOCK_PX)), max(1, round(height / BLOCK_PX)))
    return np.asarray(cv2.resize(gray, size_wh, interpolation=cv2.INTER_AREA), np.float32)


def changed(before: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (h, w) bool: which blocks have changed otherwise than the light as a whole.

    before, now: of `blocks_of`, of pictures of the same size
    """
    change = now - before
    return np.asarray(np.abs(change - np.median(change)) > _CHANGE)
