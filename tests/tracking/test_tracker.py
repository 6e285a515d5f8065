"""Who is who, and smoothing that does not know the frame rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.tracking.tracker import KEEP_S, Tracker, pair, steady_class

SIDE = 100.0


def boxes_at(*centres: tuple[float, float], side: float = SIDE) -> NDArray[np.float32]:
    xy = np.array(centres, np.float32).reshape(-1, 2)
    return np.concatenate([xy - side / 2, xy + side / 2], axis=1).astype(np.float32)


def update(
    tracker: Tracker, boxes: NDArray[np.float32], values: NDArray[np.float32], time_s: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the ids and the smoothed values of a frame's faces."""
    seen = tracker.begin(boxes, time_s)
    return seen.track_ids, tracker.smooth(seen, values)


def ids_of(tracker: Tracker, time_s: float, *centres: tuple[float, float]) -> list[int]:
    boxes = boxes_at(*centres)
    return update(tracker, boxes, np.full((len(boxes), 7), 1 / 7, np.float32), time_s)[0].tolist()


def smoothed(tracker: Tracker, time_s: float, p: float) -> float:
    """Feed one standing face whose first of two classes has probability p."""
    probabilities = np.array([[p, 1 - p]], np.float32)
    result = update(tracker, boxes_at((300, 300)), probabilities, time_s)[1]
    assert result.shape == (1, 2)
    assert result.dtype == np.float32
    assert result.sum() == pytest.approx(1, abs=1e-6)
    return float(result[0, 0])


def every(fps: float, until_s: float, start_s: float = 0.0) -> list[float]:
    return [start_s + k / fps for k in range(round(until_s * fps) + 1)]


# Who is who


def test_ids_count_from_1_in_the_order_given_and_follow_the_faces() -> None:
    tracker = Tracker()
    assert ids_of(tracker, 0.0, (100, 100), (500, 100)) == [1, 2]
    assert ids_of(tracker, 0.1, (510, 100), (105, 100)) == [2, 1]
    assert ids_of(tracker, 0.2, (110, 100), (900, 400), (520, 100)) == [1, 3, 2]


def test_no_face_is_an_empty_answer() -> None:
    ids, probabilities = update(
        Tracker(), np.zeros((0, 4), np.float32), np.zeros((0, 7), np.float32), 0.0
    )
    assert (ids.shape, ids.dtype, probabilities.shape) == ((0,), np.int64, (0, 7))


@pytest.mark.parametrize(
    ("away_s", "back_at", "is_known"),
    [
        (1.0, (300, 300), True),
        (1.0, (420, 320), True),
        (1.0, (900, 300), False),
        (KEEP_S + 0.2, (300, 300), False),
    ],
)
def test_one_who_comes_back_soon_and_near_is_known(
    away_s: float, back_at: tuple[float, float], is_known: bool
) -> None:
    tracker = Tracker()
    for time_s in every(15, 1.0):
        ids_of(tracker, time_s, (300, 300), (700, 600))
    for time_s in every(15, away_s, start_s=1.0)[1:]:
        assert ids_of(tracker, time_s, (700, 600)) == [2]
    ids = ids_of(tracker, 1.0 + away_s + 0.05, back_at, (700, 600))
    assert ids == ([1, 2] if is_known else [3, 2])


def test_ids_are_not_used_again_before_reset() -> None:
    tracker = Tracker()
    assert ids_of(tracker, 0.0, (300, 300)) == [1]
    assert ids_of(tracker, 10.0, (300, 300)) == [2]
    assert ids_of(tracker, 20.0, (300, 300)) == [3]
    tracker.reset()
    assert ids_of(tracker, 20.1, (300, 300)) == [1]


def test_a_box_of_another_size_is_another_face() -> None:
    tracker = Tracker()
    one = np.full((1, 7), 1 / 7, np.float32)
    assert update(tracker, boxes_at((300, 300)), one, 0.0)[0] == [1]
    assert update(tracker, boxes_at((300, 300), side=250), one, 0.1)[0] == [2]


@pytest.mark.parametrize("fps", [5, 10, 15, 30, 60])
def test_a_fast_face_keeps_its_id_at_any_frame_rate(fps: float) -> None:
    """Three of its own widths a second, and starting at once."""
    tracker = Tracker()
    for time_s in every(fps, 2.0):
        assert ids_of(tracker, time_s, (100 + 3 * SIDE * time_s, 300)) == [1]


