"""From a checkpoint to the ONNX file that livefer runs and ships; the file describes itself."""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from livefer.classifier import FORMAT, EmotionClassifier, without_prior
from livefer.data.dataset import Split
from livefer.errors import ModelError
from livefer.evaluation import metrics
from livefer.evaluation.calibration import confidence_threshold, fit_temperature
from livefer.system.atomic import replacing
from livefer.train.cam import closed_form_cams
from livefer.train.checkpoint import load_model
from livefer.train.config import describe_network, parse_config
from livefer.train.model import ResNetFER
from livefer.version import __version__

INPUT_SIZE = 48
CROP_SCALE = 1.0  # training faces are framed as FER2013's are
TOLERANCE = 1e-4
_N_COMPARED = 512
_HALF_FROM = 1024  # tensors with at least this many values are stored in half precision


class _Graph(nn.Module):
    """What the file computes: scaling, network, softmax, temperature and maps.

    smoothing: of the labels in training. A network that has learned it gives every class s/C too
        much, which no temperature corrects: it is subtracted first, down to a twentieth of the
        network's own probability, so that the classes keep their order (`bench/uncertain.py`)
    """

    def __init__(self, model: ResNetFER, mean: float, std: float, smoothing: float) -> None:
        super().__init__()
        self.model, self.mean, self.std, self.smoothing = model, mean, std, smoothing
        self.temperature = 1.0

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        x = (faces.unsqueeze(1).float() / 255 - self.mean) / self.std
        logits, cams = closed_form_cams(self.model.head, self.model.features(x))
        p = logits.softmax(dim=1)
        p = torch.maximum(p - self.smoothing / p.shape[1], 0.05 * p) ** (1 / self.temperature)
        return p / p.sum(dim=1, keepdim=True), cams


def export(
    checkpoint: Path,
    output: Path,
    val: Split,
    labels: str | None = None,
    prior_removed: float = 0.0,
) -> dict[str, str]:
    """Write the ONNX file of a checkpoint and return its metadata (see `livefer.classifier`).

    val: faces with targets of the kind of `labels`: temperature and threshold are fitted on them,
        and the written file is compared with torch on them. A target of -1 (people disagree) makes
        every answer wrong, and counts for the threshold alone
    labels: "labels" or "votes", where the network has learned both; None is the first
    prior_removed: the `prior` of EmotionClassifier that is the model's own choice

    Raises ModelError, and writes nothing, where a probability or a map (relative to the largest
    value of all) of the file differs from torch's by more than 1e-4.
    """
    model, meta = load_model(checkpoint, labels)
    if val.targets.max() >= len(meta["classes"]):
        raise ModelError(f"{checkpoint} knows {len(meta['classes'])} classes, the data has more")
    if prior_removed and not meta["prior"]:
        raise ModelError(f"{checkpoint} does not say how frequent its classes were in training")
    smoothing = meta["config"]["label_smoothing"] if meta["labels"] == "labels" else 0.0
    graph = _Graph(_round_to_half(_fuse(model)), meta["mean"], meta["std"], smoothing).eval()

    logits = np.log(np.maximum(_run(graph, val.faces)[0], np.finfo(np.float32).tiny))
    known = val.targets >= 0
    graph.temperature = fit_temperature(logits[known], val.targets[known])
    probabilities = torch.from_numpy(logits / graph.temperature).softmax(dim=1).numpy()
    if meta["prior"]:
        probabilities = without_prior(probabilities, meta["prior"], prior_removed)

    described = _metadata(meta, graph.temperature, prior_removed)
    described |= figures_on(val, probabilities)
    with replacing(output) as part:
        _write(graph, described, part)
        _compare(part, graph, val.faces[:_N_COMPARED])
    return described


def _metadata(meta: dict[str, Any], temperature: float, prior_removed: float) -> dict[str, str]:
    """Return the metadata of the file, all but its figures on val.

    meta: plain data of the checkpoint, from `load_model`
    """
    config = meta["config"]
    described = {
        "livefer_format": FORMAT,
        "livefer_version": __version__,
        "classes": json.dumps(meta["classes"]),
        "input_size": str(INPUT_SIZE),
        "crop_scale": str(CROP_SCALE),
        "mean": repr(meta["mean"]),
        "std": repr(meta["std"]),
        "temperature": repr(temperature),
        "network": describe_network(parse_config(config, "the checkpoint")),
        "training_data": f"{Path(config['data']).name}, train split",
        "labels": meta["labels"],
        "prior_removed": repr(prior_removed),
        "config": json.dumps(config),
        "epoch": str(meta.get("epoch", "")),
        "commit": commit(),
        "date": date.today().isoformat(),
    }
    if meta["prior"]:
        described["prior"] = json.dumps(meta["prior"])
    return described


