"""Template matching to a fraction of a pixel, and the blocks that have changed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.tracking.motion import (
    BLOCK_PX,
    block_means,
    changed_blocks,
    match_template,
    template_of,
)

BOX = np.array([100, 80, 180, 160], np.float32)


@pytest.fixture(scope="module")
def texture() -> NDArray[np.uint8]:
    """A picture (240, 320) of smooth detail, about as coarse as that of a face."""
    noise = np.random.default_rng(0).normal(0, 1, (240, 320)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.asarray(128 + 40 * smooth / smooth.std(), np.float32).clip(0, 255).astype(np.uint8)


def shifted(image: NDArray[np.uint8], x: float, y: float) -> NDArray[np.uint8]:
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size_wh = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(
        image, move, size_wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.uint8)


@pytest.mark.parametrize("x", [-7.3, -0.6, 0.0, 0.4, 1.0, 2.5, 12.8])
@pytest.mark.parametrize("y", [-3.4, 0.0, 0.7])
def test_a_face_is_found_again_to_a_fraction_of_a_pixel(
    texture: NDArray[np.uint8], x: float, y: float
) -> None:
    """One pixel of the template is two here: without fractions the error would be up to 1 px."""
    box = match_template(shifted(texture, x, y), BOX, template_of(texture, BOX))
    assert box is not None
    assert box.dtype == np.float32
    np.testing.assert_allclose(box - BOX, [x, y, x, y], atol=0.25)


def test_the_shift_is_measured_in_sides_of_the_box(texture: NDArray[np.uint8]) -> None:
    large = cv2.resize(texture, (640, 480), interpolation=cv2.INTER_LINEAR)
    box = match_template(shifted(large, 9, -4), 2 * BOX, template_of(large, 2 * BOX))
    np.testing.assert_allclose(box - 2 * BOX, [9, -4, 9, -4], atol=0.25)


def test_gray_and_colour_give_the_same(texture: NDArray[np.uint8]) -> None:
    colour, moved = np.dstack([texture] * 3), shifted(texture, 3, 2)
    template = template_of(colour, BOX)
    np.testing.assert_array_equal(template, template_of(texture, BOX))
    assert (template.shape, template.dtype) == ((40, 40), np.uint8)
    np.testing.assert_array_equal(
        match_template(np.dstack([moved] * 3), BOX, template), match_template(moved, BOX, template)
    )


def test_what_has_gone_too_far_or_changed_is_no_match(texture: NDArray[np.uint8]) -> None:
    template = template_of(texture, BOX)
    assert match_template(shifted(texture, 35, 0), BOX, template) is None
    assert match_template(texture[::-1, ::-1], BOX, template) is None
    assert match_template(np.full_like(texture, 90), BOX, template) is None


def test_noise_up_to_a_limit_is_a_match(texture: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(1).normal(0, 1, texture.shape)
    template = template_of(texture, BOX)
    for level, is_match in ((20, True), (80, False)):
        noisy = np.clip(texture + level * noise, 0, 255).astype(np.uint8)
        assert (match_template(noisy, BOX, template) is not None) == is_match


def test_light_does_not_matter_but_contrast_is_needed(texture: NDArray[np.uint8]) -> None:
    template = template_of(texture, BOX)
    darker = (0.5 * texture.astype(float) + 10).astype(np.uint8)
    np.testing.assert_allclose(match_template(darker, BOX, template), BOX, atol=0.2)
    flat = (90 + 0.02 * texture.astype(float)).astype(np.uint8)
    assert match_template(flat, BOX, template_of(flat, BOX)) is None


def test_block_means() -> None:
    image = np.random.default_rng(2).integers(0, 256, (48, 80)).astype(np.uint8)
    means = block_means(image)
    assert (means.shape, means.dtype) == ((6, 10), np.float32)
    expected = image.reshape(6, BLOCK_PX, 10, BLOCK_PX).mean(axis=(1, 3))
    np.testing.assert_allclose(means, expected, atol=0.51)
    assert block_means(image[:3, :3]).shape == (1, 1)


def test_a_block_has_changed_where_it_became_lighter_or_darker() -> None:
    before = np.full((6, 10), 100, np.float32)
    now = before.copy()
    now[1, 2], now[4, 7], now[0, 0], now[5, 9] = 109, 91, 107, 93
    expected = np.zeros((6, 10), bool)
    expected[1, 2] = expected[4, 7] = True
    np.testing.assert_array_equal(changed_blocks(before, now), expected)
    np.testing.assert_array_equal(changed_blocks(now, before), expected)
    assert not changed_blocks(now, now).any()


def test_the_light_as_a_whole_is_no_change() -> None:
    before = np.random.default_rng(3).uniform(50, 200, (6, 10)).astype(np.float32)
    assert not changed_blocks(before, before + 30).any()
    moved = before - 30
    moved[2, 3] += 30  # the one that stayed as it was
    assert np.argwhere(changed_blocks(before, moved)).tolist() == [[2, 3]]
