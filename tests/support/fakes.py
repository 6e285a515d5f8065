"""Faces, a detector and a network that can be seen through, for tests of what is shown."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.labels import CLASSES
from livefer.results import Face


def make_face(
    box: tuple[float, float, float, float],
    label: str = "happy",
    confidence: float = 0.9,
    second: str | None = None,
    classes: tuple[str, ...] = CLASSES,
    **more: Any,
) -> Face:
    """A face of which `label` has `confidence`, and `second` what is left."""
    second = second or next(name for name in classes if name != label)
    probabilities = np.zeros(len(classes), np.float32)
    probabilities[classes.index(label)] = confidence
    probabilities[classes.index(second)] = 1 - confidence
    fields = {"class_id": classes.index(label), "uncertain": False, "crop_box": box, **more}
    return Face(box, 0.9, probabilities, probabilities, classes, **fields)


class SquareDetector:
    """Finds squares that are brighter than the ground."""

    crop_scale = 1.0
    crop_shift_y = 0.0

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        mask = (image[:, :, 0] > 40).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        rects = np.array([cv2.boundingRect(c) for c in contours], np.float32).reshape(-1, 4)
        rects[:, 2:] += rects[:, :2]
        return rects, np.full(len(rects), 0.8, np.float32)


class LevelClassifier:
    """Gray level 50 is angry, 75 disgust, 100 fear … 200 surprise, with 0.8; the next has 0.2."""

    classes = CLASSES
    input_size = 48
    crop_scale = 1.0
    uncertain_below = 0.5
    metadata: dict[str, str] = {}  # noqa: RUF012
    name = sha256 = "level"
    prior = 0.0

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        # The median: views that are moved aside show some of the ground.
        levels = np.clip(np.median(faces.reshape(len(faces), 48 * 48), axis=1) / 25 - 2, 0, 6)
        ids = levels.round().astype(int)
        eye = np.eye(7, dtype=np.float32)
        return (0.8 * eye[ids] + 0.2 * eye[(ids + 1) % 7]).astype(np.float32)

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.predict(faces), np.ones((len(faces), 7, 6, 6), np.float32)

    def heatmap(self, cam: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((48, 48), cam.max(), np.float32)


class OtherClassifier(LevelClassifier):
    """A model with other classes: a face is dim, or as bright as a happy one or brighter."""

    classes = ("bright", "dim")
    uncertain_below = 0.25
    prior = 0.5
    sha256 = "07he2"
    name = "other"

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        is_bright = np.median(faces.reshape(len(faces), 48 * 48), axis=1) > 112
        return np.where(is_bright[:, None], (0.8, 0.2), (0.2, 0.8)).astype(np.float32)


def use_fakes(patch: pytest.MonkeyPatch) -> None:
    """Let every Recognizer made from here on have the two above."""
    patch.setattr(
        "livefer.recognizer.EmotionClassifier", lambda model, prior=None: LevelClassifier()
    )
    patch.setattr("livefer.recognizer.make_detector", lambda name, **more: SquareDetector())


def make_scene(*squares: tuple[int, int, int], wh: tuple[int, int] = (320, 240)) -> NDArray[Any]:
    """A dark picture with squares of 60 px at (left, top), each of a gray level and some grain."""
    image = np.full((wh[1], wh[0], 3), 10, np.uint8)
    grain = 8 * ((np.indices((60, 60)) // 2).sum(axis=0) % 2) - 4
    for left, top, level in squares:
        image[top : top + 60, left : left + 60] = level + grain[..., None]
    return image