def figures_on(
    val: Split, probabilities: NDArray[np.float32], **more: dict[str, float]
) -> dict[str, str]:
    """Return the metadata that a model's probabilities (N, C) on val give.

    more: further entries of `metrics`
    """
    known = val.targets >= 0
    matrix = metrics.confusion_matrix(
        val.targets[known], probabilities[known].argmax(axis=1), probabilities.shape[1]
    )
    figures = {
        "split": val.name,
        "n_images": int(known.sum()),
        "accuracy": metrics.accuracy(matrix),
        "macro_f1": metrics.macro_f1(matrix),
        **more,
    }
    return {
        "uncertain_below": repr(confidence_threshold(probabilities, val.targets)),
        "metrics": json.dumps(figures),
    }


def _fuse(model: ResNetFER) -> ResNetFER:
    """Fold each BatchNorm behind a convolution into it."""
    model = copy.deepcopy(model).eval()
    for conv, norm in model.norms().items():
        convolution, batch_norm = model.get_submodule(conv), model.get_submodule(norm)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(batch_norm, nn.BatchNorm2d)
        model.set_submodule(conv, fuse_conv_bn_eval(convolution, batch_norm))
        model.set_submodule(norm, nn.Identity())
    return model


def _round_to_half(model: ResNetFER) -> ResNetFER:
    """Round large weights to what float16 can hold, so that storing them so changes nothing."""
    for tensor in model.parameters():
        if tensor.numel() >= _HALF_FROM:
            tensor.data = tensor.data.half().float()
    return model


@torch.inference_mode()
def _run(graph: nn.Module, faces: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return probabilities (N, C) and maps (N, C, h, w) of faces (N, S, S) uint8, by torch."""
    parts = [graph(torch.from_numpy(faces[i : i + 256])) for i in range(0, len(faces), 256)]
    probabilities, cams = zip(*parts, strict=True)
    return torch.cat(probabilities).numpy(), torch.cat(cams).numpy()


def _write(graph: nn.Module, described: dict[str, str], path: Path) -> None:
    """Trace the graph, and write it with its metadata."""
    example = torch.zeros(2, INPUT_SIZE, INPUT_SIZE, dtype=torch.uint8)
    shapes = {"faces": {0: torch.export.Dim("n")}}
    proto = traced(graph, example, shapes, ["probabilities", "cams"])
    _store_half(proto.graph)
    write_graph(proto, described, path)


def traced(graph: nn.Module, example: Tensor, shapes: dict[str, Any], outputs: list[str]) -> Any:
    """Return a module as an onnx.ModelProto, without notes on this machine.

    shapes: by the name of the input, its dimensions that are not fixed
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            input_names=list(shapes),
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=18,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, proto.graph):
        del part.metadata_props[:]  # the exporter's notes, with paths of this machine
    return proto


def write_graph(proto: Any, described: dict[str, str], path: Path) -> None:
    """Check a graph, and write it with its metadata."""
    onnx.helper.set_model_props(proto, described)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))


def _store_half(graph: Any) -> None:
    """Store large weights as float16; a Cast widens them once, when the file is loaded."""
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= _HALF_FROM:
            half = values.astype(np.float16)
            if not np.array_equal(half.astype(np.float32), values):
                continue  # a constant that the exporter folded from weights, not a weight
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, name + "_half"))
            to = onnx.TensorProto.FLOAT
            casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=to))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _compare(path: Path, graph: _Graph, faces: NDArray[np.uint8]) -> None:
    """Raise ModelError where the file gives other answers than torch."""
    probabilities, cams = _run(graph, faces)
    got_probabilities, got_cams = EmotionClassifier(path, prior=0).predict_with_cams(faces)
    off = float(np.abs(got_probabilities - probabilities).max())
    off_cams = float(np.abs(got_cams - cams).max() / np.abs(cams).max())
    if max(off, off_cams) > TOLERANCE:
        raise ModelError(
            f"ONNX Runtime and torch disagree on {len(faces)} faces: probabilities by {off:.1e}, "
            f"maps by {off_cams:.1e}, {TOLERANCE:.0e} is allowed; nothing was written"
        )


def commit() -> str:
    """Return the commit of this code, with a + where files differ from it, or "unknown"."""
    here = Path(__file__).parent
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=here, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
