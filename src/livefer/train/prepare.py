"""Before the first step: the run's folder, its images and their targets, a preview."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livefer.classifier import CHOICES
from livefer.data import hygiene
from livefer.data.dataset import Split, read_dataset
from livefer.data.framing import framing_note
from livefer.data.votes import read_votes
from livefer.drawing.text import fit_text, paint_text, text_wh
from livefer.errors import ConfigError, DatasetError, ModelError
from livefer.media.pictures import write_image
from livefer.system.atomic import replacing
from livefer.train.augment import augment
from livefer.train.config import Config, Strict, config_yaml
from livefer.train.initial_weights import imagenet_file
from livefer.train.losses import class_weights, smooth_one_hot


def check_files(config: Config, is_resumed: bool) -> None:
    """Raise ConfigError for a missing file that the run needs, before the data is read."""
    files = [("distill.teachers", Path(teacher)) for teacher in config.distill.teachers]
    if "votes" in config.heads:
        files.append(("votes", Path(os.path.expanduser(config.votes))))
    if not is_resumed and config.init not in ("random", "imagenet", *CHOICES):
        files.append(("init", Path(config.init)))
    for key, path in files:
        if not path.is_file():
            raise ConfigError(f"{key}: {path} does not exist: check the path, or make it first")


def with_reachable_init(config: Config) -> tuple[Config, list[str]]:
    """Return the configuration with random weights where ImageNet's cannot be had, and a note."""
    if config.init != "imagenet":
        return config, []
    try:
        imagenet_file()
    except ModelError as error:
        note = f"init: random weights instead of imagenet, from which results differ: {error}"
        return config.model_copy(update={"init": "random"}), [note]
    return config, []


def read_splits(config: Config) -> tuple[tuple[str, ...], Split, Split, list[str]]:
    """Return the classes, the split train as it is trained on, the split val, and notes on them."""
    dataset = read_dataset(config.data)
    if len(dataset.classes) < 2:
        raise DatasetError(
            f"{config.data} has one class, {dataset.classes[0]}: expected two or more"
        )
    val = dataset.split("val")
    train, notes = clean(dataset.split("train"), config)
    notes += [f"unreadable: {file}: {reason}" for file, reason in dataset.unreadable[:5]]
    notes += [f"left out: {path}: {reason}" for path, reason in dataset.ignored]
    notes += filter(None, [framing_note(dataset)])
    notes.append(f"{len(train)} training and {len(val)} val images")
    return dataset.classes, train, val, notes


def start_folder(folder: Path, config: Strict) -> None:
    """Make the run's folder, remove the files of an earlier run, and save the configuration."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("last.safetensors", "best.safetensors", "metrics.jsonl"):
            (folder / name).unlink(missing_ok=True)
        for events in (folder / "tensorboard").glob("events.*"):
            events.unlink()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error}): choose another --out") from None
    save_config(folder, config)


def save_config(folder: Path, config: Strict) -> None:
    """Write the configuration to the run's folder; LiveferError where that fails."""
    with replacing(folder / "config.yaml") as part:
        part.write_text(config_yaml(config), encoding="utf-8")


def clean(split: Split, config: Config) -> tuple[Split, list[str]]:
    """Return the images that the configuration trains on, and a note on each kind left out."""
    keep = np.ones(len(split), bool)
    notes = []
    if config.drop_blank:
        blank = hygiene.blank(split.faces)
        keep &= ~blank
        notes.append(f"left out of train: {blank.sum()} blank")
    if config.drop_conflicting:
        conflicting = hygiene.conflicting(split.faces, split.targets) & keep
        keep &= ~conflicting
        notes.append(f"left out of train: {conflicting.sum()} labelled differently elsewhere")
    rows = np.flatnonzero(keep)
    if config.train_images and config.train_images < len(rows):
        chosen = np.random.default_rng(config.seed).permutation(len(rows))[: config.train_images]
        rows = rows[np.sort(chosen)]
    if len(rows) < 2:
        raise DatasetError(f"{len(rows)} training images are left; at least 2 are needed")
    files = tuple(split.files[row] for row in rows)
    return Split(split.name, split.faces[rows], split.targets[rows], files), notes


