"""HEIC and AVIF pictures, which lie in the boxes of an MP4 (ISO/IEC 14496-12 and 23008-12).

HEIC needs the `heic` extra. OpenCV decodes AVIF, or where it cannot, PyAV (the `video` extra).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.errors import SourceError

_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_MOST_BRANDS = 64
_QUARTERS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}

Image = NDArray[np.uint8]


def heif_kind(data: bytes) -> Literal["HEIC", "AVIF"] | None:
    """Return which of the two the bytes of a file are, by the brands in its first box."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), 4 * _MOST_BRANDS)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    if brands & _AVIF:
        return "AVIF"
    return "HEIC" if brands & _HEIC else None


def decode_heif(data: bytes, name: str) -> Image | None:
    """Return (H, W, 3) uint8 BGR of a HEIC or AVIF file, upright; None where it is damaged.

    name: what a SourceError calls it where the package that decodes it is missing
    """
    return (_decode_heic if heif_kind(data) == "HEIC" else _decode_avif)(data, name)


def _decode_heic(data: bytes, name: str) -> Image | None:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise SourceError(
            f'{name} is a HEIC picture: pip install "livefer[heic]" lets livefer read it, or save '
            "it as JPEG"
        ) from None
    try:
        # It turns the picture upright.
        picture = pillow_heif.read_heif(io.BytesIO(data)).to_pillow().convert("RGB")
    except (ValueError, RuntimeError, EOFError, OSError):
        return None
    return np.ascontiguousarray(np.asarray(picture, np.uint8)[:, :, ::-1])


def _decode_avif(data: bytes, name: str) -> Image | None:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        decoded = None
    image = _decode_by_pyav(data, name) if decoded is None else np.asarray(decoded, np.uint8)
    if image is None:
        return None
    for kind, value in _turns(data):  # which neither of the two does
        if kind == b"imir":
            image = np.asarray(cv2.flip(image, value & 1), np.uint8)
        elif value & 3:
            image = np.asarray(cv2.rotate(image, _QUARTERS[value & 3]), np.uint8)
    return image


def _decode_by_pyav(data: bytes, name: str) -> Image | None:
    try:
        import av
    except ModuleNotFoundError:
        raise SourceError(
            f'{name} is damaged, or an AVIF picture that needs PyAV: pip install "livefer[video]"'
        ) from None
    try:
        with av.open(io.BytesIO(data)) as file:
            picture = next(file.decode(video=0))
            # Older versions of PyAV take every picture for one of a video, with levels from 16 on.
            bgr = picture.reformat(format="bgr24", src_color_range=picture.color_range)
            return np.asarray(bgr.to_ndarray(), np.uint8)
    except (av.error.FFmpegError, StopIteration, ValueError, IndexError):
        return None


def _turns(data: bytes) -> list[tuple[bytes, int]]:
    """Return the rotations (irot) and mirrorings (imir) of the primary picture, in their order."""
    try:
        top = dict(_boxes(data))
        meta = dict(_boxes(top.get(b"meta", b"")[4:]))
        described = list(_boxes(meta.get(b"iprp", b"")))
        properties = [one for kind, body in described if kind == b"ipco" for one in _boxes(body)]
        primary = int.from_bytes(meta.get(b"pitm", b"")[4:], "big")
        found = [
            properties[number - 1]
            for kind, body in described
            if kind == b"ipma"
            for number in _associated(body, primary)
        ]
        return [(kind, value[0]) for kind, value in found if kind in (b"irot", b"imir")]
    except IndexError:  # damaged
        return []


def _associated(body: bytes, item: int) -> Iterator[int]:
    """Yield the numbers of an item's properties, from an `ipma` box."""
    id_bytes, bytes_each = (4 if body[0] else 2), (2 if body[3] & 1 else 1)
    at = 8
    for _ in range(int.from_bytes(body[4:8], "big")):
        n = body[at + id_bytes]
        is_it = int.from_bytes(body[at : at + id_bytes], "big") == item
        at += id_bytes + 1
        for _ in range(n):
            number = int.from_bytes(body[at : at + bytes_each], "big")
            number &= 0x7FFF if bytes_each == 2 else 0x7F  # the first bit: "essential"
            at += bytes_each
            if is_it and number:
                yield number


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box."""
    at = 0
    while at + 8 <= len(data):
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield data[at + 4 : at + 8], data[at + head : end]
        at = end
