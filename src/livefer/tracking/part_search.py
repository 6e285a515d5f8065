"""Where the faces of a live stream are, for a detector that is too slow to search often.

A face that was found is followed by its likeness from frame to frame, and a few times a second the
detector looks again, only there; for a moment also where it did not see one any more. The rest of
the picture is searched a part at a time, and only where it has changed, so that a new face is found
soon and no frame waits for a whole search. Time is always passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import Boxes, Region, Scores, covered, crop_boxes, iou_matrix, side_of
from livefer.tracking.changes import BLOCK_PX, blocks_of, changed
from livefer.tracking.motion import find_again, likeness_of
from livefer.tracking.whole_search import HOLD_S, PartialDetector

_VERIFY_S = 0.095  # so often the detector looks at a face again: every third frame at 30 fps
_EXACT_S = 0.95  # so often the detector looks exactly
# Chosen for boxes like those of a whole search: bench/following.py,
# docs/experiments/tracking.md#2026-11-22-what-following-finds-against-searching-every-frame-whole
_AGREE_IOU, _MAX_OFF, _GROWTH = 0.9, 0.2, 0.03
# A frame has at most one part of the search, or an exact look instead; where frames are rare two
# parts, and looks beside them, unless they are rare because nobody keeps up with them: the longer a
# frame took, the rarer they would get.
_RARE_S = 0.15
_WHOLE_S = 5.0  # so often a part of the search goes over the whole picture, changed or not
_BUSY_S = 1.0  # so often where something moved already when it was searched last
_HEAD = 0.5  # of a box's side, around it: what moves there is that person's hair and neck
_MARGIN = 0.1  # of the picture's long side, around what has changed


@dataclass(frozen=True, eq=False)
class Now:
    """A frame: who looks, at what, and when.

    image: (H, W, 3) uint8 BGR
    gray: (H, W) uint8, the same picture
    is_behind: whether frames were left out before it, for lack of time
    """

    detector: PartialDetector
    image: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    time_s: float
    is_behind: bool = False

    @cached_property
    def blocks(self) -> NDArray[np.float32]:
        """The means of its blocks."""
        return blocks_of(self.gray)


@dataclass(slots=True, eq=False)
class _Part:
    """A part of the search: when it is due, and what the picture was when it was searched last.

    blocks: (h, w) float32, their means
    busy: (h, w) bool, where something moved, and beside it
    searched_s, whole_s: when something was searched, and when everything
    """

    due_s: float
    blocks: NDArray[np.float32]
    busy: NDArray[np.bool_]
    searched_s: float
    whole_s: float


@dataclass(slots=True, eq=False)
class _Followed:
    """A face: its box (4,) float32, score, when the detector last saw it, and how it looked.

    off: (4,) float32, in sides of the box: what the detector's quick look misses the face by
    exact_s, exact_due_s: when the detector looked exactly, and when it has to again
    missed_s: when the detector looked last and did not see it
    """

    box: NDArray[np.float32]
    score: float
    seen_s: float
    likeness: NDArray[np.uint8]
    off: NDArray[np.float32]
    exact_due_s: float
    exact_s: float = -math.inf
    missed_s: float = -math.inf


class Partwise:
    """The faces of a stream, and what of the picture was searched when."""

    def __init__(self, now: Now) -> None:
        """Search the first frame whole."""
        self._followed: list[_Followed] = []
        self._lost: list[_Followed] = []
        self._found_s = now.time_s
        self._is_postponed = False  # the search, for the sake of exact looks
        self._add(now, *now.detector.detect(now.image))
        for i, face in enumerate(self._followed):  # not all of them looked at in the same frame
            face.seen_s -= _VERIFY_S * i / len(self._followed)
            face.exact_due_s -= _EXACT_S * i / len(self._followed)
        periods_s = now.detector.search_periods_s
        self._parts = [
            _Part(
                now.time_s + period_s * (i + 1) / len(periods_s),
                now.blocks,
                np.zeros(now.blocks.shape, bool),
                now.time_s,
                now.time_s,
            )
            for i, period_s in enumerate(periods_s)
        ]

    def go_on(self, now: Now) -> None:
        """Find the faces of the next frame, which is as large as the first one."""
        kept, doubtful = self._follow_all(now)
        for face in doubtful + self._lost_due(now):
            if _look(face, now):
                face.likeness = likeness_of(now.gray, face.box)
                kept.append(face)
            else:
                if face.missed_s < face.seen_s:
                    self._parts[0].due_s = -math.inf  # before any other
                    self._parts[0].busy[:] = False
                face.missed_s = now.time_s
                self._lost.append(face)
        self._followed = []
        for face in sorted(kept, key=lambda face: -face.score):
            if not covered(face.box[None], self._boxes()).any():
                self._followed.append(face)
        self._search(now)
        self._found_s = now.time_s

    def found(self) -> tuple[Boxes, Scores]:
        """Return the faces of the newest frame: boxes (N, 4) float32, scores (N,) float32."""
        return self._boxes(), np.array([face.score for face in self._followed], np.float32)

    def _follow_all(self, now: Now) -> tuple[list[_Followed], list[_Followed]]:
        """Follow each face; return those that are there, and those the detector has to look at."""
        kept: list[_Followed] = []
        doubtful: list[_Followed] = []
        due: list[_Followed] = []
        for face in self._followed:
            moved = find_again(now.gray, face.box, face.likeness)
            if moved is None:
                doubtful.append(face)
            else:
                face.box = moved
                (due if now.time_s - face.seen_s >= _VERIFY_S else kept).append(face)
        # As many as become due in this time on the average: no frame waits for all at once.
        due.sort(key=lambda face: face.seen_s)
        n_looks = max(1, int(len(self._followed) * (now.time_s - self._found_s) / _VERIFY_S))
        return kept + due[n_looks:], doubtful + due[:n_looks]

    def _lost_due(self, now: Now) -> list[_Followed]:
        """Return the lost faces that are looked for in this frame; forget those gone or found."""
        due: list[_Followed] = []
        lost, self._lost = self._lost, []
        for face in lost:
            is_found = covered(face.box[None], self._boxes()).any()
            if not is_found and now.time_s - face.seen_s <= HOLD_S:
                is_due = now.time_s - face.missed_s >= _VERIFY_S
                (due if is_due else self._lost).append(face)
        return due

    def _search(self, now: Now) -> None:
        """Search the parts that wait longest, as measured by their periods.

        Where a small region was searched, its part is due again the sooner.
        """
        periods_s = now.detector.search_periods_s
        waiting = [
            (now.time_s - part.due_s) / s for part, s in zip(self._parts, periods_s, strict=True)
        ]
        is_rare = now.time_s - self._found_s >= _RARE_S
        n_left = 2 if is_rare and not now.is_behind else 1
        looked = any(face.exact_s == now.time_s for face in self._followed + self._lost)
        self._is_postponed = looked and n_left == 1 and not self._is_postponed
        if self._is_postponed:
            return
        for i in sorted(range(len(waiting)), key=lambda i: -waiting[i]):
            if waiting[i] < 0 or n_left <= 0:
                break
            part = self._parts[i]
            region = self._region(part, now)
            share = 0.0 if region is None else _area(region) / now.gray.size
            part.due_s = now.time_s + max(share * periods_s[i], min(periods_s))
            if region is not None:
                n_left -= 1
                boxes, scores = now.detector.search(now.image, i, region, self._boxes())
                self._add(now, boxes, scores)

    def _region(self, part: _Part, now: Now) -> Region | None:
        """Return where a part has to be searched: around what is new to it, if anything is.

        Changes of the heads that are followed, and of the light as a whole, are not new.
        """
        height, width = now.gray.shape
        blocks = now.blocks
        if now.time_s - part.whole_s >= _WHOLE_S:
            part.whole_s = part.searched_s = now.time_s
            part.blocks, part.busy[:] = blocks, False
            return 0, 0, width, height
        is_new = changed(part.blocks, blocks)
        heads = crop_boxes(self._boxes(), 1 + 2 * _HEAD)
        for left, top, right, bottom in (heads / BLOCK_PX).round().astype(int):
            is_new[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = False
        is_busy = now.time_s - part.searched_s < _BUSY_S
        if not (is_new & ~part.busy if is_busy else is_new).any():
            return None
        rows, columns = np.flatnonzero(is_new.any(axis=1)), np.flatnonzero(is_new.any(axis=0))
        part.blocks, part.searched_s = blocks, now.time_s
        part.busy = cv2.dilate(is_new.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        margin = int(_MARGIN * max(height, width))
        return (
            max(0, int(columns[0]) * BLOCK_PX - margin),
            max(0, int(rows[0]) * BLOCK_PX - margin),
            min(width, (int(columns[-1]) + 1) * BLOCK_PX + margin),
            min(height, (int(rows[-1]) + 1) * BLOCK_PX + margin),
        )

    def _add(self, now: Now, boxes: Boxes, scores: Scores) -> None:
        """Follow the faces that nobody follows yet."""
        for box, score in zip(boxes, scores, strict=True):
            if not covered(box[None], self._boxes()).any():
                off, likeness = _off(now, box[None])[0], likeness_of(now.gray, box)
                due_s = now.time_s + _EXACT_S
                face = _Followed(box, float(score), now.time_s, likeness, off, due_s)
                self._followed.append(face)

    def _boxes(self) -> Boxes:
        return np.array([face.box for face in self._followed], np.float32).reshape(-1, 4)


def _area(region: Region) -> int:
    left, top, right, bottom = region
    return (right - left) * (bottom - top)


def _look(face: _Followed, now: Now) -> bool:
    """Let the detector look where a face is; say whether it is there.

    A quick look is off by a little, for each face in its own way: an exact one says by how much.
    It sees too little of a change of size, too: a face that grows or shrinks is looked at exactly.
    """
    boxes, scores = now.detector.detect_near(now.image, face.box[None], quick=True)
    box, score = boxes[0] + face.off * side_of(boxes[0]), float(scores[0])
    if score == 0 or _growth(face.box, box) > _GROWTH or now.time_s >= face.exact_due_s:
        boxes, scores = now.detector.detect_near(now.image, face.box[None])
        face.exact_s, face.exact_due_s = now.time_s, now.time_s + _EXACT_S
        if scores[0] > 0:
            box, score = boxes[0], float(scores[0])
            face.off = _off(now, boxes)[0]
            if _growth(face.box, box) > _GROWTH:
                face.exact_due_s = now.time_s + _VERIFY_S
    if score > 0:
        # Between two looks that nearly agree lies less than the error of each.
        agree = iou_matrix(box[None], face.box[None])[0, 0] >= _AGREE_IOU
        face.box = (face.box + box) / 2 if agree else box
        face.score, face.seen_s = score, now.time_s
    return score > 0


def _off(now: Now, boxes: Boxes) -> Boxes:
    """Return what a quick look misses faces by, in sides of theirs: (N, 4)."""
    near, scores = now.detector.detect_near(now.image, boxes, quick=True)
    off = (boxes - near) / np.array([side_of(box) for box in near]).reshape(-1, 1)
    is_right = (scores > 0) & (np.abs(off) <= _MAX_OFF).all(axis=1)  # else it sees another face
    return np.where(is_right[:, None], off, 0).astype(np.float32)


def _growth(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    return abs(math.log(side_of(after) / side_of(before)))
