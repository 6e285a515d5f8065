"""The last 30 seconds of the main face: a lane for each class, filled to its probability.

Knows nothing about threads and windows, but one thread may add results while another paints. Time
is that of the frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.drawing.text import WHITE, Colour, Image, mix, paint_text, text_wh
from livefer.labels import colour_bgr
from livefer.results import FrameResult, main_face

SHARE = 0.17
"""The strip's share of a window's height."""
_LEAST_WH = (480, 560)  # of a window with a strip
_SPAN_S = 30.0
_STEP_S = 0.1  # no screen shows samples closer than this apart
_GAP_S = 1.5  # a longer time without the face stays empty
_GROUND: Colour = (24, 22, 20)
_INK = mix(WHITE, _GROUND, 0.25)
_LINE = mix(_GROUND, WHITE, 0.15)
_SHIFT = 3  # bits of a polygon's corners behind the point


def strip_height(window_wh: tuple[int, int]) -> int:
    """Return the height in pixels of the strip in a window; 0 where it has no room."""
    width, height = window_wh
    return round(SHARE * height) if width >= _LEAST_WH[0] and height >= _LEAST_WH[1] else 0


class _Sample(NamedTuple):
    """The main face of a frame; probabilities: (C,) float32."""

    time_s: float
    track_id: int | None
    uncertain: bool
    probabilities: NDArray[np.float32]


class Strip:
    """The main face of the last 30 seconds, and its picture."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._samples: deque[_Sample] = deque()
        self._painted: tuple[tuple[int, int], float] | None = None
        self._image = np.empty((0, 0, 3), np.uint8)

    def add(self, result: FrameResult) -> None:
        """Take the faces of the next frame."""
        samples, face = self._samples, main_face(result.faces)
        if face is not None and (
            not samples
            or result.time_s - samples[-1].time_s >= _STEP_S
            or samples[-1].track_id != face.track_id
        ):
            samples.append(
                _Sample(result.time_s, face.track_id, face.uncertain, face.probabilities)
            )
        while samples and result.time_s - samples[0].time_s > _SPAN_S + _GAP_S:
            samples.popleft()

    def clear(self) -> None:
        """Forget what was seen."""
        self._samples.clear()

    def paint(self, wh: tuple[int, int], now_s: float) -> Image:
        """Return the picture of the 30 seconds before a time: (h, w, 3) uint8 BGR.

        It changes every tenth of a second of that time, and is not to be written to.
        """
        if (
            self._painted is None
            or self._painted[0] != wh
            or (abs(now_s - self._painted[1]) >= _STEP_S)
        ):
            self._painted = wh, now_s
            self._image = self._paint(wh, now_s)
        return self._image

    def _paint(self, wh: tuple[int, int], now_s: float) -> Image:
        layout = _layout(wh, self._classes)
        image: Image = _ground(layout, self._classes).copy()
        samples = tuple(self._samples)  # in one step: another thread appends to it
        runs = list(_runs([s for s in samples if now_s - _SPAN_S <= s.time_s <= now_s]))
        for run in runs:
            x = layout.right - (layout.right - layout.left) / _SPAN_S * np.array(
                [now_s - sample.time_s for sample in run]
            )
            if len(run) == 1:
                x = np.append(x, x[0] + 2)  # a single sample is visible, too
            shares = np.array([sample.probabilities for sample in run])
            for i, name in enumerate(self._classes):
                colour = colour_bgr(name, self._classes)
                colour = mix(colour, _GROUND, 0.6) if run[0].uncertain else colour
                y = layout.base(i) - layout.high * shares[:, i]
                y = np.append(y, np.repeat(y[-1], len(x) - len(y)))
                ends = [(x[-1], layout.base(i)), (x[0], layout.base(i))]
                corners = np.vstack([np.stack([x, y], -1), ends]) * (1 << _SHIFT)
                cv2.fillPoly(image, [corners.round().astype(np.int32)], colour, cv2.LINE_AA, _SHIFT)
        self._paint_newcomers(image, layout, runs, now_s)
        return image

    def _paint_newcomers(
        self, image: Image, layout: _Layout, runs: Sequence[Sequence[_Sample]], now_s: float
    ) -> None:
        """Write the numbers of faces where another one became the main face."""
        free = layout.left
        for before, run in pairwise(runs):
            track_id, seconds = run[0].track_id, now_s - run[0].time_s
            x = round(layout.right - (layout.right - layout.left) * seconds / _SPAN_S)
            if track_id is None or track_id == before[0].track_id or x < free:
                continue
            text = f"#{track_id}"
            paint_text(image, text, (x + 3, 1), layout.size, WHITE)
            free = x + 6 + text_wh(text, layout.size)[0]


def _runs(samples: Sequence[_Sample]) -> Iterator[list[_Sample]]:
    """Yield stretches of one face without a gap, all certain or all uncertain."""
    run: list[_Sample] = []
    for sample in samples:
        if run:
            last = run[-1]
            is_joined = last.track_id == sample.track_id and sample.time_s - last.time_s < _GAP_S
            if is_joined and last.uncertain != sample.uncertain:
                run.append(sample)  # the next stretch begins where this one ends
            if not is_joined or last.uncertain != sample.uncertain:
                yield run
                run = []
        run.append(sample)
    if run:
        yield run


class _Layout(NamedTuple):
    """The layout of the strip, in pixels.

    wh: width and height
    left, right: of the lanes
    lane, high: height of a lane, and of a probability of 1
    size: of the text
    """

    wh: tuple[int, int]
    left: int
    right: int
    lane: float
    high: float
    size: int

    def base(self, i: int) -> float:
        """Return where the lane of a class ends below."""
        return round((i + 1) * self.lane) - 1


def _layout(wh: tuple[int, int], classes: tuple[str, ...]) -> _Layout:
    width, height = wh
    lane = height / (len(classes) + 1)  # the last row is the time
    size = max(6, min(14, int(lane / 1.25)))
    gap = max(4, size // 2)
    left = 2 * gap + max(text_wh(name, size)[0] for name in classes)
    return _Layout(wh, left, width - gap, lane, max(2.0, lane - 3), size)


@lru_cache(maxsize=4)
def _ground(layout: _Layout, classes: tuple[str, ...]) -> Image:
    """Return what is the same in every picture: names, lines and times."""
    width, height = layout.wh
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _GROUND
    text_h = text_wh("", layout.size)[1]
    bottom = int(layout.base(len(classes) - 1))
    for seconds in (30, 20, 10, 0):
        x = round(layout.right - (layout.right - layout.left) * seconds / _SPAN_S)
        cv2.line(image, (x, 2), (x, bottom), _LINE)
        text = f"{seconds} s ago" if seconds else "now"
        text_w = text_wh(text, layout.size)[0]
        at = max(layout.left, min(x - text_w // 2, layout.right - text_w))
        y = bottom + (height - bottom - text_h) // 2
        paint_text(image, text, (at, y), layout.size, _INK)
    for i, name in enumerate(classes):
        base = int(layout.base(i))
        cv2.line(image, (layout.left, base), (layout.right, base), _LINE)
        x = layout.left - max(4, layout.size // 2) - text_wh(name, layout.size)[0]
        y = round(base - (layout.lane + text_h) / 2 + 0.15 * layout.size)  # small letters centred
        paint_text(image, name, (x, y), layout.size, _INK)
    return image
