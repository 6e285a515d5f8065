"""What a frame is as a whole: the first of a new shot, too dark, or blank. Knows nothing of faces.

Two frames are compared by the correlation of their thumbnails: it does not change with brightness,
so a flash or a fade is no cut, and a fade through black is one if another picture comes back.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMB_WH = (32, 18)
_DARK, _BRIGHT = 24.0, 240.0  # gray levels: a Haar cascade finds no face in what lies beyond
_FLAT = 4.0  # standard deviation of a thumbnail, in gray levels, in which nothing can be seen

# Chosen with bench/cuts.py: see there for how many cuts of made-up and real shots are found.
_ALWAYS = 0.6  # a larger change (1 - correlation) is a cut
_NEVER = 0.15  # a smaller one is none
_TIMES = 6.0  # between the two, one so many times the usual change is a cut
_USUAL_N = 12  # changes that the usual one is the median of


class CutDetector:
    """Finds the first frame of each shot; one for each video."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_USUAL_N)

    def update(self, image: NDArray[np.uint8]) -> bool:
        """Say whether the frame begins a new shot; the first frame of all does not.

        A frame in which nothing can be seen is no cut: the next one is compared with the last one
        before it.

        image: (H, W, 3) uint8 BGR
        """
        thumb = thumbnail(image)
        spread = float(thumb.std())
        if spread < _FLAT or float(thumb.mean()) < _DARK / 2:
            return False
        thumb = (thumb - thumb.mean()) / spread
        last, self._last = self._last, thumb
        if last is None:
            return False
        change = 1.0 - float((last * thumb).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        is_cut = change > _ALWAYS or change > max(_NEVER, _TIMES * usual)
        if is_cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return is_cut


def why_no_face(image: NDArray[np.uint8]) -> str | None:
    """Return "too dark", "too bright" or "blank" where nobody could find a face, else None.

    image: (H, W, 3) uint8 BGR
    """
    thumb = thumbnail(image)
    bright = float(np.percentile(thumb, 95))
    if bright < _DARK:
        return "too dark"
    if float(np.percentile(thumb, 5)) > _BRIGHT:
        return "too bright"
    return "blank" if float(thumb.std()) < _FLAT else None


def thumbnail(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return (18, 32) float32, gray levels; of a large picture every fourth pixel is looked at.

    image: (H, W, 3) uint8 BGR
    """
    step = max(1, min(image.shape[0] // 144, image.shape[1] // 256))
    small = cv2.resize(image[::step, ::step], _THUMB_WH, interpolation=cv2.INTER_AREA)
    return small @ np.array([0.114, 0.587, 0.299], np.float32)
