"""Two face detectors with one method: the Haar cascades that come with OpenCV, and YuNet.

`detect(image)` takes (H, W) gray or (H, W, 3) BGR uint8 and returns boxes (N, 4) float32, xyxy in
pixels, and scores (N,) float32, 0–1, best first. A detector is not thread-safe: one owner each.
Nothing here prints or downloads; `hint` is a line for the user when a better detector exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.downloads import Progress, cache_dir, fetch, install
from livefer.errors import ModelError
from livefer.faces import check_image, to_gray

YUNET_FILE = "face_detection_yunet_2023mar.onnx"
YUNET_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
    f"face_detection_yunet/{YUNET_FILE}"
)
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
YUNET_HINT = "faces found with a Haar cascade; YuNet finds more of them: livefer download yunet"

# 104 photographs, long sides of 320-1600 and thresholds of 0.5-0.9: all counted right from 0.65 to
# 0.75 at 960; enlarging small pictures to it gains nothing (bench/detect.py, docs/experiments.md).
_YUNET_SIDE_PX = 960
_YUNET_THRESHOLD = 0.7

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]


class HaarDetector:
    """The frontal-face cascade that OpenCV ships; upright faces that look at the camera."""

    name = "haar"
    # FER2013 was itself cut by such a cascade: bench/crop_scale.py, docs/experiments.md.
    crop_scale = 1.0
    crop_shift_y = 0.0

    def __init__(self, hint: str | None = None) -> None:
        self.hint = hint
        self._cascade = _load_cascade("haarcascade_frontalface_alt2.xml")

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1."""
        gray = to_gray(image)
        if min(gray.shape) < 20:
            return _nothing()
        rects, _, weights = self._cascade.detectMultiScale3(
            gray, scaleFactor=1.1, minNeighbors=4, minSize=(24, 24), outputRejectLevels=True
        )
        if len(rects) == 0:
            return _nothing()
        boxes = np.asarray(rects, np.float32)
        boxes[:, 2:] += boxes[:, :2]
        scores = 1 / (1 + np.exp(-np.asarray(weights, np.float32).ravel()))
        order = np.argsort(-scores, kind="stable")
        return boxes[order], scores[order].astype(np.float32)


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, 2023, https://doi.org/10.1007/s11633-023-1423-y): small and good."""

    name = "yunet"
    # Framing of FER2013: bench/crop_scale.py, docs/experiments.md.
    crop_scale = 1.12
    crop_shift_y = -0.02
    hint: str | None = None

    def __init__(self, model: str | Path | None = None) -> None:
        path = Path(model) if model is not None else yunet_path()
        if path is None or not path.is_file():
            raise ModelError(
                f"YuNet's file is not at {path or cache_dir() / YUNET_FILE}: "
                "run livefer download yunet, or give the path of an .onnx you have"
            )
        weights = np.fromfile(path, np.uint8)  # a buffer: cv2 cannot open every path on Windows
        try:
            self._net = cv2.FaceDetectorYN.create(
                "onnx", weights, np.zeros(0, np.uint8), (320, 320), _YUNET_THRESHOLD, 0.3, 5000
            )
        except cv2.error as error:
            raise ModelError(
                f"{path} is not a YuNet model that OpenCV reads ({error.err}): "
                f"expected {YUNET_FILE} of OpenCV Zoo"
            ) from error

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1."""
        image = check_image(image)
        if image.size == 0:
            return _nothing()
        bgr = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        height, width = bgr.shape[:2]
        scale = min(1.0, _YUNET_SIDE_PX / max(height, width))
        if scale < 1:
            size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
            bgr = cv2.resize(bgr, size_wh, interpolation=cv2.INTER_AREA)
        self._net.setInputSize((bgr.shape[1], bgr.shape[0]))
        rows: Any = self._net.detect(np.ascontiguousarray(bgr))[1]  # None without a face
        if rows is None:
            return _nothing()
        boxes = np.asarray(rows[:, :4], np.float32)
        boxes[:, 2:] += boxes[:, :2]
        boxes *= np.array([width / bgr.shape[1], height / bgr.shape[0]] * 2, np.float32)
        return boxes, np.clip(rows[:, 14], 0, 1).astype(np.float32)


Detector = HaarDetector | YuNetDetector


def make_detector(name: str | Path = "auto") -> Detector:
    """Return a detector by name: auto, haar, yunet, or the path of a YuNet .onnx file.

    "auto" is YuNet where its file is already there, and Haar otherwise, with a `hint`.
    """
    if name == "haar":
        return HaarDetector()
    if name == "auto":
        return YuNetDetector() if yunet_path() is not None else HaarDetector(hint=YUNET_HINT)
    if name == "yunet":
        return YuNetDetector()
    if str(name).lower().endswith(".onnx"):
        return YuNetDetector(name)
    raise ModelError(
        f'unknown detector "{name}": expected auto, haar, yunet or the path of a YuNet .onnx file'
    )


def yunet_path() -> Path | None:
    """Return YuNet's file where `download_yunet` puts it, or None when it is not there."""
    path = cache_dir() / YUNET_FILE
    return path if path.is_file() else None


def download_yunet(file: Path | None = None, progress: Progress | None = None) -> Path:
    """Put YuNet's file into the cache, from OpenCV Zoo or from a copy at `file`, and check it."""
    to = cache_dir() / YUNET_FILE
    if file is not None:
        return install(file, to, YUNET_SHA256)
    return fetch(YUNET_URL, to, YUNET_SHA256, progress)


def _load_cascade(name: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).with_name("data") / name
    # Through memory: cv2 cannot open every path on Windows.
    storage = cv2.FileStorage(
        path.read_text(encoding="utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
    )
    cascade = cv2.CascadeClassifier()
    if not cascade.read(storage.getFirstTopLevelNode()):
        raise ModelError(f"{path} could not be loaded: reinstall opencv-python-headless")
    return cascade


def _nothing() -> tuple[Boxes, Scores]:
    return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
