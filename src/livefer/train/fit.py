"""The training loop: a configuration and a data set in, checkpoints and logs out.

Each step seeds its random draws with (seed, epoch, step), so a run that is resumed at any step
continues, bit for bit, as if it had never stopped.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from livefer.classifier import CHOICES
from livefer.data.dataset import Split
from livefer.errors import ConfigError
from livefer.evaluation import metrics
from livefer.system.interrupts import StopRequested, stop_requests
from livefer.train.augment import augment, mix, unmake
from livefer.train.checkpoint import build_model, normalise, save_checkpoint, with_prefix
from livefer.train.config import Config
from livefer.train.devices import compiled, keep_freed_memory, synchronise_batchnorm
from livefer.train.distill import Teachers
from livefer.train.initial_weights import load_backbone, load_shipped
from livefer.train.losses import soft_cross_entropy
from livefer.train.model import ResNetFER
from livefer.train.optim import learning_rate, make_optimizer, update_ema
from livefer.train.prepare import (
    describe_inputs,
    describe_run,
    loss_weights,
    save_config,
    soft_targets,
    val_targets,
)
from livefer.train.resume import Position, restore, save_state
from livefer.train.run_log import RunLog

_N_MEASURED = 1024  # faces that give a shipped model its BatchNorm statistics


class Interrupted(Exception):
    """Ctrl-C or SIGTERM: the run has saved its state and can be resumed.

    exit_code: what the process should end with
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass
class Run:
    """Everything that a run holds between its steps.

    meta: plain data of every checkpoint: configuration, classes, mean, std and priors
    model: the network; net: the same as a step calls it, compiled and wrapped for the devices
    ema: the averaged weights, or None
    faces: (N, 48, 48) uint8, targets: (N, heads, C) float32: the training images, on the device
    weights: (heads, C) float32, of the classes in the loss
    val_faces: (M, 48, 48) uint8; truth: class ids (M,) by head, -1 where there is none
    notes: first lines of the log, before its table
    at: the epoch and the step that come next
    """

    fabric: Fabric
    config: Config
    folder: Path
    meta: dict[str, Any]
    model: ResNetFER
    net: Any
    ema: nn.Module | None
    optimizer: Any
    teachers: Teachers | None
    faces: Tensor
    targets: Tensor
    weights: Tensor
    val_faces: NDArray[np.uint8]
    truth: dict[str, NDArray[np.int64]]
    notes: list[str]
    at: Position

    @property
    def batch_size(self) -> int:
        """Images of a step, on all devices together."""
        return min(self.config.batch_size, len(self.faces))

    @property
    def n_steps(self) -> int:
        """Steps of an epoch; the images that do not fill a last batch wait for another epoch."""
        return len(self.faces) // self.batch_size


def fit(
    fabric: Fabric,
    config: Config,
    train: Split,
    val: Split,
    classes: tuple[str, ...],
    folder: Path,
    resume: bool = False,
) -> Path:
    """Train, and return the checkpoint of the epoch that is best on val.

    Writes last.safetensors (all that resuming needs), best.safetensors (the weights to use),
    metrics.jsonl and TensorBoard's events to `folder`. Raises Interrupted after Ctrl-C or SIGTERM,
    with the state saved; a second one ends the run at once.
    """
    run = prepare_run(fabric, config, train, val, classes, folder, resume)
    at = run.at
    if resume and fabric.is_global_zero:
        save_config(folder, config)  # what was changed lasts, once the run is known to fit it
    with (
        RunLog(fabric, config, folder, run.n_steps, at.epoch) as log,
        stop_requests(may_interrupt=True) as requested,
    ):
        for note in run.notes:
            log.print(note)
        log.begin_table()
        while at.epoch < config.epochs and not _is_stuck(at, config):
            loss = train_epoch(run, log, requested)
            figures, matrix = validate(run)
            is_best = _keep_best(run, figures)
            lr = learning_rate(config, at.epoch + 1 - 1 / run.n_steps)
            record = {"epoch": at.epoch, "loss": loss, "lr": lr, **figures}
            log.end_epoch(record, matrix, classes, is_best)
            at.epoch, at.step, at.loss_sum = at.epoch + 1, 0, 0.0
            save_state(run)
        if at.epoch < config.epochs:
            why = f"no better val accuracy in {config.patience} epochs: stopped"
            log.print(f"{why}; --resume with patience=0 goes on")
        what = f"{'mean ' * (len(config.heads) > 1)}val accuracy on {' and '.join(config.heads)}"
        log.print(f"best {what} {at.best:.2%} in epoch {at.best_epoch + 1}")
    return folder / "best.safetensors"


