"""A model over a split → Report: every figure that is worth telling, with its uncertainty.

Takes any function that turns faces into probabilities; knows nothing about model files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer import metrics
from livefer.dataset import Split
from livefer.errors import ModelError

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Faces (N, 48, 48) uint8 → probabilities (N, C) float32."""

_BATCH = 128
_TTA_SHIFTS_PX = ((0, 0), (2, 0), (-2, 0), (0, 2), (0, -2))


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


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A model's figures on one split.

    matrix: (C, C) int64, rows are the truth
    without_twins: the accuracy on images that have no copy or near copy in train; None if unknown
    """

    split: str
    classes: tuple[str, ...]
    accuracy: Share
    without_twins: Share | None
    balanced_accuracy: float
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    nll: float
    ece: float
    per_class: tuple[ClassScores, ...]
    matrix: NDArray[np.int64]
    reliability: metrics.Reliability

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
        return {
            "split": self.split,
            "n_images": self.accuracy.n_images,
            "accuracy": self.accuracy.value,
            "accuracy_95": [self.accuracy.low, self.accuracy.high],
            "without_twins": None
            if self.without_twins is None
            else {
                "n_images": self.without_twins.n_images,
                "accuracy": _number(self.without_twins.value),
                "accuracy_95": [self.without_twins.low, self.without_twins.high],
            },
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "macro_f1_95": list(self.macro_f1_interval),
            "nll": self.nll,
            "ece": self.ece,
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
        }


def evaluate(
    predict: Predict,
    split: Split,
    classes: tuple[str, ...],
    twins: NDArray[np.bool_] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Run a model over a split and measure it.

    classes: what the columns of the probabilities and the split's targets mean
    twins: (N,) bool, which images have a copy or near copy in train (`hygiene.twins`)
    progress: called with the images done and all
    """
    probabilities = np.empty((len(split), len(classes)), np.float32)
    for start in range(0, len(split), _BATCH):
        faces = split.faces[start : start + _BATCH]
        found = predict(faces)
        if found.shape != (len(faces), len(classes)) or not np.isfinite(found).all():
            raise ModelError(
                f"the model gave {found.shape} for {len(faces)} faces and {len(classes)} classes, "
                "or something that is not a number: is it the model for this data?"
            )
        probabilities[start : start + len(faces)] = found
        if progress:
            progress(start + len(faces), len(split))
    return measure(probabilities, split, classes, twins)


def measure(
    probabilities: NDArray[np.float32],
    split: Split,
    classes: tuple[str, ...],
    twins: NDArray[np.bool_] | None = None,
) -> Report:
    """Compare probabilities (N, C) float32 with a split's targets."""
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    right = predicted == split.targets
    matrix = metrics.confusion_matrix(split.targets, predicted, len(classes))
    scores = (metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix))
    return Report(
        split=split.name,
        classes=classes,
        accuracy=_share(right),
        without_twins=None if twins is None else _share(right[~twins]),
        balanced_accuracy=metrics.balanced_accuracy(matrix),
        macro_f1=metrics.macro_f1(matrix),
        macro_f1_interval=metrics.macro_f1_interval(matrix),
        nll=metrics.nll(probabilities, split.targets),
        ece=metrics.ece(probabilities, split.targets),
        per_class=tuple(
            ClassScores(name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(classes, *scores, matrix.sum(axis=1), strict=True)
        ),
        matrix=matrix,
        reliability=metrics.reliability(probabilities, split.targets),
    )


def with_tta(predict: Predict) -> Predict:
    """Return a predictor that averages ten views: five shifts of up to 2 px, each also mirrored.

    What a shift brings in from outside is the edge, repeated.
    """

    def predict_views(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        views = [shifted(faces, dx, dy) for dx, dy in _TTA_SHIFTS_PX]
        views += [view[:, :, ::-1] for view in views]
        mean: NDArray[np.float32] = np.mean(
            [predict(np.ascontiguousarray(view)) for view in views], axis=0, dtype=np.float32
        )
        return mean

    return predict_views


def shifted(faces: NDArray[np.uint8], dx: int, dy: int) -> NDArray[np.uint8]:
    """Return faces (N, H, W) uint8 moved right by dx and down by dy px, edges repeated."""
    rows = np.clip(np.arange(faces.shape[1]) - dy, 0, faces.shape[1] - 1)
    columns = np.clip(np.arange(faces.shape[2]) - dx, 0, faces.shape[2] - 1)
    return faces[:, rows][:, :, columns]


def match_classes(
    predict: Predict, model_classes: tuple[str, ...], data_classes: tuple[str, ...]
) -> Predict:
    """Return a predictor whose columns are the data's classes; both must have the same ones."""
    if model_classes == data_classes:
        return predict
    if sorted(model_classes) != sorted(data_classes):
        only_model = ", ".join(sorted(set(model_classes) - set(data_classes))) or "none"
        only_data = ", ".join(sorted(set(data_classes) - set(model_classes))) or "none"
        raise ModelError(
            f"the model and the data have different classes (only the model: {only_model}; only "
            f"the data: {only_data}): rename the class folders, or take a model trained on them"
        )
    columns = [model_classes.index(name) for name in data_classes]
    return lambda faces: predict(faces)[:, columns]


def _share(right: NDArray[np.bool_]) -> Share:
    n_right, n = int(right.sum()), len(right)
    low, high = metrics.wilson_interval(n_right, n)
    return Share(n_right / n if n else float("nan"), low, high, n)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
