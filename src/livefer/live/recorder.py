"""The live window's recording: a video of what was shown."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.drawing.text import Corner
from livefer.errors import LiveferError
from livefer.formatting import printable
from livefer.live.scene import Status, fitted, paint_scene
from livefer.media.opencv_reader import file_name, n_frames_of, open_capture, quiet
from livefer.media.threads import Taker
from livefer.results import FrameResult
from livefer.tables.writing import Sink

MAX_GAP_S = 30.0
"""A longer time without a frame is left out of a video."""

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts", ".mpg", ".3gp", ".wmv")
_MAX_SIDE = 1920  # a frame of 4K takes 60 ms to encode, this 17
_N_WAITING = 8


class VideoSink(Sink):
    """A video of images that somebody drew, at a steady rate, as large as its first image.

    It keeps the time of its results: an image stands until the next one's time has come, and of
    several in the same 1 / fps the first is taken (`n_left_out` counts the others). Where time
    does not go on, in pictures or a second file, an image follows the one before.
    """

    def __init__(self, path: str | Path, fps: float | None = None) -> None:
        """fps: frames per second; None takes 30."""
        if printable(str(path)) != str(path):
            raise LiveferError(
                f"{path} has bytes in its name that are no UTF-8, and OpenCV cannot write it: "
                "choose another name"
            )
        if Path(path).suffix.lower() not in SUFFIXES:  # of a picture's, OpenCV makes many files
            raise LiveferError(
                f"{path or 'an empty name'} cannot be written as a video: expected a name that "
                "ends in .mp4, .mov, .mkv or .avi"
            )
        super().__init__(path)
        self.fps = fps or 30.0
        self.n_left_out = 0
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)
        self._n_written = 0
        self._last: NDArray[np.uint8] | None = None
        self._last_s = self._first_s = 0.0

    def write(self, result: FrameResult, image: NDArray[np.uint8] | None = None) -> None:
        """Write an image, by default the frame's own; a result without one is left out.

        image: (H, W, 3) uint8 BGR; made as large as the video's first image
        """
        image = result.image if image is None else image
        if image is None:
            return
        if self._writer is None:
            self._writer = self._open(image)
        if (image.shape[1], image.shape[0]) != self._size_wh:
            image = np.asarray(cv2.resize(image, self._size_wh, interpolation=cv2.INTER_AREA))
        goes_on = self._last_s < result.time_s <= self._last_s + MAX_GAP_S
        if self._last is None or not goes_on:
            self._first_s = result.time_s - self._n_written / self.fps
        self._last_s = result.time_s
        due = round((result.time_s - self._first_s) * self.fps)
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


class Recorder:
    """Writes what a live view shows, on a thread of its own: encoding holds nothing up.

    What comes while too many wait is left out, and the image before stands for it.
    """

    def __init__(self, sink: VideoSink, waits: bool) -> None:
        """waits: leave nothing out; `put` waits instead."""
        self._sink = sink
        self._waits = waits
        self._corner: Corner | None = "top-right"
        self._writer = Taker(self._write, _N_WAITING, "livefer-record")

    @property
    def failure(self) -> BaseException | None:
        """What ended the recording early."""
        return self._writer.failure

    def put(self, result: FrameResult, mirror: bool, heatmaps: bool, status: Status) -> None:
        """Take a result to be painted and written, if there is room."""
        self._writer.put((result, mirror, heatmaps, status), self._waits)

    def close(self) -> None:
        """Write what waits, and close the video; what comes after that is left out."""
        self._writer.close()
        self._sink.close()

    def _write(self, item: tuple[FrameResult, bool, bool, Status]) -> None:
        result, mirror, heatmaps, status = item
        assert result.image is not None
        height, width = result.image.shape[:2]
        limits_wh = (min(width, _MAX_SIDE), min(height, _MAX_SIDE))
        image, faces = fitted(result.image, result.faces, limits_wh, mirror)
        self._corner = paint_scene(image, faces, heatmaps, status, self._corner)
        self._sink.write(result, image)
