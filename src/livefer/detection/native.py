"""livefer's own face detector: a small network that comes with livefer, or one of your own.

`livefer train-detector` writes such files; docs/training.md#the-face-detector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.assets.files import FOLDER
from livefer.detection.cells import STRIDES_PX, CellDetector, best_boxes, padded_hw
from livefer.detection.detections import Detections
from livefer.errors import REINSTALL, ModelError
from livefer.faces.boxes import iou_matrix
from livefer.faces.crops import check_image
from livefer.system.onnx_session import onnx_errors, open_session

MARK = "livefer_detector"
"""The key of the file's metadata that tells what it is."""

SHIPPED = FOLDER / "detector.onnx"
_LEAST = 0.1  # scores below are not looked at
_OUTPUTS = [f"cells_{stride}" for stride in STRIDES_PX]


# A face of a score below _CERTAIN is looked at once more, by itself and at one size: its score is
# then the mean of both looks, for which the first one must be at most _DOUBT below the threshold.
# docs/experiments/detection.md#2026-11-30-livefers-own-detector-beats-haar-everywhere
_CERTAIN = 0.75
_DOUBT = 0.15
_AGAIN_PX = 80  # side of the face in the second look,
_AGAIN_SIDE_PX = 160  # and of its picture
_AGAIN_IOU = 0.4


class NativeDetector(CellDetector):
    """One pass over the picture: box, score and five landmarks of every face.

    Uncertain faces get a second look. Several threads may use one detector.
    """

    name = "native"
    crop_scale = 1.12
    crop_shift_y = -0.01
    side_px = 960
    threshold = 0.6
    known_threshold = 0.5

    def __init__(
        self,
        model: str | Path | None = None,
        threads: int | None = None,
        min_score: float | None = None,
    ) -> None:
        """Load the network; ModelError where the file is missing or holds another one.

        model: what `livefer train-detector` wrote; None is the network that comes with livefer
        threads: processor cores for one search; None: those that this process may use
        min_score: as for CellDetector
        """
        super().__init__(min_score)
        model = SHIPPED if model is None else Path(model)
        wrong_file: tuple[type[Exception], ...] = (ValueError, *onnx_errors())
        try:
            self._session = open_session(model, threads)
            self.find(np.zeros((32, 32, 3), np.uint8), self.threshold)  # another model fails here
        except wrong_file as error:
            if model == SHIPPED:
                raise ModelError(f"{model} cannot be loaded: {REINSTALL}") from None
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{model} is not a detector of livefer ({reason})") from error

    def detect(self, image: NDArray[Any]) -> Detections:
        """Return the faces of a picture, best first.

        image: (H, W) gray or (H, W, 3) BGR uint8
        """
        image = check_image(image)
        least = min(self.threshold, max(self.threshold - _DOUBT, _LEAST))
        found = self.search(image, least)
        scores = found.scores.copy()
        for i in np.flatnonzero(scores < _CERTAIN):
            scores[i] = (scores[i] + self._look_again(image, found.boxes[i])) / 2
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self.threshold]
        return found._replace(scores=scores).only(order)

    def _look_again(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> float:
        """Return the score of a face in a picture of its surroundings; 0 where none is seen."""
        face_wh = box[2:] - box[:2]
        scale = 2 * _AGAIN_PX / float(face_wh.sum())
        half = _AGAIN_SIDE_PX / 2 / scale
        middle = (box[:2] + box[2:]) / 2
        near = cut_square(image, middle, half, _AGAIN_SIDE_PX)
        expected = np.array([[-1, -1, 1, 1]]) * np.tile(face_wh, 2) * scale / 2 + _AGAIN_SIDE_PX / 2
        found = self.find(near, _LEAST)
        same = iou_matrix(np.asarray(expected, np.float32), found.boxes)[0] >= _AGAIN_IOU
        return float(found.scores[same].max(initial=0))

    def find(self, image: NDArray[np.uint8], threshold: float) -> Detections:
        """Return the faces above a threshold at the picture's own resolution.

        image: (H, W, 3) or (H, W), at least one pixel
        """
        height, width = image.shape[:2]
        x = image
        if image.ndim == 2 or padded_hw(image) != (height, width):
            x = np.zeros((*padded_hw(image), 3), np.uint8)
            x[:height, :width] = image if image.ndim == 3 else image[:, :, None]
        answers = self._session.run(_OUTPUTS, {"image": x[None]})
        boxes, scores, landmarks = [], [], []
        with np.errstate(divide="ignore"):  # thresholds of 0 and 1
            least = np.log(threshold) - np.log1p(-threshold)  # as a logit
        for stride, cells in zip(STRIDES_PX, answers, strict=True):
            rows, columns = np.nonzero(cells[0, 0] >= least)
            said = cells[0, :, rows, columns]
            cell = (np.stack([columns, rows], axis=1) + 0.5).astype(np.float32)
            middle, half = cell + said[:, 1:3], np.exp(said[:, 3:5]) / 2
            boxes.append(np.hstack([middle - half, middle + half]) * stride)
            landmarks.append((cell[:, None] + said[:, 5:].reshape(-1, 5, 2)) * stride)
            scores.append(1 / (1 + np.exp(-said[:, 0])))
        return best_boxes(*map(np.concatenate, (boxes, scores, landmarks)))


def cut_square(
    image: NDArray[np.uint8], middle: NDArray[Any], half: float, side_px: int
) -> NDArray[np.uint8]:
    """Return a square of an image, (S, S) or (S, S, 3) uint8; outside the image it is black.

    middle: x and y in pixels; half: half the square's side in pixels
    """
    low, high = np.floor(middle - half).astype(int), np.ceil(middle + half).astype(int)
    height, width = image.shape[:2]
    (left, top), (right, bottom) = np.maximum(-low, 0), np.maximum(high - (width, height), 0)
    part = image[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
    whole = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT)
    method = cv2.INTER_AREA if 2 * half > side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(whole, (side_px, side_px), interpolation=method), np.uint8)


def is_native(model: Path) -> bool:
    """Say whether a file is one of livefer's own detectors; False where it cannot be read."""
    try:
        return MARK.encode() in model.read_bytes()
    except OSError:  # told where it is loaded
        return False
