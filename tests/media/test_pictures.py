"""Pictures are read as their files hold them; any other file is an error that names it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_picture
from needs import missing
from numpy.typing import NDArray

from livefer.errors import SourceError
from livefer.faces.crops import crop_faces
from livefer.media.pictures import as_image, read_image


def picture(value: int = 0, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A picture whose left half has a gray level."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[:, : width // 2] = value
    return image


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "ü b ö.bmp", "c.webp", "d.tiff"])
def test_a_written_picture_is_read_back(tmp_path: Path, name: str) -> None:
    image = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8), (0, 0), 4
    )
    read = read_image(write_picture(tmp_path / name, np.asarray(image, np.uint8)))
    assert (read.dtype, read.shape) == (np.uint8, (40, 60, 3))
    assert np.abs(read.astype(int) - image).mean() < 2


def turned(orientation: int) -> NDArray[np.uint8]:
    """The pixels of a file whose EXIF orientation turns them into `UPRIGHT`."""
    pixels = UPRIGHT
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    flips = ["", "", "x", "xy", "y", "", "y", "xy", "x"][orientation]
    pixels = pixels[:, ::-1] if "x" in flips else pixels
    return np.ascontiguousarray(pixels[::-1] if "y" in flips else pixels)


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0"
    exif = b"Exif\0\0" + tiff + orientation.to_bytes(4, "little") + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def is_upright(image: NDArray[np.uint8]) -> bool:
    return image.shape == UPRIGHT.shape and float(np.abs(image.astype(int) - UPRIGHT).mean()) < 4


UPRIGHT = np.dstack([np.tile(np.linspace(0, 250, 40), (60, 1)), np.full((60, 40), 90)] * 2)[
    :, :, :3
]
UPRIGHT = np.rint(UPRIGHT * np.linspace(0.3, 1, 60)[:, None, None]).astype(np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_honoured_once_whichever_way_a_picture_comes(
    tmp_path: Path, orientation: int
) -> None:
    path = write_picture(tmp_path / "phone.jpg", turned(orientation))
    path.write_bytes(with_exif(path.read_bytes(), orientation))
    data = path.read_bytes()
    with path.open("rb") as file:
        given = [path, str(path), data, bytearray(data), np.frombuffer(data, np.uint8)]
        for one in (*given, io.BytesIO(data), file, file):
            assert is_upright(as_image(one)), one


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_pil_image_is_turned_upright_as_its_file_is(kind: str, orientation: int) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    turn = pytest.importorskip("PIL.ImageOps").exif_transpose
    exif, file = pil.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    try:
        pil.fromarray(turned(orientation)[:, :, ::-1].copy()).save(file, kind, exif=exif)
    except (KeyError, OSError):
        missing(f"this Pillow writes no {kind}")
    read = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    if read is not None:  # an OpenCV without AVIF
        assert is_upright(as_image(file))
    for change in (lambda i: i, turn, lambda i: i.convert("RGBA"), lambda i: turn(turn(i)), copy):
        image = pil.open(file)
        assert is_upright(as_image(change(image)))
        box = [[0, 0, 40, 40]]
        expected = crop_faces(np.asarray(turn(image).convert("RGB"))[:, :, ::-1], box)
        np.testing.assert_array_equal(crop_faces(change(image), box), expected)


def copy(image: Any) -> Any:
    return image.copy()


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff"])
def test_damaged_exif_data_turn_nothing(exif: bytes) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    image = pil.fromarray(UPRIGHT[:, :, ::-1].copy())
    image.info["exif"] = exif
    assert is_upright(as_image(image))


def test_a_pil_image_whose_file_is_damaged_or_closed_is_an_error(tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    path = cut(write_picture(tmp_path / "a.png", UPRIGHT), 0.6)
    with pil.open(path) as image, pytest.raises(ValueError, match=r"cannot be read .* damaged"):
        as_image(image)
    with pil.open(write_picture(tmp_path / "b.png", UPRIGHT)) as image:
        pass
    with pytest.raises(ValueError, match=r"cannot be read .* closed"):
        as_image(image)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jpg", b"", "is empty"),
        ("text.png", b"not a picture at all", "no picture that OpenCV reads"),
        ("folder", None, "could not be opened" if os.name == "nt" else "is a folder"),
        ("absent.jpg", None, "does not exist"),
    ],
)
def test_a_file_that_is_no_picture_is_named(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(SourceError, match=says) as caught:
        read_image(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.98])
def test_a_picture_cut_short_is_an_error(
    tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    path = cut(write_picture(tmp_path / f"a{suffix}", image), share)
    with pytest.raises(SourceError, match="cut short"):
        read_image(path)
    assert capfd.readouterr().err == ""


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_cut_short(tmp_path: Path) -> None:
    thumbnail = write_picture(tmp_path / "small.jpg", picture()).read_bytes()
    path = write_picture(tmp_path / "a.jpg", picture(100, 300, 400))
    jpeg = path.read_bytes()
    segment = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path.write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert read_image(path).shape == (300, 400, 3)
    with pytest.raises(SourceError, match="cut short"):
        read_image(cut(path, 0.9))


class FakePil:
    """The part of PIL.Image.Image that livefer uses."""

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.rgb = rgb

    def getbands(self) -> tuple[str, ...]:
        return ("P",)

    def convert(self, mode: str) -> NDArray[np.uint8]:
        assert mode == "RGB"
        return self.rgb


BGR = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (BGR, BGR),
        (BGR[:, ::-1], BGR[:, ::-1]),
        (np.dstack([BGR, BGR[:, :, :1]]), BGR),
        (BGR[:, :, 0], np.dstack([BGR[:, :, 0]] * 3)),
        (BGR[:, :, :1], np.dstack([BGR[:, :, 0]] * 3)),
        (FakePil(np.ascontiguousarray(BGR[:, :, ::-1])), BGR),
    ],
)
def test_as_image(image: Any, expected: NDArray[np.uint8]) -> None:
    result = as_image(image)
    np.testing.assert_array_equal(result, expected)
    assert result.flags.c_contiguous


def test_real_pil_images() -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    for mode in ("RGB", "L", "RGBA", "P"):
        image = pil.fromarray(np.ascontiguousarray(BGR[:, :, ::-1])).convert(mode)
        expected = np.asarray(image.convert("RGB"))[:, :, ::-1]
        np.testing.assert_array_equal(as_image(image), expected)


def test_an_array_of_another_type_is_an_error_with_advice() -> None:
    with pytest.raises(ValueError, match="uint8"):
        as_image(BGR / 255)
    with pytest.raises(ValueError, match="got None, which cv2"):
        as_image(None)
    with pytest.raises(ValueError, match=r"got an array of shape \(0, 7, 3\)"):
        as_image(BGR[900:, :7])


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_pil_images_of_more_than_8_bits_are_not_made_white(dtype: Any) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    with pytest.raises(ValueError, match="uint8"):
        as_image(pil.fromarray(BGR[:, :, 0].astype(dtype) * 200))
