"""What results look like in a notebook: small PNGs, as the bytes of their files."""

from __future__ import annotations

import cv2
import numpy as np

from livefer.drawing.faces import draw_faces
from livefer.drawing.labels import label_text
from livefer.drawing.text import (
    PLATE,
    WHITE,
    Image,
    fit_text,
    mix,
    paint_plate,
    paint_text,
    text_wh,
)
from livefer.labels import colour_bgr
from livefer.results import Face, FrameResult

_MOST_PX = 640
_CROP, _GAP, _BAR, _SHARE, _ROW, _TEXT = 144, 12, 120, 44, 18, 13  # px
_DIM = mix(WHITE, PLATE, 0.25)


def frame_png(result: FrameResult) -> bytes | None:
    """Return the annotated picture, at most 640 pixels wide or high; None without an image."""
    if result.image is None:
        return None
    drawn = draw_faces(result.image, result.faces, heatmaps=True, bars=True)
    height, width = drawn.shape[:2]
    scale = _MOST_PX / max(height, width)
    if scale < 1:
        size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        drawn = np.asarray(cv2.resize(drawn, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return _png(drawn)


def face_png(face: Face) -> bytes:
    """Return what the network saw of a face, where that is known, with its label and its bars."""
    left = _GAP if face.crop is None else _CROP + 2 * _GAP
    names_w = max(text_wh(name, _TEXT)[0] for name in face.classes)
    width = left + names_w + _BAR + _SHARE + 3 * _GAP
    head = 2 * _ROW + _GAP
    height = max(head + len(face.classes) * _ROW, 0 if face.crop is None else _CROP + _GAP) + _GAP
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = PLATE
    if face.crop is not None:
        gray = cv2.resize(face.crop, (_CROP, _CROP), interpolation=cv2.INTER_CUBIC)
        picture[_GAP : _GAP + _CROP, _GAP : _GAP + _CROP] = gray[..., None]
    title, size = fit_text(label_text(face), 22, width - left - _GAP)
    paint_text(picture, title, (left, _GAP), size, WHITE)
    for i, name in enumerate(face.classes):
        ink = WHITE if i == face.class_id else _DIM
        y, share = head + i * _ROW, float(face.probabilities[i])
        x0 = left + names_w + _GAP
        paint_text(picture, name, (left, y), _TEXT, ink)
        bar = np.array([x0, y + 2, x0 + _BAR, y + 13], np.float32)
        paint_plate(picture, bar, mix(PLATE, WHITE, 0.18), 1.0)
        bar[2] = x0 + round(share * _BAR)
        paint_plate(picture, bar, colour_bgr(name, face.classes), 1.0)
        paint_text(picture, f"{share:.0%}", (x0 + _BAR + _GAP, y), _TEXT, ink)
    return _png(picture)


def _png(picture: Image) -> bytes:
    return bytes(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])
