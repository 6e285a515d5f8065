"""Does an hour of frames leave anything behind: memory, latency, threads.

A source that loops, 640×480 at 30 frames a second with one face that now and then leaves, runs
through what the live window does: a thread reads, a thread recognises, this one paints. Each tenth
of it is a row. Without --paced a frame comes as soon as the one before was recognised, so that an
hour of frames takes some minutes and none is skipped; with it they come as from a camera.

    python bench/soak.py [--minutes 60] [--detector haar|FILE.onnx] [--paced] [--out soak]
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
from lib.common import arguments, heading, load_line, machine_line, run, write_both
from lib.processes import memory_mib

from livefer import Recognizer
from livefer.live.state import LiveState
from livefer.live.view import LiveView
from livefer.media.sources import Source
from livefer.results import Frame, FrameResult
from livefer.speed.benchmark import shipped_portrait
from livefer.speed.made_frames import FPS, Scene
from livefer.system.machine import describe

_LOOP = 600  # frames: 20 s, without the face for the last two of them
_AWAY = 60
_WINDOW_WH = (960, 720)


class Watched(LiveState):
    """The state of a live view that keeps the latency of every frame."""

    def __init__(self, n_frames: int) -> None:
        super().__init__()
        self.latencies_ms = np.zeros(n_frames, np.float32)  # all of it now: a list would grow
        self.n_faces = 0
        self.taken = threading.Semaphore(0)

    def add_result(self, result: FrameResult, now_s: float) -> None:
        super().add_result(result, now_s)
        self.latencies_ms[self.n_recognised - 1] = 1000 * self.latency_s
        self.n_faces += len(result.faces)
        self.taken.release()


def main() -> None:
    """Run, print the table and write both files."""
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--detector", default="haar")
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("bench/results/soak"))
    args = parser.parse_args()
    machine = describe().to_dict()
    n_frames = round(args.minutes * 60 * FPS)
    rows = soak(Recognizer(detector=args.detector), n_frames, args.paced)
    pace = "as from a camera" if args.paced else "as fast as they are recognised"
    lines = [
        heading("An hour of frames" if args.minutes == 60 else "Many frames"),
        f"{machine_line(machine)}; {load_line(machine)}; "
        f"{n_frames} frames of 640×480 at {FPS:g} frames a second, {pace}; "
        f"one run, detector {args.detector.rpartition('/')[2]}\n",
        "| frames | skipped | faces | memory, MiB | threads | latency p50, ms | p99, ms | max |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['frames']} | {row['skipped']} | {row['faces']} | {row['memory_mib']:.1f} | "
        f"{row['threads']} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['max_ms']:.1f} |"
        for row in rows
    ]
    first, last = rows[1], rows[-1]
    lines += [
        "",
        f"From the second tenth to the last: memory {last['memory_mib'] - first['memory_mib']:+.1f}"
        f" MiB, median latency {last['p50_ms'] / first['p50_ms'] - 1:+.0%}, "
        f"threads {last['threads'] - first['threads']:+d}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_both(args.out, text, {"machine": machine, "rows": rows})


def soak(recognizer: Recognizer, n_frames: int, paced: bool) -> list[dict[str, float]]:
    """Return a row for each tenth of the frames."""
    scene = Scene(shipped_portrait(), (640, 480), 1)
    made = [scene.frame(i) for i in range(_LOOP)]
    nobody = scene.grounds
    for i in range(_LOOP - _AWAY, _LOOP):
        made[i] = replace(made[i], image=nobody[i % len(nobody)])
    counted = threading.Event()

    def read() -> Generator[Frame, None, None]:
        started = time.monotonic()
        for i in range(n_frames):
            time_s = i / FPS
            if paced:
                time.sleep(max(0.0, started + time_s - time.monotonic()))
            elif i:
                state.taken.acquire()
            yield replace(made[i % _LOOP], index=i, time_s=time_s)
        counted.wait()  # the threads too

    view = LiveView(recognizer, Source("loop", read(), live=True))
    view.state = state = Watched(n_frames)
    rows: list[dict[str, float]] = []
    begun = skipped = faces = 0
    with view:
        while len(rows) < 10:
            time.sleep(0.03)
            if not view.running:
                raise SystemExit("the stream ended before its time")
            view.paint(_WINDOW_WH)
            due = round((len(rows) + 1) * n_frames / 10)
            if state.n_recognised + state.n_skipped < due - 1:
                continue
            spent_ms = state.latencies_ms[begun : state.n_recognised]
            rows.append(
                {
                    "frames": len(spent_ms),
                    "skipped": state.n_skipped - skipped,
                    "faces": state.n_faces - faces,
                    "memory_mib": memory_mib(),
                    "threads": threading.active_count(),
                    "p50_ms": float(np.quantile(spent_ms, 0.5)),
                    "p99_ms": float(np.quantile(spent_ms, 0.99)),
                    "max_ms": float(spent_ms.max()),
                }
            )
            begun, skipped, faces = begun + len(spent_ms), state.n_skipped, state.n_faces
        counted.set()
    return rows


if __name__ == "__main__":
    run(main)
