"""Scenes: drawn from a seed alone, and labels move as the pixels do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from madepictures import COLOURS, colour_at, dotted, empty
from numpy.typing import NDArray

from livefer.train.detector import scenes
from livefer.train.detector.album import Album
from livefer.train.detector.scenes import Scene, make_scene
from livefer.train.detector.teacher import MIRRORED

SIDE_PX = 192


def n_alike(
    pixels: Sequence[NDArray[np.uint8] | None], colours: Sequence[tuple[int, int, int]]
) -> int:
    """Return how many pixels have their colour, or nearly."""
    return sum(
        pixel is not None and bool(np.abs(pixel.astype(int) - colour).max() < 70)
        for pixel, colour in zip(pixels, colours, strict=True)
    )


def scene(album: Album, seed: int) -> Scene:
    return make_scene(album, np.random.default_rng(seed), SIDE_PX)


def test_a_seed_draws_one_scene() -> None:
    album = Album([dotted(), dotted("cut", "cutout"), dotted("crop", "face"), empty()])
    for seed in range(12):
        for one, two in zip(scene(album, seed), scene(album, seed), strict=True):
            assert np.array_equal(one, two)
    assert not np.array_equal(scene(album, 1).image, scene(album, 2).image)


@pytest.mark.parametrize("kind", ["whole", "mosaic", "pasted"])
def test_landmarks_and_boxes_move_with_the_pixels(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each landmark's dot is where the label says, also in mirrored and turned pictures."""
    monkeypatch.setattr(scenes, "_MIXTURE", {kind: 1.0})
    monkeypatch.setattr(scenes, "_degrade", lambda image, rng: image)
    monkeypatch.setattr(scenes, "_lit", lambda image, rng: image)
    monkeypatch.setattr(scenes, "_occlude", lambda canvas, rng: None)
    album = Album([dotted(), dotted("cut", "cutout"), empty()])
    right = checked = 0
    for seed in range(60):
        image, boxes, landmarks, scores = scene(album, seed)
        side = (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
        for points in landmarks[(scores > 0) & (side > 30)]:
            pixels = [colour_at(image, point) for point in points]
            # In a mirror image, what was the right eye is the left one.
            right += max(n_alike(pixels, COLOURS), n_alike(pixels, [COLOURS[i] for i in MIRRORED]))
            checked += sum(pixel is not None for pixel in pixels)
    assert checked > 100
    assert right / checked > 0.9  # the others are hidden by another picture


def test_an_uncertain_face_is_ignored_and_not_background() -> None:
    album = Album([dotted(score=0.4), empty()])
    scores = np.concatenate([scene(album, seed).scores for seed in range(20)])
    assert len(scores) > 10
    assert not scores.any()
