"""The state of a live view: which frame is painted with which faces, and the figures."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import make_face

from livefer.live.state import PROMPT_S, LiveState, Rate
from livefer.results import Frame, FrameResult

IMAGE = np.zeros((24, 32, 3), np.uint8)


def make_frame(index: int) -> Frame:
    return Frame("film", index, index / 25, IMAGE)


def make_result(index: int) -> FrameResult:
    return FrameResult("film", index, index / 25, IMAGE, (make_face((1, 1, 9, 9)),))


def paint(state: LiveState, now_s: float) -> tuple[int | None, int | None]:
    """Paint what the state chooses; return the numbers of the picture and of its faces."""
    picture, result = state.choose(now_s)
    if picture is not None:
        state.note_painted(picture, result, now_s)
    return picture and picture.index, result and result.index


def test_a_frame_waits_for_its_faces_where_they_come_soon() -> None:
    state = LiveState()
    assert paint(state, 100.0) == (None, None)
    state.add_frame(make_frame(0), 100.0)
    assert paint(state, 100.0) == (None, None), "faces usually come at once, as far as is known"
    state.add_result(make_result(0), 100.001)
    assert paint(state, 100.001) == (0, 0)
    state.add_frame(make_frame(1), 100.04)
    assert paint(state, 100.04 + 0.9 * PROMPT_S) == (0, 0)
    assert paint(state, 100.04 + 1.1 * PROMPT_S) == (1, 0), "with the faces of the frame before"
    state.add_result(make_result(1), 100.1)
    assert paint(state, 100.1) == (1, 1)
    state.add_frame(make_frame(2), 100.2)
    assert paint(state, 100.2) == (1, 1), "one late result of three is an exception"


def test_a_frame_does_not_wait_where_faces_take_long() -> None:
    state = LiveState()
    for index in range(5):
        state.add_frame(make_frame(index), index)
        state.add_result(make_result(index), index + 1.5 * PROMPT_S)
    state.add_frame(make_frame(5), 5.0)
    assert paint(state, 5.0) == (5, 4)


def test_frames_that_come_faster_than_their_faces_are_painted_with_them() -> None:
    """A frame comes each 5 ms, its faces 8 ms later."""
    state = LiveState()
    painted = []
    for index in range(40):
        now_s = 100 + 0.005 * index
        state.add_frame(make_frame(index), now_s)
        if index >= 2:
            state.add_result(make_result(index - 2), now_s + 0.003 - 0.005)
        painted.append(paint(state, now_s))
    assert painted == [(None, None)] * 2 + [(i, i) for i in range(38)]


def test_a_frame_has_no_faces_of_another_camera() -> None:
    state = LiveState()
    state.add_frame(make_frame(0), 0.0)
    state.add_result(make_result(0), 2 * PROMPT_S)
    state.add_frame(Frame("other", 1, 0.1, IMAGE), 0.1)
    assert paint(state, 0.1 + 2 * PROMPT_S) == (1, None)


def test_a_source_in_trouble_keeps_its_last_picture() -> None:
    state = LiveState()
    state.add_frame(make_frame(0), 0.0)
    state.add_result(make_result(0), 0.01)
    state.add_frame(Frame("film", 1, 0.1, None, error="gone"), 0.1)
    state.add_result(FrameResult("film", 1, 0.1, None, error="gone"), 0.1)
    assert state.trouble == "gone"
    assert (state.n_recognised, state.n_skipped) == (1, 0)
    assert paint(state, 0.2) == (0, 0)
    state.add_frame(make_frame(1), 0.3)
    assert state.trouble is None


def test_figures() -> None:
    state = LiveState()
    assert state.figures == ()
    for index in range(0, 60, 2):  # every other frame is recognised
        now_s = 10 + index / 30
        state.add_frame(make_frame(index), now_s)
        state.add_result(make_result(index), now_s + 0.012)
        paint(state, now_s + 0.012)
    expected = (("shown", "15 fps"), ("recognised", "15 fps"), ("latency", "12 ms"))
    assert state.update_figures(now_s + 0.02) == (*expected, ("skipped", "29"))
    paint(state, now_s + 0.1)
    before = state.figures
    assert state.update_figures(now_s + 0.4) == before, "figures stay long enough to be read"
    assert state.update_figures(now_s + 4)[0] == ("shown", "0 fps")


def test_the_rate_is_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.per_s(0) == 0
    for i in range(200):
        rate.tick(i / 10)
    assert rate.per_s(20) == pytest.approx(10)
    for i in range(100):
        rate.tick(20 + i / 50)
    assert rate.per_s(22) == pytest.approx(50, rel=0.1)
    assert rate.per_s(24.1) == 0, "the camera stopped"
