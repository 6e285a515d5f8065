"""Crops are exact to a fraction of a pixel, alone and in a batch, at every border."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.faces.crops import check_image, crop_faces, shrunk, to_gray


def ramp(height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """Return a gray picture whose value at (y, x) is 20 + x/4 + y/4 (of the pixel's centre)."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.round(20 + x / 4 + y / 4).astype(np.uint8)


def noise(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("side", [30.0, 48.0, 61.5, 96.0, 150.25])
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_a_crop_samples_where_its_box_says(side: float, offset: float) -> None:
    left, top = 40 + offset, 30 - offset
    box = [[left, top, left + side, top + side]]
    face = crop_faces(ramp(), box)[0].astype(float)
    centres = (np.arange(48) + 0.5) * side / 48
    expected = 20 + (left + centres[None, :]) / 4 + (top + centres[:, None]) / 4
    # The picture and the crop are both rounded to whole grey values.
    assert np.abs(face - expected).max() <= 1.3
    assert abs((face - expected).mean()) < 0.1


def test_a_box_of_the_crops_size_on_whole_pixels_is_a_slice() -> None:
    image = noise(100, 100, 0)
    assert np.array_equal(crop_faces(image, [[10, 20, 58, 68]])[0], image[20:68, 10:58])


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_shrinking_averages_areas(factor: int) -> None:
    side = 48 * factor
    image = noise(side, side, 0)
    expected = image.reshape(48, factor, 48, factor).mean(axis=(1, 3))
    face = crop_faces(image, [[0, 0, side, side]])[0]
    assert np.abs(face - expected).max() <= 0.51


def test_a_batch_is_its_faces_one_by_one_and_the_picture_stays_as_it_was() -> None:
    image = noise(120, 160)
    before = image.copy()
    boxes = np.array([[5, 5, 60, 70], [100, 30, 190, 140], [-20, -30, 30, 20]], np.float32)
    batch = crop_faces(image, boxes, 1.2, 0.05)
    single = [crop_faces(image, box[None], 1.2, 0.05)[0] for box in boxes]
    assert batch.shape == (3, 48, 48)
    assert batch.dtype == np.uint8
    assert np.array_equal(batch, np.stack(single))
    assert np.array_equal(image, before)


@pytest.mark.parametrize("size", [24, 48, 96])
def test_gray_and_colour_pictures_give_the_same_face(size: int) -> None:
    gray = noise(90, 90, 0)
    for image in (np.dstack([gray] * 3), np.dstack([gray] * 3 + [gray]), gray[:, :, None]):
        faces = [crop_faces(one, [[3, 4, 80, 83]], size=size) for one in (gray, image)]
        assert faces[0].shape == (1, size, size)
        assert np.array_equal(faces[0], faces[1])


@pytest.mark.parametrize(
    ("box", "where"),
    [
        ([-80, 20, 40, 140], (slice(None), slice(0, 30))),  # left of the picture
        ([280, 20, 400, 140], (slice(None), slice(18, 48))),  # right of it
        ([20, -80, 140, 40], (slice(0, 30), slice(None))),  # above
        ([20, 200, 140, 320], (slice(18, 48), slice(None))),  # below
    ],
)
def test_outside_the_picture_its_border_continues(
    box: list[float], where: tuple[slice, slice]
) -> None:
    face = crop_faces(noise(240, 320), [box])[0]
    outside = face[where]
    axis = 1 if where[0] == slice(None) else 0
    assert np.ptp(outside, axis=axis).max() == 0
    assert np.ptp(face) > 0


@pytest.mark.parametrize("box", [[-900, -900, -800, -800], [5000, 10, 5100, 110]])
def test_a_box_outside_the_picture_is_a_face_of_its_border(box: list[float]) -> None:
    assert crop_faces(noise(50, 50), [box]).shape == (1, 48, 48)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (20, 20, 3), (3, 5)])
def test_tiny_pictures(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 77, np.uint8)
    faces = crop_faces(image, [[0, 0, shape[1], shape[0]], [0, 0, 0, 0]])
    assert np.array_equal(faces, np.full((2, 48, 48), 77, np.uint8))


def test_huge_pictures() -> None:
    image = np.full((200, 40_000), 9, np.uint8)
    faces = crop_faces(image, [[39_000, 50, 39_100, 150], [0, 0, 40_000, 40_000]])
    assert np.array_equal(faces, np.full((2, 48, 48), 9, np.uint8))


def test_no_boxes_no_faces() -> None:
    for none in ([], np.zeros((0, 4), np.float32)):
        assert crop_faces(noise(20, 20), none).shape == (0, 48, 48)


def test_to_gray_weighs_blue_green_red() -> None:
    image = np.zeros((1, 3, 3), np.uint8)
    image[0, range(3), range(3)] = 255
    assert to_gray(image).tolist() == [[29, 150, 76]]
    assert to_gray(np.zeros((0, 5, 3), np.uint8)).shape == (0, 5)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((5, 5, 3), np.float32), "expected an image of uint8.*float32"),
        (np.zeros((5, 5, 2), np.uint8), r"shape \(H, W\).*\(5, 5, 2\)"),
        (np.zeros((3, 5, 5), np.uint8), r"channels last"),
        (np.zeros((2, 5, 5, 3), np.uint8), "one picture at a time"),
        (np.zeros(5, np.uint8), r"\(5,\)"),
    ],
)
def test_what_is_no_image_is_refused(image: NDArray[np.generic], message: str) -> None:
    for function in (check_image, to_gray):
        with pytest.raises(ValueError, match=message):
            function(image)
    with pytest.raises(ValueError, match=message):
        crop_faces(image, [[0, 0, 2, 2]])


@pytest.mark.parametrize(
    ("shape", "side_px", "expected"),
    [
        ((240, 320), 320, (240, 320)),
        ((240, 320), 319, (239, 319)),
        ((240, 320), 160, (120, 160)),
        ((400, 3), 40, (40, 1)),
        ((0, 5), 2, (0, 5)),
    ],
)
def test_a_picture_is_shrunk_by_its_long_side(
    shape: tuple[int, int], side_px: int, expected: tuple[int, int]
) -> None:
    small, scale = shrunk(np.full(shape, 90, np.uint8), side_px)
    assert small.shape == expected
    (height, width), (small_height, small_width) = shape, expected
    x, y = small_width / width, small_height / max(height, 1) if height else 1
    np.testing.assert_allclose(scale, [x, y, x, y])


def test_wrong_boxes_and_an_empty_picture_are_refused() -> None:
    with pytest.raises(ValueError, match=r"boxes of shape \(N, 4\)"):
        crop_faces(noise(9, 9), [[1, 2, 3]])
    with pytest.raises(ValueError, match="empty image"):
        crop_faces(np.zeros((0, 7, 3), np.uint8), [[0, 0, 2, 2]])
