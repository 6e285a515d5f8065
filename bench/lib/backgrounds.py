"""What is behind the heads of scenes: smooth noise, gradients, photographs without faces."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from livefer.media.pictures import read_image

WIDTH, HEIGHT = 640, 480
_BEAR_FACES = {"skimage__coins.png"}  # a detector that finds one there is not wrong

Image = NDArray[np.uint8]


def smooth_noise(rng: Generator) -> Image:
    """Return a background of soft, dull colours."""
    coarse = rng.integers(0, 256, (6, 8, 1)) + rng.integers(-25, 26, (6, 8, 3))
    coarse = np.clip(0.6 * coarse + 40, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def gradient(rng: Generator) -> Image:
    """Return a background that goes evenly from one colour to others."""
    corners = rng.integers(30, 220, (2, 2, 1)) + rng.integers(-20, 21, (2, 2, 3))
    corners = np.clip(corners, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))


def photo_backgrounds(listing: Path) -> list[Image | None]:
    """Return the listed photographs without faces, filled into the frame; None for coins."""
    images: list[Image | None] = []
    for photo in json.loads(listing.read_text(encoding="utf-8")):
        if photo["kind"] == "none":
            if Path(photo["file"]).name in _BEAR_FACES:
                images.append(None)
                continue
            image = read_image(listing.parent / photo["file"])
            zoom = max(WIDTH / image.shape[1], HEIGHT / image.shape[0])
            size_wh = tuple(int(np.ceil(v * zoom)) for v in image.shape[1::-1])
            shape = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
            filled = cv2.resize(image, size_wh, interpolation=shape)[:HEIGHT, :WIDTH]
            images.append(np.ascontiguousarray(filled, np.uint8))
    return images
