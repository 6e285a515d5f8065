"""Faces made unrecognisable in copies that are to be shared: blurred, or in coarse squares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.results import FrameResult

Box = tuple[float, float, float, float]
Way = Literal["blur", "pixelate"]

_CELLS = 6  # along a side: what is left of a face, whichever way it is drawn
_AROUND = 1.4  # of the detector's box, which ends at the forehead and the chin
_KEEP_S = 0.5  # a face that is lost is hidden where it was, for so long


class Hiding:
    """Hides the faces of one video's frames, which come in their order."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._last: dict[int, tuple[float, Box]] = {}

    def hidden(self, result: FrameResult) -> NDArray[np.uint8]:
        """Return the picture of a result, which has one, with every face hidden."""
        assert result.image is not None
        if result.note == "cut":
            self._last.clear()
        boxes = [face.box for face in result.faces if face.track_id is None]
        for face in result.faces:
            if face.track_id is not None:
                self._last[face.track_id] = result.time_s, face.box
        for track_id, (time_s, _) in list(self._last.items()):
            if abs(result.time_s - time_s) > _KEEP_S:
                del self._last[track_id]
        boxes += [box for _, box in self._last.values()]
        return hide_boxes(result.image, boxes, self._way)


def hide_boxes(image: NDArray[np.uint8], boxes: Iterable[Box], way: Way) -> NDArray[np.uint8]:
    """Return a copy in which the surroundings of boxes have a few colours left.

    image: (H, W, 3) uint8 BGR
    boxes: xyxy in pixels; they may reach outside
    """
    hidden: NDArray[np.uint8] = image.copy()
    height, width = image.shape[:2]
    for left, top, right, bottom in boxes:
        x0, x1 = _around(left, right, width)
        y0, y1 = _around(top, bottom, height)
        if x1 <= x0 or y1 <= y0:
            continue
        part = hidden[y0:y1, x0:x1]
        few = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        how = cv2.INTER_CUBIC if way == "blur" else cv2.INTER_NEAREST
        hidden[y0:y1, x0:x1] = cv2.resize(few, (x1 - x0, y1 - y0), interpolation=how)
    return hidden


def _around(low: float, high: float, size: int) -> tuple[int, int]:
    """Return the pixels of a span and of its surroundings, within 0 and size."""
    more = (_AROUND - 1) / 2 * (high - low)
    first, last = np.floor(low - more), np.ceil(high + more)
    return int(np.clip(first, 0, size)), int(np.clip(last, 0, size))
