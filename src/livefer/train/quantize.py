"""From a checkpoint to an ONNX file that computes its convolutions in 8 bits.

The format is ONNX's own: QuantizeLinear and DequantizeLinear around operators written as float.
Activations are uint8, with one scale per tensor. Weights are int8, with one scale per output
channel, and use 7 of their 8 bits: processors without VNNI add pairs of uint8 × int8 products in
16 bits, which hold 2 · 255 · 64, but not 2 · 255 · 127. Normalisation, the first convolution, the
head, the maps, temperature and softmax are computed in float.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.data import hygiene
from livefer.data.dataset import Split
from livefer.errors import ModelError
from livefer.system import telemetry
from livefer.system.atomic import replacing, temporary_folder
from livefer.train.export import export, figures_on

N_CALIBRATION = 504
MAX_ACCURACY_CHANGE = 0.003
MAX_MEAN_DIFFERENCE = 0.005
MIN_SAME_LABELS = 0.97
# Of an activation's values:
# docs/experiments/speed.md#2026-11-23-int8-ranges-clip-one-value-in-a-hundred-thousand
_PERCENTILE = 99.999
_SEED = 0
_BATCH = 32


def export_int8(
    checkpoint: Path,
    output: Path,
    train: Split,
    val: Split,
    labels: str | None = None,
    prior_removed: float = 0.0,
) -> dict[str, str]:
    """Write the int8 ONNX file of a checkpoint and return its metadata.

    train: the split on which the ranges of the activations are measured
    val, labels, prior_removed: as in `export`, which writes the float model first

    Raises ModelError, and writes nothing, where the two models differ on val by more than 0.3
    points of accuracy, 0.005 of a probability on average, or 3 % of the labels.

    The temperature stays the float model's: fitted again it changed by 0.2 % and the NLL in its
    sixth decimal. Threshold and figures are measured on the int8 file:
    docs/experiments/speed.md#2026-11-22-int8-with-7-bit-weights-answers-alike-on-every-processor
    """
    with temporary_folder() as folder:
        float_file = folder / "float.onnx"
        described = export(checkpoint, float_file, val, labels, prior_removed)
        faces = calibration_faces(train, N_CALIBRATION, len(json.loads(described["classes"])))
        described["quantisation"] = (
            "static, weights int8 per channel in -64..64, activations uint8 in ranges that "
            f"hold {_PERCENTILE} % of the values over {len(faces)} faces of the train split, "
            "balanced by class; first convolution, head and maps float32"
        )
        float_answers = EmotionClassifier(float_file).predict(val.faces)
        with replacing(output) as part:
            quantize(float_file, part, faces, described)
            answers = EmotionClassifier(part).predict(val.faces)
            difference = compare(float_answers, answers, val.targets)
            _refuse(difference)
            described |= figures_on(val, answers, against_float=difference)
            _describe(part, described)
    return described


def calibration_faces(train: Split, n: int, n_classes: int, seed: int = _SEED) -> NDArray[np.uint8]:
    """Draw n faces (n, S, S), none blank, equally many of each class; fewer where a class ends."""
    generator = np.random.default_rng(seed)
    each = -(-n // n_classes)
    usable = ~hygiene.blank(train.faces)
    rows = [
        generator.permutation(np.flatnonzero(usable & (train.targets == class_id)))[:each]
        for class_id in range(n_classes)
    ]
    faces: NDArray[np.uint8] = train.faces[np.concatenate(rows)]
    return faces


def quantize(
    float_file: Path, output: Path, faces: NDArray[np.uint8], described: dict[str, str]
) -> None:
    """Write the int8 file of a float file that `export` wrote.

    faces: (N, S, S) uint8; the ranges hold 99.999 % of the activations that they give
    """
    ort = telemetry.load("onnxruntime.quantization")
    proto = onnx.load(str(float_file))
    _widen(proto.graph)
    nodes = _convolutional(proto.graph)
    # ONNX Runtime warns through the root logger where this mark is missing. It stands for inferred
    # shapes and folded constants, which the exporter has written already.
    onnx.helper.set_model_props(proto, {"onnx.quant.pre_process": "onnxruntime.quant"})
    output.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        ort.quantize_static(
            proto,
            str(output),
            _Faces(faces),
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu", "Add"],
            nodes_to_quantize=nodes,
            per_channel=True,
            reduce_range=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            calibrate_method=ort.CalibrationMethod.Percentile,
            extra_options={
                "WeightSymmetric": True,
                "CalibPercentile": _PERCENTILE,
                "CalibStridedMinMax": 1,  # a batch at a time: less memory
            },
        )
    _describe(output, described)


def compare(
    float_answers: NDArray[np.float32],
    answers: NDArray[np.float32],
    targets: NDArray[np.int64],
) -> dict[str, float]:
    """Return how far apart two models' probabilities (N, C) are.

    A target of -1 is in no accuracy.

    float_accuracy, accuracy_change: shares of the images, the change from float to `answers`
    same_labels: share of the images with the same most probable class
    mean_difference, max_difference: of a probability
    """
    apart = np.abs(answers - float_answers)
    labels, float_labels = answers.argmax(axis=1), float_answers.argmax(axis=1)
    known = targets >= 0
    right, float_right = (given[known] == targets[known] for given in (labels, float_labels))
    return {
        "float_accuracy": float(float_right.mean()),
        "accuracy_change": float(right.mean() - float_right.mean()),
        "same_labels": float((labels == float_labels).mean()),
        "mean_difference": float(apart.mean()),
        "max_difference": float(apart.max()),
    }


def _refuse(difference: dict[str, float]) -> None:
    """Raise ModelError where the int8 model is too far from the float model."""
    change, mean = difference["accuracy_change"], difference["mean_difference"]
    same = difference["same_labels"]
    if abs(change) > MAX_ACCURACY_CHANGE or mean > MAX_MEAN_DIFFERENCE or same < MIN_SAME_LABELS:
        raise ModelError(
            f"int8 is too far from float on val: accuracy {100 * change:+.2f} points "
            f"(allowed ±{100 * MAX_ACCURACY_CHANGE:.1f}), probabilities {mean:.4f} on average "
            f"(allowed {MAX_MEAN_DIFFERENCE:g}), {same:.1%} equal labels (at least "
            f"{MIN_SAME_LABELS:.0%}); nothing was written, export without --int8"
        )


class _Faces:
    """Batches of faces with the methods of ONNX Runtime's CalibrationDataReader.

    The calibration asks for ranges of batches.
    """

    def __init__(self, faces: NDArray[np.uint8]) -> None:
        self._batches = [faces[i : i + _BATCH] for i in range(0, len(faces), _BATCH)]
        self._left: Iterator[NDArray[np.uint8]] = iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._left = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._left, None)
        return None if batch is None else {"faces": batch}


def _widen(graph: Any) -> None:
    """Turn the convolutions' weights that are stored as float16 back into float32 tensors."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    weights = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    for node in list(graph.node):
        if node.op_type == "Cast" and node.output[0] in weights and node.input[0] in stored:
            tensor = stored[node.input[0]]
            values = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, node.output[0]))
            graph.node.remove(node)


def _convolutional(graph: Any) -> list[str]:
    """Return the names of the nodes between the first convolution and the pooling of the head."""
    operations = [node.op_type for node in graph.node]
    first = operations.index("Conv") + 1
    last = len(operations) - operations[::-1].index("ReduceMean") - 1
    kept = ("Conv", "Relu", "Add")
    names = [node.name for node in graph.node[first:last] if node.op_type in kept]
    return names[1:] if operations[first] == "Relu" else names


def _describe(path: Path, described: dict[str, str]) -> None:
    """Replace the metadata of a file."""
    proto = onnx.load(str(path))
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, described)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))
