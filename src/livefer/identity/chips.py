"""Faces as the network for people takes them: turned upright and scaled by their landmarks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.identity.network import SIDE

# dlib's mean face (image_transforms/interpolation.h): the middles of the eyes, the tip of the nose
# and the corners of the mouth, in the unit square; around it a margin. dlib's own is 0.25. With
# the landmarks of livefer's detectors, less tells people apart better (bench/identify.py).
_MEAN_FACE = np.array(
    [(0.2255, 0.2160), (0.7548, 0.2160), (0.4901, 0.5156), (0.2541, 0.7802), (0.7261, 0.7802)]
)
MARGIN = 0.2


def chip_of(
    image: NDArray[np.uint8], landmarks: NDArray[Any], margin: float = MARGIN
) -> NDArray[np.uint8]:
    """Return the chip (150, 150, 3) uint8 BGR of a face.

    image: (H, W, 3) uint8 BGR
    landmarks: (5, 2) x and y in pixels, as of `Face`
    """
    to_chip = _similarity(landmarks, (_MEAN_FACE + margin) / (1 + 2 * margin) * SIDE)
    scale = float(np.hypot(*to_chip[:, 0]))
    if scale < 0.5:  # else a large face is sampled at some of its pixels only
        x, y = landmarks.mean(axis=0).tolist()
        far = SIDE / scale  # beyond it nothing is in the chip
        left, top = max(int(x - far), 0), max(int(y - far), 0)
        image = image[top : int(y + far) + 1, left : int(x + far) + 1]
        to_chip[:, 2] += to_chip[:, :2] @ (left, top)
        small = cv2.resize(image, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        factors = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]])
        to_chip[:, :2] /= factors
        image = small.astype(np.uint8, copy=False)
    return cv2.warpAffine(image, to_chip, (SIDE, SIDE)).astype(np.uint8, copy=False)


def _similarity(points: NDArray[Any], to: NDArray[Any]) -> NDArray[np.float64]:
    """Return the turn, scale and shift (2, 3) that bring points (N, 2) closest to others."""
    # As complex numbers, it is k z + t with least squares, so without a reflection.
    z, w = (p[:, 0] + 1j * p[:, 1] for p in (points.astype(np.float64), to))
    dz, dw = z - z.mean(), w - w.mean()
    k = complex((dz.conj() * dw).sum() / max(float((abs(dz) ** 2).sum()), 1e-9))
    t = complex(w.mean()) - k * complex(z.mean())
    return np.array([[k.real, -k.imag, t.real], [k.imag, k.real, t.imag]])


def turned_away(landmarks: NDArray[Any]) -> float:
    """Return how far a face is turned to a side: 0 from the front, 0.5 where its nose is at an eye.

    landmarks: (5, 2), as of `Face`
    """
    left, right, nose, left_mouth, right_mouth = landmarks.astype(np.float64)
    across = (right - left + right_mouth - left_mouth) / 2
    middle = (left + right + left_mouth + right_mouth) / 4
    width = float(np.hypot(*across))
    return abs(float((nose - middle) @ across)) / max(width**2, 1e-9)
