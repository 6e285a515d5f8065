"""What a scene's frames hold, and how that is counted in results: found, missed, mistaken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from lib.scenes import ABSENT, FPS, WHOLE, Scene
from numpy.typing import NDArray

from livefer.faces.boxes import iou_matrix
from livefer.results import FrameResult
from livefer.tracking.tracker import KEEP_S, pair

EVERY = {30: 1, 15: 2, 5: 6}
"""Which frames of a scene are left at a rate: every n-th."""

MIN_IOU = 0.5
"""Of a box and the true one, for a face to be found."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a scene's frames hold, at some frame rate.

    boxes: (n, people, 4) float32, xyxy in pixels
    visible: (n, people), 0-1
    labels: n lists of what each person shows, None where nobody said
    times_s: (n,)
    first_whole_s: (people,) when each was wholly visible for the first time, after the first frame;
        nan for the others
    """

    boxes: NDArray[np.float32]
    visible: NDArray[np.float64]
    labels: list[list[str | None]]
    times_s: NDArray[np.float64]
    first_whole_s: NDArray[np.float64]


def truth_of(scene: Scene, fps: int = FPS) -> Truth:
    """Return what is in the frames of a scene that are left at `fps`."""
    every, visible = EVERY[fps], scene.visible()
    whole = visible >= WHOLE
    enters = whole.any(axis=0) & (visible[0] < ABSENT)
    labels = [list(row) for row in zip(*(a.labels() for a in scene.actors), strict=True)]
    return Truth(
        scene.boxes()[::every],
        visible[::every],
        labels[::every],
        np.arange(len(scene))[::every] / FPS,
        np.where(enters, whole.argmax(axis=0) / FPS, np.nan),
    )


def match(truth: Truth, result: FrameResult, i: int) -> dict[int, int]:
    """Return for each person that is found in frame i the number of its face in the result."""
    there = np.flatnonzero(truth.visible[i] >= ABSENT)
    if not len(there) or not result.faces:
        return {}
    overlaps = iou_matrix(truth.boxes[i, there], [face.box for face in result.faces])
    costs = np.where(overlaps >= MIN_IOU, 1.0 - overlaps, np.inf)
    return {int(there[a]): b for a, b in pair(costs)}


def identities(truth: Truth, results: Sequence[FrameResult]) -> dict[str, float]:
    """Return the counts of found, missed and false faces, of switches, swaps and breaks."""
    counts = dict.fromkeys(("faces", "missed", "false", "switches", "swaps", "breaks"), 0)
    last_id: dict[int, int] = {}
    last_seen_s: dict[int, float] = {}
    owner: dict[int, int] = {}
    was_found: dict[int, bool] = {}  # while wholly visible without a pause: found at some time
    lost: set[int] = set()
    for i, result in enumerate(results):
        matches = match(truth, result, i)
        whole = set(np.flatnonzero(truth.visible[i] >= WHOLE).tolist())
        counts["faces"] += len(whole)
        counts["missed"] += len(whole - set(matches))
        counts["false"] += len(result.faces) - len(matches)
        for person in range(truth.visible.shape[1]):
            if person not in whole:
                was_found.pop(person, None)
                lost.discard(person)
            elif person in matches:
                counts["breaks"] += person in lost
                lost.discard(person)
                was_found[person] = True
            elif was_found.get(person):
                lost.add(person)
        for person, j in matches.items():
            track_id, time_s = result.faces[j].track_id, result.time_s
            assert track_id is not None
            soon = time_s - last_seen_s.get(person, -np.inf) <= KEEP_S
            if soon and last_id[person] != track_id:
                counts["switches"] += 1
                counts["swaps"] += owner.get(track_id, person) != person
            owner.setdefault(track_id, person)
            last_id[person], last_seen_s[person] = track_id, time_s
    return {**counts, "face_s": counts["faces"] * float(np.diff(truth.times_s[:2]).sum())}


def first_labels(truth: Truth, results: Sequence[FrameResult]) -> list[float]:
    """Return for each person that enters the seconds until its first label; inf for never."""
    found_s: dict[int, float] = {}
    for i, result in enumerate(results):
        for person in match(truth, result, i):
            found_s.setdefault(person, result.time_s)
    return [
        max(0.0, found_s.get(person, np.inf) - float(whole_s))
        for person, whole_s in enumerate(truth.first_whole_s)
        if not np.isnan(whole_s)
    ]
