"""Figures by matplotlib: the check for it."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import pytest
from madefonts import installed, write_font

from livefer.drawing import figures, fonts
from livefer.errors import MissingExtraError


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"livefer\[analysis\]"):
        figures.require_matplotlib()


def test_a_figure_uses_installed_fonts(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib.figure", reason="needs the analysis extra")
    write_font(tmp_path / "fonts" / "MadeForFigures.ttf", "猫")

    def draw(line: str) -> int:
        figure = matplotlib.Figure(figsize=(1, 1), facecolor="white")
        figure.text(0.1, 0.3, line, fontsize=36, weight="bold")
        figures.save_picture(figure, tmp_path / "a.png")
        return int((cv2.imread(str(tmp_path / "a.png")) < 128).all(axis=2).sum())

    em = 36 / 72 * 160  # px
    with installed(tmp_path / "fonts"):
        assert draw("猫") == pytest.approx(0.64 * em**2, rel=0.1)
        assert fonts.undrawn_letters() == []
        with pytest.warns(fonts.FontWarning, match="no installed font has the letters 犬"):
            draw("é犬")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            draw("犬é猫")
