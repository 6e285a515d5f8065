"""Probabilities against what is true → Report: every figure worth telling, with its uncertainty.

True is a data set's label, or what most of those who voted on an image saw.
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
_ENOUGH_TO_HALVE = 100  # images; the halves of fewer say nothing about calibration


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One class; nan where nothing was predicted as it, or no image of it exists."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """One kind of mistake: `count` images of `true` were taken for `taken_for`, `share` of all."""

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


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more of the same images a model gets right than another one.

    value: the difference of the accuracies, with its 95 % interval
    n_only_here: images that only the model gets right; n_only_there: only the other one
    """

    value: float
    low: float
    high: float
    n_only_here: int
    n_only_there: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What comes of calling everything below a confidence uncertain: how many answers, how right.

    coverage: the share of images with an answer
    """

    uncertain_below: float
    coverage: float
    right: Share


@dataclass(frozen=True, slots=True)
class Crowd:
    """The probabilities against all the votes, weighted by how many of them name a class.

    entropy: of the votes themselves, and so the least that the cross-entropy can be
    n_images: those with any vote on a class
    agreed: the accuracy on images whose majority is more than half (`Votes.agreed`), as published
        figures on FER+ have it
    """

    cross_entropy: float
    entropy: float
    n_images: int
    agreed: Share


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A model's figures on one split.

    labels: what is taken for the truth: "dataset", or "votes" for what most people saw
    n_left_out: images that are in no figure here because no class has most of their votes
    without_twins: the accuracy on images that have no copy or near copy in train; None if unknown
    ece_by_chance: the ECE that perfect calibration would have with so many images
    held_out: None where the images are too few to halve
    matrix: (C, C) int64, rows are the truth
    answers: at the model's own limit; None where it has none
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
        """Return plain data that json can write; what is not a number there is None."""
        bins = self.reliability
        without, answers, held_out = self.without_twins, self.answers, self.held_out
        return {
            "split": self.split,
            "labels": self.labels,
            "n_images": self.accuracy.n_images,
            "n_left_out": self.n_left_out,
            **_plain(self.accuracy, "accuracy"),
            "without_twins": without
            and {"n_images": without.n_images, **_plain(without, "accuracy")},
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "macro_f1_95": list(self.macro_f1_interval),
            "nll": self.nll,
            "ece": self.ece,
            "ece_by_chance": self.ece_by_chance,
            "held_out": held_out and {**asdict(held_out), "right": _number(held_out.right)},
            "aurc": self.risk.aurc,
            "coverage_at_85": self.risk.coverage_at(calibration.MIN_RIGHT),
            "answers": answers
            and {
                "uncertain_below": answers.uncertain_below,
                "coverage": answers.coverage,
                **_plain(answers.right, "right"),
            },
            "crowd": self.crowd
            and {
                "cross_entropy": self.crowd.cross_entropy,
                "entropy": self.crowd.entropy,
                "n_images": self.crowd.n_images,
                "agreed": {
                    "n_images": self.crowd.agreed.n_images,
                    **_plain(self.crowd.agreed, "accuracy"),
                },
            },
            "per_class": {
                c.name: {
                    "precision": _number(c.precision),
                    "recall": _number(c.recall),
                    "f1": _number(c.f1),
                    "support": c.support,
                }
                for c in self.per_class
            },
            "confusions": [
                {"true": c.true, "taken_for": c.taken_for, "count": c.count, "share": c.share}
                for c in self.confusions()
            ],
            "classes": list(self.classes),
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
) -> Report:
    """Compare probabilities (N, C) float32 with a split's targets, or with the votes on its images.

    twins: (N,) bool, which images have a copy or near copy in train (`hygiene.twins`)
    votes: given, the truth is the majority, and images that have none are left out
    uncertain_below: the model's own limit
    """
    known, targets = _truth(split, votes)
    crowd = None if votes is None else _crowd(probabilities, votes)
    probabilities = probabilities[known]
    twins = None if twins is None else twins[known]
    confidence = probabilities.max(axis=1)
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    right = predicted == targets
    answers = None
    if uncertain_below is not None:
        answered = confidence >= uncertain_below
        answers = Answers(uncertain_below, float(answered.mean()), _share(right[answered]))
    matrix = metrics.confusion_matrix(targets, predicted, len(classes))
    scores = (metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix))
    return Report(
        split=split.name,
        classes=classes,
        labels="dataset" if votes is None else "votes",
        n_left_out=int((~known).sum()),
        accuracy=_share(right),
        without_twins=None if twins is None else _share(right[~twins]),
        balanced_accuracy=metrics.balanced_accuracy(matrix),
        macro_f1=metrics.macro_f1(matrix),
        macro_f1_interval=metrics.macro_f1_interval(matrix),
        nll=metrics.nll(probabilities, targets),
        ece=metrics.ece(probabilities, targets),
        ece_by_chance=metrics.ece_by_chance(probabilities),
        held_out=calibration.held_out(probabilities, targets)
        if len(targets) >= _ENOUGH_TO_HALVE
        else None,
        per_class=tuple(
            ClassScores(name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(classes, *scores, matrix.sum(axis=1), strict=True)
        ),
        matrix=matrix,
        reliability=metrics.reliability(probabilities, targets),
        risk=metrics.risk_coverage(confidence, right),
        answers=answers,
        crowd=crowd,
    )


def compare(
    probabilities: NDArray[np.float32],
    others: NDArray[np.float32],
    split: Split,
    votes: Votes | None = None,
) -> Difference:
    """Compare two models' probabilities (N, C) float32 for a split, against what `measure` takes.

    Both see the same images, which their difference depends on far less than either accuracy.
    """
    known, targets = _truth(split, votes)
    here, there = (p[known].argmax(axis=1) == targets for p in (probabilities, others))
    only_here, only_there = int((here & ~there).sum()), int((there & ~here).sum())
    low, high = metrics.paired_interval(only_here, only_there, len(targets))
    return Difference((only_here - only_there) / len(targets), low, high, only_here, only_there)


def _truth(split: Split, votes: Votes | None) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which images count, (N,), and their class ids, one for each that counts."""
    if votes is None:
        return np.ones(len(split), bool), split.targets
    known = votes.majority >= 0
    if not known.any():
        raise DatasetError(f"no image of {split.name} has a class that most votes are for")
    return known, votes.majority[known]


def _crowd(probabilities: NDArray[np.float32], votes: Votes) -> Crowd:
    shares, weight = votes.shares, votes.weight
    right = probabilities.argmax(axis=1) == votes.majority
    return Crowd(
        cross_entropy=metrics.cross_entropy(probabilities, shares, weight),
        entropy=metrics.cross_entropy(shares, shares, weight),
        n_images=int((weight > 0).sum()),
        agreed=_share(right[votes.agreed]),
    )


def _plain(share: Share, name: str) -> dict[str, Any]:
    return {name: _number(share.value), f"{name}_95": [share.low, share.high]}


def _share(right: NDArray[np.bool_]) -> Share:
    n_right, n = int(right.sum()), len(right)
    low, high = metrics.wilson_interval(n_right, n)
    return Share(n_right / n if n else float("nan"), low, high, n)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