def soft_targets(split: Split, classes: tuple[str, ...], config: Config) -> NDArray[np.float32]:
    """Return the targets of each image, (N, heads, C) float32.

    Rows of labels sum to 1. Rows of votes sum to the share of the image's votes that went to the
    classes: an image that many people could not name, or saw no face in, counts less, and one
    without votes not at all.
    """
    parts = []
    for head in config.heads:
        if head == "labels":
            parts.append(smooth_one_hot(split.targets, len(classes), config.label_smoothing))
        else:
            votes = read_votes(config.votes, split, classes)
            parts.append(votes.shares * votes.weight[:, None])
    return np.stack(parts, axis=1)


def val_targets(
    split: Split, classes: tuple[str, ...], config: Config
) -> dict[str, NDArray[np.int64]]:
    """Return, for each head, the true class ids (N,) of a split; -1 where there is none."""
    return {
        head: split.targets
        if head == "labels"
        else read_votes(config.votes, split, classes).majority
        for head in config.heads
    }


def loss_weights(split: Split, classes: tuple[str, ...], config: Config) -> Tensor:
    """Return the weights of the classes in the loss, (heads, C) float32: 1 for votes."""
    weights = torch.ones(len(config.heads), len(classes))
    if config.heads[0] == "labels":
        weights[0] = class_weights(split.targets, len(classes), config.class_weights)
    return weights


def describe_run(
    split: Split, classes: tuple[str, ...], config: Config, weights: Tensor
) -> dict[str, Any]:
    """Return the plain data that every checkpoint of the run holds.

    config, classes: what was trained
    mean, std: of the training pixels, 0 to 1: the network's normalisation
    priors: for each head, how frequent each class is to the network: the sum of its targets,
        weighted as in the loss. Label smoothing is left out: the export takes it off the answers
    """
    unsmoothed = config.model_copy(update={"label_smoothing": 0.0})
    totals = soft_targets(split, classes, unsmoothed).sum(axis=0, dtype=np.float64)
    totals *= weights.numpy()
    priors = totals / totals.sum(axis=1, keepdims=True)
    return {
        "config": config.model_dump(mode="json"),
        "classes": classes,
        "mean": float(split.faces.mean() / 255),
        "std": float(split.faces.std() / 255),
        "priors": dict(zip(config.heads, priors.tolist(), strict=True)),
    }


def describe_inputs(
    config: Config,
    train: Split,
    val: Split,
    targets: NDArray[np.float32],
    truth: dict[str, NDArray[np.int64]],
) -> dict[str, Any]:
    """Return the plain data by which a resumed run knows its inputs again, wherever they lie.

    Pixels are left out: decoders on other machines may differ by a gray level.

    targets: (N, heads, C) float32 of the training images; truth: class ids (M,) of val by head
    """
    names = [Path(file).name for split in (train, val) for file in split.files]
    labels = hashlib.sha256("\n".join(names).encode())
    for numbers in (np.rint(1e4 * targets), *truth.values()):
        labels.update(numbers.astype("<i4").tobytes())
    teachers = [hashlib.sha256(Path(t).read_bytes()).hexdigest() for t in config.distill.teachers]
    return {"labels_sha256": labels.hexdigest(), "teachers_sha256": teachers}


def write_preview(path: Path, split: Split, classes: tuple[str, ...], config: Config) -> None:
    """Write a sheet with a row for each class: an original, and augmented copies beside it."""
    torch.manual_seed(config.seed)
    n_columns, zoom, left, gap = 10, 2, 96, 6
    side = split.faces.shape[1] * zoom
    sheet = np.full((len(classes) * side, left + gap + (n_columns + 1) * side, 3), 255, np.uint8)
    for class_id, name in enumerate(classes):
        y = class_id * side
        text, size = fit_text(name, 18, left - 16)
        paint_text(sheet, text, (8, y + (side - text_wh(text, size)[1]) // 2), size, (0, 0, 0))
        rows = np.flatnonzero(split.targets == class_id)
        if not len(rows):
            continue
        original = split.faces[rows[0]]
        seen = augment(torch.from_numpy(np.stack([original] * n_columns)), config.augment)
        faces = [original, *(seen[:, 0] * 255).round().byte().numpy()]
        for column, face in enumerate(faces):
            x = left + column * side + (gap if column else 0)
            big = cv2.resize(face, (side, side), interpolation=cv2.INTER_NEAREST)
            sheet[y : y + side, x : x + side] = big[:, :, None]
    write_image(path, sheet)
