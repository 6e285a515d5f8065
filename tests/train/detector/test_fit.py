"""Training the detector: resumed is uninterrupted, and a few steps learn something."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from madepictures import dotted, empty
from safetensors.torch import load_file

from livefer.train.detector.cells import Targets
from livefer.train.detector.config import DetectorConfig
from livefer.train.detector.fit import DetectorRun, fit
from livefer.train.detector.pictures import Picture

pytestmark = pytest.mark.slow


def album() -> list[Picture]:
    """Return pictures, of which some are held out by their names."""
    faces = [dotted(f"dots {i}") for i in range(6)]
    return [*faces, dotted("crop", "face"), *(empty(f"gray {i}", 20 * i) for i in range(6))]


CONFIG = DetectorConfig(steps=4, batch_size=4, side_px=96, warmup_steps=2)


def test_a_resumed_run_is_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert fit(CONFIG, album(), whole) == 0

    step = DetectorRun.step

    def interrupted(run: DetectorRun, x: torch.Tensor, targets: Targets) -> dict[str, float]:
        if run.at == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(run, x, targets)

    monkeypatch.setattr(DetectorRun, "step", interrupted)
    assert fit(CONFIG, album(), parts) == 128 + signal.SIGTERM
    monkeypatch.undo()
    assert fit(CONFIG, album(), parts, resume=True) == 0
    one, two = (load_file(folder / "last.safetensors") for folder in (whole, parts))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


def test_it_learns(tmp_path: Path) -> None:
    changes = {"steps": 150, "batch_size": 8, "lr": 4e-3, "warmup_steps": 10}
    fit(CONFIG.model_copy(update=changes), album(), tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    assert last["loss"] < 0.8 * first["loss"]
