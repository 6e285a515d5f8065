"""A made film: two faces that move, change and go, under light and noise that change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from portrait import portrait

FPS = 30
SIZE_WH = (320, 240)
_HOLD = 40  # frames for which the second face shows one expression,
_BLEND = 10  # and in which it becomes the next one


def frames(
    n: int, faces: Sequence[NDArray[np.uint8]], has_portrait: bool = True, seed: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """Yield n pictures (240, 320, 3) BGR: the shipped portrait, and from frame 60 on a second face.

    faces: (48, 48) gray each, one after the other in the second face's place
    """
    rng = np.random.default_rng(seed)
    width, height = SIZE_WH
    person = portrait(200).astype(np.float32)
    for i in range(n):
        image = np.full((height, width, 3), 96, np.float32)
        image += np.linspace(-30, 30, width, dtype=np.float32)[None, :, None]
        x, y = 45 + 40 * np.sin(i / 23), 20 + 14 * np.sin(i / 11)
        zoom = 0.85 + 0.15 * np.sin(i / 37)
        move = np.array([[zoom, 0, x - 60], [0, zoom, y]], np.float32)
        if has_portrait and not 200 <= i < 215:  # it goes for half a second, and keeps its track
            cv2.warpAffine(person, move, SIZE_WH, image, borderMode=cv2.BORDER_TRANSPARENT)
        if i >= 60:
            _paste(image, _changing(faces, i - 60), 205 + 12 * np.sin(i / 17), 120, 96)
        image += 30 * np.sin(i / 29) + rng.normal(0, 3, image.shape).astype(np.float32)
        yield np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _changing(faces: Sequence[NDArray[np.uint8]], i: int) -> NDArray[np.float32]:
    at, within = divmod(i, _HOLD)
    share = np.float32(np.clip((within - _HOLD + _BLEND) / _BLEND, 0, 1))
    now, after = (faces[(at + k) % len(faces)].astype(np.float32) for k in (0, 1))
    return np.asarray(now + share * (after - now), np.float32)


def _paste(image: NDArray[Any], face: NDArray[np.float32], x: float, y: float, side: int) -> None:
    """Put a face (48, 48) into an image at a place, to a fraction of a pixel."""
    scale = side / 48
    move = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    colours = cv2.cvtColor(face, cv2.COLOR_GRAY2BGR)
    size_wh = (image.shape[1], image.shape[0])
    cv2.warpAffine(colours, move, size_wh, image, borderMode=cv2.BORDER_TRANSPARENT)
