"""The ten views of a face: five positions, each plain and mirrored.

The mean of the answers on several views is right more often than the answer on one. A view is a
number: an even one is plain, and the next one its mirror image. Knows nothing about networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes, sides_of

BOTH = (0, 1)
ALL = tuple(range(10))
# Right and down, in sides of the face: 2 px of 48. The boxes of a whole search and of a live one,
# or of two searches with other noise, lie about so far apart: bench/following.py,
# docs/experiments/tracking.md#2026-11-23-a-stream-looks-at-every-second-face-in-the-mirror
_SHIFTS = np.array([(0, 0), (2, 2), (-2, -2), (2, -2), (-2, 2)], np.float32) / 48

Views = Sequence[int] | NDArray[np.int64]


def views_of(number: int) -> tuple[int, ...]:
    """Return the views of a face in a stream, in frame `number` since it appeared.

    The first frame has all views, so that the first label is a good one; each later frame has one
    of them, in turn, and the smoothing averages them.
    """
    return ALL if number == 0 else (number % len(ALL),)


def boxes_of(boxes: Boxes, views: Views) -> Boxes:
    """Return the boxes to cut for one view of each box.

    boxes: (N, 4) float32, xyxy in pixels
    views: (N,) numbers of views
    returns: (N, 4) float32, xyxy in pixels
    """
    shift = _SHIFTS[np.asarray(views, np.int64) // 2] * sides_of(boxes)[:, None]
    return np.asarray(boxes + np.hstack([shift, shift]), np.float32)


def turned(pictures: NDArray[Any], views: Views) -> NDArray[Any]:
    """Return pictures or maps (N, ..., W), flipped left to right where their view is mirrored.

    The function is its own inverse: it also turns the maps of mirrored views back.
    """
    is_mirrored = np.asarray(views, np.int64) % 2 == 1
    result = np.array(pictures)
    result[is_mirrored] = pictures[is_mirrored][..., ::-1]
    return result
