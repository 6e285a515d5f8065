"""A live frame as it is shown and recorded: as large as fits, mirrored or not, and painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from livefer.drawing.faces import bars_plate, free_corner, main_face, paint_bars, paint_faces
from livefer.drawing.text import Corner, Image, paint_panel, panel_plate
from livefer.results import Face

Status = tuple[tuple[str, str], ...]
_STATUS_SCALE = 0.8
# Shares of the bars that may lie over faces; two, so that they do not come and go.
_MAY_APPEAR, _MAY_STAY = 0.15, 0.3


def paint_scene(
    canvas: Image,
    faces: Sequence[Face],
    heatmaps: bool,
    status: Status,
    corner: Corner | None,
    message: str = "",
) -> Corner | None:
    """Paint faces, their number, the main face's bars and the figures; return the bars' corner.

    corner: where the bars were before: they move to the other side only when they would hide a
        face, and where they would hide much of one on both sides there are none: None
    """
    count = [f"{len(faces)} face{'' if len(faces) == 1 else 's'}"]
    plates = [panel_plate(canvas, count, "bottom-left")]
    if status:
        plates.append(panel_plate(canvas, status, "bottom-right", _STATUS_SCALE))
    if message:
        plates.append(panel_plate(canvas, [message], "top"))
    main = main_face(faces)
    if main is not None:
        most = _MAY_APPEAR if corner is None else _MAY_STAY
        corners: list[Corner] = [corner or "top-right", "top-right", "top-left"]
        corner = free_corner(canvas, main, faces, corners, most)
        if corner is not None:
            plates.append(bars_plate(canvas, main, corner))
    paint_faces(canvas, faces, heatmaps, plates)
    if main is not None and corner is not None:
        paint_bars(canvas, main, corner)
    paint_panel(canvas, count, "bottom-left")
    paint_panel(canvas, status, "bottom-right", _STATUS_SCALE)
    paint_panel(canvas, [message] if message else [], "top", opacity=0.92)
    return corner


def fitted(
    image: Image, faces: Sequence[Face], window_wh: tuple[int, int], mirror: bool
) -> tuple[Image, list[Face]]:
    """Return a frame as large as fits a window, mirrored or not, and the faces on it."""
    height, width = image.shape[:2]
    scale = min(window_wh[0] / width, window_wh[1] / height)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)
    return turned(canvas, faces, scale, mirror)


def turned(
    image: Image, faces: Sequence[Face], scale: float, mirror: bool
) -> tuple[Image, list[Face]]:
    """Return an image `scale` times as large as its frame, mirrored or not, and the faces on it."""
    if mirror:
        image = np.asarray(cv2.flip(image, 1), np.uint8)
    width = image.shape[1]

    def moved(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        left, top, right, bottom = (scale * v for v in box)
        return (width - right, top, width - left, bottom) if mirror else (left, top, right, bottom)

    return image, [
        replace(
            face,
            box=moved(face.box),
            crop_box=moved(face.crop_box),
            heatmap=face.heatmap[:, ::-1] if mirror and face.heatmap is not None else face.heatmap,
        )
        for face in faces
    ]
