"""Labels of faces: their text, a place where they hide little, and badges where there is none.

From four faces on, no label lies at another face: a face without room for its label gets a badge
with its number, and a list in a free place says what the numbers mean. Where too many have no
room, all faces get badges. Knows nothing about boxes' looks, bars or windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livefer.drawing.places import Plate, area, free_plate, overlap
from livefer.drawing.text import (
    PLATE,
    WHITE,
    Colour,
    Image,
    fit_text,
    line_width,
    mix,
    move_inside,
    paint_plate,
    paint_text,
    readable_on,
    text_size,
    text_wh,
)
from livefer.labels import colour_bgr
from livefer.results import Face

CROWD = 4
"""From so many faces on, some may have badges."""
_MAY_HIDE = 0.04  # share of a label over other faces up to which it stays a label
_MOST_BADGES = 0.4  # share of faces without room; above it all faces get badges
_LIST_MAY_HIDE = 0.15  # share of the list over faces and labels; above it there is no list


class Labelling(NamedTuple):
    """How a frame was labelled, for the next frame of its stream: what fits only just stays.

    badged: numbers of the faces with badges
    list_plate: where the list lay
    """

    badged: frozenset[int] = frozenset()
    list_plate: Plate | None = None


class _Mark(NamedTuple):
    """A label or a badge: its text, the text's size, and its plate."""

    text: str
    size: int
    plate: Plate


def label_text(face: Face) -> str:
    """Return the label drawn at a face: number, answer and confidence, as in "#2 happy 93%"."""
    number = "" if face.track_id is None else f"#{face.track_id} "
    return f"{number}{_answer(face)}"


def _answer(face: Face) -> str:
    return f"{face.answer} {face.confidence:.0%}"


def paint_labels(
    image: Image,
    faces: Sequence[Face],
    avoid: Sequence[Plate] = (),
    before: Labelling | None = None,
) -> Labelling:
    """Paint a label or a badge for every face, and the list of the badges.

    avoid: plates that labels keep away from
    before: the frame before, in a stream
    """
    before = before or Labelling()
    boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
    numbers = [i if face.track_id is None else face.track_id for i, face in enumerate(faces, 1)]
    order = np.argsort(-area(boxes), kind="stable").tolist()
    badged, marks = _planned(image, faces, numbers, boxes, order, avoid, before.badged)
    for i in order:
        _paint_mark(image, faces[i], marks[i])
    listed = sorted(zip(numbers, faces, strict=True), key=lambda entry: entry[0])
    entries = [(_number(face, number), face) for number, face in listed if number in badged]
    list_plate = None
    if entries:
        hidden = np.vstack([boxes, *(mark.plate for mark in marks.values())])
        list_plate = _paint_list(image, entries, avoid, hidden, before.list_plate)
    return Labelling(badged, list_plate)


def _number(face: Face, number: int) -> str:
    """Return what a badge says: the number as in tables, or the place from left to right."""
    return f"{number}" if face.track_id is None else f"#{number}"


def _planned(
    image: Image,
    faces: Sequence[Face],
    numbers: Sequence[int],
    boxes: NDArray[np.float32],
    order: Sequence[int],
    avoid: Sequence[Plate],
    before: frozenset[int],
    is_crowd: bool = False,
) -> tuple[frozenset[int], dict[int, _Mark]]:
    """Return the numbers of the faces that get badges, and the mark of each face.

    is_crowd: all get badges
    """
    badged: set[int] = set()
    marks: dict[int, _Mark] = {}
    taken = list(avoid)
    for i in order:
        mark = _mark(image, label_text(faces[i]), boxes, i, taken)
        spare = 0.5 * mark.size if numbers[i] in before else 0.0
        has_room = len(faces) < CROWD or _has_room(mark, np.delete(boxes, i, 0), taken, spare)
        if is_crowd or not has_room:
            badged.add(numbers[i])
            mark = _mark(image, _number(faces[i], numbers[i]), boxes, i, taken)
        marks[i] = mark
        taken.append(mark.plate)
    if not is_crowd and len(badged) > _MOST_BADGES * len(faces):
        return _planned(image, faces, numbers, boxes, order, avoid, before, True)
    return frozenset(badged), marks


def _has_room(
    label: _Mark, others: NDArray[np.float32], taken: Sequence[Plate], spare: float
) -> bool:
    """Say whether a label hides no other face and no plate.

    spare: pixels of room around it that a badge needs to become a label again
    """
    plates = np.array(taken, np.float32).reshape(-1, 4)
    grown = label.plate + np.float32(spare) * np.array([-1, -1, 1, 1], np.float32)
    most = 0.0 if spare else _MAY_HIDE
    return bool(overlap(label.plate[None], plates)[0] == 0 and overlap(grown[None], others) <= most)


