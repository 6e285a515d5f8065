"""Text and the plates beneath it, painted into a picture; knows nothing about faces.

The font is FreeSans Bold, which pygame-ce brings, rendered by pygame's FreeType module. That needs
no display; it is imported with the first text drawn (70 ms), and a line costs 0.02 ms once its
letters are cached. OpenCV's own stroke font cannot be read at small sizes. Letters that FreeSans
Bold lacks are drawn with an installed font (`drawing/fonts.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.drawing.fonts import TextRun, shipped_font, text_runs

Lines = Sequence[str | tuple[str, str]]
Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
_FixedLines = tuple[str | tuple[str, str], ...]
Overlay = tuple[Image, Image]
"""What a picture gets, and the share of it that stays (255: all); (h, w, 3) each."""

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right", "top", "bottom", "centre"]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (20, 20, 20)
PLATE: Colour = (34, 32, 30)


def text_size(height: int, width: int) -> int:
    """Return the height in pixels of text in a picture of this size: 9 at 160×120, 51 at 4K."""
    return round(6 + 0.021 * min(height, width))


def line_width(image: Image) -> int:
    """Return the width in pixels of lines in a picture."""
    return max(1, round(float(min(image.shape[:2])) / 320))


def text_wh(text: str, size: int) -> tuple[int, int]:
    """Return width and height in pixels of one line; the height depends only on the size."""
    mask = _text_mask(text, size)
    return mask.shape[1], mask.shape[0]


def fit_text(text: str, size: int, width: int) -> tuple[str, int]:
    """Return a line and the size at which it fits the width: smaller, and cut off at size 6."""
    while size > 6 and text_wh(text, size)[0] > width:
        size -= 1
    return cut_text(text, size, width), size


def cut_text(text: str, size: int, width: int) -> str:
    """Return as much of a line as fits the width, with an ellipsis if letters are missing."""
    cut = text
    while cut and text_wh(cut, size)[0] > width:
        text = text[:-1]
        cut = f"{text}…" if text else ""
    return cut


def paint_text(image: Image, text: str, xy: tuple[int, int], size: int, colour: Colour) -> None:
    """Paint one line with its upper left corner at xy, cut off at the picture's borders."""
    mask = _text_mask(text, size)
    x0, y0 = max(xy[0], 0), max(xy[1], 0)
    x1 = min(xy[0] + mask.shape[1], image.shape[1])
    y1 = min(xy[1] + mask.shape[0], image.shape[0])
    if x0 < x1 and y0 < y1:
        share = mask[y0 - xy[1] : y1 - xy[1], x0 - xy[0] : x1 - xy[0]] / np.float32(255)
        part = image[y0:y1, x0:x1]
        ink = np.empty_like(part)
        ink[:] = colour
        part[:] = cv2.blendLinear(part, ink, 1 - share, share)


def paint_plate(image: Image, plate: NDArray[np.float32], fill: Colour, opacity: float) -> None:
    """Blend a rectangle with round corners into the picture; plate: (4,) xyxy in pixels."""
    x0, y0, x1, y1 = (max(int(v), 0) for v in plate)
    part = image[y0:y1, x0:x1]
    if part.size == 0:
        return
    filled = cv2.LUT(part, _shades(fill, opacity))
    radius = 0.18 * min(*part.shape[:2], 60)
    covered = _round_corner(radius)
    side = len(covered)
    for rows, down in ((slice(side), 1), (slice(-side, None), -1)):
        for columns, right in ((slice(side), 1), (slice(-side, None), -1)):
            share = np.ascontiguousarray(covered[::down, ::right])
            corner = filled[rows, columns]
            corner[:] = cv2.blendLinear(part[rows, columns], corner, 1 - share, share)
    part[:] = filled


def paint_panel(
    image: Image,
    lines: Lines,
    where: Corner | NDArray[np.float32],
    scale: float = 1.0,
    opacity: float = 0.82,
) -> None:
    """Paint lines of text on one plate; pairs (key, meaning) make two columns.

    where: a corner, or the plate itself, (4,) xyxy in pixels
    scale: of the text, relative to `text_size` of the picture
    opacity: of the plate, 0–1
    """
    if lines:
        plate = panel_plate(image, lines, where, scale) if isinstance(where, str) else where
        lay_over(image, _panel(*image.shape[:2], _fixed(lines), scale, opacity), plate)


