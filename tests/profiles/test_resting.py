"""The resting face among the answers for a film: found if it is there, whatever the share."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.labels import CLASSES
from livefer.profiles.resting import resting_profile
from livefer.profiles.running import RunningProfile
from livefer.recognizer import Recognizer
from livefer.results import Frame

NEUTRAL, HAPPY, SAD = (CLASSES.index(name) for name in ("neutral", "happy", "sad"))


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier()


def frames(n: int, seed: int, **shares: float) -> NDArray[np.float32]:
    """Return n answers near these, as a network gives them for one face in motion."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    logs = np.log([shares.get(name, rest) for name in CLASSES])
    noisy = np.exp(logs + np.random.default_rng(seed).normal(0, 0.15, (n, 7)))
    return np.asarray(noisy / noisy.sum(axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("n_smiles", [0, 20, 60, 90])
def test_a_sad_looking_face_that_smiles_faintly_now_and_then(
    classifier: EmotionClassifier, n_smiles: int
) -> None:
    at_rest = frames(120 - n_smiles, 0, sad=0.36, neutral=0.6, happy=0.005)
    smiles = frames(n_smiles, 1, sad=0.22, neutral=0.52, happy=0.23)
    found = resting_profile(classifier, np.concatenate([at_rest, smiles]), "ada")
    assert found is not None
    assert found.name == "ada"
    assert (found.judge(at_rest).argmax(axis=1) == NEUTRAL).mean() > 0.95
    if n_smiles:
        assert (smiles.argmax(axis=1) == NEUTRAL).all()
        assert (found.judge(smiles).argmax(axis=1) == HAPPY).mean() > 0.9


def test_nobody_is_at_rest_who_smiles_all_the_time(classifier: EmotionClassifier) -> None:
    assert resting_profile(classifier, frames(120, 0, happy=0.9, neutral=0.06)) is None


def test_a_moment_is_too_short(classifier: EmotionClassifier) -> None:
    assert resting_profile(classifier, frames(19, 0, neutral=0.9)) is None


def test_a_live_stream_finds_it_by_itself(classifier: EmotionClassifier) -> None:
    at_rest = frames(400, 0, sad=0.36, neutral=0.6, happy=0.005)
    smiles = frames(200, 1, sad=0.22, neutral=0.52, happy=0.23)
    running = RunningProfile(classifier)
    for i, answer in enumerate(np.concatenate([at_rest[:300], smiles, at_rest[300:]])):
        running.add(1, i / 15, answer)
        if i < 290:  # less than twenty seconds
            assert running.profile is None
    assert running.profile is not None
    assert running.profile.name == "auto"
    assert (running.profile.judge(smiles).argmax(axis=1) == HAPPY).mean() > 0.9
    assert (running.profile.judge(at_rest).argmax(axis=1) == NEUTRAL).mean() > 0.95
    running.add(2, 50.0, smiles[0])
    assert running.profile is None


def test_a_live_streams_faces_say_that_it_is_used() -> None:
    class Faint(LevelClassifier):
        """A face that is neutral and looks a little sad; the level of a smile adds happiness."""

        def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            bright = np.median(faces.reshape(len(faces), 48 * 48), axis=1) > 100
            smiling, resting = np.zeros(7, np.float32), np.zeros(7, np.float32)
            resting[[NEUTRAL, SAD, HAPPY]] = 0.69, 0.3, 0.01
            smiling[[NEUTRAL, SAD, HAPPY]] = 0.6, 0.2, 0.2
            return np.where(bright[:, None], smiling, resting)

    road = Recognizer(Faint(), SquareDetector(), profile="auto")  # type: ignore[arg-type]
    stream = road.new_stream(live=True)
    labels, profiles = [], []
    for i in range(300):
        scene = make_scene((20, 20, 150 if i >= 270 else 50))
        (face,) = road.process(Frame("camera", i, i / 10, scene), stream).faces
        labels.append(face.label)
        profiles.append(face.profile)
    assert set(profiles[:195]) == {None}
    assert set(profiles[255:]) == {"auto"}
    assert labels[269] == "neutral"
    assert labels[-1] == "happy"
    recording = road.new_stream()
    assert recording.profile is None
