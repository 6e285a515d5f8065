"""The shell scripts, with commands that only write down how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> called
case "$*" in
    "train --config configs/cpu-longer.yaml") exit 130;;
    "train --config"*) name=$(basename "$3" .yaml); mkdir -p "runs/$name"
        touch "runs/$name/last.safetensors";;
esac
"""


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
def test_reproduce_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    root = tmp_path / "a folder"
    (root / "bin").mkdir(parents=True)
    (root / "scripts").mkdir()
    shutil.copy(SCRIPTS / "reproduce", root / "scripts")
    for name in ("livefer", "python", "make"):
        (root / "bin" / name).write_text(FAKE)
        (root / "bin" / name).chmod(0o755)
    path = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def run() -> tuple[int, list[str]]:
        ended = subprocess.run(
            [root / "scripts" / "reproduce"], env={**os.environ, "PATH": path}, check=False
        )
        called = (root / "called").read_text().splitlines()
        (root / "called").unlink()
        return ended.returncode, called

    code, called = run()
    assert code == 130
    configs = ("cpu", "cpu-both", "cpu-longer")
    assert called == [f"livefer train --config configs/{name}.yaml" for name in configs]
    (root / "runs" / "cpu-longer").mkdir()
    (root / "runs" / "cpu-longer" / "last.safetensors").touch()
    code, called = run()
    assert code == 0
    assert called[:5] == [
        *(f"livefer train --resume runs/{name}" for name in configs),
        *(f"livefer train --config configs/{name}.yaml" for name in ("cpu-wide", "cpu-taught")),
    ]
    assert called[-1] == "make card"
