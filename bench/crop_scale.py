"""Find the crop scale and shift that give a detector's boxes the framing of FER2013.

    python bench/crop_scale.py --data data/fer2013 --photos data/photos.json --yunet YUNET.onnx

1. Faces of FER2013 are enlarged twice, given a margin of half their side, and searched by each
   detector. Were the detector's box the 48 px square itself, scale would be 1 and shift 0. Faces
   not found, or found elsewhere, are left out: the median hardly feels them. The margin is a guess
   at what was around the face, so it is made in three ways.
2. Check: the distance of the eyes and the heights of eyes and mouth (YuNet's landmarks), in shares
   of the square's side, in FER2013 and in crops cut from photographs with these scales.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import arguments, run
from lib.loading import load_detectors
from numpy.typing import NDArray

from livefer.faces.boxes import crop_boxes
from livefer.media.pictures import read_image

SIDE_PX = 96
MARGINS = {
    "replicated": cv2.BORDER_REPLICATE,
    "reflected": cv2.BORDER_REFLECT_101,
    "mean gray": cv2.BORDER_CONSTANT,
}


def sample_faces(root: Path, per_class: int) -> list[NDArray[Any]]:
    """Return the same number of training faces of each class, (48, 48) uint8."""
    faces: list[NDArray[Any]] = []
    for folder in sorted((root / "train").iterdir()):
        files = sorted(folder.iterdir())
        chosen = random.Random(0).sample(files, min(per_class, len(files)))
        faces.extend(read_image(file)[:, :, 0] for file in chosen)
    return faces


def with_margin(face: NDArray[Any], border: int) -> NDArray[Any]:
    """Return the face at SIDE_PX in the middle of a picture of twice that side, BGR."""
    face = cv2.resize(face, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    half = SIDE_PX // 2
    value = (float(face.mean()),)
    picture = cv2.copyMakeBorder(face, half, half, half, half, border, value=value)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))


def quartiles(values: NDArray[Any]) -> str:
    """Return the quartiles as text."""
    return "/".join(f"{value:6.3f}" for value in np.percentile(values, [25, 50, 75]))


def measure_scale(name: str, detector: Any, pictures: list[NDArray[Any]]) -> None:
    """Print what turns the detector's boxes into the middle square of the pictures."""
    scales, shifts = [], []
    for picture in pictures:
        boxes, _, _ = detector.detect(picture)
        if len(boxes):
            left, top, right, bottom = boxes[0]
            scales.append(2 * SIDE_PX / (right - left + bottom - top))
            shifts.append((SIDE_PX - (top + bottom) / 2) / SIDE_PX)
    print(f"{name:24} found {len(scales) / len(pictures):5.1%}", end="  ")
    print(f"scale {quartiles(np.array(scales))}  shift_y {quartiles(np.array(shifts))}")


def landmarks(net: Any, picture: NDArray[Any]) -> NDArray[Any] | None:
    """Return YuNet's surest (5, 2) landmarks: eyes, nose, corners of the mouth."""
    net.setInputSize((picture.shape[1], picture.shape[0]))
    rows = net.detect(picture)[1]
    return None if rows is None else rows[rows[:, 14].argmax(), 4:14].reshape(5, 2)


def print_geometry(name: str, squares: list[Any], points: list[Any]) -> None:
    """Print where eyes and mouth are in the squares, in shares of their sides."""
    square, point = np.array(squares, float), np.array(points, float)
    side = (square[:, 2] - square[:, 0])[:, None]
    relative = (point - square[:, None, :2]) / side[:, None]
    eyes = np.hypot(*(relative[:, 1] - relative[:, 0]).T)
    eye_y, mouth_y = relative[:, :2, 1].mean(axis=1), relative[:, 3:, 1].mean(axis=1)
    print(f"{name:24} n {len(square):4}  eyes apart {quartiles(eyes)}", end="  ")
    print(f"eyes at {quartiles(eye_y)}  mouth at {quartiles(mouth_y)}")


def main() -> None:
    """Print both measurements."""
    parser = arguments(__doc__, "--data", "--photos")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet's .onnx file")
    parser.add_argument("--per-class", type=int, default=60)
    args = parser.parse_args()

    cv2.setNumThreads(1)
    detectors = load_detectors(args.yunet)
    net = cv2.FaceDetectorYN.create(str(args.yunet), "", (320, 320), 0.7)
    faces = sample_faces(args.data, args.per_class)
    half = SIDE_PX // 2
    for margin, border in MARGINS.items():
        pictures = [with_margin(face, border) for face in faces]
        for name, detector in detectors.items():
            measure_scale(f"{name}, {margin}", detector, pictures)
        found = [marks for picture in pictures if (marks := landmarks(net, picture)) is not None]
        square = [half, half, half + SIDE_PX, half + SIDE_PX]
        print_geometry(f"FER2013, {margin}", [square] * len(found), found)

    squares: dict[str, list[Any]] = {name: [] for name in detectors}
    points: dict[str, list[Any]] = {name: [] for name in detectors}
    for photo in json.loads(args.photos.read_text(encoding="utf-8")):
        if photo["kind"] != "one":
            continue
        whole = read_image(args.photos.parent / photo["file"])
        factor = min(1, 960 / max(whole.shape))
        image = np.asarray(cv2.resize(whole, None, fx=factor, fy=factor), np.uint8)
        marks = landmarks(net, image)
        for name, detector in detectors.items():
            boxes, _, _ = detector.detect(image)
            if len(boxes) == 1 and marks is not None:
                squares[name] += list(crop_boxes(boxes, detector.crop_scale, detector.crop_shift_y))
                points[name].append(marks)
    for name in detectors:
        print_geometry(f"photographs, {name}", squares[name], points[name])


if __name__ == "__main__":
    run(main)
