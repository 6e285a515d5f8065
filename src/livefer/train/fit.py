"""The training loop: a configuration and a data set in, checkpoints and logs out.

Every random draw of a step comes from (seed, epoch, step), so a run that is resumed at any step
goes on as if it had never stopped.
"""

from __future__ import annotations

import copy
import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from livefer.data.dataset import Split
from livefer.errors import ConfigError
from livefer.evaluation import metrics
from livefer.train.augment import augment, mix, unmake
from livefer.train.checkpoint import build_model, normalise, save_checkpoint, with_prefix
from livefer.train.config import Config
from livefer.train.devices import compiled, keep_freed_memory, synchronise_batchnorm
from livefer.train.distill import Teachers
from livefer.train.initial_weights import load_backbone
from livefer.train.losses import class_weights, soft_cross_entropy
from livefer.train.model import ResNetFER
from livefer.train.optim import learning_rate, make_optimizer, update_ema
from livefer.train.prepare import soft_targets, val_targets
from livefer.train.resume import Progress, restore, save_state
from livefer.train.run_log import RunLog


class Interrupted(Exception):
    """Ctrl-C: the run has saved its state and can be resumed."""


def fit(
    fabric: Fabric,
    config: Config,
    train: Split,
    val: Split,
    classes: tuple[str, ...],
    folder: Path,
    resume: bool = False,
) -> Path:
    """Train and return the checkpoint that was best on val.

    Writes into `folder`: last.safetensors (everything), best.safetensors (the weights to use),
    metrics.jsonl and TensorBoard's events. Raises Interrupted after Ctrl-C, with the state saved.
    """
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = fabric.device.type == "cuda"
    mean, std = float(train.faces.mean() / 255), float(train.faces.std() / 255)
    train_targets = soft_targets(train, classes, config)
    weights = torch.ones(len(config.heads), len(classes))
    if config.heads[0] == "labels":
        weights[0] = class_weights(train.targets, len(classes), config.class_weights)
    # What the loss weighs up is as frequent to the network as its weight says; what smoothing adds
    # is taken off its answers again by the export.
    unsmoothed = config.model_copy(update={"label_smoothing": 0.0})
    totals = soft_targets(train, classes, unsmoothed).sum(axis=0, dtype=np.float64)
    totals *= weights.numpy()
    priors = totals / totals.sum(axis=1, keepdims=True)
    meta = {
        "config": config.model_dump(mode="json"),
        "classes": classes,
        "mean": mean,
        "std": std,
        "priors": dict(zip(config.heads, priors.tolist(), strict=True)),
    }

    model = build_model(config, len(classes))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    freeze_epochs = config.freeze_epochs
    if config.init == "random":
        freeze_epochs = 0
    elif not resume:
        load_backbone(model, config.init)
    if fabric.world_size > 1:
        synchronise_batchnorm(model)
    model.to(fabric.device)  # first: a resumed optimiser's state goes where the weights are
    optimizer = make_optimizer(model, config)
    ema = copy.deepcopy(model).eval().requires_grad_(False) if config.ema else None
    at = Progress()
    if resume:
        at = restore(folder / "last.safetensors", model, ema, optimizer, meta)
    trained, why_not_compiled = compiled(model, config, fabric.device)
    net, optimizer = fabric.setup(trained, optimizer)
    keep_freed_memory()

    faces = torch.from_numpy(train.faces).to(fabric.device)
    targets = torch.from_numpy(train_targets).to(fabric.device)  # (N, heads, C)
    weights = weights.to(fabric.device)
    teachers = None
    if config.distill.teachers:
        teachers = Teachers(config, classes).to(fabric.device)
    truth = val_targets(val, classes, config)
    batch_size = min(config.batch_size, len(faces))
    n_steps = len(faces) // batch_size

    with RunLog(fabric, config, folder, n_steps, at.epoch) as log, _catch_ctrl_c() as stop:
        if config.freeze_epochs and not freeze_epochs:
            log.say("freeze_epochs: with init random there is nothing to protect; all is trained")
        if why_not_compiled:
            log.say(f"compile: {why_not_compiled}; each step takes longer without")
        if config.heads[0] != "labels" and (
            config.label_smoothing or config.class_weights != "none"
        ):
            log.say("label_smoothing, class_weights: for labels only; the votes are learned as is")
        while at.epoch < config.epochs and not _is_stuck(at, config):
            _set_frozen(model, at.epoch < freeze_epochs)
            order = _shuffled(len(faces), config.seed, at.epoch).to(fabric.device)
            mixing = at.epoch < config.epochs - config.augment.clean_epochs
            log.start_epoch(at.epoch, at.step)
            while at.step < n_steps:
                rows = order[at.step * batch_size : (at.step + 1) * batch_size]
                _seed(config.seed, at.epoch, at.step)
                x, t = augment(faces[rows], config.augment), targets[rows]
                if config.augment.no_face:
                    x, t = unmake(x, t, config.augment.no_face)
                if at.epoch == 0 and at.step == 0:
                    log.samples(x)
                if mixing:
                    x, t = mix(x, t, config.augment)
                answers = None
                if teachers:
                    with fabric.autocast():
                        answers = teachers(x, len(config.heads))
                x = _resize((x - mean) / std, config.resolution_at(at.epoch))
                # Every device augments the whole batch and takes its rows: n do what one does.
                mine = slice(fabric.global_rank, None, fabric.world_size)
                x, t = x[mine], t[mine]
                if fabric.world_size > 1:
                    _seed(config.seed, at.epoch, at.step, fabric.global_rank)

                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(config, at.epoch + at.step / n_steps)
                logits = net(x.contiguous(memory_format=torch.channels_last)).view(t.shape)
                loss = soft_cross_entropy(logits, t, weights)
                if teachers and answers is not None:
                    taught = teachers.loss(logits, answers[mine])
                    loss = loss + teachers.weight * (taught - loss)
                fabric.backward(loss)
                if config.clip_norm:
                    fabric.clip_gradients(
                        net, optimizer, max_norm=config.clip_norm, error_if_nonfinite=False
                    )
                optimizer.step()
                optimizer.zero_grad()
                if ema is not None:
                    update_ema(ema, model, config.ema, at.epoch * n_steps + at.step)

                at.step += 1
                at.loss_sum = at.loss_sum + loss.detach()
                log.step(len(rows))
                if _anyone(stop.is_set(), fabric):
                    save_state(fabric, folder, model, ema, optimizer, at, meta)
                    raise Interrupted(f"stopped in epoch {at.epoch + 1}, step {at.step}")

            loss = torch.as_tensor(fabric.all_reduce(torch.as_tensor(at.loss_sum)))
            if not math.isfinite(loss):
                raise ConfigError(
                    f"the loss is no number any more in epoch {at.epoch + 1}: a smaller lr (now "
                    f"{config.lr:g}), a longer warm-up or clip_norm may help"
                )
            probabilities = predict(fabric, ema or model, val.faces, mean, std, len(classes))
            found = _measure(probabilities, truth)
            score = sum(found[key] for key in _scores(config)) / len(config.heads)
            better = score > at.best
            if better:
                at.best, at.best_epoch = score, at.epoch
                if fabric.is_global_zero:
                    best = with_prefix("model", (ema or model).state_dict())
                    save_checkpoint(
                        folder / "best.safetensors", best, meta | {"epoch": at.epoch, **found}
                    )
            lr = learning_rate(config, at.epoch + 1 - 1 / n_steps)
            record = {"epoch": at.epoch, "loss": float(loss) / n_steps, "lr": lr, **found}
            known = truth[config.heads[0]] >= 0
            log.end_epoch(
                record, probabilities[known, 0], truth[config.heads[0]][known], classes, better
            )
            at.epoch, at.step, at.loss_sum = at.epoch + 1, 0, 0.0
            save_state(fabric, folder, model, ema, optimizer, at, meta)
        if at.epoch < config.epochs:
            log.say(f"no better val accuracy in {config.patience} epochs: stopped")
        what = f"{'mean ' * (len(config.heads) > 1)}val accuracy on {' and '.join(config.heads)}"
        log.say(f"best {what} {at.best:.2%} in epoch {at.best_epoch + 1}")
    return folder / "best.safetensors"


