"""Which detectors find the face in FER2013's own crops, and what the answers are worth.

    python bench/crops.py --data data/fer2013 --yunet YUNET.onnx

A file of 48x48 pixels that is all face leaves a detector nothing around it to go by; the detector
`none` takes the whole picture. Each picture is recognised as `livefer image` does, with the mean
over a face and its mirror image; of several faces, the one with the highest score counts.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from lib.common import arguments, publish, run
from lib.loading import load_detectors, sample
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import read_dataset
from livefer.detection.whole_picture import WholePictureDetector
from livefer.recognizer import Recognizer


def answers(recognizer: Recognizer, pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the class of each picture's surest face, (N,); -1 where no face was found.

    pictures: (N, H, W) uint8, gray
    """
    found = []
    for picture in pictures:
        faces = recognizer(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
        found.append(max(faces, key=lambda face: face.score).class_id if faces else -1)
    return np.array(found, np.int64)


def measure(found: NDArray[np.int64], targets: NDArray[np.int64]) -> dict[str, Any]:
    """Return the numbers of pictures, of those with a face, and of right answers."""
    is_found = found >= 0
    return {
        "n": len(found),
        "n_found": int(is_found.sum()),
        "n_right": int((found == targets)[is_found].sum()),
    }


def as_markdown(figures: dict[str, dict[str, Any]]) -> str:
    """Return the table of the figures."""
    lines = [
        "| detector | pictures | with a face | right, of those | right, of all |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, f in figures.items():
        of_found = f"{f['n_right'] / f['n_found']:.1%}" if f["n_found"] else "–"
        share, of_all = f["n_found"] / f["n"], f["n_right"] / f["n"]
        found = f"{f['n_found']:,} ({share:.1%})"
        lines.append(f"| {name} | {f['n']:,} | {found} | {of_found} | {of_all:.1%} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    options = ("--data", "--split", "--images", "--seed", "--yunet", "--own", "--json")
    parser = arguments(__doc__, *options)
    parser.add_argument("--model", default="fer2013", help="a shipped model's name, or a file")
    args = parser.parse_args()

    split = sample(read_dataset(args.data).split(args.split), args.images, args.seed)
    classifier = EmotionClassifier(args.model)
    detectors = load_detectors(args.yunet, args.own) | {"none": WholePictureDetector()}
    figures = {
        name: measure(answers(Recognizer(classifier, detector), split.faces), split.targets)
        for name, detector in detectors.items()
    }
    publish("FER2013's own crops", as_markdown(figures), figures, args.json)


if __name__ == "__main__":
    run(main)
