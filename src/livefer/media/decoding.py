"""Decoded frames as upright arrays, and the count of frames that the decoder loses."""

from __future__ import annotations

import math
from collections.abc import Collection
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

    def __init__(self, is_complete: bool, leading: Collection[int] = ()) -> None:
        """Count from the first packet on.

        is_complete: each packet gives one frame; otherwise only errors are counted
        leading: times of packets that need not give a frame
        """
        self._is_complete = is_complete
        self._leading = leading
        self._has_begun = self._counts = False
        self._stamps: list[int] = []
        self._n_errors = self._n_without = 0
        self._last_dts: float = -math.inf

    def add(self, packet: Packet[VideoStream] | None) -> None:
        """Note a packet for the decoder; those before the first key frame do not count."""
        self._counts = packet is None or packet.pts not in self._leading
        if packet is None or packet.is_discard or not (self._is_complete and self._counts):
            return
        self._has_begun |= packet.is_keyframe
        if packet.dts is not None:
            if packet.dts < self._last_dts:  # two files, joined without changing their times
                self._stamps.clear()
            self._last_dts = packet.dts
        if packet.pts is None:
            self._n_without += self._has_begun and packet.dts is not None
            return
        if self._has_begun:
            heappush(self._stamps, packet.pts)

    def fail(self) -> None:
        """Note that the decoder cannot use the packet that was added last."""
        self._n_errors += self._counts
        self._n_without = max(self._n_without - 1, 0)

    def before(self, pts: int | None) -> int:
        """Return the number of frames lost before the one that the decoder has just returned.

        pts: its time, or None. Frames come in the order of display
        """
        if pts is None:
            self._n_without -= 1
            n_errors, self._n_errors = self._n_errors, 0
            return n_errors
        if self._stamps and pts > max(self._stamps):
            return 0  # it was in the decoder when the clock went back
        return self._lost_up_to(pts)

    def at_end(self) -> int:
        """Return the number of frames lost after the last one that the decoder has returned."""
        return max(self._n_without, 0) + self._lost_up_to(math.inf)

    def _lost_up_to(self, pts: float) -> int:
        n_before, has_come = 0, False
        while self._stamps and self._stamps[0] <= pts:
            has_come |= heappop(self._stamps) == pts
            n_before += 1
        n_errors, self._n_errors = self._n_errors, 0
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
