"""The state of a run: written after each epoch and at Ctrl-C, read by --resume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from livefer.errors import ConfigError, ModelError
from livefer.train.checkpoint import below_prefix, load_checkpoint, save_checkpoint, with_prefix
from livefer.train.config import Config, parse_config
from livefer.train.optim import learning_rate

if TYPE_CHECKING:
    from livefer.train.fit import Run

# Keys that config.yaml must not change: the weights or the optimiser's state would not fit.
_FIXED = ("learn", "width", "stem_stride", "blocks", "shortcuts", "se", "optimizer")

# Keys that the command may change: how long the run is, where its inputs lie, what the machine can.
_FREE = ("epochs", "patience", "data", "votes", "distill.teachers", "precision", "compile")


@dataclass
class Position:
    """Where a run is.

    epoch, step: the next ones, from 0; loss_sum: of the steps of this epoch so far
    best, best_epoch: the best score on val, and its epoch; -1 before the first validation
    """

    epoch: int = 0
    step: int = 0
    loss_sum: Tensor | float = 0.0
    best: float = -1.0
    best_epoch: int = -1


def check_changes(folder: Path, saved: Config, changed: Config) -> None:
    """Raise ConfigError where a resumed run would become another one."""
    then, now = _flat(saved), _flat(changed)
    keys = [key for key in now if now[key] != then[key] and key not in _FREE]
    if keys:
        values = " ".join(f"{key}={now[key]}" for key in keys)
        raise ConfigError(
            f"--resume keeps {', '.join(keys)}: one run with two settings could be compared with "
            f"no other. It changes {', '.join(_FREE[:-1])} and {_FREE[-1]} alone; for a new run "
            f"from these weights: livefer train --config {folder / 'config.yaml'} "
            f"init={folder / 'best.safetensors'} {values} --out DIR"
        )


def _flat(config: Config) -> dict[str, Any]:
    """Return every key with its value; those of a group as "augment.flip"."""
    found: dict[str, Any] = {}
    for key, value in config.model_dump(mode="json").items():
        group = value if isinstance(value, dict) else {"": value}
        found |= {f"{key}.{name}".rstrip("."): v for name, v in group.items()}
    return found


def save_state(run: Run) -> None:
    """Write last.safetensors: weights, optimiser, position. Only the first device writes."""
    if not run.fabric.is_global_zero:
        return
    tensors = with_prefix("model", run.model.state_dict())
    if run.ema is not None:
        tensors |= with_prefix("ema", run.ema.state_dict())
    for index, state in run.optimizer.state_dict()["state"].items():
        state = {key: value for key, value in state.items() if value is not None}
        tensors |= with_prefix(f"optimizer.{index}", state)
    progress = vars(run.at) | {"loss_sum": float(run.at.loss_sum)}
    save_checkpoint(run.folder / "last.safetensors", tensors, run.meta | {"progress": progress})


def restore(
    path: Path,
    model: nn.Module,
    ema: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    meta: dict[str, Any],
) -> tuple[Position, list[str]]:
    """Fill network, averaged weights and optimiser from a run's file.

    returns: the run's position, and notes on what has changed since it stopped

    Raises ModelError where the file is no training state, or that of another network or data set,
    and ConfigError where the run has passed its last epoch.
    """
    tensors, saved = load_checkpoint(path)
    if "progress" not in saved:
        raise ModelError(
            f"{path} holds no training state: resume from the last.safetensors of a run"
        )
    if list(saved["classes"]) != list(meta["classes"]):
        raise ModelError(f"{path} was trained on {saved['classes']}, the data has other classes")
    now, then = meta["config"], saved["config"]
    changed = [key for key in _FIXED if then.get(key, now[key]) != now[key]]
    if changed or bool(then.get("ema")) != (ema is not None):
        raise ModelError(
            f"{path} was made with another {' and '.join(changed) or 'ema'} than config.yaml "
            "beside it says: restore that file, or start another run with init"
        )
    if not all(math.isclose(saved[key], meta[key], rel_tol=1e-6) for key in ("mean", "std")):
        raise ModelError(
            f"{path} was trained on other images than {now['data']} holds now: restore them, or "
            "start another run with init"
        )
    for key, what in (("labels", "labels, or images in another order,"), ("teachers", "teachers")):
        if saved.get(f"{key}_sha256", meta[f"{key}_sha256"]) != meta[f"{key}_sha256"]:
            raise ModelError(
                f"{path} was trained with other {what} than config.yaml and the command name now: "
                "restore them, or start another run with init"
            )
    at, config = Position(**saved["progress"]), parse_config(now, "config.yaml")
    notes = _notes_on(path.parent, at, then.get("epochs", now["epochs"]), config)
    model.load_state_dict(below_prefix("model", tensors))
    if ema is not None:
        ema.load_state_dict(below_prefix("ema", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in below_prefix("optimizer", tensors).items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return at, notes


def _notes_on(folder: Path, at: Position, n_before: int, config: Config) -> list[str]:
    """Return what the number of epochs means for a run that had `n_before` of them."""
    n, begun = config.epochs, at.epoch + (at.step > 0)
    if begun > n:
        raise ConfigError(
            f"epochs={n}: {folder} has begun {begun} epochs already: expected {begun} or more"
        )
    if at.epoch == n:
        return [f"{folder} is finished: {n} of {n} epochs; epochs=N with a larger N lengthens it"]
    if n == n_before:
        return []
    now = learning_rate(config, at.epoch)
    before = learning_rate(config.model_copy(update={"epochs": n_before}), min(at.epoch, n_before))
    return [
        f"epochs: {n} instead of {n_before}. From here the learning rate follows the cosine of "
        f"{n} epochs: {now:.2g}, where the other was at {before:.2g}. The result is not that of a "
        f"run that had {n} from its start"
    ]
