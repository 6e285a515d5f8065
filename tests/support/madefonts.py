"""A folder of installed fonts for tests: each has a solid square for each of its letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from livefer.drawing import fonts, text


def write_font(path: Path, letters: str) -> Path:
    """Write a TrueType font of 1,000 units, named as the file, with squares of 800 units."""
    builder = pytest.importorskip("fontTools.fontBuilder", reason="needs fontTools")
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    font = builder.FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    font.setupGlyf(dict.fromkeys(names, square))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    font.setupHorizontalHeader(ascent=880, descent=-120)
    font.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    font.setupOS2(sTypoAscender=880, usWinAscent=880, usWinDescent=120)
    font.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    font.save(path)
    return path


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Let the fonts of a folder be the only installed ones, and forget letters warned of."""

    def forget() -> None:
        for cached in (fonts._installed, fonts.font_with, text._text_mask):
            cached.cache_clear()
        fonts._undrawn.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "font_folders", lambda: [str(folder)])
        forget()
        yield
    forget()
