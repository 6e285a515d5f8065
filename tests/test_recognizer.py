"""The road from an image to faces, with a transparent detector and network."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_avi
from fakes import SquareDetector
from numpy.typing import NDArray

import livefer
from livefer.errors import ModelError, SourceError
from livefer.faces.boxes import crop_boxes
from livefer.faces.crops import crop_faces
from livefer.faces.quality import MIN_FACE_PX
from livefer.media.sources import Source
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.tracking.smoothing import Smoother
from livefer.tracking.tracker import Tracker

CLASSES = ("dark", "bright")
SIDE = 40


class Unsorted(SquareDetector):
    """Finds the squares in no particular order."""

    crop_scale = 0.5
    crop_shift_y = 0.1

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes, scores = super().detect(image)
        return boxes[np.argsort(boxes[:, 0] % 7)], scores  # as good as none


class LevelClassifier:
    """Calls a face bright by its mean gray level; its maps are constant."""

    classes = CLASSES
    input_size = 48
    crop_scale = 1.2
    uncertain_below = 0.6
    metadata: dict[str, str] = {}  # noqa: RUF012
    name = "level"

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert faces.shape[1:] == (48, 48)
        bright = faces.reshape(len(faces), 48 * 48).mean(axis=1) / 255
        return np.stack([1 - bright, bright], axis=1).astype(np.float32)

    def predict_with_cams(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        cams = np.arange(2, dtype=np.float32)[None, :, None, None] * np.ones((len(faces), 1, 6, 6))
        return self.predict(faces), cams.astype(np.float32)

    def heatmap(self, cam: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((48, 48), cam.max(), np.float32)


def make(**more: Any) -> Recognizer:
    return Recognizer(model=LevelClassifier(), detector=Unsorted(), **more)  # type: ignore[arg-type]


def scene(*squares: tuple[int, int, int], side: int = SIDE) -> NDArray[np.uint8]:
    """A dark picture with squares at (left, top) of a gray level, with the grain of sharp ones."""
    image = np.full((240, 320, 3), 10, np.uint8)
    grain = 8 * (np.indices((side, side)).sum(axis=0) % 2) - 4
    for left, top, level in squares:
        image[top : top + side, left : left + side] = level + grain[..., None]
    return image


def write_picture(path: Path, image: NDArray[np.uint8]) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def summary(result: FrameResult) -> list[tuple[int | None, str, int]]:
    return [(face.track_id, face.label, round(face.box[0])) for face in result.faces]


# Pictures


def test_faces_come_from_left_to_right_with_what_was_found() -> None:
    image = scene((200, 50, 200), (20, 100, 80), (100, 10, 140))
    faces = make()(image)
    assert [face.box for face in faces] == [
        (20, 100, 60, 140),
        (100, 10, 140, 50),
        (200, 50, 240, 90),
    ]
    assert [face.label for face in faces] == ["dark", "bright", "bright"]
    assert [face.second_label for face in faces] == ["bright", "dark", "dark"]
    assert [face.confidence for face in faces] == pytest.approx(
        [1 - 80 / 255, 140 / 255, 200 / 255], abs=0.01
    )
    assert [face.uncertain for face in faces] == [False, True, False]
    assert [face.track_id for face in faces] == [None] * 3
    assert [face.heatmap for face in faces] == [None] * 3
    assert [face.score for face in faces] == pytest.approx([0.8] * 3)
    assert all(face.classes == CLASSES for face in faces)


def test_both_crop_scales_and_the_shift_are_used() -> None:
    image = np.random.default_rng(0).integers(0, 30, (240, 320, 3), np.uint8)
    image[60:100, 80:120] = np.random.default_rng(1).integers(41, 255, (40, 40, 3))
    (face,) = make()(image)
    box = np.array([[80, 60, 120, 100]], np.float32)
    assert face.crop_box == tuple(crop_boxes(box, 0.6, 0.1)[0].tolist())
    expected = LevelClassifier().predict(crop_faces(image, box, 0.6, 0.1))[0]
    np.testing.assert_array_equal(face.probabilities, expected)


def test_path_array_and_pil_image_give_the_same(tmp_path: Path) -> None:
    image = scene((200, 50, 200), (20, 100, 80))
    image[:, :, 2] //= 2  # colours in the wrong order would show
    path = write_picture(tmp_path / "a.png", image)
    recognizer = make()
    given: list[Any] = [image, path, str(path)]
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        given.append(Image.open(path))
    expected = [face.to_dict() for face in recognizer(image)]
    assert len(expected) == 2
    for one in given:
        assert [face.to_dict() for face in recognizer(one)] == expected


def test_a_frame_holds_any_image_in_memory() -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    image, recognizer = scene((20, 100, 80)), make()
    expected = recognizer.process(Frame("a", 0, 0.0, image))
    assert expected.image is image
    for given in (image[:, :, 0], pil.fromarray(image[:, :, ::-1].copy()), image[:, :, [0, 1, 2]]):
        result = recognizer.process(Frame("a", 0, 0.0, given))
        assert result.to_dict() == expected.to_dict()
        np.testing.assert_array_equal(result.image, image)


def test_no_face_is_an_empty_answer() -> None:
    assert make()(scene()) == []
    assert make(heatmaps=True)(scene()) == []


def test_a_frame_without_a_face_says_why_and_a_cut_says_so() -> None:
    recognizer, black = make(), np.zeros((240, 320, 3), np.uint8)
    face = scene((20, 50, 200))

    def note(image: Any, **more: Any) -> str | None:
        return recognizer.process(Frame("v", 0, 0.0, image, **more), recognizer.new_stream()).note

    assert note(black, still=True) == note(black) == note(black, is_cut=True) == "too dark"
    assert note(face) is None
    assert note(face, is_cut=True) == "cut"
    assert note(black, note="damaged") == note(face, note="damaged", is_cut=True) == "damaged"
    assert note(None, error="gone") is None


def test_heat_maps_on_request_are_of_the_label() -> None:
    dark, bright = make(heatmaps=True)(scene((20, 100, 80), (200, 50, 200)))
    assert dark.heatmap is not None
    assert bright.heatmap is not None
    assert (dark.heatmap.max(), bright.heatmap.min()) == (0, 1)


@pytest.mark.parametrize(
    ("limit", "side", "expected"),
    [
        (None, SIDE, True),  # the model's own: 0.6
        (0.5, SIDE, False),
        (0.0, MIN_FACE_PX, False),
        (0.0, MIN_FACE_PX - 1, True),
    ],
)
def test_uncertain(limit: float | None, side: int, expected: bool) -> None:
    (face,) = make(uncertain_below=limit)(scene((100, 100, 140), side=side))
    assert face.uncertain is expected


def test_a_smear_is_uncertain_whatever_the_network_says() -> None:
    recognizer = make(uncertain_below=0.0)
    sharp = scene((100, 100, 140))
    smeared = sharp.copy()
    smeared[100:140, 100:140] = 140
    assert [face.uncertain for face in recognizer(sharp)] == [False]
    assert [face.uncertain for face in recognizer(smeared)] == [True]


def test_a_face_half_outside_the_picture_is_uncertain() -> None:
    recognizer = make(uncertain_below=0.0)
    box = np.array([[100, 100, 140, 140]], np.float32)
    recognizer.detector.detect = lambda image: (box, np.ones(1, np.float32))  # type: ignore[method-assign]
    whole = scene((100, 100, 140))
    assert [face.uncertain for face in recognizer(whole)] == [False]
    assert [face.uncertain for face in recognizer(whole[:, :122])] == [False]
    assert [face.uncertain for face in recognizer(whole[:, :118])] == [True]


@pytest.mark.parametrize("kind", ["absent.jpg", "text.jpg"])
def test_a_wrong_picture_is_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(SourceError, match=kind):
        make()(tmp_path / kind)


# Streams


def test_a_video_is_tracked_and_smoothed(tmp_path: Path) -> None:
    """The level of one square jumps; the label follows within the window, the raw one at once."""
    images = [scene((20 + k, 50, 200 if k < 20 else 60), (250 - k, 180, 200)) for k in range(40)]
    path = write_avi(tmp_path / "v.avi", images)
    results = list(make(smoothing_s=0.33).stream(path))
    assert [r.index for r in results] == list(range(40))
    assert all(r.source == str(path) and r.error is None for r in results)
    assert [[face.track_id for face in r.faces] for r in results] == [[1, 2]] * 40
    jumping = [r.faces[0] if r.faces[0].box[1] < 100 else r.faces[1] for r in results]
    assert len({face.track_id for face in jumping}) == 1
    assert [int(face.raw_probabilities.argmax()) for face in jumping] == [1] * 20 + [0] * 20
    labels = [face.class_id for face in jumping]
    assert labels[:22] == [1] * 22
    assert labels[29:] == [0] * 11
    assert set(results[0].timings_ms) == {"detect", "crop", "classify", "track"}
    assert all(ms >= 0 for r in results for ms in r.timings_ms.values())

    raw = list(make(smoothing_s=0).stream(path))
    for r in raw:
        for face in r.faces:
            np.testing.assert_array_equal(face.probabilities, face.raw_probabilities)


def test_frames_of_a_stream_equal_pictures_where_nothing_is_smoothed(tmp_path: Path) -> None:
    images = [scene((20 + 5 * k, 50, 200), (200, 100, 90)) for k in range(5)]
    recognizer = make(smoothing_s=0)
    for result in recognizer.stream(write_avi(tmp_path / "v.avi", images)):
        assert result.image is not None
        alone = recognizer(result.image)
        streamed = sorted(result.faces, key=lambda face: face.box[0])
        assert [{**f.to_dict(), "track_id": None} for f in streamed] == [f.to_dict() for f in alone]


def test_a_folder_is_not_tracked_and_a_bad_file_is_a_result(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", scene((20, 50, 200)))
    (tmp_path / "2.png").write_bytes(b"broken")
    write_picture(tmp_path / "3.png", scene())
    write_picture(tmp_path / "4.png", scene((20, 50, 60)))
    results = list(make().stream(tmp_path))
    assert [summary(r) for r in results] == [[(None, "bright", 20)], [], [], [(None, "dark", 20)]]
    assert [r.error is not None for r in results] == [False, True, False, False]
    assert results[1].image is None
    assert "2.png" in str(results[1].error)
    for given in (str(tmp_path / "*.png"), sorted(tmp_path.iterdir())):
        assert [summary(r) for r in make().stream(given)] == [summary(r) for r in results]


def test_each_file_of_a_list_has_its_own_people(tmp_path: Path) -> None:
    a = write_avi(tmp_path / "a.avi", [scene((20, 50, 200))] * 3)
    b = write_avi(tmp_path / "b.avi", [scene((150, 150, 60), (200, 50, 60))] * 3)
    results = list(make(smoothing_s=5).stream([a, b]))
    assert [[f.track_id for f in r.faces] for r in results] == [[1]] * 3 + [[1, 2]] * 3
    assert {f.label for r in results[3:] for f in r.faces} == {"dark"}
    c = write_avi(tmp_path / "c.avi", [scene((20 + 20 * i, 50, 200)) for i in range(10)])
    twice = [summary(r) for r in make().stream([c, c])]
    assert twice[10:] == twice[:10]


def test_a_video_cut_short_ends_with_an_error(tmp_path: Path) -> None:
    path = write_avi(tmp_path / "v.avi", [scene((20, 50, 200))] * 50)
    path.write_bytes(path.read_bytes()[:-20000])
    *results, last = make().stream(path)
    assert results
    assert all(len(r.faces) == 1 and r.error is None for r in results)
    assert (last.image, last.faces) == (None, ())
    assert "the rest is damaged or missing" in str(last.error)


def test_two_streams_of_one_recognizer_share_nothing(tmp_path: Path) -> None:
    a = write_avi(tmp_path / "a.avi", [scene((20, 50, 200 - 15 * k)) for k in range(10)])
    b = write_avi(tmp_path / "b.avi", [scene((25, 50, 60 + 15 * k)) for k in range(10)])

    def numbers(results: list[FrameResult]) -> list[Any]:
        return [[face.to_dict() for face in r.faces] for r in results]

    together = list(zip(make().stream(a), make().stream(b), strict=True))
    one = make()
    mixed = list(zip(one.stream(a), one.stream(b), strict=True))
    for pairs in (together, mixed):
        assert numbers([x for x, _ in pairs]) == numbers(list(make().stream(a)))
        assert numbers([y for _, y in pairs]) == numbers(list(make().stream(b)))


def test_frames_of_ones_own_give_what_their_video_gives(tmp_path: Path) -> None:
    images = [scene((20 + k, 50, 200 if k < 20 else 60), (250 - k, 180, 200)) for k in range(40)]
    recognizer = make(smoothing_s=0.33)
    expected = list(recognizer.stream(write_avi(tmp_path / "v.avi", images)))

    def pairs() -> Iterator[tuple[float, Any]]:
        for result in expected:
            yield result.time_s, result.image

    def frames() -> Iterator[Frame]:
        for index, (time_s, image) in enumerate(pairs()):
            yield Frame("mine", index, time_s, image)

    for given in (pairs(), list(pairs()), frames(), Source("mine", frames())):
        results = list(recognizer.stream(given))
        assert [r.to_dict()["faces"] for r in results] == [r.to_dict()["faces"] for r in expected]
        assert [r.time_s for r in results] == [r.time_s for r in expected]
    assert {r.source for r in recognizer.stream(frames())} == {"mine"}
    results = list(recognizer.stream(image for _, image in pairs()))
    assert [[face.track_id for face in r.faces] for r in results] == [[1, 2]] * 40


def test_streams_side_by_side_keep_their_people_apart() -> None:
    door = [Frame("door", k, k / 25, scene((20 + k, 50, 200))) for k in range(10)]
    hall = [Frame("hall", k, k / 25, scene((25, 50, 60), (200, 50, 60))) for k in range(10)]
    mixed = [frame for pair in zip(door, hall, strict=True) for frame in pair]
    recognizer = make(smoothing_s=5)
    for live in (False, True):
        results = list(recognizer.stream(Source("both", iter(mixed), live)))
        for name, frames in (("door", door), ("hall", hall)):
            alone = list(recognizer.stream(Source(name, iter(frames), live)))
            among = [r for r in results if r.source == name]
            assert [r.to_dict()["faces"] for r in among] == [r.to_dict()["faces"] for r in alone]
        assert {f.label for r in results if r.source == "hall" for f in r.faces} == {"dark"}


def test_reset_starts_everybody_anew(tmp_path: Path) -> None:
    images = [scene((20, 50, 200))] * 5 + [scene((20, 50, 60))] * 5
    recognizer = make(smoothing_s=5)
    labels = []
    for result in recognizer.stream(write_avi(tmp_path / "v.avi", images)):
        labels.append(result.faces[0].label)
        assert result.faces[0].track_id == 1
        if result.index == 4:
            recognizer.reset()
    assert labels == ["bright"] * 5 + ["dark"] * 5


def test_a_stream_that_cannot_be_opened_says_so_before_it_is_iterated(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"absent\.mp4"):
        make().stream(tmp_path / "absent.mp4")


def test_leaving_a_live_stream_ends_its_thread(tmp_path: Path) -> None:
    path = write_avi(tmp_path / "v.avi", [scene((20, 50, 200))] * 30, fps=2)
    stream = make().stream(path, live=True)
    assert next(stream).n_skipped == 0
    stream.close()
    assert [t for t in threading.enumerate() if t.name == "livefer-capture"] == []


def test_many_frames_at_once_equal_one_after_the_other() -> None:
    images = [scene((40, 50, 90), (200, 60, 160)), None, scene(), scene((44, 50, 220))]
    frames = [Frame("a", i, i / 10, image) for i, image in enumerate(images)]
    recognizer = make(heatmaps=True)
    one, other = recognizer.new_stream(), recognizer.new_stream()
    together = recognizer.process_many(frames, [one] * 4)
    for frame, result in zip(frames, together, strict=True):
        alone = recognizer.process(frame, other)
        assert result.to_dict() == alone.to_dict()
        for a, b in zip(result.faces, alone.faces, strict=True):
            np.testing.assert_array_equal(a.heatmap, b.heatmap)
    assert [len(r.faces) for r in together] == [2, 0, 0, 1]
    assert recognizer.process_many([], []) == []


@pytest.mark.parametrize("is_set", [False, True])
def test_heat_maps_may_be_asked_for_in_one_call(is_set: bool) -> None:
    recognizer, frame = make(heatmaps=is_set), Frame("a", 0, 0.0, scene((40, 50, 90)))
    for asked, expected in ((None, is_set), (True, True), (False, False)):
        (result,) = recognizer.process_many([frame], [None], heatmaps=asked)
        assert (result.faces[0].heatmap is not None) == expected
    assert recognizer.heatmaps == is_set


def test_the_prior_belongs_to_the_classifier() -> None:
    with pytest.raises(ValueError, match="EmotionClassifier"):
        make(prior=0.5)


@pytest.mark.parametrize("smoothing_s", [-1, float("nan")])
def test_smoothing_is_no_negative_time(smoothing_s: float) -> None:
    with pytest.raises(ValueError, match="smoothing_s is a number of seconds, 0 or more"):
        make(smoothing_s=smoothing_s)


def test_skipped_frames_are_passed_on() -> None:
    frame = Frame("camera 0", 7, 0.3, scene((20, 50, 200)), n_skipped=4)
    recognizer = make()
    result = recognizer.process(frame, recognizer.new_stream())
    assert (result.n_skipped, result.index, result.time_s) == (4, 7, 0.3)
    assert summary(result) == [(1, "bright", 20)]
    assert summary(recognizer.process(frame)) == [(None, "bright", 20)]


def test_in_a_stream_faces_are_cut_steadily_and_reported_where_they_were_found() -> None:
    recognizer, tracker, smoother = make(), Tracker(), Smoother()
    stream = recognizer.new_stream()
    offs = []
    for i, left in enumerate((100, 101, 100, 100, 101, 99, 100, 101)):
        frame = Frame("film", i, i / 30, scene((left, 60, 140)))
        (face,) = recognizer.process(frame, stream).faces
        assert face.box == (left, 60, left + SIDE, 60 + SIDE)
        box = np.array([face.box], np.float32)
        steady = smoother.steady_boxes(box, tracker.match(box, frame.time_s))
        assert face.crop_box == tuple(crop_boxes(steady, 0.6, 0.1)[0].tolist())
        offs.append(abs(steady[0, 0] - left))
    assert 0.2 < max(offs) <= 0.03 * SIDE + 1e-3


# The package's names


def test_public_names() -> None:
    for name in livefer.__all__:
        assert getattr(livefer, name) is not None
    assert livefer.Recognizer is Recognizer
    assert set(livefer.__all__) <= set(dir(livefer))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = livefer.nothing


def test_importing_livefer_loads_nothing_heavy() -> None:
    code = "import livefer, sys; print(sorted({'cv2', 'numpy', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Graded(SquareDetector):
    """Is the surer of a square the further right it is."""

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes, _ = super().detect(image)
        return boxes, np.asarray(boxes[:, 0] / image.shape[1], np.float32)


@pytest.mark.parametrize("live", [None, False, True])
def test_faces_below_the_least_score_are_left_out(live: bool | None) -> None:
    image = scene((20, 100, 80), (96, 50, 200), (224, 50, 200))
    for least, expected in ((None, 3), (0, 3), (0.3, 2), (0.31, 1), (1, 0)):
        model: Any = LevelClassifier()
        recognizer = Recognizer(model, Graded(), min_score=least)
        stream = None if live is None else recognizer.new_stream(live)
        result = recognizer.process(Frame("a", 0, 0.0, image), stream)
        assert len(result.faces) == expected
        assert all(face.score >= (least or 0) for face in result.faces)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, 70, float("nan")])
def test_a_least_score_outside_0_to_1_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="min_score is a detector's score, 0 to 1; got"):
        make(min_score=wrong)


def test_a_missing_model_is_named() -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx"):
        Recognizer(model="absent.onnx")
    with pytest.raises(ModelError, match="~nobody-of-that-name"):
        Recognizer(model="~nobody-of-that-name/my.onnx")
    with pytest.raises(ModelError, match="nobody"):
        Recognizer(model=LevelClassifier(), detector="nobody")  # type: ignore[arg-type]


def test_a_face_holds_what_the_network_saw() -> None:
    image = scene((100, 90, 200))
    (face,) = make()(image)
    assert face.crop is not None
    assert (face.crop.shape, face.crop.dtype) == ((48, 48), np.uint8)
    expected = crop_faces(image, [face.crop_box])[0]
    assert np.abs(face.crop.astype(int) - expected).max() <= 1


RED = np.dstack([np.full((6, 8), value, np.uint8) for value in (10, 20, 200)])  # BGR
RED_PIXEL = [10, 20, 200]


class Colours:
    """Remembers the first pixel of what it searches."""

    crop_scale, crop_shift_y = 1.0, 0.0

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        self.seen.append(image[0, 0].tolist())
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)


def rgb_recognizer(is_rgb: bool = True) -> tuple[Recognizer, Colours]:
    detector = Colours()
    model: Any = LevelClassifier()
    made = Recognizer(model, detector, rgb=is_rgb)
    detector.seen.clear()
    return made, detector


def given_as_rgb() -> dict[str, Any]:
    """Every way to hand over a picture, whose arrays are RGB."""
    rgb = np.ascontiguousarray(RED[..., ::-1])
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow").fromarray(rgb)
    return {
        "array": rgb,
        "rgba": np.dstack([rgb, np.full((6, 8), 255, np.uint8)]),
        "pil": pil,
        "file": cv2.imencode(".png", RED)[1].tobytes(),
    }


@pytest.mark.parametrize("kind", ["array", "rgba", "pil", "file"])
def test_rgb_pictures_are_searched_as_bgr(kind: str) -> None:
    image = given_as_rgb()[kind]
    made, detector = rgb_recognizer()
    made(image)
    for source in (image, [image], (one for one in [image]), ((t, image) for t in [0.0])):
        (result,) = made.stream(source)
        assert result.error is None
        assert result.image is not None
        assert result.image[0, 0].tolist() == RED_PIXEL
    assert detector.seen == [RED_PIXEL] * 5


def test_rgb_frames_of_a_program_are_searched_as_bgr() -> None:
    rgb = np.ascontiguousarray(RED[..., ::-1])
    made, detector = rgb_recognizer()
    frames = [Frame("door", i, 0.1 * i, rgb) for i in range(2)]
    assert len(list(made.stream(Source("door", (one for one in frames))))) == 2
    assert len(list(made.stream(iter(frames)))) == 2
    for frame in frames:
        assert made.process(frame).image is not None
    assert detector.seen == [RED_PIXEL] * 6
    assert frames[0].image is rgb


def test_a_closed_stream_of_rgb_frames_closes_its_generator() -> None:
    closed = []

    def images() -> Iterator[Any]:
        try:
            while True:
                yield RED
        finally:
            closed.append(True)

    made, _ = rgb_recognizer()
    stream = made.stream(images())
    next(stream)
    stream.close()
    assert closed == [True]


def test_files_are_right_with_rgb_and_gray_stays_gray(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", RED)
    made, detector = rgb_recognizer()
    made(tmp_path / "a.png")
    list(made.stream([str(tmp_path / "a.png"), np.full((6, 8), 7, np.uint8)]))
    assert detector.seen == [RED_PIXEL] * 2 + [[7, 7, 7]]
    made, detector = rgb_recognizer(is_rgb=False)
    made(RED)
    assert detector.seen == [RED_PIXEL]
