"""Writes MPEG-4 videos at a steady rate with OpenCV, which every installation has.

`h264_writer.py` writes smaller files with exact times and sound, and needs PyAV.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.errors import LiveferError
from livefer.formatting import printable
from livefer.media.names import WRITABLE_VIDEOS, file_name
from livefer.media.opencv_reader import n_frames_of, open_capture, quiet
from livefer.system.atomic import Sink

MAX_GAP_S = 30.0
"""A longer pause between two images is left out of a video."""


class Mpeg4Writer(Sink):
    """A video at a steady rate, as large as its first image.

    Times are kept: an image is repeated until the time of the next one, and of several images in
    the same 1 / fps the first is taken. Where time does not increase, as from one file to the
    next, an image follows directly on the one before.

    n_left_out: images that came too soon after another one
    """

    def __init__(self, path: str | Path, fps: float | None = None) -> None:
        """fps: frames per second; None takes 30."""
        if printable(str(path)) != str(path):
            raise LiveferError(
                f"{path} has bytes in its name that are no UTF-8, and OpenCV cannot write it: "
                "choose another name"
            )
        if (
            Path(path).suffix.lower() not in WRITABLE_VIDEOS
        ):  # of a picture's, OpenCV makes many files
            raise LiveferError(
                f"{path or 'an empty name'} cannot be written as a video: expected a name that "
                f"ends in {', '.join(WRITABLE_VIDEOS)}"
            )
        super().__init__(path)
        self.fps = fps or 30.0
        self.n_left_out = 0
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)
        self._n_written = 0
        self._last: NDArray[np.uint8] | None = None
        self._last_s = self._first_s = 0.0

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Write an image.

        image: (H, W, 3) uint8 BGR; resized to the size of the first one
        time_s: seconds in the source
        """
        if self._writer is None:
            self._writer = self._open(image)
        if (image.shape[1], image.shape[0]) != self._size_wh:
            image = np.asarray(cv2.resize(image, self._size_wh, interpolation=cv2.INTER_AREA))
        goes_on = self._last_s < time_s <= self._last_s + MAX_GAP_S
        if self._last is None or not goes_on:
            self._first_s = time_s - self._n_written / self.fps
        self._last_s = time_s
        due = round((time_s - self._first_s) * self.fps)
        if due < self._n_written:
            self.n_left_out += 1
            return
        while self._last is not None and self._n_written < due:
            self._put(self._last)
        self._put(image)
        self._last = image

    def _put(self, image: NDArray[np.uint8]) -> None:
        assert self._writer is not None
        self._writer.write(image)
        self._n_written += 1

    def _open(self, image: NDArray[np.uint8]) -> cv2.VideoWriter:
        height, width = image.shape[:2]
        self._size_wh = (max(2, width // 2 * 2), max(2, height // 2 * 2))  # MPEG-4 wants even sides
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        with quiet():
            writer = cv2.VideoWriter(file_name(self._part), codec, self.fps, self._size_wh)
        if not writer.isOpened():
            self._part.unlink()
            raise LiveferError(
                f"{self.path} cannot be written as a video ({width}x{height}, {self.fps:g} fps): "
                "expected a name that ends in .mp4, .mov, .mkv or .avi"
            )
        return writer

    def _end_file(self) -> None:
        if self._writer is None:  # no image, no video
            self._part.unlink(missing_ok=True)
            return
        self._writer.release()
        if self._part.exists():
            # OpenCV does not say that it could not write.
            capture = open_capture(file_name(self._part))
            n_frames = None
            if capture is not None:
                n_frames = n_frames_of(capture)
                capture.release()  # an open file cannot be renamed on Windows
            # From the length for some containers, so it is not exact.
            if n_frames is None or n_frames < 0.95 * self._n_written - 1:
                raise OSError("the video is not whole")
