"""All detectors: one contract, the faces of a real photograph, and none in empty pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from portrait import pasted, portrait

import livefer
from livefer.detection import haar, native
from livefer.detection.detectors import make_detector
from livefer.detection.haar import HaarDetector
from livefer.detection.native import NativeDetector
from livefer.detection.yunet import YuNetDetector, download_yunet
from livefer.errors import ModelError
from livefer.faces.boxes import crop_boxes, iou_matrix
from livefer.recognizer import Recognizer
from livefer.results import Frame

pytestmark = pytest.mark.slow

Image = NDArray[np.uint8]
AnyDetector = HaarDetector | YuNetDetector | NativeDetector
FACE_XYXY = (172, 60, 276, 178)
"""The face of the shipped picture, measured by hand: forehead to chin."""
FRAMING_XYXY = (165.0, 56.0, 281.0, 172.0)
"""What FER2013 would show of it: eyes at 40 % of the height, mouth at 75 %."""


@pytest.fixture(scope="session", params=["native", "haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> AnyDetector:
    if request.param == "native":
        return NativeDetector()
    if request.param == "haar":
        return HaarDetector()
    return YuNetDetector(request.getfixturevalue("yunet_file"))


@pytest.fixture(scope="session")
def astronaut() -> Image:
    return portrait(512)


def fits(boxes: NDArray[np.float32], expected: NDArray[np.float32] | list[list[float]]) -> bool:
    """Return whether the boxes are the expected ones, in any order."""
    overlaps = iou_matrix(boxes, expected)
    return overlaps.shape[0] == overlaps.shape[1] and bool((overlaps.max(axis=1) > 0.5).all())


def test_it_finds_the_face_of_the_shipped_picture(detector: AnyDetector, astronaut: Image) -> None:
    boxes, scores, _ = detector.detect(astronaut)
    assert boxes.dtype == scores.dtype == np.float32
    assert boxes.shape == (1, 4)
    assert scores.shape == (1,)
    assert 0 < scores[0] <= 1
    assert fits(boxes, [list(FACE_XYXY)])


def test_the_crop_has_the_framing_of_fer2013(detector: AnyDetector, astronaut: Image) -> None:
    """The detectors' boxes differ, the squares that are cut for them do much less."""
    boxes, _, _ = detector.detect(astronaut)
    square = crop_boxes(boxes, detector.crop_scale, detector.crop_shift_y)
    assert iou_matrix(square, [FRAMING_XYXY])[0, 0] > 0.72


def test_gray_is_as_good_as_colour(detector: AnyDetector, astronaut: Image) -> None:
    expected, _, _ = detector.detect(astronaut)
    gray = cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY)
    for image in (gray, gray[:, :, None], np.dstack([astronaut, gray])):
        assert fits(detector.detect(image)[0], expected)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda image: cv2.resize(image, (2048, 2048)), id="larger"),
        pytest.param(lambda image: cv2.resize(image, (200, 200)), id="smaller"),
        pytest.param(lambda image: np.ascontiguousarray(image[:, ::-1]), id="mirrored"),
        pytest.param(lambda image: image[30:330, 100:400], id="a view into it"),
        pytest.param(lambda image: np.vstack([image, np.zeros_like(image)]), id="upright format"),
    ],
)
def test_boxes_follow_the_picture(
    detector: AnyDetector, astronaut: Image, change: Callable[[Image], Image]
) -> None:
    marked = np.zeros(astronaut.shape, np.uint8)
    left, top, right, bottom = FACE_XYXY
    marked[top:bottom, left:right] = 255
    y, x = np.nonzero(change(marked)[:, :, 0] > 127)
    expected = [[float(x.min()), float(y.min()), x.max() + 1.0, y.max() + 1.0]]
    assert fits(detector.detect(change(astronaut))[0], expected)


def test_two_faces_are_two_and_the_surer_comes_first(
    detector: AnyDetector, astronaut: Image
) -> None:
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 2)
    boxes, scores, _ = detector.detect(np.hstack([blurred, astronaut]))
    left, top, right, bottom = FACE_XYXY
    assert fits(boxes, [[left, top, right, bottom], [left + 512, top, right + 512, bottom]])
    assert scores[0] >= scores[1]


def test_the_same_picture_gives_the_same_faces_whatever_came_between(
    detector: AnyDetector, astronaut: Image
) -> None:
    before = astronaut.copy()
    first = detector.detect(astronaut)
    detector.detect(np.zeros((100, 300, 3), np.uint8))
    second = detector.detect(astronaut)
    assert np.array_equal(astronaut, before)
    for one, two in zip(first, second, strict=True):
        assert np.array_equal(one, two) or one is two is None


@pytest.mark.parametrize(
    "shape",
    [
        (0, 0, 3),
        (0, 5),
        (1, 1),
        (1, 4000, 3),
        (4000, 1),
        (0, 4000, 3),
        (5, 5, 3),
        (19, 19),
        (24, 24),
        (33, 300),
        (300, 31),
        (64, 64, 3),
    ],
)
def test_nothing_is_found_in_pictures_of_nothing(
    detector: AnyDetector, shape: tuple[int, ...]
) -> None:
    boxes, scores, _ = detector.detect(np.full(shape, 128, np.uint8))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
    assert boxes.dtype == scores.dtype == np.float32


