"""Time fresh processes: imports and first results; and weigh what is installed.

    python -m venv /tmp/cold && /tmp/cold/bin/python -m pip install .
    python bench/cold.py now=/tmp/cold/bin/python

Every row is a process of its own, started by the interpreter that is named, so that an environment
with nothing but the runtime can be measured; several environments take turns. Time is from before
the process starts to after it ended, the interpreter's own 20 ms or so included. Memory is the
process's peak. "Unread" rows come after the environment's files were dropped from the page cache,
as after a restart (the interpreter's own files stay). Sizes are those of the files that pip noted,
bytecode included, pip and setuptools not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Nothing of livefer at the top: a process's peak memory begins with that of the one it came from.
from lib.common import PICTURE, arguments, heading, machine_line, write_both

FIRST = "import sys, livefer; print(livefer.Recognizer(detector='{}')(sys.argv[1]))"
ROWS: dict[str, tuple[str, ...]] = {
    "python -c pass": ("-c", "pass"),
    "import livefer": ("-c", "import livefer"),
    "from livefer import Recognizer": ("-c", "from livefer import Recognizer"),
    "first result": ("-c", FIRST.format("native"), "PICTURE"),
    "first result, Haar": ("-c", FIRST.format("haar"), "PICTURE"),
    "livefer --help": ("-m", "livefer", "--help"),
    "livefer image PICTURE": ("-m", "livefer", "image", "PICTURE"),
}
UNREAD = ("import livefer", "first result", "livefer image PICTURE")
"""The rows that are measured again with the environment's files dropped from memory."""

# Runs in the environment that is measured: {distribution: bytes}, and the files of each.
WEIGH = """
import json, os
from importlib.metadata import distributions
sizes = {}
for one in distributions():
    paths = [path.locate() for path in one.files or ()]
    sizes[f"{one.name} {one.version}"] = sum(os.path.getsize(p) for p in paths if p.is_file())
print(json.dumps(sizes))
"""


def run_once(command: Sequence[str], env: Mapping[str, str]) -> tuple[float, float]:
    """Return the seconds a command took and its peak memory in MiB; RuntimeError if it failed."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        took_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    unit = 1 if sys.platform == "darwin" else 1024
    return took_s, usage.ru_maxrss * unit / 2**20


def ask(python: str, code: str) -> str:
    """Return what a few lines of code print in an environment."""
    ended = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def weigh(python: str) -> dict[str, int]:
    """Return the bytes of each installed distribution but pip and setuptools, largest first."""
    sizes: dict[str, int] = json.loads(ask(python, WEIGH))
    kept = {name: size for name, size in sizes.items() if name.split()[0] not in TOOLS}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


TOOLS = ("pip", "setuptools", "wheel")


def drop_from_memory(folder: Path) -> None:
    """Let the system forget the contents of all files below a folder, but those in use."""
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


def measure(
    pythons: Mapping[str, str], n_runs: int, cache: Path
) -> dict[str, dict[str, dict[str, float]]]:
    """Return {environment: {row: {"s": median, "peak_mib": median}}}; environments take turns.

    cache: a folder for what livefer keeps
    """
    found: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in pythons}
    folders = {
        name: Path(ask(python, "import sysconfig; print(sysconfig.get_path('platlib'))"))
        for name, python in pythons.items()
    }
    rows = list(ROWS)
    unread = [f"{row}, unread" for row in UNREAD if hasattr(os, "posix_fadvise")]
    for group in (rows, unread):  # apart: what was dropped would have to be read by another row
        for turn in range(n_runs + 1):  # the first turn reads the files, and is not counted
            for row in group:
                for name, python in pythons.items():
                    if row in unread:
                        drop_from_memory(folders[name])
                    words = ROWS[row.removesuffix(", unread")]
                    command = [python, *(str(PICTURE) if w == "PICTURE" else w for w in words)]
                    one = run_once(command, {**os.environ, "LIVEFER_CACHE": str(cache)})
                    if turn:
                        found[name].setdefault(row, []).append(one)
    return {
        name: {
            row: {
                "s": round(statistics.median(one[0] for one in runs), 4),
                "peak_mib": round(statistics.median(one[1] for one in runs), 1),
            }
            for row, runs in of_env.items()
        }
        for name, of_env in found.items()
    }


def table(result: Mapping[str, Any]) -> str:
    """Return a result as Markdown: times and memory, then sizes."""
    names = list(result["rows"])
    lines = [
        f"{result['machine']}; medians of {result['runs']} processes",
        "",
        "| " + " | ".join(["process", *(f"{n}, s | {n}, peak MiB" for n in names)]) + " |",
        "| --- |" + " ---: |" * 2 * len(names),
    ]
    for row in result["rows"][names[0]]:
        cells = [result["rows"][name][row] for name in names]
        text = " | ".join(f"{cell['s']:.3f} | {cell['peak_mib']:.0f}" for cell in cells)
        lines.append(f"| {row} | {text} |")
    for name in names:
        sizes = result["installed"][name]
        lines += [
            "",
            f"Installed, {name} (Python {result['python'][name]}): "
            f"{sum(sizes.values()) / 2**20:.0f} MiB ({sum(sizes.values()) / 1e6:.0f} MB)",
            "",
            "| distribution | MiB |",
            "| --- | ---: |",
            *(f"| {one} | {size / 2**20:.1f} |" for one, size in sizes.items()),
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write."""
    parser = arguments(__doc__)
    parser.add_argument("pythons", nargs="*", metavar="NAME=PYTHON", help="environments")
    parser.add_argument("--runs", type=int, default=9, help="processes for each row")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    pythons = dict(text.split("=", 1) for text in args.pythons) or {"now": sys.executable}
    # For the heading, without this machine's folders.
    sys.argv = [f"{n}=PYTHON" if (n := a.split("=")[0]) in pythons else a for a in sys.argv]

    with tempfile.TemporaryDirectory() as folder:
        rows = measure(pythons, args.runs, Path(folder))
    from livefer.system.machine import describe  # not before the measuring

    result = {
        "machine": machine_line(describe().to_dict()),
        "runs": args.runs,
        "python": {n: ask(p, "import platform as p; print(p.python_version())") for n, p in
                   pythons.items()},
        "rows": rows,
        "installed": {name: weigh(python) for name, python in pythons.items()},
    }  # fmt: skip
    print(table(result))
    if args.out is not None:
        text = f"{heading('Cold start, memory and size')}\n{table(result)}\n"
        write_both(args.out, text, result)


if __name__ == "__main__":
    main()
