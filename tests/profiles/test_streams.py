"""A profile on the road: one person's face is judged, in pictures and streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene

from livefer.errors import ModelError
from livefer.labels import CLASSES
from livefer.profiles.profile import Profile
from livefer.recognizer import Recognizer
from livefer.results import Frame
from livefer.tracking.stream import Owner

ANGRY, HAPPY = 50, 125  # gray levels of fakes.LevelClassifier


def angry_at_rest() -> Profile:
    resting = np.array([[0.8, 0.2, 0, 0, 0, 0, 0]], np.float32)
    return Profile.make(LevelClassifier(), {"neutral": resting}, "ada")  # type: ignore[arg-type]


def recognizer(**more: Any) -> Recognizer:
    return Recognizer(LevelClassifier(), SquareDetector(), profile=angry_at_rest(), **more)  # type: ignore[arg-type]


def test_a_picture_judges_its_largest_face() -> None:
    scene = make_scene((20, 20, ANGRY), (200, 20, ANGRY))
    scene[20:90, 200:270] = scene[25, 205]
    small, large = recognizer()(scene)
    assert small.label == "angry"
    assert small.profile is None
    assert small.plain_probabilities is None
    assert large.label == "neutral"
    assert large.profile == "ada"
    assert large.plain_probabilities is not None
    assert CLASSES[large.plain_probabilities.argmax()] == "angry"
    assert CLASSES[large.raw_probabilities.argmax()] == "angry"


def test_a_stream_follows_the_owner() -> None:
    road = recognizer()
    stream = road.new_stream()
    for index in range(30):
        scene = make_scene((20 + 2 * index, 20, ANGRY), (20, 150, ANGRY))
        if index == 0:  # the first frame decides: the upper face is the largest
            scene[20:90, 20:90] = scene[25, 25]
        faces = road.process(Frame("film", index, index / 30, scene), stream).faces
        upper = next(face for face in faces if face.box[1] < 100)
        lower = next(face for face in faces if face.box[1] > 100)
        assert upper.label == "neutral"
        assert upper.profile == "ada"
        assert lower.label == "angry"


def test_an_expression_of_the_owner_is_seen() -> None:
    road = recognizer(smoothing_s=0.0)
    stream = road.new_stream()
    labels = []
    for index, level in enumerate([ANGRY] * 5 + [HAPPY] * 5):
        frame = Frame("film", index, index / 30, make_scene((20, 20, level)))
        labels.append(road.process(frame, stream).faces[0].label)
    assert labels == ["neutral"] * 5 + ["happy"] * 5


def test_another_face_becomes_the_owner_only_after_a_while() -> None:
    owner = Owner()
    large, small = [0, 0, 50, 50], [100, 0, 120, 20]
    boxes = np.array([small, large], np.float32)
    assert owner.row_of([1, 2], boxes, 0.0) == 1
    assert owner.row_of([1], boxes[:1], 0.1) is None
    assert owner.row_of([1, 2], boxes[::-1], 0.2) == 1
    assert owner.row_of([], boxes[:0], 30.0) is None
    assert owner.row_of([1], boxes[:1], 60.0) == 0


def test_a_profile_of_another_model_is_refused() -> None:
    class Other(LevelClassifier):
        name = sha256 = "other"

    with pytest.raises(ModelError, match="another one"):
        Recognizer(Other(), SquareDetector(), profile=angry_at_rest())  # type: ignore[arg-type]
