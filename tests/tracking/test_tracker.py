"""Boxes matched to tracks, at any frame rate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.tracking.tracker import KEEP_S, Tracker, pair

SIDE = 100.0


def boxes_at(*centres: tuple[float, float], side: float = SIDE) -> NDArray[np.float32]:
    xy = np.array(centres, np.float32).reshape(-1, 2)
    return np.concatenate([xy - side / 2, xy + side / 2], axis=1).astype(np.float32)


def ids_of(tracker: Tracker, time_s: float, *centres: tuple[float, float]) -> list[int]:
    return [track.track_id for track in tracker.match(boxes_at(*centres), time_s)]


def every(fps: float, until_s: float, start_s: float = 0.0) -> list[float]:
    return [start_s + k / fps for k in range(round(until_s * fps) + 1)]


def test_ids_count_from_1_in_the_order_of_boxes_and_follow_the_faces() -> None:
    tracker = Tracker()
    assert ids_of(tracker, 0.0, (100, 100), (500, 100)) == [1, 2]
    assert ids_of(tracker, 0.1, (510, 100), (105, 100)) == [2, 1]
    assert ids_of(tracker, 0.2, (110, 100), (900, 400), (520, 100)) == [1, 3, 2]
    assert ids_of(tracker, 0.3) == []


def test_a_track_tells_where_its_face_was_within_half_a_second() -> None:
    tracker = Tracker()
    for k in range(20):
        (track,) = tracker.match(boxes_at((100 + k, 200)), k / 10)
    assert track.times_s == pytest.approx([1.4, 1.5, 1.6, 1.7, 1.8, 1.9])
    assert np.array(track.places).tolist() == [[100 + k, 200, SIDE] for k in range(14, 20)]
    (track,) = tracker.match(boxes_at((121, 200)), 1.9)  # replaces the match of the same time
    assert track.times_s[-2:] == [1.8, 1.9]
    assert track.places[-1].tolist() == [121, 200, SIDE]


@pytest.mark.parametrize(
    ("away_s", "back_at", "is_known"),
    [
        (1.0, (300, 300), True),
        (1.0, (420, 320), True),
        (1.0, (900, 300), False),
        (KEEP_S + 0.2, (300, 300), False),
    ],
)
def test_a_face_that_comes_back_soon_and_near_keeps_its_id(
    away_s: float, back_at: tuple[float, float], is_known: bool
) -> None:
    tracker = Tracker()
    for time_s in every(15, 1.0):
        ids_of(tracker, time_s, (300, 300), (700, 600))
    for time_s in every(15, away_s, start_s=1.0)[1:]:
        assert ids_of(tracker, time_s, (700, 600)) == [2]
    ids = ids_of(tracker, 1.0 + away_s + 0.05, back_at, (700, 600))
    assert ids == ([1, 2] if is_known else [3, 2])


def test_no_id_is_used_twice() -> None:
    tracker = Tracker()
    assert ids_of(tracker, 0.0, (300, 300)) == [1]
    assert ids_of(tracker, 10.0, (300, 300)) == [2]
    tracker.forget()
    assert ids_of(tracker, 10.1, (300, 300)) == [3]
    assert ids_of(tracker, 0.0, (300, 300)) == [4]


def test_a_box_of_another_size_is_another_face() -> None:
    tracker = Tracker()
    for k, (side, track_id) in enumerate([(100, 1), (190, 1), (385, 2), (80, 3)]):
        (track,) = tracker.match(boxes_at((300, 300), side=side), k / 10)
        assert track.track_id == track_id


@pytest.mark.parametrize("fps", [5, 10, 15, 30, 60])
def test_a_fast_face_keeps_its_id_at_any_frame_rate(fps: float) -> None:
    """Three of its own widths a second, and starting at once."""
    tracker = Tracker()
    for time_s in every(fps, 2.0):
        assert ids_of(tracker, time_s, (100 + 3 * SIDE * time_s, 300)) == [1]


@pytest.mark.parametrize(("away_s", "moved"), [(0.3, 0.9), (0.5, 1.5), (1.4, 1.5)])
def test_a_lost_face_is_expected_where_half_a_second_of_its_motion_leads(
    away_s: float, moved: float
) -> None:
    """At three widths a second; then it is taken to have stopped."""
    tracker = Tracker()
    for time_s in every(30, 1.0):
        (track,) = tracker.match(boxes_at((100 + 3 * SIDE * time_s, 300)), time_s)
    x, y, side = track.expected_at(1.0 + away_s)
    assert (x, y, side) == pytest.approx((400 + moved * SIDE, 300, SIDE))


@pytest.mark.parametrize(
    ("times_s", "xs", "expected"),
    [
        ([0.0], [100], 100),
        ([0.0, 0.8], [100, 180], 180 + 40),  # however long ago, the last two
        ([0.0, 0.6, 0.8, 1.0], [500, 100, 140, 180], 180 + 80),  # else half a second
    ],
)
def test_velocity_is_that_of_the_last_half_second(
    times_s: list[float], xs: list[float], expected: float
) -> None:
    tracker = Tracker()
    for time_s, x in zip(times_s, xs, strict=True):
        (track,) = tracker.match(boxes_at((x, 300), side=1000), time_s)
    assert track.expected_at(times_s[-1] + 0.4)[0] == pytest.approx(expected)


def test_of_two_near_faces_the_one_of_the_same_size_is_matched() -> None:
    tracker = Tracker()
    tracker.match(np.vstack([boxes_at((300, 300)), boxes_at((420, 300), side=150)]), 0.0)
    (track,) = tracker.match(boxes_at((350, 300), side=150), 0.1)  # nearer to the smaller one
    assert track.track_id == 2


def test_a_lost_face_is_not_taken_for_one_far_ahead_of_its_motion() -> None:
    """1.2 s after a walk of three widths a second it may be 2.4 widths from where that ended."""
    for ahead, track_id in ((2.8, 1), (4.2, 2)):
        tracker = Tracker()
        for time_s in every(30, 1.0):
            ids_of(tracker, time_s, (100 + 3 * SIDE * time_s, 300))
        # Its reach after 1.2 s: 0.6 + 1.5 x 1.2 widths around the place 1.5 widths ahead.
        assert ids_of(tracker, 2.2, (400 + ahead * SIDE, 300)) == [track_id]


def cross(fps: float, speed: float, hidden: float, misses: float, seed: int) -> bool:
    """Let two people walk past each other; return whether both kept their ids in every frame.

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
        tracks = tracker.match(boxes.astype(np.float32), time_s)
        for person, track in zip(who, tracks, strict=True):
            seen[int(person)].add(track.track_id)
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
def test_two_faces_that_cross_keep_their_ids(
    fps: float, speed: float, hidden: float, misses: float, at_least: int
) -> None:
    kept = sum(cross(fps, speed, hidden, misses, seed) for seed in range(6))
    assert kept >= at_least


def test_a_long_jump_back_drops_every_track_and_a_short_one_only_its_motion() -> None:
    tracker = Tracker()
    for time_s in every(10, 5.0):
        (track,) = tracker.match(boxes_at((300, 300)), time_s)
    assert ids_of(tracker, 4.5, (300, 300)) == [1]
    assert track.times_s == [4.5]
    assert ids_of(tracker, 0.0, (300, 300)) == [2]
    ids_of(tracker, 3.0, (900, 300))
    assert ids_of(tracker, 4.7, (300, 300)) == [4]  # the track of 4.5 is gone since the jump


def test_two_trackers_share_nothing() -> None:
    one, other = Tracker(), Tracker()
    for k in range(10):
        assert ids_of(one, k / 10, (300 + 20 * k, 300)) == [1]
        assert ids_of(other, k / 10, (310, 300), (600, 300)) == [1, 2]


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
