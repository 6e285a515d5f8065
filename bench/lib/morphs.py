"""Pictures between two pictures of a person, as of a smile that begins."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def morphs(first: Image, last: Image, n: int = 8) -> list[Image]:
    """Return n pictures from the first to the last one, which have the same shape (H, W, 3).

    The pictures are morphed along their optical flow.
    """
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grays = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (first, last)]
    empty = np.zeros((*grays[0].shape, 2), np.float32)
    there = flow_of.calc(grays[0], grays[1], empty.copy())
    back = flow_of.calc(grays[1], grays[0], empty.copy())
    pictures = []
    for share in np.linspace(0, 1, n).tolist():
        early, late = _moved(first, -share * there), _moved(last, -(1 - share) * back)
        blended = cv2.addWeighted(early, 1 - share, late, share, 0)
        pictures.append(np.asarray(blended, np.uint8))
    return pictures


def _moved(image: Image, flow: NDArray[np.float32]) -> Image:
    """Return the image whose pixels come from where the flow points."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(moved, np.uint8)
