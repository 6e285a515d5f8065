"""Initial weights: of a checkpoint, of ImageNet, or of a torchvision state dict."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import torch
from torch import Tensor

from livefer.errors import ModelError
from livefer.system.downloads import fetch, place_of_download
from livefer.train.checkpoint import load_checkpoint, weights_of
from livefer.train.model import ResNetFER

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
IMAGENET_SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"

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


def imagenet_file() -> Path:
    """Return ImageNet's weights of a ResNet-18, downloaded once; ModelError where that fails."""
    to = place_of_download("resnet18-f37072fd.pth")
    return fetch(IMAGENET_URL, to, IMAGENET_SHA256, "init: FILE takes it")


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
            f'init: {source} does not exist: expected "random", "imagenet", a checkpoint or the '
            "path of a torchvision ResNet-18 state dict"
        ) from None
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"init: {path} is not a state dict that torch can read: {reason}"
        ) from None
    return state
