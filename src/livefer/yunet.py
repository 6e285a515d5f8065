"""The face detector that sees more: YuNet, run by OpenCV, from a file that is downloaded once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.downloads import Progress, cache_dir, fetch, install
from livefer.errors import ModelError
from livefer.faces import (
    Boxes,
    Region,
    Scores,
    check_image,
    iou_matrix,
    shrunk,
    xyxy,
)

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
_LEAST_PX = 64
_STRIDE_PX = 32  # moved by so much, a face looks the same to the network
# Where a face was, 2.5 of its sides are searched: at the scale of the whole picture where they fit
# into one of these squares (0.8, 1.5 and 2.3 ms), else shrunk to the first one.
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
    search_periods_s = (0.2,)
    hint: str | None = None

    def __init__(self, model: str | Path | None = None) -> None:
        path = Path(model) if model is not None else yunet_path()
        if path is None or not path.is_file():
            raise ModelError(
                f"YuNet's file is not at {path or cache_dir() / YUNET_FILE}: "
                "run livefer download yunet, or give the path of an .onnx you have"
            )
        weights = np.fromfile(path, np.uint8)  # a buffer: cv2 cannot open every path on Windows
        self._weights = weights
        self._square_nets: dict[int, Any] = {}
        try:
            self._net = _load(weights, 320)
            self._net.detect(np.zeros((320, 320, 3), np.uint8))  # another network fails here
        except cv2.error as error:
            reason = error.err.partition("\n")[0]
            raise ModelError(
                f"{path} is not a YuNet model that OpenCV reads ({reason}): "
                f"expected {YUNET_FILE} of OpenCV Zoo"
            ) from error

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1."""
        height, width = image.shape[:2]
        return self.search(image, 0, (0, 0, width, height), np.zeros((0, 4), np.float32))

    def search(
        self, image: NDArray[Any], part: int, region: Region, known: Boxes
    ) -> tuple[Boxes, Scores]:
        """Do what `detect` does, in a region: it is quick enough to have one part only."""
        boxes, scores = self._search(check_image(image), region)
        is_new = scores >= _THRESHOLD
        return boxes[is_new], scores[is_new]

    def _search(
        self, image: NDArray[np.uint8], region: Region, square_px: int = 0
    ) -> tuple[Boxes, Scores]:
        """Return the faces of a region, faint ones, too.

        square_px: side of a square into which the region is put, shrunk if need be; 0 is none
        """
        factor = _factor(image)
        stride = _STRIDE_PX / factor
        left, top = (int(first // stride * stride) for first in region[:2])
        part = image[top : region[3], left : region[2]]
        if part.size == 0:
            return _faces(None)
        side_px = max(1, round(factor * max(part.shape[:2])))
        small, scale = shrunk(part, min(side_px, square_px or side_px))
        bgr = small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
        # OpenCV 4 reads memory that nobody wrote where a side is 32 px (a feature map of one).
        below, right = (max(0, (square_px or _LEAST_PX) - side) for side in bgr.shape[:2])
        if below or right:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        boxes, scores = _faces(self._net_for(bgr).detect(np.ascontiguousarray(bgr))[1])
        return boxes / scale + np.array([left, top] * 2, np.float32), scores

    def _net_for(self, image: NDArray[Any]) -> Any:
        """Return the network for a picture's size; a change of it takes half as long again."""
        height, width = image.shape[:2]
        if height != width or height not in _SQUARES_PX:
            self._net.setInputSize((width, height))
            return self._net
        if height not in self._square_nets:
            self._square_nets[height] = _load(self._weights, height)
        return self._square_nets[height]

    def detect_near(
        self, image: NDArray[Any], boxes: Boxes, exact: bool = False
    ) -> tuple[Boxes, Scores]:
        """Look for faces where they were, their own size around.

        boxes: (N, 4) float32, xyxy in pixels
        exact: at the scale of `detect` where a face is large, too, which takes longer
        returns: (N, 4) float32, where they are now, and (N,) float32 scores, 0 where none is
        """
        image = check_image(image)
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        for i, box in enumerate(found):
            region, square_px = _place(box, _factor(image), exact)
            near, their_scores = self._search(image, region, square_px)
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


def _load(weights: NDArray[np.uint8], side_px: int) -> Any:
    return cv2.FaceDetectorYN.create(
        "onnx", weights, np.zeros(0, np.uint8), (side_px, side_px), _FAINT, 0.3, 5000
    )


def _faces(rows: Any) -> tuple[Boxes, Scores]:
    """Return boxes and scores of OpenCV's rows; of None, which stands for no row, none."""
    if rows is None:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    return xyxy(rows[:, :4]), np.clip(rows[:, 14], 0, 1).astype(np.float32)


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