def prepare_run(
    fabric: Fabric,
    config: Config,
    train: Split,
    val: Split,
    classes: tuple[str, ...],
    folder: Path,
    resume: bool,
) -> Run:
    """Build network and optimiser, restore a resumed run's state, and place all on the device."""
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = fabric.device.type == "cuda"
    weights, targets = loss_weights(train, classes, config), soft_targets(train, classes, config)
    truth = val_targets(val, classes, config)
    meta = describe_run(train, classes, config, weights)
    meta |= describe_inputs(config, train, val, targets, truth)

    model = build_model(config, len(classes))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.init in CHOICES and not resume:
        x = _measured_faces(train, meta, config)
        load_shipped(model, config, classes, x, meta["mean"], meta["std"])
    elif config.init != "random" and not resume:
        load_backbone(model, config.init)
    if fabric.world_size > 1:
        synchronise_batchnorm(model)
    model.to(fabric.device)  # first: a resumed optimiser's state goes where the weights are
    optimizer = make_optimizer(model, config)
    ema = copy.deepcopy(model).eval().requires_grad_(False) if config.ema else None
    at, notes = Position(), list[str]()
    if resume:
        at, notes = restore(folder / "last.safetensors", model, ema, optimizer, meta)
    trained, why_not_compiled = compiled(model, config, fabric.device)
    net, optimizer = fabric.setup(trained, optimizer)
    keep_freed_memory()

    return Run(
        fabric=fabric,
        config=config,
        folder=folder,
        meta=meta,
        model=model,
        net=net,
        ema=ema,
        optimizer=optimizer,
        teachers=Teachers(config, classes).to(fabric.device) if config.distill.teachers else None,
        faces=torch.from_numpy(train.faces).to(fabric.device),
        targets=torch.from_numpy(targets).to(fabric.device),
        weights=weights.to(fabric.device),
        val_faces=val.faces,
        truth=truth,
        notes=notes + _notes(config, why_not_compiled),
        at=at,
    )


def _measured_faces(train: Split, meta: dict[str, Any], config: Config) -> Tensor:
    """Return some training faces, (n, 1, side, side) float32, as the first steps will see them."""
    rows = _shuffled(len(train), config.seed, 0)[:_N_MEASURED]
    x = augment(torch.from_numpy(train.faces)[rows], config.augment)
    return _resize((x - meta["mean"]) / meta["std"], config.resolution_at(0))


def _notes(config: Config, why_not_compiled: str) -> list[str]:
    """Return a line for each key of the configuration that does nothing in this run."""
    notes = []
    if config.freeze_epochs and config.init == "random":
        notes.append("freeze_epochs: no effect with init random; the whole network is trained")
    if why_not_compiled:
        notes.append(f"compile: {why_not_compiled}; each step takes longer without")
    if config.heads[0] != "labels" and (config.label_smoothing or config.class_weights != "none"):
        notes.append("label_smoothing, class_weights: for labels only, no effect on votes")
    return notes


def train_epoch(run: Run, log: RunLog, requested: StopRequested) -> float:
    """Train from the run's step to the end of its epoch; return the mean loss of the epoch.

    Raises Interrupted, with the state saved, after the step in which a stop was requested, and
    ConfigError where the loss is no longer a number.
    """
    fabric, config, at = run.fabric, run.config, run.at
    is_frozen = at.epoch < config.freeze_epochs and config.init != "random"
    _set_frozen(run.model, is_frozen)
    order = _shuffled(len(run.faces), config.seed, at.epoch).to(fabric.device)
    log.start_epoch(at.epoch, at.step)
    while at.step < run.n_steps:
        rows = order[at.step * run.batch_size : (at.step + 1) * run.batch_size]
        loss = _train_step(run, rows, log)
        at.step += 1
        at.loss_sum = at.loss_sum + loss.detach()
        log.step(len(rows))
        if _on_any_device(requested.stop.is_set(), fabric):
            save_state(run)
            message = f"stopped in epoch {at.epoch + 1}, step {at.step}"
            raise Interrupted(message, requested.exit_code)

    loss_sum = torch.as_tensor(fabric.all_reduce(torch.as_tensor(at.loss_sum)))
    if not math.isfinite(loss_sum):
        raise ConfigError(
            f"the loss is not a number any more in epoch {at.epoch + 1}: try a smaller lr (now "
            f"{config.lr:g}) or a longer warm-up"
        )
    return float(loss_sum) / run.n_steps


def _train_step(run: Run, rows: Tensor, log: RunLog) -> Tensor:
    """Take one step of the optimiser on the images `rows`; return this device's loss."""
    fabric, config, at = run.fabric, run.config, run.at
    x, targets, answers = _make_batch(run, rows, log)
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(config, at.epoch + at.step / run.n_steps)
    logits = run.net(x.contiguous(memory_format=torch.channels_last)).view(targets.shape)
    loss = soft_cross_entropy(logits, targets, run.weights)
    if run.teachers and answers is not None:
        taught = run.teachers.loss(logits, answers)
        loss = loss + run.teachers.weight * (taught - loss)
    fabric.backward(loss)
    run.optimizer.step()
    run.optimizer.zero_grad()
    if run.ema is not None:
        update_ema(run.ema, run.model, config.ema, at.epoch * run.n_steps + at.step)
    return loss


