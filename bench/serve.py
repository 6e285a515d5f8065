"""Load `livefer serve` with clients that each send so many frames a second, and count the replies.

    python bench/serve.py --seconds 60 --out bench/results/serve

A client sends on, whatever comes back: what the server cannot do in time it answers as skipped.
Latency is from sending a frame to its result, on one machine, whose cores server and clients share.
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import PICTURE, arguments, load_line, run, write_both
from lib.processes import cpu_s, memory_mib
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from livefer.media.pictures import read_image
from livefer.system.machine import Machine, describe

_WARM_S = 3.0


@dataclass(frozen=True)
class Row:
    """One run. Memory is the server's resident set; its thirds leave the first seconds out."""

    clients: int
    fps: float
    seconds: float
    frames: int
    results_per_s: float
    faces_per_result: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    skipped: int
    errors: int
    lost: int
    cpu_cores: float
    peak_mb: float
    first_third_mb: float
    last_third_mb: float


def make_frames(side_px: int, n: int = 20) -> list[bytes]:
    """Return JPEGs of the shipped picture, moved a little from one to the next."""
    image = cv2.resize(read_image(PICTURE), (side_px, side_px), interpolation=cv2.INTER_AREA)
    frames = []
    for i in range(n):
        by = np.array([[1, 0, 12 * np.sin(i * 2 * np.pi / n)], [0, 1, 0]])
        moved = cv2.warpAffine(image, by, (side_px, side_px), borderMode=cv2.BORDER_REPLICATE)
        frames.append(cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
    return frames


async def client(
    url: str, frames: list[bytes], fps: float, end_s: float, delay_s: float
) -> tuple[int, list[dict[str, Any]], list[float]]:
    """Send frames until a time; return how many, all replies, and when each came."""
    await asyncio.sleep(delay_s)
    replies: list[dict[str, Any]] = []
    came_s: list[float] = []
    async with connect(url, max_queue=None) as websocket:
        await websocket.recv()
        n_sent = 0
        all_sent = asyncio.Event()

        async def read() -> None:
            while not (all_sent.is_set() and len(replies) == n_sent):
                replies.append(json.loads(await websocket.recv()))
                came_s.append(time.monotonic())

        reader = asyncio.create_task(read())
        start_s = time.monotonic()
        while time.monotonic() < end_s:
            message = struct.pack("<d", time.monotonic()) + frames[n_sent % len(frames)]
            await websocket.send(message)
            n_sent += 1
            await asyncio.sleep(max(0.0, start_s + n_sent / fps - time.monotonic()))
        all_sent.set()
        if len(replies) < n_sent:  # else the reader waits for a reply that never comes
            await asyncio.wait({reader}, timeout=30)
        reader.cancel()
    return n_sent, replies, came_s


async def measure(
    url: str, pid: int, n: int, fps: float, seconds: float, frames: list[bytes]
) -> Row:
    """Run n clients for so many seconds."""
    start_s, start_cpu_s = time.monotonic(), cpu_s(pid)
    end_s = start_s + seconds
    tasks = [asyncio.create_task(client(url, frames, fps, end_s, i / n / fps)) for i in range(n)]
    samples: list[float] = []
    while time.monotonic() < end_s:
        await asyncio.sleep(0.5)
        if time.monotonic() > start_s + _WARM_S:
            samples.append(memory_mib(pid))
    ended = await asyncio.gather(*tasks)
    wall_s = time.monotonic() - start_s
    latencies_ms: list[float] = []
    n_faces = lost = 0
    kinds = dict.fromkeys(("result", "skipped", "error"), 0)
    for n_sent, replies, came_s in ended:
        # Exactly one reply a frame, in order.
        assert [reply["number"] for reply in replies] == list(range(len(replies)))
        lost += n_sent - len(replies)
        for reply, at_s in zip(replies, came_s, strict=True):
            kinds[reply["type"]] += 1
            if reply["type"] == "result":
                latencies_ms.append(1000 * (at_s - reply["time_s"]))
                n_faces += len(reply["faces"])
    third = max(1, len(samples) // 3)
    p50, p95, p99 = np.percentile(latencies_ms, [50, 95, 99])
    return Row(
        clients=n,
        fps=fps,
        seconds=seconds,
        frames=sum(n_sent for n_sent, _, _ in ended),
        results_per_s=round(kinds["result"] / wall_s, 1),
        faces_per_result=round(n_faces / kinds["result"], 3),
        p50_ms=round(p50, 1),
        p95_ms=round(p95, 1),
        p99_ms=round(p99, 1),
        skipped=kinds["skipped"],
        errors=kinds["error"],
        lost=lost,
        cpu_cores=round((cpu_s(pid) - start_cpu_s) / wall_s, 2),
        peak_mb=round(memory_mib(pid, "VmHWM"), 1),
        first_third_mb=_mean(samples[:third]),
        last_third_mb=_mean(samples[-third:]),
    )


def _mean(values: list[float]) -> float:
    array: NDArray[np.float64] = np.array(values or [np.nan])
    return round(float(array.mean()), 1)


def as_text(rows: list[Row], detector: str, side_px: int, machine: Machine) -> str:
    """Return the table and what it was measured on."""
    lines = [
        f"livefer serve, {detector}, JPEGs of {side_px}x{side_px} with one face, "
        f"{machine.n_cores} cores ({machine.processor}), clients on the same cores,",
        f"Python {machine.versions['python']}, {load_line(machine.to_dict())}; "
        f"{rows[0].seconds:g} s each, {rows[0].fps:g} fps a client",
        "",
        f"{'clients':>7}{'frames':>8}{'results/s':>11}{'p50 ms':>8}{'p95':>8}{'p99':>8}"
        f"{'skipped':>9}{'errors':>8}{'lost':>6}{'cores':>7}{'peak MB':>9}{'first':>8}{'last':>8}",
    ]
    lines += [
        f"{r.clients:7}{r.frames:8}{r.results_per_s:11}{r.p50_ms:8}{r.p95_ms:8}{r.p99_ms:8}"
        f"{r.skipped:9}{r.errors:8}{r.lost:6}{r.cpu_cores:7}{r.peak_mb:9}{r.first_third_mb:8}"
        f"{r.last_third_mb:8}"
        for r in rows
    ]
    lines += ["", "first and last: mean MB of the server in the first and the last third of a run"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Start the server anew for each number of clients, print the table and write it."""
    parser = arguments(__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--side", type=int, default=480, help="of a frame in pixels")
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--out", type=Path, help="write OUT.txt and OUT.json")
    args = parser.parse_args()

    machine = describe()
    frames = make_frames(args.side)
    rows = []
    for n in args.clients:
        command = [sys.executable, "-m", "livefer", "serve", "--port", "0"]
        command += ["--detector", args.detector, "--max-clients", str(n)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = server.stdout.readline().split()[3].replace("http", "ws") + "v1/stream"
                rows.append(
                    asyncio.run(measure(url, server.pid, n, args.fps, args.seconds, frames))
                )
                print(json.dumps(asdict(rows[-1])), flush=True)
            finally:
                server.terminate()
        if server.returncode != 0:
            sys.exit(f"the server ended with code {server.returncode}")
    text = as_text(rows, args.detector, args.side, machine)
    print(text, end="")
    if args.out:
        write_both(args.out, text, [asdict(row) for row in rows], ".txt")


if __name__ == "__main__":
    run(main)
