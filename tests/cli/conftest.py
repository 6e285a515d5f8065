"""What tests of `livefer data` and `livefer evaluate` share: a command line, and a data set."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest
from builders import make_faces, write_picture
from commands import Ended, PetModel, Run

from livefer.cli import main

COUNTS = {"train/cat": 6, "train/dog": 2, "val/cat": 3, "val/dog": 1}


@pytest.fixture
def livefer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["livefer", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cats are bright and dogs dark, but for one dog of val; a cat of val is in train."""
    monkeypatch.setattr("livefer.cli.measured.EmotionClassifier", PetModel)
    for folder, n in COUNTS.items():
        for i, face in enumerate(make_faces(n, seed=len(folder) + ord(folder[-1]))):
            level = 150 if folder.endswith("cat") or folder.startswith("val") else 20
            write_picture(tmp_path / "pets" / folder / f"{i}.png", face // 3 + level)
    twin = cv2.imread(str(tmp_path / "pets" / "train" / "cat" / "0.png"), cv2.IMREAD_GRAYSCALE)
    write_picture(tmp_path / "pets" / "val" / "cat" / "0.png", twin)
    return tmp_path / "pets"
