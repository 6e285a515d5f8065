"""Which pictures can show a face, and which faces can be read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from builders import make_faces
from numpy.typing import NDArray
from videos import face_picture

from livefer.faces.quality import (
    readability,
    share_outside,
    sharpness,
    too_small,
    usable,
    why_no_face,
)

INSIDE = np.array([[0, 0, 48, 48]], np.float32)
INSIDE_HW = (48, 48)


def grainy(n: int = 3) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, 12, (n, 48, 48))
    return np.clip(0.5 * make_faces(n) + 60 + noise, 0, 255).astype(np.uint8)


def test_why_no_face() -> None:
    picture = cv2.resize(face_picture(), (640, 480))
    assert why_no_face(picture) is None
    assert why_no_face((picture * 0.05).astype(np.uint8)) == "too dark"
    assert why_no_face(np.zeros_like(picture)) == "too dark"
    assert why_no_face(np.full_like(picture, 128)) == "blank"
    assert why_no_face(np.full_like(picture, 255)) == "too bright"
    lamp = np.zeros_like(picture)
    lamp[100:200, 100:300] = 200  # dark around a place that is lit
    assert why_no_face(lamp) is None


def thumb(low: int, high: int, n_high: int) -> NDArray[np.uint8]:
    """Return a picture of the size at which pictures are judged, with two gray levels."""
    levels = np.full(18 * 32, low, np.uint8)
    levels[:n_high] = high
    return levels.reshape(18, 32, 1).repeat(3, axis=2)


@pytest.mark.parametrize(
    ("low", "high", "n_high", "expected"),
    [
        (27, 27, 0, "too dark"),
        (28, 28, 0, "blank"),
        (0, 200, 28, "too dark"),  # 4.9 % of the picture is light
        (0, 200, 30, None),  # 5.2 %
        (241, 241, 0, "too bright"),
        (240, 240, 0, "blank"),
        (0, 255, 576 - 28, "too bright"),
        (0, 255, 576 - 30, None),
        (100, 108, 232, "blank"),  # a standard deviation of 3.92
        (100, 108, 288, None),  # of 4
    ],
)
def test_the_limits_of_pictures_that_can_show_a_face(
    low: int, high: int, n_high: int, expected: str | None
) -> None:
    assert why_no_face(thumb(low, high, n_high)) == expected


def test_a_face_is_too_small_with_a_shorter_side_below_16_px() -> None:
    boxes = [(0, 0, 16, 16), (5, 5, 20.9, 90), (5, 5, 90, 20.9), (5, 5, 21, 90)]
    assert too_small(boxes).tolist() == [False, True, True, False]
    assert too_small([]).tolist() == []


def test_blur_takes_sharpness_away() -> None:
    faces = grainy()
    values = [
        sharpness(np.stack([cv2.GaussianBlur(face, (0, 0), sigma) for face in faces]))
        for sigma in (0.5, 1, 2, 4)
    ]
    assert (np.diff([sharpness(faces), *values], axis=0) < 0).all()


def test_sharpness_depends_neither_on_brightness_nor_on_contrast_nor_on_the_crops_size() -> None:
    faces = grainy()
    changed = (0.5 * faces.astype(float) + 10).round().astype(np.uint8)
    assert sharpness(changed) == pytest.approx(sharpness(faces), rel=0.05)
    larger = faces.repeat(2, axis=1).repeat(2, axis=2)
    assert sharpness(larger) == pytest.approx(sharpness(faces), rel=0.15)


def test_a_crop_of_one_gray_level_is_not_usable_and_neither_is_a_nearly_black_one() -> None:
    nearly = np.zeros((1, 48, 48), np.uint8)
    nearly[0, ::7, ::5] = 1
    faces = np.concatenate([np.full((1, 48, 48), 90, np.uint8), nearly, grainy(1)])
    squares = np.repeat(INSIDE, 3, axis=0)
    assert usable(faces, squares, INSIDE_HW).tolist() == [False, False, True]


def test_darkness_is_little_light_and_nothing_else() -> None:
    faces = grainy(1)
    night = (faces.astype(float) / 8).round().astype(np.uint8)  # of deviation 5, on the average 17
    flat_but_light = night + np.uint8(120)
    deep_but_clear = np.clip(4 * (night.astype(float) - night.mean()) + 40, 0, 255)
    deep = deep_but_clear.astype(np.uint8)
    shown = np.concatenate([faces, night, flat_but_light, deep])
    large, squares = np.repeat(INSIDE, 4, axis=0), np.repeat(INSIDE, 4, axis=0)
    read = readability(shown, large, squares, INSIDE_HW)
    assert [why == "dark" for why in read.why] == [False, True, False, False]
    assert read.brightness == pytest.approx(shown.mean(axis=(1, 2)))
    assert usable(night, INSIDE, INSIDE_HW).tolist() == [False]


def test_shares_outside() -> None:
    squares = [[0, 0, 10, 10], [-5, 0, 5, 10], [95, 75, 105, 85], [200, 0, 210, 10], [-9, 8, 9, 12]]
    assert share_outside(squares, (80, 100)) == pytest.approx([0, 0.5, 0.75, 1, 0.5])
    assert share_outside(np.empty((0, 4)), (80, 100)).shape == (0,)


@pytest.mark.parametrize(("share", "expected"), [(0.445, True), (0.455, False)])
def test_a_usable_crop_has_at_most_0_45_outside_its_picture(share: float, expected: bool) -> None:
    square = [[48 * share, 0, 48 * (1 + share), 48]]
    assert usable(grainy(1), square, INSIDE_HW).tolist() == [expected]


def with_sharpness(value: float) -> NDArray[np.uint8]:
    """Return a face (1, 48, 48) of this sharpness: a slope with some grain."""
    slope = np.linspace(60, 190, 48)[None] * np.ones((48, 1))
    grain = np.random.default_rng(2).normal(0, 1, (48, 48))
    low, high = 0.0, 20.0
    for _ in range(30):
        amount = (low + high) / 2
        face = np.clip(slope + amount * grain, 0, 255).round().astype(np.uint8)[None]
        low, high = (amount, high) if sharpness(face)[0] < value else (low, amount)
    assert sharpness(face)[0] == pytest.approx(value, abs=0.001)
    return face


@pytest.mark.parametrize(("value", "expected"), [(0.048, False), (0.052, True)])
def test_a_usable_crop_has_a_sharpness_of_at_least_0_05(value: float, expected: bool) -> None:
    assert usable(with_sharpness(value), INSIDE, INSIDE_HW).tolist() == [expected]


def test_sharpness_is_detail_of_a_pixel_over_detail_of_two() -> None:
    """Cosines that mirror at the borders go through a Gaussian unchanged but for their height."""
    x = np.arange(48)
    fine, coarse = 20 * np.cos(np.pi * 23 * x / 47), 60 * np.cos(np.pi * 8 * x / 47)
    face = (128 + fine[None] + coarse[:, None]).round().astype(np.uint8)

    def height(cosine: NDArray[np.float64], k: int, sigma: float) -> NDArray[np.float64]:
        return cosine * np.exp(-0.5 * (sigma * np.pi * k / 47) ** 2)

    lost = np.hypot((fine - height(fine, 23, 1)).std(), (coarse - height(coarse, 8, 1)).std())
    kept = np.hypot(height(fine, 23, 2).std(), height(coarse, 8, 2).std())
    assert sharpness(face[None])[0] == pytest.approx(lost / kept, rel=0.01)


def test_a_face_without_contrast_counts_as_one_of_8_gray_levels() -> None:
    """Compared with its own low contrast the noise of a flat picture would be sharp."""
    grain = np.where(np.indices((48, 48)).sum(axis=0) % 2, 4.0, -4.0)
    flat = (100 + grain).astype(np.uint8)[None]
    assert sharpness(flat)[0] == pytest.approx(4 / 8, rel=0.02)


def two_levels(mean: int, deviation: int) -> NDArray[np.uint8]:
    face = np.full((1, 48, 48), mean - deviation, np.uint8)
    face[:, ::2] = mean + deviation
    return face


@pytest.mark.parametrize(
    ("mean", "deviation", "expected"),
    [(63, 11, True), (64, 11, False), (63, 12, False), (64, 12, False), (0, 0, True)],
)
def test_dark_is_below_64_in_the_mean_and_below_12_in_deviation(
    mean: int, deviation: int, expected: bool
) -> None:
    why = readability(two_levels(mean, deviation), INSIDE, INSIDE, INSIDE_HW).why
    assert (why == ["dark"]) is expected


def test_no_faces_have_no_quality() -> None:
    assert usable(make_faces(0), np.empty((0, 4)), (48, 48)).shape == (0,)


def test_the_first_of_several_reasons_is_named() -> None:
    blurred = np.stack([cv2.GaussianBlur(grainy(1)[0], (0, 0), 4)] * 3)
    small, large = (0, 0, 10, 10), (0, 0, 60, 60)
    inside, outside = tuple(INSIDE[0]), (-50, -50, 10, 10)
    boxes, squares = [small, large, large], [outside, outside, inside]
    assert readability(blurred, boxes, squares, INSIDE_HW).why == ["small", "cut off", "blurred"]
    assert readability(grainy(1), [large], INSIDE, INSIDE_HW).why == [None]
