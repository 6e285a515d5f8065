"""Colours of classes: apart for every eye, and one for each class of a model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.labels import CLASSES, class_named, colour_bgr, colour_hex

# Machado, Oliveira and Fernandes 2009, severity 1, https://doi.org/10.1109/TVCG.2009.113
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]
    ),
    "deuteranopia": np.array(
        [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]
    ),
    "tritanopia": np.array(
        [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]
    ),
}


def lab(bgr: tuple[int, int, int], eye: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB under D65 of what an eye sees."""
    srgb = np.array(bgr[::-1]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(eye @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / [0.9505, 1, 1.0888]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
def test_colours_can_be_told_apart(eye: str) -> None:
    seen = {label: lab(colour_bgr(label, CLASSES), EYES[eye]) for label in CLASSES}
    for a, b in itertools.combinations(CLASSES, 2):
        assert np.linalg.norm(seen[a] - seen[b]) >= 25, (a, b)


def test_no_two_classes_of_a_model_have_the_same_colour() -> None:
    own = tuple(f"class {number}" for number in range(9))
    for classes in (own[:3], own[:7], own, ("happy", *own[:6]), (*CLASSES, "bored", "tired")):
        assert len({colour_bgr(name, classes) for name in classes}) == len(classes)
    assert colour_bgr("happy", ("bored", "happy")) == colour_bgr("happy", CLASSES)


def test_a_colour_as_text_is_red_green_blue() -> None:
    assert colour_bgr("happy", CLASSES) == (42, 226, 249)
    assert colour_hex("happy", CLASSES) == "#f9e22a"
    assert colour_hex("angry", CLASSES) == "#dc2e16"


def test_folders_mean_classes_by_common_names() -> None:
    named = {name: class_named(name, CLASSES) for name in ("Happy", "smiling", "ANGER", "bored")}
    assert named == {"Happy": "happy", "smiling": "happy", "ANGER": "angry", "bored": None}
    assert class_named("smiling", ("happy", "smiling")) == "smiling"
    assert class_named("Calm", ("smiling", "calm")) == "calm"
    assert class_named("smiling", ("calm",)) is None
