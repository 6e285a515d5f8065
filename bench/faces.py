"""Measure detectors on pictures that no detector's training has seen, changed in many ways.

    python bench/faces.py --pictures data/detector.npz --own runs/detector/detector.onnx

The pictures and the teacher's answers are those of `livefer.train.detector.pictures`, of which one
in ten is held out. A face that the teacher is sure of in the clean picture counts as found where a
box overlaps it by a third. The threshold of each detector is the lowest that finds at most so many
faces in a hundred pictures without any. --empty names a folder of further pictures without faces:
what each detector finds there at its own threshold is counted; those in which the teacher sees one
(a score of a quarter) are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import arguments, heading, machine_line, run
from lib.loading import load_detectors
from numpy.typing import NDArray

from livefer.detection.detections import Detections
from livefer.detection.yunet import YuNetDetector
from livefer.errors import SourceError
from livefer.faces.boxes import iou_matrix
from livefer.media.names import PICTURE_SUFFIXES
from livefer.media.pictures import read_image
from livefer.system.machine import describe
from livefer.train.detector.pictures import Picture, read_pictures
from livefer.train.detector.teacher import label

Image = NDArray[np.uint8]
Change = Callable[[Image, NDArray[Any]], tuple[Image, NDArray[Any]]]
FALSE_PER_HUNDRED = (0, 1, 3)
SURE = 0.7  # of the teacher
SAME_IOU = 1 / 3
SEEN = 0.25  # of the teacher: a picture with more is not counted as one without a face
MIN_SIDE_PX = 96
FRAME_WH = (640, 480)


def unchanged(image: Image, boxes: NDArray[Any]) -> tuple[Image, NDArray[Any]]:
    """Return the picture as it is."""
    return image, boxes


def darker(stops: float) -> Change:
    """Return a change to so many halvings of the light; below 0 it is brighter."""

    def change(image: Image, boxes: NDArray[Any]) -> tuple[Image, NDArray[Any]]:
        light = (np.arange(256) / 255) ** 2.2 / 2**stops
        table = np.clip(255 * light ** (1 / 2.2), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table), np.uint8), boxes

    return change


def tilted(degrees: float) -> Change:
    """Return a rotation of the whole picture, with a gray border."""

    def change(image: Image, boxes: NDArray[Any]) -> tuple[Image, NDArray[Any]]:
        height, width = image.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        cos, sin = np.abs(turn[0, :2])
        size_wh = (int(width * cos + height * sin), int(width * sin + height * cos))
        turn[:, 2] += [(size_wh[0] - width) / 2, (size_wh[1] - height) / 2]
        turned = cv2.warpAffine(image, turn, size_wh, borderValue=(127, 127, 127))
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        return np.asarray(turned, np.uint8), np.hstack([middles - half, middles + half])

    return change


def of_size(face_px: float) -> Change:
    """Return a change to a frame of 640×480 in which the largest face has a size."""

    def change(image: Image, boxes: NDArray[Any]) -> tuple[Image, NDArray[Any]]:
        sides = (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
        scale = face_px / float(sides.max())
        middle = (boxes[sides.argmax(), :2] + boxes[sides.argmax(), 2:]) / 2
        small = image
        if scale < 1:
            small = np.asarray(
                cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
            )
        factor = scale / (small.shape[1] / image.shape[1])
        shift = np.array(FRAME_WH) / 2 - middle * scale
        move = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])
        frame = cv2.warpAffine(small, move, FRAME_WH, borderValue=(127, 127, 127))
        return np.asarray(frame, np.uint8), boxes * scale + np.tile(shift, 2)

    return change


def noisy(sigma: float) -> Change:
    """Return a change that adds Gaussian noise, the same in every run."""

    def change(image: Image, boxes: NDArray[Any]) -> tuple[Image, NDArray[Any]]:
        noise = np.random.default_rng(0).normal(0, sigma, image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8), boxes

    return change


CHANGES: dict[str, Change] = {
    "clean": unchanged,
    "1 stop brighter": darker(-1),
    "2 stops darker": darker(2),
    "3 stops darker": darker(3),
    **{f"tilted by {degrees}°": tilted(degrees) for degrees in (15, 30, 45)},
    **{f"{px} px at 640": of_size(px) for px in (12, 16, 24, 48, 96, 200)},
    "noise of 20": noisy(20),
}


def measure(detector: Any, faces: list[Picture], change: Change) -> NDArray[np.float64]:
    """Return the score with which each sure face is found, 0 where it is not."""
    scores = []
    for picture in faces:
        sure = picture.labels.scores >= SURE
        image, boxes = change(picture.image, picture.labels.boxes[sure])
        found, found_scores = detector.detect(image)[:2]
        overlaps = iou_matrix(boxes, found) >= SAME_IOU
        scores += [float(found_scores[row].max(initial=0)) for row in overlaps]
    return np.array(scores)


def precision(detector: Any, faces: list[Picture]) -> str:
    """Return how well boxes and landmarks agree with the teacher's, in words."""
    ious, distances = [], []
    for picture in faces:
        found = Detections(*detector.detect(picture.image))
        boxes, landmarks = picture.labels.boxes, picture.labels.landmarks
        overlaps = iou_matrix(boxes, found.boxes)
        for i in np.flatnonzero(picture.labels.scores >= SURE):
            if overlaps[i].max(initial=0) < SAME_IOU:
                continue
            j = int(overlaps[i].argmax())
            ious.append(float(overlaps[i, j]))
            if found.landmarks is not None:
                off = np.linalg.norm(found.landmarks[j] - landmarks[i], axis=1).mean()
                distances.append(float(off / (boxes[i, 2:] - boxes[i, :2]).mean()))
    about = f", landmarks {np.mean(distances):.1%} of a side away" if distances else ""
    return f"IoU {np.mean(ious):.3f}{about}"


