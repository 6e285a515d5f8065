"""Tracks of one person become one, those of two do not, and the file holds no faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from livefer.identity.persons import KnownTrack, persons_of, write_persons

LIMIT = 0.4


def track(
    number: int, *place: float, source: str = "a.mp4", beside: int | None = None
) -> KnownTrack:
    """Return a track whose descriptor is at a place of a plane."""
    descriptor = np.zeros(128, np.float32)
    descriptor[: len(place)] = place
    return KnownTrack(source, number, descriptor, frozenset(() if beside is None else [beside]))


def test_near_tracks_are_one_person_also_in_another_film() -> None:
    tracks = [
        track(1, 0.0),
        track(2, 1.0),
        track(5, 0.1),
        track(1, 1.0, 0.1, source="b.mp4"),
        track(2, 3.0, source="b.mp4"),
    ]
    assert persons_of(tracks, LIMIT) == [1, 2, 1, 2, 3]


def test_the_limit_itself_is_too_far() -> None:
    assert persons_of([track(1, 0.0), track(2, 0.5)], 0.5) == [1, 2]
    assert persons_of([track(1, 0.0), track(2, 0.5)], 0.51) == [1, 1]


def test_nobody_is_twice_in_a_frame() -> None:
    """The one beside it is another person, whatever is merged before and however near it is."""
    tracks = [track(1, 0.0), track(2, 0.05, beside=1), track(3, 0.01)]
    assert persons_of(tracks, LIMIT) == [1, 2, 1]
    # A track of that number in another film was in no frame with it.
    tracks = [track(1, 0.0, source="b.mp4"), track(2, 0.05, beside=1)]
    assert persons_of(tracks, LIMIT) == [1, 1]


def test_a_chain_of_near_tracks_is_not_one_person() -> None:
    chain = [track(i, 0.3 * i) for i in range(1, 7)]
    numbers = persons_of(chain, LIMIT)
    assert len(set(numbers)) > 1
    assert numbers[0] != numbers[-1]


def test_nothing_known_is_nobody() -> None:
    assert persons_of([]) == []


def test_the_order_of_merging_depends_on_distances_only() -> None:
    rng = np.random.default_rng(0)
    middles = 3 * np.eye(4)
    tracks = [track(i, *(middles[i % 4] + rng.normal(0, 0.05, 4))) for i in range(40)]
    order = rng.permutation(40)
    numbers = persons_of([tracks[i] for i in order], LIMIT)
    assert len(set(numbers)) == 4
    assert {(int(i) % 4, number) for i, number in zip(order, numbers, strict=True)} == {
        (int(i) % 4, numbers[list(order).index(i % 4)]) for i in order
    }


def test_the_file_says_whose_each_track_is_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "who.csv"
    tracks = [track(1, 0.0), track(4, 0.1), track(1, 2.0, source="b, c.mp4")]
    assert write_persons(path, tracks) == "2 people in the 3 tracks that could be compared"
    assert path.read_text(encoding="utf-8").splitlines() == [
        "file,track_id,name",
        "a.mp4,1,person 1",
        "a.mp4,4,person 1",
        '"b, c.mp4",1,person 2',
    ]
    assert [one.name for one in tmp_path.iterdir()] == ["who.csv"]
    assert write_persons(path, []) == "0 people in the 0 tracks that could be compared"


@pytest.mark.parametrize("n", [1, 2, 7])
def test_everybody_at_one_place_is_one_person(n: int) -> None:
    assert persons_of([track(i, 0.2) for i in range(n)]) == [1] * n