def _mark(
    image: Image, text: str, boxes: NDArray[np.float32], i: int, taken: Sequence[Plate]
) -> _Mark:
    """Return a text's size and place at a face."""
    # Small faces get small labels: in a crowd, labels as wide as the faces hide the least.
    base = text_size(*image.shape[:2])
    size = max(9, round(0.55 * base), min(base, round(0.13 * (boxes[i, 2] - boxes[i, 0]))))
    text, size = fit_text(text, size, image.shape[1] - 2 * (size // 3))
    pad = size // 3
    w, h = text_wh(text, size)
    wh = w + 2 * pad, h + pad
    others = np.array(taken, np.float32).reshape(-1, 4)
    return _Mark(text, size, _place(image, wh, boxes[i], np.delete(boxes, i, 0), others))


def _paint_mark(image: Image, face: Face, mark: _Mark) -> None:
    fill, ink, opacity = _colours(face)
    pad = mark.size // 3
    paint_plate(image, mark.plate, fill, opacity)
    xy = int(mark.plate[0]) + pad, int(mark.plate[1]) + (pad + 1) // 2
    paint_text(image, mark.text, xy, mark.size, ink)


def _colours(face: Face) -> tuple[Colour, Colour, float]:
    """Return the colour of a face's plate and of its text, and the plate's opacity."""
    colour = colour_bgr(face.label, face.classes)
    if face.uncertain:
        return PLATE, mix(colour, WHITE, 0.7), 0.82
    return colour, readable_on(colour), 1.0


def _paint_list(
    image: Image,
    entries: Sequence[tuple[str, Face]],
    avoid: Sequence[Plate],
    hidden: NDArray[np.float32],
    before: Plate | None,
) -> Plate | None:
    """Paint what the badges mean, in as many columns as its place asks for; return its plate.

    hidden: (N, 4) what the list is not to hide: faces, labels and badges
    """
    base = text_size(*image.shape[:2])
    n = len(entries)
    shapes = [
        _ListShape.of(entries, size, n_columns)
        for size in (max(10, round(0.65 * base)), max(9, round(0.5 * base)))
        for n_columns in sorted({1, min(2, n), min(3, n), -(-n // 3), -(-n // 2), n})
    ]
    limit = image.shape[1], image.shape[0]
    shapes = [s for s in shapes if s.wh[0] <= limit[0] and s.wh[1] <= limit[1]]
    if not shapes:
        return None
    shape, plate = free_plate(image, [s.wh for s in shapes], avoid, hidden, "top-left", before)
    if overlap(plate[None], np.vstack([hidden, *avoid]))[0] > _LIST_MAY_HIDE:
        return None
    shapes[shape].paint(image, entries, plate)
    return plate


class _ListShape(NamedTuple):
    """The layout of the list, in pixels.

    size: of the text
    n_rows: of a column
    number_w, column_w: widths of the badges and of a column
    wh: of the plate
    """

    size: int
    n_rows: int
    number_w: int
    column_w: int
    wh: tuple[int, int]

    @classmethod
    def of(cls, entries: Sequence[tuple[str, Face]], size: int, n_columns: int) -> _ListShape:
        """Return the layout of a list in this many columns."""
        gap, row = max(2, size // 2), round(1.6 * size)
        n_rows = -(-len(entries) // n_columns)
        number_w = max(text_wh(number, size)[0] for number, _ in entries) + 2 * (size // 3)
        answer_w = max(text_wh(_answer(face), size)[0] for _, face in entries)
        # Rounded up: the list would move with every change of a share.
        column_w = gap + number_w + gap + -(-answer_w // (3 * size)) * 3 * size
        wh = -(-len(entries) // n_rows) * (column_w + gap) + gap, n_rows * row + gap
        return cls(size, n_rows, number_w, column_w, wh)

    def paint(self, image: Image, entries: Sequence[tuple[str, Face]], plate: Plate) -> None:
        """Paint the list on its plate."""
        gap, row, pad = max(2, self.size // 2), round(1.6 * self.size), self.size // 3
        text_h = text_wh("", self.size)[1]
        paint_plate(image, plate, PLATE, 0.82)
        for i, (number, face) in enumerate(entries):
            x = int(plate[0]) + gap + i // self.n_rows * (self.column_w + gap)
            y = int(plate[1]) + gap // 2 + i % self.n_rows * row
            fill, ink, _ = _colours(face)
            top = y + (row - text_h - pad) // 2
            badge = np.array([x, top, x + self.number_w, top + text_h + pad], np.float32)
            paint_plate(image, badge, fill, 1.0)
            number_x = x + (self.number_w - text_wh(number, self.size)[0]) // 2
            paint_text(image, number, (number_x, top + (pad + 1) // 2), self.size, ink)
            answer_xy = x + self.number_w + gap, top + (pad + 1) // 2
            paint_text(image, _answer(face), answer_xy, self.size, WHITE)


def _place(
    image: Image,
    wh: tuple[int, int],
    box: NDArray[np.float32],
    others: NDArray[np.float32],
    taken: NDArray[np.float32],
) -> Plate:
    """Return the plate of a face's label, where it hides least.

    It lies above the face's box, or else below, inside or beside it.

    wh: width and height of the plate
    others: (N, 4) boxes of the other faces
    taken: (M, 4) plates that are there already
    """
    w, h = wh
    left, top, right, bottom = box
    edge = line_width(image) + 1
    lefts = [left, left, right - w, right - w, left + edge, left + edge, right, left - w]
    tops = [top - h, bottom, top - h, bottom, top + edge, bottom - h - edge, top, top]
    plates = np.array([lefts, tops, np.add(lefts, w), np.add(tops, h)], np.float32).T.round()
    inside = move_inside(plates, image)
    cost = (
        0.02 * np.arange(len(plates))
        + 0.3 * np.abs(inside - plates).max(1) / h
        + 20 * overlap(inside, taken)
        + 2 * overlap(inside, others)
        + 0.5 * overlap(inside, box[None])
    )
    chosen: Plate = inside[int(cost.argmin())]
    return chosen
