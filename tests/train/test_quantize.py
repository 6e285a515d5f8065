"""From checkpoint to int8: the same answers in 8 bits, or an error and no file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from builders import make_split

from livefer import classifier
from livefer.classifier import EmotionClassifier
from livefer.data.dataset import Split
from livefer.errors import ModelError
from livefer.evaluation.calibration import confidence_threshold
from livefer.train import export as exporting
from livefer.train import quantize as quantizing
from livefer.train.checkpoint import save_checkpoint, with_prefix
from livefer.train.config import Config
from livefer.train.model import ResNetFER

pytestmark = pytest.mark.slow

CLASSES = ("calm", "glad", "upset")


def write_checkpoint(path: Path, config: Config, model: ResNetFER) -> None:
    """A network whose BatchNorm layers know the data, as after training."""
    torch.manual_seed(0)
    x = torch.from_numpy(split("train").faces)[:, None].float() / 255
    model.train()
    with torch.no_grad():
        for _ in range(20):
            model((x - 0.5) / 0.25)
    meta = {"config": config.model_dump(mode="json"), "classes": CLASSES, "mean": 0.5, "std": 0.25}
    save_checkpoint(path, with_prefix("model", model.state_dict()), meta)


def split(name: str, n: int = 48) -> Split:
    return make_split([i % 3 for i in range(n)], name, seed=len(name))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The float file and the int8 file of one checkpoint; 48 faces prove no tenth of a point."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("run")
    checkpoint = folder / "best.safetensors"
    write_checkpoint(checkpoint, Config(width=8), ResNetFER(3, 8, dropout=0))

    def export(source: Path, path: Path, *settings: Any) -> dict[str, Any]:
        described = exporting.export(source, path, *settings)
        shutil.copy(path, folder / "float.onnx")
        return described

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantizing, "export", export)
        patch.setattr(quantizing, "MAX_ACCURACY_CHANGE", 1.0)
        patch.setattr(quantizing, "MIN_SAME_LABELS", 0.8)
        quantizing.export_int8(checkpoint, folder / "int8.onnx", split("train"), split("val"))
    return folder / "float.onnx", folder / "int8.onnx"


def test_int8_answers_as_float_does(files: tuple[Path, Path]) -> None:
    of_float, of_int8 = (EmotionClassifier(path) for path in files)
    faces = split("val").faces
    p, cams = of_float.predict_with_cams(faces)
    q, int8_cams = of_int8.predict_with_cams(faces)
    assert 0 < np.abs(p - q).max() < 0.05
    assert np.abs(cams - int8_cams).max() < 0.2 * np.abs(cams).max()
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-5)
    spread = np.abs(p - p.mean(axis=0)).mean()
    assert np.abs(p - q).mean() < spread / 4


def test_the_int8_file_has_the_interface_and_metadata_of_the_float_file(
    files: tuple[Path, Path],
) -> None:
    float_proto, proto = (onnx.load(str(path)) for path in files)
    for side in ("input", "output"):
        kinds = [
            [(value.name, value.type.tensor_type.elem_type, len(value.type.tensor_type.shape.dim))
             for value in getattr(graph, side)]
            for graph in (float_proto.graph, proto.graph)
        ]  # fmt: skip
        assert kinds[0] == kinds[1]
    of_float, of_int8 = (EmotionClassifier(path).metadata for path in files)
    own = {"quantisation", "metrics", "uncertain_below"}
    assert set(of_int8) == set(of_float) | {"quantisation"}
    assert {k: v for k, v in of_int8.items() if k not in own} == {
        k: v for k, v in of_float.items() if k not in own
    }
    assert "48 faces of the train split" in of_int8["quantisation"]


def test_every_metadata_key_is_documented(files: tuple[Path, Path]) -> None:
    written = set(EmotionClassifier(files[1]).metadata) | {"prior"}  # this checkpoint has none
    lines = re.findall(r"^    ([a-z]\w*(?:, \w+)*)  +\S", classifier.__doc__ or "", re.MULTILINE)
    assert sorted(key for line in lines for key in line.split(", ")) == sorted(written)


def test_figures_in_the_file_are_its_own(files: tuple[Path, Path]) -> None:
    int8 = EmotionClassifier(files[1])
    val = split("val")
    answers = int8.predict(val.faces)
    found = json.loads(int8.metadata["metrics"])
    assert found["accuracy"] == pytest.approx((answers.argmax(axis=1) == val.targets).mean())
    assert int8.uncertain_below == confidence_threshold(answers, val.targets)
    against = found["against_float"]
    apart = np.abs(answers - EmotionClassifier(files[0]).predict(val.faces))
    assert against["mean_difference"] == pytest.approx(apart.mean(), rel=1e-3)
    assert against["max_difference"] == pytest.approx(apart.max(), rel=1e-3)
    change = found["accuracy"] - against["float_accuracy"]
    assert against["accuracy_change"] == pytest.approx(change)


def test_no_pair_of_products_leaves_16_bits(files: tuple[Path, Path]) -> None:
    graph = onnx.load(str(files[1])).graph
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    made_by = {node.output[0]: node for node in graph.node}
    n_int8 = 0
    for node in graph.node:
        if node.op_type != "Conv" or node.input[1] not in made_by:
            continue
        weights, scales = (tensors[name] for name in made_by[node.input[1]].input[:2])
        assert weights.dtype == np.int8
        assert scales.shape == weights.shape[:1]
        assert 2 * 255 * np.abs(weights.astype(int)).max() <= np.iinfo(np.int16).max
        n_int8 += 1
    assert n_int8 == sum(node.op_type == "Conv" for node in graph.node) - 1 == 19


def test_batch_is_one_by_one(files: tuple[Path, Path]) -> None:
    int8 = EmotionClassifier(files[1], threads=1)
    faces = split("val").faces[:6]
    alone = np.concatenate([int8.predict(face[None]) for face in faces])
    np.testing.assert_allclose(int8.predict(faces), alone, atol=1e-5)


def test_calibration_draws_every_class_alike_and_always_the_same() -> None:
    train = make_split([0] * 40 + [1] * 9 + [2] * 3, "train")
    rows = {face.tobytes(): target for face, target in zip(train.faces, train.targets, strict=True)}
    faces = quantizing.calibration_faces(train, 18, 3)
    drawn = [int(rows[face.tobytes()]) for face in faces]
    assert np.bincount(drawn).tolist() == [6, 6, 3]
    np.testing.assert_array_equal(faces, quantizing.calibration_faces(train, 18, 3))
    other = quantizing.calibration_faces(train, 18, 3, seed=1)
    assert not np.array_equal(faces[:6], other[:6])


def test_differences_are_counted() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], np.float32)
    q = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], np.float32)
    found = quantizing.compare(p, q, np.array([0, 0, 1, 1]))
    assert found["float_accuracy"] == 1
    assert found["accuracy_change"] == -0.25
    assert found["same_labels"] == 0.75
    assert found["mean_difference"] == pytest.approx(0.05)
    assert found["max_difference"] == pytest.approx(0.2)
    # Where people do not agree no answer is right, and none is wrong.
    disputed = quantizing.compare(p, q, np.array([-1, 0, 1, 1]))
    assert disputed["float_accuracy"] == 1
    assert disputed["accuracy_change"] == pytest.approx(-1 / 3)
    assert disputed["same_labels"] == 0.75


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MAX_MEAN_DIFFERENCE", 0.0), ("MIN_SAME_LABELS", 1.1), ("MAX_ACCURACY_CHANGE", -1.0)],
)
def test_nothing_is_written_where_int8_is_too_far_off(
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
) -> None:
    def export(source: Path, path: Path, *settings: Any) -> dict[str, Any]:
        shutil.copy(files[0], path)
        return dict(EmotionClassifier(path).metadata)

    monkeypatch.setattr(quantizing, "export", export)
    generous = {"MAX_ACCURACY_CHANGE": 1.0, "MAX_MEAN_DIFFERENCE": 1.0, "MIN_SAME_LABELS": 0.0}
    for name, number in {**generous, limit: value}.items():
        monkeypatch.setattr(quantizing, name, number)
    output = tmp_path / "m.onnx"
    with pytest.raises(ModelError, match="int8 is too far from float on val"):
        quantizing.export_int8(Path("best.safetensors"), output, split("train"), split("val"))
    assert list(tmp_path.iterdir()) == []
