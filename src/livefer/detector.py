"""Two face detectors with one method: the Haar cascades that come with OpenCV, and YuNet.

`detect(image)` takes (H, W) gray or (H, W, 3) BGR uint8 and returns boxes (N, 4) float32, xyxy in
pixels, and scores (N,) float32, 0–1, best first. For live streams (livefer.following) there are
`search`, a part of what `detect` does, and `detect_near`, which looks where a face was. A detector
is not thread-safe: one owner each.
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
from livefer.faces import check_image, covered, crop_boxes, crop_faces, iou_matrix, to_gray

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
# Where a face was: 128 px for 2.5 of its sides, 0.8 ms; it may be fainter than one that is new.
_YUNET_NEAR_PX, _YUNET_NEAR = 128, 2.5
_YUNET_FAINT = 0.6
_YUNET_NEAR_IOU = 0.3

# The same photographs: from 55 to 70 votes the same number is counted right, with no face too many.
# Smaller steps of scale, a larger picture or a second cascade that proposes gain nothing
# (docs/experiments.md).
_HAAR_SIDE_PX = 960
_MIN_FACE_PX = 24
_MIN_VOTES = 65
_MIN_VOTES_EACH = 8
_PATCH_PX = 96
_TILT = 25.0
_STEP = 1.2  # from one size of the proposer's window to the next
# In a stream a face has several chances: coarser steps, and the larger faces in half the picture.
_LIVE_STEP = 1.3
# Where a face was, the proposer alone, in few steps, tells its place to 1 % and its size to 3 %
# in 1.4 ms (docs/experiments.md).
_NEAR_PX, _NEAR = 72, 1.5
_NEAR_SIZES_PX = (36, 62)
_MIN_VOTES_NEAR = 5

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
    # Large faces, small ones, heads tilted to either side.
    search_periods_s = (0.25, 0.75, 1.0, 1.0)

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
        return _best(boxes, votes)

    def search(self, image: NDArray[Any], part: int, known: Boxes) -> tuple[Boxes, Scores]:
        """Search a part of what `detect` does, leaving out the faces that are known.

        part: which of the parts of `search_periods_s`
        known: (M, 4) float32, xyxy in pixels
        returns: as `detect` does, what it would find at half the resolution or in coarser steps
        """
        gray = to_gray(image)
        if gray.size == 0:
            return _nothing()
        if part == 0:
            side_px = min(_HAAR_SIDE_PX, max(gray.shape)) // 2
            return _best(*self._find(gray, side_px, known, _LIVE_STEP))
        if part == 1:
            return _best(*self._find(gray, _HAAR_SIDE_PX, known, _LIVE_STEP, 2 * _MIN_FACE_PX))
        small, scale = _shrink(gray, _HAAR_SIDE_PX)
        degrees = -_TILT if part == 2 else _TILT
        boxes, votes = self._find_turned(small, degrees, known * scale, _LIVE_STEP)
        return _best(boxes / scale, votes)

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> tuple[Boxes, Scores]:
        """Look for faces where they were, a third of their size around.

        boxes: (N, 4) float32, xyxy in pixels
        returns: (N, 4) float32, where they are now, and (N,) float32 scores, 0 where none is
        """
        gray = to_gray(image)
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        for i, box in enumerate(found):
            for degrees in (0.0, -_TILT, _TILT):
                windows = self._windows_near(gray, box, degrees)
                if len(windows) >= _MIN_VOTES_NEAR:
                    found[i] = _moved(box, windows, _NEAR, _NEAR_PX, degrees)
                    # A seventh of the votes that the three cascades cast in small steps.
                    scores[i] = len(windows) / (len(windows) + _MIN_VOTES / 7)
                    break
        return found, scores

    def _windows_near(
        self, gray: NDArray[np.uint8], box: NDArray[np.float32], degrees: float
    ) -> Boxes:
        if degrees:
            # Twice the area, for the corners that turn into the patch.
            wide_px = round(_NEAR_PX * 1.45)
            wide = crop_faces(gray, box[None], scale=_NEAR * wide_px / _NEAR_PX, size=wide_px)[0]
            turn = cv2.getRotationMatrix2D((wide_px / 2, wide_px / 2), degrees, 1.0)
            turn[:, 2] += np.full(2, (_NEAR_PX - wide_px) / 2)
            patch = np.asarray(cv2.warpAffine(wide, turn, (_NEAR_PX, _NEAR_PX)), np.uint8)
        else:
            patch = crop_faces(gray, box[None], scale=_NEAR, size=_NEAR_PX)[0]
        low, high = _NEAR_SIZES_PX
        return _xyxy(
            self._proposer.detectMultiScale(
                patch, scaleFactor=1.1, minNeighbors=0, minSize=(low, low), maxSize=(high, high)
            )
        )

    def _find(
        self,
        gray: NDArray[np.uint8],
        side_px: int,
        known: Boxes | None = None,
        step: float = _STEP,
        max_px: int = 0,
    ) -> tuple[Boxes, Scores]:
        """Return the boxes with enough votes, and their votes; several for a face, maybe.

        Proposals come from the picture shrunk to `side_px`, votes from the picture as it is.

        max_px: size of the largest window in the shrunk picture; 0 is that of the picture
        """
        small, scale = _shrink(gray, side_px)
        windows = self._proposer.detectMultiScale(
            small,
            scaleFactor=step,
            minNeighbors=0,
            minSize=(_MIN_FACE_PX, _MIN_FACE_PX),
            maxSize=(max_px, max_px),
        )
        # groupRectangles drops what stands alone: twice the windows, and it keeps them all.
        groups, _ = cv2.groupRectangles([*map(list, windows)] * 2, 1, 0.2)
        proposals = _xyxy(groups) / scale
        if known is not None:
            proposals = proposals[~covered(proposals, known)]
        patches = crop_faces(gray, proposals, scale=2.0, size=_PATCH_PX)
        boxes, votes = [], []
        for proposal, patch in zip(proposals, patches, strict=True):
            voters = self._vote(patch)
            if len(voters) >= _MIN_VOTES:
                boxes.append(_moved(proposal, voters, 2.0, _PATCH_PX))
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

    def _find_turned(
        self,
        gray: NDArray[np.uint8],
        degrees: float,
        known: Boxes | None = None,
        step: float = _STEP,
    ) -> tuple[Boxes, Scores]:
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
        known = None if known is None else _turned(known, turn)
        boxes, votes = self._find(np.asarray(turned, np.uint8), _HAAR_SIDE_PX // 3, known, step)
        return _turned(boxes, cv2.invertAffineTransform(turn)), votes


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, 2023, https://doi.org/10.1007/s11633-023-1423-y): small and good."""

    name = "yunet"
    # Framing of FER2013: bench/crop_scale.py, docs/experiments.md.
    crop_scale = 1.12
    crop_shift_y = -0.02
    search_periods_s = (0.2,)
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
            self._net, self._near_net = (
                cv2.FaceDetectorYN.create(
                    "onnx", weights, np.zeros(0, np.uint8), (side, side), threshold, 0.3, 5000
                )
                for side, threshold in ((320, _YUNET_THRESHOLD), (_YUNET_NEAR_PX, _YUNET_FAINT))
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

    def search(self, image: NDArray[Any], part: int, known: Boxes) -> tuple[Boxes, Scores]:
        """Do what `detect` does: it is quick enough to be done whole."""
        return self.detect(image)

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> tuple[Boxes, Scores]:
        """Look for faces where they were, their own size around.

        boxes: (N, 4) float32, xyxy in pixels
        returns: (N, 4) float32, where they are now, and (N,) float32 scores, 0 where none is
        """
        image = check_image(image)
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        for i, box in enumerate(found):
            left, top, right, bottom = crop_boxes(box[None], _YUNET_NEAR)[0].astype(int)
            left, top = max(left, 0), max(top, 0)
            part = image[top : max(bottom, 0), left : max(right, 0)]
            if min(part.shape[:2]) < 2:
                continue
            scale = _YUNET_NEAR_PX / max(bottom - top, right - left, 1)
            size_wh = [max(1, round(side * scale)) for side in part.shape[1::-1]]
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            small = cv2.resize(part, size_wh, interpolation=how)
            if small.ndim == 2:
                small = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
            patch = np.zeros((_YUNET_NEAR_PX, _YUNET_NEAR_PX, 3), np.uint8)
            patch[: size_wh[1], : size_wh[0]] = small
            rows: Any = self._near_net.detect(patch)[1]
            if rows is None:
                continue
            near = _xyxy(rows[:, :4]) / scale + np.array([left, top, left, top], np.float32)
            ious = iou_matrix(near, box[None])[:, 0]
            best = int(ious.argmax())
            if ious[best] >= _YUNET_NEAR_IOU:
                found[i], scores[i] = near[best], np.clip(rows[best, 14], 0, 1)
        return found, scores


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


def _best(boxes: Boxes, votes: Scores) -> tuple[Boxes, Scores]:
    """Return each face once, best first, with a score for its votes."""
    kept = _without_overlaps(boxes, votes)
    return boxes[kept], (votes[kept] / (votes[kept] + _MIN_VOTES)).astype(np.float32)


def _moved(
    box: NDArray[np.float32], windows: Boxes, scale: float, patch_px: int, degrees: float = 0.0
) -> NDArray[np.float32]:
    """Return the mean of windows (N, 4) in the patch that was cut for a box, turned maybe."""
    mean = (windows.mean(axis=0, dtype=np.float64) - patch_px / 2)[None]
    mean = _turned(mean, cv2.getRotationMatrix2D((0, 0), -degrees, 1.0))[0]
    side = (box[2] - box[0] + box[3] - box[1]) / 2
    middle = np.tile((box[:2] + box[2:]) / 2, 2)
    return np.asarray(middle + mean * (scale * side / patch_px), np.float32)


def _turned(boxes: NDArray[Any], turn: NDArray[Any]) -> Boxes:
    """Return upright boxes of the same size at the places to which a turn (2, 3) takes theirs."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.hstack([centre - half, centre + half]).astype(np.float32)


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
    for i in np.argsort(-votes, kind="stable"):
        if not covered(boxes[i, None], boxes[kept]).any():
            kept.append(int(i))
    return kept
