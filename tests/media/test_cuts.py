"""Cuts are found where a new shot begins, not where the light changes or the camera moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from videos import face_picture

from livefer.media.cuts import CutDetector

Image = NDArray[np.uint8]
WIDE = cv2.resize(face_picture(), (640, 480))


def shot(left: float, top: float, zoom: float = 1.0) -> Image:
    """A quarter of the picture, as a camera at that place sees it."""
    w, h = round(320 / zoom), round(240 / zoom)
    x, y = round(left), round(top)
    return np.asarray(cv2.resize(WIDE[y : y + h, x : x + w], (320, 240)), np.uint8)


def lit(image: Image, light: float) -> Image:
    return np.clip(image * light, 0, 255).astype(np.uint8)


def cuts_of(images: list[Image]) -> list[int]:
    detector = CutDetector()
    return [i for i, image in enumerate(images) if detector.update(image[:, :, 1])]


LEFT = [shot(x, 100) for x in range(0, 60, 3)]
RIGHT = [shot(320 - x, 240) for x in range(0, 60, 3)]


def test_a_new_shot_is_a_cut_and_a_moving_camera_is_not() -> None:
    assert cuts_of(LEFT) == []
    assert cuts_of([*LEFT, *RIGHT]) == [20]
    assert cuts_of([*LEFT, *RIGHT, *LEFT[:3]]) == [20, 40]
    assert cuts_of([shot(100, 80, 1 + i / 20) for i in range(20)]) == []
    assert cuts_of([shot(8 * i, 100) for i in range(40)]) == []  # 240 px a second at 30 fps


def test_a_cut_between_still_shots_that_look_alike_is_found() -> None:
    """Light and colours are the same in the same places; only the people differ."""
    one, other = shot(100, 60), cv2.flip(shot(100, 60), 1)
    assert cuts_of([one] * 5 + [other] * 5) == [5]


@pytest.mark.parametrize("light", [0.35, 1.8, 3.0])
def test_a_flash_and_a_light_that_goes_out_are_no_cuts(light: float) -> None:
    images = [*LEFT[:5], lit(LEFT[5], light), *LEFT[6:9], *(lit(i, light) for i in LEFT[9:])]
    assert cuts_of(images) == []


def test_a_fade_through_black_is_a_cut_if_another_shot_follows() -> None:
    black = [np.zeros((240, 320, 3), np.uint8)] * 5
    out = [lit(LEFT[0], 1 - i / 10) for i in range(11)]
    into = [lit(RIGHT[0], i / 10) for i in range(11)]
    (found,) = cuts_of([*out, *black, *into])
    assert 16 < found < 20
    assert cuts_of([*out, *black, *reversed(out)]) == []
    assert cuts_of([*black, *into]) == []


def test_noise_is_no_cut() -> None:
    generator = np.random.default_rng(0)
    noise = [generator.normal(0, 20, LEFT[0].shape) for _ in range(10)]
    assert cuts_of([np.clip(LEFT[0] + n, 0, 255).astype(np.uint8) for n in noise]) == []


def test_frames_may_have_any_size() -> None:
    for wh in ((16, 16), (3840, 2160), (90, 1600)):
        images = [cv2.resize(i, wh) for i in (LEFT[0], LEFT[0], RIGHT[0], RIGHT[0])]
        assert cuts_of(images) == [2]
