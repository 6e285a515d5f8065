"""The search in parts: each face checked in turn, and the rest of the picture where it changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from squares import FPS, HEIGHT, WIDTH, Image, Squares, find, scene

from livefer.faces.boxes import Boxes, Region, Scores, iou_matrix
from livefer.tracking.part_search import PartSearch

pytestmark = pytest.mark.slow


def flickering(image: Image, index: int) -> Image:
    """Return the image with a flickering lamp in each half."""
    image[430:460, 20:50] = image[430:460, 590:620] = 4 + 12 * (index % 3)
    return image


def test_most_frames_are_not_searched() -> None:
    detector, search = Squares(), PartSearch()
    for i in range(31):
        image = flickering(scene((100 + 4 * i, 200), (400, 60 + i)), i)
        boxes, _, _ = find(search, detector, image, i / FPS)
        truth = [[100 + 4 * i, 200, 190 + 4 * i, 290], [400, 60 + i, 490, 150 + i]]
        assert iou_matrix(truth, boxes).max(axis=1).min() > 0.9
    calls = detector.calls
    assert calls.count("all") == 1
    assert 1 <= calls.count("part 0") <= 2
    assert 1 <= calls.count("part 1") <= 2
    # Two faces in every third frame, and the first for both; each exactly once a second.
    assert 17 <= calls.count("quick") <= 30
    assert 2 <= calls.count("exact") <= 4


def test_a_score_is_that_of_a_search_or_an_exact_check() -> None:
    class Rough(Squares):
        def detect_near(
            self, image: NDArray[Any], boxes: Boxes, quick: bool = False
        ) -> tuple[Boxes, Scores]:
            found, scores = super().detect_near(image, boxes, quick)
            return found, np.asarray(scores * 0.1 if quick else scores, np.float32)

    detector, search = Rough(), PartSearch()
    scores = {
        round(float(find(search, detector, scene((100, 200)), i / FPS).scores[0]), 3)
        for i in range(45)
    }
    assert {"quick", "exact"} <= set(detector.calls)
    assert scores == {0.8, 0.7}


@pytest.mark.parametrize(("fps", "most"), [(30, 1), (5, 4)])
def test_faces_take_turns_in_being_checked(fps: int, most: int) -> None:
    detector, search = Squares(), PartSearch()
    checks = []
    for i in range(2 * fps):
        image = scene((50, 50), (250, 50), (50, 300), (250, 300))
        detector.calls.clear()
        assert len(find(search, detector, image, i / fps)[0]) == 4
        # An exact check is followed by a quick one, which measures the offset.
        checks.append(detector.calls.count("quick") - detector.calls.count("exact"))
    assert max(checks[1:]) == most
    # Each seven times a second, or in every frame.
    assert sum(checks[1:]) >= 4 * (2 * min(fps, 7) - 1)


def test_a_new_face_is_found_when_its_part_is_due() -> None:
    detector, search = Squares(), PartSearch()
    seen_s: dict[tuple[int, int], float] = {}
    for i in range(40):
        squares = [(100, 100)] if i < 10 else [(100, 100), (100, 300), (450, 300)]
        boxes, _, _ = find(search, detector, scene(*squares), i / FPS)
        for box in boxes:
            seen_s.setdefault((round(box[0]), round(box[1])), i / FPS)
    assert seen_s[100, 100] == 0
    assert 10 / FPS <= seen_s[100, 300] <= 10 / FPS + 0.25 + 1 / FPS
    assert 10 / FPS <= seen_s[450, 300] <= 10 / FPS + 0.5 + 1 / FPS


def test_a_part_is_due_the_sooner_the_smaller_the_region() -> None:
    class Blind(Squares):
        search_periods_s = (0.25, 1.0)

        def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

        def search(
            self, image: NDArray[Any], part: int, region: Region, known: Boxes
        ) -> tuple[Boxes, Scores]:
            self.calls.append(f"part {part}")
            return self.detect(image)

    counts = {}
    for name, n_moving in (("little", 1), ("all", 5)):
        detector, search = Blind(), PartSearch()
        for i in range(2 * FPS + 1):
            squares = [((120 * k + 4 * i) % 540, 20 + 80 * k) for k in range(n_moving)]
            find(search, detector, scene(*squares), i / FPS)
        counts[name] = [detector.calls.count(f"part {part}") for part in (0, 1)]
    # Both parts are first due after their periods; the second one then four times a second, too,
    # where only a corner moves.
    assert counts == {"little": [8, 4], "all": [8, 1]}


def test_a_lost_face_is_checked_where_it_was_for_a_moment() -> None:
    class Shy(Squares):
        """Finds no new face, and none at all while `blind`."""

        blind = False

        def search(
            self, image: NDArray[Any], part: int, region: Region, known: Boxes
        ) -> tuple[Boxes, Scores]:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

        def detect_near(
            self, image: NDArray[Any], boxes: Boxes, quick: bool = False
        ) -> tuple[Boxes, Scores]:
            found, scores = super().detect_near(image, boxes, quick)
            return found, scores * (not self.blind)

    for n_blind, comes_back in ((5, True), (12, False)):
        detector, search, seen = Shy(), PartSearch(), []
        for i in range(30):
            detector.blind = 10 <= i < 10 + n_blind
            seen.append(len(find(search, detector, scene((100, 100)), i / FPS)[0]))
            assert seen[-1] == 1 or i >= 10
        assert 0 in seen  # not reported while no check finds it
        assert bool(seen[-1]) == comes_back


def test_a_part_searches_the_changes_and_at_times_the_whole_picture() -> None:
    class Areas(Squares):
        areas: list[float]

        def search(
            self, image: NDArray[Any], part: int, region: Region, known: Boxes
        ) -> tuple[Boxes, Scores]:
            left, top, right, bottom = region
            self.areas.append((right - left) * (bottom - top) / (WIDTH * HEIGHT))
            return super().search(image, part, region, known)

    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 2, (HEIGHT, WIDTH, 1)) for _ in range(5)]
    areas = {}
    for name in ("still", "darker", "moving", "entering"):
        detector, search = Areas(), PartSearch()
        detector.areas = []
        for i in range(75):
            squares = [(100 + (6 * i if name == "moving" else 0), 100)]
            squares += [(100, 300)] if name == "entering" and i > 20 else []
            light = 0.2 * i if name == "darker" else 0
            image = np.clip(scene(*squares) + noise[i % 5] - light, 0, 255).astype(np.uint8)
            find(search, detector, image, i / 14)
        areas[name] = detector.areas
    # Once in five seconds each of the two parts is searched whole.
    assert areas["still"] == areas["darker"] == [1, 1]
    assert areas["moving"].count(1) == 2
    assert len(areas["moving"]) > 6
    assert len(areas["entering"]) == 3  # once more, until the new face is followed
    for area in (*areas["moving"], *areas["entering"]):
        assert area == 1 or area < 0.35


def test_blocks_that_keep_changing_are_searched_once_a_second() -> None:
    detector, search = Squares(), PartSearch()
    for i in range(3 * FPS):
        find(search, detector, flickering(scene((100, 100)), i), i / FPS)
    assert 3 <= detector.calls.count("part 0") <= 4
    assert 3 <= detector.calls.count("part 1") <= 4
    detector.calls.clear()
    for i in range(3 * FPS, 3 * FPS + 15):  # a face beside the lamps is new
        boxes, _, _ = find(search, detector, flickering(scene((100, 100), (450, 200)), i), i / FPS)
    assert len(boxes) == 2
    assert "part 1" in detector.calls


def test_a_face_that_is_gone_is_gone_at_once_and_the_first_part_is_searched_next() -> None:
    detector, search = Squares(), PartSearch()
    for i in range(5):
        find(search, detector, scene((100, 100), (400, 200)), i / FPS)
    detector.calls.clear()
    boxes, _, _ = find(search, detector, scene((100, 100)), 5 / FPS)
    assert len(boxes) == 1
    assert abs(boxes[0] - [100, 100, 190, 190]).max() < 2
    assert "exact" in detector.calls  # which is enough for one frame
    assert "part 0" not in detector.calls
    find(search, detector, scene((100, 100)), 6 / FPS)
    assert "part 0" in detector.calls


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize("pause_s", [1 / 15, 0.2, 1.5])
def test_a_slow_source_gets_two_parts_a_frame_unless_frames_are_left_out(
    pause_s: float, is_behind: bool
) -> None:
    detector, search = Squares(), PartSearch()
    counts = []
    for i in range(40):
        detector.calls.clear()
        image = flickering(scene((100 + 3 * i, 100), (400, 100 + 3 * i)), i)
        boxes, _, _ = find(search, detector, image, pause_s * i, is_behind)
        assert len(boxes) == 2
        counts.append(sum(what.startswith("part") for what in detector.calls))
    assert max(counts) == (2 if pause_s > 0.1 and not is_behind else 1)
    assert sum(counts) >= 4


def test_in_a_slow_source_a_lost_face_is_searched_for_at_once() -> None:
    for n_frames in (2, 3, 4, 5):  # 0.2 s apart, but for rounding
        detector, search = Squares(), PartSearch()
        for i in range(n_frames):
            find(search, detector, scene((100, 100)), i / 5)
        detector.calls.clear()
        boxes, _, _ = find(search, detector, scene((210, 160)), n_frames / 5)
        assert "part 0" in detector.calls
        assert boxes.tolist() == [[210, 160, 300, 250]]


def test_a_face_without_contrast_is_checked_in_every_frame() -> None:
    detector, search = Squares(), PartSearch()
    image = scene()
    image[100:300, 100:300] = 200
    for i in range(4):
        boxes, _, _ = find(search, detector, image, i / FPS)
        assert boxes.tolist() == [[100, 100, 300, 300]]
    assert detector.calls.count("quick") == 4


def test_two_followed_faces_that_become_one_are_one() -> None:
    class Merging(Squares):
        def detect_near(
            self, image: NDArray[Any], boxes: Boxes, quick: bool = False
        ) -> tuple[Boxes, Scores]:
            one = np.array([[100, 100, 190, 190]], np.float32)
            return np.repeat(one, len(boxes), 0), np.full(len(boxes), 0.5, np.float32)

    search = PartSearch()
    for i in range(9):
        boxes, _, _ = find(search, Merging(), scene((100, 100), (200, 100)), i / FPS)
    assert len(boxes) == 1
