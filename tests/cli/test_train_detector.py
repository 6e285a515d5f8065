"""`livefer train-detector`: from a folder of pictures to a file that finds faces, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import Run
from portrait import pasted, portrait

from livefer.detection.detectors import make_detector
from livefer.detection.native import NativeDetector

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures of every kind, some of which are not what they should be."""
    root = tmp_path_factory.mktemp("detector") / "pictures"
    for kind in ("pictures", "cutouts", "faces", "backgrounds/gray"):
        (root / kind).mkdir(parents=True)
    for i in range(3):
        cv2.imwrite(str(root / f"pictures/{i}.jpg"), pasted(60.0 * i, 20))
        cv2.imwrite(str(root / f"backgrounds/gray/{i}.png"), np.full((90, 120), 80 * i, np.uint8))
    cv2.imwrite(str(root / "cutouts/a.jpg"), portrait())
    cv2.imwrite(str(root / "faces/a.png"), portrait(512)[40:200, 144:304])
    cv2.imwrite(str(root / "faces/none.png"), np.full((48, 48), 90, np.uint8))
    cv2.imwrite(str(root / "backgrounds/person.jpg"), portrait())
    (root / "pictures/broken.jpg").write_bytes(b"no picture")
    return root


def test_from_pictures_to_a_file(
    folder: Path, yunet_file: Path, tmp_path: Path, livefer: Run
) -> None:
    options = ["--teacher", yunet_file, "-o", tmp_path / "run", f"pictures={folder}"]
    small = ["steps=3", "batch_size=2", "side_px=64"]
    done = livefer("train-detector", *options, *small)
    assert done.code == 0, done.err
    assert "left out: faces/none.png: no face was found in it" in done.err
    assert "left out: backgrounds/person.jpg: there may be a face in it" in done.err
    assert "left out: pictures/broken.jpg: " in done.err
    assert json.loads((tmp_path / "run/metrics.jsonl").read_text("utf-8"))["step"] == 3
    detector = make_detector(tmp_path / "run/detector.onnx")
    assert isinstance(detector, NativeDetector)
    boxes, scores, landmarks = detector.detect(portrait())
    assert landmarks is not None
    assert len(boxes) == len(scores) == len(landmarks)

    again = livefer("train-detector", *options, *small)
    assert again.code == 1
    assert "holds a run already" in again.err
    again = livefer("train-detector", *options, *small, "--overwrite")
    assert again.code == 0
    assert "labelling" not in again.err
    state = tmp_path / "run/last.safetensors"
    again = livefer("train-detector", *options, *small, "--overwrite", f"init={state}")
    assert again.code == 1
    assert "is an input" in again.err
    assert state.exists()


def test_a_folder_without_pictures_is_refused(tmp_path: Path, livefer: Run) -> None:
    done = livefer("train-detector", "-o", tmp_path / "run", f"pictures={tmp_path}")
    assert done.code == 1
    assert "holds no pictures: expected pictures/, cutouts/, faces/, backgrounds/" in done.err


def test_an_unknown_key_is_named(tmp_path: Path, livefer: Run) -> None:
    done = livefer("train-detector", "-o", tmp_path / "run", "step=3")
    assert done.code == 1
    assert 'unknown key "step"; the nearest is "steps"' in done.err
