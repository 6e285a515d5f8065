"""Generated scenes hold what they say, and what is counted on them is counted rightly."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import following
import numpy as np
import pytest
import tracking
from fakes import LevelClassifier, SquareDetector, make_face
from lib import scenes
from lib.agreement import compare, steady_frames
from lib.casts import KINDS, Actor, Direct, crowd
from lib.flips import Track, smoothing
from lib.heads import Head, found_when_still, paste, shipped_heads
from lib.scenes import Scene
from lib.truth import EVERY, Truth, first_labels, identities
from lib.watching import Remembering, watch
from numpy.typing import NDArray

from livefer.errors import ConfigError
from livefer.labels import CLASSES
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.tracking.smoothing import Smoother

pytestmark = pytest.mark.slow


def square_head(level: int, label: str = "happy") -> Head:
    """A head that is a bright square of 64 px in 128, with nothing around it."""
    picture = np.full((128, 128, 3), level, np.uint8)
    alpha = np.zeros((128, 128), np.float32)
    alpha[32:96, 32:96] = 1
    pictures = (picture, picture[::2, ::2].copy(), picture[::4, ::4].copy())
    alphas = (alpha, alpha[::2, ::2].copy(), alpha[::4, ::4].copy())
    return Head(pictures, alphas, (64.0, 64.0), 64.0, label)


def scene_of(*paths: list[tuple[float, float, float]], levels: tuple[int, ...] = ()) -> Scene:
    """A scene on black without noise to speak of; a path has x, y and side for every frame."""
    actors = []
    for k, path in enumerate(paths):
        places = np.array(path, np.float64)
        n = len(places)
        head = square_head(levels[k] if levels else 200)
        actors.append(Actor((head,), np.zeros(n, np.int64), places, np.ones(n)))
    black = np.zeros((scenes.HEIGHT, scenes.WIDTH, 3), np.uint8)
    return Scene("test", black, tuple(actors), np.ones(len(paths[0])), seed=0)


def truth(boxes: Any, visible: Any, labels: Any = None, fps: float = 10.0) -> Truth:
    boxes, visible = np.array(boxes, np.float32), np.array(visible, np.float64)
    labels = labels or [["happy"] * visible.shape[1]] * len(visible)
    whole = visible >= scenes.WHOLE
    enters = np.where(visible[0] < scenes.ABSENT, whole.argmax(axis=0) / fps, np.nan)
    return Truth(boxes, visible, labels, np.arange(len(visible)) / fps, enters)


def results(*frames: list[tuple[float, int]], fps: float = 10.0) -> list[FrameResult]:
    """Frames of faces of 100 px, each given by its left side and its id."""
    made = []
    for i, faces in enumerate(frames):
        found = tuple(make_face((x, 0, x + 100, 100), track_id=k) for x, k in faces)
        made.append(FrameResult("test", i, i / fps, None, found))
    return made


def at(*lefts: float) -> list[list[float]]:
    return [[x, 0, x + 100, 100] for x in lefts]


# Scenes


@pytest.mark.parametrize(
    "place", [(300, 200, 64), (300.4, 200.7, 64), (101.3, 99, 29), (320, 240, 90.5)]
)
def test_a_head_is_pasted_where_the_truth_says(place: tuple[float, float, float]) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    paste(image, square_head(200), np.array(place))
    weights = image[:, :, 0] / 200.0
    y, x = np.mgrid[:480, :640] + 0.5
    middle = np.array([(weights * x).sum(), (weights * y).sum()]) / weights.sum()
    np.testing.assert_allclose(middle, place[:2], atol=0.15)
    assert weights.sum() == pytest.approx(place[2] ** 2, rel=0.04)


def test_what_is_visible_is_known() -> None:
    inside, half_out = [(200.0, 200.0, 60.0)], [(640.0, 400.0, 60.0)]
    below, above = [(400.0, 200.0, 60.0)], [(400.0, 205.0, 80.0)]
    scene = scene_of(inside, half_out, below, above)
    shares = scene.visible()[0]
    np.testing.assert_allclose(shares, [1, 0.5, 0, 1], atol=0.03)
    np.testing.assert_allclose(scene.boxes()[0, 0], [170, 170, 230, 230])
    behind = replace(scene, pillar=(200, 639)).visible()[0]
    np.testing.assert_allclose(behind, [0.5, 0, 0, 0], atol=0.03)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_scene_is_the_same_again_and_shows_somebody(kind: Direct) -> None:
    heads = [square_head(100 + 10 * k) for k in range(6)]
    first, second = (scenes.make_scene(kind, heads, [], 4.0, seed=3) for _ in range(2))
    other = scenes.make_scene(kind, heads, [], 4.0, seed=4)
    assert np.array_equal(first.boxes(), second.boxes())
    assert not np.array_equal(first.boxes(), other.boxes())
    image, same = next(first.images()), next(second.images())
    assert image.shape == (480, 640, 3)
    assert np.array_equal(image, same)
    people = [actor.heads[0] for actor in first.actors]
    assert len({id(head) for head in people}) == len(people)
    assert (first.visible() >= scenes.WHOLE).any()
    assert len(first) == 120


def test_too_few_heads_are_refused() -> None:
    with pytest.raises(ConfigError, match="4 heads are too few for crowd"):
        scenes.make_scene(crowd, [square_head(200)] * 4, [], 4.0, seed=0)


def test_the_shipped_heads_are_six_people() -> None:
    heads = shipped_heads()
    assert len({head.pictures[0].tobytes() for head in heads}) == 6


def test_a_head_that_a_detector_misses_does_not_play() -> None:
    class Blind(SquareDetector):
        def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

    class Sees(SquareDetector):
        def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            side = (image.shape[0] - 20) / 2
            box = [[10 + side / 2] * 2 + [10 + 1.5 * side] * 2]
            return np.array(box, np.float32), np.ones(1, np.float32)

    rng = np.random.default_rng(0)
    assert found_when_still(square_head(200), [Sees()], rng)
    assert not found_when_still(square_head(200), [Sees(), Blind()], rng)


# Counting


def test_missed_and_false_faces_are_counted_and_partly_visible_ones_are_neither() -> None:
    what = truth([at(0, 300, 500)] * 3, [[1, 1, 0.5], [1, 1, 0.5], [1, 1, 0.05]])
    frames = results([(0, 1), (300, 2)], [(0, 1), (500, 3)], [(0, 1), (300, 2), (500, 3)])
    counts = identities(what, frames)
    assert (counts["faces"], counts["missed"], counts["false"]) == (6, 1, 1)
    assert (counts["switches"], counts["breaks"]) == (0, 1)


@pytest.mark.parametrize(
    ("ids", "switches", "swaps"),
    [
        ([(1, 2), (1, 2), (1, 2)], 0, 0),
        ([(1, 2), (1, 3), (1, 3)], 1, 0),
        ([(1, 2), (2, 1), (2, 1)], 2, 2),
        ([(1, 2), (2, 1), (1, 2)], 4, 2),
    ],
)
def test_switches_and_swaps(ids: list[tuple[int, int]], switches: int, swaps: int) -> None:
    what = truth([at(0, 300)] * 3, np.ones((3, 2)))
    counts = identities(what, results(*([(0, a), (300, b)] for a, b in ids)))
    assert (counts["switches"], counts["swaps"]) == (switches, swaps)


def test_who_was_away_for_long_may_have_another_id() -> None:
    n = 30
    visible = np.ones((n, 1))
    visible[2:-1] = 0
    for away, expected in ((n, 0), (8, 1)):
        shares = np.concatenate([visible[: away - 1], visible[-1:]])
        frames = [[(0.0, 1)], [(0.0, 1)], *([] for _ in shares[3:]), [(0.0, 2)]]
        what = truth([at(0)] * len(shares), shares)
        assert identities(what, results(*frames))["switches"] == expected


def test_time_to_the_first_label_counts_from_the_frame_that_shows_all() -> None:
    visible = [[1, 0, 0], [1, 0.5, 0.5], [1, 1, 1], [1, 1, 1], [1, 1, 1]]
    what = truth([at(0, 200, 400)] * 5, visible)
    frames = results([], [(200, 1)], [], [(0, 3)], [(200, 1)])
    assert first_labels(what, frames) == [0.0, np.inf]
    frames = results([], [], [(400, 2)], [], [(200, 1), (400, 2)])
    assert first_labels(what, frames) == [pytest.approx(0.2), 0.0]


def test_labels_smoothed_afterwards_are_those_of_a_stream() -> None:
    rng = np.random.default_rng(0)
    times_s = np.cumsum(rng.uniform(0.02, 0.2, 60)).tolist()
    raw = rng.dirichlet(np.full(7, 0.5), 60).astype(np.float32)
    track = Track(times_s, [row.astype(np.float64) for row in raw], ["happy"] * 60, [True] * 60)
    for window_s in (0.0, 0.1, 0.33, 0.8):
        smoother, labels = Smoother(window_s), []
        for i, time_s in enumerate(times_s):
            smoothed = smoother.add([1], time_s, raw[None, i])
            labels.append(CLASSES[int(smoothed.class_ids[0])])
        assert track.shown(CLASSES, window_s) == labels


def test_a_flip_is_a_change_of_the_label_and_not_of_the_face() -> None:
    shown = ["sad", "sad", "happy", "sad", "happy", "happy"]
    true = ["sad", "sad", "sad", "sad", "happy", "happy"]
    whole = [True, True, True, True, True, True]
    track = Track([0.1 * i for i in range(6)], [], list(true), whole)
    assert track.flips(shown) == 2
    assert track.steady_s() == pytest.approx(0.5)
    track.whole[2] = False
    assert track.flips(shown) == 0
    assert track.steady_s() == pytest.approx(0.3)


def test_smoothing_tells_the_delay_it_adds_and_the_flips_it_takes() -> None:
    heads = [square_head(200, label) for label in ("sad", "happy", "sad")]
    black = np.zeros((480, 640, 3), np.uint8)
    scene = scenes.changing(heads, black, 1.0, seed=0)
    n, labels = len(scene), [str(label) for label in scene.actors[0].labels()]
    rows = [0.1 + 0.5 * np.eye(7)[CLASSES.index(label)] for label in labels]
    times_s = [i / scenes.FPS for i in range(n)]
    turning = Track(times_s, [row / row.sum() for row in rows], list(labels), [True] * n)
    noisy = [np.eye(7)[3 if i % 10 else 5] for i in range(n)]
    steady = Track(times_s, noisy, ["happy"] * n, [True] * n)
    single, smooth = smoothing([steady], [(scene, turning)], CLASSES, [0.0, 0.33])
    assert (single["delay_s"], single["n_changes"], single["never"]) == (0.0, 2, 0)
    assert smooth["delay_s"] == pytest.approx(0.33 / 2, abs=1.1 / scenes.FPS)
    assert smooth["added_s"] == smooth["delay_s"]
    assert single["flips_per_min"] > 300
    assert smooth["flips_per_min"] < 30  # the very first frames, before there is a window


# Whole and live


def test_frames_are_equal_where_faces_places_and_labels_are() -> None:
    what = truth([at(0, 300)], [[1, 0.5]])

    def differs(first: list[Any], second: list[Any]) -> list[str]:
        a, b = (FrameResult("", 0, 0.0, None, tuple(faces)) for faces in (first, second))
        return list(compare(what, 0, a, b)["differs"])

    here, near = make_face((0, 0, 100, 100)), make_face((10, 0, 110, 100))
    far, sad = make_face((300, 0, 400, 100)), make_face((0, 0, 100, 100), "sad")
    nowhere = make_face((900, 0, 1000, 100))
    assert differs([here], [near]) == []
    assert differs([here], [sad]) == ["label"]
    assert differs([here, far], [here]) == ["only first: partly visible"]
    assert differs([], [here, nowhere]) == ["only second: visible", "only second: nobody"]
    assert differs([], []) == []


@pytest.mark.parametrize(
    ("unsure", "agrees"), [((False, False), False), ((True, False), True), ((False, True), True)]
)
def test_two_labels_contradict_where_both_are_certain(
    unsure: tuple[bool, bool], agrees: bool
) -> None:
    what = truth([at(0)], [[1]])
    a, b = (
        FrameResult("", 0, 0.0, None, (make_face((0, 0, 100, 100), label, uncertain=is_unsure),))
        for label, is_unsure in zip(("sad", "happy"), unsure, strict=True)
    )
    assert compare(what, 0, a, b)["agrees"] is agrees
    assert compare(what, 0, a, a)["agrees"]
    nobody = FrameResult("", 0, 0.0, None)
    assert not compare(what, 0, a, nobody)["agrees"]


def test_an_entrance_is_steady_half_a_second_after_all_is_visible() -> None:
    shares = [0, 0.05, 0.5, 1, 1, 1, 1, 1, 1, 1, 0.5, 1, 1]
    what = truth([at(0)] * 13, np.array(shares)[:, None])
    steady = steady_frames(what).tolist()
    assert steady == [True, True, False, False, False, False, False, False, *[True] * 5]


def test_a_picture_is_searched_once_and_another_detector_is_noticed(tmp_path: Path) -> None:
    class Counting(SquareDetector):
        name = "counting"
        n_searched = 0
        shift = 0.0

        def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            self.n_searched += 1
            boxes, scores = super().detect(image)
            return boxes + np.float32(self.shift), scores

    detector = Counting()
    images = list(scene_of([(100 + 9 * i, 100, 60) for i in range(4)]).images())
    remembering = Remembering(detector, tmp_path)
    first = [remembering.detect(image)[0] for image in images]
    remembering.keep()
    again = Remembering(detector, tmp_path)
    for image, boxes in zip(images, first, strict=True):
        np.testing.assert_array_equal(again.detect(image)[0], boxes)
    assert detector.n_searched == 4
    detector.shift = 1.0
    with pytest.raises(ConfigError, match="another version"):
        deque((again.detect(image) for _ in range(60) for image in images), maxlen=0)


def test_both_benches_run_through_and_a_detector_without_parts_gives_equal_frames() -> None:
    n = 36
    right = [(80.0 + 8 * i, 120.0, 60.0) for i in range(n)]
    still = [(420.0, 360.0, 60.0)] * n
    scene = scene_of(right, still, levels=(150, 200))
    recognizer = Recognizer(LevelClassifier(), SquareDetector())  # type: ignore[arg-type]
    both = {"square": (recognizer, recognizer)}
    *names, figures = tracking.measure(both, [scene], ["whole", "live"], [30, 5])
    assert names == ["test"]
    assert isinstance(figures, dict)
    assert [(way["way"], way["fps"]) for way in figures["ways"]] == [
        *[("whole", 30), ("whole", 5), ("live", 30), ("live", 5)]
    ]
    for way in figures["ways"]:
        assert way["faces"] == 2 * len(range(0, n, EVERY[way["fps"]]))
        assert (way["missed"], way["false"], way["switches"], way["breaks"]) == (0, 0, 0, 0)
    json.dumps(figures, allow_nan=False)
    figures |= {"n_scenes": 1, "seed": 0, "heads": "squares"}
    assert "| square, live, 5 | 0.00 % | 0.00 % | 0 (0) | 0 |" in tracking.as_markdown(figures)

    *_, figures = following.measure(both, [scene], [30], n_again=1)
    assert isinstance(figures, dict)
    live, again = figures["rows"]
    assert (live["compared"], again["compared"]) == ("live", "again")
    assert live["groups"]["all"]["equal"] == live["same_label"] == 1.0
    assert live["groups"]["all"]["iou_quantiles"]["0.001"] == 1.0
    assert again["groups"]["all"]["n_frames"] == n
    json.dumps(figures, allow_nan=False)
    figures |= {"n_scenes": 1, "seed": 0, "heads": "squares"}
    assert f"| square, 30, live: steady | {n} | 100.0 % | 100.0 %" in following.as_markdown(figures)


def test_watching_gives_each_frame_its_time() -> None:
    recognizer = Recognizer(LevelClassifier(), SquareDetector())  # type: ignore[arg-type]
    scene = scene_of([(100.0, 100.0, 60.0)] * 13)
    found = watch(recognizer, list(scene.images()), 5, live=False)
    assert [result.time_s for result in found] == pytest.approx([0, 0.2, 0.4])
    stream = recognizer.new_stream()
    alone = recognizer.process(Frame("scene", 0, 0.0, next(scene.images())), stream)
    assert found[0].faces[0].box == alone.faces[0].box
