"""Training pictures for the detector whose landmarks are marked by coloured dots."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.train.detector.pictures import Picture, encoded
from livefer.train.detector.teacher import Labels

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))
"""Of the landmarks, in BGR."""

BOX = (60.0, 40.0, 140.0, 140.0)
LANDMARKS = ((80.0, 75.0), (120.0, 75.0), (100.0, 95.0), (85.0, 115.0), (115.0, 115.0))
_NONE = Labels(
    np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
)


def dotted(name: str = "dots", kind: str = "picture", score: float = 1.0) -> Picture:
    """Return a black picture of 200×200 px with one gray face and dots at its landmarks."""
    image = np.zeros((200, 200, 3), np.uint8)
    left, top, right, bottom = (int(side) for side in BOX)
    image[top:bottom, left:right] = 90
    for (x, y), colour in zip(LANDMARKS, COLOURS, strict=True):
        cv2.circle(image, (int(x), int(y)), 6, colour, -1)
    mask = np.zeros(0, np.uint8)
    if kind == "cutout":
        mask = encoded(np.full((200, 200), 255, np.uint8), ".png")
    labels = Labels(
        np.array([BOX], np.float32),
        np.array([LANDMARKS], np.float32),
        np.array([score], np.float32),
    )
    return Picture(name, kind, encoded(image, ".png"), mask, labels)


def empty(name: str = "gray", level: int = 60) -> Picture:
    """Return a gray picture without a face."""
    return Picture(
        name, "background", encoded(np.full((150, 180, 3), level, np.uint8), ".png"),
        np.zeros(0, np.uint8), _NONE,
    )  # fmt: skip


def colour_at(image: NDArray[np.uint8], point: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """Return the pixel at a point x, y, or None outside the picture."""
    x, y = (int(v) for v in point)
    if not (0 <= x < image.shape[1] and 0 <= y < image.shape[0]):
        return None
    return image[y, x]
