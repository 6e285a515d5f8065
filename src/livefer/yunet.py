"""The face detector that sees more: YuNet, run by OpenCV, from a file that is downloaded once."""

from __future__ import annotations

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
    crop_boxes,
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
# Where a face was: 128 px for 2.5 of its sides, 0.8 ms; it may be fainter than one that is new.
_NEAR_PX, _NEAR = 128, 2.5
_FAINT = 0.6
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
        try:
            self._net, self._near_net = (
                cv2.FaceDetectorYN.create(
                    "onnx", weights, np.zeros(0, np.uint8), (side, side), threshold, 0.3, 5000
                )
                for side, threshold in ((320, _THRESHOLD), (_NEAR_PX, _FAINT))
            )
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
        small, scale = shrunk(check_image(image), _SIDE_PX)
        first_x, first_y, last_x, last_y = (np.array(region) * scale).astype(int)
        first_x, first_y = (first // _STRIDE_PX * _STRIDE_PX for first in (first_x, first_y))
        small = small[first_y : last_y + 1, first_x : last_x + 1]
        if small.size == 0:
            return _faces(None)
        bgr = small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
        # OpenCV 4 reads memory that nobody wrote where a side is 32 px (a feature map of one).
        below, right = (max(0, _LEAST_PX - side) for side in bgr.shape[:2])
        if below or right:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize((bgr.shape[1], bgr.shape[0]))
        boxes, scores = _faces(self._net.detect(np.ascontiguousarray(bgr))[1])
        return (boxes + np.array([first_x, first_y] * 2, np.float32)) / scale, scores

    def detect_near(
        self, image: NDArray[Any], boxes: Boxes, exact: bool = False
    ) -> tuple[Boxes, Scores]:
        """Look for faces where they were, their own size around.

        boxes: (N, 4) float32, xyxy in pixels
        exact: at the scale of `detect`, which takes longer where a face is large
        returns: (N, 4) float32, where they are now, and (N,) float32 scores, 0 where none is
        """
        image = check_image(image)
        height, width = image.shape[:2]
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        for i, box in enumerate(found):
            left, top, right, bottom = crop_boxes(box[None], _NEAR)[0].astype(int)
            left, right = np.clip((left, right), 0, width)
            top, bottom = np.clip((top, bottom), 0, height)
            if min(right - left, bottom - top) < 2:
                continue
            if exact:
                near, their_scores = self.search(image, 0, (left, top, right, bottom), found[:0])
            else:
                near, their_scores = self._search_patch(image[top:bottom, left:right])
                near += np.array([left, top, left, top], np.float32)
            ious = iou_matrix(near, box[None])[:, 0]
            if len(near) and ious.max() >= _NEAR_IOU:
                best = int(ious.argmax())
                found[i], scores[i] = near[best], their_scores[best]
        return found, scores

    def _search_patch(self, part: NDArray[np.uint8]) -> tuple[Boxes, Scores]:
        """Search a small picture, brought to one size."""
        scale = _NEAR_PX / max(part.shape[:2])
        size_wh = [max(1, round(side * scale)) for side in part.shape[1::-1]]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(part, size_wh, interpolation=how)
        if small.ndim == 2:
            small = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
        patch = np.zeros((_NEAR_PX, _NEAR_PX, 3), np.uint8)
        patch[: size_wh[1], : size_wh[0]] = small
        boxes, scores = _faces(self._near_net.detect(patch)[1])
        return boxes / np.float32(scale), scores


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
