"""Two face detectors with one method: the Haar cascades that come with OpenCV, and YuNet.

`detect(image)` takes (H, W) gray or (H, W, 3) BGR uint8 and returns boxes (N, 4) float32, xyxy in
pixels, and scores (N,) float32, 0–1, best first. A detector is not thread-safe: one owner each.
Nothing here prints or downloads; `hint` is a line for the user when a better detector exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.downloads import Progress, cache_dir, fetch, install
from livefer.errors import ModelError
from livefer.faces import check_image, crop_faces, to_gray

YUNET_FILE = "face_detection_yunet_2023mar.onnx"
YUNET_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
    f"face_detection_yunet/{YUNET_FILE}"
)
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
YUNET_HINT = "faces found with a Haar cascade; YuNet finds more of them: livefer download yunet"

# 104 photographs, long sides of 320-1600 and thresholds of 0.5-0.9: all counted right from 0.65 to
# 0.75 at 960; enlarging small pictures to it gains nothing (bench/detect.py, docs/experiments.md).
_YUNET_SIDE_PX = 960
_YUNET_THRESHOLD = 0.7
_YUNET_LEAST_PX = 64

# The same photographs: from 55 to 70 votes the same number is counted right, with no face too many.
# Smaller steps of scale, a larger picture or a second cascade that proposes gain nothing
# (docs/experiments.md).
_HAAR_SIDE_PX = 960
_MIN_FACE_PX = 24
_MIN_VOTES = 65
_MIN_VOTES_EACH = 8
_PATCH_PX = 96
_TILT = 25.0

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]


class HaarDetector:
    """Three of the frontal-face cascades that OpenCV ships: one proposes, all three vote.

    A cascade alone either misses faces or sees them in curtains. Here the proposals are all
    windows of one cascade, single ones too; each is cut out, brought to one size and searched by
    three cascades in small steps of scale, which takes a millisecond or two, and the windows found
    around its middle are its votes. Heads that are tilted, and faces that the picture cuts, are
    searched in a coarser picture, turned both ways and with a border.
    """

    name = "haar"
    # FER2013 was itself cut by such a cascade: bench/crop_scale.py, docs/experiments.md.
    crop_scale = 1.0
    crop_shift_y = 0.0

    def __init__(self, hint: str | None = None) -> None:
        self.hint = hint
        self._proposer = _load_cascade("haarcascade_frontalface_alt2.xml")
        others = ("haarcascade_frontalface_alt.xml", "haarcascade_frontalface_default.xml")
        self._voters = [*map(_load_cascade, others), self._proposer]

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1."""
        gray = to_gray(image)
        if gray.size == 0:
            return _nothing()
        boxes, votes = self._find(gray, _HAAR_SIDE_PX)
        small, scale = _shrink(gray, _HAAR_SIDE_PX)
        for degrees in (-_TILT, _TILT) if len(boxes) else (0, -_TILT, _TILT):
            more, their_votes = self._find_turned(small, degrees)
            boxes = np.concatenate([boxes, more / scale])
            votes = np.concatenate([votes, their_votes])
        kept = _without_overlaps(boxes, votes)
        return boxes[kept], (votes[kept] / (votes[kept] + _MIN_VOTES)).astype(np.float32)

    def _find(self, gray: NDArray[np.uint8], side_px: int) -> tuple[Boxes, Scores]:
        """Return the boxes with enough votes, and their votes; several for a face, maybe.

        Proposals come from the picture shrunk to `side_px`, votes from the picture as it is.
        """
        small, scale = _shrink(gray, side_px)
        windows = self._proposer.detectMultiScale(
            small, scaleFactor=1.2, minNeighbors=0, minSize=(_MIN_FACE_PX, _MIN_FACE_PX)
        )
        # groupRectangles drops what stands alone: twice the windows, and it keeps them all.
        groups, _ = cv2.groupRectangles([*map(list, windows)] * 2, 1, 0.2)
        proposals = _xyxy(groups) / scale
        patches = crop_faces(gray, proposals, scale=2.0, size=_PATCH_PX)
        boxes, votes = [], []
        for proposal, patch in zip(proposals, patches, strict=True):
            voters = self._vote(patch)
            if len(voters) >= _MIN_VOTES:
                unit = 2.0 * (proposal[2] - proposal[0]) / _PATCH_PX
                middle = np.tile((proposal[:2] + proposal[2:]) / 2, 2)
                boxes.append(
                    middle + (voters.mean(axis=0, dtype=np.float64) - _PATCH_PX / 2) * unit
                )
                votes.append(len(voters))
        return np.array(boxes, np.float32).reshape(-1, 4), np.array(votes, np.float32)

    def _vote(self, patch: NDArray[np.uint8]) -> Boxes:
        """Return the windows around the middle of a patch that three cascades take for a face."""
        found: list[Boxes] = []
        for cascade in self._voters:
            windows = _xyxy(
                cascade.detectMultiScale(
                    patch,
                    scaleFactor=1.05,
                    minNeighbors=0,
                    minSize=(_PATCH_PX // 3, _PATCH_PX // 3),
                    maxSize=(_PATCH_PX * 3 // 4, _PATCH_PX * 3 // 4),
                )
            )
            centre = (windows[:, :2] + windows[:, 2:]) / 2
            windows = windows[(np.abs(centre - _PATCH_PX / 2) < _PATCH_PX / 8).all(axis=1)]
            if len(windows) < _MIN_VOTES_EACH and not found:
                break  # most proposals are none: save the time
            found.append(windows)
        return np.concatenate(found) if found else _nothing()[0]

    def _find_turned(self, gray: NDArray[np.uint8], degrees: float) -> tuple[Boxes, Scores]:
        """Find faces in the picture with a border, turned; boxes are those of the picture."""
        height, width = gray.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        cos, sin = np.abs(turn[0, :2])
        border = max(height, width) / 8
        size_wh = (
            int(width * cos + height * sin + border),
            int(width * sin + height * cos + border),
        )
        turn[:, 2] += [(size_wh[0] - width) / 2, (size_wh[1] - height) / 2]
        turned = cv2.warpAffine(gray, turn, size_wh, borderMode=cv2.BORDER_REPLICATE)
        boxes, votes = self._find(np.asarray(turned, np.uint8), _HAAR_SIDE_PX // 3)
        back = cv2.invertAffineTransform(turn)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ back[:, :2].T + back[:, 2]
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        return np.hstack([centre - half, centre + half]).astype(np.float32), votes


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, 2023, https://doi.org/10.1007/s11633-023-1423-y): small and good."""

    name = "yunet"
    # Framing of FER2013: bench/crop_scale.py, docs/experiments.md.
    crop_scale = 1.12
    crop_shift_y = -0.02
    hint: str | None = None

    def __init__(self, model: str | Path | None = None) -> None:
        path = Path(model) if model is not None else yunet_path()
        if path is None or not path.is_file():
            raise ModelError(
                f"YuNet's file is not at {path or cache_dir() / YUNET_FILE}: "
                "run livefer download yunet, or give the path of an .onnx you have"
            )
        weights = np.fromfile(path, np.uint8)  # a buffer: cv2 cannot open every path on Windows
        try:
            self._net = cv2.FaceDetectorYN.create(
                "onnx", weights, np.zeros(0, np.uint8), (320, 320), _YUNET_THRESHOLD, 0.3, 5000
            )
            self._net.detect(np.zeros((320, 320, 3), np.uint8))  # another network fails here
        except cv2.error as error:
            raise ModelError(
                f"{path} is not a YuNet model that OpenCV reads ({error.err}): "
                f"expected {YUNET_FILE} of OpenCV Zoo"
            ) from error

    def detect(self, image: NDArray[Any]) -> tuple[Boxes, Scores]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32, 0–1."""
        small, scale = _shrink(check_image(image), _YUNET_SIDE_PX)
        if small.size == 0:
            return _nothing()
        bgr = small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
        # OpenCV 4 reads memory that nobody wrote where a side is 32 px (a feature map of one).
        below, right = (max(0, _YUNET_LEAST_PX - side) for side in bgr.shape[:2])
        if below or right:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize((bgr.shape[1], bgr.shape[0]))
        rows: Any = self._net.detect(np.ascontiguousarray(bgr))[1]  # None without a face
        if rows is None:
            return _nothing()
        return _xyxy(rows[:, :4]) / scale, np.clip(rows[:, 14], 0, 1).astype(np.float32)


Detector = HaarDetector | YuNetDetector


def make_detector(name: str | Path = "auto") -> Detector:
    """Return a detector by name: auto, haar, yunet, or the path of a YuNet .onnx file.

    "auto" is YuNet where its file is already there, and Haar otherwise, with a `hint`.
    """
    if name == "haar":
        return HaarDetector()
    if name == "auto":
        return YuNetDetector() if yunet_path() is not None else HaarDetector(hint=YUNET_HINT)
    if name == "yunet":
        return YuNetDetector()
    if str(name).lower().endswith(".onnx"):
        return YuNetDetector(name)
    raise ModelError(
        f'unknown detector "{name}": expected auto, haar, yunet or the path of a YuNet .onnx file'
    )


def yunet_path() -> Path | None:
    """Return YuNet's file where `download_yunet` puts it, or None when it is not there."""
    path = cache_dir() / YUNET_FILE
    return path if path.is_file() else None


def download_yunet(file: Path | None = None, progress: Progress | None = None) -> Path:
    """Put YuNet's file into the cache, from OpenCV Zoo or from a copy at `file`, and check it."""
    to = cache_dir() / YUNET_FILE
    if file is not None:
        return install(file, to, YUNET_SHA256)
    return fetch(YUNET_URL, to, YUNET_SHA256, progress)


def _load_cascade(name: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).with_name("data") / name
    # Through memory: cv2 cannot open every path on Windows.
    storage = cv2.FileStorage(
        path.read_text(encoding="utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
    )
    cascade = cv2.CascadeClassifier()
    if not cascade.read(storage.getFirstTopLevelNode()):
        raise ModelError(f"{path} could not be loaded: reinstall opencv-python-headless")
    return cascade


def _nothing() -> tuple[Boxes, Scores]:
    return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)


def _shrink(
    image: NDArray[np.uint8], side_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the image with a long side of at most side_px, and its scale: (4,), for xyxy."""
    height, width = image.shape[:2]
    factor = side_px / max(height, width, 1)
    if factor >= 1:
        return image, np.ones(4, np.float32)
    size_wh = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([size_wh[0] / width, size_wh[1] / height] * 2, np.float32)


def _xyxy(rects: Any) -> Boxes:
    """Return OpenCV's x, y, width, height as boxes; its empty tuple as (0, 4)."""
    boxes = np.array(rects, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def _without_overlaps(boxes: Boxes, votes: Scores) -> list[int]:
    """Return what is left, best first, when a box gives way to a better one that covers it."""
    kept: list[int] = []
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    for i in np.argsort(-votes, kind="stable"):
        low = np.maximum(boxes[i, :2], boxes[kept, :2])
        high = np.minimum(boxes[i, 2:], boxes[kept, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        if (shared <= 0.4 * np.minimum(areas[i], areas[kept])).all():
            kept.append(int(i))
    return kept
