"""The state of a run: written after each epoch and at Ctrl-C, read by --resume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from livefer.errors import ModelError
from livefer.train.checkpoint import below_prefix, load_checkpoint, save_checkpoint, with_prefix

if TYPE_CHECKING:
    from livefer.train.fit import Run

# Keys that a resumed run cannot change: its weights or its optimiser's state would not fit.
_FIXED = ("learn", "width", "stem_stride", "blocks", "shortcuts", "se", "optimizer")


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
) -> Position:
    """Fill network, averaged weights and optimiser from a run's file; return its position.

    Raises ModelError where the file is no training state, or that of another network or data set.
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
    model.load_state_dict(below_prefix("model", tensors))
    if ema is not None:
        ema.load_state_dict(below_prefix("ema", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in below_prefix("optimizer", tensors).items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return Position(**saved["progress"])
