"""Searching a recording whole, frame by frame, without losing who is there too soon."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YuNetDetector
from livefer.faces.boxes import covered, iou_matrix
from livefer.recognizer import Recognizer
from livefer.results import Frame
from livefer.tracking.whole_search import LocalDetector, SearchingTracker

FPS = 10
FAINT = 60


class Doubtful(SquareDetector):
    """Takes a square for a face where it is bright, or a fainter one where one was."""

    def __init__(self) -> None:
        self.n_near = 0

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes, scores = super().detect(image)
        bright = [image[int(b[1]) + 5, int(b[0]) + 5, 0] > FAINT + 20 for b in boxes]
        return boxes[bright], scores[bright]

    def detect_near(
        self, image: NDArray[Any], boxes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.n_near += len(boxes)
        seen, _ = super().detect(image)
        found, scores = np.array(boxes), np.zeros(len(boxes), np.float32)
        for i, ious in enumerate(iou_matrix(boxes, seen)):
            if ious.max(initial=0) > 0.3:
                found[i], scores[i] = seen[ious.argmax()], 0.6
        return found, scores


def places(
    tracker: SearchingTracker, detector: Any, image: NDArray[Any], time_s: float
) -> list[int]:
    boxes, scores = tracker.find(detector, image, time_s)
    assert boxes.dtype == scores.dtype == np.float32
    assert boxes.shape == (len(scores), 4)
    return sorted(int(box[0]) for box in boxes)


def test_who_was_there_may_be_faint_and_move_but_a_new_face_may_not() -> None:
    detector, tracker = Doubtful(), SearchingTracker()
    assert places(tracker, detector, make_scene((40, 50, 150), (200, 50, FAINT)), 0.0) == [40]
    for k in range(1, 20):
        image = make_scene((40 + 5 * k, 50, FAINT), (200, 50, FAINT))
        assert places(tracker, detector, image, k / FPS) == [40 + 5 * k]
    assert detector.n_near == 19
    image = make_scene((135, 50, 150), (200, 150, 150))
    assert places(tracker, detector, image, 2.0) == [135, 200]
    assert detector.n_near == 19  # nobody is looked for who was found


def test_who_is_gone_is_looked_for_a_moment_only() -> None:
    detector, tracker = Doubtful(), SearchingTracker()
    places(tracker, detector, make_scene((40, 50, 150)), 0.0)
    nobody, faint = make_scene(), make_scene((44, 50, FAINT))
    assert places(tracker, detector, nobody, 0.1) == []
    assert places(tracker, detector, faint, 0.2) == [44]  # hidden for a frame
    assert [places(tracker, detector, nobody, 0.3 + k / FPS) for k in range(5)] == [[]] * 5
    assert detector.n_near == 4
    assert places(tracker, detector, faint, 0.8) == []


@pytest.mark.parametrize("how", ["forget", "reset"])
def test_nobody_is_looked_for_behind_a_cut(how: str) -> None:
    detector, tracker = Doubtful(), SearchingTracker()
    places(tracker, detector, make_scene((40, 50, 150)), 0.0)
    getattr(tracker, how)()
    assert places(tracker, detector, make_scene((40, 50, FAINT)), 0.1) == []
    assert detector.n_near == 0


def test_all_who_are_missing_are_looked_for_at_once() -> None:
    class Counting(Doubtful):
        n_calls = 0

        def detect_near(
            self, image: NDArray[Any], boxes: NDArray[np.float32]
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            self.n_calls += 1
            return super().detect_near(image, boxes)

    detector, tracker = Counting(), SearchingTracker()
    places(tracker, detector, make_scene((20, 80, 150), (120, 80, 150), (220, 80, 150)), 0.0)
    assert detector.n_calls == 0
    faint = make_scene((20, 80, FAINT), (120, 80, FAINT), (220, 80, FAINT))
    assert places(tracker, detector, faint, 1 / FPS) == [20, 120, 220]
    assert (detector.n_calls, detector.n_near) == (1, 3)


def test_two_who_are_looked_for_do_not_become_the_same_face() -> None:
    detector, tracker = Doubtful(), SearchingTracker()
    places(tracker, detector, make_scene((40, 50, 150), (101, 50, 150)), 0.0)
    assert places(tracker, detector, make_scene((70, 50, FAINT)), 0.1) == [70]


class Mouths(Doubtful):
    """Takes any part of a bright square for a face in which it is told to see one."""

    def __init__(self, *mouths: tuple[int, int, int, int] | None) -> None:
        super().__init__()
        self.mouths = iter(mouths)

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if (mouth := next(self.mouths)) is None:
            return super().detect(image)
        return np.array([mouth], np.float32), np.array([0.9], np.float32)


def test_a_face_inside_a_known_one_is_none() -> None:
    face, mouth, moved = (40, 50, 100, 110), (50, 70, 80, 100), (58, 50, 118, 110)
    image = make_scene((40, 50, 150))
    tracker, detector = SearchingTracker(), Mouths(None, mouth, mouth, mouth)
    for k in range(4):
        boxes, scores = tracker.find(detector, image, k / FPS)
        np.testing.assert_array_equal(boxes, [face])
        assert len(scores) == 1
    # The other way round the larger one is right, and one of about the same size has moved.
    for second in (None, moved):
        tracker, detector = SearchingTracker(), Mouths(mouth if second is None else face, second)
        tracker.find(detector, image, 0.0)
        boxes, _ = tracker.find(detector, image, 0.1)
        np.testing.assert_array_equal(boxes, [face if second is None else moved])


def test_a_detector_of_ones_own_searches_every_frame() -> None:
    tracker = SearchingTracker()
    assert places(tracker, SquareDetector(), make_scene((40, 50, 150)), 0.0) == [40]
    assert places(tracker, SquareDetector(), make_scene(), 0.1) == []


def test_frames_that_go_through_together_hold_their_faces_too() -> None:
    recognizer = Recognizer(LevelClassifier(), Doubtful())  # type: ignore[arg-type]
    levels = [150, FAINT, FAINT, 150]
    frames = [Frame("x", k, k / FPS, make_scene((40, 50, v))) for k, v in enumerate(levels)]
    results = recognizer.process_many(frames, [recognizer.tracker()] * 4)
    assert [[face.track_id for face in result.faces] for result in results] == [[1]] * 4


@pytest.mark.parametrize(("name", "noises"), [("haar", (45, 90)), ("yunet", (40, 60))])
def test_a_face_is_held_that_drowns_in_noise(
    name: str, noises: tuple[float, float], request: pytest.FixtureRequest
) -> None:
    """Found in some of the frames by itself, it is held in more of them, and then it is gone."""
    detector: LocalDetector = (
        HaarDetector() if name == "haar" else YuNetDetector(request.getfixturevalue("yunet_file"))
    )
    data = files("livefer").joinpath("assets/astronaut.jpg").read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(image, (240, 240), interpolation=cv2.INTER_AREA).astype(np.float32)
    (face,), _ = detector.detect(image.astype(np.uint8))
    generator, tracker = np.random.default_rng(0), SearchingTracker()
    found, held = [], []
    for k, level in enumerate(np.linspace(*noises, 40)):
        noise = generator.normal(0, level, image.shape)
        noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
        found.append(bool(covered(face[None], detector.detect(noisy)[0])[0]))
        held.append(bool(covered(face[None], tracker.find(detector, noisy, k / FPS)[0])[0]))
    assert 3 < sum(found) < sum(held) < 40
    assert not held[-1]
