"""`livefer explain`: for one face, where the network sees each of the expressions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.cli.files import check_not_read, check_picture_name
from livefer.cli.options import DetectorOption, ModelOption, PriorOption, QuietOption
from livefer.drawing.sheet import explanation_sheet
from livefer.drawing.text import Image
from livefer.errors import ConfigError, LiveferError
from livefer.faces.crops import crop_faces
from livefer.faces.views import BOTH, mirrored
from livefer.formatting import count, printable
from livefer.media.pictures import read_image, write_image
from livefer.recognizer import Recognizer
from livefer.results import Face, main_face
from livefer.system.cloud import is_url


def explain(
    image: Annotated[
        str, typer.Argument(help="A picture with a face: a path or address.", metavar="IMAGE")
    ],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", "--output", help="The sheet to write.", metavar="OUT.PNG"),
    ],
    face: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of the face, from left to right, as livefer image counts.",
            show_default="the largest",
            metavar="N",
        ),
    ] = None,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show which parts of a face speak for each expression.

    Grad-CAM: warm colours raise the score of that expression. Each map is scaled to its own
    maximum: its colours show where, and the figure below it shows how much. A map without colours
    means that no part of the face raises the score.
    """
    check_picture_name(output)
    check_not_read([output], [image])
    picture = read_image(image)
    recognizer = Recognizer(model, detector, prior=prior)
    chosen = _choose(recognizer, picture, image, face)
    crop, heatmaps = _explain(recognizer.classifier, picture, chosen)
    title = image if is_url(image) else Path(image).name
    write_image(output, explanation_sheet(picture, crop, chosen, heatmaps, printable(title)))
    name = recognizer.classifier.name
    if not quiet:
        typer.echo(f"{chosen.label} {chosen.confidence:.0%}; model {name}; wrote {output}")


def _choose(recognizer: Recognizer, picture: Image, path: str, number: int | None) -> Face:
    """Return the face of this number, from 1, or the largest one."""
    faces = recognizer(picture)
    largest = main_face(faces)
    if largest is None:
        raise LiveferError(
            f"no face was found in {path}: try a picture where the face is larger and looks at the "
            "camera"
        )
    if number is None:
        return largest
    if number > len(faces):
        raise ConfigError(f"{path} has {count(len(faces), 'face')}: there is no --face {number}")
    return faces[number - 1]


def _explain(
    classifier: EmotionClassifier, picture: Image, face: Face
) -> tuple[Image, Sequence[NDArray[np.float32]]]:
    """Return the network's input, (S, S) uint8, and a heat map for each class.

    The maps are means over the face and its mirror image, as its probabilities are.
    """
    box = np.array([face.crop_box], np.float32)
    crop = crop_faces(picture, box, size=classifier.input_size)
    _, cams = classifier.predict_with_cams(mirrored(np.repeat(crop, len(BOTH), 0), BOTH))
    return crop[0], [classifier.heatmap(cam) for cam in mirrored(cams, BOTH).mean(axis=0)]
