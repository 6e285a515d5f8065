"""The picture of a live frame: scaled, mirrored or not, with faces, bars and figures painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.drawing.faces import bars_plate, free_corner, paint_bars, paint_faces
from livefer.drawing.labels import Labelling
from livefer.drawing.places import Plate, free_plate
from livefer.drawing.text import Corner, Image, Lines, paint_panel, panel_plate, panel_wh
from livefer.formatting import printable
from livefer.results import Face, main_face

Status = tuple[tuple[str, str], ...]
_STATUS_SCALE = 0.8
_KEYS_SCALES = (1.0, 0.85, 0.7)  # smaller where there is no room beside the faces
_MOST_LINES, _FEWEST_LETTERS = 4, 12  # of a message, and of its lines
# Shares of the bars that may lie over faces. Two values, so that the bars do not flicker.
_MAY_APPEAR, _MAY_STAY = 0.15, 0.3


class Places(NamedTuple):
    """Where things lay in the frame before: they stay there as long as they hide little.

    corner: of the bars; None where they would hide too much of a face
    """

    corner: Corner | None = "top-right"
    message: Plate | None = None
    help: Plate | None = None
    labelling: Labelling | None = None


def paint_scene(
    canvas: Image,
    faces: Sequence[Face],
    heatmaps: bool,
    status: Status,
    before: Places,
    message: str = "",
    keys: Lines = (),
) -> Places:
    """Paint faces, their number, the main face's bars, figures, a message and the list of keys.

    The bars move to the other side only when they would hide a face, and are left out where they
    would hide too much of one on both sides. Message and keys hide neither bars nor faces where
    there is room elsewhere.

    canvas: (H, W, 3) uint8 BGR, painted in place
    """
    count = [f"{len(faces)} face{'' if len(faces) == 1 else 's'}", *_profile_line(faces)]
    plates = [panel_plate(canvas, count, "bottom-left")]
    if status:
        plates.append(panel_plate(canvas, status, "bottom-right", _STATUS_SCALE))
    main, corner = main_face(faces), before.corner
    if main is not None:
        most = _MAY_APPEAR if corner is None else _MAY_STAY
        corners: list[Corner] = [corner or "top-right", "top-right", "top-left"]
        corner = free_corner(canvas, main, faces, corners, most)
        if corner is not None:
            plates.append(bars_plate(canvas, main, corner))
    boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
    said = _find_place(canvas, _wrapped(message), plates, boxes, "top", before.message)
    plates += [] if said.plate is None else [said.plate]
    ways = [(keys, scale) for scale in _KEYS_SCALES] if keys else []
    listed = _find_place(canvas, ways, plates, boxes, "centre", before.help)
    plates += [] if listed.plate is None else [listed.plate]
    labelling = paint_faces(canvas, faces, heatmaps, plates, before.labelling)
    if main is not None and corner is not None:
        paint_bars(canvas, main, corner)
    paint_panel(canvas, count, "bottom-left")
    paint_panel(canvas, status, "bottom-right", _STATUS_SCALE)
    for panel in (said, listed):
        if panel.plate is not None:
            paint_panel(canvas, panel.lines, panel.plate, panel.scale, opacity=0.92)
    return Places(corner, said.plate, listed.plate, labelling)


class _Panel(NamedTuple):
    """Lines of text, their scale, and their place; None where there are none."""

    lines: Lines = ()
    scale: float = 1.0
    plate: Plate | None = None


def _find_place(
    canvas: Image,
    ways: Sequence[tuple[Lines, float]],
    taken: Sequence[Plate],
    boxes: NDArray[np.float32],
    wish: Corner,
    before: Plate | None,
) -> _Panel:
    """Return which of the ways to write something has a place, and where.

    ways: lines and their scale, the best first
    """
    if not ways:
        return _Panel()
    sizes = [panel_wh(canvas, lines, scale) for lines, scale in ways]
    way, plate = free_plate(canvas, sizes, taken, boxes, wish, before)
    return _Panel(*ways[way], plate)


def _wrapped(message: str) -> list[tuple[Lines, float]]:
    """Return the ways to write a message: on one line, on two, and so on."""
    ways = []
    for n_lines in range(1, _MOST_LINES + 1):
        lines = wrap(message, max(_FEWEST_LETTERS, -(-len(message) // n_lines) + 4))
        if lines and lines not in ways:
            ways.append(lines)
    return [(lines, 1.0) for lines in ways]


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
