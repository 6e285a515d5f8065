"""Tiny data, runs and networks for tests of training and export: seconds on one core."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from livefer.data.dataset import Split
from livefer.train.checkpoint import save_checkpoint, with_prefix
from livefer.train.config import Config, parse_config
from livefer.train.devices import make_fabric
from livefer.train.fit import fit
from livefer.train.model import ResNetFER
from livefer.train.prepare import start_folder
from livefer.train.run_log import RunLog

CLASSES = ("dark", "light", "striped")
TINY = {"width": 8, "batch_size": 8, "epochs": 3, "resolution": [[0, 16]], "precision": "float32"}
MEAN, STD = 0.5, 0.25
PRIORS = {"labels": [0.2, 0.3, 0.5], "votes": [0.1, 0.1, 0.8]}


def tiny_split(n: int = 24, seed: int = 0, name: str = "train") -> Split:
    """Noise in three brightnesses: a network can tell them apart after a few steps."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 3
    faces = rng.integers(0, 40, (n, 48, 48)) + 70 * targets[:, None, None]
    files = tuple(f"{i}.png" for i in range(n))
    return Split(name, faces.astype(np.uint8), targets.astype(np.int64), files)


def run(folder: Path, resume: bool = False, train: Split | None = None, **changes: object) -> Path:
    """Train TINY with changes, on 24 images or those of `train`; return the best checkpoint."""
    torch.set_num_threads(1)
    config = parse_config(TINY | changes, "test")
    if not resume:
        start_folder(folder, config)
    fabric = make_fabric(config, "cpu", 1, 1)
    val = tiny_split(9, seed=1, name="val")
    return fit(fabric, config, train or tiny_split(), val, CLASSES, folder, resume)


def interrupt_in_step(
    patch: pytest.MonkeyPatch, number: int, by: signal.Signals = signal.SIGINT
) -> None:
    """Send a signal during the step of this number, from 1, of the next run."""
    counted, n_steps = RunLog.step, 0

    def step(log: RunLog, n_images: int) -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == number:
            signal.raise_signal(by)
        counted(log, n_images)

    patch.setattr(RunLog, "step", step)


def write_votes(path: Path, n: int, opposite: bool = False) -> Path:
    """Write a table in which nine of ten people vote for the label, or for its mirror image."""
    rows = [f"file,{','.join(CLASSES)},nothing"]
    for i in range(n):
        counts = [0, 0, 0]
        counts[2 - i % 3 if opposite else i % 3] = 9
        rows.append(f"{i}.png,{','.join(map(str, counts))},1")
    path.write_text("\n".join(rows))
    return path


def random_model(seed: int = 0, n_outputs: int = len(CLASSES)) -> ResNetFER:
    """A network with statistics and gains that differ from where BatchNorm starts."""
    torch.manual_seed(seed)
    model = ResNetFER(n_outputs, 8)
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()


def random_split(n: int = 30, seed: int = 0) -> Split:
    """A val split of noise with random targets."""
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 256, (n, 48, 48), dtype=np.uint8)
    return Split("val", faces, rng.integers(0, 3, n), tuple(f"{i}.png" for i in range(n)))


def write_checkpoint(path: Path, model: ResNetFER | None = None, **config: Any) -> Path:
    """Write a network, `random_model` if none is given, as the checkpoint of a run of width 8."""
    meta = {
        "config": Config(width=8, **config).model_dump(mode="json"),
        "classes": CLASSES,
        "mean": MEAN,
        "std": STD,
        "epoch": 4,
    }
    save_checkpoint(path, with_prefix("model", (model or random_model()).state_dict()), meta)
    return path


def write_two_headed(path: Path) -> Path:
    """Write the checkpoint of a network with a head for labels and one for votes, and priors."""
    torch.manual_seed(3)
    config = Config(width=8, learn="both", votes="votes.csv").model_dump(mode="json")
    meta = {"config": config, "classes": CLASSES, "mean": MEAN, "std": STD, "priors": PRIORS}
    model = ResNetFER(2 * len(CLASSES), 8)
    save_checkpoint(path, with_prefix("model", model.state_dict()), meta)
    return path
