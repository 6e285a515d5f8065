"""The exported network: uint8 faces in, probabilities and class-activation maps out.

The model file describes itself: everything is read from its ONNX metadata, never from its name.
`livefer export` writes these keys, all of them text:

    livefer_format   version of this format, FORMAT
    classes          JSON list of C names, in the order of the outputs
    input_size       side S of a face, pixels
    crop_scale       side of the crop; 1.0 is FER2013's own framing
    mean, std        of the training pixels, 0 to 1; the graph normalises with them
    temperature      of the softmax in the graph, fitted on val
    uncertain_below  smallest confidence that counts as an answer, chosen on val
    labels           what the network answers: the data set's "labels", or people's "votes"
    prior            JSON list of C frequencies of the classes in training; may be missing
    prior_removed    the model's own choice of EmotionClassifier's `prior`
    metrics          JSON: split, n_images, accuracy and macro_f1 of the file, prior removed;
                     of an 8-bit file also against_float, the differences from the float file
    network          the architecture in words
    quantisation     how an 8-bit file computes; missing in others
    training_data    name and split of the training data
    config, epoch    JSON configuration of the run, and the epoch of the weights, from 0
    livefer_version, commit, date  code and day of the export

The graph takes `faces` (N, S, S) uint8 and returns `probabilities` (N, C) and `cams` (N, C, h, w).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.assets.files import FOLDER
from livefer.errors import REINSTALL, ConfigError, ModelError
from livefer.system.onnx_session import onnx_errors, open_session

DEFAULT_MODEL = "human"
"""Predicts what most people see in a face; "fer2013" predicts that data set's labels."""
CHOICES = ("human", "fer2013")
"""The models that a person chooses between."""
SHIPPED = (*CHOICES, *(f"{name}-float" for name in CHOICES))
FORMAT = "1"
# Bounds the memory of a call with thousands of faces: 256 at a time are no faster and take 250 MiB
# more: docs/experiments/speed.md#2026-11-22-onnx-runtimes-threads-do-not-spin
_BATCH = 64
_LEAST_FREQUENCY = 1e-3

_EXPORT_HINT = '"livefer export CHECKPOINT -o model.onnx" makes one'


def shipped_models() -> dict[str, Path]:
    """Return the files of the models inside the package by name; -float computes in float32."""
    files = {name: FOLDER / f"{name}.onnx" for name in SHIPPED}
    return {name: path for name, path in files.items() if path.is_file()}


