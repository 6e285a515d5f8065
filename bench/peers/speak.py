"""The lines that a peer written in Python reads and writes; speak.mjs is the same for JavaScript.

A peer loads, writes a line about itself and then answers each line of its input with one line, all
of them JSON:

    {"open": PATH, "width": 640, "height": 480}    {}            raw frames, uint8 BGR; a new stream
    {"frame": 3, "time_s": 0.1}                    {"ms": 46.1, "cpu_ms": 80.2, "faces": [...]}

A face is [left, top, right, bottom, label]. Reading a frame's file is not part of its time. The end
of the input ends the peer. This file runs in every peer's environment and imports only what all
have.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Look = Callable[[Any, int, float], "list[list[Any]]"]


def take_output() -> Callable[[Any], None]:
    """Return what writes lines to the parent; everything else goes to the error output from now.

    Libraries print: no line of theirs may come between.
    """
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def write(message: Any) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    return write


def speak(write: Callable[[Any], None], start: Callable[[], Look]) -> None:
    """Answer until the input ends.

    start: begins a stream; what it returns is given each frame (H, W, 3) uint8 BGR, its number and
        its time, and returns the faces
    """
    look, file, shape = start(), None, (0, 0, 3)
    for line in sys.stdin:
        message = json.loads(line)
        if "open" in message:
            file = open(message["open"], "rb")  # noqa: SIM115 (open until the next one)
            shape = (message["height"], message["width"], 3)
            look = start()
            write({})
            continue
        assert file is not None, "open comes first"
        number = message["frame"]
        n_bytes = int(np.prod(shape))
        file.seek(number * n_bytes)
        frame = np.frombuffer(file.read(n_bytes), np.uint8).reshape(shape).copy()
        cpu_s, began_s = time.process_time(), time.perf_counter()
        faces = look(frame, number, message["time_s"])
        ended_s, cpu_end_s = time.perf_counter(), time.process_time()
        ms, cpu_ms = 1000 * (ended_s - began_s), 1000 * (cpu_end_s - cpu_s)
        write({"ms": ms, "cpu_ms": cpu_ms, "faces": faces})
