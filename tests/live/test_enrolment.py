"""Enrolment before a camera: what is collected, what interrupts it, what the person reads."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from fakes import make_face

from livefer.live.enrolment import Enrolment
from livefer.results import Face, FrameResult

BOX = (100.0, 100.0, 200.0, 200.0)
ME = make_face(BOX, "sad", 0.8, track_id=1)


def see(enrolment: Enrolment, times_s: Iterable[float], *faces: Face) -> list[str]:
    """Show frames with these faces at these times, and return what the person reads."""
    prompts = []
    for time_s in times_s:
        enrolment.add(FrameResult("camera", 0, time_s, None, faces))
        prompts.append(enrolment.prompt)
    return prompts


def seconds(begin_s: float, end_s: float, fps: float = 20.0) -> Iterable[float]:
    return np.arange(begin_s, end_s, 1 / fps).tolist()


def test_a_face_is_held_for_two_seconds() -> None:
    enrolment = Enrolment(["neutral"])
    prompts = see(enrolment, seconds(5, 6.99), ME)
    assert enrolment.expression == "neutral"
    assert prompts[0] == "your face at rest: hold still, 2 s"
    assert prompts[-1] == "your face at rest: hold still, 1 s"
    see(enrolment, [7.0], ME)
    assert enrolment.expression is None
    rows = enrolment.answers["neutral"]
    assert rows.shape == (41, 7)
    assert np.array_equal(rows[0], ME.raw_probabilities)


def test_a_slow_camera_gives_five_frames() -> None:
    enrolment = Enrolment(["neutral"])
    see(enrolment, [0, 0.7, 1.4, 2.1], ME)
    assert enrolment.expression == "neutral"
    see(enrolment, [2.8], ME)
    assert len(enrolment.answers["neutral"]) == 5


def test_a_face_that_leaves_begins_anew_and_one_that_flickers_does_not() -> None:
    enrolment = Enrolment(["neutral"])
    see(enrolment, seconds(0, 1), ME)
    see(enrolment, [1.0, 1.1])
    see(enrolment, seconds(1.2, 2.05), ME)
    assert len(enrolment.answers["neutral"]) == 20 + 17

    enrolment = Enrolment(["neutral"])
    see(enrolment, seconds(0, 1.5), ME)
    prompts = see(enrolment, seconds(1.5, 2.5))
    assert prompts[-1] == "no face in view: look into the camera"
    see(enrolment, seconds(2.5, 4.4), ME)
    assert enrolment.expression == "neutral"
    other = make_face(BOX, "sad", 0.8, track_id=2)
    see(enrolment, seconds(4.4, 6.3), other)
    assert enrolment.expression == "neutral"
    see(enrolment, seconds(6.3, 6.5), other)
    assert enrolment.expression is None


def test_a_second_face_as_large_is_one_too_many_and_a_small_one_is_not() -> None:
    small = make_face((0.0, 0.0, 40.0, 40.0), track_id=2)
    large = make_face((0.0, 0.0, 80.0, 80.0), track_id=3)
    enrolment = Enrolment(["neutral"])
    see(enrolment, seconds(0, 3), ME, large)
    assert "several faces in view" in enrolment.prompt
    assert enrolment.expression == "neutral"
    see(enrolment, seconds(3, 5.1), small, ME)
    assert enrolment.expression is None


def test_expressions_are_announced_and_any_but_neutral_may_be_left_out() -> None:
    enrolment = Enrolment(["neutral", "angry", "happy"], ready_s=3.0)
    prompts = see(enrolment, seconds(0, 3), ME)
    assert prompts[0] == "first your face at rest, in 3 s"
    assert prompts[-1] == "first your face at rest, in 1 s"
    enrolment.leave_out()
    assert enrolment.expression == "neutral"
    see(enrolment, seconds(3, 5.1), ME)
    prompts = see(enrolment, seconds(5.1, 6), ME)
    assert prompts[-1] == "next: angry, in 3 s (Space leaves it out)"
    enrolment.leave_out()
    smile = make_face(BOX, "happy", 0.8, track_id=1)
    prompts = see(enrolment, seconds(6, 11.2), smile)
    assert "happy: hold still, 2 s" in prompts
    assert enrolment.expression is None
    assert list(enrolment.answers) == ["neutral", "happy"]
    assert (enrolment.answers["happy"] == smile.raw_probabilities).all()


def test_a_time_that_jumps_back_begins_anew() -> None:
    """A film that is played again, or a clock that was set."""
    enrolment = Enrolment(["neutral"])
    see(enrolment, seconds(100, 101.5), ME)
    see(enrolment, seconds(0, 1.9), ME)
    assert enrolment.expression == "neutral"
    see(enrolment, seconds(1.9, 2.1), ME)
    assert enrolment.expression is None
