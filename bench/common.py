"""What several measurements share: a sample of a split, models by name, and files written whole."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livefer.classifier import EmotionClassifier
from livefer.dataset import Split
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


def heading(title: str) -> str:
    """Return a title and the command that is running, without the folders of this machine."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return f"# {title}\n\n`python {' '.join(words)}`\n"


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write plain data under a temporary name and rename it; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
