"""The face detector that needs no download: the Haar cascades that come with OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections, nothing
from livefer.errors import REINSTALL, ModelError
from livefer.faces.boxes import Boxes, Region, Scores, covered, xyxy
from livefer.faces.crops import crop_faces, shrunk, to_gray
from livefer.system.pool import Pool

# On 104 photographs, 55 to 70 votes give the same number of right counts and no false face. Smaller
# steps of scale, a larger picture or a second proposing cascade gain nothing: bench/detect.py,
# docs/experiments/detection.md#2026-11-22-haar-counts-right-in-93-of-104-photographs-instead-of-68
_SIDE_PX = 960
_MIN_WINDOW_PX = 24
_MIN_VOTES = 65
_MIN_VOTES_EACH = 8
_KNOWN_VOTES = 45  # enough for a known face
_PATCH_PX = 96
_TILT = 25.0
_STEP = 1.2  # from one size of the proposer's window to the next
# In a stream a face has several chances: part 0 searches half the resolution, the others coarser
# steps of scale.
_LIVE_STEP = 1.3
# For a known face, the proposer alone, in few steps, measures the place to 1 % and the size to 3 %
# of its side, in 1.4 ms: docs/experiments/tracking.md#2026-11-22-a-live-streams-faces-are-followed
_QUICK = (1.5, 72, 5)  # scale of the patch, its pixels, and the least number of windows
_QUICK_SIZES_PX = (36, 62)
_QUICK_SHARE = 7  # windows of a vote to one of a quick look


class HaarDetector:
    """Three of the frontal-face cascades that OpenCV ships: one proposes, all three vote.

    One cascade alone either misses faces or finds them in curtains. Here all windows of one
    cascade are proposals, even single ones. Each proposal is cut out, resized and searched by three
    cascades in small steps of scale, in a millisecond or two; the windows around its middle are its
    votes. Tilted heads, and faces cut off by the picture, are searched in a coarser picture with a
    border, rotated both ways. Several threads may use one detector.
    """

    name = "haar"
    has_landmarks = False
    # FER2013 was itself cut by such a cascade: bench/crop_scale.py,
    # docs/experiments/detection.md#2026-11-22-the-framing-of-fer2013-is-that-of-a-haar-box
    crop_scale = 1.0
    crop_shift_y = 0.0
    # Large faces, small ones, heads tilted to either side.
    search_periods_s = (0.25, 0.75, 1.0, 1.0)

    def __init__(self, hint: str | None = None, min_score: float | None = None) -> None:
        """Set the detector up; the cascades are loaded when they are needed.

        hint: a line for the user about a better detector
        min_score: the least score of a new face; a known one needs no more; None: 0.5
        """
        self.hint = hint
        self._min_votes = _MIN_VOTES if min_score is None else _votes_of(min_score)
        self._known_votes = min(_KNOWN_VOTES, self._min_votes)
        # A cascade writes into itself while it searches.
        self._cascades = Pool(_load_cascades)

    def detect(self, image: NDArray[Any]) -> Detections:
        """Return the faces of an image, best first.

        image: (H, W) gray or (H, W, 3) BGR uint8
        """
        gray = to_gray(image)
        if gray.size == 0:
            return nothing()
        boxes, votes = self._find(gray, _SIDE_PX)
        small, scale = shrunk(gray, _SIDE_PX)
        for degrees in (-_TILT, _TILT) if len(boxes) else (0, -_TILT, _TILT):
            more, their_votes = self._find_rotated(small, degrees, _SIDE_PX // 3)
            boxes = np.concatenate([boxes, more / scale])
            votes = np.concatenate([votes, their_votes])
        return _best(boxes, votes)

    def search(self, image: NDArray[Any], part: int, region: Region, known: Boxes) -> Detections:
        """Do one part of what `detect` does within a region, without the faces that are known.

        part: index into `search_periods_s`
        known: (M, 4) float32, xyxy in pixels
        returns: as `detect`, at half the resolution or in coarser steps
        """
        gray = to_gray(image)
        if gray.size == 0:
            return nothing()
        if part == 0:
            side_px = min(_SIDE_PX, max(gray.shape)) // 2
            return _best(*self._find(gray, side_px, region, known))
        if part == 1:
            return _best(*self._find(gray, _SIDE_PX, region, known, _LIVE_STEP, 2 * _MIN_WINDOW_PX))
        small, scale = shrunk(gray, _SIDE_PX)
        left, top, right, bottom = (np.array(region) * scale).astype(int)
        cut = small[top : bottom + 1, left : right + 1]
        offset = np.array([left, top, left, top], np.float32)
        degrees = -_TILT if part == 2 else _TILT
        side_px = round(_SIDE_PX / 3 * max(cut.shape) / max(small.shape))
        boxes, votes = self._find_rotated(cut, degrees, side_px, known * scale - offset, _LIVE_STEP)
        return _best((boxes + offset) / scale, votes)

    def detect_near(self, image: NDArray[Any], boxes: Boxes, quick: bool = False) -> Detections:
        """Look for known faces up to a third of their size from their last boxes.

        boxes: (N, 4) float32, xyxy in pixels
        quick: ask one cascade instead of all three, in a sixth of the time
        returns: the N faces as they are now, with a score of 0 where none is
        """
        gray = to_gray(image)
        found = np.array(boxes, np.float32)
        scores = np.zeros(len(found), np.float32)
        scale, patch_px, limit = _QUICK if quick else (2.0, _PATCH_PX, self._known_votes)
        for i, box in enumerate(found):
            for degrees in (0.0, -_TILT, _TILT):
                patch = _patch(gray, box, scale, patch_px, degrees)
                windows = self._propose(patch) if quick else self._vote(patch)
                if len(windows) >= limit:
                    found[i] = _mean_box(box, windows, scale, patch_px, degrees)
                    votes = len(windows) * (_QUICK_SHARE if quick else 1)
                    scores[i] = _score_of(votes)
                    break
        return Detections(found, scores)

    def _propose(self, patch: NDArray[np.uint8]) -> Boxes:
        """Return the windows of a patch that the proposer takes for a face, in few steps."""
        low, high = _QUICK_SIZES_PX
        with self._cascades.lent() as (*_, proposer):
            windows = proposer.detectMultiScale(
                patch, scaleFactor=1.1, minNeighbors=0, minSize=(low, low), maxSize=(high, high)
            )
        return xyxy(windows)

    def _find(
        self,
        gray: NDArray[np.uint8],
        side_px: int,
        region: Region | None = None,
        known: Boxes | None = None,
        step: float = _STEP,
        max_px: int = 0,
    ) -> tuple[Boxes, Scores]:
        """Return the boxes with enough votes, and their votes; a face may have several boxes.

        Proposals come from the picture shrunk to `side_px`, votes from the full resolution.

        max_px: size of the largest window in the shrunk picture; 0 is no limit
        """
        small, scale = shrunk(gray, side_px)
        left, top, right, bottom = (
            (np.array(region) * scale).astype(int) if region else (0, 0, *small.shape[::-1])
        )
        with self._cascades.lent() as (*_, proposer):
            windows = proposer.detectMultiScale(
                small[top : bottom + 1, left : right + 1],
                scaleFactor=step,
                minNeighbors=0,
                minSize=(_MIN_WINDOW_PX, _MIN_WINDOW_PX),
                maxSize=(max_px, max_px),
            )
        # groupRectangles drops single windows: with each of them twice it keeps all.
        groups, _ = cv2.groupRectangles([*map(list, windows)] * 2, 1, 0.2)
        proposals = (xyxy(groups) + np.array([left, top, left, top], np.float32)) / scale
        if known is not None:
            proposals = proposals[~covered(proposals, known)]
        patches = crop_faces(gray, proposals, scale=2.0, size=_PATCH_PX)
        boxes, votes = [], []
        for proposal, patch in zip(proposals, patches, strict=True):
            voters = self._vote(patch)
            if len(voters) >= self._min_votes:
                boxes.append(_mean_box(proposal, voters, 2.0, _PATCH_PX))
                votes.append(len(voters))
        return np.array(boxes, np.float32).reshape(-1, 4), np.array(votes, np.float32)

    def _vote(self, patch: NDArray[np.uint8]) -> Boxes:
        """Return the windows around a patch's middle that the three cascades take for a face."""
        found: list[Boxes] = []
        with self._cascades.lent() as voters:
            for cascade in voters:
                windows = xyxy(
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
                    break  # as most proposals: the other two cascades are not needed
                found.append(windows)
        return np.concatenate(found) if found else nothing().boxes

    def _find_rotated(
        self,
        gray: NDArray[np.uint8],
        degrees: float,
        side_px: int,
        known: Boxes | None = None,
        step: float = _STEP,
    ) -> tuple[Boxes, Scores]:
        """Find faces in the rotated picture with a border; boxes are in the picture's pixels."""
        height, width = gray.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        cos, sin = np.abs(turn[0, :2])
        border = max(height, width) / 8
        size_wh = (
            int(width * cos + height * sin + border),
            int(width * sin + height * cos + border),
        )
        turn[:, 2] += [(size_wh[0] - width) / 2, (size_wh[1] - height) / 2]
        rotated = cv2.warpAffine(gray, turn, size_wh, borderMode=cv2.BORDER_REPLICATE)
        known = None if known is None else _rotated(known, turn)
        boxes, votes = self._find(np.asarray(rotated, np.uint8), side_px, None, known, step)
        return _rotated(boxes, cv2.invertAffineTransform(turn)), votes


def _load_cascades() -> tuple[cv2.CascadeClassifier, ...]:
    """Return the three cascades: all vote, and the last one proposes."""
    proposer = _load_cascade("haarcascade_frontalface_alt2.xml")
    others = ("haarcascade_frontalface_alt.xml", "haarcascade_frontalface_default.xml")
    return (*map(_load_cascade, others), proposer)


def _load_cascade(name: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).with_name("data") / name
    try:
        # From memory: cv2 cannot open every path on Windows.
        storage = cv2.FileStorage(
            path.read_text(encoding="utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
        )
        cascade = cv2.CascadeClassifier()
        is_read = cascade.read(storage.getFirstTopLevelNode())
    except (OSError, ValueError, SystemError, cv2.error):  # cv2 leaves its error behind
        is_read = False
    if not is_read:
        raise ModelError(
            f"{path} could not be loaded: reinstall opencv-python-headless. If it is there, "
            f"{REINSTALL}"
        )
    return cascade


def _best(boxes: Boxes, votes: Scores) -> Detections:
    """Return each face once, best first, with a score for its votes."""
    kept = _without_overlaps(boxes, votes)
    return Detections(boxes[kept], _score_of(votes[kept]).astype(np.float32))


def _score_of(votes: Any) -> Any:
    """Return the score of a number of votes, or of an array of them: 0.5 for enough of them."""
    return votes / (votes + _MIN_VOTES)


def _votes_of(score: float) -> float:
    """Return the least votes of a score, at least one: the inverse of `_score_of`."""
    return max(round(_MIN_VOTES * score / (1 - score), 3), 1) if score < 1 else np.inf


def _patch(
    gray: NDArray[np.uint8], box: NDArray[np.float32], scale: float, patch_px: int, degrees: float
) -> NDArray[np.uint8]:
    """Cut a square of `scale` sides of a box, rotated."""
    if not degrees:
        return np.asarray(crop_faces(gray, box[None], scale=scale, size=patch_px)[0])
    wide_px = round(patch_px * 1.45)  # twice the area: the corners rotate into the patch
    wide = crop_faces(gray, box[None], scale=scale * wide_px / patch_px, size=wide_px)[0]
    turn = cv2.getRotationMatrix2D((wide_px / 2, wide_px / 2), degrees, 1.0)
    turn[:, 2] += np.full(2, (patch_px - wide_px) / 2)
    return np.asarray(cv2.warpAffine(wide, turn, (patch_px, patch_px)), np.uint8)


def _mean_box(
    box: NDArray[np.float32], windows: Boxes, scale: float, patch_px: int, degrees: float = 0.0
) -> NDArray[np.float32]:
    """Return the mean, in the picture, of windows (N, 4) in the patch that was cut for a box."""
    mean = (windows.mean(axis=0, dtype=np.float64) - patch_px / 2)[None]
    mean = _rotated(mean, cv2.getRotationMatrix2D((0, 0), -degrees, 1.0))[0]
    side = (box[2] - box[0] + box[3] - box[1]) / 2
    middle = np.tile((box[:2] + box[2:]) / 2, 2)
    return np.asarray(middle + mean * (scale * side / patch_px), np.float32)


def _rotated(boxes: NDArray[Any], turn: NDArray[Any]) -> Boxes:
    """Return boxes, upright and of the same sizes, whose middles a rotation (2, 3) has moved."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.hstack([centre - half, centre + half]).astype(np.float32)


def _without_overlaps(boxes: Boxes, votes: Scores) -> list[int]:
    """Return the indices of the boxes that no better one covers, best first."""
    kept: list[int] = []
    for i in np.argsort(-votes, kind="stable"):
        if not covered(boxes[i, None], boxes[kept]).any():
            kept.append(int(i))
    return kept
