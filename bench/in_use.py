"""What each share of the prior costs on faces as in use: votes, acted faces, smiles, photographs.

    python bench/in_use.py fer2013 human --votes data/ferplus.csv --people data/people \\
        --photos data/photos.json --yunet YUNET.onnx --json bench/results/in_use.json

Sets for development, which nobody trains on. Every answer is the mean over a face and its mirror
image, as of a picture. `people/london` has a neutral and a smiling picture of each person (the Face
Research Lab London Set), `people/posed` each expression acted several times, cut close to the face
(folders of persons, files `EXPRESSION_*.png`). The list of photographs names the emotion of some
with one face. Of each picture the largest face counts; where the detector finds none, the picture
is left out and counted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import arguments, publish, run
from lib.loading import load_detectors, load_models
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier, without_prior
from livefer.data.dataset import read_dataset
from livefer.data.votes import read_votes
from livefer.detection.detections import Detections
from livefer.faces.boxes import sides_of
from livefer.faces.views import BOTH, cut_views, mirrored
from livefer.labels import CLASSES
from livefer.media.pictures import read_image

TAUS = (0.0, 0.25, 0.5, 0.75, 1.0)
VOTES, POSED = "votes on val", "acted faces"
SHAPE = (-1, 2, 48, 48)
GENDERS = {"female": "women", "male": "men"}


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    """Faces with a truth.

    faces: (N, 2, 48, 48) uint8: each as it is, and its mirror image
    targets: (N,) int64, in the order of CLASSES
    n_not_found: pictures without a face for the detector
    """

    faces: NDArray[np.uint8]
    targets: NDArray[np.int64]
    n_not_found: int = 0


def labelled_pictures(people: Path | None, photos: Path | None) -> Iterator[tuple[str, str, Path]]:
    """Yield set, label and file of each picture whose largest face has a known expression."""
    if people is not None:
        with (people / "london" / "info.csv").open(encoding="utf-8", newline="") as file:
            groups = {row["face_id"]: GENDERS[row["face_gender"]] for row in csv.DictReader(file)}
        for folder, label in (("smiling", "happy"), ("neutral", "neutral")):
            for path in sorted((people / "london" / folder).glob("*.jpg")):
                yield f"{folder} {groups[path.stem]}", label, path
        for path in sorted((people / "posed").glob("*/*.png")):
            yield POSED, path.name.partition("_")[0], path
    if photos is not None:
        for photo in json.loads(photos.read_text(encoding="utf-8")):
            if photo["emotion"]:
                yield "photographs", photo["emotion"], photos.parent / photo["file"]


def largest_face(detector: Any, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the largest face (2, 48, 48), cut as livefer cuts it, or None."""
    boxes = Detections(*detector.detect(image)).boxes
    if not len(boxes):
        return None
    box = boxes[[sides_of(boxes).argmax()]]
    crops = cut_views(image, box, [BOTH], detector.crop_scale, detector.crop_shift_y)
    return crops.shown()


def padded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture that was cut close to its face with a margin, which detectors need."""
    margin = max(image.shape[:2]) // 2
    return np.asarray(
        cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE), np.uint8
    )


def find_sets(detector: Any, people: Path | None, photos: Path | None) -> dict[str, Set]:
    """Return the sets of pictures, by name."""
    found: dict[str, list[tuple[NDArray[np.uint8] | None, int]]] = {}
    for name, label, path in labelled_pictures(people, photos):
        image = read_image(path)
        face = largest_face(detector, padded(image) if name == POSED else image)
        found.setdefault(name, []).append((face, CLASSES.index(label)))
    return {
        name: Set(
            np.array([face for face, _ in rows if face is not None], np.uint8).reshape(SHAPE),
            np.array([target for face, target in rows if face is not None], np.int64),
            sum(face is None for face, _ in rows),
        )
        for name, rows in found.items()
    }


def voted(data: Path, votes: Path) -> Set:
    """Return the val images on which one of the classes has most votes."""
    split = read_dataset(data).split("val")
    majority = read_votes(votes, split, CLASSES).majority
    known = majority >= 0
    twice = np.repeat(split.faces[known], 2, axis=0)
    return Set(mirrored(twice, BOTH * known.sum()).reshape(SHAPE), majority[known])


def shares_right(model: EmotionClassifier, one: Set) -> list[dict[str, float]]:
    """Return for each τ the share of right answers, and of answers that are certain and wrong.

    model: with the prior still in
    """
    raw = model.predict(one.faces.reshape(-1, 48, 48))
    order = [model.classes.index(name) for name in CLASSES]
    frequencies = json.loads(model.metadata["prior"])
    rows = []
    for tau in TAUS:
        p = without_prior(raw, frequencies, tau).reshape(-1, 2, len(order)).mean(axis=1)[:, order]
        is_right = p.argmax(axis=1) == one.targets
        is_certain = p.max(axis=1) >= model.uncertain_below
        rows.append(
            {"right": float(is_right.mean()), "misled": float((is_certain & ~is_right).mean())}
        )
    return rows


def as_markdown(figures: dict[str, Any]) -> str:
    """Return a table for each model: a row for each τ, a column for each set."""
    sets = figures["sets"]
    lines = []
    for name, model in figures["models"].items():
        heads = " | ".join(f"{title}, {one['n']:,}" for title, one in sets.items())
        lines += [f"| {name}, τ | {heads} |", f"| --- |{' ---: |' * len(sets)}"]
        for i, tau in enumerate(TAUS):
            found = (model["sets"][title][i] for title in sets)
            cells = (f"{100 * f['right']:.1f} ({100 * f['misled']:.1f})" for f in found)
            own = " (its own)" if tau == model["own_prior"] else ""
            lines.append(f"| {tau:g}{own} | {' | '.join(cells)} |")
        lines.append("")
    missed = [f"{one['n_not_found']} of {title}" for title, one in sets.items()
              if one["n_not_found"]]  # fmt: skip
    lines.append(f"Without a face for {figures['detector']}: {', '.join(missed) or 'none'}.")
    return "\n".join(lines)


def main() -> None:
    """Print the tables, and write JSON where asked to."""
    parser = arguments(__doc__, "models", "--data", "--yunet", "--json")
    parser.add_argument("--votes", type=Path, help="FER+'s votes, by file name")
    parser.add_argument("--people", type=Path, help="folder with london/ and posed/")
    parser.add_argument("--photos", type=Path, help="list of photographs, some with an emotion")
    args = parser.parse_args()
    name, detector = list(load_detectors(args.yunet).items())[-1]
    sets = {VOTES: voted(args.data, args.votes)} if args.votes else {}
    sets |= find_sets(detector, args.people, args.photos)
    figures: dict[str, Any] = {
        "detector": name,
        "sets": {
            title: {"n": len(one.faces), "n_not_found": one.n_not_found}
            for title, one in sets.items()
        },
        "models": {},
    }
    own = {name: model.prior for name, model in load_models(args.models).items()}
    for name, model in load_models(args.models, prior=0).items():
        figures["models"][name] = {
            "own_prior": own[name],
            "uncertain_below": model.uncertain_below,
            "sets": {title: shares_right(model, one) for title, one in sets.items()},
        }
    text = "Right, and in brackets wrong with certainty, of all faces found, %\n\n"
    publish("What the prior costs on faces as in use", text + as_markdown(figures), figures,
            args.json)  # fmt: skip


if __name__ == "__main__":
    run(main)
