"""The teacher: one detector asked at several sizes and mirrored, and its answers fused.

A face counts by the share of looks that find it: what only some of them see is uncertain.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.yunet import YuNetDetector
from livefer.faces.boxes import iou_matrix, sides_of

_SIDES_PX = (320, 640, 1280)
_MAX_ENLARGED = 2.5
_LEAST = 0.3  # score of a face in one look
_SAME_IOU = 0.45
_READABLE_PX = (14, 500)  # of a face in a look, which otherwise has no vote on it
MIRRORED = [1, 0, 2, 4, 3]  # order of the landmarks in a mirror image


class Labels(NamedTuple):
    """The faces of a picture.

    boxes: (N, 4) float32, xyxy in pixels
    landmarks: (N, 5, 2) float32, x and y in pixels
    scores: (N,) float32, 0–1
    """

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]


def label(detector: YuNetDetector, image: NDArray[Any]) -> Labels:
    """Return the faces of an image (H, W, 3) uint8 on which the looks at it agree."""
    looks = [look for side_px in _sides_px(image) for look in _look(detector, image, side_px)]
    boxes = np.concatenate([look.boxes for look in looks])
    points = np.concatenate([look.landmarks for look in looks])
    scores = np.concatenate([look.scores for look in looks])
    scales = [side_px / max(image.shape[:2]) for side_px in _sides_px(image) for _ in range(2)]
    left = np.ones(len(boxes), bool)
    faces = []
    for i in np.argsort(-scores, kind="stable"):
        if not left[i]:
            continue
        same = left & (iou_matrix(boxes[i, None], boxes)[0] >= _SAME_IOU)
        left &= ~same
        weights = scores[same] / scores[same].sum()
        side = float(sides_of(boxes[i, None])[0])
        votes = sum(_READABLE_PX[0] <= side * scale <= _READABLE_PX[1] for scale in scales)
        faces.append(
            (
                weights @ boxes[same],
                np.tensordot(weights, points[same], 1),
                min(1.0, float(scores[same].sum()) / max(votes, 2)),
            )
        )
    if not faces:
        return Labels(
            np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
        )
    faces.sort(key=lambda face: -face[2])
    return Labels(*(np.array(column, np.float32) for column in zip(*faces, strict=True)))


def _sides_px(image: NDArray[Any]) -> list[int]:
    """Return the long sides at which the image is looked at."""
    longest = max(image.shape[:2])
    return [side for side in _SIDES_PX if side <= longest * _MAX_ENLARGED] or [_SIDES_PX[0]]


def _look(detector: YuNetDetector, image: NDArray[Any], side_px: int) -> list[Labels]:
    """Return the faces at one size, from the image and from its mirror image."""
    scale = side_px / max(image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    seen = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), np.uint8)
    width = seen.shape[1]
    looks = []
    for mirrored in (False, True):
        shown = np.ascontiguousarray(seen[:, ::-1]) if mirrored else seen
        boxes, scores, points = detector.find(shown, _LEAST)
        assert points is not None
        if mirrored:
            boxes = np.stack(
                [width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1
            )
            points = points[:, MIRRORED]
            points[:, :, 0] = width - points[:, :, 0]
        looks.append(Labels(boxes / scale, points / scale, scores))
    return looks