def panel_plate(
    image: Image, lines: Lines, corner: Corner, scale: float = 1.0
) -> NDArray[np.float32]:
    """Return the plate that `paint_panel` covers: (4,) xyxy in pixels."""
    return corner_plate(image, panel_wh(image, lines, scale), corner)


def panel_wh(image: Image, lines: Lines, scale: float = 1.0) -> tuple[int, int]:
    """Return width and height in pixels of the plate that `paint_panel` paints."""
    return _panel_wh(*_panel_layout(*image.shape[:2], _fixed(lines), scale))


def make_overlay(wh: tuple[int, int], paint: Callable[[Image], None]) -> Overlay:
    """Return what `paint` paints into a picture of this size, as an overlay."""
    dark, light = np.zeros((wh[1], wh[0], 3), np.uint8), np.full((wh[1], wh[0], 3), 255, np.uint8)
    paint(dark)
    paint(light)
    return dark, light - dark


def lay_over(image: Image, overlay: Overlay, plate: NDArray[np.float32]) -> None:
    """Lay an overlay over a picture, at the upper left corner of the plate (4,) xyxy."""
    added, kept = overlay
    x, y = int(plate[0]), int(plate[1])
    part = image[y : y + added.shape[0], x : x + added.shape[1]]
    height, width = part.shape[:2]
    shining = cv2.multiply(part, kept[:height, :width], scale=1 / 255)
    part[:] = cv2.add(shining, added[:height, :width])


def _fixed(lines: Lines) -> _FixedLines:
    return tuple(line if isinstance(line, str) else (line[0], line[1]) for line in lines)


