"""A recording is searched every tenth of a second of its own time, and followed in between."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector
from squares import FPS, Quick, Squares, find, scene

from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YuNetDetector
from livefer.faces.boxes import iou_matrix
from livefer.recognizer import Recognizer
from livefer.results import Frame
from livefer.tracking.live_search import LiveSearch
from livefer.tracking.periodic_search import PeriodicSearch, can_follow
from livefer.tracking.smoothing import Smoother
from livefer.tracking.stream import Search, Stream
from livefer.tracking.whole_search import WholeSearch


def searched(search: Search, fps: Fraction, n_frames: int = 31) -> list[int]:
    """Return the frames in which a moving square was searched for, not followed."""
    detector, frames = Quick(), []
    for i in range(n_frames):
        x = 100 + round(60 * i / fps)
        detector.calls.clear()
        boxes, _, _ = find(search, detector, scene((x, 200)), float(i / fps))
        assert iou_matrix(boxes, [[x, 200, x + 90, 290]])[0, 0] > 0.9
        frames += [i] if detector.calls else []
    return frames


@pytest.mark.parametrize(
    ("fps", "step"),
    [(Fraction(60), 6), (Fraction(30_000, 1001), 3), (Fraction(25), 3), (Fraction(24), 3),
     (Fraction(15), 2), (Fraction(10), 1), (Fraction(5), 1)],
)  # fmt: skip
def test_the_time_of_the_frames_says_which_are_searched(fps: Fraction, step: int) -> None:
    assert searched(PeriodicSearch(), fps) == list(range(0, 31, step))
    assert searched(WholeSearch(), fps) == list(range(31))


def test_a_new_face_is_found_within_a_tenth_of_a_second() -> None:
    for first in range(1, 7):
        detector, search, seen = Quick(), PeriodicSearch(), []
        for i in range(12):
            squares = [(100, 200), (400, 60)] if i >= first else [(100, 200)]
            seen.append(len(find(search, detector, scene(*squares), i / FPS).boxes))
        assert (seen.index(2) - first) / FPS < 0.1
        assert seen[seen.index(2) :] == [2] * (12 - seen.index(2))


def test_an_empty_picture_is_searched_as_often() -> None:
    """A live stream waits for a change; a table must not miss a face that comes slowly."""
    for search, n in ((PeriodicSearch(), 10), (LiveSearch(), 2)):
        detector = Quick()
        for i in range(30):
            find(search, detector, scene(), i / FPS)
        assert len(detector.calls) == n


@pytest.mark.parametrize("change", ["gone", "cut", "back", "size"])
def test_where_nothing_is_known_the_whole_picture_is_searched_at_once(change: str) -> None:
    detector, stream = Quick(), Stream(PeriodicSearch(), Smoother())
    for i in range(2):
        stream.find(Frame("film", i, 7 + i / FPS, scene((100, 100))), detector)
    assert detector.calls == ["all"]
    time_s, image = 7 + 2 / FPS, scene((100, 100), (450, 300))
    if change == "gone":
        image = scene((450, 300))
        image[100:190, 100:190] = 20
    elif change == "back":
        time_s = 6.9
    elif change == "size":
        image = image[:, :600]
    detector.calls.clear()
    found = stream.find(Frame("film", 2, time_s, image, is_cut=change == "cut"), detector)
    assert detector.calls[0] == "all"
    assert [450, 300, 540, 390] in found.boxes.tolist()


def test_only_a_quick_detector_that_looks_near_is_followed(yunet_file: object) -> None:
    assert can_follow(Quick())
    assert can_follow(YuNetDetector(str(yunet_file)))
    assert not any(can_follow(detector) for detector in (SquareDetector(), Squares()))
    assert not can_follow(HaarDetector())


@pytest.mark.parametrize(("kind", "n"), [(Quick, 4), (Squares, 10)])
def test_the_recogniser_searches_recordings_as_it_is_told(
    kind: type[Quick] | type[Squares], n: int
) -> None:
    images = [(i / FPS, scene((100 + 4 * i, 200))) for i in range(10)]
    for every_frame, expected in ((False, n), (True, 10)):
        detector = kind()
        recognizer = Recognizer(LevelClassifier(), detector, every_frame=every_frame)  # type: ignore[arg-type]
        detector.calls.clear()  # its trial
        results = list(recognizer.stream(images))
        assert detector.calls.count("all") == expected
        assert recognizer.every_frame == (expected == 10)
        assert [[face.track_id for face in result.faces] for result in results] == [[1]] * 10
        lefts = [result.faces[0].box[0] for result in results]
        np.testing.assert_allclose(lefts, [100 + 4 * i for i in range(10)], atol=2)
