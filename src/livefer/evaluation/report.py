"""Probabilities against the ground truth → Report: figures with their uncertainty.

Ground truth: dataset labels or majority vote.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.data.votes import Votes
from livefer.errors import DatasetError
from livefer.evaluation import calibration, metrics

_CURVE_POINTS = 50
_ENOUGH_TO_HALVE = 100  # images; half of fewer are too few to measure calibration on


@dataclass(frozen=True, slots=True)
class ClassScores:
    """The figures of one class; nan if it was never predicted (precision), or has no image.

    recall_95: the interval of the recall
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    recall_95: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures without the name; nan is None."""
        return {
            "precision": _number(self.precision),
            "recall": _number(self.recall),
            "recall_95": list(self.recall_95),
            "f1": _number(self.f1),
            "support": self.support,
        }


@dataclass(frozen=True, slots=True)
class Confusion:
    """One kind of mistake: `count` images of `true` were taken for `taken_for`.

    share: of the images of `true`
    """

    true: str
    taken_for: str
    count: int
    share: float

    def __str__(self) -> str:
        return f"{self.true} taken for {self.taken_for}: {100 * self.share:.0f} %"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of images with its 95 % interval."""

    value: float
    low: float
    high: float
    n_images: int

    def to_dict(self, name: str) -> dict[str, Any]:
        """Return the share and its interval under `name` and `name_95`; nan is None."""
        return {name: _number(self.value), f"{name}_95": [self.low, self.high]}


