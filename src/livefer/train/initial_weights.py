"""Initial weights: of a shipped model, a checkpoint, ImageNet, or a torchvision state dict."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from livefer.classifier import shipped_models
from livefer.errors import REINSTALL, ModelError
from livefer.labels import class_named
from livefer.system.downloads import fetch, place_of_download
from livefer.train.checkpoint import load_checkpoint, weights_of
from livefer.train.config import Config, describe_network
from livefer.train.model import ResNetFER

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
IMAGENET_SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"

# The shipped model that has learned what a head learns, for networks with both.
_LEARNED = {"labels": "fer2013", "votes": "human"}

log = logging.getLogger(__name__)


def load_backbone(model: ResNetFER, source: str) -> list[str]:
    """Fill the backbone from a file; return the names of the tensors that were left out.

    source: the path of a livefer checkpoint, which may be narrower: its channels stay as they are
        beside new ones; its head is left out. Or "imagenet" (downloaded once, checked by its
        SHA-256) or the path of a torchvision ResNet-18 state dict; its 7×7 stem for colour
        pictures and its classifier are left out

    Raises ModelError where the weights are missing, or do not fit the network.
    """
    spared: tuple[str, ...]
    own = model.state_dict()
    if source.endswith(".safetensors"):
        state, spared = weights_of(load_checkpoint(Path(source))[0]), ("head.",)
        state = {name: _widened(tensor, own.get(name)) for name, tensor in state.items()}
    else:
        state, spared = _torchvision_state(source), ("conv1.", "bn1.", "head.", "fc.")
    names = [name for name in own if not name.startswith(spared)]
    missing = [name for name in names if name not in state or state[name].shape != own[name].shape]
    if missing:
        raise ModelError(
            f"init: {source} does not fit this network: {len(missing)} tensors are missing or have "
            f"another shape, such as {missing[0]}; a network of the same kind fits, and so does a "
            "narrower one from a checkpoint of livefer"
        )
    model.load_state_dict({name: state[name] for name in names}, strict=False)
    left_out = [name for name in state if name not in names]
    log.warning("init: %s loaded; left out: %s", source, ", ".join(left_out))
    return left_out


def load_shipped(
    model: ResNetFER, config: Config, classes: Sequence[str], faces: Tensor, mean: float, std: float
) -> list[str]:
    """Fill the network with the shipped model `config.init`; return the classes new to it.

    New classes keep their rows of the last layer; the others begin with the model's, and with both
    heads each begins with those of the model that has learned the same.

    faces: (N, 1, H, W) float, normalised by `mean` and `std`, as in training

    The shipped files hold each BatchNorm within its convolution. It is taken out with statistics of
    `faces`, and with a gain and an offset that undo them: the network can be trained, and answers
    as before. Raises ModelError where the configured network is of another kind.
    """
    sources = [config.init] if len(config.heads) == 1 else [_LEARNED[h] for h in config.heads]
    opened = [_open_shipped(source) for source in sources]
    state, described = opened[0]
    if describe_network(config) != described["network"]:
        raise ModelError(
            f"init: {config.init} is a {described['network']}; this network is a "
            f"{describe_network(config)}: leave out init, or set width and the others to fit"
        )
    scale, last = std / float(described["std"]), len(model.head) - 1
    stem = state["conv1.weight"]
    shift = (mean - float(described["mean"])) / float(described["std"])
    state["conv1.bias"] = state["conv1.bias"] + shift * stem.sum(dim=(1, 2, 3))
    state["conv1.weight"] = scale * stem
    for conv, norm in model.norms().items():
        state[f"{norm}.bias"] = state.pop(f"{conv}.bias")
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(f"head.{last}.")}
    model.load_state_dict(kept, strict=False)
    _set_statistics(model, faces)

    known = json.loads(described["classes"])
    rows = {c: known.index(name) for c in classes if (name := class_named(c, known)) is not None}
    for head, (weights, _) in enumerate(opened):
        for row, name in enumerate(classes, head * len(classes)):
            if name in rows:
                for kind in ("weight", "bias"):
                    own: Tensor = getattr(model.head[last], kind)
                    own.data[row] = weights[f"head.{last}.{kind}"][rows[name]]
    new = [name for name in classes if name not in rows]
    log.warning("init: %s loaded; new to it: %s", config.init, ", ".join(new) or "no class")
    return new


def imagenet_file() -> Path:
    """Return ImageNet's weights of a ResNet-18, downloaded once; ModelError where that fails."""
    to = place_of_download("resnet18-f37072fd.pth")
    return fetch(IMAGENET_URL, to, IMAGENET_SHA256, "init: FILE takes it")


def _open_shipped(name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the weights of a shipped model by their names in the network, and its metadata."""
    path = shipped_models().get(f"{name}-float")
    if path is None:
        raise ModelError(f"init: {name}-float.onnx is missing: {REINSTALL}")
    proto = onnx.load(path)
    weights = {
        tensor.name.removeprefix("model.").removesuffix("_half"): torch.from_numpy(
            onnx.numpy_helper.to_array(tensor).astype(np.float32)
        )
        for tensor in proto.graph.initializer
        if tensor.name.startswith("model.")
    }
    return weights, {entry.key: entry.value for entry in proto.metadata_props}


@torch.no_grad()
def _set_statistics(model: ResNetFER, faces: Tensor) -> None:
    """Give each BatchNorm behind a convolution the statistics of its input, and undo them.

    Until then its offset alone is set.
    """

    def measure(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        var, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3))
        norm.running_mean, norm.running_var = mean, var
        norm.weight.copy_((var + norm.eps).sqrt())
        norm.bias.add_(mean)

    norms = [model.get_submodule(name) for name in model.norms().values()]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    model.eval().features(faces)
    for hook in hooks:
        hook.remove()
    model.train()


def _widened(old: Tensor, fresh: Tensor | None) -> Tensor:
    """Return `fresh` with `old` in its first channels, whose weights for new channels are 0.

    The old channels compute the same as before; training finds a use for the new ones. A simple
    relative of Net2Net (Chen et al. 2016, https://arxiv.org/abs/1511.05641). `old` is returned
    where `fresh` is not a wider tensor.
    """
    if fresh is None or old.ndim != fresh.ndim or old.shape[2:] != fresh.shape[2:]:
        return old
    if old.ndim == 0 or any(a > b for a, b in zip(old.shape, fresh.shape, strict=True)):
        return old
    wide = fresh.clone()
    if old.ndim > 1:
        wide[: len(old)] = 0
        wide[: len(old), : old.shape[1]] = old
    else:
        wide[: len(old)] = old
    return wide


def _torchvision_state(source: str) -> dict[str, Tensor]:
    path = imagenet_file() if source == "imagenet" else Path(source)
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(
            f'init: {source} does not exist: expected "random", "human", "fer2013", "imagenet", a '
            "checkpoint or the path of a torchvision ResNet-18 state dict"
        ) from None
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"init: {path} is not a state dict that torch can read: {reason}"
        ) from None
    return state
