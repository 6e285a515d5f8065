"""A detector of one's own is tried once, when a Recognizer is made with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import livefer
from livefer.recognizer import Recognizer

NONE = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
ONE = np.array([[10.0, 10, 60, 60]], np.float32), np.ones(1, np.float32)


class Mine:
    """Answers what it is told for pictures with a face, and for others."""

    crop_scale: Any = 1.0
    crop_shift_y: Any = 0

    def __init__(self, of_face: Any = ONE, of_none: Any = NONE) -> None:
        self.of_face, self.of_none = of_face, of_none
        self.n_calls = 0

    def detect(self, image: NDArray[Any]) -> Any:
        assert (image.shape[2], image.dtype) == (3, np.uint8)
        self.n_calls += 1
        return self.of_face if image.any() else self.of_none


def test_a_protocol_is_public_and_any_object_fulfils_it() -> None:
    detector: livefer.Detector = Mine()
    assert isinstance(Recognizer(detector=detector).detector, Mine)


@pytest.mark.parametrize(
    ("of_face", "of_none"),
    [
        (ONE, NONE),
        (NONE, NONE),
        (list(ONE), list(NONE)),
        ((*ONE, np.zeros((1, 5, 2))), (*NONE, np.zeros((0, 5, 2)))),
        ((*ONE, None), (*NONE, None)),
    ],
)
def test_good_answers_are_taken_and_asked_for_once(of_face: Any, of_none: Any) -> None:
    detector = Mine(of_face, of_none)
    Recognizer(detector=detector)
    assert detector.n_calls == 2


@pytest.mark.parametrize(
    ("of_face", "of_none", "words"),
    [
        (None, NONE, "returned NoneType for a picture of 512x512"),
        (ONE[0], NONE, r"returned an array \(1, 4\) for"),
        ((ONE[0].tolist(), [1.0]), NONE, "returned a tuple of list, list"),
        ((ONE[0], np.ones((1, 1))), NONE, r"an array \(1, 4\), an array \(1, 1\)"),
        ((ONE[0], np.ones(2)), NONE, r"an array \(2,\)"),
        ((*ONE, np.zeros((1, 10))), NONE, r"an array \(1, 10\)"),
        ((*ONE, [1]), NONE, "list"),
        (ONE, (np.array([]), np.array([])), r"a tuple of an array \(0,\), an array \(0,\)"),
        (ONE, (), "a tuple of nothing"),
    ],
)
def test_another_answer_is_one_clear_error(of_face: Any, of_none: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        Recognizer(detector=Mine(of_face, of_none))
    assert "Mine.detect returned" in str(raised.value)
    assert "expected the arrays boxes (N, 4) and scores (N,)" in str(raised.value)


def test_what_is_no_detector_is_told_what_it_lacks() -> None:
    detector: Any = Mine()
    detector.crop_scale = "1"
    detector.crop_shift_y = float("nan")
    with pytest.raises(ValueError, match=r"Mine is no .* lacks crop_scale, crop_shift_y;"):
        Recognizer(detector=detector)
    with pytest.raises(ValueError, match=r"int is no detector: .* detect\(image\);"):
        Recognizer(detector=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"is the class Mine: give an object of it, Mine\(\)"):
        Recognizer(detector=Mine)  # type: ignore[arg-type]


def test_an_error_of_its_own_is_not_hidden() -> None:
    detector: Any = Mine()
    detector.detect = lambda image: 1 / 0
    with pytest.raises(ZeroDivisionError):
        Recognizer(detector=detector)
