"""The face detector that sees more: YuNet, from a file that is downloaded once.

Run by ONNX Runtime, which finds the faces that OpenCV's FaceDetectorYN finds, in less than half of
its time (docs/experiments.md).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.downloads import Progress, cache_dir, fetch, install
from livefer.errors import ModelError
from livefer.faces import Boxes, Region, Scores, check_image, covered, iou_matrix, shrunk
from livefer.inference import ONNX_ERRORS, open_session

YUNET_FILE = "face_detection_yunet_2023mar.onnx"
YUNET_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
    f"face_detection_yunet/{YUNET_FILE}"
)
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
YUNET_HINT = "faces found with a Haar cascade; YuNet finds more of them: livefer download yunet"

# 104 photographs, long sides of 320-1600 and thresholds of 0.5-0.9: all counted right from 0.65 to
# 0.75 at 960; enlarging small pictures to it gains nothing (bench/detect.py, docs/experiments.md).
_SIDE_PX = 960
_THRESHOLD = 0.7
_STRIDES_PX = (8, 16, 32)
_STRIDE_PX = _STRIDES_PX[-1]  # moved by so much, a face looks the same to the network
_MAX_OVERLAP = 0.3  # IoU of two boxes; the surer one is kept
# The file says that pictures have 640×640 pixels. In these bytes of it, two fixed sides (dim_value
# of onnx.proto's Dimension, two bytes long) become free ones (dim_param), in the same room.
_FIXED_SIDES = re.compile(rb"(?s)(\n\x02\x08\x01\n\x02\x08\x03)\n\x03\x08..\n\x03\x08..")
_FREE_SIDES = b"\\1\n\x03\x12\x01h\n\x03\x12\x01w"
_WRONG_FILE: tuple[type[Exception], ...] = (ValueError, *ONNX_ERRORS)
_OUTPUTS = [f"{what}_{stride}" for what in ("cls", "obj", "bbox") for stride in _STRIDES_PX]
# Where a face was, 2.5 of its sides are searched: at the scale of the whole picture where they fit
# into one of these squares (0.4, 0.8 and 1.5 ms), else shrunk to the first one.
_NEAR, _SQUARES_PX = 2.5, (128, 192, 256)
_NEAR_EXACT = 3.5  # with less around it, a face in noise is fainter than in the whole picture
_FAINT = 0.6  # is enough where a face was
_NEAR_IOU = 0.3


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, 2023, https://doi.org/10.1007/s11633-023-1423-y): small and good."""

    name = "yunet"
    # Framing of FER2013: bench/crop_scale.py, docs/experiments.md.
    crop_scale = 1.12
    crop_shift_y = -0.02
    # At half the resolution, and at all of it.
    search_periods_s = (0.2, 1.0)
    hint: str | None = None

    def __init__(self, model: str | Path | None = None) -> None:
        path = Path(model) if model is not None else yunet_path()
        if path is None or not path.is_file():
            raise ModelError(
                f"YuNet's file is not at {path or cache_dir() / YUNET_FILE}: "
                "run livefer download yunet, or give the path of an .onnx you have"
            )
        self._content = _FIXED_SIDES.sub(_FREE_SIDES, path.read_bytes(), count=1)
        self._sessions: dict[bool, Any] = {}
        try:
            self._find(np.zeros((_STRIDE_PX, _STRIDE_PX, 3), np.uint8))  # others fail here
        except _WRONG_FILE as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"{path} is not a YuNet model ({reason}): expected {YUNET_FILE} of OpenCV Zoo"
            ) from error

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1."""
        height, width = image.shape[:2]
        boxes, scores = self._search(check_image(image), (0, 0, width, height), _factor(image))
        is_face = scores >= _THRESHOLD
        return boxes[is_face], scores[is_face]

    def search(
        self, image: NDArray[Any], part: int, region: Region, known: Boxes
    ) -> tuple[Boxes, Scores]:
        """Search a part of what `detect` does, in a region, leaving out the faces that are known.

        part: which of the parts of `search_periods_s`
        known: (M, 4) float32, xyxy in pixels
        returns: as `detect` does; what is seen at half the resolution is looked at in all of it
        """
        image = check_image(image)
        factor = _factor(image)
        boxes, scores = self._search(image, region, factor / 2 if part == 0 else factor)
        is_new = ~covered(boxes, known)
        boxes, scores = boxes[is_new], scores[is_new]
        if part == 0:
            boxes, scores = self.detect_near(image, boxes, exact=True)
        is_face = scores >= _THRESHOLD
        return boxes[is_face], scores[is_face]

    def _search(
        self, image: NDArray[np.uint8], region: Region, factor: float, square_px: int = 0
    ) -> tuple[Boxes, Scores]:
        """Return the faces of a region, faint ones, too.

        factor: scale at which it is searched
        square_px: side of a square into which the region is put, shrunk if need be; 0 is none
        """
        stride = _STRIDE_PX / factor
        left, top = (int(first // stride * stride) for first in region[:2])
        part = image[top : region[3], left : region[2]]
        if part.size == 0:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        side_px = max(1, round(factor * max(part.shape[:2])))
        small, scale = shrunk(part, min(side_px, square_px or side_px))
        boxes, scores = self._find(small, square_px)
        return boxes / scale + np.array([left, top] * 2, np.float32), scores

    def _find(self, image: NDArray[np.uint8], least_px: int = 0) -> tuple[Boxes, Scores]:
        """Return the faces of a picture as it is, faint ones, too.

        image: (H, W, 3) or (H, W), at least one pixel
        least_px: height and width that the network sees at least; the picture is filled up
        """
        height, width = image.shape[:2]
        height_px, width_px = (
            _STRIDE_PX * math.ceil(max(side, least_px) / _STRIDE_PX) for side in (height, width)
        )
        x = np.zeros((1, 3, height_px, width_px), np.float32)
        for channel, plane in enumerate(cv2.split(image) if image.ndim == 3 else [image] * 3):
            x[0, channel, :height, :width] = plane
        # A second thread does not speed up small pictures.
        is_small = height_px * width_px <= _SQUARES_PX[-1] ** 2
        if is_small not in self._sessions:
            self._sessions[is_small] = open_session(self._content, 1 if is_small else None)
        answers = self._sessions[is_small].run(_OUTPUTS, {"input": x})
        return _faces(dict(zip(_OUTPUTS, answers, strict=True)), width_px)

    def detect_near(
        self, image: NDArray[Any], boxes: Boxes, exact: bool = False
    ) -> tuple[Boxes, Scores]:
        """Look for faces where they were, their own size around.

        boxes: (N, 4) float32, xyxy in pixels
        exact: at the scale of `detect` where a face is large, too, which takes longer
        returns: (N, 4) float32, where they are now, and (N,) float32 scores, 0 where none is
        """
        image = check_image(image)
        factor = _factor(image)
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        for i, box in enumerate(found):
            region, square_px = _place(box, factor, exact)
            near, their_scores = self._search(image, region, factor, square_px)
            ious = iou_matrix(near, box[None])[:, 0]
            if len(near) and ious.max() >= _NEAR_IOU:
                best = int(ious.argmax())
                found[i], scores[i] = near[best], their_scores[best]
        return found, scores


def _factor(image: NDArray[Any]) -> float:
    """Return the scale at which a picture is searched."""
    height, width = image.shape[:2]
    return min(1.0, float(_SIDE_PX) / max(int(height), int(width), 1))


def _place(box: NDArray[np.float32], factor: float, exact: bool) -> tuple[Region, int]:
    """Return where a face is looked for, and the square that the network gets of it; 0 is none."""
    side = (_NEAR_EXACT if exact else _NEAR) * float(box[2] - box[0] + box[3] - box[1]) / 2
    square_px = 0 if exact else next((px for px in _SQUARES_PX if px >= factor * side), 0)
    if square_px:  # the network sees at least as much as needed, around the face as in the picture
        side, stride = square_px / factor, _STRIDE_PX / factor
    else:
        stride = 1.0
    left, top = (
        math.ceil(max(0, round(((a + b) / 2 - side / 2) / stride)) * stride)
        for a, b in ((float(box[0]), float(box[2])), (float(box[1]), float(box[3])))
    )
    region = left, top, math.ceil(left + side), math.ceil(top + side)
    return region, square_px if square_px or exact else _SQUARES_PX[0]


def _faces(answers: dict[str, NDArray[np.float32]], width_px: int) -> tuple[Boxes, Scores]:
    """Return the faces in what the network says of each cell of three grids, the surest first.

    answers: for each stride "cls", "obj" (1, cells, 1), 0–1, and "bbox" (1, cells, 4): the middle
        from the cell's corner, and the logarithms of width and height, in strides; row by row
    width_px: of the network's picture
    """
    boxes, scores = [], []
    for stride in _STRIDES_PX:
        certain = (np.clip(answers[f"{what}_{stride}"][0, :, 0], 0, 1) for what in ("cls", "obj"))
        score = np.sqrt(np.prod(list(certain), axis=0))
        cells = np.flatnonzero(score >= _FAINT)
        corner = np.stack([cells % (width_px // stride), cells // (width_px // stride)], axis=1)
        box = answers[f"bbox_{stride}"][0, cells]
        middle, half = corner + box[:, :2], np.exp(box[:, 2:]) / 2
        boxes.append(np.hstack([middle - half, middle + half]) * stride)
        scores.append(score[cells])
    xyxy, score = np.concatenate(boxes), np.concatenate(scores)
    xywh = np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]])
    kept = list(cv2.dnn.NMSBoxes(xywh.tolist(), score.tolist(), _FAINT, _MAX_OVERLAP))
    return xyxy[kept].astype(np.float32), score[kept].astype(np.float32)


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
