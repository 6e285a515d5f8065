"""What a frame is as a whole: the first of a new shot, too dark, or blank. Knows nothing of faces.

Two frames are compared by the correlation of their thumbnails: it does not change with brightness,
so a flash or a fade is no cut, and a fade through black is one if another picture comes back.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMB_WH = (32, 18)
_DARK, _BRIGHT = 28.0, 240.0  # gray levels: beyond them the detectors find nobody
_FLAT = 4.0  # standard deviation of a thumbnail, in gray levels, in which nothing can be seen

# A change is 1 - correlation. In a music clip of 275 frames at 30 fps with a hand-held camera the
# largest within a shot is 0.31 and the smallest at a cut 0.73; in quiet shots the usual is 0.0005.
_ALWAYS = 0.5  # a larger change is a cut
_MAYBE = 0.25  # a smaller one is none; between the two it must be
_TIMES = 6.0  # so many times as large as both changes before it,
_REPEATED = 1e-4  # where a frame that is shown twice is no change at all


class CutDetector:
    """Finds the first frame of each shot; one for each video, given all of its frames."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._changes = (1.0, 1.0)

    def update(self, gray: NDArray[np.uint8]) -> bool:
        """Say whether the frame begins a new shot; the first frame of all does not.

        A frame in which nothing can be seen is no cut: the next one is compared with the last one
        before it.

        gray: (H, W) uint8
        """
        thumb = thumbnail(gray)
        spread = float(thumb.std())
        if spread < _FLAT:
            return False
        thumb = (thumb - thumb.mean()) / spread
        last, self._last = self._last, thumb
        if last is None:
            return False
        change = 1.0 - float((last * thumb).mean())
        before = max(self._changes)
        is_cut = change > _ALWAYS or (change > _MAYBE and change > _TIMES * before)
        if is_cut:
            self._changes = (1.0, 1.0)
        elif change > _REPEATED:
            self._changes = (self._changes[1], change)
        return is_cut


def why_no_face(image: NDArray[np.uint8]) -> str | None:
    """Return "too dark", "too bright" or "blank" where nobody could find a face, else None.

    image: (H, W, 3) uint8 BGR
    """
    thumb = thumbnail(image).mean(axis=2)
    if float(np.percentile(thumb, 95)) < _DARK:
        return "too dark"
    if float(np.percentile(thumb, 5)) > _BRIGHT:
        return "too bright"
    return "blank" if float(thumb.std()) < _FLAT else None


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (18, 32) or (18, 32, C) float32; of a large picture not every pixel is looked at.

    image: (H, W) or (H, W, C) uint8
    """
    step = max(1, min(image.shape[0] // 72, image.shape[1] // 128))
    small: NDArray[Any] = np.ascontiguousarray(image[step // 2 :: step, step // 2 :: step])
    return cv2.resize(small, _THUMB_WH, interpolation=cv2.INTER_AREA).astype(np.float32)
