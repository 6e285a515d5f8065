"""The network gets several views of a face, in a stream one after another; answers are means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.faces.crops import crop_faces
from livefer.recognizer import Recognizer
from livefer.results import Frame


class Recording(LevelClassifier):
    """Keeps the crops; its maps are the crops in 6×6."""

    def __init__(self) -> None:
        self.seen: list[NDArray[np.uint8]] = []

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.seen.append(faces)
        return super().predict(faces)

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        cams = faces.reshape(-1, 1, 6, 8, 6, 8).mean(axis=(3, 5)).repeat(7, axis=1)
        return self.predict(faces), cams.astype(np.float32)

    def heatmap(self, cam: NDArray[np.float32]) -> NDArray[np.float32]:
        return cam


def picture() -> NDArray[np.uint8]:
    """A face with its left half darker than its right, and its upper than its lower."""
    image = make_scene((100, 80, 100))
    image[80:140, 100:130] -= 30
    image[80:110, 100:160] -= 20
    return np.asarray(image, np.uint8)


def record(times_s: list[float], still: bool = False, **more: Any) -> tuple[Recording, list[Any]]:
    classifier = Recording()
    recognizer = Recognizer(classifier, SquareDetector(), **more)  # type: ignore[arg-type]
    stream = recognizer.new_stream()
    frames = [Frame("x", 0, time_s, picture(), still=still) for time_s in times_s]
    return classifier, [recognizer.process(frame, stream) for frame in frames]


def both_ways(result: Any) -> NDArray[np.uint8]:
    """The two views of the face that the network should get: plain and mirrored."""
    plain = crop_faces(picture(), np.array([result.faces[0].box], np.float32))
    assert plain[0, 30, 10] < plain[0, 30, 40]
    return np.concatenate([plain, plain[:, :, ::-1]])


def all_ways(result: Any) -> NDArray[np.uint8]:
    """The ten views of the face: five positions, each plain and mirrored."""
    box, side = np.array([result.faces[0].box], np.float32), 60
    moved = [(0, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]
    seen = []
    for x, y in moved:
        plain = crop_faces(picture(), box + np.array([x, y, x, y], np.float32) * 2 / 48 * side)
        seen += [plain, plain[:, :, ::-1]]
    return np.concatenate(seen)


@pytest.mark.parametrize("fps", [30, 4])
def test_a_stream_shows_all_views_of_a_new_face_and_then_one_a_frame(fps: float) -> None:
    classifier, results = record([k / fps for k in range(13)])
    ways = all_ways(results[0])
    np.testing.assert_array_equal(classifier.seen[0], ways)
    for k, seen in enumerate(classifier.seen[1:], start=1):
        np.testing.assert_array_equal(seen, ways[k % 10, None])


def test_each_face_has_its_own_turn() -> None:
    classifier = Recording()
    recognizer = Recognizer(classifier, SquareDetector())  # type: ignore[arg-type]
    stream, beside = recognizer.new_stream(), np.hstack([picture(), np.zeros_like(picture())])
    both = np.hstack([picture(), picture()])
    frames = [Frame("x", k, k / 30, image) for k, image in enumerate([beside, beside, both, both])]
    results = recognizer.process_many(frames, [stream] * 4)
    assert [len(result.faces) for result in results] == [1, 1, 2, 2]
    ways = all_ways(results[0])
    (seen,) = classifier.seen  # one call for all
    expected = [[*ways], [ways[1]], [ways[2], *ways], [ways[3], ways[1]]]
    end = 0
    for of_frame in expected:
        start, end = end, end + len(of_frame)
        assert sorted(map(bytes, seen[start:end])) == sorted(map(bytes, of_frame))
    assert len(seen) == end


@pytest.mark.parametrize(
    "more",
    [{"smoothing_s": 0}, {"still": True}, {"times_s": [0.0, 1.0, 2.0]}],
    ids=["not smoothed", "pictures", "seldom"],
)
def test_results_without_smoothing_are_means_of_both_views(more: dict[str, Any]) -> None:
    classifier, results = record(**{"times_s": [0.0, 0.1, 0.2], **more})
    assert len(classifier.seen) == 3
    # At the first frame of a stream the time to the next one is not known yet.
    for seen in classifier.seen["times_s" in more :]:
        np.testing.assert_array_equal(seen, both_ways(results[0]))


class Sided(Recording):
    """Answers angry where the left half is the darker one, else happy."""

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        is_left = faces[:, :, :24].mean(axis=(1, 2)) < faces[:, :, 24:].mean(axis=(1, 2))
        return np.eye(7, dtype=np.float32)[np.where(is_left, 0, 3)]


def test_a_picture_s_probabilities_and_map_are_the_means_of_both_views() -> None:
    recognizer = Recognizer(Sided(), SquareDetector(), heatmaps=True)  # type: ignore[arg-type]
    image = picture()
    beside = np.hstack([image, image])  # two faces, so that views and faces could be mixed up
    frames = [Frame("a", 0, 0.0, beside, still=True), Frame("b", 0, 0.0, image, still=True)]
    for result, n_faces in zip(recognizer.process_many(frames, [None, None]), (2, 1), strict=True):
        assert len(result.faces) == n_faces
        for face in result.faces:
            expected = 0.5 * (np.eye(7)[0] + np.eye(7)[3])
            np.testing.assert_allclose(face.probabilities, expected)
            np.testing.assert_array_equal(face.raw_probabilities, face.probabilities)
            box = np.array([face.box], np.float32)
            crop = crop_faces(result.image, box)[0].astype(float)  # type: ignore[arg-type]
            expected_map = crop.reshape(6, 8, 6, 8).mean(axis=(1, 3))
            np.testing.assert_allclose(face.heatmap, expected_map, atol=1e-3)  # type: ignore[arg-type]


def test_a_heat_map_is_mirrored_back_and_smoothed() -> None:
    _, results = record([0.0, 0.1], heatmaps=True)
    for result in results:  # dark on the left, as the face is, in the mirrored frame, too
        heat = result.faces[0].heatmap
        assert heat[4, 1] < heat[4, 4] - 20
    _, standing = record([k / 30 for k in range(30)], heatmaps=True)
    last = [result.faces[0].heatmap for result in standing[-10:]]
    assert max(np.abs(heat - last[0]).max() for heat in last) < 2


def test_heat_maps_can_be_switched_on_in_the_middle_of_a_stream() -> None:
    recognizer = Recognizer(Recording(), SquareDetector())  # type: ignore[arg-type]
    stream, found = recognizer.new_stream(), []
    for k in range(6):
        recognizer.heatmaps = k in (2, 3)
        found.append(recognizer.process(Frame("x", k, k / 30, picture()), stream).faces[0])
    _, plain = record([k / 30 for k in range(6)])
    for face, expected in zip(found, plain, strict=True):
        np.testing.assert_array_equal(face.probabilities, expected.faces[0].probabilities)
    assert [face.heatmap is not None for face in found] == [False, False, True, True, False, False]
