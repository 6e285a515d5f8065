"""A chip shows the same whatever the place, the turn and the size of the face."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from portrait import portrait

from livefer.detection.detectors import make_detector
from livefer.identity.chips import chip_of, turned_away

POINTS = np.array([(165, 90), (215, 90), (190, 118), (170, 140), (210, 140)], np.float32)


def moved(degrees: float, zoom: float) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    turn = cv2.getRotationMatrix2D((190, 110), degrees, zoom)
    image = cv2.warpAffine(portrait(), turn, (400, 400), flags=cv2.INTER_LINEAR)
    return np.asarray(image, np.uint8), POINTS @ turn[:, :2].T + turn[:, 2]


@pytest.mark.parametrize(("degrees", "zoom"), [(0, 1), (25, 1), (-40, 1.3), (10, 0.7)])
def test_place_turn_and_size_do_not_matter(degrees: float, zoom: float) -> None:
    plain = chip_of(portrait(), POINTS)
    assert plain.shape == (150, 150, 3)
    assert plain.dtype == np.uint8
    chip = chip_of(*moved(degrees, zoom))
    assert np.abs(plain.astype(float) - chip).mean() < 6
    assert np.abs(plain.astype(float) - chip_of(portrait(), POINTS + 15)).mean() > 20


def test_of_a_large_face_every_pixel_counts() -> None:
    """A pattern finer than the chip's pixels becomes its mean, not a pattern of its own."""
    grain = np.indices((2000, 2000)).sum(axis=0) % 2 * 255
    image = np.repeat(grain[..., None], 3, axis=2).astype(np.uint8)
    chip = chip_of(image, POINTS * 8 - 500)
    assert np.abs(chip[20:-20, 20:-20].astype(int) - 128).max() < 10


def test_eyes_lie_where_the_network_has_them() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    for x, y in POINTS[:2].astype(int).tolist():
        cv2.circle(image, (x, y), 4, (255, 255, 255), -1)
    chip = chip_of(image, POINTS)[:, :, 0]
    left, right = (np.argwhere(half > 128).mean(axis=0) for half in (chip[:, :75], chip[:, 75:]))
    assert abs(left[0] - right[0]) < 2  # upright
    assert 40 < right[1] + 75 - left[1] < 70


def test_from_the_front_a_face_is_not_turned_away() -> None:
    assert turned_away(POINTS) == pytest.approx(0, abs=0.01)
    aside = POINTS.copy()
    aside[2, 0] = 165  # the nose below an eye
    assert turned_away(aside) == pytest.approx(0.56, abs=0.05)
    turn = cv2.getRotationMatrix2D((0, 0), 33, 2)
    assert turned_away(aside @ turn[:, :2].T) == pytest.approx(turned_away(aside), abs=1e-3)


def test_a_real_face_from_the_front() -> None:
    found = make_detector("native").detect(portrait())
    points = found.landmarks_of(0)
    assert points is not None
    assert turned_away(points) < 0.35
