"""Letters that the shipped font lacks: drawn with installed fonts, or named once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from madefonts import installed, write_font

from livefer.drawing import fonts, text


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of the only installed font: it has 猫, مرحب and नमसत."""
    write_font(tmp_path / "sub" / "Made.ttf", "猫مرحبا" + "नमसत")
    (tmp_path / "NotoSansBroken.ttf").write_bytes(b"no font")
    with installed(tmp_path):
        yield tmp_path


def ink_of(line: str, size: int = 50) -> int:
    return int((text._text_mask(line, size) > 128).sum())


@pytest.mark.parametrize("letter", ["猫", "م", "न"])
def test_an_installed_font_draws_what_the_shipped_one_lacks(folder: Path, letter: str) -> None:
    assert fonts.font_with(letter) == str(folder / "sub" / "Made.ttf")
    assert ink_of(letter) == pytest.approx(40 * 40, rel=0.1)  # a solid square of 0.8 em
    assert fonts.undrawn_letters() == []


def test_both_fonts_stand_on_one_baseline(folder: Path) -> None:
    plain, mixed = text._text_mask("xE", 50), text._text_mask("x猫E", 50)
    assert mixed.shape == (plain.shape[0], plain.shape[1] + 50)
    below = [np.flatnonzero((mask > 128).any(axis=1)).max() for mask in (plain, mixed)]
    assert abs(below[0] - below[1]) <= 1
    # Tall letters make a line higher; all of its parts go along.
    assert text._text_mask("Éj|猫", 50).shape[0] == text._text_mask("Éj|", 50).shape[0]


def test_plain_text_is_drawn_as_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_installed", lambda: pytest.fail("looked for fonts"))
    assert [run.font for run in fonts.text_runs("happy 93 % – Zoë, łódź?")] == [""]
    assert fonts.text_runs("") == []
    assert text.text_wh("", 20)[0] == 0


def test_letters_without_a_font_are_named_once(folder: Path) -> None:
    with pytest.warns(fonts.FontWarning, match="no installed font has the letters 犬ไ: .* boxes"):
        assert text.text_wh("猫犬 ไ犬", 20)[0] > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text.text_wh("犬犬", 33)
        text.text_wh("tab\tand line\n", 20)
    assert fonts.undrawn_letters() == ["犬", "ไ"]


def test_words_from_right_to_left_stay_together(folder: Path) -> None:
    runs = fonts.text_runs("حبم مرحبا 12 x")
    assert [(run.text, run.script, run.from_right) for run in runs] == [
        ("حبم مرحبا", "Arab", True), (" 12 x", "", False),
    ]  # fmt: skip


def test_marks_stay_with_their_letter(folder: Path) -> None:
    assert [run.text for run in fonts.text_runs("a\u0301नि猫\ufe0f")] == [
        "a\u0301",
        "नि",
        "猫\ufe0f",
    ]


def test_fonts_are_looked_for_where_systems_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts.sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert {"/usr/share/fonts", "/data/fonts"} <= set(fonts.font_folders())
    monkeypatch.setattr(fonts.sys, "platform", "darwin")
    assert "/System/Library/Fonts" in fonts.font_folders()
    monkeypatch.setattr(fonts.sys, "platform", "win32")
    assert fonts.font_folders()[0].endswith("Fonts")
    assert all(os.path.isabs(name) or "\\" in name for name in fonts.font_folders())


def test_a_sans_serif_for_many_scripts_comes_first() -> None:
    names = ["LastResort.otf", "Ab-Italic.ttf", "Zed.ttf", "wqy.ttc", "NotoSansCJK-Bold.ttc",
             "NotoSansCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc"]  # fmt: skip
    assert sorted(names, key=fonts._rank)[:4] == [
        "NotoSansCJK-Bold.ttc", "NotoSansCJK-Regular.ttc", "wqy.ttc", "Zed.ttf",
    ]  # fmt: skip
