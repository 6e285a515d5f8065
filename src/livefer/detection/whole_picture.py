"""The detector that searches nothing: for pictures that are cut-out faces already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections, nothing
from livefer.faces.crops import check_image


class WholePictureDetector:
    """Takes the whole picture for a face, as in FER2013's files; threads may share it.

    Of a picture that is not square, it takes the largest square in the middle: nothing is squashed.
    """

    name = "none"
    has_landmarks = False
    crop_scale = 1.0
    crop_shift_y = 0.0
    hint: str | None = None

    def detect(self, image: NDArray[Any]) -> Detections:
        """Return one face with a score of 1; none in a picture without a pixel.

        image: (H, W) gray or (H, W, 3) BGR uint8
        """
        height, width = check_image(image).shape[:2]
        side = min(height, width)
        if side == 0:
            return nothing()
        # Whole pixels, so that no pixel of the crop is a mean of two.
        left, top = (width - side) // 2, (height - side) // 2
        box = np.array([[left, top, left + side, top + side]], np.float32)
        return Detections(box, np.ones(1, np.float32))