def cross(fps: float, speed: float, hidden: float, misses: float, seed: int) -> bool:
    """Let two people walk past each other; say whether both kept their ids in every frame.

    speed: face widths a second, of each
    hidden: the second is not detected while nearer than this to the first, in widths
    misses: share of detections that fail, of both
    """
    rng = np.random.default_rng(seed)
    tracker = Tracker()
    seen: dict[int, set[int]] = {0: set(), 1: set()}
    for time_s in every(fps, 8.0 / speed):
        x = np.array([speed * time_s, 8.0 - speed * time_s])
        visible = rng.random(2) >= misses
        visible[1] &= abs(x[0] - x[1]) >= hidden
        who = rng.permutation(np.flatnonzero(visible))
        jitter = rng.normal(0, 0.03, (2, 3))
        side = SIDE * (1 + jitter[:, 2:])
        centres = SIDE * (np.stack([x, np.full(2, 3.0)], axis=1) + jitter[:, :2])
        boxes = np.concatenate([centres - side / 2, centres + side / 2], axis=1)[who]
        ids, _ = update(
            tracker, boxes.astype(np.float32), np.ones((len(who), 1), np.float32), time_s
        )
        for person, track_id in zip(who, ids, strict=True):
            seen[int(person)].add(int(track_id))
    return seen[0] == {min(seen[0])} and seen[1] == {min(seen[1])} and seen[0] != seen[1]


@pytest.mark.parametrize(
    ("fps", "speed", "hidden", "misses", "at_least"),
    [
        (5, 1, 0.6, 0.0, 6),
        (5, 3, 0.6, 0.0, 6),
        (15, 1, 0.6, 0.0, 6),
        (30, 1, 0.6, 0.0, 6),
        (60, 1, 0.6, 0.0, 6),
        (15, 2, 0.6, 0.0, 6),
        (30, 2, 0.8, 0.1, 5),
        (15, 1, 0.8, 0.1, 5),
        (15, 1, 0.8, 0.3, 3),
    ],
)
def test_two_who_cross_keep_their_ids(
    fps: float, speed: float, hidden: float, misses: float, at_least: int
) -> None:
    kept = sum(cross(fps, speed, hidden, misses, seed) for seed in range(6))
    assert kept >= at_least


def test_a_jump_back_forgets_and_a_small_one_keeps_who_is_there() -> None:
    tracker = Tracker(window_s=0.5)
    for time_s in every(10, 5.0):
        smoothed(tracker, time_s, 0.9)
    assert update(tracker, boxes_at((300, 300)), np.array([[0.1, 0.9]], np.float32), 4.5)[0] == [1]
    assert smoothed(tracker, 4.6, 0.1) == pytest.approx(0.1)  # nothing left of the time before
    assert update(tracker, boxes_at((300, 300)), np.array([[0.1, 0.9]], np.float32), 0.0)[0] == [2]
    assert smoothed(tracker, 0.1, 0.3) == pytest.approx(0.2)
    ids_of(tracker, 3.0, (900, 300))
    assert ids_of(tracker, 4.7, (300, 300)) == [4]  # and not who was there at 4.6, before the jump


@pytest.mark.parametrize("window_s", [0.5, 0.0])
def test_a_face_s_frames_are_counted_from_its_last_pause_longer_than_the_window(
    window_s: float,
) -> None:
    tracker, one = Tracker(window_s), boxes_at((300, 300))
    times = [0.0, 0.1, 0.6, 1.2, 1.3, 1.3, 1.4, 0.9, 1.0]
    smooth = [0, 1, 2, 0, 1, 1, 2, 0, 1]
    numbers = [tracker.begin(one, time_s).numbers.tolist() for time_s in times]
    assert numbers == [[n if window_s else 0] for n in smooth]
    two = boxes_at((900, 300), (300, 300))
    assert tracker.begin(two, 1.2).numbers.tolist() == [0, 2 if window_s else 0]
    tracker.reset()
    assert tracker.begin(one, 1.3).numbers.tolist() == [0]


def test_frames_are_smoothed_where_they_come_within_the_window() -> None:
    boxes, times = boxes_at((300, 300)), [0.0, 0.3, 1.0, 1.1, 1.7, 1.5]
    is_smoothed = [True, True, False, True, False, True]
    tracker, plain = Tracker(0.33), Tracker(0)
    assert [tracker.begin(boxes[:0], time_s).is_smoothed for time_s in times] == is_smoothed
    assert not any(plain.begin(boxes, time_s).is_smoothed for time_s in times)


