"""Crops that hold no face, or one that nobody could read, and what is counted on them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from builders import make_faces
from numpy.typing import NDArray
from unusable import (
    ORDINARY,
    Crops,
    as_markdown,
    cut_off,
    cut_through,
    measure,
    plain_surfaces,
    random_squares,
)

from livefer.faces.boxes import iou_matrix
from livefer.faces.quality import share_outside

pytestmark = pytest.mark.slow


def test_squares_are_inside_and_touch_no_face() -> None:
    avoid = np.array([[50, 50, 150, 150], [200, 0, 320, 90]], np.float32)
    squares = random_squares((240, 320), avoid, 30, np.random.default_rng(0))
    assert len(squares) == 30
    assert share_outside(squares, (240, 320)).max() == 0
    assert not iou_matrix(squares, avoid).any()
    again = random_squares((240, 320), avoid, 30, np.random.default_rng(0))
    assert np.array_equal(squares, again)


def test_where_faces_fill_the_picture_there_are_no_squares_beside_them() -> None:
    whole = np.array([[0, 0, 100, 100]], np.float32)
    assert random_squares((100, 100), whole, 5, np.random.default_rng(0)).shape == (0, 4)


def test_plain_surfaces_are_plain_and_differ() -> None:
    surfaces = plain_surfaces(20, np.random.default_rng(0))
    assert surfaces.shape == (20, 48, 48)
    assert np.ptp(surfaces.mean(axis=(1, 2))) > 50
    rest = np.abs(np.diff(surfaces.astype(float), axis=2)).mean(axis=(1, 2))
    assert rest.max() < 10


@pytest.mark.parametrize("side", [0, 1, 2, 3])
def test_a_picture_cut_through_leaves_half_the_square_and_the_same_pixels(side: int) -> None:
    image = np.arange(100 * 120, dtype=np.int64).reshape(100, 120)
    square = np.array([30, 20, 70, 60], np.float32)
    part, inside = cut_through(image, square, side)
    assert share_outside(inside[None], part.shape[:2])[0] == pytest.approx(0.5)
    if side >= 2:
        assert np.array_equal(inside, square)
    left, top = (square[:2] - inside[:2]).astype(int)
    assert part[0, 0] == image[top, left]


def test_faces_that_are_cut_off_keep_the_rest() -> None:
    faces = make_faces(30)
    before = faces.copy()
    cut = cut_off(faces, 12, np.random.default_rng(0))
    assert np.array_equal(faces, before)
    sides = set()
    for face, other in zip(faces, cut, strict=True):
        wholes = [
            side
            for side in range(4)
            if np.array_equal(np.rot90(face, side)[:, :36], np.rot90(other, side)[:, :36])
        ]
        (side,) = wholes
        missing = np.rot90(other, side)[:, 35:]
        assert (missing == missing[:, :1]).all()
        sides.add(side)
    assert sides == {0, 1, 2, 3}


def brightness(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Confidence is the gray level; a bright face is of class 0."""
    level = faces.mean(axis=(1, 2)) / 255
    return np.stack([level, 1 - level], axis=1).astype(np.float32)


def level(*levels: int) -> NDArray[np.uint8]:
    return np.stack([np.full((48, 48), v, np.uint8) for v in levels])


def test_figures_count_silence_and_what_is_right_of_the_answers() -> None:
    kinds = {
        ORDINARY: Crops(level(250, 245, 140, 150), np.ones(4, bool), np.array([0, 1, 0, 0])),
        "odd": Crops(level(250, 240), np.array([False, True]), np.array([1, 0])),
        "nameless": Crops(level(130), np.ones(1, bool)),
    }
    figures = measure(brightness, 0.9, kinds)
    ordinary, odd, nameless = figures["kinds"].values()
    assert (ordinary["silent"], ordinary["right"]) == (0.5, 0.5)
    assert ordinary["silent_by_margin"] == ordinary["silent_with_quality"] == 0.5
    assert (odd["silent"], odd["unusable"], odd["silent_with_quality"]) == (0, 0.5, 0.5)
    assert (odd["right"], odd["right_with_quality"]) == (0.5, 1)
    assert (nameless["silent"], nameless["right"]) == (1, None)
    assert json.loads(json.dumps(figures)) == figures
    rows = as_markdown(figures).splitlines()
    assert len(rows) == 2 + 3
    assert {row.count("|") for row in rows} == {8}
    assert rows[3].endswith("| 50 → 100 |")
