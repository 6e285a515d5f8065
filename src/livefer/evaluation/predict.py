"""A model over a split → probabilities, of one view of each face or of several views.

A model is any function from faces to probabilities; knows nothing about model files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.data.readers import Progress
from livefer.errors import ModelError
from livefer.labels import class_named

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Faces (N, 48, 48) uint8 → probabilities (N, C) float32."""

_BATCH = 128
TTA_SHIFTS_PX = ((0, 0), (2, 0), (-2, 0), (0, 2), (0, -2))


def predict_split(
    predict: Predict, split: Split, classes: tuple[str, ...], progress: Progress | None = None
) -> NDArray[np.float32]:
    """Run a model over a split, in batches; return probabilities (N, C) float32.

    classes: names of the columns and of the split's targets
    progress: called with the number of images done and of all

    Raises ModelError where the model returns another shape, or something that is not finite.
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
    return probabilities


def with_tta(predict: Predict, shifts_px: Sequence[tuple[int, int]] = TTA_SHIFTS_PX) -> Predict:
    """Return a predictor that averages views: each shift (right, down), plain and mirrored.

    With the shift (0, 0) alone it averages as Recognizer does for the faces of a picture. A shift
    repeats the edge.
    """

    def predict_views(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        views = [shifted(faces, dx, dy) for dx, dy in shifts_px]
        views += [view[:, :, ::-1] for view in views]
        mean: NDArray[np.float32] = np.mean(
            [predict(np.ascontiguousarray(view)) for view in views], axis=0, dtype=np.float32
        )
        return mean

    return predict_views


def shifted(faces: NDArray[np.uint8], dx: int, dy: int) -> NDArray[np.uint8]:
    """Return faces (N, H, W) uint8 moved right by dx and down by dy px; the edge is repeated."""
    rows = np.clip(np.arange(faces.shape[1]) - dy, 0, faces.shape[1] - 1)
    columns = np.clip(np.arange(faces.shape[2]) - dx, 0, faces.shape[2] - 1)
    return faces[:, rows][:, :, columns]


def all_classes(
    model_classes: tuple[str, ...], data_classes: tuple[str, ...], name: str = "the model"
) -> tuple[str, ...]:
    """Return the data's classes in their order, then those that only the model knows.

    name: of the model, for the message of the ModelError where it lacks a class of the data
    """
    only_model = [c for c in model_classes if c not in data_classes]
    if only_data := sorted(set(data_classes) - set(model_classes)):
        means = {folder: class_named(folder, model_classes) for folder in only_data}
        renamed = ", ".join(f"{old} as {new}" for old, new in means.items() if new)
        raise ModelError(
            f"{name} and the data have different classes (only {name}: "
            f"{', '.join(only_model) or 'none'}; only the data: {', '.join(only_data)}): rename "
            f"the class folders{f' ({renamed})' if renamed else ''}, or take a model trained on "
            "them"
        )
    return (*data_classes, *only_model)


def match_classes(
    predict: Predict,
    model_classes: tuple[str, ...],
    data_classes: tuple[str, ...],
    name: str = "the model",
    columns: tuple[str, ...] = (),
) -> Predict:
    """Return a predictor whose columns are in the order of `all_classes`, and raise as it does.

    columns: other columns, in their order; a class that the model lacks has the probability 0
    """
    columns = columns or all_classes(model_classes, data_classes, name)
    if model_classes == columns:
        return predict
    lacking = len(model_classes)
    ids = [model_classes.index(c) if c in model_classes else lacking for c in columns]
    return lambda faces: np.pad(predict(faces), ((0, 0), (0, 1)))[:, ids]
