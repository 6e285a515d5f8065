"""What `livefer evaluate` measures, a model or a checkpoint, and the faces on which it does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.cli.console import stderr
from livefer.cli.files import check_checkpoint
from livefer.cli.progress import progress_bar
from livefer.data import hygiene
from livefer.data.dataset import ALL, Dataset, Split, read_dataset
from livefer.data.framing import framing_note
from livefer.data.photos import Photos, read_photos
from livefer.detection.detectors import make_detector
from livefer.drawing.sheet import square_view
from livefer.evaluation.gallery import Show
from livefer.evaluation.predict import Predict
from livefer.faces.boxes import crop_boxes
from livefer.media.pictures import read_image

_VIEW_SCALE, _VIEW_PX = 1.3, 132  # of a face in the gallery: the crop with some of its surroundings


class Labels(str, Enum):
    """Ground truth."""

    DATASET = "dataset"
    VOTES = "votes"


class Measured(NamedTuple):
    """A model or checkpoint; below `uncertain_below` its answers are uncertain.

    config: returns the configuration of its training, empty if that is unknown
    """

    predict: Predict
    classes: tuple[str, ...]
    name: str
    config: Callable[[], dict[str, Any]]
    uncertain_below: float | None = None
    prior: float | None = None
    crop_scale: float = 1.0


def load_any(source: str, labels: Labels) -> Measured:
    """Load a checkpoint if the name is one's, else a model."""
    if source.endswith(".safetensors") or Path(source).is_dir():
        return load_trained(Path(source), labels)
    return load_model(source, None)


def load_model(model: str | None, prior: float | None) -> Measured:
    """Load a model, by its name or its file; prior: as of EmotionClassifier."""
    found = EmotionClassifier(model, prior=prior)
    return Measured(
        found.predict,
        found.classes,
        found.name if prior is None else f"{found.name}, prior {prior:g}",
        lambda: dict(json.loads(found.metadata.get("config", "{}"))),
        found.uncertain_below,
        found.prior,
        found.crop_scale,
    )


def load_trained(path: Path, labels: Labels) -> Measured:
    """Load a training checkpoint: of two heads, the one that learned these labels."""
    # Not at the top: models are measured without the train extra.
    from livefer.train.checkpoint import heads_of, load_checkpoint, load_predictor

    check_checkpoint(path)
    if labels is Labels.VOTES and "votes" in heads_of(path):
        predict, classes = load_predictor(path, "votes")
    else:
        predict, classes = load_predictor(path)
    name = f"{path.parent.name}/{path.stem}"
    return Measured(predict, classes, name, lambda: dict(load_checkpoint(path)[1]["config"]))


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What a model is measured on.

    classes: of the targets
    shifts: the views of each face, as in `with_tta`; None is one view
    show: what a gallery shows of an image
    files: of all pictures, those of `part` first
    notes: lines for the end
    """

    part: Split
    classes: tuple[str, ...]
    title: str
    show: Show
    files: tuple[str, ...]
    notes: list[str]
    n_unreadable: int
    shifts: Sequence[tuple[int, int]] | None = None
    twins: NDArray[np.bool_] | None = None
    is_readable: NDArray[np.bool_] | None = None
    photos: Photos | None = None


def read_data(data: Path, split: str | None, models: Sequence[Measured]) -> Subject:
    """Read a split of a data set.

    split: None takes val; all of a folder without splits of which no model has learned
    """
    with progress_bar("reading pictures") as progress:
        dataset = read_dataset(data, progress=progress)
    notes = []
    if split is None:
        is_held_out = dataset.has_splits or any(_was_trained_on(m, dataset) for m in models)
        split = "val" if is_held_out else ALL
        if split == ALL:
            notes.append(
                f"{data} has no splits, so all of it was measured; --split val measures the tenth "
                "that livefer train holds out"
            )
    part = dataset.split(split)
    if n := len(dataset.unreadable):
        notes.append(f"{n} unreadable files were left out: livefer data {data} lists them")
    notes += [f"left out: {path}: {reason}" for path, reason in dataset.ignored]
    with stderr().status("looking at pictures"):
        loose = framing_note(dataset)
    notes += [f"{loose}; evaluate --photos does so by itself"] if loose else []
    return Subject(
        part,
        dataset.classes,
        f"{part.name} of {data}",
        lambda i: part.faces[i],
        part.files,
        notes,
        len(dataset.unreadable),
        twins=_twins(dataset, split),
    )


def _was_trained_on(model: Measured, dataset: Dataset) -> bool:
    """Say whether a model learned from this data set, as far as its configuration tells."""
    named = model.config().get("data")
    if not named:
        return False
    return dataset.root.resolve().is_relative_to(Path(os.path.expanduser(named)).resolve())


def read_photographs(root: Path, given: str, model: Measured) -> Subject:
    """Read photographs and find the largest face of each; given: the detector's name."""
    root = Path(os.path.expanduser(root))
    detector = make_detector(given)
    with progress_bar("finding faces") as progress:
        found = read_photos(root, model.classes, detector, model.crop_scale, progress)
    notes = [f"left out: {path}: {reason}" for path, reason in found.ignored]
    notes += [f"cannot be read: {reason}" for _, reason in found.unreadable]
    notes += [f"no face: {file}" for file in found.missed.files]

    def show(i: int) -> NDArray[np.uint8]:
        box = crop_boxes(found.squares[[i]], _VIEW_SCALE)[0].tolist()
        return square_view(read_image(root / found.split.files[i]), box, _VIEW_PX)

    return Subject(
        found.split,
        found.classes,
        f"{root}",
        show,
        (*found.split.files, *found.missed.files),
        notes,
        len(found.unreadable),
        ((0, 0),),  # livefer answers of a picture with the mean over a face and its mirror image
        is_readable=found.is_readable,
        photos=found,
    )


def _twins(dataset: Dataset, split: str) -> NDArray[np.bool_] | None:
    """Return which images of a split have a copy or near copy in train; None for train itself."""
    if split in ("train", ALL) or "train" not in dataset.splits:
        return None
    with stderr().status("looking for twins in train"):
        return hygiene.twins(dataset.split(split).faces, dataset.splits["train"].faces)
