"""Boxes, bars and heat maps on a picture, with labels; knows nothing about windows or files.

`draw_*` returns a new picture; `paint_*` changes its argument, as the live window needs it. All
marks scale with the picture and stay inside it, and all text lies on a plate, so that it is
readable on any background from 160×120 to 4K.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.drawing.labels import Labelling, paint_labels
from livefer.drawing.places import Plate, area, overlap
from livefer.drawing.text import (
    BLACK,
    PLATE,
    WHITE,
    Colour,
    Corner,
    Image,
    Overlay,
    corner_plate,
    lay_over,
    line_width,
    make_overlay,
    mix,
    paint_plate,
    paint_text,
    text_size,
    text_wh,
)
from livefer.faces.crops import check_image
from livefer.labels import colour_bgr
from livefer.results import Face

BAR_CORNERS: tuple[Corner, ...] = ("top-right", "top-left", "bottom-right", "bottom-left")
_MUTED: Colour = (150, 150, 150)
_DIM = mix(WHITE, PLATE, 0.25)
_EMPTY = mix(PLATE, WHITE, 0.18)
_ANGLES = np.radians(np.linspace(-90, 0, 9) + 90 * np.arange(4)[:, None])
_ARCS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)  # (4, 9, 2), clockwise from the top


def draw_faces(
    image: Image, faces: Sequence[Face], heatmaps: bool = False, bars: bool = False
) -> Image:
    """Return the picture with a box and a label on every face.

    image: (H, W, 3) uint8 BGR, or (H, W) gray
    heatmaps: also paint the heat map of each face that has one
    bars: also chart the probabilities of a single face, in a corner that does not hide it
    """
    canvas = _canvas(image)
    corner = None
    if bars and len(faces) == 1:
        corner = free_corner(canvas, faces[0], faces, BAR_CORNERS)
    plates = [] if corner is None else [bars_plate(canvas, faces[0], corner)]
    paint_faces(canvas, faces, heatmaps, plates)
    if corner is not None:
        paint_bars(canvas, faces[0], corner)
    return canvas


def draw_heatmap(image: Image, heatmap: NDArray[np.float32], box: Sequence[float]) -> Image:
    """Return the picture with a heat map painted over a box.

    image: (H, W, 3) uint8 BGR, or (H, W) gray
    heatmap: (h, w) float32, 0–1
    box: (left, top, right, bottom) in pixels; may reach outside the picture
    """
    canvas = _canvas(image)
    paint_heatmap(canvas, heatmap, box)
    return canvas


def overlay_cam(image: Image, cam: NDArray[np.float32]) -> Image:
    """Return the picture with the positive part of a Grad-CAM map painted over all of it.

    image: (H, W, 3) uint8 BGR, or (H, W) gray, as of a face that the network saw
    cam: (h, w) float32, not rectified; its largest value becomes 1

    Another shape raises ValueError.
    """
    canvas, cam = _canvas(image), np.asarray(cam, np.float32)
    if cam.ndim != 2 or not cam.size:
        raise ValueError(
            f"cam must be (h, w), the map of one class of one face, got {cam.shape}: give cam[0] "
            "of what CAMExtractor.generate_cam returns"
        )
    height, width = canvas.shape[:2]
    positive = np.maximum(cam, 0)
    heat = np.maximum(cv2.resize(positive, (width, height), interpolation=cv2.INTER_CUBIC), 0)
    if (peak := float(heat.max())) > 0:
        paint_heatmap(canvas, heat / np.float32(peak), (0, 0, width, height))
    return canvas


def paint_faces(
    image: Image,
    faces: Sequence[Face],
    heatmaps: bool = False,
    avoid: Sequence[Plate] = (),
    before: Labelling | None = None,
) -> Labelling:
    """Paint heat maps, then boxes, then labels, so that nothing covers a label.

    avoid: plates that labels keep away from
    before: how the frame before was labelled, in a stream
    """
    by_size = sorted(faces, key=lambda face: -float(area(np.asarray(face.box))))
    for face in by_size:
        if heatmaps and face.heatmap is not None:
            paint_heatmap(image, face.heatmap, face.crop_box)
    for face in reversed(by_size):
        _paint_box(image, face)
    return paint_labels(image, faces, avoid, before)


def paint_heatmap(image: Image, heatmap: NDArray[np.float32], box: Sequence[float]) -> None:
    """Blend a heat map over a box; where the map is 0 the picture stays as it is."""
    left, top, right, bottom = (round(v) for v in box)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(right, image.shape[1]), min(bottom, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    # Only the visible part is resized; pixel centres lie at +0.5.
    sx, sy = heatmap.shape[1] / (right - left), heatmap.shape[0] / (bottom - top)
    matrix = np.array([[sx, 0, (x0 - left + 0.5) * sx - 0.5], [0, sy, (y0 - top + 0.5) * sy - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    heat = cv2.warpAffine(
        np.ascontiguousarray(heatmap),
        matrix,
        (x1 - x0, y1 - y0),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    colours = cv2.applyColorMap(cv2.convertScaleAbs(heat, alpha=255), cv2.COLORMAP_TURBO)
    alpha = np.clip(heat * np.float32(1.1) - np.float32(0.1), 0, 0.55)
    part = image[y0:y1, x0:x1]
    part[:] = cv2.blendLinear(part, colours, 1 - alpha, alpha)


def paint_bars(image: Image, face: Face, corner: Corner = "top-right") -> None:
    """Paint a bar for every class, with its name and share; the label's is bright, others dim."""
    layout = _bars_layout(*image.shape[:2], face.classes, bool(_title(face)))
    plate = bars_plate(image, face, corner)
    lay_over(image, _bars(layout, face.classes, face.class_id, _title(face)), plate)
    x0, y = int(plate[0]), int(plate[1]) + layout.top
    for i, name in enumerate(face.classes):
        best = i == face.class_id
        share = f"{face.probabilities[i]:.0%}"
        x = int(plate[2]) - layout.gap - text_wh(share, layout.size)[0]
        paint_text(image, share, (x, y + layout.text_y), layout.size, WHITE if best else _DIM)
        bar_y = y + layout.bar_y
        bar = image[bar_y : bar_y + layout.bar_h, x0 + layout.left : x0 + layout.right]
        full = colour_bgr(name, face.classes)
        full = full if best else mix(full, PLATE, 0.25)
        length = float(face.probabilities[i]) * bar.shape[1]
        whole = int(length)
        bar[:, :whole] = full
        # A last column of a mixed colour makes short bars grow smoothly.
        bar[:, whole : whole + 1] = mix(_EMPTY, full, round(16 * (length - whole)) / 16)
        y += layout.row


