"""Text, plates and overlays: as large as asked for, cut off by the picture, always the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.drawing import text


def blank(wh: tuple[int, int], level: int = 90) -> NDArray[np.uint8]:
    return np.full((wh[1], wh[0], 3), level, np.uint8)


@pytest.mark.parametrize("width", [0, 5, 40, 100, 300, 1000])
@pytest.mark.parametrize("line", ["", "happy", "a message that is a good deal longer than others"])
def test_text_is_made_smaller_and_then_cut(line: str, width: int) -> None:
    shown, size = text.fit_text(line, 30, width)
    assert text.text_wh(shown, size)[0] <= width
    assert 6 <= size <= 30
    assert shown == line or (size == 6 and line.startswith(shown.rstrip("…")))


def test_text_survives_a_program_that_ends_pygame() -> None:
    code = (
        "import numpy as np, pygame; from livefer.drawing.text import paint_panel;"
        "paint_panel(np.zeros((99, 99, 3), np.uint8), ['one'], 'top'); pygame.quit();"
        "image = np.zeros((99, 99, 3), np.uint8); paint_panel(image, ['two'], 'top');"
        "assert image.any()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("level", [0, 1, 90, 200, 255])
def test_an_overlay_looks_like_painting_itself(level: int) -> None:
    def paint(image: NDArray[np.uint8]) -> None:
        text.paint_plate(image, np.array([4, 2, 90, 30], np.float32), (200, 30, 90), 0.7)
        text.paint_text(image, "happy 93%", (10, 6), 15, text.WHITE)

    direct, laid = blank((140, 50), level), blank((140, 50), level)
    paint(direct[5:, 20:])
    text.lay_over(laid, text.make_overlay((100, 40), paint), np.array([20, 5, 120, 45], np.float32))
    assert np.abs(direct.astype(int) - laid).max() <= 2
    assert (direct != level).any()


def test_an_overlay_is_cut_off_by_the_picture() -> None:
    overlay = text.make_overlay((30, 20), lambda image: image.fill(7))
    image = blank((10, 10))
    text.lay_over(image, overlay, np.array([4, 6, 34, 26], np.float32))
    assert (image[6:, 4:] == 7).all()
    assert (image[:6] == 90).all()
    assert (image[:, :4] == 90).all()


def test_text_looks_the_same_after_other_text() -> None:
    first, second = blank((320, 240)), blank((320, 240))
    text.paint_panel(first, ["happy 93%"], "top-left")
    for size in range(6, 60):
        text.text_wh("other", size)
    text.paint_panel(second, ["happy 93%"], "top-left")
    assert np.array_equal(first, second)
