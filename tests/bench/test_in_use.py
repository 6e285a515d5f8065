"""The table of what a share of the prior costs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_faces
from fakes import SquareDetector, make_scene
from in_use import POSED, Set, as_markdown, find_sets, shares_right
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.labels import CLASSES

pytestmark = pytest.mark.slow


def test_sets_by_folder_person_and_list(tmp_path: Path) -> None:
    def write(name: str, image: NDArray[np.uint8]) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(tmp_path / name), image)

    face = make_scene((40, 60, 150))
    for name in ("smiling/001", "smiling/002", "neutral/001"):
        write(f"london/{name}.jpg", face)
    write("london/neutral/002.jpg", make_scene())
    rows = ["face_id,face_age,face_gender,face_eth", "001,20,female,x", "002,30,male,x"]
    (tmp_path / "london" / "info.csv").write_text("\n".join(rows))
    write("posed/02/fear_11f01.png", make_scene((40, 60, 150), (150, 60, 90)))
    photos = [{"file": "london/smiling/001.jpg", "emotion": "sad"}, {"file": "x", "emotion": None}]
    (tmp_path / "photos.json").write_text(json.dumps(photos))
    found = find_sets(SquareDetector(), tmp_path, tmp_path / "photos.json")
    assert {name: len(one.faces) for name, one in found.items()} == {
        "smiling women": 1, "smiling men": 1, "neutral women": 1, "neutral men": 0, POSED: 1,
        "photographs": 1,
    }  # fmt: skip
    assert found["neutral men"].n_not_found == 1
    assert [CLASSES[t] for t in found[POSED].targets] == ["fear"]
    assert found[POSED].faces.shape == (1, 2, 48, 48)


def test_a_face_is_right_by_the_mean_of_both_views_without_the_prior() -> None:
    model = EmotionClassifier("human", prior=0)
    faces = make_faces(6, seed=1)
    both = np.stack([faces, faces[:, :, ::-1]], axis=1)
    rows = shares_right(model, Set(both, np.full(6, 4)))
    for tau, row in ((0.0, rows[0]), (0.5, rows[2])):
        one = EmotionClassifier("human", prior=tau)
        p = (one.predict(faces) + one.predict(both[:, 1].copy())) / 2
        assert row["right"] == (p.argmax(axis=1) == 4).mean()
        is_wrong = (p.max(axis=1) >= one.uncertain_below) & (p.argmax(axis=1) != 4)
        assert row["misled"] == is_wrong.mean()


def test_the_table_marks_the_models_own_prior() -> None:
    row = {"right": 0.5, "misled": 0.25}
    figures = {
        "detector": "yunet",
        "sets": {"smiles": {"n": 1200, "n_not_found": 3}},
        "models": {"human": {"own_prior": 0.5, "sets": {"smiles": [row] * 5}}},
    }
    text = as_markdown(figures)
    assert "| human, τ | smiles, 1,200 |" in text
    assert "| 0.5 (its own) | 50.0 (25.0) |" in text
    assert text.endswith("Without a face for yunet: 3 of smiles.")
