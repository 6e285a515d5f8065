"""Where a network's first weights come from."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import torch

from livefer.downloads import cache_dir, fetch
from livefer.errors import ModelError
from livefer.train.model import ResNetFER

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
IMAGENET_SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"

log = logging.getLogger(__name__)


def load_backbone(model: ResNetFER, source: str) -> list[str]:
    """Fill the backbone from a torchvision ResNet-18 state dict; return the names left out.

    source: "imagenet" (downloaded once, checked by its SHA-256) or the path of a state dict. Its
        7×7 stem for colour pictures and its classifier have no counterpart here and are left out.
    """
    path = Path(source)
    if source == "imagenet":
        path = fetch(IMAGENET_URL, cache_dir() / "resnet18-f37072fd.pth", IMAGENET_SHA256)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(
            f'init: {source} does not exist: give "random", "imagenet" or the path of a '
            "torchvision ResNet-18 state dict"
        ) from None
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"init: {path} is not a state dict that torch can read: {reason}"
        ) from None
    own = model.state_dict()
    names = [name for name in own if not name.startswith(("conv1.", "bn1.", "head."))]
    missing = [name for name in names if name not in state or state[name].shape != own[name].shape]
    if missing:
        raise ModelError(
            f"init: {path} does not fit this network: {len(missing)} tensors are missing or have "
            f"another shape, {missing[0]} for one; a torchvision ResNet-18 with width 64 fits"
        )
    model.load_state_dict({name: state[name] for name in names}, strict=False)
    left_out = [name for name in state if name not in names]
    log.warning("init: %s loaded; left out: %s", path.name, ", ".join(left_out))
    return left_out
