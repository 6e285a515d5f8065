"""livefer as a peer: `python livefer_peer.py haar` or a YuNet file, and `live` behind it."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from typing import Any

from speak import Look, speak, take_output

write = take_output()
began_s = time.perf_counter()
import livefer  # noqa: E402

imported_s = time.perf_counter()
from livefer.results import Frame  # noqa: E402

recognizer = livefer.Recognizer(detector=sys.argv[1], every_frame=True)
loaded_s = time.perf_counter()


def start() -> Look:
    """Begin a stream."""
    stream = recognizer.new_stream(live="live" in sys.argv[2:])

    def look(frame: Any, number: int, time_s: float) -> list[list[Any]]:
        result = recognizer.process(Frame("stream", number, time_s, frame), stream)
        return [[*face.box, face.label] for face in result.faces]

    return look


write(
    {
        "import_s": imported_s - began_s,
        "load_s": loaded_s - began_s,
        "versions": {
            name: version(name)
            for name in ("livefer", "onnxruntime", "opencv-python-headless", "numpy")
        },
    }
)
speak(write, start)
