"""The common ground of all matplotlib figures: the check for the package, letters, saving."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from livefer.errors import LiveferError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 160


def require_matplotlib() -> None:
    """Raise MissingExtraError where matplotlib is missing: before the work, not after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing plots", "analysis")


@contextmanager
def any_letters() -> Iterator[None]:
    """Allow names with letters that matplotlib's font lacks; they are drawn as empty boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure under a temporary name and rename it; missing folders are made."""
    suffix = path.suffix or ".png"
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with any_letters():
            figure.savefig(temporary, dpi=_DPI)
        temporary.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a suffix that matplotlib does not know
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise LiveferError(f"{path} cannot be written ({reason}): choose another place") from None
