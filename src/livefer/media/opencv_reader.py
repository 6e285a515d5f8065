"""Frames of video files, cameras and stream URLs, read with OpenCV.

Each reader is a generator that releases its file or camera when it is closed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.media.cuts import CutDetector
from livefer.media.decoding import squared
from livefer.media.names import file_name, no_frame, suffix_of
from livefer.media.threads import interruptible
from livefer.results import Frame
from livefer.system.pipes import STDIN

RECONNECT_S = 10.0
"""Seconds for which a camera or stream that stopped is tried again."""

_FPS_UNKNOWN = 30.0  # of files without a rate
# Of files that are nothing but encoded pictures: FFmpeg takes 25 frames a second.
_TIMELESS = {".mjpeg", ".mjpg", ".h264", ".264", ".h265", ".265", ".hevc", ".obu", ".h263"}
_OPEN_TIMEOUT_MS, _READ_TIMEOUT_MS = 10_000, 5_000  # of URLs; OpenCV's own are 30 s
_MAX_BAD = 300  # more damaged frames in a row are the end of a video
_MAX_AGE_S = 1.0  # of a camera's image; an older stamp is of another clock
_RETRY_S = 0.5  # between two attempts to open a camera again
_HOLD_S = 0.02  # between two looks at whether a file that stands still may go on
_opening = Lock()


def open_capture(address: str | int) -> cv2.VideoCapture | None:
    """Open a file, camera number or URL; None where that fails. OpenCV prints nothing."""
    with quiet():
        if isinstance(address, str) and "://" in address:
            timeouts = [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS),
            ]
            capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, timeouts)
        else:
            try:
                capture = cv2.VideoCapture(address)
            except cv2.error:  # a number that no camera can have
                return None
    return capture if capture.isOpened() else None


def open_video(path: str | Path, live: bool = False) -> cv2.VideoCapture | None:
    """Open a video file; None where that fails.

    live: decode on all cores, to play at the speed of the file. Otherwise one thread decodes: with
        more threads, their number decides which frames of a damaged file are read
    """
    name = file_name(path)
    if not live:
        with quiet():
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if capture.isOpened():
            return capture
    return open_capture(name)


def open_pipe(path: str | Path) -> cv2.VideoCapture | None:
    """Open a pipe with a video, "-" for standard input; None where it sends none."""
    name = "pipe:0" if str(path) == STDIN else str(path)

    def open_it() -> cv2.VideoCapture:
        with quiet():
            return cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])

    capture = interruptible(open_it)
    return capture if capture.isOpened() else None


def open_address(address: str) -> cv2.VideoCapture | None:
    """Open a URL as `open_capture` does; Ctrl-C ends the waiting at once.

    Not for cameras: macOS opens them on the main thread only.
    """
    return interruptible(lambda: open_capture(address))


def fps_of(capture: cv2.VideoCapture) -> float | None:
    """Return the nominal frames per second; None where the source has no plausible value."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if math.isfinite(fps) and 0.1 <= fps <= 480 else None