def thresholds(detector: Any, empty: Iterable[Picture]) -> list[float]:
    """Return the lowest thresholds with at most 0, 1 and 3 false faces in 100 pictures."""
    counts = []
    scores: list[float] = []
    for picture in empty:
        found = detector.detect(picture.image)[1]
        scores += [float(score) for score in found]
        counts.append(len(found))
    best_first = [*sorted(scores, reverse=True), 0.0]
    allowed = [math.floor(each * len(counts) / 100) for each in FALSE_PER_HUNDRED]
    return [best_first[min(n, len(best_first) - 1)] for n in allowed]


def empty_pictures(folder: Path, n: int, teacher: YuNetDetector) -> list[Image]:
    """Return at most n pictures of a folder in which the teacher sees no face, drawn by chance."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    images = []
    for index in np.random.default_rng(0).permutation(len(files)):
        try:
            image = read_image(files[index])
        except SourceError:  # a texture in a format of its own
            continue
        if (
            min(image.shape[:2]) >= MIN_SIDE_PX
            and label(teacher, image).scores.max(initial=0) < SEEN
        ):
            images.append(image)
        if len(images) == n:
            break
    return images


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, "--yunet", "--own", "--images")
    parser.add_argument("--empty", type=Path, help="a folder of pictures without faces")
    parser.add_argument("--n-empty", type=int, default=1000)
    parser.add_argument("--pictures", type=Path, default=Path("data/detector.npz"))
    args = parser.parse_args()
    cv2.setNumThreads(1)
    held_out = [picture for picture in read_pictures(args.pictures) if picture.is_held_out]
    faces = [
        picture
        for picture in held_out
        if picture.kind == "picture" and (picture.labels.scores >= SURE).any()
    ]
    np.random.default_rng(0).shuffle(faces)
    faces = faces[: args.images]
    empty = [picture for picture in held_out if picture.kind == "background"]
    n_faces = sum(int((picture.labels.scores >= SURE).sum()) for picture in faces)
    print(heading("Detectors on pictures that were held out"))
    print(f"{machine_line(describe().to_dict())}; one run.")
    print(f"{n_faces} faces in {len(faces)} pictures; {len(empty)} pictures without a face.\n")
    further = []
    if args.empty is not None:
        further = empty_pictures(args.empty, args.n_empty, YuNetDetector(args.yunet))
    for name, detector in load_detectors(args.yunet, args.own).items():
        if further:
            n_false = sum(len(detector.detect(image)[0]) for image in further)
            print(f"{name}: {n_false} faces in {len(further)} further pictures without one\n")
        detector.threshold = getattr(detector, "known_threshold", 0)
        limits = thresholds(detector, empty)
        print(f"## {name}\n\n{precision(detector, faces)}\n")
        pairs = zip(FALSE_PER_HUNDRED, limits, strict=True)
        columns = [f"{n} false in 100 (≥ {limit:.2f})" for n, limit in pairs]
        print(f"| found at | {' | '.join(columns)} |\n| --- | {'---: | ' * len(columns)}")
        for what, change in CHANGES.items():
            scores = measure(detector, faces, change)
            shares = [f"{np.mean(scores > limit):.1%}" for limit in limits]
            print(f"| {what} | {' | '.join(shares)} |", flush=True)
        print()


if __name__ == "__main__":
    run(main)