@pytest.mark.parametrize("size_wh", [(640, 480), (331, 250), (96, 501)])
def test_yunet_finds_what_opencv_finds_with_it(
    yunet_file: Path, astronaut: Image, size_wh: tuple[int, int]
) -> None:
    image = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    for x, y, side in ((0, 0, 60), (10, 70, 90), (120, 20, 200), (350, 100, 300)):
        small = cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA)
        part = image[y : y + side, x : x + side]
        part[:] = small[: part.shape[0], : part.shape[1]]
    theirs = cv2.FaceDetectorYN.create(str(yunet_file), "", size_wh, 0.7, 0.3).detect(image)[1]
    boxes, scores, _ = YuNetDetector(yunet_file).detect(image)
    assert len(theirs) > 0
    assert np.allclose(boxes, np.hstack([theirs[:, :2], theirs[:, :2] + theirs[:, 2:4]]), atol=0.01)
    assert np.allclose(scores, theirs[:, 14], atol=1e-4)


def test_yunets_landmarks_are_those_of_the_face_also_in_its_mirror_image(
    yunet_file: Path, astronaut: Image
) -> None:
    """The numbers are those of the picture, read off by eye and by the network."""
    detector = YuNetDetector(yunet_file)
    expected = np.array([[200, 101], [247, 102], [220, 124], [198, 143], [239, 144]])
    landmarks = detector.detect(astronaut).landmarks
    assert landmarks is not None
    assert landmarks.dtype == np.float32
    assert np.abs(landmarks[0] - expected).max() < 9
    mirrored = detector.detect(np.ascontiguousarray(astronaut[:, ::-1])).landmarks
    assert mirrored is not None
    back = mirrored[0][[1, 0, 2, 4, 3]] * [-1, 1] + [astronaut.shape[1], 0]
    assert np.abs(back - landmarks[0]).max() < 8


def test_an_8k_picture(detector: AnyDetector, astronaut: Image) -> None:
    image = np.full((4320, 7680), 90, np.uint8)
    image[1000:3048, 2000:4048] = cv2.resize(
        cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), None, fx=4, fy=4
    )
    left, top, right, bottom = (4 * side for side in FACE_XYXY)
    expected = [[left + 2000, top + 1000, right + 2000, bottom + 1000]]
    assert fits(detector.detect(image)[0], expected)


@pytest.mark.parametrize("image", [np.zeros((50, 50, 3)), np.zeros((3, 50, 50), np.uint8)])
def test_what_is_no_picture_is_refused(detector: AnyDetector, image: Image) -> None:
    with pytest.raises(ValueError, match="expected an image of"):
        detector.detect(image)


def test_detect_near_tells_where_faces_are_now_and_which_are_gone(detector: AnyDetector) -> None:
    truth = detector.detect(pasted(120, 40))[0]
    side = truth[0, 2] - truth[0, 0]
    moved = truth + np.array([0.12, -0.1, 0.12, -0.1], np.float32) * side
    nothing = np.array([[500, 300, 580, 380], [-90, -90, -10, -10], [3, 3, 4, 4]], np.float32)
    image = pasted(120, 40)
    before = image.copy()
    boxes, scores, _ = detector.detect_near(image, np.concatenate([moved, nothing]))
    assert np.array_equal(image, before)
    assert boxes.shape == (4, 4)
    assert boxes.dtype == scores.dtype == np.float32
    assert iou_matrix(boxes[:1], truth)[0, 0] > 0.85
    assert (scores > 0).tolist() == [True, False, False, False]
    boxes, scores, _ = detector.detect_near(image, np.zeros((0, 4), np.float32))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_detect_near_finds_what_a_search_finds(detector: AnyDetector) -> None:
    for x, y in ((120.0, 40.0), (133.3, 21.7), (37.5, 63.1)):
        image = pasted(x, y)
        truth, score, _ = detector.detect(image)
        moved = truth + np.array([8, -6, 2, -12], np.float32)
        boxes, scores, _ = detector.detect_near(image, moved)
        assert iou_matrix(boxes, truth)[0, 0] > 0.93
        assert abs(scores[0] - score[0]) < 0.1


@pytest.mark.parametrize("degrees", [-24, 24])
def test_detect_near_finds_tilted_faces(detector: AnyDetector, degrees: float) -> None:
    image = pasted(120, 60, degrees)
    truth = detector.detect(image)[0]
    assert len(truth) == 1
    boxes, scores, _ = detector.detect_near(image, truth + np.float32(6))
    assert scores[0] > 0
    assert iou_matrix(boxes, truth)[0, 0] > 0.8