def n_frames_of(capture: cv2.VideoCapture) -> int | None:
    """Return the number of frames as the file states it; None for a stream."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if math.isfinite(count) and 0 < count < 1e9 else None


def read_video(
    name: str,
    capture: cv2.VideoCapture,
    paced_by: Event | None = None,
    hold: Event | None = None,
) -> Generator[Frame, None, None]:
    """Yield every frame of a file, and a last one with an error where it is damaged or incomplete.

    Times are those of the file if they increase, and otherwise advance by 1 / fps.

    paced_by: read at the speed of the file; setting the event ends the waiting
    hold: while this event is set, a paced file stands still
    """
    fps = fps_of(capture) or _FPS_UNKNOWN
    n_frames = n_frames_of(capture) or 0
    index, n_bad, n_lost = 0, 0, 0  # n_bad: since the last good one; n_lost: all before that
    time_s, first_s = 0.0, 0.0
    started = time.monotonic()
    cuts, assumed = CutDetector(), suffix_of(name) in _TIMELESS
    try:
        while True:
            if paced_by and hold and hold.is_set():
                held_s = time.monotonic()
                while hold.is_set() and not paced_by.wait(_HOLD_S):
                    pass
                started += time.monotonic() - held_s
            image = _read(capture)
            if image is None:
                n_bad += 1  # a damaged frame if others follow, else the end
                if index + n_bad >= n_frames or n_bad > _MAX_BAD:
                    break
                continue
            stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if index == 0:
                first_s = stamp_s
            elif math.isfinite(stamp_s) and stamp_s - first_s > time_s:
                time_s = stamp_s - first_s
            else:
                time_s += (1 + n_bad) / fps
            if paced_by and paced_by.wait(max(0.0, started + time_s - time.monotonic())):
                return
            index += n_bad
            is_cut = cuts.update(image)
            yield Frame(
                *(name, index, time_s, image, n_bad),
                is_cut=is_cut,
                is_fps_assumed=assumed,
                captured_s=time.monotonic() if paced_by else None,
            )
            index += 1
            n_lost += n_bad
            n_bad = 0
    finally:
        capture.release()
    error = None
    if index == 0:
        error = no_frame(name)
    # With a variable rate, the last frame may come well before n_frames / fps, and some containers
    # state a few frames too many: a file is incomplete if it misses both.
    elif index < n_frames - 1 and n_frames / fps - time_s > max(0.5, 1.5 / fps):
        error = (
            f"{name} ends after {index} of {n_frames} frames ({time_s:.1f} s): "
            "the rest is damaged or missing"
        )
    elif n_lost:
        error = f"{name} is damaged: {n_lost} of {n_frames} frames could not be read"
    if error:
        yield Frame(name, index, time_s, None, error=error)


def read_camera(
    name: str,
    capture: cv2.VideoCapture,
    address: str | int,
    stop: Event,
    reconnect_s: float = RECONNECT_S,
) -> Generator[Frame, None, None]:
    """Yield frames as they arrive, with the time of the clock, until `stop` is set.

    When none arrives any more, yield a frame with an error and try for `reconnect_s` seconds to
    open the camera again; then continue, or end with another error.
    """
    index = 0
    started_s, captured_s = time.monotonic(), 0.0
    cuts = CutDetector() if isinstance(address, str) else None

    def broken(error: str) -> Frame:
        now_s = time.monotonic()
        return Frame(name, index, now_s - started_s, None, error=error, captured_s=now_s)

    try:
        while not stop.is_set():
            image = _read(capture)
            if image is None:
                stopped_s = time.monotonic()
                error = f"{name} stopped after {index} frames: trying again for {reconnect_s:g} s"
                yield broken(error)
                n_tries = 0
                while image is None and time.monotonic() < stopped_s + reconnect_s:
                    capture.release()
                    if stop.wait(_RETRY_S):
                        return
                    n_tries += 1
                    capture = open_capture(address) or capture
                    image = _read(capture)
                if image is None:
                    error = (
                        f"{name} stopped after {index} frames and did not come back in "
                        f"{reconnect_s:g} s ({n_tries} tries): is it still connected?"
                    )
                    yield broken(error)
                    return
            captured_s = max(captured_s, _captured_s(capture))
            if index == 0:
                started_s = captured_s
            is_cut = cuts is not None and cuts.update(image)
            time_s = captured_s - started_s
            yield Frame(name, index, time_s, image, is_cut=is_cut, captured_s=captured_s)
            index += 1
    finally:
        capture.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from printing to the terminal while a file or camera is opened.

    FFmpeg reads its log level from the environment when OpenCV first uses it.
    """
    variable = "OPENCV_FFMPEG_LOGLEVEL"
    with _opening:
        log = getattr(cv2.utils, "logging", cv2)  # OpenCV before 4.13 has them in cv2
        level = log.getLogLevel()
        is_set = variable in os.environ
        log.setLogLevel(0)  # silent
        os.environ.setdefault(variable, "-8")
        try:
            yield
        finally:
            log.setLogLevel(level)
            if not is_set:
                del os.environ[variable]


def _read(capture: cv2.VideoCapture) -> NDArray[np.uint8] | None:
    try:
        ok, image = capture.read()
    except cv2.error:  # some backends raise it when the device is gone
        return None
    if not ok or image is None or not image.size:
        return None
    return squared(np.asarray(image, np.uint8), _aspect(capture))


def _captured_s(capture: cv2.VideoCapture) -> float:
    """Return when the last image came, by `time.monotonic()`.

    Video4Linux stamps each image with that clock as the driver gets it; others tell nothing.
    """
    now_s = time.monotonic()
    if capture.getBackendName() != "V4L2":
        return now_s
    stamp_s = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
    return stamp_s if now_s - _MAX_AGE_S < stamp_s <= now_s else now_s


def _aspect(capture: cv2.VideoCapture) -> float:
    """Return the width of a pixel divided by its height, after OpenCV has rotated the image."""
    if capture.getBackendName() != "FFMPEG":  # a camera, whose pixels are square
        return 1.0
    across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if across <= 0 or down <= 0:
        return 1.0
    is_on_its_side = capture.get(cv2.CAP_PROP_ORIENTATION_META) in (90, 270)
    return down / across if is_on_its_side else across / down
