"""The search of live streams for a detector that is too slow to search often.

Template matching follows each face from frame to frame. A few times a second the detector checks
it, only there; a lost face, too, for a moment. The rest of the picture is searched one part at a
time, only where it has changed: new faces are found soon, and no frame waits for a whole search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections
from livefer.detection.detectors import PartialDetector
from livefer.faces.boxes import Boxes, Region, Scores, covered, crop_boxes, iou_matrix, side_of
from livefer.faces.crops import to_gray
from livefer.results import Frame
from livefer.tracking.motion import (
    BLOCK_PX,
    block_means,
    changed_blocks,
    match_template,
    template_of,
)
from livefer.tracking.whole_search import HOLD_S

_CHECK_S = 0.095  # between two checks of a face: every third frame at 30 fps
_EXACT_S = 0.95  # between two exact checks of a face
# Chosen for boxes like those of a whole search: bench/following.py,
# docs/experiments/tracking.md#2026-11-22-what-following-finds-against-searching-every-frame-whole
_AGREE_IOU, _MAX_OFFSET, _GROWTH = 0.9, 0.2, 0.03
# Budget of a frame: one part of the search, or one exact check. Two parts, and checks beside them,
# if the source itself is slow; not if frames are left out for lack of time: the longer a frame
# took, the fewer there would be.
_RARE_S = 0.15
_WHOLE_S = 5.0  # after this time a part goes over the whole picture, changed or not
_BUSY_S = 1.0  # after this time it goes again over blocks that keep changing
_HEAD = 0.5  # of a box's side, around it: changes there are the person's own hair and neck
_MARGIN = 0.1  # of the picture's long side, around the changed blocks


@dataclass(frozen=True, eq=False)
class LookRequest:
    """A frame to look for faces in, and the detector to use.

    image: (H, W, 3) uint8 BGR
    gray: (H, W) uint8, the same picture
    is_behind: whether frames before it were left out for lack of time
    """

    detector: PartialDetector
    image: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    time_s: float
    is_behind: bool = False

    @cached_property
    def blocks(self) -> NDArray[np.float32]:
        """The means of its blocks."""
        return block_means(self.gray)


@dataclass(slots=True, eq=False)
class _Part:
    """A part of the search: when it is due, and what the picture was at its last search.

    blocks: (h, w) float32, their means
    busy: (h, w) bool, blocks that changed before that search, and their neighbours
    searched_s, whole_s: when it went over a region, and when over the whole picture
    """

    due_s: float
    blocks: NDArray[np.float32]
    busy: NDArray[np.bool_]
    searched_s: float
    whole_s: float


@dataclass(slots=True, eq=False)
class _CheckedFace:
    """A face that is followed and that the detector checks a few times a second.

    box: (4,) float32, xyxy in pixels, in the newest frame
    score: of the search that found it, or of the last exact check
    found_s: when the detector found it last
    offset: (4,) float32, from the box of a quick check to the exact one, in sides of the box
    exact_s, exact_due_s: when the last exact check was, and when the next one is due
    missed_s: when a check did not find it
    """

    box: NDArray[np.float32]
    score: float
    found_s: float
    template: NDArray[np.uint8]
    offset: NDArray[np.float32]
    exact_due_s: float
    exact_s: float = -math.inf
    missed_s: float = -math.inf


class PartSearch:
    """Searches the first frame whole, and every other one in part; all frames have one size."""

    def __init__(self) -> None:
        self._faces: list[_CheckedFace] = []
        self._lost: list[_CheckedFace] = []
        self._parts: list[_Part] = []
        self._time_s = -math.inf
        self._is_postponed = False  # the search, for an exact check

    def find(self, frame: Frame, detector: PartialDetector) -> Detections:
        """Return the faces of the stream's next frame, which has an image."""
        assert frame.image is not None
        gray = to_gray(frame.image)
        request = LookRequest(detector, frame.image, gray, frame.time_s, frame.n_skipped > 0)
        if self._parts:
            self._follow(request)
            self._search(request)
        else:
            self._search_whole(request)
        self._time_s = frame.time_s
        return Detections(self._boxes(), np.array([face.score for face in self._faces], np.float32))

    def _search_whole(self, request: LookRequest) -> None:
        self._add(request, *request.detector.detect(request.image)[:2])
        for i, face in enumerate(self._faces):  # the checks are spread over the frames to come
            face.found_s -= _CHECK_S * i / len(self._faces)
            face.exact_due_s -= _EXACT_S * i / len(self._faces)
        periods_s = request.detector.search_periods_s
        self._parts = [
            _Part(
                request.time_s + period_s * (i + 1) / len(periods_s),
                request.blocks,
                np.zeros(request.blocks.shape, bool),
                request.time_s,
                request.time_s,
            )
            for i, period_s in enumerate(periods_s)
        ]

    def _follow(self, request: LookRequest) -> None:
        """Find the known faces again."""
        kept, unsure = self._match_all(request)
        for face in unsure + self._lost_due(request):
            if _check(face, request):
                face.template = template_of(request.gray, face.box)
                kept.append(face)
            else:
                if face.missed_s < face.found_s:
                    self._parts[0].due_s = -math.inf  # before any other
                    self._parts[0].busy[:] = False
                face.missed_s = request.time_s
                self._lost.append(face)
        self._faces = []
        for face in sorted(kept, key=lambda face: -face.score):
            if not covered(face.box[None], self._boxes()).any():
                self._faces.append(face)

    def _match_all(self, request: LookRequest) -> tuple[list[_CheckedFace], list[_CheckedFace]]:
        """Match each face; return those that are there, and those that need a check."""
        kept: list[_CheckedFace] = []
        unsure: list[_CheckedFace] = []
        due: list[_CheckedFace] = []
        for face in self._faces:
            box = match_template(request.gray, face.box, face.template)
            if box is None:
                unsure.append(face)
            else:
                face.box = box
                (due if request.time_s - face.found_s >= _CHECK_S else kept).append(face)
        # As many as become due in this time on average: no frame waits for all of them.
        due.sort(key=lambda face: face.found_s)
        n_checks = max(1, int(len(self._faces) * (request.time_s - self._time_s) / _CHECK_S))
        return kept + due[n_checks:], unsure + due[:n_checks]

    def _lost_due(self, request: LookRequest) -> list[_CheckedFace]:
        """Return the lost faces that are due for a check; drop those that are found or gone."""
        due: list[_CheckedFace] = []
        lost, self._lost = self._lost, []
        for face in lost:
            is_found = covered(face.box[None], self._boxes()).any()
            if not is_found and request.time_s - face.found_s <= HOLD_S:
                is_due = request.time_s - face.missed_s >= _CHECK_S
                (due if is_due else self._lost).append(face)
        return due

    def _search(self, request: LookRequest) -> None:
        """Search the parts that are overdue most, as measured by their periods.

        The smaller the region that was searched, the sooner its part is due again.
        """
        periods_s = request.detector.search_periods_s
        overdue = [
            (request.time_s - part.due_s) / period_s
            for part, period_s in zip(self._parts, periods_s, strict=True)
        ]
        is_rare = request.time_s - self._time_s >= _RARE_S
        n_left = 2 if is_rare and not request.is_behind else 1
        had_exact = any(face.exact_s == request.time_s for face in self._faces + self._lost)
        self._is_postponed = had_exact and n_left == 1 and not self._is_postponed
        if self._is_postponed:
            return
        for i in sorted(range(len(overdue)), key=lambda i: -overdue[i]):
            if overdue[i] < 0 or n_left <= 0:
                break
            part = self._parts[i]
            region = self._region(part, request)
            share = 0.0 if region is None else _area(region) / request.gray.size
            part.due_s = request.time_s + max(share * periods_s[i], min(periods_s))
            if region is not None:
                n_left -= 1
                found = request.detector.search(request.image, i, region, self._boxes())
                self._add(request, *found[:2])

    def _region(self, part: _Part, request: LookRequest) -> Region | None:
        """Return the region that a part has to search: around its new changes, if there are any.

        Changes of the known heads, and of the light as a whole, are not new.
        """
        height, width = request.gray.shape
        blocks = request.blocks
        if request.time_s - part.whole_s >= _WHOLE_S:
            part.whole_s = part.searched_s = request.time_s
            part.blocks, part.busy[:] = blocks, False
            return 0, 0, width, height
        is_new = changed_blocks(part.blocks, blocks)
        heads = crop_boxes(self._boxes(), 1 + 2 * _HEAD)
        for left, top, right, bottom in (heads / BLOCK_PX).round().astype(int):
            is_new[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = False
        is_busy = request.time_s - part.searched_s < _BUSY_S
        if not (is_new & ~part.busy if is_busy else is_new).any():
            return None
        rows, columns = np.flatnonzero(is_new.any(axis=1)), np.flatnonzero(is_new.any(axis=0))
        part.blocks, part.searched_s = blocks, request.time_s
        part.busy = cv2.dilate(is_new.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        margin = int(_MARGIN * max(height, width))
        return (
            max(0, int(columns[0]) * BLOCK_PX - margin),
            max(0, int(rows[0]) * BLOCK_PX - margin),
            min(width, (int(columns[-1]) + 1) * BLOCK_PX + margin),
            min(height, (int(rows[-1]) + 1) * BLOCK_PX + margin),
        )

    def _add(self, request: LookRequest, boxes: Boxes, scores: Scores) -> None:
        """Follow the faces that are not known yet."""
        for box, score in zip(boxes, scores, strict=True):
            if not covered(box[None], self._boxes()).any():
                offset, template = _offsets(request, box[None])[0], template_of(request.gray, box)
                due_s = request.time_s + _EXACT_S
                face = _CheckedFace(box, float(score), request.time_s, template, offset, due_s)
                self._faces.append(face)

    def _boxes(self) -> Boxes:
        return np.array([face.box for face in self._faces], np.float32).reshape(-1, 4)


def _area(region: Region) -> int:
    left, top, right, bottom = region
    return (right - left) * (bottom - top)


def _check(face: _CheckedFace, request: LookRequest) -> bool:
    """Let the detector check a face at its place; return whether it is there.

    A quick check is off by a little, for each face in its own way: exact checks measure by how
    much. It also underrates changes of size: a face that grows or shrinks is checked exactly. Its
    scores are not those of a search, so they are not kept.
    """
    boxes, scores, *_ = request.detector.detect_near(request.image, face.box[None], quick=True)
    box, is_there = boxes[0] + face.offset * side_of(boxes[0]), bool(scores[0] > 0)
    if not is_there or _growth(face.box, box) > _GROWTH or request.time_s >= face.exact_due_s:
        boxes, scores, *_ = request.detector.detect_near(request.image, face.box[None])
        face.exact_s, face.exact_due_s = request.time_s, request.time_s + _EXACT_S
        if scores[0] > 0:
            box, is_there, face.score = boxes[0], True, float(scores[0])
            face.offset = _offsets(request, boxes)[0]
            if _growth(face.box, box) > _GROWTH:
                face.exact_due_s = request.time_s + _CHECK_S
    if is_there:
        # Two boxes that nearly agree: their mean is nearer to the face than either.
        agree = iou_matrix(box[None], face.box[None])[0, 0] >= _AGREE_IOU
        face.box = (face.box + box) / 2 if agree else box
        face.found_s = request.time_s
    return is_there


def _offsets(request: LookRequest, boxes: Boxes) -> Boxes:
    """Return the offsets from quick checks to exact boxes, in sides of theirs: (N, 4)."""
    near, scores, *_ = request.detector.detect_near(request.image, boxes, quick=True)
    offsets = (boxes - near) / np.array([side_of(box) for box in near]).reshape(-1, 1)
    # A larger offset is that of another face.
    is_right = (scores > 0) & (np.abs(offsets) <= _MAX_OFFSET).all(axis=1)
    return np.where(is_right[:, None], offsets, 0).astype(np.float32)


def _growth(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    return abs(math.log(side_of(after) / side_of(before)))
