"""The common ground of all matplotlib figures: the check for the package, letters, saving."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

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
    import matplotlib

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        matplotlib.get_configdir()
        matplotlib.get_cachedir()
    except OSError:
        raise ConfigError(
            "matplotlib finds no folder that it can write: set MPLCONFIGDIR or TMPDIR to one"
        ) from None


@contextmanager
def any_letters() -> Iterator[None]:
    """Allow names with letters that matplotlib's font lacks; they are drawn as empty boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix names, or as PNG."""
    # ValueError: a format that matplotlib does not know.
    with replacing(path, ValueError) as part, any_letters():
        figure.savefig(part, dpi=_DPI, format=path.suffix[1:] or "png")