def test_frames_may_begin_before_those_before_them_are_smoothed() -> None:
    rng = np.random.default_rng(5)
    times = [0.0, 0.05, 0.1, 0.1, 0.4, 0.42, 0.2, 0.25, 5.0, 5.1, 1.0, 1.05]
    rows = [rng.dirichlet(np.ones(3), 2).astype(np.float32) for _ in times]
    boxes = [boxes_at((100 + k, 100), (500 - k, 100))[:: 1 - 2 * (k % 2)] for k in range(len(rows))]
    one_by_one, at_once, found = Tracker(), Tracker(), []
    for time_s, box, values in zip(times, boxes, rows, strict=True):
        seen = one_by_one.begin(box, time_s)
        smoothed = one_by_one.smooth(seen, values)
        found.append((seen.track_ids, smoothed, one_by_one.decide(seen, smoothed)))
    begun = [at_once.begin(box, time_s) for time_s, box in zip(times, boxes, strict=True)]
    for seen, values, expected in zip(begun, rows, found, strict=True):
        smoothed = at_once.smooth(seen, values)
        together = (seen.track_ids, smoothed, at_once.decide(seen, smoothed))
        for a, b in zip(together, expected, strict=True):
            np.testing.assert_array_equal(a, b)


# Where faces are cut


def cut_at(tracker: Tracker, times_s: Sequence[float], places: NDArray[Any]) -> NDArray[Any]:
    """Return the place (n, 3), x, y and side, at which one face is cut in each frame."""
    cut = []
    for time_s, (x, y, side) in zip(times_s, places, strict=True):
        left, top, right, bottom = tracker.begin(boxes_at((x, y), side=side), time_s).boxes[0]
        assert right - left == pytest.approx(bottom - top, abs=1e-3)
        cut.append([(left + right) / 2, (top + bottom) / 2, right - left])
    return np.array(cut)


@pytest.mark.parametrize("fps", [30, 60])
def test_a_box_that_trembles_is_held_steady(fps: int) -> None:
    times_s = every(fps, 10)
    places = np.random.default_rng(0).normal([300, 300, SIDE], 0.01 * SIDE, (len(times_s), 3))
    cut = cut_at(Tracker(), times_s, places)
    # The end of a line through seven places errs by sqrt(0.46) of what each does.
    assert (cut[fps:].std(axis=0) < 0.75 * places[fps:].std(axis=0)).all()
    assert cut[fps:].mean(axis=0) == pytest.approx([300, 300, SIDE], abs=0.3)


def test_a_box_that_moves_and_grows_steadily_stays_where_it_is() -> None:
    times_s = every(30, 1)
    places = np.array([[300 + 400 * t, 300 - 100 * t, SIDE + 50 * t] for t in times_s])
    assert cut_at(Tracker(), times_s, places) == pytest.approx(places, abs=1e-3)


def test_a_box_is_never_far_from_where_it_was_found() -> None:
    times_s = every(30, 2)
    places = np.array([[300 + 60 * np.sin(15 * t), 300, SIDE] for t in times_s])  # a shaken head
    off = np.abs(cut_at(Tracker(), times_s, places) - places)
    assert 0.02 * SIDE < off.max() <= 0.03 * SIDE + 1e-3


@pytest.mark.parametrize(("window_s", "fps"), [(0.0, 30), (0.33, 5), (0.05, 30)])
def test_where_nothing_can_be_learnt_of_it_a_box_stays_as_it_is(window_s: float, fps: int) -> None:
    times_s = every(fps, 2)
    places = np.random.default_rng(0).normal([300, 300, SIDE], 5, (len(times_s), 3))
    assert cut_at(Tracker(window_s), times_s, places) == pytest.approx(places, abs=1e-3)


def test_each_box_keeps_its_shape() -> None:
    tracker = Tracker()
    for time_s, width in zip(every(30, 0.2), (60, 62, 59, 60, 61, 60, 63), strict=True):
        wide = np.array([[200, 100, 200 + width, 220], [500, 300, 620, 300 + width]], np.float32)
        seen = tracker.begin(wide, time_s)
    shape = (seen.boxes[:, 2] - seen.boxes[:, 0]) / (seen.boxes[:, 3] - seen.boxes[:, 1])
    assert shape == pytest.approx([63 / 120, 120 / 63], rel=1e-4)
    assert not np.allclose(seen.boxes, wide)
    assert seen.boxes.dtype == np.float32


