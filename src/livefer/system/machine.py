"""The machine: its cores that this process may use, its name, and livefer's start-up time on it.

Imports no detectors and networks: only the new process does.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livefer.errors import LiveferError

_PACKAGES = ("livefer", "onnxruntime", "opencv-python-headless", "numpy")

# Prints its first line after the first result: the parent's clock measures until then.
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
    """A processor, its load, and the versions of the software on it.

    n_cores: that this process may use
    load: mean number of processes that ran or waited for a core in the last minute; None where the
        system has no such figure
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
    """Medians over new processes, with a warm file cache.

    import_s: `import livefer`, which loads nothing else
    load_s: the same and `livefer.Recognizer`, which loads OpenCV
    result_s: from before the interpreter starts to the faces of the shipped picture
    peak_mib: the most memory in use; None where the system has no such figure
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
    """Describe this machine; call it before the measurement, which changes the load."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name.split("-")[0]] = importlib.metadata.version(name)
    load = None
    with suppress(AttributeError, OSError):  # not on Windows
        load = os.getloadavg()[0]
    system = f"{platform.system()} {platform.machine()}"
    return Machine(_processor(), n_cores(), system, load, versions)


def n_cores(root: Path = Path("/")) -> int:
    """Return the number of processor cores that this process may use, 1 or more.

    Affinity, cpusets and the quota of a container count; of a part of a core, a whole one.

    root: where /proc and /sys lie
    """
    cores = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        cores.append(len(os.sched_getaffinity(0)))
    for folder in _cgroups(root):
        with suppress(OSError, ValueError):  # version 2
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                cores.append(math.ceil(int(quota) / int(period)))
        with suppress(OSError, ValueError):  # version 1
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
            if int(quota) > 0:
                cores.append(math.ceil(int(quota) / int(period)))
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            with suppress(OSError, ValueError):
                cores.append(_count_cpus((folder / name).read_text()))
    return max(min(n for n in cores if n), 1)


def thread_limit() -> int | None:
    """Return the most threads to allow a library that counts the machine's cores by itself.

    None where this process may use them all: such a library chooses well there.
    """
    n = n_cores()
    return n if n < (os.cpu_count() or 1) else None


def _cgroups(root: Path) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, and of those above each of them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not on Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        mounts = [root / "sys/fs/cgroup" / name for name in (controllers, *controllers.split(","))]
        if not controllers:
            mounts.append(root / "sys/fs/cgroup/unified")
        elif not {"cpu", "cpuset"} & set(controllers.split(",")):
            continue
        # A container may see its own group as the root: then the path below it does not exist.
        inside = [] if ".." in path.split("/") else list(filter(None, path.split("/")))
        for mount in dict.fromkeys(mounts):
            yield from (mount.joinpath(*inside[:n]) for n in range(len(inside), -1, -1))


def _count_cpus(text: str) -> int:
    """Return how many processors a list such as "0-3,7" has."""
    ranges = [part.split("-") for part in text.strip().split(",") if part]
    return sum(int(one[-1]) - int(one[0]) + 1 for one in ranges)


def peak_memory_mib() -> float | None:
    """Return the peak memory of this process; None where the system has no such figure."""
    with suppress(OSError):
        # Not ru_maxrss: on Linux, it starts at that of the parent process.
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
) -> ColdStart | None:
    """Measure the start of livefer in new processes, one after another.

    model, detector, prior: as in livefer.Recognizer
    returns: None in a frozen app, whose executable runs no other program
    """
    if getattr(sys, "frozen", False):
        return None
    runs = [_fresh([str(picture), model, detector, prior]) for _ in range(n_runs)]
    import_s, load_s, result_s = (
        statistics.median(times) for times in zip(*(run[:3] for run in runs), strict=True)
    )
    peaks = [run[3] for run in runs if run[3] is not None]
    peak_mib = statistics.median(peaks) if peaks else None
    return ColdStart(n_runs, import_s, load_s, result_s, peak_mib)


def _fresh(arguments: list[str | float | None]) -> tuple[float, float, float, float | None]:
    """Return the seconds to the import, to the load and to the first result; the peak in MiB."""
    command = [sys.executable, "-c", _FRESH, json.dumps(arguments)]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        result_s = time.perf_counter() - began
        # Not communicate(): the reader has buffered more than the first line.
        rest, errors = process.stdout.read(), process.stderr.read()
    if process.returncode != 0:
        reason = (errors.strip() or f"exit code {process.returncode}").splitlines()[-1]
        raise LiveferError(
            f"a new process of {sys.executable} could not use livefer ({reason}): "
            '"livefer doctor" shows what is missing'
        )
    import_s, load_s, _ = json.loads(first)
    return import_s, load_s, result_s, json.loads(rest)


def _processor() -> str:
    """Return the name of the processor, or else its architecture."""
    names: list[str] = []
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = re.findall(r"^model name\s*: *(\S.*)$", text, re.MULTILINE)
    if not names and sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            names = subprocess.check_output(command, text=True, timeout=5).splitlines()
    return " ".join((names or [platform.processor()])[0].split()) or platform.machine()
