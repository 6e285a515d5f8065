"""What the recognising commands share: options, the recogniser they make, pictures they write."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.errors import ConfigError, SourceError
from livefer.formatting import printable
from livefer.system.atomic import PartialFile, replacing

if TYPE_CHECKING:
    from livefer.drawing.text import Image
    from livefer.recognizer import Recognizer


def a_number(value: float | None) -> float | None:
    """Refuse nan, which lies within any limits."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("expected a number, got nan")
    return value


MODEL_HELP = "human or fer2013 (-float: in float32), or an .onnx file that livefer exported."
ModelOption = Annotated[
    str | None,
    typer.Option(
        help=MODEL_HELP,
        show_default="human",
        metavar="MODEL",
    ),
]
DetectorOption = Annotated[
    str,
    typer.Option(
        help="haar, yunet, or the path of a YuNet .onnx file; auto: YuNet if it is there.",
        metavar="DETECTOR",
    ),
]
SmoothingOption = Annotated[
    float,
    typer.Option(
        help="Seconds that each face's result is averaged over.", min=0, max=10, callback=a_number
    ),
]
PriorOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="How much of the class frequencies in training to take out: 0 expects faces as in the "
        "training data, 1 every expression equally often.",
        show_default="the model's own",
        callback=a_number,
        metavar="0-1",
    ),
]
WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of picture files that OpenCV writes everywhere."""


def use_matplotlib() -> None:
    """Raise MissingExtraError without matplotlib; keep its list of fonts with livefer's own caches.

    For commands only: a program that uses livefer may read its matplotlibrc from where this points.
    """
    from livefer.drawing.figures import require_matplotlib
    from livefer.system.downloads import cache_dir

    require_matplotlib()
    os.environ.setdefault("MPLCONFIGDIR", str(cache_dir() / "matplotlib"))


def write_hint(recognizer: Recognizer) -> None:
    """Where a better detector could be had, say so in one line."""
    hint = getattr(recognizer.detector, "hint", None)
    if hint:
        sys.stderr.write(f"{hint}\n")


def check_not_read(outputs: Iterable[Path | None], inputs: Iterable[str | Path]) -> None:
    """Raise ConfigError where something would be written over what is read."""
    read = {Path(name).resolve() for name in inputs}
    for output in outputs:
        if output is not None and output.resolve() in read:
            raise ConfigError(f"{output} is read: expected another name to write to")


def check_any_is_there(inputs: Sequence[tuple[str, str | None]]) -> None:
    """Raise SourceError where there is nothing to read: a table of before would be lost for it.

    inputs: (name, None), or (name, why there is nothing)
    """
    errors = []
    for name, error in inputs:
        if error is None and ("://" in name or os.path.exists(name)):
            return
        errors.append(error or f"{name} does not exist: check the path")
    if errors:
        of_all = f"none of {len(errors)} inputs is there: " if errors[1:] else ""
        raise SourceError(f"{of_all}{printable(errors[0])}; nothing was written")


def check_checkpoint(path: Path) -> None:
    """Raise ConfigError for a run's folder, and say which file in it is meant."""
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder: expected a run's checkpoint, as in {path / 'best.safetensors'}"
        )


def check_writable(path: Path) -> None:
    """Raise LiveferError where a file could not be written, before any work."""
    PartialFile(path).discard()


def check_picture_name(path: Path) -> None:
    """Raise ConfigError where a picture could not be written under this name, before any work."""
    if path.suffix.lower() not in WRITABLE:
        raise ConfigError(
            f"{path} is no name for a picture: expected one that ends in .png or .jpg"
        )
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: expected the name of a picture to write")


def write_image(path: Path, image: Image) -> None:
    """Write a picture, in the format its suffix names: whole, or not at all."""
    import cv2

    with replacing(path) as part:
        part.write_bytes(cv2.imencode(path.suffix.lower(), image)[1].tobytes())


def write_text(path: Path, text: str) -> None:
    """Write a text file: whole, or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
