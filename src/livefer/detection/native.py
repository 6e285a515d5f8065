"""livefer's own face detector: a small network, from a file that `livefer train-detector` wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livefer.detection.cells import STRIDES_PX, CellDetector, best_boxes, padded_hw
from livefer.detection.detections import Detections
from livefer.errors import ModelError
from livefer.system.onnx_session import onnx_errors, open_session

MARK = "livefer_detector"
"""The key of the file's metadata that tells what it is."""

_OUTPUTS = [f"cells_{stride}" for stride in STRIDES_PX]


class NativeDetector(CellDetector):
    """One pass over the picture: box, score and five landmarks of every face."""

    name = "native"
    crop_scale = 1.12
    crop_shift_y = -0.02
    hint: str | None = None
    side_px = 960
    threshold = 0.55
    known_threshold = 0.45

    def __init__(
        self, model: str | Path, threads: int | None = None, min_score: float | None = None
    ) -> None:
        """Load the network; ModelError where the file is missing or holds another one.

        threads: processor cores for one search; None: those that this process may use
        min_score: as for CellDetector
        """
        super().__init__(min_score)
        wrong_file: tuple[type[Exception], ...] = (ValueError, *onnx_errors())
        try:
            self._session = open_session(Path(model), threads)
            self.find(np.zeros((32, 32, 3), np.uint8), self.threshold)  # another model fails here
        except wrong_file as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{model} is not a detector of livefer ({reason})") from error

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


def is_native(model: Path) -> bool:
    """Say whether a file is one of livefer's own detectors; False where it cannot be read."""
    try:
        return MARK.encode() in model.read_bytes()
    except OSError:  # told where it is loaded
        return False
