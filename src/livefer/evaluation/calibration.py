"""How sure a model may sound: the softmax's temperature, and the confidence worth an answer.

Works on arrays alone, so that what is fitted at export can be checked without PyTorch. Knows
nothing about models, files or splits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livefer.evaluation import metrics

MIN_RIGHT = 0.85
"""The share of answers above the confidence threshold that are to be right, on val."""

_LEAST = 1e-12  # below it a probability has no logarithm worth fitting on


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What holds on one half of the images when temperature and threshold come from the other.

    Means over the splits, in each of which every image is measured once; sd: between the splits.
    ece, ece_sd: after tempering
    temperature: fitted on what the model gives, so 1 where its own temperature is right
    right, coverage: of the answers not called uncertain, the share right; and how many that are
    """

    ece: float
    ece_sd: float
    temperature: float
    temperature_sd: float
    right: float
    coverage: float
    n_splits: int


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the temperature, 0.25–4, that minimises the NLL (Guo et al. 2017, arXiv:1706.04599).

    logits: (N, C) float32
    """
    low, high = np.log(0.25), np.log(4.0)
    x = logits.astype(np.float64)
    rows = np.arange(len(x))

    def loss(log_t: float) -> float:
        z = x / np.exp(log_t)
        peak = z.max(axis=1, keepdims=True)
        return float((np.log(np.exp(z - peak).sum(axis=1)) + peak[:, 0] - z[rows, targets]).mean())

    for _ in range(60):  # the loss is convex in 1/t: thirds close in on its one minimum
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return round(float(np.exp((low + high) / 2)), 4)


def tempered(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return probabilities (N, C) float32 as another temperature of the softmax would give them.

    Logarithms of probabilities are logits but for a constant a row, which the softmax ignores.
    """
    z = logits_of(probabilities).astype(np.float64) / temperature
    odds = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def logits_of(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithms of probabilities (N, C) float32; nothing is smaller than 1e-12."""
    return np.log(np.maximum(probabilities, _LEAST)).astype(np.float32)


def confidence_threshold(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], right: float = MIN_RIGHT
) -> float:
    """Return the smallest confidence above which at least `right` of the answers are right.

    probabilities: (N, C) float32
    Where no threshold achieves it, 1.0: every answer is uncertain.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence)
    hits = (probabilities.argmax(axis=1) == targets)[order]
    share = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    enough = np.flatnonzero(share >= right)
    return round(float(confidence[order[enough[-1]]]), 3) if len(enough) else 1.0


def held_out(
    probabilities: NDArray[np.float32],
    targets: NDArray[np.int64],
    n_splits: int = 5,
    seed: int = 0,
) -> HeldOut:
    """Fit temperature and threshold on one half of the images and measure them on the other.

    probabilities: (N, C) float32, N of 2 or more
    n_splits: how often the halves are drawn anew, 2 or more; each half is fitted on once
    """
    generator = np.random.default_rng(seed)
    logits = logits_of(probabilities)
    hits = probabilities.argmax(axis=1) == targets
    found, temperatures = [], []
    for _ in range(n_splits):
        order = generator.permutation(len(targets))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        ours = np.empty_like(probabilities)
        answered = np.zeros(len(targets), bool)
        for fit, test in (halves, halves[::-1]):
            temperature = fit_temperature(logits[fit], targets[fit])
            limit = confidence_threshold(tempered(probabilities[fit], temperature), targets[fit])
            ours[test] = tempered(probabilities[test], temperature)
            answered[test] = ours[test].max(axis=1) >= limit
            temperatures.append(temperature)
        right = hits[answered].mean() if answered.any() else np.nan
        found.append((metrics.ece(ours, targets), right, answered.mean()))
    ece, right, coverage = np.array(found, np.float64).T
    answers = ~np.isnan(right)
    return HeldOut(
        ece=float(ece.mean()),
        ece_sd=float(ece.std(ddof=1)),
        temperature=float(np.mean(temperatures)),
        temperature_sd=float(np.std(temperatures, ddof=1)),
        right=float(right[answers].mean()) if answers.any() else float("nan"),
        coverage=float(coverage.mean()),
        n_splits=n_splits,
    )