def test_the_parts_of_a_search_find_what_a_search_finds() -> None:
    detector = HaarDetector()
    upright, tilted = pasted(120, 40), pasted(120, 60, 24)
    small = np.full_like(upright, 90)
    small[200:360, 300:460] = portrait(160)
    no_faces, whole = np.zeros((0, 4), np.float32), (0, 0, 640, 480)
    for image in (upright, tilted, small):
        truth, _, _ = detector.detect(image)
        assert len(truth) == 1
        parts = [
            detector.search(image, part, whole, no_faces)[0]
            for part in range(len(detector.search_periods_s))
        ]
        assert iou_matrix(truth, np.concatenate(parts)).max() > 0.8
        for part in range(len(parts)):
            assert len(detector.search(image, part, whole, truth)[0]) == 0  # known already
        if image is upright:
            left, top, right, bottom = truth[0].astype(int)
            around = (left - 60, top - 60, right + 60, bottom + 60)
            there, _, _ = detector.search(image, 0, around, no_faces)
            assert iou_matrix(truth, there).max() > 0.8
            assert len(detector.search(image, 0, (0, 300, 200, 480), no_faces)[0]) == 0


@pytest.mark.parametrize("name", ["haar", "yunet"])
def test_a_least_score_is_the_detectors_own_threshold(
    name: str, yunet_file: Path, astronaut: Image
) -> None:
    """A score of its own limit changes nothing, a lower one brings more, a higher one less."""
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 12 if name == "yunet" else 10)
    image = np.hstack([astronaut, blurred])
    given = yunet_file if name == "yunet" else name
    own = 0.7 if name == "yunet" else 0.5
    usual = make_detector(given).detect(image)
    assert np.array_equal(make_detector(given, min_score=own).detect(image).boxes, usual.boxes)
    lower = make_detector(given, min_score=0.05).detect(image)
    assert len(lower.boxes) > len(usual.boxes) == 1
    assert 0.05 <= lower.scores.min() < own
    score = float(usual.scores[0])
    assert len(make_detector(given, min_score=score).detect(image).boxes) == 1
    assert len(make_detector(given, min_score=score + 0.01).detect(image).boxes) == 0
    for extreme in (0, 1):
        found = make_detector(given, min_score=extreme).detect(image)
        assert (len(found.boxes) > 1) == (extreme == 0)
        assert np.isfinite(found.boxes).all()


@pytest.mark.parametrize("name", ["haar", "yunet"])
@pytest.mark.parametrize("live", [False, True])
def test_no_face_of_a_stream_has_less_than_the_least_score(
    name: str, live: bool, yunet_file: Path
) -> None:
    """Known faces need less by themselves, and quick checks give scores of their own."""
    least = 0.9 if name == "yunet" else 0.65
    given = yunet_file if name == "yunet" else name
    recognizer = Recognizer(detector=given, min_score=least)
    stream = recognizer.new_stream(live)
    n_faces = 0
    for index in range(12):
        image = cv2.GaussianBlur(pasted(120 + 2 * index, 40), (0, 0), 0.1 + index / 4)
        faces = recognizer.process(Frame("a", index, index / 15, image), stream).faces
        assert all(face.score >= least for face in faces)
        n_faces += len(faces)
    assert n_faces > 0


def test_auto_is_livefers_own_also_where_yunet_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yunet_file: Path
) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path / "dépôt ü"))
    cached = download_yunet(yunet_file)
    assert cached.parent == tmp_path / "dépôt ü"
    assert [make_detector(name).name for name in ("auto", "native", "haar", "yunet")] == [
        *("native", "native", "haar", "yunet")
    ]
    for path in (cached, str(cached)):
        assert make_detector(path).name == "yunet"


def test_its_file_is_named_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "SHIPPED", tmp_path / "detector.onnx")
    with pytest.raises(ModelError, match="install livefer again"):
        make_detector("auto")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yunet", "run livefer download yunet"),
        ("nowhere/yunet.onnx", r"nowhere.yunet\.onnx"),
        ("mtcnn", 'unknown detector "mtcnn": expected auto, native, haar'),
    ],
)
def test_a_detector_that_is_not_there(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=message) as caught:
        make_detector(name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []  # nothing was downloaded


def test_a_file_that_is_not_yunet_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    assets = Path(livefer.__file__).parent / "assets"
    others = sorted(path for path in assets.glob("*.onnx") if path.stem != "detector")
    for content in (b"not a network", *(path.read_bytes() for path in others)):
        wrong.write_bytes(content)
        with pytest.raises(ModelError, match=r"wrong\.onnx is not a YuNet model") as caught:
            make_detector(wrong)
        assert "\n" not in str(caught.value)


def test_a_cascade_that_is_missing_or_damaged_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(haar.cv2, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "data").mkdir()
    name = "haarcascade_frontalface_alt2.xml"
    for content in (None, "", "no XML", "<?xml version='1.0'?><opencv_storage></opencv_storage>"):
        if content is not None:
            (tmp_path / "data" / name).write_text(content)
        with pytest.raises(
            ModelError, match=f"{name} could not be loaded: reinstall opencv.*by Py"
        ):
            HaarDetector()
