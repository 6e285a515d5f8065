"""The detector's training loop: pictures in, checkpoints, a log and the detector's file out.

A scene is named by seed, step and number, so a run that is resumed continues as if it had never
stopped.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from livefer.errors import ConfigError
from livefer.system.interrupts import stop_requests
from livefer.train.checkpoint import below_prefix, load_checkpoint, save_checkpoint, with_prefix
from livefer.train.detector.album import Album, HardViews
from livefer.train.detector.cells import Targets, detector_loss, scene_targets
from livefer.train.detector.config import DetectorConfig
from livefer.train.detector.mining import mine, no_hard_views
from livefer.train.detector.network import FaceNet
from livefer.train.detector.pictures import Picture
from livefer.train.detector.scenes import make_scene
from livefer.train.devices import keep_freed_memory, limit_threads

_LOG_EVERY = 50
_SAVE_EVERY = 200
_ROUND = 1000  # steps, after which the hardest pictures are looked for
_AHEAD = 6  # batches that are made before they are needed
_WORKERS = 2
_PARTS = ("score", "box", "landmarks", "loss")
Batch = tuple[Tensor, Targets]


def make_batch(album: Album, config: DetectorConfig, step: int) -> Batch:
    """Return the scenes (N, 3, S, S) float32, 0–1, BGR, of a step, and their targets."""
    images, columns = [], []
    for i in range(config.batch_size):
        rng = np.random.default_rng([config.seed, step, i])
        scene = make_scene(album, rng, config.side_px)
        images.append(scene.image)
        columns.append(scene_targets(scene))
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)  # channels last in memory
    targets = (torch.from_numpy(np.stack(column)) for column in zip(*columns, strict=True))
    return x.float() / 255, Targets(*targets)


class DetectorRun:
    """A network while it is trained.

    at: the step that comes next
    hard: what it took for faces, for as many pictures without any as there are
    """

    def __init__(
        self, config: DetectorConfig, folder: Path, resume: bool, n_empty: int = 0
    ) -> None:
        torch.manual_seed(config.seed)
        self.hard = no_hard_views(n_empty)
        self.config, self.folder, self.at = config, folder, 0
        self.model = FaceNet()
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            _groups(self.model, config.weight_decay), lr=config.lr, betas=(0.9, 0.99)
        )
        if resume:
            tensors, meta = load_checkpoint(folder / "last.safetensors")
            self._load(tensors)
            state = self.optimizer.state_dict()
            state["state"] = {
                index: below_prefix(f"optimizer.{index}", tensors)
                for index in range(len(list(self.model.parameters())))
            }
            self.optimizer.load_state_dict(state)
            self.at = int(meta["step"])
            hard = HardViews(*(tensors[f"hard.{name}"].numpy() for name in HardViews._fields))
            if len(hard.scores) == n_empty:  # otherwise pictures came or went
                self.hard = hard
        elif config.init:
            self._load(load_checkpoint(Path(config.init))[0])
        self.model.train()

    def _load(self, tensors: dict[str, Tensor]) -> None:
        try:
            self.model.load_state_dict(below_prefix("model", tensors))
            self.ema.load_state_dict(below_prefix("ema", tensors))
        except RuntimeError:
            raise ConfigError("the checkpoint is of another network") from None

    def save(self) -> None:
        """Write last.safetensors: all that going on needs."""
        tensors = with_prefix("model", self.model.state_dict())
        tensors |= with_prefix("ema", self.ema.state_dict())
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= with_prefix(f"optimizer.{index}", state)
        hard = {name: torch.from_numpy(a) for name, a in self.hard._asdict().items()}
        tensors |= with_prefix("hard", hard)
        meta = {"step": self.at, "config": self.config.model_dump(mode="json"), "classes": ["face"]}
        save_checkpoint(self.folder / "last.safetensors", tensors, meta)

    def step(self, x: Tensor, targets: Targets) -> dict[str, float]:
        """Learn from one batch, and return the parts of its loss."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.at)
        losses = detector_loss(self.model(x), targets, config.side_px)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        _average(self.ema, self.model, min(config.ema, (1 + self.at) / (10 + self.at)))
        self.at += 1
        return {name: float(losses[name].detach()) for name in _PARTS}


