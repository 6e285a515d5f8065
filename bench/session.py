"""What ONNX Runtime's threads cost between frames and beside other work, and how large a call pays.

    python bench/session.py --yunet face_detection_yunet_2023mar.onnx --out bench/results/session.md

Live: noise faces at 30 frames a second with a pause after each, alone and beside a process that
keeps one core busy; latency (median and 95th percentile) of a call, and processor time of the whole
frame. With YuNet: the same after a search of the shipped picture at 640x480. Batches: 256 faces in
calls of several sizes, each size in a process of its own for its peak memory. Settings take turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import PICTURE, arguments, heading, machine_line, run, write_text
from numpy.typing import NDArray

from livefer.classifier import shipped_models
from livefer.detection.yunet import YuNetDetector
from livefer.media.pictures import read_image
from livefer.system import telemetry

SPINS, STOPS = "session.intra_op.allow_spinning", "session.force_spinning_stop"
SETTINGS: dict[str, tuple[int, dict[str, str]]] = {  # threads (0: all), configuration entries
    "ONNX Runtime's own": (0, {}),
    "spinning within a call": (0, {STOPS: "1"}),
    "no spinning": (0, {SPINS: "0"}),
    "one thread": (1, {}),
}
N_FACES = (1, 2, 4, 8)
N_BATCH = 256
FPS = 30
OUTPUTS = ["probabilities", "cams"]


def make_session(setting: str, model: str = "fer2013") -> Any:
    """Return a session of a shipped model with one of the settings."""
    threads, entries = SETTINGS[setting]
    onnxruntime = telemetry.load("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    path = shipped_models()[model]
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def make_faces(n: int) -> NDArray[np.uint8]:
    """Return (n, 48, 48) noise: what a face shows does not change the time it takes."""
    return np.random.default_rng(0).integers(0, 256, (n, 48, 48), dtype=np.uint8)


@contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Keep a core busy meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def live(is_busy: bool, n_frames: int, n_turns: int, yunet: Path | None) -> list[str]:
    """Return table rows: a call's latency and a frame's processor time, for each setting."""
    detector = YuNetDetector(yunet) if yunet is not None else None
    image = np.asarray(cv2.resize(read_image(PICTURE), (640, 480)), np.uint8)
    found: dict[tuple[str, int], list[list[float]]] = {}
    with busy_core(is_busy):
        for _ in range(n_turns):
            for setting in SETTINGS:
                session = make_session(setting)
                for n in N_FACES:
                    faces = make_faces(n)
                    session.run(OUTPUTS, {"faces": faces})
                    detects, calls = [], []
                    cpu = time.process_time()
                    for _ in range(n_frames):
                        began = time.perf_counter()
                        if detector is not None:
                            detector.detect(image)
                        between = time.perf_counter()
                        session.run(OUTPUTS, {"faces": faces})
                        ended = time.perf_counter()
                        detects.append(1000 * (between - began))
                        calls.append(1000 * (ended - between))
                        time.sleep(max(0.0, 1 / FPS - (ended - began)))
                    cpu_ms = 1000 * (time.process_time() - cpu) / n_frames
                    columns = found.setdefault((setting, n), [[], [], []])
                    columns[0] += detects
                    columns[1] += calls
                    columns[2].append(cpu_ms)
    return [
        f"| {setting} | " + " | ".join(_cell(found[setting, n], yunet) for n in N_FACES) + " |"
        for setting in SETTINGS
    ]


def _cell(columns: list[list[float]], yunet: Path | None) -> str:
    detects, calls, cpu = columns
    search = f"{np.median(detects):.1f} + " if yunet is not None else ""
    return f"{search}{np.median(calls):.1f} ({np.quantile(calls, 0.95):.1f}); {np.median(cpu):.0f}"


def batches(n_turns: int) -> list[str]:
    """Return table rows: time and peak memory of 256 faces, for calls of several sizes."""
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    for _ in range(n_turns):
        for model in ("fer2013", "fer2013-float"):
            for setting in ("ONNX Runtime's own", "no spinning"):
                for size in (256, 128, 64, 32, 16):
                    command = [sys.executable, __file__, "--one", model, setting, str(size)]
                    ms, mib = json.loads(subprocess.check_output(command))
                    found.setdefault((model, setting, size), []).append((ms, mib))
    return [
        f"| {model} | {setting} | {size} | {min(ms for ms, _ in runs):.0f} | "
        f"{np.median([ms for ms, _ in runs]):.0f} | {np.median([mib for _, mib in runs]):.0f} |"
        for (model, setting, size), runs in found.items()
    ]


def one_batch(model: str, setting: str, size: int) -> tuple[float, float]:
    """Return the milliseconds of 256 faces in calls of a size, and this process's peak in MiB."""
    import resource

    session, faces = make_session(setting, model), make_faces(N_BATCH)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for start in range(0, N_BATCH, size):
            session.run(OUTPUTS, {"faces": faces[start : start + size]})
        times.append(1000 * (time.perf_counter() - began))
    return min(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the tables, and write them."""
    parser = arguments(__doc__, "--yunet")
    parser.add_argument("--frames", type=int, default=15, help="frames of each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a Markdown file")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one_batch(args.one[0], args.one[1], int(args.one[2]))))
        return
    from livefer.system.machine import describe  # not where a batch's memory is measured

    head = "| setting | " + " | ".join(f"{n} face{'s' * (n > 1)}" for n in N_FACES) + " |"
    rule = "| --- |" + " ---: |" * len(N_FACES)
    lines = [
        heading("ONNX Runtime's threads"),
        f"onnxruntime {version('onnxruntime')}, {machine_line(describe().to_dict())}, model "
        f"fer2013. A call's milliseconds, median (95th percentile); processor time of a frame in "
        f"ms, at {FPS} frames a second.",
    ]
    for is_busy in (False, True):
        rows = live(is_busy, args.frames, args.turns, None)
        title = "Beside a process that keeps a core busy" if is_busy else "Alone"
        lines += [f"\n{title}:\n", head, rule, *rows]
    if args.yunet is not None:
        rows = live(False, args.frames, args.turns, args.yunet)
        lines += ["\nAfter a search by YuNet (search + call):\n", head, rule, *rows]
    lines += [
        f"\n{N_BATCH} faces in calls of a size:\n",
        "| model | setting | faces a call | ms, least | ms, median | peak MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *batches(args.turns),
    ]
    print("\n".join(lines))
    if args.out is not None:
        write_text(args.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    run(main)
