"""The sheet of `livefer explain`: for one face, a heat map for each class side by side."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.drawing.faces import paint_heatmap
from livefer.drawing.labels import label_text
from livefer.drawing.text import (
    PLATE,
    WHITE,
    Image,
    cut_text,
    fit_text,
    mix,
    paint_plate,
    paint_text,
    text_wh,
)
from livefer.labels import colour_bgr
from livefer.results import Face

_TILE, _GAP, _HEAD, _FOOT = 224, 20, 78, 58  # px
_GROUND = (30, 27, 25)
_GRAY = mix(WHITE, _GROUND, 0.4)


def explanation_sheet(
    picture: Image, crop: Image, face: Face, heatmaps: Sequence[NDArray[np.float32]], name: str
) -> Image:
    """Return the network's input for a face, then a tile for each class, (H, W, 3) uint8.

    crop: (S, S) uint8, the network's input
    heatmaps: (S, S) float32, 0–1, one for each class
    name: of the picture, for the head of the sheet
    """
    n_tiles = len(heatmaps) + 1
    columns = min(n_tiles, 4 if n_tiles <= 8 else 6)
    row_h, width = _TILE + _FOOT + _GAP, columns * (_TILE + _GAP) + _GAP
    sheet = np.empty((_HEAD + -(-n_tiles // columns) * row_h, width, 3), np.uint8)
    sheet[:] = _GROUND
    title, size = fit_text(label_text(face), 28, width // 2)
    paint_text(sheet, title, (_GAP, 24), size, WHITE)
    name, size = fit_text(name, 16, width // 2 - 2 * _GAP)
    paint_text(sheet, name, (width - _GAP - text_wh(name, size)[0], 32), size, _GRAY)
    view = square_view(picture, face.crop_box, _TILE)
    for i in range(n_tiles):
        xy = _GAP + i % columns * (_TILE + _GAP), _HEAD + i // columns * row_h
        if i == 0:
            _paint_input(sheet, xy, crop)
        else:
            _paint_class(sheet, xy, view, face, i - 1, heatmaps[i - 1])
    return sheet


def _paint_input(sheet: Image, xy: tuple[int, int], crop: Image) -> None:
    x, y = xy
    gray = cv2.resize(crop, (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    sheet[y : y + _TILE, x : x + _TILE] = gray[..., None]
    text, size = fit_text(f"the network's view, {crop.shape[1]} px", 16, _TILE)
    paint_text(sheet, text, (x, y + _TILE + 8), size, _GRAY)


def _paint_class(
    sheet: Image,
    xy: tuple[int, int],
    view: Image,
    face: Face,
    class_id: int,
    heatmap: NDArray[np.float32],
) -> None:
    """Paint a class's tile: the heat map over the face, the name, the share and its bar."""
    (x, y), name, share = xy, face.classes[class_id], float(face.probabilities[class_id])
    colour, is_label = colour_bgr(name, face.classes), class_id == face.class_id
    tile = sheet[y : y + _TILE, x : x + _TILE]
    tile[:] = view
    paint_heatmap(tile, heatmap, (0, 0, _TILE, _TILE))
    if is_label:
        cv2.rectangle(sheet, (x - 4, y - 4), (x + _TILE + 3, y + _TILE + 3), colour, 3)
    ink, percent = WHITE if is_label else _GRAY, f"{share:.1%}"
    size = fit_text(f"{name}  {percent}", 18, _TILE)[1]
    shown = cut_text(name, size, _TILE - text_wh(f"  {percent}", size)[0])
    paint_text(sheet, shown, (x, y + _TILE + 8), size, ink)
    right = x + _TILE - text_wh(percent, size)[0]
    paint_text(sheet, percent, (right, y + _TILE + 8), size, ink)
    bar = np.array([x, y + _TILE + 38, x + _TILE, y + _TILE + 48], np.float32)
    paint_plate(sheet, bar, mix(PLATE, WHITE, 0.15), 1.0)
    bar[2] = x + round(share * _TILE)
    if bar[2] > bar[0]:
        paint_plate(sheet, bar, colour, 1.0)


def square_view(picture: Image, box: Sequence[float], side: int) -> Image:
    """Return the content of a box as (side, side, 3); outside the picture its border repeats."""
    left, top, right, bottom = (round(v) for v in box)
    height, width = picture.shape[:2]
    rows = np.clip(np.arange(top, max(bottom, top + 1)), 0, height - 1)
    columns = np.clip(np.arange(left, max(right, left + 1)), 0, width - 1)
    part = picture[np.ix_(rows, columns)]
    how = cv2.INTER_AREA if len(rows) > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (side, side), interpolation=how), np.uint8)
