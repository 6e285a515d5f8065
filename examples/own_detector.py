"""Your own face detector: here a cascade that comes with OpenCV, in place of livefer's own.

Run it as: python examples/own_detector.py PICTURE
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer import LiveferError, Recognizer


class CascadeDetector:
    """Answers as `help(livefer.Detector)` describes; it needs no base class."""

    crop_scale = 1.0  # side of the square that the network sees, in sides of the box
    crop_shift_y = 0.0  # how far that square lies below the box, in its own sides

    def __init__(self) -> None:
        file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"
        self._cascade = cv2.CascadeClassifier(str(file))

    def detect(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (N, 4), xyxy in pixels, and scores (N,); image: (H, W, 3) BGR."""
        found = self._cascade.detectMultiScale(image, minNeighbors=5, minSize=(48, 48))
        boxes = np.array(found, np.float32).reshape(-1, 4)  # x, y, width, height
        boxes[:, 2:] += boxes[:, :2]
        return boxes, np.ones(len(boxes), np.float32)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python own_detector.py PICTURE")
    recognizer = Recognizer(detector=CascadeDetector())  # tries the detector once
    try:
        faces = recognizer(sys.argv[1])
    except LiveferError as error:
        sys.exit(str(error))
    for face in faces:
        print(face.answer, f"{face.confidence:.0%}", [round(v) for v in face.box])
