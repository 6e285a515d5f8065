"""Heat maps as pictures: each class's mean, and the surest faces beside their maps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from lib.cam_maps import INNER, Heats
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.drawing.faces import draw_heatmap
from livefer.drawing.text import PLATE, WHITE, fit_text, paint_plate, paint_text, text_wh

# Eyes and mouth, of the same measurement as INNER.
_LANDMARKS = ((0.33, 0.41), (0.67, 0.41), (0.5, 0.76))


def average_picture(
    classes: tuple[str, ...], ids: NDArray[Any], chosen: NDArray[np.bool_], heats: Heats
) -> NDArray[np.uint8]:
    """Draw the mean heat map of each class, without any face; marks show eyes and mouth."""
    side, gap = 192, 8
    means = [
        heats[chosen & (ids == i)].mean(axis=0)
        if (chosen & (ids == i)).any()
        else np.zeros((48, 48))
        for i in range(len(classes))
    ]
    peak = max(max(float(mean.max()) for mean in means), 1e-9)  # one scale for all
    head = 30
    canvas = np.empty((side + head, len(classes) * (side + gap) - gap, 3), np.uint8)
    canvas[:] = PLATE
    for i, (name, mean) in enumerate(zip(classes, means, strict=True)):
        level = cv2.resize((255 * mean / peak).astype(np.uint8), (side, side))
        tile = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
        left, top, right, bottom = (round(side * v) for v in INNER)
        cv2.rectangle(tile, (left, top), (right, bottom), (200, 200, 200), 1, cv2.LINE_AA)
        for x, y in _LANDMARKS:
            at = (round(side * x), round(side * y))
            cv2.drawMarker(tile, at, WHITE, cv2.MARKER_CROSS, 12, 2)
        x = i * (side + gap)
        canvas[head:, x : x + side] = tile
        n = int((chosen & (ids == i)).sum())
        text, size = fit_text(f"{name}, {n}", 15, side)
        paint_text(canvas, text, (x + 4, (head - text_wh(text, size)[1]) // 2), size, WHITE)
    return canvas


def sheet(
    classes: tuple[str, ...],
    split: Split,
    probabilities: NDArray[np.float32],
    right: NDArray[np.bool_],
    heats: Heats,
    columns: int = 8,
) -> NDArray[np.uint8]:
    """Draw a row for each class: the surest right answers, each beside itself with its map."""
    side, name_w, gap = 96, 100, 6
    step = 2 * side + gap
    canvas = np.empty((len(classes) * (side + gap), name_w + columns * step, 3), np.uint8)
    canvas[:] = PLATE
    ids, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    for row, name in enumerate(classes):
        y = row * (side + gap)
        paint_text(canvas, name, (8, y + side // 2 - 8), 16, WHITE)
        members = np.flatnonzero(right & (ids == row))
        for column, i in enumerate(members[np.argsort(-confidence[members])][:columns]):
            face = cv2.resize(split.faces[i], (side, side), interpolation=cv2.INTER_CUBIC)
            face = np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), np.uint8)
            x = name_w + column * step
            canvas[y : y + side, x : x + side] = face
            painted = draw_heatmap(face, heats[i], (0, 0, side, side))
            text = f"{confidence[i]:.0%}"
            plate = np.array([0, side - 18, text_wh(text, 11)[0] + 8, side], np.float32)
            paint_plate(painted, plate, PLATE, 0.8)
            paint_text(painted, text, (4, side - 15), 11, WHITE)
            canvas[y : y + side, x + side : x + 2 * side] = painted
    return canvas
