"""What bench/cold.py prints: processes that are timed, packages that are weighed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cold
import pytest
from cold import FIRST, PICTURE, ROWS, UNREAD, run_once, table, weigh

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform == "win32", reason="os.wait4 is not there")
def test_a_process_has_a_time_and_a_peak() -> None:
    # From a small process: Linux counts the peak of the one that starts another as that one's.
    code = "import os, sys; sys.path[:0] = sys.argv[1:]; from cold import run_once\n"
    code += "print(*run_once([sys.executable, '-c', 'b = bytearray(300 << 20)'], os.environ))"
    command = [sys.executable, "-c", code, str(Path(cold.__file__).parent)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    took_s, peak_mib = map(float, ended.stdout.split())
    assert took_s > 0
    assert 300 < peak_mib < 400


@pytest.mark.skipif(sys.platform == "win32", reason="os.wait4 is not there")
def test_a_process_that_fails_says_why() -> None:
    code = "import sys; print('no such thing'); sys.exit(3)"
    with pytest.raises(RuntimeError, match="ended with 3: no such thing"):
        run_once([sys.executable, "-c", code], os.environ)


@pytest.mark.skipif(sys.platform == "win32", reason="os.wait4 is not there")
def test_the_first_result_is_one(tmp_path: Path) -> None:
    env = {**os.environ, "LIVEFER_CACHE": str(tmp_path)}
    assert run_once([sys.executable, "-c", FIRST.format("native"), str(PICTURE)], env)[1] > 50


def test_packages_are_weighed_and_tools_are_not() -> None:
    sizes = weigh(sys.executable)
    names = {name.split()[0] for name in sizes}
    assert {"numpy", "onnxruntime", "livefer"} <= names
    assert not {"pip", "setuptools"} & names
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)
    assert next(size for name, size in sizes.items() if name.startswith("numpy ")) > 10e6


def test_the_table_has_every_row_of_every_environment() -> None:
    assert set(UNREAD) <= set(ROWS)
    row = {"s": 0.25, "peak_mib": 100.4}
    text = table(
        {
            "machine": "a machine",
            "runs": 3,
            "python": {"before": "3.10.1", "now": "3.11.2"},
            "rows": {"before": {"first": row}, "now": {"first": {**row, "s": 0.125}}},
            "installed": {"before": {"a 1": 3 << 20, "b 2": 1 << 20}, "now": {"a 1": 3 << 20}},
        }
    )
    assert "| first | 0.250 | 100 | 0.125 | 100 |" in text
    assert "Installed, before (Python 3.10.1): 4 MiB" in text
    assert "| b 2 | 1.0 |" in text
