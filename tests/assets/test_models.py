"""The models inside the package: names, metadata, and one face."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from livefer.batch.analyze import Settings
from livefer.classifier import DEFAULT_MODEL, EmotionClassifier, shipped_models
from livefer.labels import CLASSES
from livefer.recognizer import Recognizer

MODELS = ("fer2013", "fer2013-float", "human", "human-float")
PICTURE = Path(str(resources.files("livefer") / "assets/astronaut.jpg"))


def test_names() -> None:
    models = shipped_models()
    assert set(models) == set(MODELS)
    assert DEFAULT_MODEL == "human"
    assert sum(models[name].stat().st_size for name in MODELS) < 40e6


def test_one_default_wherever_a_person_points_at_faces() -> None:
    assert EmotionClassifier().name == DEFAULT_MODEL
    assert Recognizer(detector="haar").classifier.name == DEFAULT_MODEL
    settings = Settings(detector="haar")
    recognizer = settings.recognizer()
    assert recognizer.classifier.name == DEFAULT_MODEL
    assert settings.metadata(recognizer)["livefer.model"] == DEFAULT_MODEL


@pytest.mark.parametrize("name", MODELS)
def test_each_describes_itself_and_knows_a_smile(name: str) -> None:
    recognizer = Recognizer(name, "haar")
    metadata = recognizer.classifier.metadata
    assert recognizer.classes == CLASSES
    assert metadata["labels"] == ("votes" if name.startswith("human") else "labels")
    assert ("quantisation" in metadata) == (not name.endswith("-float"))
    frequencies = json.loads(metadata["prior"])
    assert sum(frequencies) == pytest.approx(1, abs=1e-3)
    assert 0 < recognizer.uncertain_below < 1
    (face,) = recognizer(PICTURE)
    assert (face.label, face.uncertain) == ("happy", False)


@pytest.mark.parametrize("name", ["fer2013", "human"])
def test_int8_answers_as_float_does(name: str) -> None:
    rng = np.random.default_rng(0)
    faces = rng.integers(60, 200, (8, 48, 48), dtype=np.uint8)
    small = EmotionClassifier(name).predict(faces)
    large = EmotionClassifier(f"{name}-float").predict(faces)
    assert np.abs(small - large).mean() < 0.03


def test_no_thread_spins_between_calls() -> None:
    options = EmotionClassifier("fer2013")._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
