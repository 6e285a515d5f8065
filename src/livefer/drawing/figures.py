"""The common ground of all matplotlib figures: the check for the package, letters, saving."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from livefer.drawing.fonts import font_with, is_drawn, note_undrawn
from livefer.errors import ConfigError, MissingExtraError
from livefer.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 160


def require_matplotlib() -> None:
    """Raise MissingExtraError where matplotlib is missing: before the work, not after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing plots", "analysis")


def check_matplotlib_folders() -> None:
    """Raise ConfigError where matplotlib can write no folder; keep it quiet where it makes one."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib

        matplotlib.get_configdir()
        matplotlib.get_cachedir()
    except OSError:
        raise ConfigError(
            "matplotlib finds no folder that it can write: set MPLCONFIGDIR or TMPDIR to one"
        ) from None


@contextmanager
def any_letters() -> Iterator[None]:
    """Silence matplotlib on letters that no font has: each would be a warning of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def _use_installed_fonts(figure: Figure) -> None:
    """Give each text the installed fonts that have the letters which matplotlib's own lacks."""
    from matplotlib.font_manager import findfont, fontManager, get_font
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        written = text.get_text()
        if written.isascii():
            continue
        known = get_font(findfont(text.get_fontproperties())).get_charmap()
        lacking = [c for c in dict.fromkeys(written) if is_drawn(c) and ord(c) not in known]
        files = {letter: font_with(letter) for letter in lacking}
        note_undrawn(letter for letter, file in files.items() if file is None)
        families = []
        for file in dict.fromkeys(filter(None, files.values())):
            if file not in (font.fname for font in fontManager.ttflist):
                fontManager.addfont(file)
            families += [font.name for font in fontManager.ttflist if font.fname == file][:1]
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix names, or as PNG."""
    _use_installed_fonts(figure)
    # ValueError: a format that matplotlib does not know.
    with replacing(path, ValueError) as part, any_letters():
        figure.savefig(part, dpi=_DPI, format=path.suffix[1:] or "png")
