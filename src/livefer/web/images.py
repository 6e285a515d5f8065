"""Received pictures: their size, read from the header before decoding, and their pixels."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from livefer.errors import SourceError
from livefer.media.pictures import decode_image
from livefer.web.protocol import Refused

_MAX_SEGMENTS = 1000  # of a JPEG before its size: real files have a dozen
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, every kind
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


def check_size(data: bytes, max_pixels: int) -> int:
    """Return the number of pixels by the header of a JPEG, PNG or WebP, or refuse the picture."""
    width, height = size_wh(data)
    if width * height > max_pixels:
        raise Refused(
            "too_many_pixels",
            f"the picture has {width}x{height} pixels, the limit is {max_pixels}: scale it",
        )
    return width * height


def size_wh(data: bytes) -> tuple[int, int]:
    """Return width and height by the header of a JPEG, PNG or WebP."""
    found: tuple[int, int] | None
    if data.startswith(b"\xff\xd8"):
        found = _jpeg_size(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        found = _png_size(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        found = _webp_size(data)
    else:
        raise Refused(
            "unknown_format", "expected a JPEG, PNG or WebP picture: the first bytes are of none"
        )
    if found is None or 0 in found:
        raise Refused("damaged", "the picture's header is damaged: send it again")
    return found


def decode(data: bytes) -> NDArray[np.uint8]:
    """Return the decoded picture, (H, W, 3) uint8 BGR, or refuse it."""
    try:
        return decode_image(data, "the picture")
    except SourceError as error:
        raise Refused("damaged", str(error)) from None


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 9 > len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in (0xD9, 0xDA):  # the end, or the pixels: no size came before
            return None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":  # lossy
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[20] == 0x2F:  # lossless
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":  # with transparency, metadata or animation
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    return None
