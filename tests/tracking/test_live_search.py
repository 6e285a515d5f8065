"""The search of live streams finds what a search of each frame finds, for less."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import SquareDetector
from portrait import pasted
from squares import FPS, HEIGHT, WIDTH, Quick, Squares, find, scene

from livefer.detection.detectors import LocalDetector
from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YuNetDetector
from livefer.faces.boxes import iou_matrix
from livefer.tracking.live_search import LiveSearch
from livefer.tracking.whole_search import WholeSearch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> LocalDetector:
    if request.param == "haar":
        return HaarDetector()
    return YuNetDetector(request.getfixturevalue("yunet_file"))


def test_a_moving_face_stays_where_a_search_of_each_frame_finds_it(detector: LocalDetector) -> None:
    search = LiveSearch()
    for i in range(24):
        image = pasted(20 + 6 * i, 20 + 20 * np.sin(i / 5))
        boxes, scores, _ = find(search, detector, image, i / FPS)
        assert boxes.shape == (1, 4)
        assert boxes.dtype == scores.dtype == np.float32
        assert 0.5 < scores[0] <= 1
        if i % 6 == 5:
            assert iou_matrix(boxes, detector.detect(image)[0]).max() > 0.85


def test_a_face_that_comes_nearer_keeps_its_box(detector: LocalDetector) -> None:
    search = LiveSearch()
    for i in range(31):
        image = pasted(120, 130, zoom=0.5 + 0.02 * i)  # 40 to 90 px in a second
        boxes, _, _ = find(search, detector, image, i / FPS)
        assert len(boxes) == 1
        if i % 3 == 0:
            truth, _, _ = detector.detect(image)
            assert iou_matrix(boxes, truth)[0, 0] > 0.75, i


def test_a_quick_detector_searches_every_third_frame_as_in_a_recording() -> None:
    detector, search, whole = Quick(), LiveSearch(), WholeSearch()
    searched = []
    for i in range(30):
        squares = [(100 + 5 * i, 200)] + ([(400, 60 + i)] if i > 10 else [])
        image = scene(*squares)
        detector.calls.clear()
        found = find(search, detector, image, i / FPS)
        assert found.boxes.dtype == found.scores.dtype == np.float32
        if "all" in detector.calls:
            searched.append(i)
            expected = find(whole, Quick(), image, i / FPS)
            np.testing.assert_array_equal(found.boxes, expected.boxes)
            np.testing.assert_array_equal(found.scores, expected.scores)
        truth = [[x, y, x + 90, y + 90] for x, y in squares[: 1 if i < 12 else 2]]
        assert iou_matrix(truth, found.boxes).max(axis=1).min() > 0.9
    assert searched == list(range(0, 30, 3))


def test_without_faces_a_quick_detector_waits_for_a_change() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 4, (HEIGHT, WIDTH, 1)) for _ in range(5)]
    detector, search = Quick(), LiveSearch()
    searched = []
    for i in range(90):
        squares = [(300, 200)] if 40 <= i < 60 else []
        image = np.clip(scene(*squares) + noise[i % 5] - 0.15 * i, 0, 255).astype(np.uint8)
        detector.calls.clear()
        boxes, _, _ = find(search, detector, image, i / FPS)
        searched += [i] if "all" in detector.calls else []
        assert len(boxes) == (40 <= i < 60)
    # Once a second; from the change on as usual; and as long as the lost face is held.
    assert searched == [0, 29, *range(40, 60, 3), 60, 63, 66]


def test_without_a_match_a_quick_detector_searches_at_once() -> None:
    detector, search = Quick(), LiveSearch()
    find(search, detector, scene((100, 100), (400, 200)), 0.0)
    detector.calls.clear()
    boxes, _, _ = find(search, detector, scene((100, 100)), 1 / FPS)
    assert detector.calls == ["all", "near"]  # the missing one is searched for again
    assert boxes.tolist() == [[100, 100, 190, 190]]
    detector.calls.clear()
    find(search, detector, scene((100, 100)), 2 / FPS)
    assert detector.calls == []


def test_a_detector_that_cannot_look_near_searches_every_frame() -> None:
    search, detector = LiveSearch(), SquareDetector()
    for i in range(4):
        boxes, scores, _ = find(search, detector, scene((100 + 50 * i, 90)), i / FPS)
        assert boxes[0, 0] == 100 + 50 * i
        assert scores[0] == np.float32(0.8)


@pytest.mark.parametrize("kind", [Quick, Squares])
@pytest.mark.parametrize("change", ["pause", "back", "size", "detector", "forget"])
def test_where_nothing_is_known_the_whole_picture_is_searched(
    change: str, kind: type[Quick] | type[Squares]
) -> None:
    detector, search = kind(), LiveSearch()
    for i in range(3):
        find(search, detector, scene((100, 100)), 7 + i / FPS)
    assert detector.calls.count("all") == 1
    time_s, image = 7 + 2.5 / FPS, scene((100, 100), (450, 300))
    if change == "pause":
        time_s += 5.1
    elif change == "back":
        time_s = 7.0
    elif change == "size":
        image = image[:, :600]
    elif change == "detector":
        detector = type("Others", (kind,), {})()
    else:
        search.forget()
    detector.calls.clear()
    boxes, _, _ = find(search, detector, image, time_s)
    assert detector.calls == (["all"] if kind is Quick else ["all", "quick", "quick"])
    assert len(boxes) == 2


@pytest.mark.parametrize("kinds", [(Quick, Squares, Quick), (Squares, Quick, Squares)])
def test_the_detector_may_change_in_the_middle_of_a_stream(kinds: tuple[type, ...]) -> None:
    search = LiveSearch()
    for i, kind in enumerate(kinds):
        for k in range(5):
            boxes, _, _ = find(search, kind(), scene((100, 100)), i + k / FPS)
            assert iou_matrix(boxes, [[100, 100, 190, 190]])[0, 0] > 0.95


def test_a_stream_that_comes_late_is_not_searched_whole_for_that() -> None:
    for pause_s, is_behind in ((5.1, False), (5.1, True), (20.1, True)):
        detector, search = Squares(), LiveSearch()
        find(search, detector, scene((100, 100)), 0.0)
        detector.calls.clear()
        find(search, detector, scene((100, 100)), pause_s, is_behind)
        assert ("all" in detector.calls) == ((pause_s, is_behind) != (5.1, True))
