"""The frames of a program: images in memory, alone or each with its time, as one stream."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from livefer.errors import SourceError
from livefer.faces.pil import is_pil
from livefer.media.cuts import CutDetector
from livefer.media.pictures import as_image
from livefer.results import Frame

FPS = 30.0
"""Of images that come without times, in a stream that is not live."""

NAME = "frames"


class OwnFrames:
    """Makes the frames of one stream, image by image.

    Images with a time keep it. Others get the time of the clock in a live stream, and 1 / FPS a
    frame elsewhere. As in files, cuts are looked for unless the stream is live.
    """

    def __init__(self, is_live: bool) -> None:
        self._cuts = None if is_live else CutDetector()
        self._is_live = is_live
        self._began_s = time.monotonic()
        self._index = -1
        self._time_s = -math.inf

    def frame(self, given: Any) -> Frame:
        """Return the next frame; one with an error where the image is none.

        ValueError for a time that is no number of seconds, or lies before the last one.

        given: an image, as for as_image, or a pair (time in seconds, image)
        """
        self._index += 1
        image = given
        if is_pair(given):
            time_s, image = float(given[0]), given[1]
        elif self._is_live:
            time_s = time.monotonic() - self._began_s if self._index else 0.0
        else:
            time_s = self._index / FPS
        if not math.isfinite(time_s) or time_s < self._time_s:
            raise ValueError(
                f"expected times in seconds that rise, got {time_s:g} s after {self._time_s:g} s "
                f"(frame {self._index}): begin another stream for another recording"
            )
        if self._index == 0 and not is_pair(given):
            self._began_s = time.monotonic()
        self._time_s = time_s
        try:
            array = as_image(image)
        except (SourceError, ValueError) as error:
            return Frame(NAME, self._index, time_s, None, error=str(error))
        is_cut = self._cuts is not None and self._cuts.update(array)
        captured_s = time.monotonic() if self._is_live else None
        return Frame(NAME, self._index, time_s, array, is_cut=is_cut, captured_s=captured_s)


def with_array(frame: Frame) -> Frame:
    """Return a frame whose image, if it has one, is (H, W, 3) uint8 BGR, as `as_image` gives it."""
    if frame.image is None:
        return frame
    image = as_image(frame.image)
    return frame if image is frame.image else replace(frame, image=image)


def bgr_of(rgb: Any) -> Any:
    """Return a picture or frames of a program whose arrays are RGB or RGBA, with these as BGR.

    rgb: an array, a Frame, a pair (time in seconds, image), or an iterable of these; anything else
        has an order of its own and is returned as it is: paths, bytes, open files, PIL images
    """
    if isinstance(rgb, Frame):
        return replace(rgb, image=bgr_of(rgb.image))
    if is_pair(rgb):
        return rgb[0], bgr_of(rgb[1])
    if isinstance(rgb, (list, tuple)):
        return [bgr_of(item) for item in rgb]
    if getattr(rgb, "ndim", 0) >= 3:
        array = np.asarray(rgb)
        return array[..., [2, 1, 0, 3]] if array.shape[-1] == 4 else array[..., ::-1]
    is_content = isinstance(rgb, (str, bytes, bytearray, memoryview, np.ndarray))
    if is_content or is_pil(rgb) or hasattr(rgb, "read") or not hasattr(rgb, "__iter__"):
        return rgb
    return _bgr_each(rgb)


def _bgr_each(items: Iterable[Any]) -> Generator[Any, None, None]:
    try:
        for item in items:
            yield bgr_of(item)
    finally:
        if isinstance(items, Generator):
            items.close()


def is_pair(given: Any) -> bool:
    """Say whether an item is a time and an image: a tuple or list of a number and anything else."""
    return (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and isinstance(given[0], (int, float, np.integer, np.floating))
        and not isinstance(given[0], bool)
    )
