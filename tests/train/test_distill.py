"""Distillation: a student comes close to its teachers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training import run, tiny_split, write_votes

from livefer.errors import ConfigError
from livefer.train.checkpoint import load_predictor

pytestmark = pytest.mark.slow


def test_a_student_comes_close_to_its_teachers(tmp_path: Path) -> None:
    first = run(tmp_path / "a", width=12, se=True, epochs=8, lr=0.02, label_smoothing=0.6)
    second = run(
        tmp_path / "b", shortcuts=False, blocks=[1, 2, 1, 1], epochs=8, lr=0.02, label_smoothing=0.6
    )
    paths = [str(first), str(second)]
    faces = tiny_split(9, seed=1).faces
    taught = np.mean([load_predictor(path)[0](faces) for path in (first, second)], axis=0)

    def distance(best: Path) -> float:
        return float(np.abs(load_predictor(best)[0](faces) - taught).mean())

    settings = {"epochs": 12, "lr": 0.02, "dropout": 0.0}
    alone = run(tmp_path / "alone", **settings)
    student = run(
        tmp_path / "student", distill={"teachers": paths, "weight": 1, "temperature": 1}, **settings
    )
    assert distance(student) < distance(alone)


def test_a_teacher_with_other_heads_is_refused(tmp_path: Path) -> None:
    votes = str(write_votes(tmp_path / "votes.csv", 24))
    teacher = run(tmp_path / "teacher", epochs=1)
    with pytest.raises(ConfigError, match=r"has learned labels of dark, .* learns votes"):
        run(tmp_path / "x", learn="votes", votes=votes, distill={"teachers": [str(teacher)]})