@lru_cache(maxsize=8)
def _panel(height: int, width: int, lines: _FixedLines, scale: float, opacity: float) -> Overlay:
    rows, size, first_w = _panel_layout(height, width, lines, scale)
    wh = _panel_wh(rows, size, first_w)
    gap, row = max(2, size // 2), round(size * 1.35)

    def paint(image: Image) -> None:
        paint_plate(image, np.array([0, 0, *wh], np.float32), PLATE, opacity)
        x, y = gap, gap // 2 + (row - text_wh("", size)[1]) // 2
        for first, second in rows:
            paint_text(image, first, (x, y), size, WHITE)
            paint_text(image, second, (x + first_w + 2 * gap, y), size, mix(WHITE, PLATE, 0.2))
            y += row

    return make_overlay(wh, paint)


@lru_cache(maxsize=16)
def _panel_layout(
    height: int, width: int, lines: _FixedLines, scale: float
) -> tuple[list[tuple[str, str]], int, int]:
    """Return the rows as pairs, the text size at which they fit, and the first column's width."""
    rows = [(line, "") if isinstance(line, str) else line for line in lines]
    for size in range(max(7, round(scale * text_size(height, width))), 5, -1):
        first_w = max((text_wh(first, size)[0] for first, second in rows if second), default=0)
        wh = _panel_wh(rows, size, first_w)
        if wh[0] <= width and wh[1] <= height:
            break
    room = width - 2 * max(2, size // 2)
    rows = [
        (a, cut_text(b, size, room - first_w - 2 * max(2, size // 2)))
        if b
        else (cut_text(a, size, room), "")
        for a, b in rows
    ]
    return rows, size, first_w


def _panel_wh(rows: list[tuple[str, str]], size: int, first_w: int) -> tuple[int, int]:
    gap, row = max(2, size // 2), round(size * 1.35)
    widths = [
        first_w + 2 * gap + text_wh(second, size)[0] if second else text_wh(first, size)[0]
        for first, second in rows
    ]
    return max(widths) + 2 * gap, len(rows) * row + gap


def corner_plate(image: Image, wh: tuple[int, int], corner: Corner) -> NDArray[np.float32]:
    """Return a plate of this size in a picture's corner or centre: (4,) xyxy in pixels."""
    height, width = image.shape[:2]
    margin = round(0.015 * min(height, width))
    x, y = (width - wh[0]) // 2, (height - wh[1]) // 2
    if "left" in corner:
        x = margin
    elif "right" in corner:
        x = width - wh[0] - margin
    if "top" in corner:
        y = margin
    elif "bottom" in corner:
        y = height - wh[1] - margin
    plates = np.array([[x, y, x + wh[0], y + wh[1]]], np.float32)
    return move_inside(plates, image).reshape(4)


def move_inside(plates: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
    """Return plates (N, 4) xyxy moved into the picture; a larger one starts at its upper left."""
    wh = plates[:, 2:] - plates[:, :2]
    limit = np.array(image.shape[1::-1], np.float32)
    lt = np.clip(np.minimum(plates[:, :2], limit - wh), 0, None)
    return np.concatenate([lt, lt + wh], 1)


@lru_cache(maxsize=512)
def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return the colour between a (share 0) and b (share 1)."""
    blue, green, red = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return blue, green, red


@lru_cache(maxsize=64)
def readable_on(fill: Colour) -> Colour:
    """Return black or white, whichever has the higher contrast with the fill.

    Relative luminance and contrast as in WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
    """
    blue, green, red = (((c / 255 + 0.055) / 1.055) ** 2.4 for c in fill)
    luminance = 0.0722 * blue + 0.7152 * green + 0.2126 * red
    return BLACK if luminance > 0.179 else WHITE


@lru_cache(maxsize=64)
def _shades(fill: Colour, opacity: float) -> Image:
    """Return a lookup table (256, 1, 3): the values of each channel seen through a plate."""
    below = np.arange(256)[:, None, None]
    return np.rint(below + (np.array(fill) - below) * opacity).astype(np.uint8)


@lru_cache(maxsize=64)
def _round_corner(radius: float) -> NDArray[np.float32]:
    """Return the share of each pixel that a round upper left corner covers: (side, side), 0–1."""
    off = np.clip(radius - 0.5 - np.arange(max(1, math.ceil(radius))), 0, None)
    distance = np.hypot(off[None], off[:, None])
    return np.asarray(np.clip(radius + 0.5 - distance, 0, 1), np.float32)


@lru_cache(maxsize=512)
def _text_mask(text: str, size: int) -> Image:
    """Return the coverage, (h, w) uint8, of one line of text."""
    runs = text_runs(text)
    if not any(run.font for run in runs):
        mask = _plain_mask(text or " ", size)[0]
        return mask if text else mask[:, :0]
    plain = [_plain_mask(run.text, size) for run in runs if not run.font] or [
        _plain_mask(" ", size)
    ]
    above = max(ascent for _, ascent in plain)
    below = max(len(mask) - ascent for mask, ascent in plain)
    masks = [_foreign_mask(run, size) if run.font else _plain_mask(run.text, size) for run in runs]
    line = np.zeros((above + below, sum(mask.shape[1] for mask, _ in masks)), np.uint8)
    x = 0
    for mask, ascent in masks:
        top = above - ascent
        rows = slice(max(top, 0), min(top + len(mask), len(line)))
        line[rows, x : x + mask.shape[1]] = mask[rows.start - top : rows.stop - top]
        x += mask.shape[1]
    return line


def _plain_mask(text: str, size: int) -> tuple[Image, int]:
    """Return the coverage of text in the shipped font, and its height above the baseline."""
    font = shipped_font()[1]
    pixels, (width, height) = font.render_raw(text, size=size)
    mask = np.frombuffer(pixels, np.uint8).reshape(height, width)
    return mask, int(font.get_rect(text, size=size).y)


def _foreign_mask(run: TextRun, size: int) -> tuple[Image, int]:
    """Return the coverage of text in an installed font, and its height above the baseline.

    pygame's other font module is used, because it joins letters where their script asks for it.
    """
    import pygame.font

    pygame.font.init()
    font = pygame.font.Font(run.font, size)
    if run.script:
        with suppress(pygame.error):  # an SDL_ttf without HarfBuzz: the letters stand alone
            font.set_script(run.script)
            font.set_direction(pygame.DIRECTION_RTL if run.from_right else pygame.DIRECTION_LTR)
    drawn = font.render(run.text, True, WHITE)
    rgba = np.frombuffer(pygame.image.tobytes(drawn, "RGBA"), np.uint8)
    return rgba.reshape(drawn.get_height(), drawn.get_width(), 4)[..., 3], font.get_ascent()