def bars_plate(image: Image, face: Face, corner: Corner = "top-right") -> Plate:
    """Return the plate that `paint_bars` covers."""
    layout = _bars_layout(*image.shape[:2], face.classes, bool(_title(face)))
    return corner_plate(image, layout.wh, corner)


def _title(face: Face) -> str:
    return "" if face.track_id is None else f"face #{face.track_id}"


class _BarsLayout(NamedTuple):
    """The layout of the plate with the bars, in pixels.

    size: of the text
    gap: margin inside the plate
    wh: width and height of the plate
    top: of the first class's row
    row: height of a row
    text_y, bar_y: of text and bar in their row
    bar_h: height of a bar
    left, right: of the bars
    """

    size: int
    gap: int
    wh: tuple[int, int]
    top: int
    row: int
    text_y: int
    bar_y: int
    bar_h: int
    left: int
    right: int


@lru_cache(maxsize=16)
def _bars_layout(height: int, width: int, classes: tuple[str, ...], has_title: bool) -> _BarsLayout:
    n_rows = len(classes) + 1
    size = max(7, min(round(text_size(height, width) * 0.85), int(height * 0.45 / (n_rows * 1.35))))
    gap, row = max(2, size // 2), round(size * 1.35)
    left = 2 * gap + max(text_wh(name, size)[0] for name in (*classes, "face #10"))
    bar_w, bar_h = max(4, min(5 * size, round(0.2 * width))), max(3, round(size * 0.62))
    share_w, text_h = text_wh("100%", size)
    return _BarsLayout(
        size=size,
        gap=gap,
        wh=(left + bar_w + share_w + 2 * gap, (len(classes) + has_title) * row + gap),
        top=gap // 2 + (row if has_title else 0),
        row=row,
        text_y=(row - text_h) // 2,
        bar_y=(row - bar_h) // 2,
        bar_h=bar_h,
        left=left,
        right=left + bar_w,
    )


@lru_cache(maxsize=8)
def _bars(layout: _BarsLayout, classes: tuple[str, ...], class_id: int, title: str) -> Overlay:
    """Return the part of the bars that changes seldom: plate, names and empty bars."""

    def paint(image: Image) -> None:
        paint_plate(image, np.array([0, 0, *layout.wh], np.float32), PLATE, 0.82)
        xy = layout.gap, layout.gap // 2 + layout.text_y
        paint_text(image, title, xy, layout.size, _DIM)
        y = layout.top
        for i, name in enumerate(classes):
            ink = WHITE if i == class_id else _DIM
            paint_text(image, name, (layout.gap, y + layout.text_y), layout.size, ink)
            bar_y = y + layout.bar_y
            image[bar_y : bar_y + layout.bar_h, layout.left : layout.right] = _EMPTY
            y += layout.row

    return make_overlay(layout.wh, paint)


def free_corner(
    image: Image, face: Face, faces: Sequence[Face], corners: Sequence[Corner], most: float = 0.0
) -> Corner | None:
    """Return the first of the corners where the face's bars hide least of the faces, or None.

    most: the share of the bars' plate that may lie over faces; of a face, twice as much is hidden
        at most
    """
    boxes = np.array([f.box for f in faces], np.float32).reshape(-1, 4)
    plates = np.array([bars_plate(image, face, corner) for corner in corners], np.float32)
    of_faces = [overlap(boxes, plate[None]).max(initial=0) for plate in plates]
    hidden = np.maximum(overlap(plates, boxes), np.divide(of_faces, 2))
    best = int(hidden.argmin())
    return corners[best] if hidden[best] <= most else None


def _paint_box(image: Image, face: Face) -> None:
    """Paint a rounded box on a dark line, which sets it off from a background of its colour."""
    width = line_width(image)
    left, top, right, bottom = face.box
    radius = min(0.12 * min(right - left, bottom - top), 8 * width)
    x, y = (left + radius, right - radius), (top + radius, bottom - radius)
    centres = np.array([(x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0])])
    points = [np.round((centres[:, None] + radius * _ARCS) * 16).astype(np.int32).reshape(-1, 2)]
    colour = colour_bgr(face.label, face.classes)
    if face.uncertain:
        colour = mix(colour, _MUTED, 0.65)
    cv2.polylines(image, points, True, mix(colour, BLACK, 0.8), width + 2, cv2.LINE_AA, 4)
    cv2.polylines(image, points, True, colour, width, cv2.LINE_AA, 4)


def _canvas(image: Image) -> Image:
    image = check_image(image)
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.array(image, order="C")
