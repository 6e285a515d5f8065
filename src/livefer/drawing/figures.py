"""The common ground of all matplotlib figures: the check for the package, letters, saving."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from livefer.errors import LiveferError, MissingExtraError
from livefer.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 160


def require_matplotlib() -> None:
    """Raise MissingExtraError where matplotlib is missing: before the work, not after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing plots", "analysis")


def require_folder() -> None:
    """Raise LiveferError where matplotlib has no folder for its own files, not even for a while."""
    try:
        import matplotlib

        matplotlib.get_configdir()
    except OSError:
        raise LiveferError(
            "drawing plots needs a folder that can be written: name one in MPLCONFIGDIR, or in "
            "TMPDIR"
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
