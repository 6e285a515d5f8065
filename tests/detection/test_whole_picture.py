"""Without a detector the whole picture is the face: what the network sees is the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import make_faces, write_picture
from fakes import LevelClassifier, make_scene

from livefer.batch.analyze import analyze
from livefer.classifier import EmotionClassifier
from livefer.detection.detectors import make_detector
from livefer.detection.whole_picture import WholePictureDetector
from livefer.faces.crops import crop_faces
from livefer.faces.views import BOTH, mirrored
from livefer.recognizer import Recognizer
from livefer.results import Frame


def test_the_box_is_the_picture_or_the_largest_square_in_its_middle() -> None:
    for shape, expected in (
        ((48, 48), [0, 0, 48, 48]),
        ((300, 300, 3), [0, 0, 300, 300]),
        ((40, 101, 3), [30, 0, 70, 40]),
        ((101, 40), [0, 30, 40, 70]),
        ((1, 1), [0, 0, 1, 1]),
    ):
        found = make_detector("none").detect(np.zeros(shape, np.uint8))
        assert found.boxes.tolist() == [expected]
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert found.scores.tolist() == [1]
        assert found.landmarks is None
    for shape in ((0, 0), (0, 5, 3)):
        assert len(WholePictureDetector().detect(np.zeros(shape, np.uint8)).boxes) == 0
    with pytest.raises(ValueError, match="expected an image"):
        WholePictureDetector().detect(np.zeros((48, 48)))


def test_a_picture_of_another_size_is_resized_and_never_squashed() -> None:
    recognizer = Recognizer(LevelClassifier(), "none")  # type: ignore[arg-type]
    image = np.zeros((60, 100, 3), np.uint8)
    image[:, 20:80] = make_scene((0, 0, 125), wh=(60, 60))  # happy, between two black edges
    (face,) = recognizer(image)
    assert face.box == face.crop_box == (20, 0, 80, 60)
    assert (face.label, face.score, face.uncertain) == ("happy", 1.0, False)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_is_a_face_that_cannot_be_read(level: int) -> None:
    result = Recognizer(detector="none").process(
        Frame("blank", 0, 0.0, np.full((48, 48, 3), level, np.uint8), still=True)
    )
    assert [face.uncertain for face in result.faces] == [True]
    assert result.note is None


def test_a_video_of_a_face_is_one_person_until_a_cut() -> None:
    recognizer = Recognizer(LevelClassifier(), "none")  # type: ignore[arg-type]
    for live in (False, True):
        stream = recognizer.new_stream(live)
        ids = []
        for index in range(6):
            image = make_scene((0, 0, 125), wh=(60, 60))
            frame = Frame("clip", index, index / 30, image, is_cut=index == 3)
            ids.append([face.track_id for face in recognizer.process(frame, stream).faces])
        assert ids == [[1]] * 3 + [[2]] * 3


def test_the_network_sees_the_files_own_pixels(tmp_path: Path) -> None:
    check_files([write_picture(tmp_path / f"{i}.png", f) for i, f in enumerate(make_faces(5))])


def test_the_network_sees_fer2013s_own_pixels(fer2013_dir: Path) -> None:
    files = sorted((fer2013_dir / "test").glob("*/PublicTest_*"))[::300]
    assert len(files) > 10
    check_files(files)


def check_files(files: list[Path]) -> None:
    """Hold the answers to files equal to those of the classifier on their pixels."""
    classifier = EmotionClassifier()
    results = list(analyze(files, Recognizer(classifier, "none")))
    for file, result in zip(files, results, strict=True):
        pixels: Any = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        assert pixels.shape == (48, 48)
        (face,) = result.faces
        assert result.image is not None
        np.testing.assert_array_equal(crop_faces(result.image, [face.crop_box])[0], pixels)
        both = classifier.predict(mirrored(np.stack([pixels, pixels]), BOTH))
        np.testing.assert_array_equal(face.probabilities, both.mean(axis=0))
