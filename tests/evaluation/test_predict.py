"""Models over a split: batches, classes by name, and several views of a face."""

from __future__ import annotations

import numpy as np
import pytest
from builders import make_faces, make_split
from numpy.typing import NDArray
from reports import CLASSES, TARGETS, oracle

from livefer.errors import ModelError
from livefer.evaluation.predict import (
    all_classes,
    match_classes,
    predict_split,
    shifted,
    with_tta,
)


def mean_of_corner(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A model that is neither symmetric nor indifferent to shifts."""
    dark = faces[:, :20, :24].mean(axis=(1, 2)) / 255
    return np.stack([dark, 1 - dark], axis=1).astype(np.float32)


def test_batches_change_nothing_and_progress_ends_at_the_total() -> None:
    targets = np.random.default_rng(0).integers(0, 2, 300).tolist()
    split = make_split(targets)
    calls: list[tuple[int, int]] = []
    found = predict_split(mean_of_corner, split, ("a", "b"), lambda *c: calls.append(c))
    assert calls[-1] == (300, 300)
    assert len(calls) > 1
    np.testing.assert_array_equal(found, mean_of_corner(split.faces))


@pytest.mark.parametrize(
    "answer", [np.ones((3, 2), np.float32), np.full((3, 3), np.nan, np.float32)]
)
def test_a_model_for_other_data_is_refused(answer: NDArray[np.float32]) -> None:
    with pytest.raises(ModelError, match="is it the model for this data"):
        predict_split(lambda faces: answer, make_split([0, 1, 2]), CLASSES)


def test_classes_are_matched_by_name() -> None:
    split = make_split(TARGETS)
    predict = oracle(split, TARGETS)  # columns: angry, fear, sad
    ours = match_classes(predict, CLASSES, ("sad", "angry", "fear"))
    expected = predict(split.faces)[:, [2, 0, 1]]
    np.testing.assert_array_equal(ours(split.faces), expected)
    with pytest.raises(ModelError, match="only the model: fear; only the data: calm"):
        match_classes(predict, CLASSES, ("angry", "calm", "sad"))
    with pytest.raises(ModelError, match=r"mine and the data have different.*only mine: fear"):
        match_classes(predict, CLASSES, ("angry", "calm", "sad"), "mine")
    with pytest.raises(ModelError, match=r"rename the class folders \(Anger as angry\)"):
        match_classes(predict, CLASSES, ("Anger", "sad"))


def test_a_model_may_know_more_classes_than_the_data_has() -> None:
    split = make_split(TARGETS)
    predict = oracle(split, TARGETS)
    assert all_classes(CLASSES, ("sad", "angry")) == ("sad", "angry", "fear")
    ours = match_classes(predict, CLASSES, ("sad", "angry"))
    np.testing.assert_array_equal(ours(split.faces), predict(split.faces)[:, [2, 0, 1]])
    wider = match_classes(predict, CLASSES, (), columns=("fear", "calm", "sad", "angry"))
    expected = predict(split.faces)[:, [1, 0, 2, 0]]
    expected[:, 1] = 0
    np.testing.assert_array_equal(wider(split.faces), expected)


def test_shifts_move_pixels_and_repeat_the_edge() -> None:
    faces = make_faces(2)
    moved = shifted(faces, 2, -1)
    np.testing.assert_array_equal(moved[:, :-1, 2:], faces[:, 1:, :-2])
    np.testing.assert_array_equal(moved[:, 5, 0], faces[:, 6, 0])
    np.testing.assert_array_equal(moved[:, -1, 10], faces[:, -1, 8])
    np.testing.assert_array_equal(shifted(faces, 0, 0), faces)


def test_tta_is_the_mean_over_mirrored_and_shifted_views() -> None:
    faces = make_faces(3)
    found = with_tta(mean_of_corner)(faces)
    views = [shifted(faces, dx, dy) for dx, dy in ((0, 0), (2, 0), (-2, 0), (0, 2), (0, -2))]
    views += [view[:, :, ::-1] for view in views]
    expected = np.mean([mean_of_corner(view) for view in views], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, with_tta(mean_of_corner)(faces[:, :, ::-1]), atol=1e-6)
    assert not np.allclose(found, mean_of_corner(faces))
