"""Detects where a new shot begins. Only the readers of videos can tell: they see every frame.

Two frames are compared by the correlation of their thumbnails, which does not change with
brightness: a flash or a fade is no cut. A fade through black is a cut if another picture follows.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.faces.quality import FLAT, thumbnail

# A change is 1 - correlation. In a music clip of 275 frames at 30 fps with a hand-held camera, the
# largest within a shot is 0.31, the smallest at a cut 0.73; in quiet shots, 0.0005 is typical.
_ALWAYS = 0.5  # a larger change is a cut
_MAYBE = 0.25  # a smaller one is not; between the two, it is a cut if it is
_TIMES = 6.0  # this many times as large as both changes before it
_REPEATED = 1e-4  # a smaller one is a repeated frame, which does not count as one of these changes


class CutDetector:
    """Finds the first frame of each shot; one for each video, given all of its frames.

    Not for cameras: they have no shots, and somebody who gets up at ten frames a second, or a hand
    before the lens, changes as much of the picture as a cut does.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._changes = (1.0, 1.0)

    def update(self, image: NDArray[np.uint8]) -> bool:
        """Say whether the frame begins a new shot; the first frame of all does not.

        A frame in which nothing can be seen is no cut: the next one is compared with the last one
        before it.

        image: (H, W) uint8, or (H, W, 3) BGR
        """
        thumb = thumbnail(image)
        if thumb.ndim == 3:
            thumb = np.asarray(cv2.cvtColor(thumb, cv2.COLOR_BGR2GRAY), np.float32)
        spread = float(thumb.std())
        if spread < FLAT:
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
