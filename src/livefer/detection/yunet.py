"""The face detector that finds more: YuNet, from a file that is downloaded once.

ONNX Runtime runs it: it finds the faces that OpenCV's FaceDetectorYN finds, in less than half of
the time: docs/experiments/detection.md#2026-11-28-onnx-runtime-runs-yunet
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.cells import STRIDES_PX, CellDetector, best_boxes, padded_hw
from livefer.detection.detections import Detections
from livefer.errors import ModelError
from livefer.system.downloads import ByteProgress, cache_dir, fetch, install, place_of_download
from livefer.system.onnx_session import onnx_errors, open_session
from livefer.system.pool import Pool

YUNET_FILE = "face_detection_yunet_2023mar.onnx"
YUNET_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
    f"face_detection_yunet/{YUNET_FILE}"
)
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
YUNET_HINT = "faces found with a Haar cascade; YuNet finds more of them: livefer download yunet"

# On 104 photographs, with long sides of 320-1600 px and thresholds of 0.5-0.9: all counts are right
# from 0.65 to 0.75 at 960 px; enlarging small pictures gains nothing: bench/detect.py,
# docs/experiments/detection.md#2026-11-22-haar-counts-right-in-93-of-104-photographs-instead-of-68
_SIDE_PX = 960
_THRESHOLD = 0.7
_KNOWN_THRESHOLD = 0.6  # enough for a known face
# The file fixes the input to 640×640 pixels. In these bytes of it, two fixed sides (dim_value of
# onnx.proto's Dimension, two bytes long) become free ones (dim_param) of the same length.
_FIXED_SIDES = re.compile(rb"(?s)(\n\x02\x08\x01\n\x02\x08\x03)\n\x03\x08..\n\x03\x08..")
_FREE_SIDES = b"\\1\n\x03\x12\x01h\n\x03\x12\x01w"
_OUTPUTS = [f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in STRIDES_PX]


class YuNetDetector(CellDetector):
    """YuNet (Wu, Peng and Yu, 2023, https://doi.org/10.1007/s11633-023-1423-y): small and good.

    Several threads may use one detector.
    """

    name = "yunet"
    # Framing of FER2013: bench/crop_scale.py,
    # docs/experiments/detection.md#2026-11-22-the-framing-of-fer2013-is-that-of-a-haar-box
    crop_scale = 1.12
    crop_shift_y = -0.02
    hint: str | None = None
    side_px = _SIDE_PX
    threshold = _THRESHOLD
    known_threshold = _KNOWN_THRESHOLD

    def __init__(
        self,
        model: str | Path | None = None,
        threads: int | None = None,
        min_score: float | None = None,
    ) -> None:
        """Load the network.

        model: its file; None is the one that was downloaded
        threads: processor cores for one search; None: those that this process may use
        min_score: as for CellDetector

        ModelError where there is no such file, or another network in it.
        """
        super().__init__(min_score)
        path = Path(model) if model is not None else yunet_path()
        if path is None or not path.is_file():
            raise ModelError(
                f"YuNet's file is not {f'at {path}' if path else 'installed'}: "
                "run livefer download yunet, or give the path of an .onnx you have"
            )
        self._inputs = Pool(_Input)
        wrong_file: tuple[type[Exception], ...] = (ValueError, *onnx_errors())
        content = _FIXED_SIDES.sub(_FREE_SIDES, path.read_bytes(), count=1)
        try:
            self._session = open_session(content, threads)
            self.find(np.zeros((32, 32, 3), np.uint8), _THRESHOLD)  # another model fails here
        except wrong_file as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"{path} is not a YuNet model ({reason}): expected {YUNET_FILE} of OpenCV Zoo"
            ) from error

    def find(self, image: NDArray[np.uint8], threshold: float) -> Detections:
        """Return the faces above a threshold, best first, at the picture's own resolution.

        image: (H, W, 3) or (H, W), at least one pixel
        """
        with self._inputs.lent() as network_input:
            x = network_input.filled(image)
            answers = self._session.run(_OUTPUTS, {"input": x})
        return _faces(dict(zip(_OUTPUTS, answers, strict=True)), x.shape[3], threshold)


class _Input:
    """The network's input, in arrays that are used again: this saves milliseconds a search."""

    def __init__(self) -> None:
        self._hw = (0, 0)
        self._x = np.zeros((1, 3, 0, 0), np.float32)
        self._planes: list[NDArray[np.uint8]] = []

    def filled(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, 3, h, w) float32, BGR, 0 to 255, with the image in its upper left corner."""
        height, width = image.shape[:2]
        if self._hw != (height, width):
            self._x = np.zeros((1, 3, *padded_hw(image)), np.float32)
            self._planes = [np.empty((height, width), np.uint8) for _ in range(3)]
            self._hw = height, width
        planes = cv2.split(image, self._planes) if image.ndim == 3 else [image] * 3
        for channel, plane in enumerate(planes):
            self._x[0, channel, :height, :width] = plane
        return self._x


def _faces(answers: dict[str, NDArray[np.float32]], width_px: int, threshold: float) -> Detections:
    """Return the faces in the network's output for the cells of three grids, best first.

    answers: for each stride "cls", "obj" (1, cells, 1), 0–1, "bbox" (1, cells, 4): the middle
        from the cell's corner, and the logarithms of width and height, in strides; and "kps"
        (1, cells, 10): points from the cell's corner, in strides; row by row
    width_px: of the network's input
    """
    boxes, scores, points = [], [], []
    for stride in STRIDES_PX:
        squared = answers[f"cls_{stride}"][0, :, 0] * answers[f"obj_{stride}"][0, :, 0]
        cells = np.flatnonzero(squared >= threshold**2)
        corner = np.stack([cells % (width_px // stride), cells // (width_px // stride)], axis=1)
        box = answers[f"bbox_{stride}"][0, cells]
        middle, half = corner + box[:, :2], np.exp(box[:, 2:]) / 2
        boxes.append(np.hstack([middle - half, middle + half]) * stride)
        scores.append(np.sqrt(squared[cells]))
        of_cell = answers[f"kps_{stride}"][0, cells].reshape(-1, 5, 2)
        points.append((corner[:, None] + of_cell) * stride)
    return best_boxes(*map(np.concatenate, (boxes, scores, points)))


def yunet_path() -> Path | None:
    """Return the path at which `download_yunet` puts YuNet's file, or None without a file there."""
    folder = cache_dir()
    if folder is None:
        return None
    path = folder / YUNET_FILE
    return path if os.path.isfile(path) else None  # path.is_file() raises in another's folder


def download_yunet(file: Path | None = None, progress: ByteProgress | None = None) -> Path:
    """Put YuNet's file into the cache and check it: OpenCV Zoo's, or a copy of it at `file`."""
    to = place_of_download(YUNET_FILE)
    if file is not None:
        return install(file, to, YUNET_SHA256)
    return fetch(YUNET_URL, to, YUNET_SHA256, "livefer download yunet --from FILE", progress)
