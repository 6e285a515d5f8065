"""What detectors answer: the faces found in one picture."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes, Scores

Landmarks = NDArray[np.float32]


class Detections(NamedTuple):
    """The faces found in one image, best first.

    boxes: (N, 4) float32, xyxy in pixels
    scores: (N,) float32, 0–1
    landmarks: (N, 5, 2) float32, x and y in pixels: the eyes, the nose and the corners of the
        mouth, each pair from left to right in the image; None from a detector that knows none
    """

    boxes: Boxes
    scores: Scores
    landmarks: Landmarks | None = None

    def only(self, rows: Any) -> Detections:
        """Return the faces that a NumPy index chooses."""
        landmarks = None if self.landmarks is None else self.landmarks[rows]
        return Detections(self.boxes[rows], self.scores[rows], landmarks)

    def scaled(self, scale: NDArray[np.float32]) -> Detections:
        """Return the faces in another resolution; scale: (4,) float32, for xyxy."""
        landmarks = None if self.landmarks is None else self.landmarks * scale[:2]
        return Detections(self.boxes * scale, self.scores, landmarks)

    def landmarks_of(self, i: int) -> Landmarks | None:
        """Return the landmarks (5, 2) of one face."""
        return None if self.landmarks is None else self.landmarks[i]


def nothing(with_landmarks: bool = False) -> Detections:
    """Return no faces."""
    landmarks = np.zeros((0, 5, 2), np.float32) if with_landmarks else None
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), landmarks)


def joined(first: Detections, second: Detections) -> Detections:
    """Return the faces of both, without landmarks where one of them has none."""
    landmarks = None
    if first.landmarks is not None and second.landmarks is not None:
        landmarks = np.concatenate([first.landmarks, second.landmarks])
    return Detections(
        np.concatenate([first.boxes, second.boxes]).astype(np.float32),
        np.concatenate([first.scores, second.scores]).astype(np.float32),
        landmarks,
    )


def moved(landmarks: Landmarks, box: NDArray[Any], to: NDArray[Any]) -> Landmarks:
    """Return landmarks (5, 2) of a face whose box (4,) has moved to another box."""
    scale = (to[2:] - to[:2]) / np.maximum(box[2:] - box[:2], 1e-6)
    return np.asarray((landmarks - box[:2]) * scale + to[:2], np.float32)
