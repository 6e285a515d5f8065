"""The search of recordings: frame by frame, with weak detections held."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.detection.detectors import LocalDetector
from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YuNetDetector
from livefer.faces.boxes import covered, iou_matrix
from livefer.recognizer import Recognizer
from livefer.results import Frame
from livefer.tracking.whole_search import WholeSearch

pytestmark = pytest.mark.slow

FPS = 10
FAINT = 60


class Doubtful(SquareDetector):
    """Finds bright squares as new faces, and fainter ones near known faces."""

    def __init__(self) -> None:
        self.n_near = 0

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes, scores = super().detect(image)
        bright = [image[int(b[1]) :, int(b[0]) :][:6, :6, 0].max() > FAINT + 20 for b in boxes]
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


def places(search: WholeSearch, detector: Any, image: NDArray[Any], time_s: float) -> list[int]:
    """Return the left edges of the faces found in a frame."""
    boxes, scores, _ = search.find(Frame("film", 0, time_s, image), detector)
    assert boxes.dtype == scores.dtype == np.float32
    assert boxes.shape == (len(scores), 4)
    return sorted(int(box[0]) for box in boxes)


def test_a_known_face_may_be_faint_and_move_but_a_new_one_may_not() -> None:
    detector, search = Doubtful(), WholeSearch()
    assert places(search, detector, make_scene((40, 50, 150), (200, 50, FAINT)), 0.0) == [40]
    for k in range(1, 20):
        image = make_scene((40 + 5 * k, 50, FAINT), (200, 50, FAINT))
        assert places(search, detector, image, k / FPS) == [40 + 5 * k]
    assert detector.n_near == 19
    image = make_scene((135, 50, 150), (200, 150, 150))
    assert places(search, detector, image, 2.0) == [135, 200]
    assert detector.n_near == 19  # only missing faces are searched for again


def test_a_lost_face_is_searched_for_a_moment_only() -> None:
    detector, search = Doubtful(), WholeSearch()
    places(search, detector, make_scene((40, 50, 150)), 0.0)
    empty, faint = make_scene(), make_scene((44, 50, FAINT))
    assert places(search, detector, empty, 0.1) == []
    assert places(search, detector, faint, 0.2) == [44]  # hidden for a frame
    assert [places(search, detector, empty, 0.3 + k / FPS) for k in range(5)] == [[]] * 5
    assert detector.n_near == 4
    assert places(search, detector, faint, 0.8) == []


def test_nothing_is_held_where_time_jumps_back() -> None:
    detector, search = Doubtful(), WholeSearch()
    places(search, detector, make_scene((40, 50, 150)), 5.0)
    assert places(search, detector, make_scene((40, 50, FAINT)), 4.9) == []
    assert detector.n_near == 0


def test_nothing_is_held_across_a_cut() -> None:
    detector, search = Doubtful(), WholeSearch()
    places(search, detector, make_scene((40, 50, 150)), 0.0)
    assert not search.knows_none
    search.forget()
    assert search.knows_none
    assert places(search, detector, make_scene((40, 50, FAINT)), 0.1) == []
    assert detector.n_near == 0


def test_all_missing_faces_are_searched_for_in_one_call() -> None:
    class Counting(Doubtful):
        n_calls = 0

        def detect_near(
            self, image: NDArray[Any], boxes: NDArray[np.float32]
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            self.n_calls += 1
            return super().detect_near(image, boxes)

    detector, search = Counting(), WholeSearch()
    places(search, detector, make_scene((20, 80, 150), (120, 80, 150), (220, 80, 150)), 0.0)
    assert detector.n_calls == 0
    faint = make_scene((20, 80, FAINT), (120, 80, FAINT), (220, 80, FAINT))
    assert places(search, detector, faint, 1 / FPS) == [20, 120, 220]
    assert (detector.n_calls, detector.n_near) == (1, 3)


def test_two_missing_faces_do_not_become_one() -> None:
    detector, search = Doubtful(), WholeSearch()
    places(search, detector, make_scene((40, 50, 150), (101, 50, 150)), 0.0)
    assert places(search, detector, make_scene((70, 50, FAINT)), 0.1) == [70]


class Mouths(Doubtful):
    """Finds bright squares, or in their place the parts of one that it was given."""

    def __init__(self, *mouths: tuple[int, int, int, int] | None) -> None:
        super().__init__()
        self.mouths = iter(mouths)

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if (mouth := next(self.mouths)) is None:
            return super().detect(image)
        return np.array([mouth], np.float32), np.array([0.9], np.float32)


def test_a_detection_inside_a_known_face_is_none() -> None:
    face, mouth, moved = (40, 50, 100, 110), (50, 70, 80, 100), (58, 50, 118, 110)
    image = make_scene((40, 50, 150))
    search, detector = WholeSearch(), Mouths(None, mouth, mouth, mouth)
    for k in range(4):
        boxes, scores, _ = search.find(Frame("film", k, k / FPS, image), detector)
        np.testing.assert_array_equal(boxes, [face])
        assert len(scores) == 1
    # The other way round the larger one is right, and one of about the same size has moved.
    for second in (None, moved):
        search, detector = WholeSearch(), Mouths(mouth if second is None else face, second)
        search.find(Frame("film", 0, 0.0, image), detector)
        boxes, _, _ = search.find(Frame("film", 1, 0.1, image), detector)
        np.testing.assert_array_equal(boxes, [face if second is None else moved])


class Scripted(SquareDetector):
    """Finds one face in each of two frames, and another by looking near the first."""

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        *self.boxes, self.near = boxes

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.array([self.boxes.pop(0)], np.float32), np.array([0.9], np.float32)

    def detect_near(
        self, image: NDArray[Any], boxes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.array([self.near], np.float32), np.array([0.6], np.float32)


@pytest.mark.parametrize(("side", "is_face"), [(42, True), (38, False)])
@pytest.mark.parametrize(("left", "now"), [(50, 45), (90, 75)], ids=["in its place", "moved"])
def test_the_size_tells_a_face_from_a_detection_inside_it(
    left: int, now: int, side: int, is_face: bool
) -> None:
    """A detection two thirds as large as the known face is that face; a smaller one is none."""
    inside, face = (left, 60, left + side, 60 + side), (now, 50, now + 60, 110)
    detector, search = Scripted((40, 50, 100, 110), inside, face), WholeSearch()
    assert places(search, detector, make_scene(), 0.0) == [40]
    boxes, scores, _ = search.find(Frame("film", 1, 0.1, make_scene()), detector)
    np.testing.assert_array_equal(boxes, [inside if is_face else face])
    np.testing.assert_allclose(scores, [0.9 if is_face else 0.6])


def test_a_face_found_by_both_searches_keeps_the_first_box() -> None:
    """The second search finds the face that the search has found at its new place."""
    detector, search = (
        Scripted((40, 50, 100, 110), (90, 50, 150, 110), (92, 50, 152, 110)),
        WholeSearch(),
    )
    places(search, detector, make_scene(), 0.0)
    boxes, scores, _ = search.find(Frame("film", 1, 0.1, make_scene()), detector)
    np.testing.assert_array_equal(boxes, [(90, 50, 150, 110)])
    np.testing.assert_allclose(scores, [0.9])


def test_a_detector_that_cannot_look_near_searches_each_frame_by_itself() -> None:
    search = WholeSearch()
    assert places(search, SquareDetector(), make_scene((40, 50, 150)), 0.0) == [40]
    assert places(search, SquareDetector(), make_scene(), 0.1) == []


def test_frames_of_one_batch_hold_their_faces_too() -> None:
    recognizer = Recognizer(LevelClassifier(), Doubtful(), every_frame=True)  # type: ignore[arg-type]
    levels = [150, FAINT, FAINT, 150]
    frames = [Frame("x", k, k / FPS, make_scene((40, 50, v))) for k, v in enumerate(levels)]
    results = recognizer.process_many(frames, [recognizer.new_stream()] * 4)
    assert [[face.track_id for face in result.faces] for result in results] == [[1]] * 4


@pytest.mark.parametrize(("name", "noises"), [("haar", (45, 90)), ("yunet", (40, 60))])
def test_a_face_is_held_that_drowns_in_noise(
    name: str, noises: tuple[float, float], request: pytest.FixtureRequest
) -> None:
    """Detected in some of the frames, it is held in more of them, and then it is gone."""
    detector: LocalDetector = (
        HaarDetector() if name == "haar" else YuNetDetector(request.getfixturevalue("yunet_file"))
    )
    data = files("livefer").joinpath("assets/astronaut.jpg").read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(image, (240, 240), interpolation=cv2.INTER_AREA).astype(np.float32)
    (face,), _, _ = detector.detect(image.astype(np.uint8))
    generator, search = np.random.default_rng(0), WholeSearch()
    found, held = [], []
    for k, level in enumerate(np.linspace(*noises, 40)):
        noise = generator.normal(0, level, image.shape)
        noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
        found.append(bool(covered(face[None], detector.detect(noisy)[0])[0]))
        boxes, _, _ = search.find(Frame("film", k, k / FPS, noisy), detector)
        held.append(bool(covered(face[None], boxes)[0]))
    assert 3 < sum(found) < sum(held) < 40
    assert not held[-1]