def _make_batch(run: Run, rows: Tensor, log: RunLog) -> tuple[Tensor, Tensor, Tensor | None]:
    """Augment and mix the images `rows`; return what this device trains on.

    returns: (n, 1, side, side) float32, normalised; (n, heads, C) float32 targets; the teachers'
        answers of the same shape, or None
    """
    fabric, config, at = run.fabric, run.config, run.at
    _seed(config.seed, at.epoch, at.step)
    x, targets = augment(run.faces[rows], config.augment), run.targets[rows]
    if config.augment.no_face:
        x, targets = unmake(x, targets, config.augment.no_face)
    if at.epoch == 0 and at.step == 0:
        log.samples(x)
    if at.epoch < config.epochs - config.augment.clean_epochs:
        x, targets = mix(x, targets, config.augment)
    answers = None
    if run.teachers:
        with fabric.autocast():
            answers = run.teachers(x, len(config.heads))
    x = _resize((x - run.meta["mean"]) / run.meta["std"], config.resolution_at(at.epoch))
    # Every device augments the whole batch and takes its rows: n do what one does.
    mine = slice(fabric.global_rank, None, fabric.world_size)
    if fabric.world_size > 1:
        _seed(config.seed, at.epoch, at.step, fabric.global_rank)  # of dropout
    return x[mine], targets[mine], None if answers is None else answers[mine]


def validate(run: Run) -> tuple[dict[str, float], metrics.Matrix]:
    """Measure the network on val, by its averaged weights if there are any.

    returns: loss, accuracy and macro-F1 of each head, those of a second head with its name in
        theirs; the confusion matrix of the first head
    """
    probabilities = _predict_val(run)
    figures, matrices = {}, []
    for index, (head, targets) in enumerate(run.truth.items()):
        known = targets >= 0
        p, targets = probabilities[known, index], targets[known]
        matrix = metrics.confusion_matrix(targets, p.argmax(axis=1), p.shape[1])
        val = "val" if index == 0 else f"val_{head}"
        figures[f"{val}_loss"] = metrics.nll(p, targets)
        figures[f"{val}_accuracy"] = metrics.accuracy(matrix)
        figures[f"{val}_macro_f1"] = metrics.macro_f1(matrix)
        matrices.append(matrix)
    return figures, matrices[0]


@torch.inference_mode()
def _predict_val(run: Run) -> NDArray[np.float32]:
    """Return probabilities (M, heads, C) float32 of the val images."""
    model, fabric, meta = run.ema or run.model, run.fabric, run.meta
    model.eval()
    parts = []
    for start in range(0, len(run.val_faces), 512):
        faces = torch.from_numpy(run.val_faces[start : start + 512]).to(fabric.device)
        x = normalise(faces, meta["mean"], meta["std"]).contiguous(
            memory_format=torch.channels_last
        )
        with fabric.autocast():
            logits = model(x)
        logits = logits.float().view(len(faces), -1, len(meta["classes"]))
        parts.append(logits.softmax(dim=2).cpu())
    model.train()
    probabilities: NDArray[np.float32] = torch.cat(parts).numpy()
    return probabilities


def _keep_best(run: Run, figures: dict[str, float]) -> bool:
    """Write best.safetensors if no epoch before was as good on val; return whether it was written.

    The score is the accuracy, with two heads the mean of theirs.
    """
    heads = run.config.heads
    names = ["val_accuracy", *(f"val_{head}_accuracy" for head in heads[1:])]
    score = sum(figures[name] for name in names) / len(heads)
    if score <= run.at.best:
        return False
    run.at.best, run.at.best_epoch = score, run.at.epoch
    if run.fabric.is_global_zero:
        weights = with_prefix("model", (run.ema or run.model).state_dict())
        meta = run.meta | {"epoch": run.at.epoch, **figures}
        save_checkpoint(run.folder / "best.safetensors", weights, meta)
    return True


def _is_stuck(at: Position, config: Config) -> bool:
    """Tell whether `patience` epochs have passed since the best one."""
    return bool(config.patience) and at.epoch - 1 - at.best_epoch >= config.patience


def _resize(x: Tensor, side_px: int) -> Tensor:
    if x.shape[-1] == side_px:
        return x
    return F.interpolate(x, size=(side_px, side_px), mode="bilinear", antialias=True)


def _set_frozen(model: ResNetFER, frozen: bool) -> None:
    """Freeze or thaw the backbone, its BatchNorm statistics included."""
    model.train()
    for part in model.backbone():
        part.requires_grad_(not frozen)
        part.train(not frozen)


def _shuffled(n: int, seed: int, epoch: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n))


def _seed(*numbers: int) -> None:
    """Seed torch's global generators with a hash of the numbers."""
    torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))


def _on_any_device(flag: bool, fabric: Fabric) -> bool:
    """Tell whether the flag is set on any device, so that all of them stop after the same step."""
    if fabric.world_size == 1:
        return flag
    total = fabric.all_reduce(torch.tensor(float(flag), device=fabric.device), reduce_op="sum")
    return bool(torch.as_tensor(total) > 0)
