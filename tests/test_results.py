"""What a face says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import make_face


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