class EmotionClassifier:
    """An exported model.

    name: the file's name without suffix
    classes: C class names
    input_size: side S of a face in pixels
    crop_scale: side of the crop, 1.0 is FER2013's own framing
    uncertain_below: the confidence below which an answer is called uncertain
    prior: the share of the class frequencies in training that is divided out
    sha256: the hash of the file
    metadata: the file's own, all of it text (see the module)
    """

    def __init__(
        self,
        model: str | Path | None = None,
        threads: int | None = None,
        prior: float | None = None,
    ) -> None:
        """Load a model; ModelError where there is none, ConfigError for a prior outside 0 to 1.

        model: a shipped model's name or the path of an ONNX file; None is DEFAULT_MODEL
        threads: processor cores for one call; None: those that this process may use
        prior: from 0 (faces come as frequently as in training) to 1 (every class is equally likely
            beforehand, so rare ones are found more often); None is the model's own choice.
            Menon et al. 2021, https://arxiv.org/abs/2007.07314
        """
        path = _find(model)
        self._session = _load(path, threads)
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.name = path.stem
        self.path = path
        try:
            if self.metadata["livefer_format"] != FORMAT:
                raise ModelError(
                    f"{path} has model format {self.metadata['livefer_format']}, this version "
                    f"reads {FORMAT}: update livefer or export the model again"
                )
            self.classes: tuple[str, ...] = tuple(json.loads(self.metadata["classes"]))
            self.input_size = int(self.metadata["input_size"])
            self.crop_scale = float(self.metadata["crop_scale"])
            self.uncertain_below = float(self.metadata["uncertain_below"])
            self.prior = float(self.metadata["prior_removed"]) if prior is None else prior
            self.frequencies: list[float] = json.loads(self.metadata.get("prior", "[]"))
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"{path} is an ONNX file, but not a model of livefer ({error}): {_EXPORT_HINT}"
            ) from None
        if not 0 <= self.prior <= 1:
            raise ConfigError(f"prior goes from 0 to 1, got {self.prior:g}")
        if self.prior and not self.frequencies:
            raise ModelError(
                f'the model "{self.name}" does not say how frequent its classes were in training: '
                "leave the prior at 0, or export the model again"
            )

    @cached_property
    def sha256(self) -> str:
        """The hash of the model's file, 64 hexadecimal digits."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (N, C) float32 of faces (N, S, S) uint8, S being input_size."""
        return self.predict_with_cams(faces)[0]

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities and Grad-CAM maps of all classes.

        faces: (N, S, S) uint8, gray; N may be 0
        returns: (N, C) float32, rows sum to 1; (N, C, h, w) float32, not rectified
        """
        size = self.input_size
        if faces.dtype != np.uint8 or faces.ndim != 3 or faces.shape[1:] != (size, size):
            raise ValueError(
                f"faces must be (N, {size}, {size}) uint8, got {faces.shape} {faces.dtype}"
            )
        parts = [
            self._session.run(["probabilities", "cams"], {"faces": faces[start : start + _BATCH]})
            for start in range(0, len(faces), _BATCH)
        ]
        if not parts:
            h, w = self._session.get_outputs()[1].shape[2:]
            n = len(self.classes)
            return np.empty((0, n), np.float32), np.empty((0, n, h, w), np.float32)
        if len(parts) == 1:
            probabilities, cams = parts[0]
        else:
            probabilities, cams = (np.concatenate(part) for part in zip(*parts, strict=True))
        if self.prior:
            probabilities = without_prior(probabilities, self.frequencies, self.prior)
        return probabilities, cams

    def heatmap(self, cam: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn one class's map (h, w) into a heat map (S, S) float32 of the evidence for it, 0–1.

        A map without a positive value gives zeros.
        Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391
        """
        size = (self.input_size, self.input_size)
        positive = np.maximum(cam, 0).astype(np.float32)
        heat = np.maximum(cv2.resize(positive, size, interpolation=cv2.INTER_CUBIC), 0)
        peak = float(heat.max())
        return np.asarray(heat / peak if peak > 0 else heat, np.float32)


def without_prior(
    probabilities: NDArray[np.float32], frequencies: Sequence[float], share: float
) -> NDArray[np.float32]:
    """Return probabilities (N, C) as they would be if the classes were less unequally frequent.

    frequencies: of the C classes in training; one below a thousandth counts as a thousandth
    share: how much of their logarithm is subtracted, 0 to 1
    Menon et al. 2021, https://arxiv.org/abs/2007.07314
    """
    odds = probabilities * np.maximum(np.array(frequencies, np.float32), _LEAST_FREQUENCY) ** -share
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _load(path: Path, threads: int | None) -> Any:
    """Open a file; ModelError where it is no network."""
    try:
        return open_session(path, threads)
    except onnx_errors() as error:
        if path.suffix == ".safetensors":
            raise ModelError(
                f"{path} is a checkpoint, not a model: livefer export {path} -o model.onnx makes "
                "one"
            ) from None
        if path.parent == FOLDER:
            raise ModelError(f"{path} cannot be loaded: {REINSTALL}") from None
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path} is not an ONNX model that can be run: {reason}") from None


def _find(model: str | Path | None) -> Path:
    """Return the file of a shipped model's name or of a path; None is the default model."""
    models = shipped_models()
    name = DEFAULT_MODEL if model is None else str(model)
    if name in models:
        return models[name]
    path = Path(os.path.expanduser(name))  # Path.expanduser raises for a user who does not exist
    if path.is_file():
        return path
    if missing := [n for n in SHIPPED if n not in models]:
        raise ModelError(f"{FOLDER} lacks the shipped models {', '.join(missing)}: {REINSTALL}")
    raise ModelError(
        f'model "{name}" is neither a file nor a shipped model ({", ".join(models)}): '
        f"{_EXPORT_HINT}"
    )
