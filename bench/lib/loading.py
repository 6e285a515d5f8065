"""What a command line names, loaded: models, detectors, and a sample of a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import Split
from livefer.detection.haar import HaarDetector
from livefer.detection.native import NativeDetector
from livefer.detection.yunet import YuNetDetector
from livefer.errors import ConfigError


def sample(split: Split, n_images: int | None, seed: int = 0) -> Split:
    """Return n images of a split, drawn with a seed and kept in its order; all of it for None."""
    if n_images is None or n_images >= len(split):
        return split
    if n_images < 1:
        raise ConfigError(f"--images must be at least 1, got {n_images}")
    chosen = np.sort(np.random.default_rng(seed).choice(len(split), n_images, replace=False))
    files = tuple(split.files[i] for i in chosen)
    return Split(split.name, split.faces[chosen], split.targets[chosen], files)


def files_of(path: Path) -> list[Path]:
    """Return a model's file and those beside it that hold its weights."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    entries = (entry for tensor in graph.initializer for entry in tensor.external_data)
    names = {entry.value for entry in entries if entry.key == "location"}
    return [path, *(path.with_name(name) for name in sorted(names))]


def load_models(
    models: Sequence[str], threads: int | None = None, prior: float | None = None
) -> dict[str, EmotionClassifier]:
    """Load models; two files of one name are told apart by their folders."""
    loaded = [EmotionClassifier(model, threads, prior) for model in models]
    stems = [classifier.name for classifier in loaded]
    names = [
        f"{Path(model).parent.name}/{stem}" if stems.count(stem) > 1 else stem
        for model, stem in zip(models, stems, strict=True)
    ]
    if len(set(names)) < len(names):
        raise ConfigError(f"the models {', '.join(models)} cannot be told apart: rename one")
    return dict(zip(names, loaded, strict=True))


def load_detectors(yunet: Path | None, own: Path | None = None) -> dict[str, Any]:
    """Return the detectors there are, by name; own: what `livefer train-detector` wrote."""
    detectors: dict[str, Any] = {"native": NativeDetector(), "haar": HaarDetector()}
    if yunet is not None:
        detectors["yunet"] = YuNetDetector(yunet)
    if own is not None:
        detectors["own"] = NativeDetector(own)
    return detectors
