"""Decoded frames as upright arrays, and the count of frames that the decoder loses."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream

_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12"}


class LostFrames:
    """Counts the frames that a decoder never returns: their packets were damaged."""

    def __init__(self, is_complete: bool) -> None:
        """is_complete: each packet gives one frame; otherwise only errors are counted."""
        self.n_errors = 0
        self._is_complete = is_complete
        self._has_begun = False
        self._stamps: list[int] = []
        self._last_pts: int | None = None
        self._last_dts: float = -math.inf

    def add(self, packet: Packet[VideoStream] | None) -> None:
        """Note a packet for the decoder; those before the first key frame do not count."""
        if packet is None or packet.pts is None or packet.is_discard or not self._is_complete:
            return
        self._has_begun |= packet.is_keyframe
        if packet.dts is not None:
            if packet.dts < self._last_dts:  # two files, joined without changing their times
                self._stamps.clear()
            self._last_dts = packet.dts
        # MPEG program streams hold few times; FFmpeg guesses the others, sometimes the same twice.
        if self._has_begun and packet.pts != self._last_pts:
            heappush(self._stamps, packet.pts)
        self._last_pts = packet.pts

    def lost_before(self, stamp: int | None) -> int:
        """Return the number of frames lost before the frame that the decoder has just returned.

        stamp: its time; None at the end of the video. Frames come in the order of display
        """
        if self._stamps and stamp is not None and stamp > max(self._stamps):
            return 0  # it was in the decoder when the clock went back
        n_before, has_come = 0, False
        while self._stamps and (stamp is None or self._stamps[0] <= stamp):
            has_come |= heappop(self._stamps) == stamp
            n_before += 1
        n_errors, self.n_errors = self.n_errors, 0
        return n_before - has_come if n_before else n_errors


def gray(picture: VideoFrame) -> NDArray[np.uint8]:
    """Return the brightness, (H, W) uint8; most formats hold it as a plane."""
    if picture.format.name not in _PLANAR:
        return picture.to_ndarray(format="gray")  # type: ignore[return-value]
    plane = picture.planes[0]
    rows = np.asarray(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: picture.height, : picture.width]


def upright(picture: VideoFrame, aspect: float = 1.0) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 BGR with square pixels, rotated as the file says.

    aspect: as for `squared`
    """
    image: NDArray[np.uint8] = picture.to_ndarray(format="bgr24")  # type: ignore[assignment]
    image = squared(image, aspect)
    turn = _TURNS.get(round(picture.rotation / 90) % 4)
    return image if turn is None else np.asarray(cv2.rotate(image, turn), np.uint8)


def squared(image: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """Stretch an image whose pixels are not square, as those of DV, DVD and HDV.

    aspect: width of a pixel divided by its height; an implausible value changes nothing
    """
    if not 0.25 <= aspect <= 4 or abs(aspect - 1) < 0.01:
        return image
    height, width = image.shape[:2]
    size_wh = (round(width * max(aspect, 1)), round(height / min(aspect, 1)))
    return np.asarray(cv2.resize(image, size_wh), np.uint8)
