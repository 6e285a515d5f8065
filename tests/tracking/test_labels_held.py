"""A label that stays: what a stream says of a face between two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.recognizer import Recognizer
from livefer.results import Face, Frame


class Wavering(LevelClassifier):
    """Says angry 0.5 and sad 0.44 at first, and the other way round from the second frame on."""

    def __init__(self) -> None:
        self.n_seen = 0

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.n_seen += 1
        first, second = (0.5, 0.44) if self.n_seen == 1 else (0.44, 0.5)
        return np.array([[first, 0.03, 0.03, 0, 0, second, 0]] * len(faces), np.float32)

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        cams = np.broadcast_to(np.arange(7, dtype=np.float32)[:, None, None], (len(faces), 7, 6, 6))
        return self.predict(faces), cams.copy()


def watch(**more: Any) -> list[Face]:
    recognizer = Recognizer(
        Wavering(),  # type: ignore[arg-type]
        SquareDetector(),
        heatmaps=True,
        **more,
    )
    tracker, image = recognizer.tracker(), make_scene((100, 80, 100))
    return [recognizer.process(Frame("x", k, k / 10, image), tracker).faces[0] for k in range(12)]


def test_everything_about_the_label_is_of_the_class_that_stays() -> None:
    for face in watch(uncertain_below=0.42)[6:]:
        assert int(face.probabilities.argmax()) == 5
        assert (face.class_id, face.label, face.second_label) == (0, "angry", "sad")
        np.testing.assert_allclose(face.confidence, 0.44, atol=1e-6)
        assert not face.uncertain
        assert face.heatmap is not None
        assert face.heatmap.max() == 0  # the map of class 0
        assert face.to_dict()["confidence"] == 0.44


def test_what_counts_for_uncertain_is_the_label_s_own_probability() -> None:
    faces = watch(uncertain_below=0.46)
    assert [face.uncertain for face in faces[6:]] == [True] * 6
    assert not faces[0].uncertain


def test_without_smoothing_each_frame_has_its_most_probable_class() -> None:
    assert [face.label for face in watch(smoothing_s=0)] == ["angry"] + ["sad"] * 11
