"""Memory and processor time of running processes, as Linux tells them in /proc."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path


def memory_mib(pid: int | str = "self", field: str = "VmRSS") -> float:
    """Return a process's resident memory, its peak with VmHWM; OSError for one that has ended."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise ProcessLookupError(f"process {pid} has ended")
    return int(found[1]) / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time of a process without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def with_children(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for one in found:
        with suppress(OSError):  # it has ended
            for tasks in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, tasks.read_text().split())
    return found
