"""Images checked, and the one function that cuts faces: everything the network sees comes from it.

Knows nothing about detectors or networks.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from livefer.faces.boxes import crop_boxes
from livefer.faces.pil import is_pil, pil_array

_MAX_SAMPLES = 32  # of the source along a side of one pixel of the crop


def check_image(image: Any) -> NDArray[np.uint8]:
    """Return the image as (H, W) gray or (H, W, 3) BGR, without its fourth channel (alpha).

    Anything else raises ValueError.

    image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8, or a PIL image, which is turned upright
    """
    pixels: NDArray[Any] = pil_array(image) if is_pil(image) else np.asarray(image)
    if pixels.ndim == 0 or pixels.dtype.kind not in "buif":
        raise ValueError(
            f"expected an image as an array or a PIL image, got {type(image).__name__}"
        )
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"expected an image of uint8 (0-255), got {pixels.dtype}: "
            "scale it to 0-255 and call .astype(numpy.uint8)"
        )
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise ValueError(
            f"expected an image of shape (H, W) or (H, W, 3), got {pixels.shape}: "
            "give one picture at a time, channels last, in BGR order"
        )
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        return pixels
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels[:, :, :3]


def to_gray(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (H, W) uint8 luma of an image that `check_image` accepts."""
    image = check_image(image)
    if image.ndim == 2 or image.size == 0:
        return image if image.ndim == 2 else image[:, :, 0]
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def shrunk(image: NDArray[np.uint8], side_px: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the image with a long side of at most side_px, and its scale: (4,), for xyxy."""
    height, width = image.shape[:2]
    factor = side_px / max(height, width, 1)
    if factor >= 1 or image.size == 0:
        return image, np.ones(4, np.float32)
    size_wh = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([size_wh[0] / width, size_wh[1] / height] * 2, np.float32)


def crop_faces(
    image: NDArray[Any],
    boxes: ArrayLike,
    scale: float = 1.0,
    shift_y: float = 0.0,
    size: int = 48,
) -> NDArray[np.uint8]:
    """Cut the squares of `crop_boxes` out of an image, gray and resampled to size×size.

    The cut is exact to a fraction of a pixel. A face that shrinks is sampled about once a source
    pixel and each k×k samples are averaged, so that nothing aliases; one that grows is interpolated
    linearly. Outside the picture its border pixels continue.

    image: (H, W) gray or (H, W, 3) BGR uint8
    boxes: (N, 4) float32, xyxy in pixels: the detector's
    scale: side of the square, times the mean of the box's width and height
    shift_y: how far the square lies below the box, in sides of the square
    returns: (N, size, size) uint8
    """
    image = check_image(image)
    squares = crop_boxes(boxes, scale, shift_y)
    faces = np.empty((len(squares), size, size), np.uint8)
    if len(squares) and image.size == 0:
        raise ValueError(f"cannot cut faces out of an empty image of shape {image.shape}")
    for face, square in zip(faces, squares.astype(float), strict=True):
        face[:] = _crop(image, square, size)
    return faces


def _crop(image: NDArray[np.uint8], square: NDArray[Any], size: int) -> NDArray[Any]:
    height, width = image.shape[:2]
    left, top, right, bottom = square
    # Only the part of the picture that is needed; a square outside it keeps the nearest border.
    x0, x1 = _span(left, right, width)
    y0, y1 = _span(top, bottom, height)
    # With thousands of source pixels for one of the crop, some of them are enough.
    stride = max(1, int((right - left) / (size * _MAX_SAMPLES)))
    part = to_gray(image[y0:y1:stride, x0:x1:stride])
    k = max(1, math.ceil((right - left) / stride / size - 0.1))
    step = (right - left) / (size * k)
    # Pixel centres: sample i lies at left + (i + 0.5) * step, pixel j of `part` at
    # x0 + j * stride + 0.5.
    to_part = np.array(
        [
            [step, 0.0, left + 0.5 * step - 0.5 - x0],
            [0.0, step, top + 0.5 * step - 0.5 - y0],
        ]
    )
    sampled = cv2.warpAffine(
        part,
        to_part / stride,
        (size * k, size * k),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return sampled if k == 1 else cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)


def _span(low: float, high: float, length: int) -> tuple[int, int]:
    """Return the pixels that an interval needs, at least one, and a neighbour to interpolate."""
    first = min(max(math.floor(min(max(low, 0), length)) - 1, 0), length - 1)
    return first, min(max(math.ceil(min(max(high, 0), length)) + 1, first + 1), length)
