"""Let `livefer analyze` recognise thousands of pictures with one worker and with several.

    python bench/analyze.py --out bench/results/analyze

The pictures are the shipped one, moved, scaled, mirrored and lit in as many ways. Every run starts
from nothing and ends with a table; that its rows are those of the run before is checked. Nothing
else should use the processor meanwhile: the load before each run is part of the result.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from lib.common import PICTURE, arguments, run, write_both
from lib.processes import cpu_s, memory_mib, with_children

from livefer.media.pictures import read_image
from livefer.system import machine


@dataclass(frozen=True)
class Row:
    """One run.

    parent_s: processor time of the process that hands out batches and puts the table together
    workers_s: processor time of all others
    peak_mb: the largest sum of resident memory of all processes; what they share counts each time
    """

    engine: str
    workers: int
    pictures: int
    faces: int
    seconds: float
    pictures_per_s: float
    parent_s: float
    workers_s: float
    peak_mb: float
    load_before: float


def make_pictures(folder: Path, n: int, side_px: int) -> float:
    """Write JPEGs, no two alike; return their mean size in bytes."""
    image = cv2.resize(read_image(PICTURE), (side_px, side_px), interpolation=cv2.INTER_AREA)
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    n_bytes = 0
    for i in range(n):
        scale = generator.uniform(0.8, 1.2)
        by = np.array(
            [[scale, 0, generator.uniform(-40, 40)], [0, scale, generator.uniform(-20, 40)]]
        )
        moved = cv2.warpAffine(image, by, (side_px, side_px), borderMode=cv2.BORDER_REPLICATE)
        if i % 2:
            moved = cv2.flip(moved, 1)
        lit = cv2.convertScaleAbs(moved, alpha=generator.uniform(0.7, 1.2))
        data = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
        (folder / f"{i:05}.jpg").write_bytes(data)
        n_bytes += len(data)
    return n_bytes / n


def memory_of_all(pid: int) -> float:
    """Return the sum of the resident memory of a process and of all below it that still run."""
    total = 0.0
    for one in with_children(pid):
        with suppress(OSError):
            total += memory_mib(one)
    return total


def analyze(folder: Path, out: Path, engine: str, workers: int, detector: str) -> Row:
    """Run the command once, and watch it."""
    command = [sys.executable, "-m", "livefer", "analyze", str(folder), "-o", str(out)]
    command += ["--workers", str(workers), "--engine", engine, "--detector", detector]
    load, before = os.getloadavg()[0], os.times()
    peak_mb = parent_s = 0.0
    began_s = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            try:
                parent_s = cpu_s(process.pid)
            except OSError:
                break
            peak_mb = max(peak_mb, memory_of_all(process.pid))
            time.sleep(0.1)
        seconds = time.monotonic() - began_s
        assert process.stderr is not None
        said = process.stderr.read()
    after = os.times()
    if process.returncode != 0:
        sys.exit(f"livefer analyze ended with code {process.returncode}:\n{said}")
    counts = re.search(r"([\d,]+) files?, ([\d,]+) frames?, ([\d,]+) faces?", said)
    assert counts, said
    pictures, _, faces = (int(n.replace(",", "")) for n in counts.groups())
    used_s = after.children_user + after.children_system
    used_s -= before.children_user + before.children_system
    return Row(
        engine=engine,
        workers=workers,
        pictures=pictures,
        faces=faces,
        seconds=round(seconds, 1),
        pictures_per_s=round(pictures / seconds, 2),
        parent_s=round(parent_s, 1),
        workers_s=round(used_s - parent_s, 1),
        peak_mb=round(peak_mb),
        load_before=round(load, 2),
    )


def as_text(rows: list[Row], detector: str, side_px: int, mean_bytes: float) -> str:
    """Return the table and what it was measured on."""
    here = machine.describe()
    lines = [
        f"livefer analyze, {detector}, {rows[0].pictures:,} JPEGs of {side_px}x{side_px} "
        f"({mean_bytes / 1024:.0f} KiB each), {here.n_cores} cores ({here.processor}), "
        f"Python {here.versions['python']}",
        "",
        f"{'engine':7}{'workers':>8}{'faces':>7}{'seconds':>9}{'pictures/s':>12}{'speed-up':>10}"
        f"{'parent s':>10}{'workers s':>11}{'peak MB':>9}{'load before':>13}",
    ]
    for r in rows:
        one = [x.seconds for x in rows if x.engine == r.engine and x.workers == 1]
        gain = f"{one[0] / r.seconds:.2f}" if one else "-"
        lines.append(
            f"{r.engine:7}{r.workers:8}{r.faces:7}{r.seconds:9}{r.pictures_per_s:12}{gain:>10}"
            f"{r.parent_s:10}{r.workers_s:11}{r.peak_mb:9}{r.load_before:13}"
        )
    lines += [
        "",
        "seconds: from the start of the command to its end, models loaded and table written",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the pictures, run each engine with each number of workers, print the table, write it."""
    parser = arguments(__doc__)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--side", type=int, default=480, help="of a picture in pixels")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--engine", nargs="+", default=["local"], choices=["local", "ray"])
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--out", type=Path, help="write OUT.txt and OUT.json")
    args = parser.parse_args()

    rows: list[Row] = []
    tables: set[bytes] = set()
    with tempfile.TemporaryDirectory(prefix="livefer-bench-") as name:
        folder = Path(name) / "pictures"
        mean_bytes = make_pictures(folder, args.pictures, args.side)
        for engine in args.engine:
            for workers in args.workers:
                out = Path(name) / f"{engine}-{workers}.csv"
                rows.append(analyze(folder, out, engine, workers, args.detector))
                tables.add(out.read_bytes())
                print(json.dumps(asdict(rows[-1])), flush=True)
    if len(tables) != 1:
        sys.exit("the tables of two runs differ")
    text = as_text(rows, Path(args.detector).name, args.side, mean_bytes)
    print(text, end="")
    if args.out:
        write_both(args.out, text, [asdict(row) for row in rows], ".txt")


if __name__ == "__main__":
    run(main)
