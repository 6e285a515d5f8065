"""Accuracy of models on faces that are moved, blurred, dark, covered …: a table, side by side.

    python bench/robustness.py fer2013 --json bench/results/robustness.json \\
        > bench/results/robustness.md
    python bench/robustness.py A.onnx B.onnx --images 300

A model is a shipped one's name or an .onnx file. The corruptions are those of
bench/lib/corruptions.py, each at three strengths, with the same seed and so the same faces for
every model. A drop is the accuracy on the clean faces minus that on the corrupted ones, in points;
a corruption's drop is the mean of its three, and the mean drop that of all thirty. JSON holds
shares, 0–1:

    split, n_images, seed   what was measured on
    corruptions             name → {"strengths": [three figures], "labels": [three texts]}
    models                  name → {"clean": accuracy,
                                    "accuracy": {corruption: [three]},
                                    "drop": {corruption: mean of three},
                                    "mean_drop": of all, "mean_drop_95": [low, high]}

The interval is that of these images (normal, over each image's mean drop); since all models see the
same images, the difference of two models is surer than their intervals say.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from lib.common import arguments, publish, run
from lib.corruptions import CORRUPTIONS, Corruption, Faces
from lib.loading import load_models, sample
from numpy.typing import NDArray

from livefer.data.dataset import Split, read_dataset
from livefer.evaluation.predict import Predict, match_classes

_Z_95 = 1.959964


def corrupt(faces: Faces, corruption: Corruption, strength: float, seed: int) -> Faces:
    """Return the faces at one strength; the seed's stream depends on nothing but both of them."""
    key = zlib.crc32(f"{corruption.name} {strength:g}".encode())
    return corruption.apply(faces, strength, np.random.default_rng([seed, key]))


def measure(
    predictors: Mapping[str, Predict],
    split: Split,
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the figures that JSON gets.

    predictors: for each model's name what turns faces into probabilities
    progress: called with the name of what comes next
    """

    def right(faces: Faces) -> dict[str, NDArray[np.bool_]]:
        return {
            name: predict(faces).argmax(axis=1) == split.targets
            for name, predict in predictors.items()
        }

    progress("clean")
    clean = right(split.faces)
    lost = {name: np.zeros(len(split)) for name in predictors}  # each image's, over all corruptions
    accuracy: dict[str, dict[str, list[float]]] = {name: {} for name in predictors}
    for corruption in CORRUPTIONS:
        progress(corruption.name)
        for strength in corruption.strengths:
            found = right(corrupt(split.faces, corruption, strength, seed))
            for name, hits in found.items():
                accuracy[name].setdefault(corruption.name, []).append(float(hits.mean()))
                lost[name] += clean[name].astype(float) - hits
    n_passes = sum(len(c.strengths) for c in CORRUPTIONS)
    return {
        "split": split.name,
        "n_images": len(split),
        "seed": seed,
        "corruptions": {
            c.name: {"strengths": list(c.strengths), "labels": c.labels()} for c in CORRUPTIONS
        },
        "models": {
            name: _figures(float(clean[name].mean()), accuracy[name], lost[name] / n_passes)
            for name in predictors
        },
    }


def _figures(
    clean: float, accuracy: dict[str, list[float]], drops: NDArray[np.float64]
) -> dict[str, Any]:
    mean = float(drops.mean())
    half = _Z_95 * float(drops.std(ddof=1)) / len(drops) ** 0.5 if len(drops) > 1 else float("inf")
    return {
        "clean": clean,
        "accuracy": accuracy,
        "drop": {name: clean - float(np.mean(values)) for name, values in accuracy.items()},
        "mean_drop": mean,
        "mean_drop_95": [mean - half, mean + half],
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the figures as a table: for each model three accuracies and the drop."""
    models = figures["models"]
    heads = [f"{name}, % right | drop" for name in models]
    lines = [
        f"{figures['split']}, {figures['n_images']:,} images, seed {figures['seed']}",
        "",
        f"| corruption | mild, middle, strong | {' | '.join(heads)} |",
        f"| --- | --- |{' ---: | ---: |' * len(models)}",
        _row("none", "", [(f"{100 * m['clean']:.1f}", "") for m in models.values()]),
    ]
    for name, about in figures["corruptions"].items():
        cells = [
            (
                ", ".join(f"{100 * value:.1f}" for value in model["accuracy"][name]),
                f"{100 * model['drop'][name]:.1f}",
            )
            for model in models.values()
        ]
        lines.append(_row(name, "; ".join(about["labels"]), cells))
    means = []
    for model in models.values():
        low, high = model["mean_drop_95"]
        means.append(("", f"{100 * model['mean_drop']:.1f} ({100 * low:.1f}–{100 * high:.1f})"))
    lines.append(_row("mean drop", "95 % interval in brackets", means))
    return "\n".join(lines)


def _row(name: str, about: str, cells: list[tuple[str, str]]) -> str:
    return f"| {name} | {about} | {' | '.join(f'{a} | {b}' for a, b in cells)} |"


def main() -> None:
    """Print the table, and write it as JSON where asked to."""
    options = ("models", "--data", "--split", "--images", "--seed", "--threads", "--json")
    args = arguments(__doc__, *options).parse_args()

    dataset = read_dataset(args.data)
    split = sample(dataset.split(args.split), args.images, args.seed)
    predictors = {
        name: match_classes(classifier.predict, classifier.classes, dataset.classes)
        for name, classifier in load_models(args.models, args.threads).items()
    }
    figures = measure(predictors, split, args.seed, lambda text: print(text, file=sys.stderr))
    publish("Robustness", as_markdown(figures), figures, args.json)


if __name__ == "__main__":
    run(main)
