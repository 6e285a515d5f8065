"""What the live window costs, and how late a frame's faces are on the screen.

    python bench/window.py [--detector haar|FILE.onnx] [--seconds 20]

A camera that is made up, 640×480 at 30 frames a second with one face, is shown in the window that
`livefer webcam` opens, on the display there is; Xvfb will do. Latency is from a frame's arrival
until its picture has been handed to the display: with its own faces, and of any kind. Processor
time is that of this process, without the display's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from threading import Timer
from typing import Any

import numpy as np
from lib.common import arguments, heading, load_line, machine_line, run

from livefer import Recognizer
from livefer.drawing.text import Image
from livefer.live.view import LiveView
from livefer.live.window import show
from livefer.media.sources import Source
from livefer.results import Frame
from livefer.speed.benchmark import shipped_portrait
from livefer.speed.made_frames import FPS, Scene
from livefer.system.machine import describe

_LOOP, _WARM_S = 150, 2.0  # frames there, and as many back


class Watched(LiveView):
    """A live view that notes when which frame was on the screen."""

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__(recognizer, Source("made camera", self._made_frames(), live=True, fps=FPS))
        self.arrived_s: dict[int, float] = {}
        self.shown_s: dict[int, float] = {}
        self.labelled_s: dict[int, float] = {}
        self.n_painted = 0
        self._is_new = False

    def _made_frames(self) -> Generator[Frame, None, None]:
        scene = Scene(shipped_portrait(), (640, 480), 1)
        made = [scene.frame(i) for i in range(_LOOP)]
        made += made[-2:0:-1]
        started, index = time.monotonic(), 0
        while True:
            time.sleep(max(0.0, started + index / FPS - time.monotonic()))
            frame = replace(made[index % len(made)], index=index, time_s=index / FPS)
            self.arrived_s[index] = time.monotonic()
            yield frame
            index += 1

    def paint(self, window_wh: tuple[int, int]) -> Image | None:
        canvas = super().paint(window_wh)
        self._is_new = canvas is not None
        return canvas

    def wait(self, timeout_s: float) -> bool:
        """Called when what was painted is on the display."""
        if self._is_new:
            frame, result = self.state.painted
            assert frame is not None
            self._note(frame.index, result is not None and result.index == frame.index)
            self._is_new = False
        return super().wait(timeout_s)

    def _note(self, index: int, is_labelled: bool) -> None:
        self.n_painted += 1
        now_s = time.monotonic()
        self.shown_s.setdefault(index, now_s)
        if is_labelled:
            self.labelled_s.setdefault(index, now_s)


def measure(view: Watched, seconds: float) -> dict[str, float]:
    """Show the view, and return what it took after its first seconds."""
    at: list[tuple[float, int, int]] = []

    def note() -> None:
        at.append((time.process_time(), view.n_painted, len(view.arrived_s)))
        if len(at) == 2:
            view.quit = True

    timers = [Timer(after_s, note) for after_s in (_WARM_S, _WARM_S + seconds)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    with view:
        show(view)
    if len(at) < 2:
        sys.exit("the window was closed before the time was over")
    (cpu_s, n_painted, first), (cpu_end_s, n_painted_end, last) = at
    counted = range(first, last - 1)  # the last one may not be on the screen yet
    figures = {
        "cores": (cpu_end_s - cpu_s) / seconds,
        "painted": (n_painted_end - n_painted) / seconds,
    }
    for name, when_s in (("shown", view.shown_s), ("labelled", view.labelled_s)):
        ms = [1000 * (when_s[i] - view.arrived_s[i]) for i in counted if i in when_s]
        figures[name] = len(ms) / len(counted)
        figures |= {f"{name}_p{q}_ms": float(np.percentile(ms, q)) for q in (50, 95)}
    return figures


def main() -> None:
    """Run and print a line of a table."""
    parser = arguments(__doc__)
    parser.add_argument("--detector", default="haar")
    parser.add_argument("--seconds", type=float, default=20.0)
    args: Any = parser.parse_args()
    machine = describe().to_dict()
    figures = measure(Watched(Recognizer(detector=args.detector)), args.seconds)
    driver = os.environ.get("SDL_VIDEODRIVER", "the display's")
    print(heading("The live window"))
    print(
        f"{machine_line(machine)}; {load_line(machine)}; {args.seconds:g} s, SDL driver {driver}\n"
    )
    print(
        "| cores | pictures a second | frames with their own faces | ms: median, 95 % "
        "| frames shown | ms: median, 95 % |\n| ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    print(
        "| {cores:.2f} | {painted:.1f} | {labelled:.1%} | {labelled_p50_ms:.1f}, "
        "{labelled_p95_ms:.1f} | {shown:.1%} | {shown_p50_ms:.1f}, {shown_p95_ms:.1f} |".format(
            **figures
        )
    )


if __name__ == "__main__":
    run(main)
