"""Where two ways of searching the same frames differ, counted up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lib.scenes import ABSENT, WHOLE
from lib.truth import MIN_IOU, Truth, identities, match
from numpy.typing import NDArray

from livefer.faces.boxes import iou_matrix
from livefer.results import Face, FrameResult
from livefer.tracking.tracker import pair

STEADY_S = 0.5
GROUPS = ("all", "steady", "clear")
GOOD_IOU = 0.85


def steady_frames(truth: Truth) -> NDArray[np.bool_]:
    """Return (n,): whether nobody is entering, or entered less than STEADY_S ago."""
    steady = np.ones(len(truth.times_s), bool)
    for shares in truth.visible.T:
        entering, whole_s = shares[0] < WHOLE, -np.inf
        for i, (share, time_s) in enumerate(zip(shares, truth.times_s, strict=True)):
            if share < ABSENT:
                entering = True
            elif entering and share >= WHOLE:
                entering, whole_s = False, time_s
            if share >= ABSENT and (entering or time_s < whole_s + STEADY_S - 1e-9):
                steady[i] = False
    return steady


def compare(truth: Truth, i: int, first: FrameResult, second: FrameResult) -> dict[str, Any]:
    """Return the pairs of faces of two results for frame i, their overlaps, and what differs."""
    pairs: list[tuple[int, int]] = []
    overlaps = np.zeros((len(first.faces), len(second.faces)), np.float32)
    if overlaps.size:
        overlaps = iou_matrix([f.box for f in first.faces], [f.box for f in second.faces])
        pairs = pair(np.where(overlaps >= MIN_IOU, 1.0 - overlaps, np.inf))
    differs = [
        f"only {way}: {_who(truth, i, face)}"
        for way, result, used in (
            ("first", first, {a for a, _ in pairs}),
            ("second", second, {b for _, b in pairs}),
        )
        for j, face in enumerate(result.faces)
        if j not in used
    ]
    if not differs and any(first.faces[a].label != second.faces[b].label for a, b in pairs):
        differs.append("label")
    ious = [float(overlaps[a, b]) for a, b in pairs]
    contradicts = any(
        first.faces[a].label != second.faces[b].label
        and not (first.faces[a].uncertain or second.faces[b].uncertain)
        for a, b in pairs
    )
    agrees = differs in ([], ["label"]) and not contradicts
    return {"pairs": pairs, "ious": ious, "differs": differs, "agrees": agrees}


def _who(truth: Truth, i: int, face: Face) -> str:
    """Say what is where a face was found that only one way has."""
    if truth.boxes.shape[1]:
        overlaps = iou_matrix([face.box], truth.boxes[i])[0]
        person = int(overlaps.argmax())
        if overlaps[person] >= MIN_IOU and truth.visible[i, person] >= ABSENT:
            return "visible" if truth.visible[i, person] >= WHOLE else "partly visible"
    return "nobody"


@dataclass(slots=True, eq=False)
class Comparison:
    """Two ways of searching on the same frames, counted up."""

    n_frames: Counter[str] = field(default_factory=Counter)
    equal: Counter[str] = field(default_factory=Counter)
    agree: Counter[str] = field(default_factory=Counter)
    same_faces: Counter[str] = field(default_factory=Counter)
    causes: dict[str, Counter[str]] = field(default_factory=lambda: {g: Counter() for g in GROUPS})
    by_scene: dict[str, list[int]] = field(default_factory=dict)
    ious: dict[str, list[float]] = field(default_factory=lambda: {g: [] for g in GROUPS})
    moved: list[NDArray[np.float64]] = field(default_factory=list)
    same_label: list[bool] = field(default_factory=list)
    same_raw: list[bool] = field(default_factory=list)
    right: tuple[list[bool], list[bool]] = field(default_factory=lambda: ([], []))
    counts: tuple[Counter[str], Counter[str]] = field(
        default_factory=lambda: (Counter(), Counter())
    )

    def add(
        self,
        name: str,
        truth: Truth,
        first: Sequence[FrameResult],
        second: Sequence[FrameResult],
    ) -> list[list[str]]:
        """Count a sequence; return what differs in each of its frames."""
        steady, frames = steady_frames(truth), []
        partly = np.any((truth.visible >= ABSENT) & (truth.visible < WHOLE), axis=1)
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            found = compare(truth, i, a, b)
            differs = found["differs"]
            frames.append(differs)
            groups = [True, steady[i], steady[i] and not partly[i]]
            for group in (g for g, is_in in zip(GROUPS, groups, strict=True) if is_in):
                self.n_frames[group] += 1
                self.equal[group] += not differs
                self.agree[group] += found["agrees"]
                self.same_faces[group] += differs in ([], ["label"])
                self.causes[group].update(set(differs))
                self.ious[group] += found["ious"]
            for j, k in found["pairs"]:
                self.moved.append(moved(a.faces[j].box, b.faces[k].box))
                self.same_label.append(a.faces[j].label == b.faces[k].label)
                raws = (a.faces[j].raw_probabilities, b.faces[k].raw_probabilities)
                self.same_raw.append(raws[0].argmax() == raws[1].argmax())
        for results, right, counts in zip((first, second), self.right, self.counts, strict=True):
            right += _right(truth, results)
            counts.update({k: int(v) for k, v in identities(truth, results).items()})
        n_equal = self.by_scene.setdefault(name, [0, 0])
        n_equal[0] += sum(not differs for differs in frames)
        n_equal[1] += len(frames)
        return frames

    def figures(self) -> dict[str, Any]:
        """Return shares, 0-1, and counts."""
        return {
            "groups": {
                group: {
                    "n_frames": self.n_frames[group],
                    "equal": _share(self.equal[group], self.n_frames[group]),
                    "agree": _share(self.agree[group], self.n_frames[group]),
                    "same_faces": _share(self.same_faces[group], self.n_frames[group]),
                    "iou_good": _share(
                        sum(v >= GOOD_IOU for v in self.ious[group]), len(self.ious[group])
                    ),
                    "iou_quantiles": _quantiles(self.ious[group]),
                    "causes": dict(self.causes[group].most_common()),
                }
                for group in GROUPS
            },
            "n_pairs": len(self.same_label),
            "moved": _spread(self.moved),
            "same_label": _share(sum(self.same_label), len(self.same_label)),
            "same_raw_label": _share(sum(self.same_raw), len(self.same_raw)),
            "accuracy": [_share(sum(right), len(right)) for right in self.right],
            "faces": self.counts[0]["faces"],
            "missed": [counts["missed"] for counts in self.counts],
            "false": [counts["false"] for counts in self.counts],
            "scenes": self.by_scene,
        }


def _right(truth: Truth, results: Sequence[FrameResult]) -> list[bool]:
    """Return for each wholly visible face that was found whether its smoothed label is right."""
    return [
        result.faces[j].label == truth.labels[i][person]
        for i, result in enumerate(results)
        for person, j in match(truth, result, i).items()
        if truth.visible[i, person] >= WHOLE
    ]


def moved(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    """Return where the second box lies from the first: x, y in sides, log of width and height."""
    a, b = np.array([first, second], np.float64)
    wh_a, wh_b = a[2:] - a[:2], b[2:] - b[:2]
    centre = (b[:2] + b[2:] - a[:2] - a[2:]) / 2
    return np.concatenate([centre / wh_a.mean(), np.log(wh_b / wh_a)])


def _spread(rows: Sequence[NDArray[np.float64]]) -> dict[str, list[float]]:
    if not rows:
        return {}
    names = ("x", "y", "log_width", "log_height")
    columns = np.array(rows).T
    return {n: [float(c.mean()), float(c.std())] for n, c in zip(names, columns, strict=True)}


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"{q:g}": float(np.quantile(values, q)) for q in (0.001, 0.01, 0.05, 0.5)}
