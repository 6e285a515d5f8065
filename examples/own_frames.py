"""Frames of your own as a live stream: a camera read by your program, in RGB, with its own times.

Run it as: python examples/own_frames.py FILE [FILE ...]; the files stand for your camera.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer import Recognizer


def frames(paths: list[str]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds, RGB image) of each frame: in their place stands what your camera gives."""
    for number, path in enumerate(paths):
        image = cv2.imread(path)
        if image is None:
            sys.exit(f"{path} is no picture that OpenCV reads: give JPEG or PNG files")
        yield 0.04 * number, np.asarray(image[:, :, ::-1])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit("usage: python own_frames.py FILE [FILE ...]")
    recognizer = Recognizer(rgb=True)  # all arrays of this program are RGB
    for result in recognizer.stream(frames(sys.argv[1:])):
        for face in result.faces:
            shares = ", ".join(f"{name} {face[name]:.0%}" for name in face.classes)
            print(f"{result.time_s:.2f} s  person {face.track_id}  {face.answer}: {shares}")
