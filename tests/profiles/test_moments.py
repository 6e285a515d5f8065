"""Profiles of moments before a camera: what was held, and what was not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError
from livefer.labels import CLASSES
from livefer.profiles.moments import profile_of_moments


def rows(n: int, **shares: float) -> NDArray[np.float32]:
    """Return probabilities (n, 7): these shares, and the rest in equal parts."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return np.tile(np.array([shares.get(name, rest) for name in CLASSES], np.float32), (n, 1))


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier()


def test_a_face_that_was_held_is_the_persons_neutral(classifier: EmotionClassifier) -> None:
    sad_at_rest, smile = rows(20, sad=0.7, neutral=0.25), rows(20, happy=0.9)
    made = profile_of_moments(classifier, {"neutral": sad_at_rest, "happy": smile})
    assert made.name == "me"
    assert {name: one.n for name, one in made.expressions.items()} == {"neutral": 20, "happy": 20}
    assert made.judge(sad_at_rest)[0].argmax() == CLASSES.index("neutral")


def test_a_face_that_smiled_meanwhile_is_refused(classifier: EmotionClassifier) -> None:
    moved = np.concatenate([rows(11, neutral=0.9), rows(9, happy=0.95)])
    with pytest.raises(ConfigError, match=r"not at rest: it looked .* hold still and try again"):
        profile_of_moments(classifier, {"neutral": moved})


def test_a_moment_without_enough_frames_is_refused(classifier: EmotionClassifier) -> None:
    with pytest.raises(ConfigError, match="happy has 4 frames with a face, and 5 are needed"):
        profile_of_moments(classifier, {"neutral": rows(9), "happy": rows(4, happy=0.9)})
    with pytest.raises(ConfigError, match="begins with the neutral face"):
        profile_of_moments(classifier, {"happy": rows(9, happy=0.9)})