def test_columns_may_come_and_go() -> None:
    """What was not there before counts as unchanged, and the probabilities do not notice."""
    tracker, alone = Tracker(window_s=1.0), Tracker(window_s=1.0)
    generator = np.random.default_rng(3)
    for k, n_more in enumerate([0, 0, 3, 3, 5, 1, 0]):
        values = generator.random((1, 2 + n_more)).astype(np.float32)
        smoothed = update(tracker, boxes_at((300, 300)), values, 0.1 * k)[1]
        expected = update(alone, boxes_at((300, 300)), values[:, :2], 0.1 * k)[1]
        np.testing.assert_array_equal(smoothed[:, :2], expected)
        if k == 2:
            np.testing.assert_allclose(smoothed[:, 2:], values[:, 2:], rtol=1e-6)
        if k == 3:
            assert not np.allclose(smoothed[:, 2:], values[:, 2:])


def test_trackers_share_nothing() -> None:
    """Two streams in turn give what each gives alone."""

    def alone(centre: tuple[float, float], p: float) -> list[tuple[list[int], float]]:
        tracker = Tracker()
        return [step(tracker, k, centre, p) for k in range(10)]

    def step(
        tracker: Tracker, k: int, centre: tuple[float, float], p: float
    ) -> tuple[list[int], float]:
        probabilities = np.array([[p / (k + 1), 1 - p / (k + 1)]], np.float32)
        ids, result = update(tracker, boxes_at(centre), probabilities, k / 10)
        return ids.tolist(), float(result[0, 0])

    a, b = Tracker(), Tracker()
    both = [(step(a, k, (300, 300), 0.9), step(b, k, (310, 300), 0.2)) for k in range(10)]
    assert [x for x, _ in both] == alone((300, 300), 0.9)
    assert [y for _, y in both] == alone((310, 300), 0.2)


def test_each_face_is_smoothed_by_itself() -> None:
    tracker = Tracker()
    for k in range(10):
        probabilities = np.array([[1, 0], [0, 1]], np.float32)[:: 1 if k % 2 else -1]
        boxes = boxes_at((100, 100), (600, 100))[:: 1 if k % 2 else -1]
        _, result = update(tracker, boxes, probabilities, k / 30)
        np.testing.assert_array_equal(result, probabilities)


# Labels


@pytest.mark.parametrize(
    ("probabilities", "before", "expected"),
    [
        ((0.2, 0.5, 0.3), None, 1),
        ((0.2, 0.5, 0.3), 1, 1),
        ((0.44, 0.51, 0.05), 0, 0),
        ((0.40, 0.51, 0.09), 0, 1),
        ((0.40, 0.45, 0.15), 2, 1),
        ((0.31, 0.34, 0.35), 0, 0),
    ],
)
def test_a_label_stays_until_another_class_leads(
    probabilities: tuple[float, ...], before: int | None, expected: int
) -> None:
    assert steady_class(np.array(probabilities, np.float32), before) == expected


def labels_of(tracker: Tracker, times_s: Sequence[float], shares: Sequence[float]) -> list[int]:
    """Feed one standing face whose second of two classes has these smoothed probabilities."""
    labels = []
    for time_s, p in zip(times_s, shares, strict=True):
        seen = tracker.begin(boxes_at((300, 300)), time_s)
        decided = tracker.decide(seen, np.array([[1 - p, p]], np.float32))
        assert (decided.shape, decided.dtype) == ((1,), np.int64)
        labels.append(int(decided[0]))
    return labels


def test_a_face_between_two_classes_keeps_its_label() -> None:
    shares = [0.48, 0.52, 0.54, 0.56, 0.52, 0.46, 0.44]
    times_s = [k / 10 for k in range(7)]
    assert labels_of(Tracker(), times_s, shares) == [0, 0, 0, 1, 1, 1, 0]
    assert labels_of(Tracker(window_s=0), times_s, shares) == [0, 1, 1, 1, 1, 0, 0]


def test_behind_a_small_jump_back_a_label_is_new() -> None:
    assert labels_of(Tracker(), [1.0, 1.1, 0.9, 1.0], [0.48, 0.52, 0.52, 0.48]) == [0, 0, 1, 1]


def test_behind_a_pause_longer_than_the_window_a_label_is_new() -> None:
    shares = [0.48, 0.52, 0.52]
    assert labels_of(Tracker(0.33), [0.0, 0.3, 0.6], shares) == [0, 0, 0]
    assert labels_of(Tracker(0.33), [0.0, 0.4, 0.7], shares) == [0, 1, 1]


