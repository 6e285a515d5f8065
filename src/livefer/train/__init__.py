"""Training: the only folder that imports torch (install with the `train` extra)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livefer.train.cam import CAMExtractor as CAMExtractor
    from livefer.train.checkpoint import load_model as load_model
    from livefer.train.checkpoint import normalise as normalise
    from livefer.train.losses import class_weights as class_weights
    from livefer.train.model import ResNetFER as ResNetFER

# Public names, which are imported on first use: so that a module without torch, such as the
# configuration, does not wait for it.
_HOMES = {
    "CAMExtractor": "cam",
    "ResNetFER": "model",
    "class_weights": "losses",
    "load_model": "checkpoint",
    "normalise": "checkpoint",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
