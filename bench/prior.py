"""What taking the training prior out of a model does: accuracy and balanced accuracy, by τ.

    python bench/prior.py fer2013 human --votes data/ferplus.csv

The probabilities are divided by the class frequencies in training to the power τ (`--prior` of the
commands; Menon et al. 2021, https://arxiv.org/abs/2007.07314) and measured against the data set's
labels and, with --votes, against what most people voted. A model that does not say its frequencies
gets those of the data's train split, which is right for one trained on these labels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from lib.common import arguments, run, write_json
from lib.loading import load_models, sample
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier, without_prior
from livefer.data.dataset import Dataset, Split, read_dataset
from livefer.data.votes import Votes, read_votes
from livefer.evaluation import metrics
from livefer.evaluation.predict import match_classes, predict_split

TAUS = (0.0, 0.25, 0.5, 0.75, 1.0)


def frequencies(model: EmotionClassifier, dataset: Dataset) -> list[float]:
    """Return how frequent each of the data's classes was in the model's training."""
    if "prior" in model.metadata:
        own = json.loads(model.metadata["prior"])
        return [float(own[model.classes.index(name)]) for name in dataset.classes]
    counts = dataset.counts()["train"]
    return [n / sum(counts) for n in counts]


def sweep(
    probabilities: NDArray[np.float32],
    prior: list[float],
    split: Split,
    votes: Votes | None = None,
) -> list[dict[str, Any]]:
    """Return for each τ the accuracy and balanced accuracy against the labels and the majority.

    probabilities: (N, C) float32, with the prior still in
    """
    rows = []
    for tau in TAUS:
        ours = without_prior(probabilities, prior, tau).argmax(axis=1)
        row: dict[str, Any] = {"prior": tau, "dataset": _figures(split.targets, ours, len(prior))}
        if votes is not None:
            known = votes.majority >= 0
            row["votes"] = _figures(votes.majority[known], ours[known], len(prior))
        rows.append(row)
    return rows


def _figures(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> dict[str, float]:
    matrix = metrics.confusion_matrix(targets, predicted, n_classes)
    return {
        "accuracy": metrics.accuracy(matrix),
        "balanced_accuracy": metrics.balanced_accuracy(matrix),
    }


def as_markdown(models: dict[str, list[dict[str, Any]]]) -> str:
    """Return a table: a row for each τ, accuracy / balanced accuracy for each model and truth."""
    truths = {"dataset": "labels", "votes": "votes"}
    columns = [(n, t) for n, rows in models.items() for t in truths if t in rows[0]]
    heads = " | ".join(f"{name}, {truths[truth]}" for name, truth in columns)
    lines = [f"| τ | {heads} |", f"| --- |{' ---: |' * len(columns)}"]
    for i, tau in enumerate(TAUS):
        found = [models[name][i][truth] for name, truth in columns]
        cells = (f"{100 * f['accuracy']:.1f} / {100 * f['balanced_accuracy']:.1f}" for f in found)
        lines.append(f"| {tau:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write it as JSON where asked to."""
    parser = arguments(__doc__, "models", "--data", "--split", "--images", "--json")
    parser.add_argument("--votes", type=Path, help="FER+'s votes, by file name")
    args = parser.parse_args()
    dataset = read_dataset(args.data)
    split = sample(dataset.split(args.split), args.images)
    votes = read_votes(args.votes, split, dataset.classes) if args.votes else None
    found = {}
    for name, model in load_models(args.models, prior=0).items():
        predict = match_classes(model.predict, model.classes, dataset.classes)
        raw = predict_split(predict, split, dataset.classes)
        found[name] = sweep(raw, frequencies(model, dataset), split, votes)
    print(f"{split.name}, {len(split):,} images: accuracy / balanced accuracy, %\n")
    print(as_markdown(found))
    if args.json:
        write_json(args.json, {"split": split.name, "n_images": len(split), "models": found})


if __name__ == "__main__":
    run(main)
