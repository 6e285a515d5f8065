"""What all figures by matplotlib share: the check for it, colours, letters and saving."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from livefer.errors import LiveferError, MissingExtraError
from livefer.labels import colour_bgr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 160


def require_matplotlib() -> None:
    """Raise MissingExtraError where matplotlib is not installed: before the work, not after."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing plots", "analysis")


def rgb(name: str, classes: Sequence[str]) -> tuple[float, float, float]:
    """Return the colour of a class as matplotlib takes it: red, green, blue, each 0 to 1."""
    blue, green, red = colour_bgr(name, classes)
    return red / 255, green / 255, blue / 255


@contextmanager
def any_letters() -> Iterator[None]:
    """Let names have letters that matplotlib's font lacks; they become boxes."""
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
