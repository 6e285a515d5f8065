"""How long a result takes to another program, beyond recognition, and what receivers cost it.

    python bench/send.py --out bench/results/send

Frames of one face come 30 a second and are recognised. Each result goes to a program that is alive:
a process with a UDP socket, which notes when each datagram came. With it go receivers that are not:
a UDP port where nobody listens, a client of the WebSocket that never reads, and a sender that hangs
as long as it may. All clocks are time.monotonic() of one machine.

latency: from the result to the datagram in the other process
handing over: what the thread that recognises spends on all receivers together
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lib.common import arguments, heading, load_line, machine_line, run, write_both
from websockets.sync.client import connect

from livefer import Recognizer
from livefer.live.session import Session
from livefer.results import FrameResult, Marker
from livefer.send.addresses import open_sender, read_address
from livefer.send.messages import SessionStart, session_start
from livefer.send.outlet import Sender
from livefer.send.websocket import WebSocketSender
from livefer.speed.benchmark import shipped_portrait
from livefer.speed.made_frames import FPS, Scene
from livefer.system.machine import describe

N_WARM = 15
RECEIVE = """
import json, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
came = {}
while True:
    data = s.recv(65536)
    now_s = time.monotonic()
    message = json.loads(data)
    if message["type"] == "marker":
        break
    if message["type"] == "result":
        came[message["index"]] = now_s
print(json.dumps(came))
"""


@dataclass
class Hanging:
    """A sender that takes the second that it may for each message, and delivers none."""

    name: str = "one that hangs"
    times: list[float] = field(default_factory=list)

    def send(self, result: FrameResult) -> None:
        time.sleep(1.0)
        raise OSError("it hangs")

    def mark(self, marker: Marker) -> None:
        self.send(FrameResult("", 0, 0.0, None))

    def close(self) -> None:
        """Hold nothing."""


def measure(seconds: float, with_dead: bool) -> dict[str, Any]:
    """Send for so long, and return latencies and counts."""
    recognizer = Recognizer()
    scene = Scene(shipped_portrait(), (640, 480), 1)
    stream = recognizer.new_stream(live=True)
    start = session_start(time.monotonic(), recognizer.classes, "human")
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", RECEIVE], stdout=subprocess.PIPE, text=True)
        )
        assert child.stdout is not None
        port = int(child.stdout.readline())
        senders = [open_sender(read_address("--send", f"udp://127.0.0.1:{port}"), start)]
        if with_dead:
            senders += dead_receivers(stack, start)
        left_s, over_s, recognised_s = {}, [], []
        with Session(start, senders=senders) as session:
            began_s = time.monotonic()
            for index in range(N_WARM + round(seconds * FPS)):
                time.sleep(max(0.0, began_s + index / FPS - time.monotonic()))
                frame_s = time.monotonic()
                result = recognizer.process(scene.frame(index), stream)
                done_s = time.monotonic()
                session.write(result)
                if index >= N_WARM:
                    left_s[index] = done_s
                    over_s.append(time.monotonic() - done_s)
                    recognised_s.append(done_s - frame_s)
            session.mark("end")
        came_s = {int(index): at_s for index, at_s in json.loads(child.stdout.read()).items()}
    latencies_s = [came_s[index] - at_s for index, at_s in left_s.items() if index in came_s]
    return {
        "n_results": len(left_s),
        "n_received": len(latencies_s),
        "latency_ms": percentiles(latencies_s),
        "handing_over_ms": percentiles(over_s),
        "recognition_ms": percentiles(recognised_s),
        "receivers": session.lines(),
    }


def dead_receivers(stack: ExitStack, start: SessionStart) -> list[Sender]:
    """Return senders whose receivers are not there, do not read, or hang."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    server = WebSocketSender("ws://, its client never reads", "127.0.0.1", 0, start)
    stack.enter_context(connect(f"ws://127.0.0.1:{server.port}", max_queue=1, ping_interval=None))
    nobody = open_sender(read_address("--send", f"udp://127.0.0.1:{closed}"), start)
    nobody.name = "udp://, nobody listens"
    return [nobody, server, Hanging()]


def percentiles(values_s: list[float]) -> dict[str, float]:
    """Return the median, the 95th and the 99th percentile and the largest, in milliseconds."""
    found = np.percentile(1000 * np.array(values_s), [50, 95, 99, 100])
    return dict(zip(("p50", "p95", "p99", "max"), (round(float(v), 3) for v in found), strict=True))


def markdown(found: dict[str, dict[str, Any]], machine: dict[str, Any]) -> str:
    """Return the tables."""
    lines = [
        heading("From a result to another program"),
        f"{machine_line(machine)}; {load_line(machine)}; nice level {os.nice(0)}. "
        "Milliseconds: median, 95th and 99th percentile, largest.\n",
        "| receivers | of | p50 | p95 | p99 | max |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, one in found.items():
        for key, what in (
            ("latency_ms", "latency of the datagram"),
            ("handing_over_ms", "handing over"),
            ("recognition_ms", "recognition itself"),
        ):
            cells = " | ".join(f"{value:.2f}" for value in one[key].values())
            lines.append(f"| {name} | {what} | {cells} |")
    for name, one in found.items():
        lines.append(f"\n{name}: {one['n_received']:,} of {one['n_results']:,} results received.")
        lines += [f"- {line}" for line in one["receivers"][1:]]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run both, print the tables and write both files."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--out", type=Path, default=Path("bench/results/send"))
    args = parser.parse_args()
    machine = describe().to_dict()
    found = {
        "one that is alive": measure(args.seconds, with_dead=False),
        "the same beside three that are dead": measure(args.seconds, with_dead=True),
    }
    text = markdown(found, machine)
    print(text)
    write_both(args.out, text, {"machine": machine, **found})


if __name__ == "__main__":
    run(main)
