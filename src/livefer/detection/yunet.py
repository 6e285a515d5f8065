"""The face detector that finds more: YuNet, from a file that is downloaded once.

ONNX Runtime runs it: it finds the faces that OpenCV's FaceDetectorYN finds, in less than half of
the time: docs/experiments/detection.md#2026-11-28-onnx-runtime-runs-yunet
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.errors import ModelError
from livefer.faces.boxes import Boxes, Scores, iou_matrix
from livefer.faces.crops import check_image, shrunk
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
_STRIDES_PX = (8, 16, 32)
_STRIDE_PX = _STRIDES_PX[-1]  # the sides of the network's input are multiples of it
_MAX_OVERLAP = 0.3  # IoU of two boxes, of which the one with the higher score is kept
# The file fixes the input to 640×640 pixels. In these bytes of it, two fixed sides (dim_value of
# onnx.proto's Dimension, two bytes long) become free ones (dim_param) of the same length.
_FIXED_SIDES = re.compile(rb"(?s)(\n\x02\x08\x01\n\x02\x08\x03)\n\x03\x08..\n\x03\x08..")
_FREE_SIDES = b"\\1\n\x03\x12\x01h\n\x03\x12\x01w"
_OUTPUTS = [f"{what}_{stride}" for what in ("cls", "obj", "bbox") for stride in _STRIDES_PX]
_KNOWN_THRESHOLD = 0.6  # enough for a known face
_NEAR_IOU = 0.3  # of a known face's box and its new one, at least


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, 2023, https://doi.org/10.1007/s11633-023-1423-y): small and good.

    Several threads may use one detector.
    """

    name = "yunet"
    # Framing of FER2013: bench/crop_scale.py,
    # docs/experiments/detection.md#2026-11-22-the-framing-of-fer2013-is-that-of-a-haar-box
    crop_scale = 1.12
    crop_shift_y = -0.02
    hint: str | None = None

    def __init__(self, model: str | Path | None = None, threads: int | None = None) -> None:
        """Load the network.

        model: its file; None is the one that was downloaded
        threads: processor cores for one search; None: those that this process may use

        ModelError where there is no such file, or another network in it.
        """
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
            self._find(np.zeros((_STRIDE_PX, _STRIDE_PX, 3), np.uint8))  # another model fails here
        except wrong_file as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"{path} is not a YuNet model ({reason}): expected {YUNET_FILE} of OpenCV Zoo"
            ) from error

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1, best first.

        image: (H, W) gray or (H, W, 3) BGR uint8
        """
        boxes, scores = self._search(image)
        is_face = scores >= _THRESHOLD
        return boxes[is_face], scores[is_face]

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> tuple[Boxes, Scores]:
        """Look for known faces near their last boxes, with a lower threshold than for new ones.

        The whole picture is searched: the network is less certain of a part of it.

        boxes: (N, 4) float32, xyxy in pixels
        returns: (N, 4) float32, the faces' boxes now, and (N,) float32 scores, 0 where none is
        """
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        all_boxes, all_scores = self._search(image)
        for i, ious in enumerate(iou_matrix(boxes, all_boxes)):
            if len(all_boxes) and ious.max() >= _NEAR_IOU:
                best = int(ious.argmax())
                found[i], scores[i] = all_boxes[best], all_scores[best]
        return found, scores

    def _search(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return the faces of a picture above the lower threshold."""
        image = check_image(image)
        if image.size == 0:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        small, scale = shrunk(image, _SIDE_PX)
        boxes, scores = self._find(small)
        return boxes / scale, scores

    def _find(self, image: NDArray[np.uint8]) -> tuple[Boxes, Scores]:
        """Return the faces above the lower threshold, at the picture's own resolution.

        image: (H, W, 3) or (H, W), at least one pixel
        """
        with self._inputs.lent() as network_input:
            x = network_input.filled(image)
            answers = self._session.run(_OUTPUTS, {"input": x})
        return _faces(dict(zip(_OUTPUTS, answers, strict=True)), x.shape[3])


class _Input:
    """The network's input, an array that is used again: this saves a millisecond a frame."""

    def __init__(self) -> None:
        self._hw = (0, 0)
        self._x = np.zeros((1, 3, 0, 0), np.float32)

    def filled(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (1, 3, h, w) float32, BGR, 0 to 255, with the image in its upper left corner."""
        height, width = image.shape[:2]
        if self._hw != (height, width):
            sides = (_STRIDE_PX * -(-side // _STRIDE_PX) for side in (height, width))
            self._x, self._hw = np.zeros((1, 3, *sides), np.float32), (height, width)
        for channel, plane in enumerate(cv2.split(image) if image.ndim == 3 else [image] * 3):
            self._x[0, channel, :height, :width] = plane
        return self._x


def _faces(answers: dict[str, NDArray[np.float32]], width_px: int) -> tuple[Boxes, Scores]:
    """Return the faces in the network's output for the cells of three grids, best first.

    answers: for each stride "cls", "obj" (1, cells, 1), 0–1, and "bbox" (1, cells, 4): the middle
        from the cell's corner, and the logarithms of width and height, in strides; row by row
    width_px: of the network's input
    """
    boxes, scores = [], []
    for stride in _STRIDES_PX:
        squared = answers[f"cls_{stride}"][0, :, 0] * answers[f"obj_{stride}"][0, :, 0]
        cells = np.flatnonzero(squared >= _KNOWN_THRESHOLD**2)
        corner = np.stack([cells % (width_px // stride), cells // (width_px // stride)], axis=1)
        box = answers[f"bbox_{stride}"][0, cells]
        middle, half = corner + box[:, :2], np.exp(box[:, 2:]) / 2
        boxes.append(np.hstack([middle - half, middle + half]) * stride)
        scores.append(np.sqrt(squared[cells]))
    xyxy, score = np.concatenate(boxes), np.concatenate(scores)
    xywh = np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]])
    kept = list(cv2.dnn.NMSBoxes(xywh.tolist(), score.tolist(), _KNOWN_THRESHOLD, _MAX_OVERLAP))
    return xyxy[kept].astype(np.float32), score[kept].astype(np.float32)


def yunet_path() -> Path | None:
    """Return the path at which `download_yunet` puts YuNet's file, or None without a file there."""
    folder = cache_dir()
    path = None if folder is None else folder / YUNET_FILE
    return (
        path if path is not None and os.path.isfile(path) else None
    )  # the folder may be another's


def download_yunet(file: Path | None = None, progress: ByteProgress | None = None) -> Path:
    """Put YuNet's file into the cache and check it: OpenCV Zoo's, or a copy of it at `file`."""
    to = place_of_download(YUNET_FILE)
    if file is not None:
        return install(file, to, YUNET_SHA256)
    return fetch(YUNET_URL, to, YUNET_SHA256, "livefer download yunet --from FILE", progress)
