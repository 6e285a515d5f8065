"""A stream put together: what its parts share, what a cut forgets, and what a setting changes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from fakes import SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.detection.detectors import Detections, Detector
from livefer.faces.views import ALL, BOTH
from livefer.results import Frame
from livefer.tracking.live_search import LiveSearch
from livefer.tracking.periodic_search import PeriodicSearch
from livefer.tracking.smoothing import Smoothed, Smoother
from livefer.tracking.stream import Stream
from livefer.tracking.whole_search import WholeSearch

SEARCHES = pytest.mark.parametrize("search", [WholeSearch, PeriodicSearch, LiveSearch])


def frame(time_s: float, *squares: tuple[int, int, int], is_cut: bool = False) -> Frame:
    return Frame("film", 0, time_s, make_scene(*squares), is_cut=is_cut)


def step(stream: Stream, frame: Frame, p: float = 0.5) -> tuple[list[int], Smoothed]:
    """Take a frame along its road; the network answers (p, 1 - p) for each face."""
    found = stream.find(frame, SquareDetector())
    faces = stream.match(found.boxes, frame.time_s)
    answers = np.tile(np.array([p, 1 - p], np.float32), (len(found.boxes), 1))
    return faces.track_ids, stream.smooth(faces, frame.time_s, answers, None)


@SEARCHES
def test_faces_are_found_matched_and_smoothed(search: Any) -> None:
    stream = Stream(search(), Smoother(0.5))
    for k, p in enumerate((0.2, 0.4, 0.6)):
        ids, smoothed = step(stream, frame(k / 4, (40 + k, 50, 150), (200, 80, 150)), p)
        assert sorted(ids) == [1, 2]
    # Over the window of half a second: (0.2 / 2 + 0.4 + 0.6 / 2) / 2.
    np.testing.assert_allclose(smoothed.probabilities, [[0.4, 0.6]] * 2, atol=1e-6)
    assert smoothed.class_ids.tolist() == [1, 1]


def test_a_new_face_is_matched_with_all_views_to_show() -> None:
    stream = Stream(WholeSearch(), Smoother(0.5))
    for k, squares in enumerate([[(40, 50, 150)], [(40, 50, 150), (200, 50, 150)]]):
        found = stream.find(frame(k / 10, *squares), SquareDetector())
        faces = stream.match(found.boxes, k / 10)
    by_id = dict(zip(faces.track_ids, faces.views, strict=True))
    assert by_id == {1: (1,), 2: ALL}
    assert faces.boxes.shape == (2, 4)
    plain = Stream(WholeSearch(), Smoother(0))
    found = plain.find(frame(0.0, (40, 50, 150)), SquareDetector())
    assert plain.match(found.boxes, 0.0).views == [BOTH]


class Remembering:
    """A search that finds nothing, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def find(self, frame: Frame, detector: Detector) -> Detections:
        self.calls.append(f"find {frame.time_s:g}")
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def forget(self) -> None:
        self.calls.append("forget")


def test_at_a_cut_the_search_forgets_before_it_goes_on() -> None:
    search = Remembering()
    stream = Stream(search, Smoother())
    for time_s in (0, 1, 2):
        stream.find(frame(time_s, is_cut=time_s == 1), SquareDetector())
    assert search.calls == ["find 0", "forget", "find 1", "find 2"]


@SEARCHES
def test_faces_after_a_cut_are_new_and_smoothed_anew(search: Any) -> None:
    stream = Stream(search(), Smoother(1.0))
    assert step(stream, frame(0.0, (40, 50, 150)), 0.9)[0] == [1]
    assert step(stream, frame(0.1, (40, 50, 150)), 0.9)[0] == [1]
    ids, smoothed = step(stream, frame(0.2, (40, 50, 150), is_cut=True), 0.3)
    assert ids == [2]
    np.testing.assert_allclose(smoothed.probabilities, [[0.3, 0.7]])


def test_a_cut_within_a_batch_leaves_the_frames_before_it_smoothed() -> None:
    """All frames are matched before the first is smoothed."""
    stream = Stream(WholeSearch(), Smoother(1.0))
    frames = [frame(k / 10, (40, 50, 150), is_cut=k == 2) for k in range(4)]
    matched = []
    for one in frames:
        found = stream.find(one, SquareDetector())
        matched.append(stream.match(found.boxes, one.time_s))
    assert [faces.track_ids for faces in matched] == [[1], [1], [2], [2]]
    values = []
    for one, faces, p in zip(frames, matched, (0.0, 1.0, 0.25, 0.75), strict=True):
        answers = np.array([[p, 1 - p]], np.float32)
        values.append(stream.smooth(faces, one.time_s, answers, None).probabilities[0, 0])
    assert values == pytest.approx([0.0, 0.5, 0.25, 0.5])


def test_settings_do_not_change() -> None:
    stream = Stream(WholeSearch(), Smoother(1.0))
    with pytest.raises(FrozenInstanceError):
        stream.smoother = Smoother(2.0)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        stream.smoother.window_s = 2.0  # type: ignore[misc]


@SEARCHES
def test_other_smoothing_keeps_the_ids_and_begins_anew(search: Any) -> None:
    stream = Stream(search(), Smoother(1.0))
    for k in range(5):
        step(stream, frame(k / 10, (40, 50, 150), (200, 50, 150)), 0.9)
    other = replace(stream, smoother=Smoother(0.2))
    next_frame = frame(0.5, (200, 50, 150))
    found = other.find(next_frame, SquareDetector())
    faces = other.match(found.boxes, 0.5)
    known = stream.tracker.match(found.boxes, 0.5)
    assert faces.track_ids == [known[0].track_id]
    assert faces.views == [ALL]
    answers = np.array([[0.4, 0.6]], np.float32)
    smoothed = other.smooth(faces, 0.5, answers, None)
    np.testing.assert_array_equal(smoothed.probabilities, answers)
    assert smoothed.class_ids.tolist() == [1]  # the label of the time before is not held


def test_two_streams_share_nothing() -> None:
    """Two streams in turn give what each gives alone."""

    def values(streams: list[Stream], which: int) -> list[Any]:
        found = []
        for k in range(8):
            for number, stream in enumerate(streams):
                squares = [(40 + 5 * k, 50, 150)] * (1 + number % 2)
                ids, smoothed = step(stream, frame(k / 10, *squares), (k + number) / 10)
                if number == which:
                    found.append((ids, smoothed.probabilities.tolist()))
        return found

    def new() -> Stream:
        return Stream(WholeSearch(), Smoother())

    assert values([new(), new()], 0) == values([new()], 0)
    other = new()
    assert values([new(), other], 1) == values([new(), new()], 1)


def test_places_to_cut_are_steadier_than_the_boxes() -> None:
    stream, offs = Stream(WholeSearch(), Smoother(0.33)), []
    boxes: NDArray[np.float32]
    for k, left in enumerate((100, 101, 100, 100, 101, 99, 100, 101)):
        boxes = np.array([[left, 60, left + 60, 120]], np.float32)
        offs.append(float(stream.match(boxes, k / 30).boxes[0, 0] - left))
    assert 0.2 < max(map(abs, offs)) <= 0.03 * 60 + 1e-3
