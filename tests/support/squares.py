"""Bright squares with patterns, and detectors that find them in whole, near, or in parts."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from fakes import SquareDetector
from numpy.typing import NDArray

from livefer.detection.detectors import Detections, Detector
from livefer.faces.boxes import Boxes, Region, Scores, covered, iou_matrix
from livefer.results import Frame
from livefer.tracking.stream import Search

Image = NDArray[np.uint8]
FPS = 30
WIDTH, HEIGHT = 640, 480


def scene(*squares_xy: tuple[float, float], side: int = 90) -> Image:
    """Bright squares with a pattern of their own on a dark ground."""
    image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    for i, (x, y) in enumerate(squares_xy):
        rng = np.random.default_rng(i)
        pattern = np.asarray(rng.integers(60, 250, (9, 9)), np.uint8)
        square = cv2.resize(pattern, (side, side), interpolation=cv2.INTER_LINEAR)
        image[int(y) : int(y) + side, int(x) : int(x) + side] = square[:, :, None]
    return image


def find(
    search: Search, detector: Detector, image: Image, time_s: float, is_behind: bool = False
) -> Detections:
    """Return what a search finds in its next frame."""
    return search.find(Frame("scene", 0, time_s, image, n_skipped=int(is_behind)), detector)


class Quick(SquareDetector):
    """Looks for bright squares, and again for a known one; remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        self.calls.append("all")
        return super().detect(image)

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> tuple[Boxes, Scores]:
        self.calls.append("near")
        return boxes, np.zeros(len(boxes), np.float32)


class Squares(SquareDetector):
    """Looks for bright squares in parts, too; remembers its calls."""

    search_periods_s: tuple[float, ...] = (0.25, 0.5)

    def __init__(self) -> None:
        self.calls: list[str] = []

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        self.calls.append("all")
        return super().detect(image)

    def search(
        self, image: NDArray[Any], part: int, region: Region, known: Boxes
    ) -> tuple[Boxes, Scores]:
        """Part 0 is the left half of the picture, part 1 the right one."""
        self.calls.append(f"part {part}")
        boxes, scores = super().detect(image)
        is_here = (boxes[:, 0] >= WIDTH / 2) == bool(part)
        low, high = np.array(region[:2]), np.array(region[2:])
        is_inside = ((boxes[:, :2] >= low) & (boxes[:, 2:] <= high)).all(axis=1)
        is_new = is_here & is_inside & ~covered(boxes, known)
        return boxes[is_new], scores[is_new]

    def detect_near(
        self, image: NDArray[Any], boxes: Boxes, quick: bool = False
    ) -> tuple[Boxes, Scores]:
        self.calls.append("quick" if quick else "exact")
        seen, _ = super().detect(image)
        ious = iou_matrix(boxes, seen)
        found = np.array(boxes)
        for i in range(len(boxes)):
            if len(seen):
                found[i] = seen[ious[i].argmax()]
        return found, np.where(ious.max(axis=1, initial=0) > 0.1, 0.7, 0).astype(np.float32)
