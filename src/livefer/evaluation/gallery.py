"""A model's mistakes as one picture: the most certain ones, then those of each confusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.drawing.text import WHITE, Image, fit_text, mix, paint_text
from livefer.evaluation.report import Report
from livefer.formatting import count, printable

_TILE, _GAP, _FOOT, _HEAD = 132, 12, 34, 44  # px
_COLUMNS, _N_WORST, _N_CONFUSIONS = 8, 24, 8
_GROUND = (30, 27, 25)
_GRAY = mix(WHITE, _GROUND, 0.35)

Show = Callable[[int], Image]
"""Returns what a tile shows of an image of a split, (H, W) or (H, W, 3) uint8, square."""


def worst_mistakes(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of the wrong answers, the most certain ones first.

    probabilities: (N, C) float32
    targets: (N,) int64
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def mistakes_picture(
    probabilities: NDArray[np.float32], split: Split, report: Report, title: str, show: Show
) -> Image:
    """Draw the mistakes on a split, (H, W, 3) uint8.

    probabilities: (N, C) float32, columns as in report.classes
    show: called with the row of each image that is drawn
    """
    predicted, classes = probabilities.argmax(axis=1), report.classes
    worst = worst_mistakes(probabilities, split.targets)
    sections = [(f"{count(len(worst), 'mistake')}, the most certain first", worst[:_N_WORST])]
    confusions = report.confusions(_N_CONFUSIONS)
    for confusion in confusions if confusions[1:] else []:
        true, other = classes.index(confusion.true), classes.index(confusion.taken_for)
        rows = worst[(split.targets[worst] == true) & (predicted[worst] == other)]
        support = int(report.matrix[true].sum())
        words = f"{confusion} ({confusion.count:,} of {support:,})"
        sections.append((words, rows[:_COLUMNS]))
    parts = [_band(title, 24)]
    for heading, rows in sections:
        parts.append(_band(heading, 17))
        for start in range(0, len(rows), _COLUMNS):
            chosen = rows[start : start + _COLUMNS].tolist()
            tiles = [
                _tile(
                    show(i),
                    f"{classes[split.targets[i]]} → {classes[predicted[i]]} "
                    f"{probabilities[i].max():.0%}",
                    printable(PurePosixPath(split.files[i]).name),
                )
                for i in chosen
            ]
            parts.append(_row(tiles))
    return np.concatenate(parts)


def _band(text: str, size: int) -> Image:
    band = _empty(_HEAD)
    text, size = fit_text(text, size, band.shape[1] - 2 * _GAP)
    paint_text(band, text, (_GAP, _HEAD - size - 12), size, WHITE)
    return band


def _row(tiles: Sequence[Image]) -> Image:
    row = _empty(_TILE + _FOOT + _GAP)
    for column, tile in enumerate(tiles):
        x = _GAP + column * (_TILE + _GAP)
        row[: len(tile), x : x + _TILE] = tile
    return row


def _empty(height: int) -> Image:
    band = np.empty((height, _GAP + _COLUMNS * (_TILE + _GAP), 3), np.uint8)
    band[:] = _GROUND
    return band


def _tile(picture: Image, answer: str, file: str) -> Image:
    tile = np.empty((_TILE + _FOOT, _TILE, 3), np.uint8)
    tile[:] = _GROUND
    how = cv2.INTER_AREA if len(picture) > _TILE else cv2.INTER_CUBIC
    shown = cv2.resize(picture, (_TILE, _TILE), interpolation=how)
    tile[:_TILE] = shown if shown.ndim == 3 else shown[:, :, None]
    for y, text, colour in ((_TILE + 3, answer, WHITE), (_TILE + 19, file, _GRAY)):
        text, size = fit_text(text, 13, _TILE)
        paint_text(tile, text, (0, y), size, colour)
    return tile
