"""EmotionClassifier: metadata, answers, and files that are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from training import CLASSES, PRIORS, random_split, write_checkpoint, write_two_headed

import livefer.classifier as module
from livefer.assets.files import FOLDER
from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError, ModelError
from livefer.train.export import export

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    export(write_checkpoint(folder / "best.safetensors"), folder / "model.onnx", random_split())
    return folder / "model.onnx"


def test_the_file_describes_itself(model_file: Path) -> None:
    classifier = EmotionClassifier(model_file)
    assert classifier.classes == CLASSES
    assert (classifier.name, classifier.input_size, classifier.crop_scale) == ("model", 48, 1.0)
    assert classifier.metadata["network"] == "ResNet-18, width 8, stem stride 1"
    assert json.loads(classifier.metadata["config"])["width"] == 8
    found = json.loads(classifier.metadata["metrics"])
    split = random_split()
    right = classifier.predict(split.faces).argmax(axis=1) == split.targets
    assert found["accuracy"] == pytest.approx(right.mean())
    assert (found["split"], found["n_images"]) == ("val", 30)


def test_batch_is_one_by_one_and_none_is_none(model_file: Path) -> None:
    classifier = EmotionClassifier(model_file, threads=1)
    faces = random_split(7, seed=2).faces
    together = classifier.predict_with_cams(faces)
    alone = [classifier.predict_with_cams(face[None]) for face in faces]
    for got, parts in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(got, np.concatenate(parts), atol=1e-5)
    probabilities, cams = classifier.predict_with_cams(faces[:0])
    assert probabilities.shape == (0, 3)
    assert cams.shape == (0, 3, 6, 6)


def test_more_faces_than_one_call_takes(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = EmotionClassifier(model_file)
    faces = random_split(7).faces
    expected = classifier.predict(faces)
    monkeypatch.setattr("livefer.classifier._BATCH", 3)
    np.testing.assert_allclose(classifier.predict(faces), expected, atol=1e-5)


@pytest.mark.parametrize(
    "faces",
    [
        np.zeros((1, 48, 48), np.float32),
        np.zeros((48, 48), np.uint8),
        np.zeros((1, 32, 32), np.uint8),
    ],
    ids=["float", "one face without N", "another size"],
)
def test_faces_of_the_wrong_kind(model_file: Path, faces: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(N, 48, 48\) uint8, got"):
        EmotionClassifier(model_file).predict(faces)


def test_heatmap_is_rectified_and_reaches_one(model_file: Path) -> None:
    classifier = EmotionClassifier(model_file)
    cam = np.full((6, 6), -1, np.float32)
    assert not classifier.heatmap(cam).any()
    cam[2, 3] = 0.2
    heat = classifier.heatmap(cam)
    assert heat.shape == (48, 48)
    assert heat.dtype == np.float32
    assert (heat.min(), heat.max()) == (0, 1)
    assert np.unravel_index(heat.argmax(), heat.shape)[0] in range(16, 24)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "neither a file nor a shipped model"), (b"junk", "not an ONNX model")],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        EmotionClassifier(path)


def test_a_damaged_installation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    shutil.copy(FOLDER / "human.onnx", tmp_path)
    with pytest.raises(ModelError, match=r"human\.onnx cannot be loaded: this installation is dam"):
        EmotionClassifier()  # its weights are not there
    with pytest.raises(ModelError, match="lacks the shipped models fer2013, human-float, fer2013-"):
        EmotionClassifier("fer2013")


def test_all_shipped_models_are_there() -> None:
    assert set(module.shipped_models()) == set(module.SHIPPED)


def test_onnx_files_of_others_are_refused(model_file: Path, tmp_path: Path) -> None:
    import onnx

    proto = onnx.load(str(model_file))
    del proto.metadata_props[:]
    onnx.save(proto, str(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match="not a model of livefer"):
        EmotionClassifier(tmp_path / "m.onnx")
    onnx.helper.set_model_props(proto, {"livefer_format": "99"})
    onnx.save(proto, str(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match="format 99"):
        EmotionClassifier(tmp_path / "m.onnx")


def test_the_prior_is_divided_out(tmp_path: Path) -> None:
    path, faces = tmp_path / "m.onnx", random_split(5).faces
    two_headed = write_two_headed(tmp_path / "best.safetensors")
    export(two_headed, path, random_split(), "votes", prior_removed=0.5)
    plain = EmotionClassifier(path, prior=0).predict(faces)
    half, whole = EmotionClassifier(path), EmotionClassifier(path, prior=1)
    assert (half.prior, whole.prior) == (0.5, 1)
    odds = plain / np.array(PRIORS["votes"])
    np.testing.assert_allclose(
        whole.predict(faces), odds / odds.sum(axis=1, keepdims=True), rtol=1e-4
    )
    between = half.predict(faces)[:, 2]
    assert (whole.predict(faces)[:, 2] < between).all()
    assert (between < plain[:, 2]).all()
    np.testing.assert_allclose(half.predict(faces).sum(axis=1), 1, atol=1e-6)


def test_an_impossible_prior_is_refused(model_file: Path) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1, got 2"):
        EmotionClassifier(model_file, prior=2)
    with pytest.raises(ModelError, match='"model" does not say how frequent'):
        EmotionClassifier(model_file, prior=0.5)
