"""A peer as a process: started, asked, and ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.processes import memory_mib

from livefer.errors import LiveferError

MIB = 2**20


class PeerError(LiveferError):
    """A peer that ended, or never began; the text is the last line that it wrote."""


class Child:
    """One peer's process. It answers lines as bench/peers/speak.py describes."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        """Start the process and wait until it is loaded; `about` is what it says of itself."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self.began_s = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self.about = self._read()

    def open(self, file: Path, size_wh: tuple[int, int]) -> None:
        """Begin a stream whose frames are in a file of raw BGR pixels."""
        self._ask({"open": str(file), "width": size_wh[0], "height": size_wh[1]})

    def look(self, frame: int, fps: float) -> dict[str, Any]:
        """Return what the peer found in a frame and how long it took."""
        return self._ask({"frame": frame, "time_s": frame / fps})

    def peak_mib(self) -> float:
        """Return the most memory that the process had in use so far (Linux)."""
        return memory_mib(self._process.pid, "VmHWM")

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> PeerError:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        # Node prints its version last and the error before it.
        errors = [line.strip() for line in said if re.match(r"\s*\w*(Error|Exception)\b", line)]
        return PeerError((errors or said or [f"it ended with code {code}"])[-1])


def disk_mib(folder: Path, without: Sequence[str] = ()) -> float:
    """Return what a folder takes on the disk, as `du` counts; some of its entries left out.

    without: beginnings of names directly in the folder
    """
    n_bytes, seen = 0, set()
    for root, folders, files in os.walk(folder):
        if Path(root) == folder:
            folders[:] = [name for name in folders if not name.startswith(tuple(without))]
            files = [name for name in files if not name.startswith(tuple(without))]
        for name in files:
            found = os.lstat(os.path.join(root, name))
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                n_bytes += 512 * found.st_blocks
    return n_bytes / MIB
