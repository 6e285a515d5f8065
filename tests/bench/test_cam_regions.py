"""The regions of a face by its landmarks, and the heat found in them."""

from __future__ import annotations

import numpy as np
import pytest
from lib.regions import (
    REGIONS,
    aligned,
    half_area,
    hot_area,
    landmarks,
    masks,
    peaks_in,
    shares,
)
from numpy.typing import NDArray

from livefer.detection.detections import Detections

pytestmark = pytest.mark.slow

UPRIGHT = np.array([(16, 20), (32, 20), (24, 28), (18, 36), (30, 36)], np.float32)


def test_each_region_is_where_its_name_says_and_none_is_in_two() -> None:
    found = masks(UPRIGHT)
    assert tuple(found) == REGIONS
    assert np.sum(list(found.values()), axis=0).max() == 1
    for name, (x, y) in {"eyes": (16, 20), "nose": (24, 27), "mouth": (24, 37)}.items():
        assert found[name][y, x], name
    assert found["brows"][13, 16]
    assert not any(mask[2, 2] or mask[46, 24] for mask in found.values())


def test_regions_turn_with_the_face() -> None:
    turned = (np.rot90(mask) for mask in masks(UPRIGHT).values())
    # np.rot90 takes x, y to y, 48 - x.
    points = np.stack([UPRIGHT[:, 1], 48 - UPRIGHT[:, 0]], axis=1)
    for mask, expected in zip(masks(points).values(), turned, strict=True):
        assert (mask == expected).mean() > 0.99


def test_shares_and_sharpness() -> None:
    regions = masks(UPRIGHT)
    heats = np.zeros((3, 48, 48), np.float32)
    heats[0][regions["mouth"]] = 1
    heats[1] = 1
    found = shares(heats, [regions] * 3)
    assert found[0].tolist() == [0, 0, 0, 1]
    assert found[1] == pytest.approx([regions[name].mean() for name in REGIONS])
    assert np.isnan(found[2]).all()
    assert hot_area(heats)[:2] == pytest.approx([regions["mouth"].mean(), 1])
    heats[1, 20, 16] = 2
    assert hot_area(heats)[1] == 1
    assert peaks_in(heats, [regions] * 3)[:2].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    heats[1] = 1
    assert half_area(heats)[1] == pytest.approx(0.5, abs=0.01)
    assert half_area(heats)[0] == pytest.approx(regions["mouth"].mean() / 2, abs=0.01)


def test_maps_are_aligned_by_their_landmarks() -> None:
    heat = np.zeros((48, 48), np.float32)
    heat[36, 24] = 1
    y, x = np.unravel_index(aligned(heat, UPRIGHT).argmax(), (48, 48))
    assert abs(x - 24) <= 1
    assert abs(y - 0.76 * 48) <= 1


def test_landmarks_are_those_of_the_crop_and_a_face_that_is_not_found_is_left_out() -> None:
    class Detector:
        def detect(self, image: NDArray[np.uint8]) -> Detections:
            if image.max() == 0:
                return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
            where = np.argwhere(image > 200).mean(axis=0)[::-1]  # of the one bright pixel
            points = np.repeat(where[None, None], 5, axis=1).astype(np.float32)
            return Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32), points)

    faces = np.zeros((2, 48, 48), np.uint8)
    faces[1, 20:22, 30:32] = 255
    points, rows = landmarks(Detector(), faces)
    assert rows.tolist() == [1]
    assert points[0] == pytest.approx(np.array([(31, 21)] * 5), abs=0.5)
