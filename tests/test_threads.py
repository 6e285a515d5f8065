"""One recogniser, one network and one detector may serve several threads at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from portrait import portrait

from livefer.classifier import EmotionClassifier
from livefer.detection.detectors import make_detector
from livefer.drawing.faces import draw_faces
from livefer.recognizer import Recognizer
from livefer.results import Frame

pytestmark = pytest.mark.slow

N_THREADS, N_CALLS = 8, 2000


@pytest.fixture(params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> str:
    if request.param == "haar":
        return "haar"
    return str(request.getfixturevalue("yunet_file"))


def pictures() -> list[NDArray[np.uint8]]:
    """A face, the same face elsewhere and smaller, and two pictures without any; of one size."""
    face = np.ascontiguousarray(portrait(150)[:90, 30:120])
    other = np.full_like(face, 90)
    other[:78, 12:90] = portrait(130)[:78, 26:104]
    ramp = np.repeat(np.repeat(np.linspace(0, 250, 90, dtype=np.uint8)[:, None, None], 90, 1), 3, 2)
    return [face, np.full_like(face, 128), other, ramp]


def equal(call: Callable[[Any], Any], given: Sequence[Any], n_calls: int = N_CALLS) -> bool:
    """Whether many calls from several threads give what single calls give."""
    expected = [call(one) for one in given]
    with ThreadPoolExecutor(N_THREADS) as pool:
        answers = pool.map(call, [given[k % len(given)] for k in range(n_calls)])
        return all(answer == expected[k % len(given)] for k, answer in enumerate(answers))


def test_one_recogniser_serves_many_threads(detector: str) -> None:
    recognizer = Recognizer(EmotionClassifier(threads=1), detector)
    given = pictures()
    assert [len(recognizer(image)) for image in given] == [1, 0, 1, 0]
    assert equal(lambda image: [face.to_dict() for face in recognizer(image)], given)


def test_streams_of_one_recogniser_run_in_threads_of_their_own(detector: str) -> None:
    recognizer = Recognizer(EmotionClassifier(threads=1), detector)
    a, gray, b, ramp = pictures()

    def run(images: Sequence[NDArray[np.uint8]], live: bool) -> list[Any]:
        stream = recognizer.new_stream(live)
        frames = (Frame("a", k, k / 30, image) for k, image in enumerate(images))
        return [recognizer.process(frame, stream).to_dict()["faces"] for frame in frames]

    films = [[a] * 5 + [gray] * 3, [b] * 8, [gray] * 4 + [b] * 4, [ramp] * 8]
    given = [(film, live) for film in films for live in (False, True)]
    assert equal(lambda one: run(*one), given, 40)


def test_one_detector_serves_many_threads(detector: str) -> None:
    finder = make_detector(detector)
    known = np.array([[30, 25, 90, 85]], np.float32)

    def find(image: NDArray[np.uint8]) -> list[Any]:
        found = [*finder.detect(image), *finder.detect_near(image, known)]
        return [values.tolist() for values in found]

    assert equal(find, pictures(), 200)


def test_one_network_serves_many_threads() -> None:
    classifier = EmotionClassifier(threads=1)
    faces = np.random.default_rng(0).integers(0, 255, (8, 48, 48), np.uint8)
    given = [faces[:1], faces[1:3], faces[3:], faces[:0]]
    assert equal(lambda some: [a.tolist() for a in classifier.predict_with_cams(some)], given, 400)


def test_pictures_are_drawn_and_read_by_many_threads(tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    recognizer = Recognizer(EmotionClassifier(threads=1), "haar")
    paths = [tmp_path / f"{k}.png" for k in range(4)]
    for path, image in zip(paths, pictures(), strict=True):
        pil.fromarray(image[:, :, ::-1].copy()).save(path)
    for _ in range(3):  # PIL reads a file when its pixels are needed first
        opened = [pil.open(path) for path in paths]
        with ThreadPoolExecutor(N_THREADS) as pool:
            drawn = list(pool.map(lambda i: draw_faces(i, recognizer(i), bars=True), opened * 8))
        for k, picture in enumerate(drawn):
            np.testing.assert_array_equal(picture, drawn[k % 4])
