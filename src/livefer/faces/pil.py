"""PIL images as arrays, turned upright; without importing PIL."""

from __future__ import annotations

import struct
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIENTATION = 0x0112
_ON_THEIR_SIDE = (5, 6, 7, 8)  # the file's first row is a side of the picture
_FROM_RIGHT, _FROM_BELOW = (2, 3, 6, 7), (3, 4, 7, 8)
# PIL's own errors: the last two come from an image whose file is closed.
_UNREADABLE: tuple[type[Exception], ...]
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error)
_UNREADABLE += (AttributeError, AssertionError)
_BAD_EXIF = (OSError, SyntaxError, ValueError, struct.error, LookupError, TypeError, AttributeError)
# A PIL image reads its file when its pixels are needed: two threads at once would mix that up.
_reading = Lock()


def is_pil(image: Any) -> bool:
    """Say whether an object is a PIL image."""
    return hasattr(image, "getbands") and hasattr(image, "convert")


def pil_array(image: Any) -> NDArray[Any]:
    """Return a PIL image as (H, W, 3) uint8 BGR, turned as its EXIF orientation says.

    An image that ImageOps.exif_transpose has turned has no orientation any more, and stays. One of
    more than 8 bits keeps its own values, (H, W): PIL would make all above 255 white. ValueError
    where its file is damaged or closed.
    """
    has_more_bits = getattr(image, "mode", "").startswith(("I", "F"))
    with _reading:
        try:
            pixels = np.asarray(image if has_more_bits else image.convert("RGB"))
        except _UNREADABLE as error:
            raise ValueError(
                f"the PIL image cannot be read ({str(error) or type(error).__name__}): its file is "
                "damaged, incomplete or closed"
            ) from None
        orientation = _orientation(image)
    return pixels if has_more_bits else upright(pixels[:, :, ::-1], orientation)


def _orientation(image: Any) -> int:
    """Return the EXIF orientation, 1 to 8; 1, which is upright, where there is none."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except _BAD_EXIF:  # damaged EXIF data: OpenCV skips them, too
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn (H, W, ...) pixels by an EXIF orientation, 1 to 8 (Exif 2.3, section 4.6.4 A)."""
    if orientation in _ON_THEIR_SIDE:
        pixels = pixels.swapaxes(0, 1)
    if orientation in _FROM_RIGHT:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in _FROM_BELOW else pixels
