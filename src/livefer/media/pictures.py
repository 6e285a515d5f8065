"""Pictures as arrays: read from files, decoded from bytes, or taken from a program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.errors import OutputError, SourceError
from livefer.faces.crops import check_image
from livefer.faces.pil import is_pil
from livefer.formatting import without_passwords
from livefer.media.heif import decode_heif, heif_kind
from livefer.media.names import VIDEO_SUFFIXES, n_gif_pictures, suffix_of
from livefer.system.atomic import replacing
from livefer.system.cloud import is_url, read_bytes
from livefer.system.pipes import STDIN, read_stdin

WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of picture files that OpenCV writes everywhere."""


def as_image(image: Any) -> NDArray[np.uint8]:
    """Return a picture as (H, W, 3) uint8 BGR, upright.

    image: a path or address; an array (gray, BGR or BGRA, uint8) or a PIL image; or the content of
        a picture file, as bytes, as an array (N,) of them, or as an open file
    """
    if isinstance(image, (str, os.PathLike)):
        return read_image(image)
    if image is None:
        raise ValueError(
            "expected an image, got None, which cv2.imread returns for a file that it cannot read: "
            "check the path"
        )
    if isinstance(image, (int, np.integer)) and not isinstance(image, bool):
        raise ValueError(f"expected an image, got {image}: a camera is for Recognizer().stream")
    data = _content(image)
    if data is not None:
        return decode_image(data, name_of(image, "the picture"))
    array = np.ascontiguousarray(check_image(image))
    if array.size == 0:
        raise ValueError(
            f"expected an image with pixels, got an array of shape {array.shape}: was it cut from "
            "outside of another one?"
        )
    return array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2)


def name_of(image: Any, otherwise: str) -> str:
    """Return the path or address of a picture; that of an open file where it has one."""
    if isinstance(image, str):
        return without_passwords(image) if is_url(image) else image
    if not isinstance(image, os.PathLike):
        image = getattr(image, "name", None)
    return os.fsdecode(image) if isinstance(image, (str, os.PathLike)) else otherwise


def is_picture(image: Any) -> bool:
    """Say whether an object is one picture in memory, or the open file of one.

    An array of two or three dimensions is one; one of four dimensions holds several.
    """
    if isinstance(image, (bytes, bytearray, memoryview)) or hasattr(image, "read"):
        return True
    is_bytes = isinstance(image, np.ndarray) and image.ndim == 1 and image.dtype == np.uint8
    return is_pil(image) or is_bytes or getattr(image, "ndim", None) in (2, 3)


def _content(image: Any) -> bytes | None:
    """Return the bytes of a picture file that a program holds, or None for anything else."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, np.ndarray) and image.ndim == 1 and image.dtype == np.uint8:
        return image.tobytes()
    if not hasattr(image, "read"):
        return None
    file = getattr(image, "buffer", image)  # opened as text
    try:
        if hasattr(file, "seekable") and file.seekable():
            file.seek(0)
        data = file.read()
    except OSError as error:
        name = name_of(image, "the picture")
        raise SourceError(f"{name} could not be read ({error}): open it again") from None
    if not isinstance(data, bytes):
        raise ValueError(
            f'expected a picture file opened with "rb", got {type(data).__name__} from reading it'
        )
    return data


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 BGR of a picture file, rotated as its EXIF data says.

    SourceError where there is no such file, or no picture in it.

    path: a path, an address that `livefer.system.cloud` reads, or "-" for standard input
    """
    if isinstance(path, str) and is_url(path):
        return decode_image(read_bytes(path), without_passwords(path))
    if str(path) == STDIN:
        return decode_image(read_stdin(), "standard input")
    try:
        if Path(path).is_char_device():  # reading one need never end
            raise SourceError(
                f'{path} is a device: give a camera by its number; "livefer doctor" lists them'
            )
        data = Path(path).read_bytes()  # not cv2.imread: it cannot open every path on Windows
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist: check the path") from None
    except IsADirectoryError:
        raise SourceError(
            f"{path} is a folder: expected one picture; Recognizer().stream and "
            '"livefer image" read all pictures of a folder'
        ) from None
    except OSError as error:
        raise SourceError(
            f"{path} could not be opened ({error.strerror}): check the path"
        ) from None
    return decode_image(data, str(path))


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 BGR or (H, W) as a picture, in the format that its suffix names.

    Whole, or not at all: LiveferError where the file cannot be written, OutputError where others
    could be.

    path: a name with one of the suffixes in WRITABLE
    """
    suffix = path.suffix.lower()
    with replacing(path) as part:
        try:
            is_done, data = cv2.imencode(suffix, image)
        except cv2.error:
            is_done = False
        if not is_done:
            raise OutputError(
                f"{path} cannot be written: {suffix[1:]} takes no picture of {image.shape[1]}x"
                f"{image.shape[0]} pixels; scale it, or save it as .png or .tif"
            )
        part.write_bytes(data.tobytes())


def decode_image(data: bytes, name: str) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 BGR of the bytes of a picture file.

    name: what a SourceError calls it
    """
    if not data:
        raise SourceError(f"{name} is empty (0 bytes): copy or download it again")
    if n_gif_pictures(data) > 1:
        raise SourceError(f"{name} is a video, not a picture: livefer video, or stream, reads it")
    if is_cut_short(data):
        raise SourceError(f"{name} is cut short: its end is missing; copy or download it again")
    try:
        if heif_kind(data) is None:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        else:
            image = decode_heif(data, name)
    except cv2.error:  # more pixels than OpenCV takes
        image = None
    if image is None and suffix_of(name) in VIDEO_SUFFIXES:
        raise SourceError(f"{name} is a video, not a picture: livefer video, or stream, reads it")
    if image is None:
        raise SourceError(
            f"{name} is damaged, or no picture that OpenCV reads: "
            "copy it again, or save it as JPEG or PNG"
        )
    return np.asarray(image, np.uint8)


def is_cut_short(data: bytes) -> bool:
    """Say whether a JPEG or PNG lacks its end mark; some OpenCVs fill up the rest with gray."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8"):
        return False
    # Segments are skipped by their length: a thumbnail in one of them has an end mark of its own.
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # start of scan
        is_fill = data[at + 1 : at + 2] == b"\xff"
        at += 1 if is_fill else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.find(b"\xff\xd9", at) < 0
