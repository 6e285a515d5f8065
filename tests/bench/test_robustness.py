"""Corruptions of faces, and the table of what they cost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from builders import make_faces, make_split
from lib.corruptions import (
    CORRUPTIONS,
    Corruption,
    blur,
    jpeg,
    low_light,
    low_resolution,
    noise,
    occlude,
    rescale,
    rotate,
    shift,
)
from numpy.typing import NDArray
from robustness import as_markdown, corrupt, measure

pytestmark = pytest.mark.slow


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_a_corruption_is_pure_repeatable_and_worse_when_stronger(corruption: Corruption) -> None:
    faces = make_faces(40)
    before = faces.copy()
    distances = []
    for strength in corruption.strengths:
        changed = corrupt(faces, corruption, strength, seed=1)
        assert changed.shape == faces.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(changed, corrupt(faces, corruption, strength, seed=1))
        distances.append(np.abs(changed.astype(float) - faces).mean())
    assert np.array_equal(faces, before)
    assert 0 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_no_faces_stay_no_faces(corruption: Corruption) -> None:
    assert corruption.apply(make_faces(0), corruption.strengths[0], generator()).shape[0] == 0


def test_seeds_differ() -> None:
    faces = make_faces(5)
    first, second = (corrupt(faces, CORRUPTIONS[5], 20, seed) for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_a_shift_moves_by_whole_pixels_and_repeats_the_edge() -> None:
    faces = make_faces(30)
    moved = shift(faces, 4, generator())
    seen = set()
    for face, other in zip(faces, moved, strict=True):
        rolls = {
            (dx, dy)
            for dx in range(-4, 5)
            for dy in range(-4, 5)
            if np.array_equal(other[8:40, 8:40], face[8 + dy : 40 + dy, 8 + dx : 40 + dx])
        }
        assert len(rolls) == 1
        (dx, dy) = rolls.pop()
        assert abs(np.hypot(dx, dy) - 4) < 0.8
        seen.add((dx, dy))
        if dx > 0:
            assert np.array_equal(other[:, -1], other[:, -2])
    assert len(seen) > 5


def bright_spot(x: int, y: int) -> NDArray[np.uint8]:
    face = np.zeros((1, 48, 48), np.uint8)
    face[0, y - 1 : y + 2, x - 1 : x + 2] = 255
    return face


def place(face: NDArray[np.uint8]) -> tuple[float, float]:
    """Where the brightness is, from the middle of the picture."""
    ys, xs = np.mgrid[:48, :48] - 23.5
    weight = face.astype(float)
    return float((xs * weight).sum() / weight.sum()), float((ys * weight).sum() / weight.sum())


def test_a_looser_crop_brings_things_to_the_middle_and_a_tighter_one_away_from_it() -> None:
    x, _ = place(bright_spot(34, 24)[0])
    assert place(rescale(bright_spot(34, 24), 1.25, generator())[0])[0] == pytest.approx(
        x / 1.25, abs=0.2
    )
    assert place(rescale(bright_spot(34, 24), 0.8, generator())[0])[0] == pytest.approx(
        x / 0.8, abs=0.2
    )


def test_rotation_turns_by_the_angle_both_ways() -> None:
    turned = rotate(np.repeat(bright_spot(40, 24), 30, axis=0), 20, generator())
    x0, y0 = place(bright_spot(40, 24)[0])
    angles = []
    for face in turned:
        x, y = place(face)
        angles.append(np.degrees(np.arctan2(y, x) - np.arctan2(y0, x0)))
    assert np.abs(angles) == pytest.approx(20, abs=1.5)
    assert 0 < sum(a > 0 for a in angles) < 30


def test_noise_has_the_deviation_that_it_says() -> None:
    gray = np.full((4, 48, 48), 128, np.uint8)
    assert noise(gray, 20, generator()).std() == pytest.approx(20, rel=0.03)


def test_low_light_halves_the_light_and_adds_noise() -> None:
    white = np.full((4, 48, 48), 255, np.uint8)
    dark = low_light(white, 3, generator())
    assert (dark / 255.0) ** 2.2 == pytest.approx(1 / 8, abs=0.08)
    assert dark.std() > 0


def test_blur_and_low_resolution_flatten_detail_and_keep_the_level() -> None:
    checks = np.kron(np.indices((24, 24)).sum(axis=0) % 2, np.ones((2, 2)))
    face = (255 * checks).astype(np.uint8)[None]
    for worse in (blur(face, 2, generator()), low_resolution(face, 12, generator())):
        assert worse.mean() == pytest.approx(face.mean(), abs=2)
        assert worse.std() < 0.2 * face.std()


def test_jpeg_of_high_quality_changes_little() -> None:
    faces = make_faces(3)
    assert np.abs(jpeg(faces, 95, generator()).astype(float) - faces).mean() < 2


def test_occlusion_covers_the_share_that_it_says_with_one_level() -> None:
    faces = make_faces(50)
    for face, covered in zip(faces, occlude(faces, 0.2, generator()), strict=True):
        ys, xs = np.nonzero(face != covered)
        patch = covered[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        assert patch.size / 48**2 == pytest.approx(0.2, abs=0.03)
        assert np.ptp(patch) == 0


def predictor(split_faces: NDArray[np.uint8], ids: NDArray[np.int64]) -> object:
    """Right about the very pictures it knows, and "class 0" about anything else."""
    known = {face.tobytes(): int(i) for face, i in zip(split_faces, ids, strict=True)}

    def predict(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.eye(3, dtype=np.float32)[[known.get(face.tobytes(), 0) for face in faces]]

    return predict


def test_drops_are_what_is_lost_against_the_clean_faces() -> None:
    split = make_split([0, 1, 2, 1, 2, 0, 1, 2])
    blind = lambda faces: np.eye(3, dtype=np.float32)[np.zeros(len(faces), int)]  # noqa: E731
    figures = measure({"rote": predictor(split.faces, split.targets), "blind": blind}, split)  # type: ignore[dict-item]
    rote, none = figures["models"]["rote"], figures["models"]["blind"]
    assert rote["clean"] == 1
    assert rote["drop"]["noise"] == pytest.approx(0.75)  # what is not known is class 0: 2 of 8
    assert rote["mean_drop"] == pytest.approx(np.mean(list(rote["drop"].values())))
    assert none["mean_drop"] == 0
    assert none["mean_drop_95"] == [0, 0]
    low, high = rote["mean_drop_95"]
    assert low < rote["mean_drop"] < high
    assert json.loads(json.dumps(figures)) == figures


def test_the_table_has_a_line_for_each_corruption_and_a_pair_for_each_model() -> None:
    split = make_split([0, 1])
    blind = lambda faces: np.eye(2, dtype=np.float32)[np.zeros(len(faces), int)]  # noqa: E731
    table = as_markdown(measure({"a": blind, "b": blind}, split)).splitlines()
    rows = [line for line in table if line.startswith("|")]
    assert len(rows) == 2 + 1 + len(CORRUPTIONS) + 1
    assert {line.count("|") for line in rows} == {7}
