"""A person's profile: a resting face is neutral, a rise is an expression, and files come back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError, ModelError
from livefer.labels import CLASSES
from livefer.profiles.profile import Profile

NEUTRAL, HAPPY, SAD = (CLASSES.index(name) for name in ("neutral", "happy", "sad"))


def answer(**shares: float) -> NDArray[np.float32]:
    """Return probabilities (7,): these shares, and the rest in equal parts."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return np.array([shares.get(name, rest) for name in CLASSES], np.float32)


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier()


def of_neutral(classifier: EmotionClassifier, *answers: NDArray[np.float32]) -> Profile:
    return Profile.make(classifier, {"neutral": np.stack(answers)}, "ada")


def test_the_own_resting_face_is_neutral_whatever_the_model_says(
    classifier: EmotionClassifier,
) -> None:
    resting = answer(sad=0.7, neutral=0.25)
    judged = of_neutral(classifier, resting).judge(resting[None])
    assert judged.shape == (1, 7)
    assert judged.dtype == np.float32
    assert judged.sum() == pytest.approx(1)
    assert judged[0, NEUTRAL] > 0.9


def test_a_faint_smile_is_one_beside_the_resting_face(classifier: EmotionClassifier) -> None:
    """The plain answer is neutral; but happiness is thirty times as likely as at rest."""
    profile = of_neutral(classifier, answer(neutral=0.97, happy=0.01))
    smile = answer(neutral=0.68, happy=0.3)
    assert smile.argmax() == NEUTRAL
    assert profile.judge(smile[None])[0].argmax() == HAPPY
    trembling = answer(neutral=0.96, happy=0.015)
    assert profile.judge(trembling[None])[0].argmax() == NEUTRAL


def test_an_own_expression_counts(classifier: EmotionClassifier) -> None:
    """This person's sad face looks angry, too; a face like it is sad, another one is angry."""
    rest, own_sad = answer(neutral=0.95), answer(angry=0.5, sad=0.2, neutral=0.28)
    plain = of_neutral(classifier, rest)
    knows = Profile.make(classifier, {"neutral": rest[None], "sad": own_sad[None]})
    face = answer(angry=0.52, sad=0.18, neutral=0.28)
    assert CLASSES[plain.judge(face[None])[0].argmax()] == "angry"
    assert knows.judge(face[None])[0].argmax() == SAD
    happy = answer(happy=0.97)
    assert knows.judge(happy[None])[0].argmax() == HAPPY


def test_only_the_owners_row_is_judged(classifier: EmotionClassifier) -> None:
    resting = answer(sad=0.7, neutral=0.25)
    profile = of_neutral(classifier, resting)
    both = np.stack([resting, resting])
    judged = profile.judge_row(both, 1)
    assert judged[0].argmax() == SAD
    assert judged[1].argmax() == NEUTRAL
    assert np.array_equal(profile.judge_row(both, None), both)


def test_a_file_comes_back(classifier: EmotionClassifier, tmp_path: Path) -> None:
    profile = of_neutral(classifier, answer(sad=0.7, neutral=0.25), answer(sad=0.6, neutral=0.3))
    profile.save(tmp_path / "ada.json")
    again = Profile.load(tmp_path / "ada.json")
    assert again.name == "ada"
    assert again.expressions["neutral"].n == 2
    again.check(classifier)
    faces = np.stack([answer(sad=0.7, neutral=0.25), answer(happy=0.3, neutral=0.6)])
    assert np.allclose(again.judge(faces), profile.judge(faces), atol=1e-3)


def test_another_model_or_prior_is_refused(classifier: EmotionClassifier) -> None:
    profile = of_neutral(classifier, answer(neutral=0.9))
    with pytest.raises(ModelError, match='"human", and this is another one, "fer2013"'):
        profile.check(EmotionClassifier("fer2013"))
    with pytest.raises(ModelError, match=r"prior of 0\.5, and this one is 1"):
        profile.check(EmotionClassifier(prior=1))


def test_what_is_needed_is_named(classifier: EmotionClassifier) -> None:
    with pytest.raises(ConfigError, match="begins with the neutral face"):
        Profile.make(classifier, {"happy": answer(happy=0.9)[None]})
    with pytest.raises(ConfigError, match='has no class "bored"'):
        Profile.make(classifier, {"neutral": answer()[None], "bored": answer()[None]})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"livefer_profile": 2}, "format 2"),
        ({"expressions": {}}, "the neutral face is missing"),
        ({"classes": ["neutral"]}, "does not fit the classes"),
        ({"expressions": 3}, "AttributeError"),
        ({"name": None, "prior": "much"}, "could not convert"),
        ({"name": "a" * 201}, "more than 200 letters"),
    ],
)
def test_a_file_that_is_no_profile_is_refused_with_the_reason(
    classifier: EmotionClassifier, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    plain = of_neutral(classifier, answer(neutral=0.9)).to_dict() | change
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"bad.json is not a profile of livefer .*{reason}"):
        Profile.load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("log_probabilities", [1e308] * 7),
        ("log_probabilities", [-99.0] * 7),
        ("log_probabilities", [math.nan] * 7),
        ("spread", [-1.0] * 7),
        ("spread", [math.inf] * 7),
        ("n", 0),
        ("n", math.inf),
    ],
)
def test_numbers_that_no_model_answers_are_refused(
    classifier: EmotionClassifier, field: str, value: Any
) -> None:
    """They could make every later answer of a server one that is not a number."""
    plain = of_neutral(classifier, answer(neutral=0.9)).to_dict()
    plain["expressions"]["neutral"][field] = value
    with pytest.raises(ValueError, match=r"impossible|OverflowError"):
        Profile.of(plain)


def test_a_file_without_a_field_is_refused_by_its_name(classifier: EmotionClassifier) -> None:
    plain = of_neutral(classifier, answer(neutral=0.9)).to_dict()
    del plain["model_sha256"]
    with pytest.raises(ValueError, match="'model_sha256' is missing"):
        Profile.of(plain)


def test_a_profile_of_other_classes_is_refused_though_the_hash_is_right(
    classifier: EmotionClassifier,
) -> None:
    plain = of_neutral(classifier, answer(neutral=0.9)).to_dict()
    plain["classes"] = plain["classes"][::-1]
    with pytest.raises(ModelError, match="another version"):
        Profile.of(plain).check(classifier)
    plain = of_neutral(classifier, answer(neutral=0.9)).to_dict() | {"prior": math.nan}
    with pytest.raises(ModelError, match="prior"):
        Profile.of(plain).check(classifier)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nobody\.json cannot be read"):
        Profile.load(tmp_path / "nobody.json")
    (tmp_path / "picture.json").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigError, match="it is not text"):
        Profile.load(tmp_path / "picture.json")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a profile"):
        Profile.load(tmp_path / "list.json")
