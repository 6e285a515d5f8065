"""Which of a stream's faces count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livefer.tracking.choice import MostFaces, OnePerson, largest


def boxes(*sides: float) -> NDArray[np.float32]:
    return np.array([(0, 0, side, side) for side in sides], np.float32).reshape(-1, 4)


def test_the_largest_are_in_the_order_of_the_boxes() -> None:
    assert largest(boxes(10, 30, 20), 2) == [1, 2]
    assert largest(boxes(), 2) == []


def test_a_face_that_counts_is_replaced_by_a_much_larger_one_only() -> None:
    choice = MostFaces(1)
    assert choice.rows([1, 2], boxes(100, 90), 0.0) == [0]
    assert choice.rows([1, 2], boxes(100, 140), 0.1) == [0], "not 1.5 times as large"
    assert choice.rows([1, 2], boxes(100, 160), 0.2) == [1]
    choice.forget()
    assert choice.rows([1, 2], boxes(100, 90), 0.3) == [0]


def test_one_person_is_the_largest_face_as_long_as_it_is_in_view() -> None:
    choice = OnePerson()
    assert choice.rows([1, 2], boxes(80, 100), 0.0) == [1]
    assert choice.rows([1, 2, 3], boxes(80, 90, 300), 0.5) == [1], "a passer-by is no person"
    assert choice.rows([1], boxes(80), 1.0) == [], "the person may come back"
    assert choice.rows([1, 2], boxes(80, 90), 1.9) == [1]
    assert choice.rows([1], boxes(80), 4.0) == [0], "out of view for longer than a track is kept"


def test_somebody_in_the_background_takes_over_after_a_long_time_or_a_cut() -> None:
    choice = OnePerson()
    assert choice.rows([1], boxes(100), 0.0) == [0]
    assert choice.rows([2], boxes(40), 3.0) == []
    assert choice.rows([2], boxes(40), 5.5) == [0]
    assert choice.rows([3], boxes(15), 7.5) == []
    choice.forget()
    assert choice.rows([3], boxes(15), 7.6) == [0]
    assert OnePerson().rows([], boxes(), 0.0) == []
