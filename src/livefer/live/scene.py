"""The picture of a live frame: scaled, mirrored or not, with faces, bars and figures painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from livefer.drawing.faces import bars_plate, free_corner, main_face, paint_bars, paint_faces
from livefer.drawing.text import Corner, Image, paint_panel, panel_plate
from livefer.formatting import printable
from livefer.results import Face

Status = tuple[tuple[str, str], ...]
_STATUS_SCALE = 0.8
# Shares of the bars that may lie over faces. Two values, so that the bars do not flicker.
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

    canvas: (H, W, 3) uint8 BGR, painted in place
    corner: the bars' corner in the frame before. They move to the other side only when they would
        hide a face, and are left out (None) where they would hide too much of one on both sides
    """
    count = [f"{len(faces)} face{'' if len(faces) == 1 else 's'}", *_profile_line(faces)]
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


def _profile_line(faces: Sequence[Face]) -> list[str]:
    """Return which face is judged by a profile, as one line or none."""
    return [
        f"#{face.track_id} judged by the profile {printable(face.profile)}"
        for face in faces
        if face.profile is not None
    ]


def fitted(
    image: Image, faces: Sequence[Face], window_wh: tuple[int, int], mirror: bool
) -> tuple[Image, list[Face]]:
    """Return a frame scaled to fit a window, mirrored or not, and its faces at that scale."""
    height, width = image.shape[:2]
    scale = min(window_wh[0] / width, window_wh[1] / height)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)
    return turned(canvas, faces, scale, mirror)


def turned(
    image: Image, faces: Sequence[Face], scale: float, mirror: bool
) -> tuple[Image, list[Face]]:
    """Return an image, mirrored or not, and its faces, whose boxes are multiplied by `scale`."""
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
