"""Certainty: the temperature of the softmax, and the confidence below which there is no answer.

Functions of arrays alone, so that what the export fits can be checked without PyTorch. Knows
nothing about models, files or splits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livefer.evaluation import metrics

MIN_RIGHT = 0.85
"""The share of the answers above the confidence threshold that must be right on val."""

_LEAST = 1e-12  # smaller probabilities count as this one, so that their logarithms are finite


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Figures on one half of the images, with temperature and threshold fitted on the other half.

    Means over random splits into halves; each image is measured once in a split. sd: between splits
    ece, ece_sd: after tempering
    temperature: fitted on the model's probabilities, so 1 if its own temperature is right
    right, coverage: the share of the answers that are right; the share of images with an answer
    """

    ece: float
    ece_sd: float
    temperature: float
    temperature_sd: float
    right: float
    coverage: float
    n_splits: int


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the temperature, 0.25 to 4, that minimises the NLL of logits (N, C) float32.

    Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    low, high = np.log(0.25), np.log(4.0)
    x = logits.astype(np.float64)
    rows = np.arange(len(x))

    def loss(log_t: float) -> float:
        z = x / np.exp(log_t)
        peak = z.max(axis=1, keepdims=True)
        return float((np.log(np.exp(z - peak).sum(axis=1)) + peak[:, 0] - z[rows, targets]).mean())

    for _ in range(60):  # ternary search: the loss is convex in 1/t, so it has one minimum
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return round(float(np.exp((low + high) / 2)), 4)


def tempered(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return probabilities (N, C) float32 at another temperature of the softmax.

    Logarithms of probabilities are logits up to a constant per row, which the softmax ignores.
    """
    z = logits_of(probabilities).astype(np.float64) / temperature
    odds = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def logits_of(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithms of probabilities (N, C) float32, those below 1e-12 as of 1e-12."""
    return np.log(np.maximum(probabilities, _LEAST)).astype(np.float32)


def confidence_threshold(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], right: float = MIN_RIGHT
) -> float:
    """Return the smallest confidence above which at least `right` of the answers are right.

    probabilities: (N, C) float32
    returns: 1.0 (no answer is certain) where no threshold achieves it
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

    probabilities: (N, C) float32, N at least 2
    n_splits: number of random splits into halves, at least 2; each half is fitted on once
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
