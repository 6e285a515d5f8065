"""The ten views of a face: five positions, each plain and mirrored.

The mean of the answers on several views is right more often than the answer on one. A view is a
number: an even one is plain, and the next one its mirror image. Knows nothing about networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes, sides_of
from livefer.faces.crops import crop_faces

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


def mirrored(pictures: NDArray[Any], views: Views) -> NDArray[Any]:
    """Return pictures or maps (N, ..., W), flipped left to right where their view is mirrored.

    The function is its own inverse: it also turns the maps of mirrored views back.
    """
    is_mirrored = np.asarray(views, np.int64) % 2 == 1
    result = np.array(pictures)
    result[is_mirrored] = pictures[is_mirrored][..., ::-1]
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """The views of N faces of one image, as they are cut: none is mirrored yet.

    pixels: (M, S, S) uint8, at least one view of each face
    of_face: (M,) int64, rising: the index of the face, 0 to N - 1
    views: (M,) int64: the number of the view
    """

    pixels: NDArray[np.uint8]
    of_face: NDArray[np.int64]
    views: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)

    def shown(self) -> NDArray[np.uint8]:
        """Return the network's input, (M, S, S) uint8: mirrored views are flipped."""
        return mirrored(self.pixels, self.views)

    def one_each(self) -> NDArray[np.uint8]:
        """Return the first view of each face, (N, S, S) uint8."""
        is_first = np.diff(self.of_face, prepend=-1) > 0
        return self.pixels[is_first]

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means over the views of each face, (N, ...) of (M, ...) float32."""
        n_views = np.bincount(self.of_face)
        if len(values) == len(n_views):
            return values
        sums = np.zeros((len(n_views), *values.shape[1:]), np.float32)
        np.add.at(sums, self.of_face, values)
        divisor = n_views.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(sums / divisor, np.float32)

    def map_means(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the `means` of maps (M, ..., W), with those of mirrored views flipped back."""
        return self.means(mirrored(maps, self.views))


def cut_views(
    image: NDArray[Any],
    boxes: Boxes,
    views: Sequence[Sequence[int]],
    scale: float = 1.0,
    shift_y: float = 0.0,
    size: int = 48,
) -> Crops:
    """Cut the views of each face out of an image; the other arguments are those of `crop_faces`.

    boxes: (N, 4) float32, xyxy in pixels
    views: the views of each of the N faces, at least one
    """
    of_face = np.repeat(np.arange(len(boxes)), [len(of_one) for of_one in views])
    numbers = np.array([number for of_one in views for number in of_one], np.int64)
    pixels = crop_faces(image, boxes_of(boxes[of_face], numbers), scale, shift_y, size)
    return Crops(pixels, of_face, numbers)