def test_each_face_has_a_label_of_its_own() -> None:
    tracker, boxes = Tracker(), boxes_at((100, 100), (400, 100))
    probabilities = np.array([[0.52, 0.48], [0.48, 0.52]], np.float32)
    seen = tracker.begin(boxes, 0.0)
    assert tracker.decide(seen, probabilities).tolist() == [0, 1]
    seen = tracker.begin(boxes[::-1], 0.1)
    assert tracker.decide(seen, np.full((2, 2), 0.5, np.float32)).tolist() == [1, 0]
    seen = tracker.begin(boxes[:0], 0.2)
    assert tracker.decide(seen, probabilities[:0]).tolist() == []


# Smoothing


def signal(time_s: float) -> float:
    return 0.5 + 0.4 * np.sin(2 * np.pi * time_s / 2.0)


def mean_of_signal(time_s: float, window_s: float) -> float:
    times = np.linspace(time_s - window_s, time_s, 2001)
    return float(np.mean([signal(t) for t in times]))


@pytest.mark.parametrize(("fps", "tolerance"), [(5, 0.02), (15, 0.004), (30, 0.004), (60, 0.004)])
def test_the_frame_rate_does_not_show(fps: float, tolerance: float) -> None:
    tracker = Tracker(window_s=0.33)
    for time_s in every(fps, 6.0):
        value = smoothed(tracker, time_s, signal(time_s))
        if time_s > 0.4:
            assert value == pytest.approx(mean_of_signal(time_s, 0.33), abs=tolerance)


def test_a_changing_rate_does_not_show() -> None:
    rng = np.random.default_rng(0)
    tracker = Tracker(window_s=0.33)
    time_s = 0.0
    for step in rng.choice([1 / 60, 1 / 30, 1 / 12, 1 / 6], 200):
        value = smoothed(tracker, time_s, signal(time_s))
        if time_s > 0.4:
            assert value == pytest.approx(mean_of_signal(time_s, 0.33), abs=0.02)
        time_s += float(step)


@pytest.mark.parametrize("fps", [5, 10, 30, 60])
def test_a_step_takes_the_window_and_no_longer(fps: float) -> None:
    tracker = Tracker(window_s=0.33)
    values = {t: smoothed(tracker, t, 1.0 if t >= 1.0 else 0.0) for t in every(fps, 2.0)}
    assert [values[t] for t in values if t < 1.0] == [0.0] * sum(t < 1.0 for t in values)
    late = [values[t] for t in values if t >= 1.0 + 0.33]
    assert late == pytest.approx([1.0] * len(late))
    assert 0.3 < values[min(values, key=lambda t: abs(t - 1.2))] < 0.9


def test_at_30_fps_it_is_a_mean_of_ten_frames() -> None:
    rng = np.random.default_rng(1)
    tracker = Tracker(window_s=10 / 30)
    samples = rng.random(40)
    values = [smoothed(tracker, k / 30, p) for k, p in enumerate(samples)]
    for k in range(11, 40):
        window = samples[k - 10 : k + 1]
        expected = (window[:-1] + window[1:]).mean() / 2  # ten intervals, ends counted half
        assert values[k] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("window_s", "times", "samples", "expected"),
    [
        (0.0, [0.0, 0.1, 0.2], [0.1, 0.5, 0.9], 0.9),  # off
        (0.5, [7.0], [0.3], 0.3),  # a new face shows at once
        (0.5, [0.0, 0.1], [0.2, 0.4], 0.3),  # a young one over its age
        (0.5, [0.0, 1.0], [0.0, 1.0], 0.75),  # one frame a second: the line's last half
        (0.5, [0.0, 0.5, 0.5], [0.0, 1.0, 0.0], 0.0),  # the same time again replaces
    ],
)
def test_edges_of_the_window(
    window_s: float, times: Sequence[float], samples: Iterable[float], expected: float
) -> None:
    tracker = Tracker(window_s)
    values = [smoothed(tracker, t, p) for t, p in zip(times, samples, strict=True)]
    assert values[-1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        (np.zeros((0, 3)), []),
        (np.zeros((2, 0)), []),
        (np.array([[0.2, 0.1], [0.3, np.inf]]), [(0, 1), (1, 0)]),
        (np.array([[np.inf, np.inf]]), []),
        (np.array([[0.5], [0.4], [0.6]]), [(1, 0)]),
    ],
)
def test_pair(costs: NDArray[np.float64], expected: list[tuple[int, int]]) -> None:
    before = costs.copy()
    assert sorted(pair(costs)) == expected
    np.testing.assert_array_equal(costs, before)
