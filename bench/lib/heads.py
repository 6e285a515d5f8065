"""Heads that can be pasted anywhere in any size: the shipped face, and faces of FER2013.

A head is a face, enlarged, in an oval outline with a soft edge. Of FER2013's faces only those are
used that every detector finds when they stand still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from lib.backgrounds import Image, smooth_noise
from lib.common import PICTURE
from numpy.random import Generator
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.faces.boxes import iou_matrix
from livefer.media.pictures import read_image

OVAL = np.array([0.58, 0.70])
"""Half axes of a head, in sides of its face."""

_UNIT = 4  # pixels of a head's picture for one of FER2013's
_PAD = 16  # of FER2013's pixels around its face
_EDGE_PX = 12.0  # soft edge of the finest picture
_STILL_SIDES_PX = (64, 100, 160)
_STILL_IOU = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A face and its outline, from fine to coarse, each half the size of the one before.

    pictures: (n, n, 3) uint8 BGR each
    alphas: (n, n) float32, 0-1 each
    middle, side_px: of the face, in the first picture
    label: what it shows; None where nobody said
    """

    pictures: tuple[Image, ...]
    alphas: tuple[NDArray[np.float32], ...]
    middle: tuple[float, float]
    side_px: float
    label: str | None


def paste(image: Image, head: Head, place: NDArray[np.float64], opacity: float = 1.0) -> None:
    """Draw a head into an image, its face's middle at (x, y) with a side in pixels: `place`."""
    x, y, side = (float(v) for v in place)
    level = int(np.clip(np.log2(head.side_px / side), 0, len(head.pictures) - 1))
    zoom = side / head.side_px * 2**level
    middle = np.array(head.middle) / 2**level
    reach = np.array(head.pictures[level].shape[1::-1]) * zoom
    left, top = np.floor(np.array([x, y]) - middle * zoom).astype(int)
    right, bottom = np.array([left, top]) + np.ceil(reach).astype(int) + 1
    left, right = np.clip([left, right], 0, image.shape[1])
    top, bottom = np.clip([top, bottom], 0, image.shape[0])
    if right <= left or bottom <= top:
        return
    # Pixel centres lie at halves, in the head's picture as in the image.
    move = np.array([x - left, y - top]) - middle * zoom + 0.5 * zoom - 0.5
    turn = np.array([[zoom, 0, move[0]], [0, zoom, move[1]]])
    size_wh = (int(right - left), int(bottom - top))
    picture = cv2.warpAffine(head.pictures[level], turn, size_wh, borderMode=cv2.BORDER_REPLICATE)
    alpha = opacity * cv2.warpAffine(head.alphas[level], turn, size_wh)[..., None]
    part = image[top:bottom, left:right]
    part[:] = np.rint(part + (picture.astype(np.float32) - part) * alpha)


def _head(picture: Image, middle: tuple[float, float], side_px: float, label: str | None) -> Head:
    """Return a head with an oval outline around its face."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    half = OVAL * side_px
    from_middle = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
    alpha = np.clip((1 - from_middle) * OVAL.mean() * side_px / _EDGE_PX + 0.5, 0, 1)
    pictures, alphas = [picture], [alpha.astype(np.float32)]
    for _ in range(3):
        wh = tuple(side // 2 for side in pictures[-1].shape[1::-1])
        finer, its_alpha = pictures[-1], alphas[-1]
        pictures.append(np.asarray(cv2.resize(finer, wh, interpolation=cv2.INTER_AREA), np.uint8))
        coarser = cv2.resize(its_alpha, wh, interpolation=cv2.INTER_AREA)
        alphas.append(np.asarray(coarser, np.float32))
    return Head(tuple(pictures), tuple(alphas), middle, side_px, label)


def shipped_heads() -> list[Head]:
    """Return the shipped face and its mirror image, each in three tints: six people."""
    # Between the boxes that both detectors give for this face.
    picture = read_image(PICTURE)[24:216, 128:320]
    middle, side = (224.0 - 128, 117.0 - 24), 102.0
    picture = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    middle, side = (2 * middle[0], 2 * middle[1]), 2 * side
    heads = []
    for tint in ((1, 1, 1), (1.1, 0.95, 0.8), (0.75, 0.9, 1.1)):
        tinted = np.clip(picture * np.array(tint), 0, 255).astype(np.uint8)
        mirrored = np.ascontiguousarray(tinted[:, ::-1])
        heads.append(_head(tinted, middle, side, "happy"))
        heads.append(_head(mirrored, (picture.shape[1] - middle[0], middle[1]), side, "happy"))
    return heads


def fer_head(face: NDArray[np.uint8], label: str | None, tint: Sequence[float]) -> Head:
    """Return a head around a face (48, 48) uint8; beyond the face it is a blurred mirror image."""
    size, pad = face.shape[0] * _UNIT, _PAD * _UNIT
    big = cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC)
    big = cv2.GaussianBlur(big, (0, 0), 0.35 * _UNIT)
    around = cv2.copyMakeBorder(big, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    around = cv2.GaussianBlur(around, (0, 0), 3 * _UNIT).astype(np.float32)
    sharp = cv2.copyMakeBorder(big, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    y, x = np.mgrid[: len(sharp), : len(sharp)] + 0.5 - len(sharp) / 2
    blurred = np.clip((np.maximum(abs(x), abs(y)) - size / 2) / (3 * _UNIT) + 1, 0, 1)
    gray = sharp + (around - sharp) * blurred
    picture = np.clip(gray[..., None] * np.array(tint), 0, 255).astype(np.uint8)
    return _head(picture, (len(sharp) / 2, len(sharp) / 2), size, label)


def val_heads(
    split: Split, classes: Sequence[str], n: int, detectors: Sequence[Any], seed: int
) -> tuple[list[Head], int]:
    """Return n heads of faces that every detector finds when still, and how many were tried."""
    rng = np.random.default_rng(seed)
    heads: list[Head] = []
    for n_tried, i in enumerate(rng.permutation(len(split)), start=1):
        warmth = rng.uniform(0, 0.15)
        tint = (1 - warmth, 1 - warmth / 3, 1 + warmth / 3)
        head = fer_head(split.faces[i], classes[split.targets[i]], tint)
        if found_when_still(head, detectors, rng):
            heads.append(head)
        if len(heads) == n:
            return heads, n_tried
    return heads, len(split)


def found_when_still(head: Head, detectors: Sequence[Any], rng: Generator) -> bool:
    """Say whether every detector finds the head alone, at three sizes and about where it is."""
    for side in _STILL_SIDES_PX:
        image = np.ascontiguousarray(smooth_noise(rng)[: 2 * side + 20, : 2 * side + 20])
        place = np.array([side + 10, side + 10, side], np.float64)
        paste(image, head, place)
        box = [[10 + side / 2] * 2 + [10 + 1.5 * side] * 2]
        for detector in detectors:
            if iou_matrix(box, detector.detect(image)[0]).max(initial=0.0) < _STILL_IOU:
                return False
    return True