@torch.inference_mode()
def predict(
    fabric: Fabric,
    model: nn.Module,
    faces: NDArray[np.uint8],
    mean: float,
    std: float,
    n_classes: int,
) -> NDArray[np.float32]:
    """Return probabilities (N, heads, C) float32 of faces (N, 48, 48) uint8."""
    model.eval()
    parts = []
    for start in range(0, len(faces), 512):
        batch = torch.from_numpy(faces[start : start + 512]).to(fabric.device)
        x = normalise(batch, mean, std).contiguous(memory_format=torch.channels_last)
        with fabric.autocast():
            logits = model(x)
        parts.append(logits.float().view(len(batch), -1, n_classes).softmax(dim=2).cpu())
    model.train()
    result: NDArray[np.float32] = torch.cat(parts).numpy()
    return result


def _measure(
    probabilities: NDArray[np.float32], truth: dict[str, NDArray[np.int64]]
) -> dict[str, float]:
    """Return the figures of each head; those of a second one have its name in theirs."""
    found = {}
    for index, (head, targets) in enumerate(truth.items()):
        known = targets >= 0
        p, targets = probabilities[known, index], targets[known]
        matrix = metrics.confusion_matrix(targets, p.argmax(axis=1), p.shape[1])
        val = "val" if index == 0 else f"val_{head}"
        found[f"{val}_loss"] = metrics.nll(p, targets)
        found[f"{val}_accuracy"] = metrics.accuracy(matrix)
        found[f"{val}_macro_f1"] = metrics.macro_f1(matrix)
    return found


def _scores(config: Config) -> list[str]:
    """Return the names of the figures whose mean decides which epoch is the best."""
    return ["val_accuracy", *(f"val_{head}_accuracy" for head in config.heads[1:])]


def _is_stuck(at: Progress, config: Config) -> bool:
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


@contextmanager
def _catch_ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event; a second one ends the program as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def on_signal(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _anyone(flag: bool, fabric: Fabric) -> bool:
    """Tell whether any device saw it, so that all of them stop at the same step."""
    if fabric.world_size == 1:
        return flag
    total = fabric.all_reduce(torch.tensor(float(flag), device=fabric.device), reduce_op="sum")
    return bool(torch.as_tensor(total) > 0)
