"""The common ground of all matplotlib figures: the check for the package, letters, saving."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livefer.drawing.fonts import font_with, is_drawn, note_undrawn
from livefer.errors import ConfigError, MissingExtraError
from livefer.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT = "#22272e", "#8b949e"
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


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that gives its axes the room they need; needs matplotlib."""
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    return Figure(figsize=(width_in, height_in), layout=layout)


def write_head(axes: Any, title: str, figures: str) -> None:
    """Write a title, and a line of figures under it, above the axes."""
    place: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction",
                             "textcoords": "offset points"}  # fmt: skip
    axes.annotate(title, xytext=(0, 25), fontsize=14, weight="bold", color=INK, **place)
    axes.annotate(figures, xytext=(0, 9), fontsize=9, color=FAINT, **place)


def draw_shares(
    axes: Any,
    shares: NDArray[Any],
    amounts: NDArray[Any],
    diagonal: Sequence[int],
    text: Callable[[Any], str],
) -> None:
    """Draw a confusion matrix: shares in per cent, and what they are of below them.

    shares, amounts: (R, C)
    diagonal: for each row the column of its own class
    text: makes text of an amount
    """
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, own in enumerate(diagonal):
        for column, share in enumerate(shares[row]):
            if not amounts[row, column]:
                continue
            ink = "white" if share > 0.5 else INK
            weight = "bold" if own == column else "normal"
            axes.text(column, row - 0.08, f"{100 * share:.0f} %", color=ink, weight=weight,
                      ha="center", va="center", fontsize=11)  # fmt: skip
            axes.text(column, row + 0.22, text(amounts[row, column]), color=ink, alpha=0.75,
                      ha="center", va="center", fontsize=7)  # fmt: skip
    axes.set_xticks(np.arange(shares.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(shares.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def plain_text(text: str) -> str:
    """Return text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")
