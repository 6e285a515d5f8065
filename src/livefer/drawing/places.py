"""Places of plates on a picture: where they hide least of what is there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.drawing.text import Corner, Image, corner_plate, move_inside

Plate = NDArray[np.float32]
"""(4,) xyxy in pixels."""

_MAY_STAY = 0.1  # share of a plate over faces up to which it stays where it was
_N_STEPS = 9  # places that are tried from left to right, and from top to bottom


def free_plate(
    image: Image,
    sizes_wh: Sequence[tuple[int, int]],
    taken: Sequence[Plate],
    boxes: NDArray[np.float32],
    wish: Corner,
    before: Plate | None = None,
) -> tuple[int, Plate]:
    """Return which of its sizes a plate gets, and where it hides least.

    sizes_wh: width and height, the best first: the first one that hides nothing, else the one that
        hides least
    taken: plates that are there already
    boxes: (N, 4) of faces
    wish: where the plate lies if nothing is in the way
    before: where it lay in the frame before: it stays there while it hides little
    """
    others = np.array(taken, np.float32).reshape(-1, 4)
    gap = _gap(image)
    limit = np.array(image.shape[1::-1])
    if before is not None:
        wh = tuple(np.rint(before[2:] - before[:2]).astype(int).tolist())
        is_free = not overlap(before[None], others)[0] and (before[2:] <= limit).all()
        if wh in sizes_wh and is_free and overlap(before[None], boxes)[0] <= _MAY_STAY:
            return sizes_wh.index(wh), before
    best: tuple[float, int, Plate] | None = None
    for number, wh in enumerate(sizes_wh):
        wished = corner_plate(image, wh, wish)
        plates = _tried(image, wh, wished, others)
        away = np.abs(plates[:, :2] - wished[:2]).sum(1) / limit.sum()
        grown = plates + np.array([-gap, -gap, gap, gap], np.float32)
        share = wh[0] * wh[1] / (sizes_wh[0][0] * sizes_wh[0][1])  # a smaller plate hides less
        hidden = share * (20 * overlap(grown, others) + 4 * overlap(grown, boxes))
        cost = hidden + 0.1 * away + 0.05 * number
        first = int(cost.argmin())
        if best is None or cost[first] < best[0]:
            best = float(cost[first]), number, plates[first]
        if hidden[first] == 0:
            break
    assert best is not None
    return best[1:]


def _tried(
    image: Image, wh: tuple[int, int], wished: Plate, others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return places for a plate, (N, 4): the wished one, a grid, and those beside other plates."""
    gap = _gap(image)
    axes = []
    for axis, side in enumerate(wh):
        last = max(gap, image.shape[1 - axis] - side - gap)
        beside = [*(others[:, 2 + axis] + gap), *(others[:, axis] - gap - side)]
        axes.append([*np.linspace(gap, last, _N_STEPS).round(), *beside])
    lt = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    return move_inside(np.vstack([wished[None], np.hstack([lt, lt + wh])]), image)


def _gap(image: Image) -> int:
    """Return the room that a plate keeps to others, in pixels."""
    return round(0.015 * float(min(image.shape[:2])))


def overlap(plates: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of each plate that boxes cover, summed over the boxes: (N,) float32."""
    lt = np.maximum(plates[:, None, :2], boxes[None, :, :2])
    rb = np.minimum(plates[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.clip(rb - lt, 0, None), axis=-1).sum(1)
    return np.asarray(shared / np.maximum(area(plates), 1), np.float32)


def area(boxes: NDArray[Any]) -> NDArray[Any]:
    """Return the area of each box, (...,) for boxes (..., 4) xyxy."""
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))
