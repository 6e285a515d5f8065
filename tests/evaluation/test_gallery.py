"""The picture of mistakes: the most certain ones first, and those of each confusion."""

from __future__ import annotations

import numpy as np
from builders import make_split

from livefer.evaluation.gallery import mistakes_picture, worst_mistakes
from livefer.evaluation.report import measure

SPLIT = make_split([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.2, 0, 0.8], [0.7, 0.3, 0], [0, 1, 0], [0, 0, 1]], np.float32
)


def test_mistakes_stand_with_the_most_certain_first() -> None:
    assert worst_mistakes(PROBABILITIES, SPLIT.targets).tolist() == [2, 3, 1]
    right = np.eye(3, dtype=np.float32)[SPLIT.targets]
    assert len(worst_mistakes(right, SPLIT.targets)) == 0


def test_each_mistake_is_shown_alone_and_among_its_like() -> None:
    report = measure(PROBABILITIES, SPLIT, ("a", "b", "c"))
    shown: list[int] = []

    def show(i: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        shown.append(i)
        return np.full((60, 60, 3), 40 * i, np.uint8)

    picture = mistakes_picture(PROBABILITIES, SPLIT, report, "title", show)
    assert shown[:3] == [2, 3, 1]
    assert sorted(shown[3:]) == [1, 2, 3]
    assert picture.dtype == np.uint8
    assert (picture == 80).all(axis=2).sum() > 2 * 130 * 130  # the tiles of number 2


def test_without_mistakes_there_is_a_title_alone() -> None:
    right = np.eye(3, dtype=np.float32)[SPLIT.targets]
    report = measure(right, SPLIT, ("a", "b", "c"))
    picture = mistakes_picture(right, SPLIT, report, "title", lambda i: SPLIT.faces[i])
    assert len(picture) < 120
