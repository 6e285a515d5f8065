"""Following: the faces of a live stream, found as a search of each frame finds them, for less."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import SquareDetector
from numpy.typing import NDArray

from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YuNetDetector
from livefer.faces.boxes import Region, covered, iou_matrix
from livefer.tracking.live_search import FollowingTracker
from livefer.tracking.whole_search import LocalDetector, SearchingTracker

Image = NDArray[np.uint8]
FPS = 30
WIDTH, HEIGHT = 640, 480


class Squares(SquareDetector):
    """Looks for bright squares in parts, too, and remembers what it was asked."""

    search_periods_s = (0.25, 0.5)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.asked.append("all")
        return super().detect(image)

    def search(
        self, image: NDArray[Any], part: int, region: Region, known: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Part 0 is the left half of the picture, part 1 the right one."""
        self.asked.append(f"part {part}")
        boxes, scores = super().detect(image)
        is_here = (boxes[:, 0] >= WIDTH / 2) == bool(part)
        low, high = np.array(region[:2]), np.array(region[2:])
        is_inside = ((boxes[:, :2] >= low) & (boxes[:, 2:] <= high)).all(axis=1)
        is_new = is_here & is_inside & ~covered(boxes, known)
        return boxes[is_new], scores[is_new]

    def detect_near(
        self, image: NDArray[Any], boxes: NDArray[np.float32], quick: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.asked.append("near" if quick else "exactly")
        seen, _ = super().detect(image)
        ious = iou_matrix(boxes, seen)
        found = np.array(boxes)
        for i in range(len(boxes)):
            if len(seen):
                found[i] = seen[ious[i].argmax()]
        return found, np.where(ious.max(axis=1, initial=0) > 0.1, 0.7, 0).astype(np.float32)


def scene(*squares_xy: tuple[float, float], side: int = 90) -> Image:
    """Bright squares with a pattern of their own on a dark ground."""
    image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    for i, (x, y) in enumerate(squares_xy):
        rng = np.random.default_rng(i)
        pattern = np.asarray(rng.integers(60, 250, (9, 9)), np.uint8)
        square = cv2.resize(pattern, (side, side), interpolation=cv2.INTER_LINEAR)
        image[int(y) : int(y) + side, int(x) : int(x) + side] = square[:, :, None]
    return image


class Quick(SquareDetector):
    """Looks for bright squares, and in one place, too; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.asked.append("all")
        return super().detect(image)

    def detect_near(
        self, image: NDArray[Any], boxes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.asked.append("near")
        return boxes, np.zeros(len(boxes), np.float32)


def flickering(image: Image, index: int) -> Image:
    """The same with a lamp in each half that flickers."""
    image[430:460, 20:50] = image[430:460, 590:620] = 4 + 12 * (index % 3)
    return image


@pytest.fixture(scope="module")
def astronaut() -> Image:
    data = files("livefer").joinpath("assets/astronaut.jpg").read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(image, (400, 400), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module", params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> LocalDetector:
    if request.param == "haar":
        return HaarDetector()
    return YuNetDetector(request.getfixturevalue("yunet_file"))


def pasted(astronaut: Image, x: float, y: float = 0.0, degrees: float = 0.0) -> Image:
    """The shipped picture at a place of a larger one, to a fraction of a pixel."""
    turn = cv2.getRotationMatrix2D((200, 110), degrees, 1.0)
    turn[:, 2] += np.array([x, y])
    image = cv2.warpAffine(
        astronaut, turn, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(90, 90, 90)
    )
    return np.asarray(image, np.uint8)


def test_a_moving_face_stays_where_a_search_of_each_frame_sees_it(
    detector: LocalDetector, astronaut: Image
) -> None:
    tracker = FollowingTracker()
    for i in range(24):
        image = pasted(astronaut, 20 + 6 * i, 20 + 20 * np.sin(i / 5))
        boxes, scores = tracker.find(detector, image, i / FPS)
        assert boxes.shape == (1, 4)
        assert boxes.dtype == scores.dtype == np.float32
        assert 0.5 < scores[0] <= 1
        if i % 6 == 5:
            assert iou_matrix(boxes, detector.detect(image)[0]).max() > 0.85


def test_a_quick_detector_searches_every_third_frame_as_a_recording_is_searched() -> None:
    detector, tracker, whole = Quick(), FollowingTracker(), SearchingTracker()
    searched = []
    for i in range(30):
        squares = [(100 + 5 * i, 200)] + ([(400, 60 + i)] if i > 10 else [])
        image = scene(*squares)
        detector.asked.clear()
        boxes, scores = tracker.find(detector, image, i / FPS)
        assert boxes.dtype == scores.dtype == np.float32
        if "all" in detector.asked:
            searched.append(i)
            for one, other in zip(
                (boxes, scores), whole.find(Quick(), image, i / FPS), strict=True
            ):
                np.testing.assert_array_equal(one, other)
        truth = [[x, y, x + 90, y + 90] for x, y in squares[: 1 if i < 12 else 2]]
        assert iou_matrix(truth, boxes).max(axis=1).min() > 0.9
    assert searched == list(range(0, 30, 3))


def test_where_nobody_is_a_quick_detector_waits_for_a_change() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 4, (HEIGHT, WIDTH, 1)) for _ in range(5)]
    detector, tracker = Quick(), FollowingTracker()
    searched = []
    for i in range(90):
        squares = [(300, 200)] if 40 <= i < 60 else []
        image = np.clip(scene(*squares) + noise[i % 5] - 0.15 * i, 0, 255).astype(np.uint8)
        detector.asked.clear()
        boxes, _ = tracker.find(detector, image, i / FPS)
        searched += [i] if "all" in detector.asked else []
        assert len(boxes) == (40 <= i < 60)
    # Once a second; when somebody comes, then as ever, and for a moment who has gone is looked for.
    assert searched == [0, 29, *range(40, 60, 3), 60, 63, 66]


def test_where_a_face_is_not_like_itself_a_quick_detector_searches_at_once() -> None:
    detector, tracker = Quick(), FollowingTracker()
    tracker.find(detector, scene((100, 100), (400, 200)), 0.0)
    detector.asked.clear()
    boxes, _ = tracker.find(detector, scene((100, 100)), 1 / FPS)
    assert detector.asked == ["all", "near"]  # who was there is looked for
    assert boxes.tolist() == [[100, 100, 190, 190]]
    detector.asked.clear()
    tracker.find(detector, scene((100, 100)), 2 / FPS)
    assert detector.asked == []


def test_most_frames_are_not_searched() -> None:
    detector, tracker = Squares(), FollowingTracker()
    for i in range(31):
        image = flickering(scene((100 + 4 * i, 200), (400, 60 + i)), i)
        boxes, _ = tracker.find(detector, image, i / FPS)
        truth = [[100 + 4 * i, 200, 190 + 4 * i, 290], [400, 60 + i, 490, 150 + i]]
        assert iou_matrix(truth, boxes).max(axis=1).min() > 0.9
    asked = detector.asked
    assert asked.count("all") == 1
    assert 1 <= asked.count("part 0") <= 2
    assert 1 <= asked.count("part 1") <= 2
    # Two faces in every third frame, and the first for both; each exactly once a second.
    assert 17 <= asked.count("near") <= 30
    assert 2 <= asked.count("exactly") <= 4


@pytest.mark.parametrize(("fps", "most"), [(30, 1), (5, 4)])
def test_faces_take_turns_in_being_looked_at(fps: int, most: int) -> None:
    detector, tracker = Squares(), FollowingTracker()
    looks = []
    for i in range(2 * fps):
        image = scene((50, 50), (250, 50), (50, 300), (250, 300))
        detector.asked.clear()
        assert len(tracker.find(detector, image, i / fps)[0]) == 4
        # After an exact look a quick one shows what it is off by.
        looks.append(detector.asked.count("near") - detector.asked.count("exactly"))
    assert max(looks[1:]) == most
    # Each seven times a second, or in every frame.
    assert sum(looks[1:]) >= 4 * (2 * min(fps, 7) - 1)


def test_a_new_face_is_found_when_its_part_is_due() -> None:
    detector, tracker = Squares(), FollowingTracker()
    seen_s: dict[tuple[int, int], float] = {}
    for i in range(40):
        squares = [(100, 100)] if i < 10 else [(100, 100), (100, 300), (450, 300)]
        boxes, _ = tracker.find(detector, scene(*squares), i / FPS)
        for box in boxes:
            seen_s.setdefault((round(box[0]), round(box[1])), i / FPS)
    assert seen_s[100, 100] == 0
    assert 10 / FPS <= seen_s[100, 300] <= 10 / FPS + 0.25 + 1 / FPS
    assert 10 / FPS <= seen_s[450, 300] <= 10 / FPS + 0.5 + 1 / FPS


def test_a_part_is_due_the_sooner_the_smaller_the_region() -> None:
    class Blind(Squares):
        search_periods_s = (0.25, 1.0)

        def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

        def search(
            self, image: NDArray[Any], part: int, region: Region, known: NDArray[np.float32]
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            self.asked.append(f"part {part}")
            return self.detect(image)

    counts = {}
    for name, n_moving in (("little", 1), ("all", 5)):
        detector, tracker = Blind(), FollowingTracker()
        for i in range(2 * FPS + 1):
            squares = [((120 * k + 4 * i) % 540, 20 + 80 * k) for k in range(n_moving)]
            tracker.find(detector, scene(*squares), i / FPS)
        counts[name] = [detector.asked.count(f"part {part}") for part in (0, 1)]
    # Both parts are first due after their periods; the second one then four times a second, too,
    # where only a corner moves.
    assert counts == {"little": [8, 4], "all": [8, 1]}


def test_a_lost_face_is_looked_for_where_it_was_for_a_moment() -> None:
    class Shy(Squares):
        """Finds nothing new, and nobody at all while `blind`."""

        blind = False

        def search(
            self, image: NDArray[Any], part: int, region: Region, known: NDArray[np.float32]
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

        def detect_near(
            self, image: NDArray[Any], boxes: NDArray[np.float32], quick: bool = False
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            found, scores = super().detect_near(image, boxes, quick)
            return found, scores * (not self.blind)

    for n_blind, comes_back in ((5, True), (12, False)):
        detector, tracker, seen = Shy(), FollowingTracker(), []
        for i in range(30):
            detector.blind = 10 <= i < 10 + n_blind
            seen.append(len(tracker.find(detector, scene((100, 100)), i / FPS)[0]))
            assert seen[-1] == 1 or i >= 10
        assert 0 in seen  # it is not shown while nobody sees it
        assert bool(seen[-1]) == comes_back


def test_a_part_is_searched_where_something_changed_and_at_times_whole() -> None:
    class Areas(Squares):
        areas: list[float]

        def search(
            self, image: NDArray[Any], part: int, region: Region, known: NDArray[np.float32]
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            left, top, right, bottom = region
            self.areas.append((right - left) * (bottom - top) / (WIDTH * HEIGHT))
            return super().search(image, part, region, known)

    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 2, (HEIGHT, WIDTH, 1)) for _ in range(5)]
    areas = {}
    for name in ("still", "darker", "moving", "entering"):
        detector, tracker = Areas(), FollowingTracker()
        detector.areas = []
        for i in range(75):
            squares = [(100 + (6 * i if name == "moving" else 0), 100)]
            squares += [(100, 300)] if name == "entering" and i > 20 else []
            light = 0.2 * i if name == "darker" else 0
            image = np.clip(scene(*squares) + noise[i % 5] - light, 0, 255).astype(np.uint8)
            tracker.find(detector, image, i / 14)
        areas[name] = detector.areas
    # Once in five seconds each of the two parts is searched whole.
    assert areas["still"] == areas["darker"] == [1, 1]
    assert areas["moving"].count(1) == 2
    assert len(areas["moving"]) > 6
    assert len(areas["entering"]) == 3  # once more, until the new face is followed
    for area in (*areas["moving"], *areas["entering"]):
        assert area == 1 or area < 0.35


def test_where_something_keeps_moving_is_searched_once_a_second() -> None:
    detector, tracker = Squares(), FollowingTracker()
    for i in range(3 * FPS):
        tracker.find(detector, flickering(scene((100, 100)), i), i / FPS)
    assert 3 <= detector.asked.count("part 0") <= 4
    assert 3 <= detector.asked.count("part 1") <= 4
    detector.asked.clear()
    for i in range(3 * FPS, 3 * FPS + 15):  # a face beside the lamps is new
        boxes, _ = tracker.find(detector, flickering(scene((100, 100), (450, 200)), i), i / FPS)
    assert len(boxes) == 2
    assert "part 1" in detector.asked


def test_a_face_that_is_gone_is_gone_at_once_and_the_first_part_is_searched_next() -> None:
    detector, tracker = Squares(), FollowingTracker()
    for i in range(5):
        tracker.find(detector, scene((100, 100), (400, 200)), i / FPS)
    detector.asked.clear()
    boxes, _ = tracker.find(detector, scene((100, 100)), 5 / FPS)
    assert len(boxes) == 1
    assert abs(boxes[0] - [100, 100, 190, 190]).max() < 2
    assert "exactly" in detector.asked  # which is enough for one frame
    assert "part 0" not in detector.asked
    tracker.find(detector, scene((100, 100)), 6 / FPS)
    assert "part 0" in detector.asked


@pytest.mark.parametrize("change", ["pause", "back", "size", "detector", "reset", "forget"])
def test_where_nothing_is_known_the_whole_picture_is_searched(change: str) -> None:
    detector, tracker = Squares(), FollowingTracker()
    for i in range(3):
        tracker.find(detector, scene((100, 100)), 7 + i / FPS)
    assert detector.asked.count("all") == 1
    time_s, image = 7 + 3 / FPS, scene((100, 100), (450, 300))
    if change == "pause":
        time_s += 5.1
    elif change == "back":
        time_s = 7.0
    elif change == "size":
        image = image[:, :600]
    elif change == "detector":
        detector = type("Others", (Squares,), {})()
    else:
        getattr(tracker, change)()
    detector.asked.clear()
    boxes, _ = tracker.find(detector, image, time_s)
    assert detector.asked == ["all", "near", "near"]
    assert len(boxes) == 2


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize("pause_s", [1 / 15, 0.2, 1.5])
def test_where_frames_are_rare_each_searches_two_parts_unless_it_comes_late(
    pause_s: float, is_behind: bool
) -> None:
    detector, tracker = Squares(), FollowingTracker()
    counts = []
    for i in range(40):
        detector.asked.clear()
        image = flickering(scene((100 + 3 * i, 100), (400, 100 + 3 * i)), i)
        boxes, _ = tracker.find(detector, image, pause_s * i, is_behind)
        assert len(boxes) == 2
        counts.append(sum(what.startswith("part") for what in detector.asked))
    assert max(counts) == (2 if pause_s > 0.1 and not is_behind else 1)
    assert sum(counts) >= 4


def test_a_stream_that_comes_late_is_not_searched_whole_for_that() -> None:
    for pause_s, is_behind in ((5.1, False), (5.1, True), (20.1, True)):
        detector, tracker = Squares(), FollowingTracker()
        tracker.find(detector, scene((100, 100)), 0.0)
        detector.asked.clear()
        tracker.find(detector, scene((100, 100)), pause_s, is_behind)
        assert ("all" in detector.asked) == ((pause_s, is_behind) != (5.1, True))


def test_where_frames_are_rare_who_is_gone_is_searched_for_at_once() -> None:
    for n_frames in (2, 3, 4, 5):  # 0.2 s apart, but for rounding
        detector, tracker = Squares(), FollowingTracker()
        for i in range(n_frames):
            tracker.find(detector, scene((100, 100)), i / 5)
        detector.asked.clear()
        boxes, _ = tracker.find(detector, scene((210, 160)), n_frames / 5)
        assert "part 0" in detector.asked
        assert boxes.tolist() == [[210, 160, 300, 250]]


def test_a_detector_that_knows_no_parts_searches_every_frame() -> None:
    tracker, detector = FollowingTracker(), SquareDetector()
    for i in range(4):
        boxes, scores = tracker.find(detector, scene((100 + 50 * i, 90)), i / FPS)
        assert boxes[0, 0] == 100 + 50 * i
        assert scores[0] == np.float32(0.8)


def test_a_face_without_contrast_is_looked_at_in_every_frame() -> None:
    detector, tracker = Squares(), FollowingTracker()
    image = scene()
    image[100:300, 100:300] = 200
    for i in range(4):
        boxes, _ = tracker.find(detector, image, i / FPS)
        assert boxes.tolist() == [[100, 100, 300, 300]]
    assert detector.asked.count("near") == 4


def test_two_followed_faces_that_become_one_are_one() -> None:
    class Merging(Squares):
        def detect_near(
            self, image: NDArray[Any], boxes: NDArray[np.float32], quick: bool = False
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            one = np.array([[100, 100, 190, 190]], np.float32)
            return np.repeat(one, len(boxes), 0), np.full(len(boxes), 0.5, np.float32)

    tracker = FollowingTracker()
    for i in range(9):
        boxes, _ = tracker.find(Merging(), scene((100, 100), (200, 100)), i / FPS)
    assert len(boxes) == 1


def test_near_says_where_a_face_went_and_which_are_none(
    detector: LocalDetector, astronaut: Image
) -> None:
    truth = detector.detect(pasted(astronaut, 120, 40))[0]
    side = truth[0, 2] - truth[0, 0]
    moved = truth + np.array([0.12, -0.1, 0.12, -0.1], np.float32) * side
    nothing = np.array([[500, 300, 580, 380], [-90, -90, -10, -10], [3, 3, 4, 4]], np.float32)
    image = pasted(astronaut, 120, 40)
    before = image.copy()
    boxes, scores = detector.detect_near(image, np.concatenate([moved, nothing]))
    assert np.array_equal(image, before)
    assert boxes.shape == (4, 4)
    assert boxes.dtype == scores.dtype == np.float32
    assert iou_matrix(boxes[:1], truth)[0, 0] > 0.85
    assert (scores > 0).tolist() == [True, False, False, False]
    boxes, scores = detector.detect_near(image, np.zeros((0, 4), np.float32))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_an_exact_look_sees_what_a_search_sees(detector: LocalDetector, astronaut: Image) -> None:
    for x, y in ((120.0, 40.0), (133.3, 21.7), (37.5, 63.1)):
        image = pasted(astronaut, x, y)
        truth, score = detector.detect(image)
        moved = truth + np.array([8, -6, 2, -12], np.float32)
        boxes, scores = detector.detect_near(image, moved)
        assert iou_matrix(boxes, truth)[0, 0] > 0.93
        assert abs(scores[0] - score[0]) < 0.1


def test_a_face_that_comes_nearer_is_not_left_behind(
    detector: LocalDetector, astronaut: Image
) -> None:
    tracker = FollowingTracker()
    for i in range(31):
        zoom = np.array([[1, 0, 0], [0, 1, 0]]) * (0.5 + 0.02 * i)  # 40 to 90 px in a second
        zoom[:, 2] = 320 - 200 * zoom[0, 0], 240 - 110 * zoom[0, 0]
        image = cv2.warpAffine(astronaut, zoom, (WIDTH, HEIGHT), borderValue=(90, 90, 90))
        boxes, _ = tracker.find(detector, np.asarray(image, np.uint8), i / FPS)
        assert len(boxes) == 1
        if i % 3 == 0:
            truth, _ = detector.detect(np.asarray(image, np.uint8))
            assert iou_matrix(boxes, truth)[0, 0] > 0.75, i


@pytest.mark.parametrize("degrees", [-24, 24])
def test_a_tilted_face_is_found_near_and_followed(
    detector: LocalDetector, astronaut: Image, degrees: float
) -> None:
    image = pasted(astronaut, 120, 60, degrees)
    truth = detector.detect(image)[0]
    assert len(truth) == 1
    boxes, scores = detector.detect_near(image, truth + np.float32(6))
    assert scores[0] > 0
    assert iou_matrix(boxes, truth)[0, 0] > 0.8


def test_the_parts_of_a_search_find_what_a_search_finds(astronaut: Image) -> None:
    detector = HaarDetector()
    upright, tilted = pasted(astronaut, 120, 40), pasted(astronaut, 120, 60, 24)
    small = np.full_like(upright, 90)
    small[200:360, 300:460] = cv2.resize(astronaut, (160, 160), interpolation=cv2.INTER_AREA)
    nobody, whole = np.zeros((0, 4), np.float32), (0, 0, WIDTH, HEIGHT)
    for image in (upright, tilted, small):
        truth, _ = detector.detect(image)
        assert len(truth) == 1
        parts = [
            detector.search(image, part, whole, nobody)[0]
            for part in range(len(detector.search_periods_s))
        ]
        assert iou_matrix(truth, np.concatenate(parts)).max() > 0.8
        for part in range(len(parts)):
            assert len(detector.search(image, part, whole, truth)[0]) == 0  # known already
        if image is upright:
            left, top, right, bottom = truth[0].astype(int)
            around = (left - 60, top - 60, right + 60, bottom + 60)
            there, _ = detector.search(image, 0, around, nobody)
            assert iou_matrix(truth, there).max() > 0.8
            assert len(detector.search(image, 0, (0, 300, 200, 480), nobody)[0]) == 0
