"""HEIC and AVIF: decoded, upright, whatever their file is called; damage is one clear error."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from needs import missing
from numpy.typing import NDArray

from livefer.errors import SourceError
from livefer.media import heif
from livefer.media.pictures import decode_image, read_image

pytest.importorskip("PIL", reason="Pillow writes the pictures")
from PIL import Image, ImageOps, features


def picture() -> NDArray[np.uint8]:
    """A picture whose corners tell which way it is turned."""
    image = np.full((48, 64, 3), 90, np.uint8)
    image[:24, :32], image[24:, 32:] = (250, 20, 20), (20, 20, 250)
    return image


def avif(orientation: int) -> bytes:
    if not features.check("avif"):
        missing("this Pillow does not write AVIF")
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation  # Pillow writes it as irot and imir
    Image.fromarray(picture()[:, :, ::-1]).save(file, "AVIF", exif=exif, quality=100)
    return file.getvalue()


def heic() -> bytes:
    if importlib.util.find_spec("pillow_heif") is None:
        missing('needs pillow-heif: pip install "livefer[heic]"')
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture()[:, :, ::-1])).save(file, quality=90)
    return file.getvalue()


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("decoder", ["OpenCV", "PyAV"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_upright(
    orientation: int, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = avif(orientation)
    if decoder == "PyAV":
        pytest.importorskip("av")
        monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert difference(decode_image(data, "a.avif"), np.asarray(upright)[:, :, ::-1]) < 4


def test_a_heic_is_read_under_any_name(tmp_path: Path) -> None:
    for name in ("a.heic", "a.jpg"):
        (tmp_path / name).write_bytes(heic())
        assert difference(read_image(tmp_path / name), picture()) < 8


def test_the_kind_is_told_by_the_brands() -> None:
    def file(*brands: bytes) -> bytes:
        return (
            (16 + 4 * len(brands[1:])).to_bytes(4, "big")
            + b"ftyp"
            + brands[0]
            + bytes(4)
            + (b"".join(brands[1:]))
        )

    assert heif.heif_kind(file(b"heic", b"mif1")) == "HEIC"
    assert heif.heif_kind(file(b"mif1", b"avif")) == "AVIF"
    assert heif.heif_kind(file(b"isom", b"mp42")) is None
    assert heif.heif_kind(b"\xff\xd8\xff\xe0") is None
    assert heif.heif_kind(b"") is None


@pytest.mark.parametrize("package", ["pillow_heif", "av"])
def test_without_the_package_the_error_says_how_to_get_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    brand, extra = (b"heic", "heic") if package == "pillow_heif" else (b"avif", "video")
    with pytest.raises(SourceError, match=rf'x\.jpg is .*pip install "livefer\[{extra}\]"'):
        decode_image(b"\0\0\0\x10ftyp" + brand + bytes(4), "x.jpg")


def test_a_damaged_one_is_one_error() -> None:
    data = avif(6)
    for n in (16, 40, 150, 300, len(data) // 2):
        with pytest.raises(SourceError, match="is damaged"):
            decode_image(data[:n], "a.avif")
    for at in range(16, 300, 7):  # anything may stand where the turn is looked for
        heif._turns(data[:at] + b"\xff\xfe" + data[at + 2 :])
