"""`livefer explain`: for one face, where the network sees each of the expressions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.shared import (
    DetectorOption,
    ModelOption,
    PriorOption,
    check_not_read,
    check_picture_name,
    write_hint,
    write_image,
)
from livefer.errors import ConfigError, LiveferError
from livefer.formatting import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from livefer.drawing.text import Image
    from livefer.results import Face

_TILE, _GAP, _HEAD = 224, 20, 78
_SHEET_BGR = (30, 27, 25)


def explain(
    image: Annotated[Path, typer.Argument(help="A picture with a face.", metavar="IMAGE")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", "--output", help="The sheet to write.", metavar="OUT.PNG"),
    ],
    face: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Which face, from left to right as in livefer image.",
            show_default="largest",
        ),
    ] = None,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:
    """Show for one face what speaks for each expression, as heat maps side by side.

    Grad-CAM: warm is what raises the score of that expression. Each map is scaled to its own
    maximum, so that its colours say where, and the figure below it says how much. Where there are
    no colours, no place raises it.
    """
    import numpy as np

    from livefer.drawing.faces import main_face
    from livefer.faces.crops import crop_faces
    from livefer.faces.views import BOTH, turned
    from livefer.media.sources import read_image
    from livefer.recognizer import Recognizer

    check_picture_name(output)
    check_not_read([output], [image])
    picture = read_image(image)
    recognizer = Recognizer(model, detector, prior=prior)
    faces = recognizer(picture)
    if not faces:
        other = (
            "" if getattr(recognizer.detector, "name", "") == "yunet" else "--detector yunet, or "
        )
        raise LiveferError(
            f"no face was found in {image}: try {other}a picture where the face is larger and "
            "looks at the camera"
        )
    if face is not None and face > len(faces):
        n_faces = f"{len(faces)} face{'' if len(faces) == 1 else 's'}"
        raise ConfigError(f"{image} has {n_faces}: --face {face} is not among them")
    chosen = main_face(faces) if face is None else faces[face - 1]
    assert chosen is not None
    classifier = recognizer.classifier
    box = np.array([chosen.crop_box], np.float32)
    crop = crop_faces(picture, box, size=classifier.input_size)
    _, cams = classifier.predict_with_cams(turned(np.repeat(crop, len(BOTH), 0), BOTH))
    heatmaps = [classifier.heatmap(cam) for cam in turned(cams, BOTH).mean(axis=0)]
    write_image(output, sheet(picture, crop[0], chosen, heatmaps, printable(image.name)))
    typer.echo(f"{chosen.label} {chosen.confidence:.0%}; model {classifier.name}; wrote {output}")
    write_hint(recognizer)


def sheet(
    picture: Image,
    crop: Image,
    face: Face,
    heatmaps: Sequence[NDArray[np.float32]],
    name: str,
) -> Image:
    """Return the sheet: the network's own view of the face, then a tile for each class.

    crop: (S, S) uint8, what the network saw
    heatmaps: (S, S) float32, 0–1, one for each class
    """
    import cv2
    import numpy as np

    from livefer.drawing.faces import label_text, paint_heatmap
    from livefer.drawing.text import (
        PLATE,
        WHITE,
        cut_text,
        fit_text,
        mix,
        paint_plate,
        paint_text,
        text_wh,
    )
    from livefer.labels import colour_bgr

    n_tiles = len(heatmaps) + 1
    columns = min(n_tiles, 4 if n_tiles <= 8 else 6)
    row_h = _TILE + 58
    width = columns * (_TILE + _GAP) + _GAP
    canvas = np.empty((_HEAD + -(-n_tiles // columns) * (row_h + _GAP), width, 3), np.uint8)
    canvas[:] = _SHEET_BGR
    gray = mix(WHITE, _SHEET_BGR, 0.4)

    title = label_text(face)
    title, size = fit_text(title, 28, width // 2)
    paint_text(canvas, title, (_GAP, 24), size, WHITE)
    name, size = fit_text(name, 16, width // 2 - 2 * _GAP)
    paint_text(canvas, name, (width - _GAP - text_wh(name, size)[0], 32), size, gray)

    view = np.asarray(_square(picture, face.crop_box, _TILE))
    gray_view = cv2.resize(crop, (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    for i in range(n_tiles):
        x = _GAP + i % columns * (_TILE + _GAP)
        y = _HEAD + i // columns * (row_h + _GAP)
        tile = canvas[y : y + _TILE, x : x + _TILE]
        if i == 0:
            tile[:] = gray_view[..., None]
            text, size = fit_text(f"the network's view, {crop.shape[1]} px", 16, _TILE)
            paint_text(canvas, text, (x, y + _TILE + 8), size, gray)
            continue
        class_name, share = face.classes[i - 1], float(face.probabilities[i - 1])
        best = i - 1 == face.class_id
        tile[:] = view
        paint_heatmap(tile, heatmaps[i - 1], (0, 0, _TILE, _TILE))
        if best:
            colour = colour_bgr(class_name, face.classes)
            cv2.rectangle(canvas, (x - 4, y - 4), (x + _TILE + 3, y + _TILE + 3), colour, 3)
        ink = WHITE if best else gray
        percent = f"{share:.1%}"
        size = fit_text(f"{class_name}  {percent}", 18, _TILE)[1]
        shown = cut_text(class_name, size, _TILE - text_wh(f"  {percent}", size)[0])
        paint_text(canvas, shown, (x, y + _TILE + 8), size, ink)
        paint_text(
            canvas, percent, (x + _TILE - text_wh(percent, size)[0], y + _TILE + 8), size, ink
        )
        bar = np.array([x, y + _TILE + 38, x + _TILE, y + _TILE + 48], np.float32)
        paint_plate(canvas, bar, mix(PLATE, WHITE, 0.15), 1.0)
        bar[2] = x + round(share * _TILE)
        if bar[2] > bar[0]:
            paint_plate(canvas, bar, colour_bgr(class_name, face.classes), 1.0)
    return canvas


def _square(picture: Image, box: tuple[float, float, float, float], side: int) -> Image:
    """Return what lies in the box, (side, side, 3); beyond the picture its border goes on."""
    import cv2
    import numpy as np

    left, top, right, bottom = (round(v) for v in box)
    height, width = picture.shape[:2]
    rows = np.clip(np.arange(top, max(bottom, top + 1)), 0, height - 1)
    columns = np.clip(np.arange(left, max(right, left + 1)), 0, width - 1)
    part = picture[np.ix_(rows, columns)]
    how = cv2.INTER_AREA if len(rows) > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (side, side), interpolation=how), np.uint8)
