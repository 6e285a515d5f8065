"""Installed fonts, for letters that the shipped one lacks; knows nothing about pictures.

The fonts of the machine are looked for only when such a letter comes. Letters that no font has are
remembered, and warned of once.
"""

from __future__ import annotations

import os
import sys
import unicodedata
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

_SUFFIXES = (".ttf", ".otf", ".ttc")
# A good sans-serif for many scripts first, then any font; slanted, thin and narrow ones last.
_FAVOURED = (
    "notosans", "sourcehan", "pingfang", "hiragino", "msyh", "yugoth", "meiryo", "malgun",
    "applesdgothic", "droidsansfallback", "wqy", "arialuni", "nirmala", "geeza", "kohinoor",
    "segoeui", "lohit", "dejavusans", "freesans",
)  # fmt: skip
_LAST = (
    "italic", "oblique", "mono", "serif", "light", "thin", "condensed", "emoji", "lastresort",
)  # fmt: skip

# Scripts whose letters join or change places (ISO 15924), by the first word of a letter's name.
_SCRIPTS = {
    "ARABIC": "Arab", "SYRIAC": "Syrc", "THAANA": "Thaa", "NKO": "Nkoo", "HEBREW": "Hebr",
    "DEVANAGARI": "Deva", "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr",
    "ORIYA": "Orya", "TAMIL": "Taml", "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym",
    "SINHALA": "Sinh", "THAI": "Thai", "LAO": "Laoo", "TIBETAN": "Tibt", "MYANMAR": "Mymr",
    "KHMER": "Khmr",
}  # fmt: skip

_undrawn: dict[str, None] = {}


class FontWarning(UserWarning):
    """Letters that no font has."""


class TextRun(NamedTuple):
    """Letters that are drawn with one font.

    font: path of its file; "" is the shipped font
    script: ISO 15924, where letters join or change places, else ""
    """

    text: str
    font: str
    script: str
    from_right: bool


def text_runs(text: str) -> list[TextRun]:
    """Cut a line into runs, from left to right; warn of letters that no font has.

    A run from right to left keeps its own order. Numbers and letters of other scripts end it.
    """
    runs: list[TextRun] = []
    lacking = []
    for letter in text:
        if runs and _joins(letter):
            last = runs[-1]
            runs[-1] = last._replace(text=last.text + letter)
            continue
        script, from_right = _script_of(letter), _is_from_right(letter)
        font = "" if not script and _shipped_has(letter) else font_with(letter)
        if font is None:
            lacking.append(letter)
        runs.append(TextRun(letter, font or "", script if font else "", from_right))
    note_undrawn(lacking)
    return _merged(runs)


@lru_cache(maxsize=4096)
def font_with(letter: str) -> str | None:
    """Return the file of an installed font with this letter, or None."""
    return next((path for path in _installed() if _has(path, letter)), None)


def is_drawn(letter: str) -> bool:
    """Tell whether a letter leaves ink: spaces and control characters do not."""
    return unicodedata.category(letter)[0] not in "CZM"


def note_undrawn(letters: Iterable[str]) -> None:
    """Remember letters that no font has; warn of those that are new."""
    if new := [letter for letter in dict.fromkeys(letters) if letter not in _undrawn]:
        _undrawn.update(dict.fromkeys(new))
        warnings.warn(FontWarning(explain(new)), stacklevel=3)


def undrawn_letters() -> list[str]:
    """Return the letters that were drawn as boxes since the program started."""
    return list(_undrawn)


def explain(letters: Iterable[str]) -> str:
    """Return one line on letters that were drawn as boxes, and what helps."""
    named = "".join(letters)
    shown = named if len(named) <= 20 else f"{named[:20]}…"
    return (
        f"no installed font has the letters {shown}: they are drawn as boxes. Install a font that "
        "has them (on Debian and Ubuntu: apt install fonts-noto-cjk fonts-noto-core)"
    )


def shipped_font() -> tuple[Any, Any]:
    """Return pygame's FreeType module, initialised, and the font that pygame-ce brings."""
    global _loaded
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # or its import prints a greeting
    import pygame.freetype

    if _loaded is None or not pygame.freetype.get_init():  # pygame.quit() ends its fonts
        pygame.freetype.init()
        font = pygame.freetype.Font(None)
        font.pad = True  # all lines of one size are equally high
        _loaded = font  # complete before another thread sees it
    return pygame.freetype, _loaded


_loaded: Any = None


def font_folders() -> list[str]:
    """Return the folders where this system and its user keep fonts; some may not exist."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        windows = os.environ.get("WINDIR", r"C:\Windows")
        own = os.environ.get("LOCALAPPDATA", home)
        return [rf"{windows}\Fonts", rf"{own}\Microsoft\Windows\Fonts"]
    if sys.platform == "darwin":
        return ["/System/Library/Fonts", "/Library/Fonts", f"{home}/Library/Fonts"]
    data = os.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    return ["/usr/share/fonts", "/usr/local/share/fonts", f"{data}/fonts", f"{home}/.fonts"]


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Return the files of all installed fonts, the ones to try first in front."""
    found = []
    for folder in font_folders():
        for parent, _, names in os.walk(folder):
            paths = (os.path.join(parent, name) for name in names)
            found += [path for path in paths if path.lower().endswith(_SUFFIXES)]
    return tuple(sorted(found, key=_rank))


def _rank(path: str) -> tuple[int, int, int, str]:
    name = os.path.basename(path).lower().replace("-", "").replace(" ", "")
    favoured = [place for place, start in enumerate(_FAVOURED) if name.startswith(start)]
    last = sum(word in name for word in _LAST)
    return last, (favoured or [len(_FAVOURED)])[0], "bold" not in name, path


@lru_cache(maxsize=4096)
def _shipped_has(letter: str) -> bool:
    return not is_drawn(letter) or shipped_font()[1].get_metrics(letter, size=16)[0] is not None


def _has(path: str, letter: str) -> bool:
    try:
        return shipped_font()[0].Font(path).get_metrics(letter, size=16)[0] is not None
    except (OSError, RuntimeError):  # pygame.error, which is one: a file that is no font
        return False


def _script_of(letter: str) -> str:
    return _SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "")


def _is_from_right(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in ("R", "AL")


def _joins(letter: str) -> bool:
    """Tell whether a letter belongs to the one before it: an accent, a vowel sign, a joiner."""
    return unicodedata.category(letter)[0] == "M" or letter in "\u200c\u200d"


def _merged(runs: list[TextRun]) -> list[TextRun]:
    """Join neighbours of the same font, and words from right to left with the space between."""
    merged: list[TextRun] = []
    for place, run in enumerate(runs):
        if merged:
            last = merged[-1]
            following = runs[place + 1] if place + 1 < len(runs) else run
            between = run.text == " " and last.from_right and following[1:] == last[1:]
            if between or run[1:] == last[1:]:
                merged[-1] = last._replace(text=last.text + run.text)
                continue
        merged.append(run)
    return merged
