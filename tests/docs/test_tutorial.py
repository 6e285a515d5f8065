"""docs/tutorial.md keeps its word: its blocks run one after another, as the cells of a notebook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import ROOT, read_blocks

pytestmark = pytest.mark.slow

TUTORIAL = ROOT / "docs" / "tutorial.md"

# The Python blocks share their names; the others are run by bash.
RUNNER = """
import json, subprocess, sys
names = {"__name__": "__main__"}
for line, language, code in json.load(sys.stdin):
    print(f"--- tutorial.md, line {line}", flush=True)
    if language == "python":
        exec(compile("\\n" * line + code, "tutorial.md", "exec"), names)
    else:
        bash = ["bash", "-euo", "pipefail", "-c", code]
        subprocess.run(bash, check=True, stdin=subprocess.DEVNULL)
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="the blocks are for a POSIX shell")
def test_its_blocks_run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    for package in ("av", "matplotlib", "pandas"):
        pytest.importorskip(package)
    read = read_blocks(TUTORIAL.read_text(encoding="utf-8"))
    blocks = [b for b in read if not b.reason and b.language != "text"]
    assert {b.language for b in blocks} == {"bash", "python"}
    assert len(blocks) >= 7
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "LIVEFER_CACHE": str(tmp_path_factory.mktemp("cache")),
        "MPLBACKEND": "Agg",
        "PYTHONWARNINGS": "error::UserWarning",
    }
    ended = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([(b.line, b.language, b.code) for b in blocks]),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == 0, said
    assert "track 1" in ended.stdout, said
    lines = ended.stdout.splitlines()
    for shown in "".join(b.code for b in read if b.language == "text").splitlines():
        begin = ",".join(shown.split(",")[:5])  # the rest may differ by rounding
        assert any(line.startswith(begin) for line in lines), shown
    written = ("clip.csv", "clip.png", "clip.html", "again.svg", "clip.json", "mine.png")
    for name in (*written, "around.csv", "named.png", "mine.csv", "mine.mp4", "mine.html"):
        assert (tmp_path / name).stat().st_size > 500, name
    assert (tmp_path / "happy.png").stat().st_size > 5000


def test_linked_files_are_there() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    for link in ("timeline.png", "../MODEL_CARD.md"):
        assert f"({link})" in text
        assert (TUTORIAL.parent / link).exists()
