"""Where nothing can be written for a while, a plot is refused in one line, before the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tablerows import make_rows, write_csv

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("option", ["--plot", "--report"])
def test_a_plot_without_any_temporary_folder_is_a_clear_line(tmp_path: Path, option: str) -> None:
    table = write_csv(tmp_path / "t.csv", make_rows(["happy"] * 20))
    no_folder = tmp_path / "file"
    no_folder.touch()  # nothing can be made below it, whoever the user is
    code = (
        "import sys, tempfile\n"
        "def none(*_, **__):\n"
        "    raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile.mkdtemp = tempfile.gettempdir = none\n"
        "from livefer.cli import main\n"
        "main()\n"
    )
    out = tmp_path / ("o.png" if option == "--plot" else "o.html")
    ended = subprocess.run(
        [sys.executable, "-c", code, "summarize", str(table), option, str(out)],
        env={**os.environ, "MPLCONFIGDIR": str(no_folder / "x")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "no folder that it can write: set MPLCONFIGDIR or TMPDIR to one" in last
    assert "Traceback" not in ended.stderr
    assert not out.exists()
