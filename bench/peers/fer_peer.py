"""PyPI's `fer` as a peer: `python fer_peer.py haar` or `mtcnn`."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from typing import Any

from speak import Look, speak, take_output

write = take_output()
began_s = time.perf_counter()
from fer.fer import FER  # noqa: E402

imported_s = time.perf_counter()
detector = FER(mtcnn=sys.argv[1] == "mtcnn")
loaded_s = time.perf_counter()


def look(frame: Any, number: int, time_s: float) -> list[list[Any]]:
    """Return the faces of one frame."""
    faces = []
    for face in detector.detect_emotions(frame):
        left, top, width, height = map(float, face["box"])
        label = max(face["emotions"], key=face["emotions"].get)
        faces.append([left, top, left + width, top + height, label])
    return faces


def start() -> Look:
    """Begin a stream: fer keeps nothing between frames."""
    return look


packages = ["fer", "tensorflow", "opencv-contrib-python", "numpy"]
packages += ["facenet-pytorch", "torch"] if sys.argv[1] == "mtcnn" else []
write(
    {
        "import_s": imported_s - began_s,
        "load_s": loaded_s - began_s,
        "versions": {name: version(name) for name in packages},
    }
)
speak(write, start)
