"""A stream sees every second frame mirrored: what the network gets, and what comes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.capture import Frame
from livefer.faces import crop_faces
from livefer.recognizer import Recognizer


class Watching(LevelClassifier):
    """Remembers the crops; its maps are the crops in 6×6."""

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
    """A face whose left half is darker than the right one, and its upper half than the lower."""
    image = make_scene((100, 80, 100))
    image[80:140, 100:130] -= 30
    image[80:110, 100:160] -= 20
    return np.asarray(image, np.uint8)


def watch(times_s: list[float], still: bool = False, **more: Any) -> tuple[Watching, list[Any]]:
    classifier = Watching()
    recognizer = Recognizer(classifier, SquareDetector(), **more)  # type: ignore[arg-type]
    tracker = recognizer.tracker()
    frames = [Frame("x", 0, time_s, picture(), still=still) for time_s in times_s]
    return classifier, [recognizer.process(frame, tracker) for frame in frames]


@pytest.mark.parametrize("fps", [30, 4])
def test_every_second_frame_shows_the_mirror_image(fps: float) -> None:
    classifier, results = watch([k / fps for k in range(6)])
    plain = crop_faces(picture(), np.array([results[0].faces[0].box], np.float32))
    for k, seen in enumerate(classifier.seen):
        np.testing.assert_array_equal(seen, plain[:, :, ::-1] if k % 2 else plain)
    assert not (plain == plain[:, :, ::-1]).all()


@pytest.mark.parametrize(
    "more",
    [{"smoothing_s": 0}, {"still": True}, {"times_s": [0.0, 1.0, 2.0]}],
    ids=["not smoothed", "pictures", "seldom"],
)
def test_what_is_not_averaged_is_seen_plainly(more: dict[str, Any]) -> None:
    classifier, _ = watch(**{"times_s": [0.0, 0.1, 0.2], **more})
    plain = classifier.seen[0]
    assert len(classifier.seen) == 3
    assert all((seen == plain).all() for seen in classifier.seen)
    assert plain[0, 30, 10] < plain[0, 30, 40]


def test_a_heat_map_is_turned_back_and_smoothed() -> None:
    _, results = watch([0.0, 0.1], heatmaps=True)
    for result in results:  # dark on the left, as the face is, in the mirrored frame, too
        heat = result.faces[0].heatmap
        assert heat[4, 1] < heat[4, 4] - 20
    _, standing = watch([k / 30 for k in range(30)], heatmaps=True)
    last = [result.faces[0].heatmap for result in standing[-10:]]
    assert max(np.abs(heat - last[0]).max() for heat in last) < 2


def test_heat_maps_can_be_switched_on_in_the_middle_of_a_stream() -> None:
    recognizer = Recognizer(Watching(), SquareDetector())  # type: ignore[arg-type]
    tracker, found = recognizer.tracker(), []
    for k in range(6):
        recognizer.heatmaps = k in (2, 3)
        found.append(recognizer.process(Frame("x", k, k / 30, picture()), tracker).faces[0])
    _, plain = watch([k / 30 for k in range(6)])
    for face, expected in zip(found, plain, strict=True):
        np.testing.assert_array_equal(face.probabilities, expected.faces[0].probabilities)
    assert [face.heatmap is not None for face in found] == [False, False, True, True, False, False]
