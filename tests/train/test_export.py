"""From checkpoint to ONNX: the file equals the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training import (
    CLASSES,
    MEAN,
    STD,
    random_model,
    random_split,
    write_checkpoint,
    write_two_headed,
)

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import Split
from livefer.errors import ModelError
from livefer.train import export as exporting
from livefer.train.cam import closed_form_cams
from livefer.train.checkpoint import load_predictor, normalise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("run") / "best.safetensors")


@pytest.fixture(scope="module")
def model_file(checkpoint: Path) -> Path:
    path = checkpoint.with_name("model.onnx")
    exporting.export(checkpoint, path, random_split())
    return path


@pytest.fixture(scope="module")
def two_headed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_headed(tmp_path_factory.mktemp("run") / "best.safetensors")


def test_onnx_is_torch_up_to_half_stored_weights(checkpoint: Path, model_file: Path) -> None:
    split = random_split(seed=5)
    classifier = EmotionClassifier(model_file)
    probabilities, cams = classifier.predict_with_cams(split.faces)
    temperature = float(classifier.metadata["temperature"])
    predict, classes = load_predictor(checkpoint)
    logits = np.log(predict(split.faces)) / temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert classes == CLASSES
    np.testing.assert_allclose(probabilities, expected, atol=2e-3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    model = random_model()
    x = normalise(torch.from_numpy(split.faces), MEAN, STD)
    with torch.no_grad():
        wanted = closed_form_cams(model.head, model.features(x))[1].numpy()
    np.testing.assert_allclose(cams, wanted, atol=2e-2 * np.abs(wanted).max())


def test_label_smoothing_is_taken_off_and_the_order_kept(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "best.safetensors", label_smoothing=0.1)
    exporting.export(checkpoint, tmp_path / "m.onnx", random_split())
    classifier = EmotionClassifier(tmp_path / "m.onnx")
    faces = random_split(9, seed=5).faces
    p = load_predictor(checkpoint)[0](faces)
    odds = np.maximum(p - 0.1 / 3, 0.05 * p) ** (1 / float(classifier.metadata["temperature"]))
    found = classifier.predict(faces)
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), atol=2e-3)
    np.testing.assert_array_equal(np.argsort(found, axis=1), np.argsort(p, axis=1))


def test_weights_are_stored_in_half_precision(model_file: Path) -> None:
    n_weights = sum(p.numel() for p in random_model().parameters())
    assert model_file.stat().st_size < 2.6 * n_weights + 60_000


def test_nothing_is_written_when_runtime_and_torch_disagree(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_answers(self: object, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(faces)
        return np.full((n, 3), 1 / 3, np.float32), np.zeros((n, 3, 6, 6), np.float32)

    monkeypatch.setattr(EmotionClassifier, "predict_with_cams", other_answers)
    with pytest.raises(ModelError, match="disagree"):
        exporting.export(checkpoint, tmp_path / "m.onnx", random_split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("labels", ["labels", "votes"])
def test_each_head_becomes_a_model_with_its_answers(
    two_headed: Path, tmp_path: Path, labels: str
) -> None:
    exporting.export(two_headed, tmp_path / "m.onnx", random_split(), labels)
    classifier = EmotionClassifier(tmp_path / "m.onnx")
    assert classifier.metadata["labels"] == labels
    faces = random_split(5).faces
    expected = load_predictor(two_headed, labels)[0](faces)
    np.testing.assert_array_equal(
        np.argsort(classifier.predict(faces), axis=1), np.argsort(expected, axis=1)
    )


def test_images_without_a_majority_count_for_the_threshold_alone(
    two_headed: Path, tmp_path: Path
) -> None:
    split = random_split()
    known = exporting.export(two_headed, tmp_path / "a.onnx", split, "votes")
    doubled = Split(
        "val",
        np.concatenate([split.faces, split.faces]),
        np.concatenate([split.targets, np.full(30, -1)]),
        split.files * 2,
    )
    disputed = exporting.export(two_headed, tmp_path / "b.onnx", doubled, "votes")
    assert disputed["metrics"] == known["metrics"]
    assert disputed["temperature"] == known["temperature"]
    assert float(disputed["uncertain_below"]) >= float(known["uncertain_below"])


def test_probabilities_too_small_for_a_float_have_finite_logits(tmp_path: Path) -> None:
    model = random_model()
    with torch.no_grad():
        model.head[-1].weight.mul_(1000)
    split = random_split()
    right = model(normalise(torch.from_numpy(split.faces), MEAN, STD)).argmax(dim=1).numpy()
    targets = np.where(np.arange(30) < 27, right, (right + 1) % 3)
    described = exporting.export(
        write_checkpoint(tmp_path / "sure.safetensors", model),
        tmp_path / "sure.onnx",
        Split("val", split.faces, targets, split.files),
    )
    assert float(described["temperature"]) == 4  # three are wrong with all certainty
    assert 0 < float(described["uncertain_below"]) <= 1