def fit(config: DetectorConfig, pictures: list[Picture], folder: Path, resume: bool = False) -> int:
    """Train, and write last.safetensors and metrics.jsonl; return the exit code of a stop, or 0.

    Ctrl-C, SIGTERM and SIGHUP end the run after the step, with its state saved.
    """
    keep_freed_memory()
    limit_threads()
    used = [picture for picture in pictures if not picture.is_held_out]
    run = DetectorRun(config, folder, resume, len(Album(used).empty))
    with _bar(config, run.at) as bar, stop_requests(may_interrupt=True) as requested:
        while run.at < config.steps and not requested.stop.is_set():
            if run.at and run.at % _ROUND == 0:
                run.hard = mine(run.ema, Album(used), run.hard, config, run.at // _ROUND)
            album = Album(used, run.hard)
            for _ in _steps(run, album, (run.at // _ROUND + 1) * _ROUND):
                bar.advance(bar.task_ids[0])
                if requested.stop.is_set():
                    break
            run.save()
        return requested.exit_code if requested.stop.is_set() else 0


def _steps(run: DetectorRun, album: Album, end: int) -> Iterator[int]:
    """Train up to a step, log the mean losses, save now and then, and yield each step."""
    config = run.config
    sums = dict.fromkeys(_PARTS, 0.0)
    began, since = time.perf_counter(), run.at
    with _batches(album, config, run.at, min(end, config.steps)) as batches:
        for x, targets in batches:
            for name, value in run.step(x, targets).items():
                sums[name] += value
            if run.at % _LOG_EVERY == 0 or run.at == config.steps:
                n = run.at - since
                speed = n * config.batch_size / (time.perf_counter() - began)
                means = {name: round(total / n, 4) for name, total in sums.items()}
                hard = round(float(run.hard.scores.sum()) / max(len(run.hard.scores), 1), 4)
                record = {"step": run.at, "scenes_per_s": round(speed, 1), **means, "hard": hard}
                _log(run.folder, record)
                sums = dict.fromkeys(_PARTS, 0.0)
                began, since = time.perf_counter(), run.at
            if run.at % _SAVE_EVERY == 0:
                run.save()
            yield run.at


def learning_rate(config: DetectorConfig, step: int) -> float:
    """Return the rate of a step: a rise, then a cosine down to a hundredth."""
    rising = min(1.0, (step + 1) / config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.lr * rising * (0.01 + 0.99 * cosine)


@contextmanager
def _batches(
    album: Album, config: DetectorConfig, start: int, end: int
) -> Iterator[Iterator[Batch]]:
    """Give the batches from a step to another; some are made ahead, in other threads."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        waiting: dict[int, Future[Batch]] = {}

        def order(step: int) -> None:
            if step < end:
                waiting[step] = pool.submit(make_batch, album, config, step)

        def batches() -> Iterator[Batch]:
            for step in range(start, end):
                order(step + _AHEAD)
                yield waiting.pop(step).result()

        for step in range(start, start + _AHEAD):
            order(step)
        try:
            yield batches()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _bar(config: DetectorConfig, at: int) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("step"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task("", total=config.steps, completed=at)
        yield bar


def _log(folder: Path, record: dict[str, float]) -> None:
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _groups(model: FaceNet, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameters: depthwise kernels, BatchNorm and biases are not pulled towards 0."""
    is_decayed = [p.ndim == 4 and p.shape[1] > 1 for p in model.parameters()]
    pairs = list(zip(model.parameters(), is_decayed, strict=True))
    return [
        {"params": [p for p, decayed in pairs if decayed], "weight_decay": weight_decay},
        {"params": [p for p, decayed in pairs if not decayed], "weight_decay": 0.0},
    ]


@torch.no_grad()
def _average(ema: FaceNet, model: FaceNet, decay: float) -> None:
    for mean, value in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
