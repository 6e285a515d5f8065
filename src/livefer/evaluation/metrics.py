"""Metrics of predictions, from a confusion matrix or from probabilities.

Knows nothing about models, files or splits. A class without an image in the targets has no recall
and no F1, and is left out of the means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_BINS = 15  # as in Guo et al. 2017
_Z_95 = 1.959964  # 97.5 % quantile of the normal distribution

Matrix = NDArray[np.int64]


def confusion_matrix(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> Matrix:
    """Count images by true and predicted class.

    targets, predicted: (N,) int64, class ids
    returns: (C, C) int64, a row for each true class, a column for each predicted one
    """
    cells = np.bincount(targets * n_classes + predicted, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def accuracy(matrix: Matrix) -> float:
    """Return the share of images on the diagonal; nan without images."""
    return float(_ratio(np.trace(matrix), matrix.sum()))


def precision(matrix: Matrix) -> NDArray[np.float64]:
    """Return (..., C): the right share of the predictions of each class; nan without any."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-2))


def recall(matrix: Matrix) -> NDArray[np.float64]:
    """Return (..., C): the right share of the images of each class; nan without any."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1))


def f1(matrix: Matrix) -> NDArray[np.float64]:
    """Return (..., C): the harmonic mean of precision and recall; nan without images."""
    support = matrix.sum(axis=-1)
    scores = _ratio(2 * _diagonal(matrix), support + matrix.sum(axis=-2))
    return np.where(support > 0, scores, np.nan)


def balanced_accuracy(matrix: Matrix) -> float:
    """Return the mean recall of the classes."""
    return float(_mean(recall(matrix)))


def macro_f1(matrix: Matrix) -> float:
    """Return the mean F1 of the classes."""
    return float(_mean(f1(matrix)))


def nll(probabilities: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the mean negative log likelihood of the true class, in nats."""
    true = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return float(-np.log(np.maximum(true, 1e-12)).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Images by confidence in B bins of equal width, (B,) each; nan in an empty bin."""

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], n_bins: int = N_BINS
) -> Reliability:
    """Return the accuracy at each level of confidence, of probabilities (N, C) float32."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    # Bins are open on the left and closed on the right, as in the paper.
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    confidence_sum = np.bincount(bins, confidence, n_bins)
    right_sum = np.bincount(bins, right, n_bins)
    return Reliability(count, _ratio(confidence_sum, count), _ratio(right_sum, count))


def ece(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], n_bins: int = N_BINS
) -> float:
    """Return the expected calibration error, the mean of |accuracy - confidence| over the bins.

    Guo et al. 2017, equation 3, https://arxiv.org/abs/1706.04599
    """
    bins = reliability(probabilities, targets, n_bins)
    gaps = np.nan_to_num(np.abs(bins.accuracy - bins.confidence))
    return float((bins.count * gaps).sum() / bins.count.sum())


def ece_by_chance(
    probabilities: NDArray[np.float32], n_bins: int = N_BINS, seed: int = 0, n_draws: int = 200
) -> float:
    """Return the mean ECE of a perfectly calibrated model with the same confidences.

    Its answers are drawn at random, right as often as its confidence. With so many images and bins
    a model cannot be shown to be better calibrated than this.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    draws = np.random.default_rng(seed).random((n_draws, len(confidence)))
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    off = [np.bincount(bins, (draw < confidence) - confidence, n_bins) for draw in draws]
    return float(np.abs(off).sum(axis=1).mean() / len(confidence))


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Risk and coverage at each threshold on a score, from the strictest on; (K,) float64 each.

    threshold: images with at least this score get an answer
    coverage: the share of images that get an answer
    risk: the share of those answers that are wrong
    aurc: the mean risk with each image's own score as the threshold
    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float

    def coverage_at(self, right: float) -> float:
        """Return the largest coverage at which at least this share is right; 0 if there is none."""
        enough = self.coverage[self.risk <= 1 - right]
        return float(enough.max(initial=0))


def risk_coverage(score: NDArray[np.floating], right: NDArray[np.bool_]) -> RiskCoverage:
    """Return how often answers are wrong if only images with a high score get one.

    Images with equal scores are answered together, so their order does not matter.
    Geifman & El-Yaniv 2017, https://arxiv.org/abs/1705.08500; the area under the curve: Geifman
    et al. 2019, https://arxiv.org/abs/1805.08206

    score: (N,), larger is more certain
    right: (N,) bool
    """
    order = np.argsort(-score, kind="stable")
    falling = score[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # of each equal score
    n_answered = last + 1
    risk = 1 - np.cumsum(right[order])[last] / n_answered
    aurc = float((risk * np.diff(n_answered, prepend=0)).sum() / len(falling))
    return RiskCoverage(falling[last], n_answered / len(falling), risk, aurc)


def cross_entropy(
    probabilities: NDArray[np.float32],
    shares: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> float:
    """Return the mean over images of −Σ share · log probability, in nats.

    For the shares themselves it is their entropy, the lower bound for every model.

    probabilities, shares: (N, C) float32
    weight: (N,) float32, how much an image counts
    """
    logs = np.log(np.maximum(probabilities, 1e-12).astype(np.float64))
    return float(np.average(-(shares * logs).sum(axis=1), weights=weight))


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, 0 to 1 without images.

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = n_right / n, _Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_interval(n_only_first: int, n_only_second: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference between two shares of the same images.

    n_only_first, n_only_second: images that count for one share alone
    n: all images

    Agresti and Min 2005, https://doi.org/10.1002/sim.1781
    """
    first, second, n_more = n_only_first + 0.5, n_only_second + 0.5, n + 2
    middle = (first - second) / n_more
    half = _Z_95 * float(np.sqrt((first + second) / n_more - middle**2) / np.sqrt(n_more))
    return max(-1.0, middle - half), min(1.0, middle + half)


def macro_f1_interval(matrix: Matrix, seed: int = 0, n_draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval (percentiles) of the macro-F1.

    Drawing images with replacement is drawing the matrix's cells from a multinomial.
    Efron 1979, https://doi.org/10.1214/aos/1176344552
    """
    n, n_classes = int(matrix.sum()), len(matrix)
    if n == 0:
        return 0.0, 1.0
    cells = np.random.default_rng(seed).multinomial(n, matrix.ravel() / n, size=n_draws)
    scores = _mean(f1(cells.reshape(n_draws, n_classes, n_classes)))
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def _diagonal(matrix: Matrix) -> NDArray[np.int64]:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Divide; nan for a divisor of 0, without a warning."""
    below = np.asarray(whole, np.float64)
    return np.divide(part, below, out=np.full_like(below, np.nan), where=below > 0)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the last axis without nan; nan if all are nan."""
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0).sum(axis=-1), there.sum(axis=-1))
