"""The detector's network and its file: small, and ONNX Runtime answers as torch does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from livefer.detection.native import NativeDetector
from livefer.errors import ModelError
from livefer.train.detector.export import export_detector
from livefer.train.detector.network import CHANNELS, STRIDES_PX, FaceNet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net() -> FaceNet:
    """Return a network whose BatchNorm has seen something and whose answers differ."""
    torch.manual_seed(0)
    net = FaceNet()
    for _ in range(3):
        net(torch.rand(4, 3, 64, 96))
    for head in net.heads:
        torch.nn.init.normal_(head[1].weight, std=0.3)
    return net.eval()


@pytest.fixture(scope="module")
def file(net: FaceNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "detector.onnx"
    export_detector(net, path, {"training_data": "none"})
    return path


def test_it_is_small(net: FaceNet, file: Path) -> None:
    assert sum(p.numel() for p in net.parameters()) <= 100_000
    assert file.stat().st_size <= 400_000


@torch.no_grad()
@pytest.mark.parametrize("shape_hw", [(32, 32), (64, 96), (480, 640)])
def test_onnx_runtime_answers_as_torch(net: FaceNet, file: Path, shape_hw: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, *shape_hw, 3), np.uint8)
    expected = net(torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255)
    detector = NativeDetector(file)
    got = detector._session.run(None, {"image": image})
    for answer, cells, stride in zip(got, expected, STRIDES_PX, strict=True):
        assert answer.shape == (1, CHANNELS, shape_hw[0] // stride, shape_hw[1] // stride)
        assert np.abs(answer - cells.numpy()).max() < 1e-3


def test_the_least_score_is_its_threshold(file: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    every = NativeDetector(file, min_score=0).detect(image)
    assert len(every.boxes) > 2
    least = float(every.scores[[0, -1]].mean())
    found = NativeDetector(file, min_score=least).detect(image)
    assert 0 < len(found.boxes) < len(every.boxes)
    assert found.scores.min() >= least
    assert len(NativeDetector(file, min_score=1).detect(image).boxes) == 0


def test_the_file_describes_itself_and_names_no_machine(file: Path) -> None:
    proto = onnx.load(str(file))
    described = {entry.key: entry.value for entry in proto.metadata_props}
    assert described["training_data"] == "none"
    assert json.loads(described["strides"]) == list(STRIDES_PX)
    assert str(Path(__file__).parents[3]).encode() not in file.read_bytes()


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match="is not a detector of livefer"):
        NativeDetector(path)
