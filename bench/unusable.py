"""How often livefer stays silent on crops that hold no face, or one that nobody could read.

    python bench/unusable.py fer2013 --yunet face_detection_yunet_2023mar.onnx --images 600 \\
        --json bench/results/unusable.json > bench/results/unusable.md

Each row is one kind of crop; a crop is silent where livefer would call it uncertain: by the model's
limit on the confidence alone; by a limit on the margin to the second class instead, chosen so that
as many val faces are silent; by confidence and livefer.faces.quality, as Recognizer does.
`right` is the share of the answers given that are right, where the true class is known, without
and with livefer.faces.quality: a kind that is answered rightly is not unusable. Without --yunet the
kinds that need to know where faces are in photographs are left out. JSON: kinds → name → the same,
as shares 0-1; right is null where no class is known or nothing was answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import arguments, publish, run
from lib.corruptions import Faces, blur, low_light, low_resolution
from lib.loading import load_models, sample
from numpy.random import Generator
from numpy.typing import NDArray

from livefer.data import hygiene
from livefer.data.dataset import Dataset, read_dataset
from livefer.detection.yunet import YuNetDetector
from livefer.evaluation.predict import Predict, match_classes
from livefer.faces.boxes import crop_boxes, iou_matrix
from livefer.faces.crops import crop_faces
from livefer.faces.quality import share_outside, usable
from livefer.media.pictures import read_image

ORDINARY, ORDINARY_PHOTOS = "ordinary val faces", "ordinary faces of photographs"
_LONG_SIDE_PX = 1280


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """One kind of crop.

    faces: (N, 48, 48) uint8
    usable: (N,) bool, what livefer.faces.quality says
    targets: (N,) int64 where the true class is known
    """

    faces: Faces
    usable: NDArray[np.bool_]
    targets: NDArray[np.int64] | None = None


def plain_surfaces(n: int, generator: Generator) -> Faces:
    """Return walls and skies: a slope of gray with a little noise."""
    y, x = np.mgrid[:48, :48] / 47 - 0.5
    faces = []
    for _ in range(n):
        slope_x, slope_y = generator.uniform(-60, 60, 2)
        surface = generator.uniform(40, 215) + slope_x * x + slope_y * y
        surface = surface + generator.normal(0, generator.uniform(0, 6), x.shape)
        faces.append(np.clip(np.rint(surface), 0, 255).astype(np.uint8))
    return np.stack(faces)


def random_squares(
    hw: tuple[int, int], avoid: NDArray[np.float32], n: int, generator: Generator
) -> NDArray[np.float32]:
    """Return up to n squares (M, 4) xyxy inside a picture that overlap none of the boxes."""
    height, width = hw
    longest = min(height, width) / 2
    squares: list[list[float]] = []
    for _ in range(20 * n):
        side = np.exp(generator.uniform(np.log(min(32.0, longest)), np.log(longest)))
        left, top = generator.uniform(0, width - side), generator.uniform(0, height - side)
        square = [left, top, left + side, top + side]
        if not iou_matrix([square], avoid).any():
            squares.append(square)
        if len(squares) == n:
            break
    return np.array(squares, np.float32).reshape(-1, 4)


def cut_through(
    image: NDArray[Any], square: NDArray[np.float32], side: int
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return the picture cut through a square's middle, 0 left to 3 below, and the square in it."""
    x, y = (square[:2] + square[2:]) / 2
    x, y = round(float(np.clip(x, 1, image.shape[1] - 1))), round(float(y))
    y = int(np.clip(y, 1, image.shape[0] - 1))
    if side == 0:
        return image[:, x:], square - np.array([x, 0, x, 0], np.float32)
    if side == 1:
        return image[y:], square - np.array([0, y, 0, y], np.float32)
    return (image[:, :x] if side == 2 else image[:y]), square


def from_faces(dataset: Dataset, n_images: int | None, generator: Generator) -> dict[str, Crops]:
    """Return the kinds made of val's faces, ordinary ones first, and FER2013's blank images."""
    split = sample(dataset.split("val"), n_images)
    faces = split.faces[~hygiene.blank(split.faces)]
    targets = split.targets[~hygiene.blank(split.faces)]
    train = dataset.split("train").faces
    made = {
        ORDINARY: faces,
        "blur, sigma 3 px": blur(faces, 3, generator),
        "blur, sigma 4 px": blur(faces, 4, generator),
        "blur, sigma 6 px": blur(faces, 6, generator),
        "darkness, 6 stops": low_light(faces, 6, generator),
        "darkness, 8 stops": low_light(faces, 8, generator),
        "a face of 12 px": low_resolution(faces, 12, generator),
        "a face of 8 px": low_resolution(faces, 8, generator),
    }
    kinds = {name: _inside(f, targets) for name, f in made.items()}
    for name, pixels in (("a quarter", 12), ("three eighths", 18), ("half", 24)):
        cut = cut_off(faces, pixels, generator)
        # Which side is missing makes no difference to the share.
        square = np.tile(np.array([[pixels, 0, pixels + 48, 48]], np.float32), (len(cut), 1))
        kinds[f"cut off by {name}"] = Crops(cut, usable(cut, square, (48, 48)), targets)
    kinds["FER2013's blank images"] = _inside(train[hygiene.blank(train)])
    kinds["plain surfaces"] = _inside(plain_surfaces(300, generator))
    return kinds


def cut_off(faces: Faces, pixels: int, generator: Generator) -> Faces:
    """Return faces that lack `pixels` at the left, right, top or bottom: the edge is repeated."""
    made = np.array(faces)
    for face, side in zip(made, generator.integers(4, size=len(faces)), strict=True):
        turned = np.rot90(face, side)  # a view: what is written into it is in the face
        kept = turned.shape[1] - pixels
        turned[:, kept:] = turned[:, kept - 1 : kept]
    return made


