"""From checkpoint to ONNX: the file equals the network, its maps equal autograd's Grad-CAM."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import write_folders
from typer.testing import CliRunner

from livefer.classifier import EmotionClassifier
from livefer.cli import app
from livefer.data.dataset import Split, read_dataset
from livefer.errors import ConfigError, ModelError
from livefer.train import export as exporting
from livefer.train.cam import CAMExtractor, closed_form_cams, overlay_cam
from livefer.train.checkpoint import load_predictor, normalise, save_checkpoint, with_prefix
from livefer.train.config import Config
from livefer.train.model import ResNetFER

CLASSES = ("calm", "glad", "upset")
MEAN, STD = 0.5, 0.25


def random_model(seed: int = 0, width: int = 8) -> ResNetFER:
    """A network with statistics and gains that differ from where BatchNorm starts."""
    torch.manual_seed(seed)
    model = ResNetFER(len(CLASSES), width)
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()


def random_split(n: int = 30, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 256, (n, 48, 48), dtype=np.uint8)
    return Split("val", faces, rng.integers(0, 3, n), tuple(f"{i}.png" for i in range(n)))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "best.safetensors"
    config = Config(width=8).model_dump(mode="json")
    meta = {"config": config, "classes": CLASSES, "mean": MEAN, "std": STD, "epoch": 4}
    save_checkpoint(path, with_prefix("model", random_model().state_dict()), meta)
    return path


@pytest.fixture(scope="module")
def model_file(checkpoint: Path) -> Path:
    path = checkpoint.with_name("model.onnx")
    exporting.export(checkpoint, path, random_split())
    return path


@pytest.mark.parametrize("target", [None, 2, "each"])
def test_closed_form_maps_are_autograds(target: int | str | None) -> None:
    model = random_model()
    x = torch.randn(5, 1, 48, 48)
    with torch.no_grad():
        logits, cams = closed_form_cams(model.head, model.features(x))
    assert torch.allclose(logits, model(x), atol=1e-5)
    classes = torch.tensor([0, 1, 2, 0, 1]) if target == "each" else target
    with CAMExtractor(model) as extractor:
        cam, predicted = extractor.generate_cam(x, classes)
    assert torch.equal(predicted, logits.argmax(dim=1))
    chosen = predicted if classes is None else torch.as_tensor(classes).expand(5)
    expected = cams[torch.arange(5), chosen]
    torch.testing.assert_close(cam, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    assert cam.shape == (5, 6, 6)


def test_cam_extractor_leaves_the_network_as_it_was() -> None:
    model = random_model().train()
    with CAMExtractor(model) as extractor:
        extractor.generate_cam(torch.randn(2, 1, 48, 48))
        assert len(model.layer4._forward_hooks) == 1
    assert len(model.layer4._forward_hooks) == 0
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_overlay_paints_heat_and_leaves_the_rest() -> None:
    image = np.full((40, 60), 100, np.uint8)
    cam = np.zeros((6, 6), np.float32)
    cam[0, 0], cam[5, 5] = 1, -1
    painted = overlay_cam(image, cam)
    assert painted.shape == (40, 60, 3)
    assert (painted[-10:, -10:] == 100).all()
    assert (painted[:3, :3] != 100).any()
    assert (image == 100).all()


def test_file_says_what_it_is(model_file: Path) -> None:
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
    config = Config(width=8, label_smoothing=0.1).model_dump(mode="json")
    meta = {"config": config, "classes": CLASSES, "mean": MEAN, "std": STD, "epoch": 4}
    checkpoint = tmp_path / "best.safetensors"
    save_checkpoint(checkpoint, with_prefix("model", random_model().state_dict()), meta)
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


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "neither a file nor a shipped model"), (b"junk", "not an ONNX model")],
)
def test_models_that_are_none(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        EmotionClassifier(path)


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


@pytest.fixture(scope="module")
def two_headed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "best.safetensors"
    config = Config(width=8, learn="both", votes="votes.csv").model_dump(mode="json")
    priors = {"labels": [0.2, 0.3, 0.5], "votes": [0.1, 0.1, 0.8]}
    meta = {"config": config, "classes": CLASSES, "mean": MEAN, "std": STD, "priors": priors}
    torch.manual_seed(3)
    model = ResNetFER(2 * len(CLASSES), 8).eval()
    save_checkpoint(path, with_prefix("model", model.state_dict()), meta)
    return path


@pytest.mark.parametrize("labels", ["labels", "votes"])
def test_each_head_becomes_a_model_that_says_what_it_learned(
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


def test_images_that_nobody_agrees_on_count_for_the_threshold_alone(
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


def test_against_votes_a_checkpoint_answers_with_what_it_learned_of_them(
    two_headed: Path, tmp_path: Path
) -> None:
    counts = {f"{split}/{name}": 4 for split in ("train", "val") for name in CLASSES}
    data, out = write_folders(tmp_path / "data", counts), tmp_path / "report.json"
    split = read_dataset(data).split("val")
    answers = load_predictor(two_headed, "votes")[0](split.faces).argmax(axis=1)
    assert (answers != load_predictor(two_headed, "labels")[0](split.faces).argmax(axis=1)).any()
    rows = [f"{f},{','.join(str(10 * (i == a)) for i in range(3))}" for f, a in
            zip(split.files, answers, strict=True)]  # fmt: skip
    (tmp_path / "votes.csv").write_text("\n".join([f"file,{','.join(CLASSES)}", *rows]))
    ended = CliRunner().invoke(
        app,
        ["evaluate", "--data", str(data), "--checkpoint", str(two_headed), "--labels", "votes",
         "--votes", str(tmp_path / "votes.csv"), "--json", str(out)],
        catch_exceptions=False,
    )  # fmt: skip
    assert ended.exit_code == 0
    assert json.loads(out.read_text())["accuracy"] == 1


def test_an_export_does_not_replace_its_checkpoint(checkpoint: Path) -> None:
    before = checkpoint.read_bytes()
    with pytest.raises(ConfigError, match="is an input: choose another name"):
        CliRunner().invoke(
            app, ["export", str(checkpoint), "-o", str(checkpoint)], catch_exceptions=False
        )
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    "words", [("export", "RUN", "-o", "x.onnx"), ("evaluate", "--data", "x", "--checkpoint", "RUN"),
              ("evaluate", "--data", "x", "--against", "RUN")]
)  # fmt: skip
def test_a_runs_folder_is_no_checkpoint(words: tuple[str, ...], tmp_path: Path) -> None:
    words = tuple(str(tmp_path) if word == "RUN" else word for word in words)
    with pytest.raises(ConfigError, match=r"is a folder: expected .*best\.safetensors"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_network_that_is_surer_than_a_float_can_say(tmp_path: Path) -> None:
    config = Config(width=8).model_dump(mode="json")
    meta = {"config": config, "classes": CLASSES, "mean": MEAN, "std": STD}
    model = random_model()
    with torch.no_grad():
        model.head[-1].weight.mul_(1000)
    split = random_split()
    right = model(normalise(torch.from_numpy(split.faces), MEAN, STD)).argmax(dim=1).numpy()
    targets = np.where(np.arange(30) < 27, right, (right + 1) % 3)
    save_checkpoint(tmp_path / "sure.safetensors", with_prefix("model", model.state_dict()), meta)
    described = exporting.export(
        tmp_path / "sure.safetensors",
        tmp_path / "sure.onnx",
        Split("val", split.faces, targets, split.files),
    )
    assert float(described["temperature"]) == 4  # three are wrong with all certainty
    assert 0 < float(described["uncertain_below"]) <= 1


def test_the_prior_is_taken_out_as_told(two_headed: Path, tmp_path: Path) -> None:
    path, faces = tmp_path / "m.onnx", random_split(5).faces
    exporting.export(two_headed, path, random_split(), "votes", prior_removed=0.5)
    plain = EmotionClassifier(path, prior=0).predict(faces)
    half, whole = EmotionClassifier(path), EmotionClassifier(path, prior=1)
    assert (half.prior, whole.prior) == (0.5, 1)
    odds = plain / np.array([0.1, 0.1, 0.8])
    np.testing.assert_allclose(
        whole.predict(faces), odds / odds.sum(axis=1, keepdims=True), rtol=1e-4
    )
    between = half.predict(faces)[:, 2]
    assert (whole.predict(faces)[:, 2] < between).all()
    assert (between < plain[:, 2]).all()
    np.testing.assert_allclose(half.predict(faces).sum(axis=1), 1, atol=1e-6)


def test_a_prior_that_is_none(model_file: Path) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1, got 2"):
        EmotionClassifier(model_file, prior=2)
    with pytest.raises(ModelError, match='"model" does not say how frequent'):
        EmotionClassifier(model_file, prior=0.5)


def test_what_two_models_share_is_stored_once(
    two_headed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, split = random_split(5).faces, random_split()
    files = [tmp_path / f"{labels}.onnx" for labels in ("labels", "votes")]
    for file in files:
        exporting.export(two_headed, file, split, file.stem)
    before = [EmotionClassifier(file).predict_with_cams(faces) for file in files]
    sizes = [file.stat().st_size for file in files]
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    import share_weights

    for _ in range(2):  # what is shared can be shared again
        n_bytes = share_weights.share(files, tmp_path / "both.weights")
        assert n_bytes == (tmp_path / "both.weights").stat().st_size
        assert n_bytes + sum(file.stat().st_size for file in files) < 0.8 * sum(sizes)
        for file, answers in zip(files, before, strict=True):
            for ours, theirs in zip(
                EmotionClassifier(file).predict_with_cams(faces), answers, strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)
    files[0].rename(tmp_path.parent / "alone.onnx")
    with pytest.raises(ModelError, match=r"both\.weights"):
        EmotionClassifier(tmp_path.parent / "alone.onnx")
