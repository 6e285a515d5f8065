"""What a measurement was taken on, and how long a fresh process of livefer takes to begin.

Knows nothing about detectors or networks: the fresh process imports them, this module does not.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livefer.errors import LiveferError

_PACKAGES = ("livefer", "onnxruntime", "opencv-python-headless", "numpy")

# The first line comes when the first result is there; the parent's clock says when that is.
_FRESH = """
import json, sys, time
sys.path[:] = [path for path in sys.path if path]
began = time.perf_counter()
import livefer
imported = time.perf_counter()
livefer.Recognizer
loaded = time.perf_counter()
picture, model, detector, prior = json.loads(sys.argv[1])
faces = livefer.Recognizer(model, detector, prior=prior)(picture)
times = [imported - began, loaded - began]
print(json.dumps([*times, len(faces)]), flush=True)
from livefer.system.machine import peak_memory_mib
print(json.dumps(peak_memory_mib()), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor, how much of it there is and was in use, and the versions of what ran on it.

    n_cores: those that this process may use
    load: programs that ran or waited for a core in the minute before; None where nobody says
    """

    processor: str
    n_cores: int
    system: str
    load: float | None
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "processor": self.processor,
            "n_cores": self.n_cores,
            "system": self.system,
            "load": None if self.load is None else round(self.load, 2),
            "versions": self.versions,
        }


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Medians of fresh processes whose files were read before.

    import_s: `import livefer`, which loads nothing else
    load_s: the same and `livefer.Recognizer`, which loads OpenCV
    result_s: from before the interpreter starts to the faces of the shipped picture
    peak_mib: the most memory that was in use; None where the system does not say
    """

    n_runs: int
    import_s: float
    load_s: float
    result_s: float
    peak_mib: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "n_runs": self.n_runs,
            "import_s": round(self.import_s, 4),
            "load_s": round(self.load_s, 4),
            "result_s": round(self.result_s, 4),
            "peak_mib": None if self.peak_mib is None else round(self.peak_mib, 1),
        }


def describe() -> Machine:
    """Look at this machine; do so before it is put to work."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name.split("-")[0]] = importlib.metadata.version(name)
    load = None
    with suppress(AttributeError, OSError):  # Windows has no such figure
        load = os.getloadavg()[0]
    system = f"{platform.system()} {platform.machine()}"
    return Machine(_processor(), n_cores(), system, load, versions)


def n_cores() -> int:
    """Return the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory_mib() -> float | None:
    """Return the most memory that this process had in use; None where the system does not say."""
    with suppress(OSError):
        # Linux's ru_maxrss begins with that of the process which started this one.
        peaks = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if peaks:
            return int(peaks[0]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def cold_start(
    picture: Path, model: str | None, detector: str, prior: float | None, n_runs: int
) -> ColdStart:
    """Start livefer in fresh processes, one after the other.

    model, detector, prior: as in livefer.Recognizer
    """
    runs = [_fresh([str(picture), model, detector, prior]) for _ in range(n_runs)]
    import_s, load_s, result_s = (
        statistics.median(times) for times in zip(*(run[:3] for run in runs), strict=True)
    )
    peaks = [run[3] for run in runs if run[3] is not None]
    peak_mib = statistics.median(peaks) if peaks else None
    return ColdStart(n_runs, import_s, load_s, result_s, peak_mib)


def _fresh(arguments: list[str | float | None]) -> tuple[float, float, float, float | None]:
    """Return the seconds to import, to load and to the first result, and the peak memory in MiB."""
    command = [sys.executable, "-c", _FRESH, json.dumps(arguments)]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        result_s = time.perf_counter() - began
        # Not communicate(): it would not see what the reader has taken in behind the first line.
        rest, said = process.stdout.read(), process.stderr.read()
    if process.returncode != 0:
        reason = (said.strip() or f"exit code {process.returncode}").splitlines()[-1]
        raise LiveferError(
            f"a fresh process of {sys.executable} could not use livefer ({reason}): "
            '"livefer doctor" says what is missing'
        )
    import_s, load_s, _ = json.loads(first)
    return import_s, load_s, result_s, json.loads(rest)


def _processor() -> str:
    """Return the processor's name where the system says it."""
    names: list[str] = []
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = re.findall(r"^model name\s*: *(\S.*)$", text, re.MULTILINE)
    if not names and sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            names = subprocess.check_output(command, text=True, timeout=5).splitlines()
    return " ".join((names or [platform.processor()])[0].split()) or platform.machine()
