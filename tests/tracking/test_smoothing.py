"""Smoothing that does not show the frame rate: of probabilities, maps, labels and places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.faces.views import ALL, BOTH
from livefer.labels import steady_class
from livefer.recognizer import Recognizer
from livefer.results import Face, Frame
from livefer.tracking.smoothing import Smoother, window_weights
from livefer.tracking.tracker import KEEP_S, Tracker

SIDE = 100.0


def every(fps: float, until_s: float) -> list[float]:
    return [k / fps for k in range(round(until_s * fps) + 1)]


def smoothed(smoother: Smoother, time_s: float, p: float, track_id: int = 1) -> float:
    """Add one face with p for the first of two classes; return that smoothed."""
    result = smoother.add([track_id], time_s, np.array([[p, 1 - p]], np.float32))
    assert result.probabilities.shape == (1, 2)
    assert result.probabilities.dtype == np.float32
    assert result.probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert (result.class_ids.shape, result.class_ids.dtype) == ((1,), np.int64)
    return float(result.probabilities[0, 0])


# Probabilities


def signal(time_s: float) -> float:
    return 0.5 + 0.4 * np.sin(2 * np.pi * time_s / 2.0)


def mean_of_signal(time_s: float, window_s: float) -> float:
    times = np.linspace(time_s - window_s, time_s, 2001)
    return float(np.mean([signal(t) for t in times]))


@pytest.mark.parametrize(("fps", "tolerance"), [(5, 0.02), (15, 0.004), (30, 0.004), (60, 0.004)])
def test_the_frame_rate_does_not_show(fps: float, tolerance: float) -> None:
    smoother = Smoother(0.33)
    for time_s in every(fps, 6.0):
        value = smoothed(smoother, time_s, signal(time_s))
        if time_s > 0.4:
            assert value == pytest.approx(mean_of_signal(time_s, 0.33), abs=tolerance)


def test_a_changing_rate_does_not_show() -> None:
    rng = np.random.default_rng(0)
    smoother = Smoother(0.33)
    time_s = 0.0
    for step in rng.choice([1 / 60, 1 / 30, 1 / 12, 1 / 6], 200):
        value = smoothed(smoother, time_s, signal(time_s))
        if time_s > 0.4:
            assert value == pytest.approx(mean_of_signal(time_s, 0.33), abs=0.02)
        time_s += float(step)


@pytest.mark.parametrize("fps", [5, 10, 30, 60])
def test_a_step_takes_the_window_and_no_longer(fps: float) -> None:
    smoother = Smoother(0.33)
    values = {t: smoothed(smoother, t, 1.0 if t >= 1.0 else 0.0) for t in every(fps, 2.0)}
    assert [values[t] for t in values if t < 1.0] == [0.0] * sum(t < 1.0 for t in values)
    late = [values[t] for t in values if t >= 1.0 + 0.33]
    assert late == pytest.approx([1.0] * len(late))
    assert 0.3 < values[min(values, key=lambda t: abs(t - 1.2))] < 0.9


def test_at_30_fps_it_is_a_mean_of_ten_frames() -> None:
    samples = np.random.default_rng(1).random(40)
    smoother = Smoother(10 / 30)
    values = [smoothed(smoother, k / 30, p) for k, p in enumerate(samples)]
    for k in range(11, 40):
        window = samples[k - 10 : k + 1]
        expected = (window[:-1] + window[1:]).mean() / 2  # ten intervals, ends counted half
        assert values[k] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("window_s", "times", "samples", "expected"),
    [
        (0.0, [0.0, 0.1, 0.2], [0.1, 0.5, 0.9], 0.9),  # off
        (0.5, [7.0], [0.3], 0.3),  # a new face shows at once
        (0.5, [0.0, 0.1], [0.2, 0.4], 0.3),  # a young one over its age
        (0.5, [0.0, 1.0], [0.0, 1.0], 0.75),  # one frame a second: the line's last half
        (0.5, [0.0, 0.5, 0.5], [0.0, 1.0, 0.0], 0.0),  # the same time again replaces
        (0.5, [0.0, KEEP_S + 0.1], [0.0, 1.0], 1.0),  # the track is gone by then
    ],
)
def test_edges_of_the_window(
    window_s: float, times: Sequence[float], samples: Iterable[float], expected: float
) -> None:
    smoother = Smoother(window_s)
    values = [smoothed(smoother, t, p) for t, p in zip(times, samples, strict=True)]
    assert values[-1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("times", "window_s", "expected"),
    [
        ([4.0], 0.5, [1]),
        ([0.0, 1.0], 0.0, [0, 1]),
        ([0.0, 1.0], 2.0, [1 / 2, 1 / 2]),
        ([0.0, 1.0, 3.0], 3.0, [1 / 6, 1 / 2, 1 / 3]),
        ([0.0, 1.0, 3.0], 2.5, [1 / 20, 11 / 20, 2 / 5]),
        ([0.0, 1.0, 3.0], 1.0, [0, 1 / 4, 3 / 4]),
    ],
)
def test_window_weights(times: list[float], window_s: float, expected: list[float]) -> None:
    weights = window_weights(times, window_s)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    assert weights.sum() == pytest.approx(1, abs=1e-12)


def test_a_jump_back_leaves_nothing_of_the_time_before() -> None:
    smoother = Smoother(0.5)
    for time_s in every(10, 5.0):
        smoothed(smoother, time_s, 0.9)
    smoother.add([], 4.8, np.zeros((0, 2), np.float32))  # the face is missing as time jumps
    assert smoothed(smoother, 4.9, 0.1) == pytest.approx(0.1)
    assert smoothed(smoother, 5.0, 0.3) == pytest.approx(0.2)


def test_each_face_is_smoothed_by_itself() -> None:
    smoother = Smoother()
    for k in range(10):
        order = 1 if k % 2 else -1
        probabilities = np.array([[1, 0], [0, 1]], np.float32)[::order]
        result = smoother.add([1, 2][::order], k / 30, probabilities)
        np.testing.assert_array_equal(result.probabilities, probabilities)


def test_two_smoothers_share_nothing() -> None:
    one, other = Smoother(), Smoother()
    for k in range(10):
        assert smoothed(one, k / 30, 0.75) == 0.75
        assert smoothed(other, k / 30, 0.25) == 0.25


def test_no_face_is_an_empty_answer() -> None:
    result = Smoother().add(
        [], 0.0, np.zeros((0, 7), np.float32), np.zeros((0, 7, 6, 6), np.float32)
    )
    assert result.probabilities.shape == (0, 7)
    assert result.cams is not None
    assert result.cams.shape == (0, 7, 6, 6)
    assert (result.class_ids.shape, result.class_ids.dtype) == ((0,), np.int64)


# Maps


def test_maps_are_smoothed_with_the_weights_of_the_probabilities() -> None:
    smoother, rng = Smoother(0.5), np.random.default_rng(2)
    for k in range(8):
        probabilities = rng.random((2, 4)).astype(np.float32)
        cams = np.broadcast_to(probabilities[:, :, None, None], (2, 4, 3, 5))
        result = smoother.add([1, 2], k / 10, probabilities, cams)
        assert result.cams is not None
        assert result.cams.dtype == np.float32
        expected = np.broadcast_to(result.probabilities[:, :, None, None], (2, 4, 3, 5))
        np.testing.assert_allclose(result.cams, expected, rtol=1e-6)


def test_maps_may_come_and_go() -> None:
    """A frame without maps counts as if it had the newest; the probabilities do not notice."""
    smoother, alone, rng = Smoother(1.0), Smoother(1.0), np.random.default_rng(3)
    maps = []
    for k, has_maps in enumerate([False, False, True, True, False, True]):
        probabilities = rng.random((1, 2)).astype(np.float32)
        cams = rng.random((1, 2, 3, 3)).astype(np.float32) if has_maps else None
        result = smoother.add([1], 0.1 * k, probabilities, cams)
        expected = alone.add([1], 0.1 * k, probabilities)
        np.testing.assert_array_equal(result.probabilities, expected.probabilities)
        assert expected.cams is None
        assert (result.cams is not None) == has_maps
        maps.append((cams, result.cams))
    np.testing.assert_allclose(maps[2][1], maps[2][0], rtol=1e-6)  # the first there are
    weights = window_weights([0.1 * k for k in range(6)], 1.0)
    expected_map = (
        weights[2] * maps[2][0] + weights[3] * maps[3][0] + weights[[0, 1, 4, 5]].sum() * maps[5][0]
    )
    np.testing.assert_allclose(maps[5][1], expected_map, rtol=1e-5)


# Views


def test_a_new_face_is_shown_in_all_views_and_then_in_one_a_frame() -> None:
    smoother = Smoother(0.33)
    views = [smoother.views([1, 2][: 1 + (k > 2)], k / 30) for k in range(13)]
    assert [of_frame[0] for of_frame in views] == [ALL, *((k % 10,) for k in range(1, 13))]
    assert [of_frame[1] for of_frame in views[3:6]] == [ALL, (1,), (2,)]


@pytest.mark.parametrize("window_s", [0.5, 0.0])
def test_views_begin_anew_after_a_pause_longer_than_the_window(window_s: float) -> None:
    times = [0.0, 0.1, 0.6, 1.2, 1.3, 1.3, 1.4, 0.9, 1.0]
    numbers = [0, 1, 2, None, 1, 1, 2, 0, 1]
    smoother = Smoother(window_s)
    for time_s, number in zip(times, numbers, strict=True):
        (views,) = smoother.views([1], time_s)
        if window_s == 0 or number is None:
            assert views == BOTH
        else:
            assert views == (ALL if number == 0 else (number,))


def test_a_face_that_was_away_for_longer_than_the_window_is_new() -> None:
    for n_away, expected in ((2, (3,)), (4, ALL)):
        smoother = Smoother(0.33)
        for k in range(3 + n_away):
            smoother.views([1] if k < 3 else [], k / 10)
        assert smoother.views([1], (3 + n_away) / 10) == [expected]


def test_frames_further_apart_than_the_window_are_shown_plain_and_mirrored() -> None:
    times = [0.0, 0.3, 1.0, 1.1, 1.7, 1.5]
    is_averaged = [True, True, False, True, False, True]
    smoother = Smoother(0.33)
    for track_id, (time_s, expected) in enumerate(zip(times, is_averaged, strict=True)):
        assert smoother.views([track_id], time_s) == [ALL if expected else BOTH]


def test_frames_may_pass_the_network_together() -> None:
    """All `views` before the first `add` give the same as one frame after the other."""
    rng = np.random.default_rng(5)
    times = [0.0, 0.05, 0.1, 0.1, 0.4, 0.42, 0.2, 0.25, 5.0, 5.1, 1.0, 1.05]
    rows = [rng.dirichlet(np.ones(3), 2).astype(np.float32) for _ in times]
    one_by_one, at_once, expected = Smoother(), Smoother(), []
    for time_s, row in zip(times, rows, strict=True):
        expected.append((one_by_one.views([1, 2], time_s), one_by_one.add([1, 2], time_s, row)))
    views = [at_once.views([1, 2], time_s) for time_s in times]
    for k, (time_s, row) in enumerate(zip(times, rows, strict=True)):
        result = at_once.add([1, 2], time_s, row)
        assert views[k] == expected[k][0]
        np.testing.assert_array_equal(result.probabilities, expected[k][1].probabilities)
        np.testing.assert_array_equal(result.class_ids, expected[k][1].class_ids)


# Places


def boxes_at(x: float, y: float, side: float) -> NDArray[np.float32]:
    return np.array([[x - side / 2, y - side / 2, x + side / 2, y + side / 2]], np.float32)


def cut_at(smoother: Smoother, times_s: Sequence[float], places: NDArray[Any]) -> NDArray[Any]:
    """Return the place (n, 3), x, y and side, at which one face is cut in each frame."""
    tracker, cut = Tracker(), []
    for time_s, (x, y, side) in zip(times_s, places, strict=True):
        boxes = boxes_at(x, y, side)
        ((left, top, right, bottom),) = smoother.steady_boxes(boxes, tracker.match(boxes, time_s))
        assert right - left == pytest.approx(bottom - top, abs=1e-3)
        cut.append([(left + right) / 2, (top + bottom) / 2, right - left])
    return np.array(cut)


@pytest.mark.parametrize("fps", [30, 60])
def test_a_box_that_trembles_is_held_steady(fps: int) -> None:
    times_s = every(fps, 10)
    places = np.random.default_rng(0).normal([300, 300, SIDE], 0.01 * SIDE, (len(times_s), 3))
    cut = cut_at(Smoother(), times_s, places)
    # The end of a line through seven places errs by sqrt(0.46) of what each does.
    assert (cut[fps:].std(axis=0) < 0.75 * places[fps:].std(axis=0)).all()
    assert cut[fps:].mean(axis=0) == pytest.approx([300, 300, SIDE], abs=0.3)


def test_a_box_that_moves_and_grows_steadily_stays_where_it_is() -> None:
    times_s = every(30, 1)
    places = np.array([[300 + 400 * t, 300 - 100 * t, SIDE + 50 * t] for t in times_s])
    assert cut_at(Smoother(), times_s, places) == pytest.approx(places, abs=1e-3)


def test_a_box_is_never_far_from_where_it_was_found() -> None:
    times_s = every(30, 2)
    places = np.array([[300 + 60 * np.sin(15 * t), 300, SIDE] for t in times_s])  # a shaken head
    off = np.abs(cut_at(Smoother(), times_s, places) - places)
    assert 0.02 * SIDE < off.max() <= 0.03 * SIDE + 1e-3


@pytest.mark.parametrize(("window_s", "fps"), [(0.0, 30), (0.33, 5), (0.05, 30)])
def test_a_box_with_too_few_others_stays_as_it_is(window_s: float, fps: int) -> None:
    times_s = every(fps, 2)
    places = np.random.default_rng(0).normal([300, 300, SIDE], 5, (len(times_s), 3))
    assert cut_at(Smoother(window_s), times_s, places) == pytest.approx(places, abs=1e-3)


def test_each_box_keeps_its_shape() -> None:
    smoother, tracker = Smoother(), Tracker()
    for time_s, width in zip(every(30, 0.2), (60, 62, 59, 60, 61, 60, 63), strict=True):
        wide = np.array([[200, 100, 200 + width, 220], [500, 300, 620, 300 + width]], np.float32)
        steady = smoother.steady_boxes(wide, tracker.match(wide, time_s))
    shape = (steady[:, 2] - steady[:, 0]) / (steady[:, 3] - steady[:, 1])
    assert shape == pytest.approx([63 / 120, 120 / 63], rel=1e-4)
    assert not np.allclose(steady, wide)
    assert steady.dtype == np.float32
    assert smoother.steady_boxes(wide[:0], []).shape == (0, 4)


# Labels


@pytest.mark.parametrize(
    ("probabilities", "before", "expected"),
    [
        ((0.2, 0.5, 0.3), None, 1),
        ((0.2, 0.5, 0.3), 1, 1),
        ((0.44, 0.51, 0.05), 0, 0),
        ((0.40, 0.51, 0.09), 0, 1),
        ((0.40, 0.45, 0.15), 2, 1),
        ((0.31, 0.34, 0.35), 0, 0),
    ],
)
def test_a_label_stays_until_another_class_leads(
    probabilities: tuple[float, ...], before: int | None, expected: int
) -> None:
    assert steady_class(np.array(probabilities, np.float32), before) == expected


def labels_of(window_s: float, times_s: Sequence[float], shares: Sequence[float]) -> list[int]:
    """Return the labels of a face with these probabilities of the second of two classes."""
    smoother = Smoother(window_s)
    return [
        int(smoother.add([1], time_s, np.array([[1 - p, p]], np.float32)).class_ids[0])
        for time_s, p in zip(times_s, shares, strict=True)
    ]


def test_a_face_between_two_classes_keeps_its_label() -> None:
    """Frames as far apart as the window: each is the mean of two."""
    shares = [0.48, 0.56, 0.52, 0.60, 0.44, 0.48, 0.40]
    times_s = [k / 4 for k in range(7)]
    #         [0.48, 0.52, 0.54, 0.56, 0.52, 0.46, 0.44]
    assert labels_of(0.25, times_s, shares) == [0, 0, 0, 1, 1, 1, 0]
    assert labels_of(0, times_s, shares) == [0, 1, 1, 1, 0, 0, 0]


def test_after_a_small_jump_back_a_label_is_new() -> None:
    assert labels_of(0.33, [1.0, 1.1, 0.9, 1.0], [0.48, 0.56, 0.52, 0.44]) == [0, 0, 1, 1]


def test_after_a_pause_longer_than_the_window_a_label_is_new() -> None:
    shares = [0.48, 0.52, 0.52]
    assert labels_of(0.33, [0.0, 0.3, 0.6], shares) == [0, 0, 0]
    assert labels_of(0.33, [0.0, 0.4, 0.7], shares) == [0, 1, 1]


def test_each_face_has_a_label_of_its_own() -> None:
    smoother = Smoother()
    probabilities = np.array([[0.52, 0.48], [0.48, 0.52]], np.float32)
    assert smoother.add([1, 2], 0.0, probabilities).class_ids.tolist() == [0, 1]
    assert smoother.add([2, 1], 0.1, probabilities).class_ids.tolist() == [1, 0]
    assert smoother.add([], 0.2, probabilities[:0]).class_ids.tolist() == []


class Wavering(LevelClassifier):
    """Answers angry 0.5 and sad 0.44 at first, and the other way round from the second call on."""

    def __init__(self) -> None:
        self.n_calls = 0

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.n_calls += 1
        first, second = (0.5, 0.44) if self.n_calls == 1 else (0.44, 0.5)
        return np.array([[first, 0.03, 0.03, 0, 0, second, 0]] * len(faces), np.float32)

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        cams = np.broadcast_to(np.arange(7, dtype=np.float32)[:, None, None], (len(faces), 7, 6, 6))
        return self.predict(faces), cams.copy()


def wavering_faces(**more: Any) -> list[Face]:
    recognizer = Recognizer(
        Wavering(),  # type: ignore[arg-type]
        SquareDetector(),
        heatmaps=True,
        **more,
    )
    stream, image = recognizer.new_stream(), make_scene((100, 80, 100))
    return [recognizer.process(Frame("x", k, k / 10, image), stream).faces[0] for k in range(12)]


def test_everything_about_a_held_label_is_of_its_class() -> None:
    for face in wavering_faces(uncertain_below=0.42)[6:]:
        assert int(face.probabilities.argmax()) == 5
        assert (face.class_id, face.label, face.second_label) == (0, "angry", "sad")
        np.testing.assert_allclose(face.confidence, 0.44, atol=1e-6)
        assert not face.uncertain
        assert face.heatmap is not None
        assert face.heatmap.max() == 0  # the map of class 0
        assert face.to_dict()["confidence"] == 0.44


def test_a_face_is_uncertain_by_the_probability_of_its_held_label() -> None:
    faces = wavering_faces(uncertain_below=0.46)
    assert [face.uncertain for face in faces[6:]] == [True] * 6
    assert not faces[0].uncertain


def test_without_smoothing_each_frame_has_its_most_probable_class() -> None:
    assert [face.label for face in wavering_faces(smoothing_s=0)] == ["angry"] + ["sad"] * 11