@dataclass(frozen=True, slots=True)
class Difference:
    """The accuracy of one model minus that of another one on the same images.

    value: the difference, with its 95 % interval
    n_only_here, n_only_there: images that only the first model gets right, only the second
    """

    value: float
    low: float
    high: float
    n_only_here: int
    n_only_there: int


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a model that is uncertain below a confidence.

    coverage: the share of images with an answer
    right: the share of those answers that are right
    """

    uncertain_below: float
    coverage: float
    right: Share

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "uncertain_below": self.uncertain_below,
            "coverage": self.coverage,
            **self.right.to_dict("right"),
        }


@dataclass(frozen=True, slots=True)
class Crowd:
    """The probabilities against all votes; each image counts by the share of votes on a class.

    entropy: of the votes themselves, the lower bound of the cross-entropy
    n_images: images with a vote on a class
    agreed: the accuracy on images whose majority is more than half (`Votes.agreed`), the rule of
        published figures on FER+
    """

    cross_entropy: float
    entropy: float
    n_images: int
    agreed: Share

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "cross_entropy": self.cross_entropy,
            "entropy": self.entropy,
            "n_images": self.n_images,
            "agreed": {"n_images": self.agreed.n_images, **self.agreed.to_dict("accuracy")},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A model's figures on one split.

    labels: the ground truth, "dataset" labels or the majority of the "votes"
    n_left_out: images without a majority for a class, which are in no figure but `crowd`
    without_twins: the accuracy on images without a copy or near copy in train; None if unknown
    ece_by_chance: the ECE of perfect calibration with as many images
    held_out: None if the images are too few to halve
    matrix: (C, C) int64, a row for each true class
    answers: at the model's own limit; None if it has none
    crowd: None without votes
    """

    split: str
    classes: tuple[str, ...]
    labels: str
    n_left_out: int
    accuracy: Share
    without_twins: Share | None
    balanced_accuracy: float
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    nll: float
    ece: float
    ece_by_chance: float
    held_out: calibration.HeldOut | None
    per_class: tuple[ClassScores, ...]
    matrix: NDArray[np.int64]
    reliability: metrics.Reliability
    risk: metrics.RiskCoverage
    answers: Answers | None
    crowd: Crowd | None

    @property
    def absent(self) -> list[str]:
        """The classes without an image, which are in no mean over classes."""
        return [scores.name for scores in self.per_class if not scores.support]

    def confusions(self, n: int = 5) -> list[Confusion]:
        """Return the n mistakes that take the largest share of their true class."""
        support = self.matrix.sum(axis=1)
        found = [
            Confusion(true, other, int(self.matrix[i, j]), float(self.matrix[i, j] / support[i]))
            for i, true in enumerate(self.classes)
            for j, other in enumerate(self.classes)
            if i != j and self.matrix[i, j] > 0
        ]
        return sorted(found, key=lambda c: (-c.share, -c.count))[:n]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write; nan is None."""
        bins, held_out, without = self.reliability, self.held_out, self.without_twins
        return {
            "split": self.split,
            "labels": self.labels,
            "n_images": self.accuracy.n_images,
            "n_left_out": self.n_left_out,
            **self.accuracy.to_dict("accuracy"),
            "without_twins": without
            and {"n_images": without.n_images, **without.to_dict("accuracy")},
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "macro_f1_95": list(self.macro_f1_interval),
            "nll": self.nll,
            "ece": self.ece,
            "ece_by_chance": self.ece_by_chance,
            "held_out": held_out and {**asdict(held_out), "right": _number(held_out.right)},
            "aurc": self.risk.aurc,
            "coverage_at_85": self.risk.coverage_at(calibration.MIN_RIGHT),
            "answers": self.answers and self.answers.to_dict(),
            "crowd": self.crowd and self.crowd.to_dict(),
            "per_class": {scores.name: scores.to_dict() for scores in self.per_class},
            "confusions": [asdict(confusion) for confusion in self.confusions()],
            "classes": list(self.classes),
            "absent": self.absent,
            "confusion_matrix": self.matrix.tolist(),
            "reliability": {
                "count": bins.count.tolist(),
                "confidence": [_number(v) for v in bins.confidence],
                "accuracy": [_number(v) for v in bins.accuracy],
            },
            "risk_coverage": self._curve(),
        }

    def _curve(self) -> dict[str, list[float]]:
        """Return the risk–coverage curve at up to 50 coverages, evenly spread."""
        wanted = np.arange(1, _CURVE_POINTS + 1) / _CURVE_POINTS
        rows = np.unique(np.searchsorted(self.risk.coverage, wanted - 1e-9))
        return {
            name: [round(float(v), 5) for v in getattr(self.risk, name)[rows]]
            for name in ("threshold", "coverage", "risk")
        }


def measure(
    probabilities: NDArray[np.float32],
    split: Split,
    classes: tuple[str, ...],
    twins: NDArray[np.bool_] | None = None,
    votes: Votes | None = None,
    uncertain_below: float | None = None,
    is_readable: NDArray[np.bool_] | None = None,
) -> Report:
    """Compare probabilities (N, C) float32 with a split's targets, or with the votes on its images.

    twins: (N,) bool, which images have a copy or near copy in train (`hygiene.twins`)
    votes: if given, their majority is the ground truth, and images without one are left out
    uncertain_below: the model's own limit
    is_readable: (N,) bool; what cannot be read has an uncertain answer whatever its confidence

    Raises DatasetError where no image has a majority.
    """
    known, targets = _truth(split, votes)
    clear = np.ones(len(targets), bool) if is_readable is None else is_readable[known]
    crowd = None if votes is None else _crowd(probabilities, votes)
    probabilities = probabilities[known]
    confidence = probabilities.max(axis=1)
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    right = predicted == targets
    enough = len(targets) >= _ENOUGH_TO_HALVE
    matrix = metrics.confusion_matrix(targets, predicted, len(classes))
    return Report(
        split=split.name,
        classes=classes,
        labels="dataset" if votes is None else "votes",
        n_left_out=int((~known).sum()),
        accuracy=share_of(right),
        without_twins=None if twins is None else share_of(right[~twins[known]]),
        balanced_accuracy=metrics.balanced_accuracy(matrix),
        macro_f1=metrics.macro_f1(matrix),
        macro_f1_interval=metrics.macro_f1_interval(matrix),
        nll=metrics.nll(probabilities, targets),
        ece=metrics.ece(probabilities, targets),
        ece_by_chance=metrics.ece_by_chance(probabilities),
        held_out=calibration.held_out(probabilities, targets) if enough else None,
        per_class=_class_scores(matrix, classes),
        matrix=matrix,
        reliability=metrics.reliability(probabilities, targets),
        risk=metrics.risk_coverage(confidence, right),
        answers=None
        if uncertain_below is None
        else _answers(clear & (confidence >= uncertain_below), right, uncertain_below),
        crowd=crowd,
    )


def compare(
    probabilities: NDArray[np.float32],
    others: NDArray[np.float32],
    split: Split,
    votes: Votes | None = None,
) -> Difference:
    """Compare the accuracies of two models by their probabilities (N, C) float32 for a split.

    The ground truth is that of `measure`. Both models see the same images, so the interval of the
    difference is far narrower than that of either accuracy.
    """
    known, targets = _truth(split, votes)
    here, there = (p[known].argmax(axis=1) == targets for p in (probabilities, others))
    only_here, only_there = int((here & ~there).sum()), int((there & ~here).sum())
    low, high = metrics.paired_interval(only_here, only_there, len(targets))
    return Difference((only_here - only_there) / len(targets), low, high, only_here, only_there)


def _truth(split: Split, votes: Votes | None) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which images have a true class, (N,) bool, and the class ids of those."""
    if votes is None:
        return np.ones(len(split), bool), split.targets
    known = votes.majority >= 0
    if not known.any():
        raise DatasetError(f"no image of {split.name} has a majority vote for a class")
    return known, votes.majority[known]


def _crowd(probabilities: NDArray[np.float32], votes: Votes) -> Crowd:
    shares, weight = votes.shares, votes.weight
    right = probabilities.argmax(axis=1) == votes.majority
    return Crowd(
        cross_entropy=metrics.cross_entropy(probabilities, shares, weight),
        entropy=metrics.cross_entropy(shares, shares, weight),
        n_images=int((weight > 0).sum()),
        agreed=share_of(right[votes.agreed]),
    )


def _answers(
    answered: NDArray[np.bool_], right: NDArray[np.bool_], uncertain_below: float
) -> Answers:
    return Answers(uncertain_below, float(answered.mean()), share_of(right[answered]))


def _class_scores(matrix: metrics.Matrix, classes: tuple[str, ...]) -> tuple[ClassScores, ...]:
    scores = (metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix))
    return tuple(
        ClassScores(name, float(p), float(r), float(f), int(n), metrics.wilson_interval(int(k), n))
        for name, p, r, f, k, n in zip(
            classes, *scores, matrix.diagonal(), matrix.sum(axis=1).tolist(), strict=True
        )
    )


def share_of(right: NDArray[np.bool_]) -> Share:
    """Return the share of right answers, (N,) bool, with its interval."""
    n_right, n = int(right.sum()), len(right)
    low, high = metrics.wilson_interval(n_right, n)
    return Share(n_right / n if n else float("nan"), low, high, n)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
