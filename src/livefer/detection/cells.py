"""What small networks for faces share: a search at a fixed size, and the best of many boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections, Landmarks, joined, nothing
from livefer.faces.boxes import Boxes, Scores, iou_matrix
from livefer.faces.crops import check_image, shrunk

STRIDES_PX = (8, 16, 32)
_MAX_OVERLAP = 0.3  # IoU of two boxes, of which the one with the higher score is kept
_NEAR_IOU = 0.3  # of a known face's box and its new one, at least


class CellDetector(ABC):
    """A detector that asks a network about a whole picture at once; threads may share it.

    side_px: long side to which larger pictures are shrunk
    threshold: the least score of a face; known_threshold: enough for a known face
    """

    side_px: int
    threshold: float
    known_threshold: float
    has_landmarks = True

    def __init__(self, min_score: float | None = None) -> None:
        """min_score: the least score of new and known faces; None: the detector's own two."""
        if min_score is not None:
            self.threshold = self.known_threshold = min_score

    @abstractmethod
    def find(self, image: NDArray[np.uint8], threshold: float) -> Detections:
        """Return the faces above a threshold at the picture's own resolution.

        image: (H, W, 3) or (H, W), at least one pixel
        """

    def detect(self, image: NDArray[Any]) -> Detections:
        """Return the faces of a picture, best first.

        image: (H, W) gray or (H, W, 3) BGR uint8
        """
        found = self._search(image)
        return found.only(found.scores >= self.threshold)

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> Detections:
        """Look for known faces near their last boxes, with a lower threshold than for new ones.

        The whole picture is searched: the network is less certain of a part of it.

        boxes: (N, 4) float32, xyxy in pixels
        returns: the N faces as they are now, with a score of 0 where none is
        """
        found = self._search(image)
        gone = Detections(
            np.array(boxes, np.float32),
            np.zeros(len(boxes), np.float32),
            np.zeros((len(boxes), 5, 2), np.float32),
        )
        # For each known face its best box, or itself, from the rows of those that are gone.
        rows = [
            int(ious.argmax()) if ious.max(initial=0) >= _NEAR_IOU else len(found.boxes) + i
            for i, ious in enumerate(iou_matrix(boxes, found.boxes))
        ]
        return joined(found, gone).only(np.array(rows, int))

    def _search(self, image: NDArray[Any]) -> Detections:
        """Return the faces of a picture above the lower threshold."""
        image = check_image(image)
        if image.size == 0:
            return nothing(with_landmarks=True)
        small, scale = shrunk(image, self.side_px)
        return self.find(small, self.known_threshold).scaled(np.float32(1) / scale)


def best_boxes(boxes: Boxes, scores: Scores, landmarks: Landmarks) -> Detections:
    """Return each face once, best first, of the cells that show it."""
    xywh = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = list(cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), 0.0, _MAX_OVERLAP))
    columns = (np.asarray(column[kept], np.float32) for column in (boxes, scores, landmarks))
    return Detections(*columns)


def padded_hw(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Return height and width of an image, rounded up to multiples of the largest stride."""
    height, width = image.shape[:2]
    stride = STRIDES_PX[-1]
    return stride * -(-height // stride), stride * -(-width // stride)
