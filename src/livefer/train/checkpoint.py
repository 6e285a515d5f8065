"""Checkpoints: a safetensors file with weights, perhaps the training state, and plain data.

The plain data are those of `prepare.describe_run`; in best.safetensors also the epoch (from 0) and
its figures on val, in last.safetensors also the position of the run. A file is written aside and
renamed, so that a crash never leaves half of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from livefer.errors import ModelError
from livefer.system.atomic import replacing
from livefer.train.config import Config, parse_config
from livefer.train.model import ResNetFER


def save_checkpoint(path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Write tensors and plain data to one safetensors file; LiveferError where that fails."""
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    todo = "free some space on the disk; the file that was there before is whole"
    with replacing(path, SafetensorError, todo=todo) as part:
        save_file(contiguous, part, {key: json.dumps(value) for key, value in meta.items()})


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and plain data of a checkpoint; ModelError for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            meta = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(
            f"checkpoint {path} does not exist: check the path, or train it first"
        ) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path} is not a checkpoint of livefer: {error}") from None
    if "config" not in meta or "classes" not in meta:
        raise ModelError(f"{path} is a safetensors file, but not a checkpoint of livefer")
    return tensors, meta


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under `prefix.name`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def below_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors named `prefix.name`, under `name`."""
    start = prefix + "."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def build_model(config: Config, n_classes: int) -> ResNetFER:
    """Return the network that a configuration describes, with fresh weights."""
    n_outputs = n_classes * len(config.heads)
    return ResNetFER(
        n_outputs,
        config.width,
        config.stem_stride,
        config.dropout,
        config.blocks,
        config.shortcuts,
        config.se,
    )


def heads_of(path: Path) -> tuple[str, ...]:
    """Return the heads of a checkpoint's network: "labels", "votes", or both."""
    return parse_config(load_checkpoint(path)[1]["config"], str(path)).heads


def load_model(path: str | Path, labels: str | None = None) -> tuple[ResNetFER, dict[str, Any]]:
    """Return the network of a checkpoint with one head, in evaluation mode, and its plain data.

    labels: the head, "labels" or "votes"; None is the first
    returns: plain data with `labels`, the head, and `prior`, its class frequencies or None
    """
    path = Path(path)
    tensors, meta = load_checkpoint(path)
    config, n_classes = parse_config(meta["config"], str(path)), len(meta["classes"])
    model = build_model(config, n_classes)
    try:
        model.load_state_dict(weights_of(tensors))
    except RuntimeError as error:
        raise ModelError(f"{path} holds weights of another network: {error}") from None
    labels = labels or config.heads[0]
    if labels not in config.heads:
        raise ModelError(f"{path} has learned {' and '.join(config.heads)}, not {labels}")
    index = config.heads.index(labels)
    model.keep_outputs(slice(index * n_classes, (index + 1) * n_classes))
    meta["labels"] = labels
    meta["prior"] = meta.get("priors", {}).get(labels)
    return model.eval(), meta


def weights_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights among a checkpoint's tensors, averaged ones if there are any."""
    return below_prefix("ema", tensors) or below_prefix("model", tensors)


def normalise(faces: Tensor, mean: float, std: float) -> Tensor:
    """Turn faces (N, H, W) uint8 into the network's input, (N, 1, H, W) float."""
    return (faces[:, None].float() / 255 - mean) / std


def load_predictor(
    path: Path, labels: str | None = None
) -> tuple[Callable[[NDArray[np.uint8]], NDArray[np.float32]], tuple[str, ...]]:
    """Return (predict, class names) of a checkpoint; labels as in `load_model`.

    predict: from faces (N, 48, 48) uint8 to probabilities (N, C) float32
    """
    model, meta = load_model(path, labels)

    @torch.inference_mode()
    def predict(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = normalise(torch.from_numpy(faces), meta["mean"], meta["std"])
        probabilities: NDArray[np.float32] = model(x).softmax(dim=1).numpy()
        return probabilities

    return predict, tuple(meta["classes"])