def _inside(faces: Faces, targets: NDArray[np.int64] | None = None) -> Crops:
    squares = np.tile(np.array([[0, 0, 48, 48]], np.float32), (len(faces), 1))
    return Crops(faces, usable(faces, squares, (48, 48)), targets)


def from_photos(listing: Path, yunet: Path | None, generator: Generator) -> dict[str, Crops]:
    """Return the kinds cut from photographs."""
    detector = None if yunet is None else YuNetDetector(yunet)
    parts: dict[str, list[tuple[Faces, NDArray[np.bool_]]]] = {}

    def add(kind: str, image: NDArray[Any], squares: NDArray[np.float32]) -> None:
        crops = crop_faces(image, squares)
        parts.setdefault(kind, []).append((crops, usable(crops, squares, image.shape[:2])))

    for photo in json.loads(listing.read_text(encoding="utf-8")):
        if photo["kind"] != "none" and detector is None:
            continue
        large = read_image(listing.parent / photo["file"])
        factor = min(1.0, _LONG_SIDE_PX / max(large.shape))
        image = np.asarray(
            cv2.resize(large, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
        )
        hw = image.shape[:2]
        nothing = np.zeros((0, 4), np.float32)
        if photo["kind"] == "none":
            add("pictures without faces", image, random_squares(hw, nothing, 40, generator))
            continue
        assert detector is not None
        boxes = detector.detect(image)[0]
        squares = crop_boxes(boxes, detector.crop_scale, detector.crop_shift_y)
        add("beside the faces of photographs", image, random_squares(hw, squares, 4, generator))
        whole = squares[share_outside(squares, hw) < 0.05]
        add(ORDINARY_PHOTOS, image, squares)
        for square in whole:
            side = square[2] - square[0]
            step = side / 2 * np.eye(2)[generator.integers(2)] * generator.choice([-1, 1])
            moved = square + np.tile(step, 2)
            if share_outside(moved[None], hw)[0] < 0.05:
                add("half beside the face", image, moved[None].astype(np.float32))
            part, inside = cut_through(image, square, int(generator.integers(4)))
            add("half outside the picture", part, inside[None])
    return {
        kind: Crops(np.concatenate([c[0] for c in found]), np.concatenate([c[1] for c in found]))
        for kind, found in parts.items()
    }


def measure(predict: Predict, limit: float, kinds: dict[str, Crops]) -> dict[str, Any]:
    """Return the figures of each kind.

    limit: the confidence below which the model's answers are uncertain
    """
    probabilities = {name: predict(crops.faces) for name, crops in kinds.items()}
    ordinary = probabilities[ORDINARY]
    silent = float((ordinary.max(axis=1) < limit).mean())
    margin_limit = float(np.quantile(_margins(ordinary), silent))
    figures = {}
    for name, crops in kinds.items():
        rows = probabilities[name]
        answered = rows.max(axis=1) >= limit
        figures[name] = {
            "n_crops": len(rows),
            "silent": float(1 - answered.mean()),
            "silent_by_margin": float((_margins(rows) < margin_limit).mean()),
            "unusable": float(1 - crops.usable.mean()),
            "silent_with_quality": float(1 - (answered & crops.usable).mean()),
            "right": _right(rows, crops.targets, answered),
            "right_with_quality": _right(rows, crops.targets, answered & crops.usable),
        }
    return {"uncertain_below": limit, "margin_below": margin_limit, "kinds": figures}


def _margins(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    two = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0], np.float32)


def _right(
    rows: NDArray[np.float32], targets: NDArray[np.int64] | None, answered: NDArray[np.bool_]
) -> float | None:
    if targets is None or not answered.any():
        return None
    return float((rows.argmax(axis=1) == targets)[answered].mean())


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the figures as a table, in percent."""
    lines = [
        "| crops | number | silent by confidence | by margin | unusable by livefer.faces.quality "
        "| silent by both | right of the answers, before → after |",
        "| --- |" + " ---: |" * 6,
    ]
    for name, kind in figures["kinds"].items():
        shares = [
            f"{100 * kind[key]:.1f}"
            for key in ("silent", "silent_by_margin", "unusable", "silent_with_quality")
        ]
        right = " → ".join(
            "–" if kind[key] is None else f"{100 * kind[key]:.0f}"
            for key in ("right", "right_with_quality")
        )
        known = "" if kind["right"] is None else right
        lines.append(f"| {name} | {kind['n_crops']:,} | {' | '.join(shares)} | {known} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write it as JSON where asked to."""
    options = ("--photos", "--yunet", "--images", "--seed", "--threads", "--json")
    args = arguments(__doc__, "model", "--data", *options).parse_args()

    cv2.setNumThreads(1)
    [(name, classifier)] = load_models([args.model], args.threads).items()
    dataset = read_dataset(args.data)
    predict = match_classes(classifier.predict, classifier.classes, dataset.classes)
    generator = np.random.default_rng(args.seed)
    kinds = from_faces(dataset, args.images, generator)
    kinds |= from_photos(args.photos, args.yunet, generator)
    figures = {"model": name, "seed": args.seed} | measure(
        predict, classifier.uncertain_below, kinds
    )
    about = f"{name}, uncertain below {figures['uncertain_below']}, seed {args.seed}\n"
    text = f"{about}\n{as_markdown(figures)}"
    publish("Silence on what cannot be read", text, figures, args.json)


if __name__ == "__main__":
    run(main)
