"""The shipped portrait inside a larger picture, moved, turned and zoomed."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE_PX = 400
_FACE_XY = (200.0, 110.0)  # its middle


def portrait(side_px: int = _SIDE_PX) -> NDArray[np.uint8]:
    """Return the shipped portrait as (side, side, 3) BGR."""
    data = files("livefer").joinpath("assets/astronaut.jpg").read_bytes()
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def pasted(x: float, y: float = 0.0, degrees: float = 0.0, zoom: float = 1.0) -> NDArray[np.uint8]:
    """Return a gray picture (480, 640, 3) with the portrait at a place, to a fraction of a pixel.

    It is turned and zoomed around the face's middle.
    """
    move = cv2.getRotationMatrix2D(_FACE_XY, degrees, zoom)
    move[:, 2] += np.array([x, y])
    image = cv2.warpAffine(
        portrait(), move, (640, 480), flags=cv2.INTER_LINEAR, borderValue=(90, 90, 90)
    )
    return np.asarray(image, np.uint8)
