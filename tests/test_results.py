"""What a face says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import make_face

from livefer.results import LANDMARKS, main_face


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"label": "happy", "confidence": 0.3}, "happy"),
        ({"label": "fear", "confidence": 0.6, "second": "sad", "uncertain": True}, "fear or sad?"),
        ({"label": "fear", "confidence": 0.25, "uncertain": True}, "fear or angry?"),
        ({"label": "fear", "confidence": 0.24, "uncertain": True}, "unclear"),
        ({"label": "a", "confidence": 0.57, "uncertain": True, "classes": ("a", "b")}, "a or b?"),
        ({"label": "a", "confidence": 0.55, "uncertain": True, "classes": ("a", "b")}, "unclear"),
    ],
)
def test_the_answer_is_the_label_or_two_of_them_or_none(more: dict[str, Any], answer: str) -> None:
    face = make_face((0, 0, 9, 9), **more)
    assert face.answer == answer
    assert face.to_dict()["answer"] == answer


def test_landmarks_are_plain_data_on_request() -> None:
    points = np.arange(10, dtype=np.float32).reshape(5, 2) + 0.04
    face = make_face((0, 0, 9, 9), landmarks=points)
    assert "landmarks" not in face.to_dict()
    found = face.to_dict(landmarks=True)["landmarks"]
    assert found == dict(zip(LANDMARKS, [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]], strict=True))
    assert make_face((0, 0, 9, 9)).to_dict(landmarks=True)["landmarks"] is None


def test_a_face_gives_a_probability_by_the_name_of_its_class() -> None:
    face = make_face((0, 0, 9, 9), "happy", 0.75)
    assert face["happy"] == pytest.approx(0.75)
    assert sum(face[name] for name in face.classes) == pytest.approx(1)
    assert type(face["sad"]) is float
    with pytest.raises(KeyError, match=r"no class 'joy': expected one of angry, disgust, .*, sur"):
        face["joy"]


def test_a_face_is_no_sequence() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        iter(make_face((0, 0, 9, 9)))  # type: ignore[call-overload]


def test_the_main_face_is_the_largest() -> None:
    small, large = make_face((0, 0, 9, 9)), make_face((20, 0, 40, 30))
    assert main_face([small, large]) is large
    # By the mean of its sides, as everywhere: the second one has the larger area.
    long, square = make_face((0, 0, 60, 20)), make_face((0, 0, 38, 38))
    assert main_face([long, square]) is long
    assert main_face([]) is None
