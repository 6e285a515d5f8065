"""Whether a picture can show a face, and whether a face can be read. Knows nothing about networks.

A face that can be read is large, sharp and light enough, and most of it lies inside its picture.
The network gives most others a low confidence, but not all; a face that fails here is uncertain
whatever the network's answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_FACE_PX = 16
"""A face is too small to be read if its box has a shorter side."""

MIN_SHARPNESS = 0.05
"""Faces below it are smears: bench/unusable.py,
docs/experiments/certainty.md#2026-11-22-silence-on-what-cannot-be-read

The least sharp face has 0.11 in FER2013's val split, 0.09 in a quarter of its training split, and
0.10 on 104 photographs. Of faces blurred with a sigma of 3 of their 48 px, 92 % lie below the
limit, and little more than half of their answers are right; of faces enlarged from 8 px, 80 % do;
of those enlarged from 12 px, where four of five answers are right, 20 %.
"""

MAX_OUTSIDE = 0.45
"""A crop with a larger share outside the picture lacks half of the face.

The same measurement, on val faces: 87 % of the answers are right for whole faces, 84 % where a
quarter is cut off, 86 % for three eighths, 79 % for half.
"""

MAX_DARK_MEAN, MAX_DARK_DEVIATION = 64.0, 12.0
"""Gray levels: a crop below both has too little light to be read.

Of FER2013's 3,589 val faces at most two deviate by less than 12 levels. Darkened by 5 stops a third
of them do, and the answer is the majority's on half of those; by 6 stops most do:
docs/experiments/training.md#2026-11-22-labels-and-votes-on-one-network
"""

TOO_DARK, TOO_BRIGHT, BLANK = "too dark", "too bright", "blank"

# Gray levels. No face is found in a picture if nearly all of it is darker or brighter.
_MAX_DARK, _MIN_BRIGHT = 28.0, 240.0
FLAT = 4.0
"""Gray levels: a thumbnail with a smaller standard deviation shows nothing."""

_THUMB_WH = (32, 18)
_THUMB_SAMPLES = 4  # of a large picture, along a side of each pixel of the thumbnail
_MIN_CONTRAST = 8.0  # gray levels; so the noise of an empty picture is no detail


def why_no_face(image: NDArray[np.uint8]) -> str | None:
    """Return TOO_DARK, TOO_BRIGHT or BLANK where no face could be found, else None.

    image: (H, W, 3) uint8 BGR
    """
    thumb = thumbnail(image).mean(axis=2)
    if float(np.percentile(thumb, 95)) < _MAX_DARK:
        return TOO_DARK
    if float(np.percentile(thumb, 5)) > _MIN_BRIGHT:
        return TOO_BRIGHT
    return BLANK if float(thumb.std()) < FLAT else None


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture in 32×18 pixels: (18, 32) or (18, 32, C) float32.

    Of a large picture not every pixel is read.

    image: (H, W) or (H, W, C) uint8
    """
    width, height = (_THUMB_SAMPLES * side for side in _THUMB_WH)
    step = max(1, min(image.shape[0] // height, image.shape[1] // width))
    small: NDArray[Any] = np.ascontiguousarray(image[step // 2 :: step, step // 2 :: step])
    return cv2.resize(small, _THUMB_WH, interpolation=cv2.INTER_AREA).astype(np.float32)


def too_small(boxes: ArrayLike) -> NDArray[np.bool_]:
    """Return (N,) bool: which boxes (N, 4) xyxy in pixels are too small for a face to be read."""
    return short_sides(boxes) < MIN_FACE_PX


def short_sides(boxes: ArrayLike) -> NDArray[np.float32]:
    """Return (N,) float32: the shorter side of each box (N, 4) xyxy in pixels."""
    left, top, right, bottom = np.asarray(boxes, np.float32).reshape(-1, 4).T
    return np.asarray(np.minimum(right - left, bottom - top), np.float32)


SMALL, CUT_OFF, DARK, BLURRED = "small", "cut off", "dark", "blurred"
"""Why a face cannot be read; of several reasons, the first one here is named."""


class Readability(NamedTuple):
    """How well the faces of a picture can be read.

    why: for each face SMALL, CUT_OFF, DARK or BLURRED; None where it can be read
    sharpness: (N,) float32, as of `sharpness`
    brightness: (N,) float32, mean gray levels, 0-255
    """

    why: list[str | None]
    sharpness: NDArray[np.float32]
    brightness: NDArray[np.float32]


def readability(
    faces: NDArray[np.uint8], boxes: ArrayLike, squares: ArrayLike, image_hw: tuple[int, int]
) -> Readability:
    """Return how well faces can be read.

    faces: (N, S, S) uint8, as `crop_faces` cuts them
    boxes: (N, 4) float32, xyxy in pixels: the detector's
    squares: (N, 4) float32, xyxy in pixels, of `crop_boxes`
    """
    sharp, levels = sharpness(faces), [_level(face) for face in faces]
    reasons: dict[str, Sequence[Any] | NDArray[Any]] = {
        SMALL: too_small(boxes),
        CUT_OFF: share_outside(squares, image_hw) > MAX_OUTSIDE,
        DARK: [m < MAX_DARK_MEAN and d < MAX_DARK_DEVIATION for m, d in levels],
        BLURRED: sharp < MIN_SHARPNESS,
    }
    why = [next((w for w, so in reasons.items() if so[i]), None) for i in range(len(faces))]
    return Readability(why, sharp, np.array([mean for mean, _ in levels], np.float32))


def usable(
    faces: NDArray[np.uint8], squares: ArrayLike, image_hw: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return (N,) bool: which crops can be read, however small their boxes are.

    faces, squares: as of `readability`
    """
    large = np.tile(np.array([0, 0, MIN_FACE_PX, MIN_FACE_PX], np.float32), (len(faces), 1))
    return np.array([w is None for w in readability(faces, large, squares, image_hw).why], bool)


def sharpness(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N,) float32: the contrast of the finest detail of faces (N, S, S) over the coarse.

    That is the standard deviation of what a blur by S/48 px removes, divided by that of what a blur
    by S/24 px leaves, so it depends neither on brightness nor on contrast.
    """
    values = np.empty(len(faces), np.float32)
    for i, face in enumerate(faces):
        gray = face.astype(np.float32)
        sigma = face.shape[0] / 48
        detail = _level(gray - _blurred(gray, sigma))[1]
        values[i] = detail / max(_level(_blurred(gray, 2 * sigma))[1], _MIN_CONTRAST)
    return values


def share_outside(squares: ArrayLike, image_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Return (N,) float32, 0–1: the share of each square (N, 4) xyxy outside a picture."""
    boxes = np.asarray(squares, np.float64).reshape(-1, 4)
    limit = np.array(image_hw[::-1], np.float64)
    inside = np.clip(np.minimum(boxes[:, 2:], limit) - np.maximum(boxes[:, :2], 0), 0, None)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(np.clip(1 - inside.prod(axis=1) / area, 0, 1), np.float32)


def _level(gray: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and the standard deviation of an image (H, W), faster than NumPy does."""
    mean, deviation = cv2.meanStdDev(gray)
    return float(mean[0, 0]), float(deviation[0, 0])


def _blurred(gray: NDArray[np.float32], sigma_px: float) -> NDArray[Any]:
    return cv2.GaussianBlur(gray, (0, 0), sigma_px)
