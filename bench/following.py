"""Does following faces give what searching every frame whole gives? On frames with a known truth.

    python bench/following.py --yunet face_detection_yunet_2023mar.onnx \\
        --json bench/results/following.json > bench/results/following.md

Sequences of labelled faces of FER2013's val, pasted into pictures and moving (bench/scenes.py),
searched whole (recognizer.tracker()) and live (recognizer.tracker(live=True)). A frame is equal
where both find as many faces, each of one overlaps one of the other by an IoU of at least 0.5, and
their smoothed labels are the same; two frames agree where they have the same faces and no two
labels differ of which both are certain. Rows:

    all       every frame
    steady    nobody entered within the last half second, nor is about to: an entrance begins when a
              tenth of a head can be seen and ends half a second after nine tenths can; who was
              hidden enters again
    clear     steady, and everybody there is wholly visible

`again` compares the whole search with itself on the same scenes with other sensor noise: what is
equal by then is what can be asked of anything. Accuracy is that of smoothed labels against the
faces' own, for wholly visible faces that were found. JSON holds the same, and how the
others' boxes lie to the whole search's (`moved`: mean and deviation).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scenes
from common import heading, write_json
from numpy.typing import NDArray
from scenes import ABSENT, FPS, WHOLE, Image, Scene
from tracking import (
    EVERY,
    MIN_IOU,
    Truth,
    identities,
    keep_found,
    make_recognizers,
    match,
    truth_of,
    watch,
)

from livefer.classifier import EmotionClassifier
from livefer.dataset import read_dataset
from livefer.errors import LiveferError
from livefer.faces import iou_matrix
from livefer.recognizer import Recognizer
from livefer.results import Face, FrameResult
from livefer.tracker import pair

STEADY_S = 0.5
GROUPS = ("all", "steady", "clear")
GOOD_IOU = 0.85
_AGAIN_SEED = 5000
_PICTURES_EACH = 6
_COLOURS = ((80, 220, 80), (60, 60, 255))  # of the first way and of the second


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


def measure(
    recognizers: dict[str, tuple[Recognizer, Recognizer]],
    all_scenes: Sequence[Scene],
    rates: Sequence[int],
    n_again: int = 0,
    pictures: Path | None = None,
) -> Iterator[str | dict[str, Any]]:
    """Yield the name of each scene before it is run, and at last the figures.

    n_again: search so many of the scenes whole with other noise, too
    pictures: draw frames that differ there
    """
    made = {(name, fps): Comparison() for name in recognizers for fps in rates}
    again = {name: Comparison() for name in recognizers}
    for number, scene in enumerate(all_scenes):
        yield scene.name
        images = list(scene.images())
        noisy = replace(scene, seed=scene.seed + _AGAIN_SEED)
        others = list(noisy.images()) if number < n_again else []
        for (name, fps), comparison in made.items():
            whole, live = recognizers[name]
            truth = truth_of(scene, fps)
            first = watch(whole, images, fps, live=False)
            second = watch(live, images, fps, live=True)
            differs = comparison.add(scene.name, truth, first, second)
            if pictures is not None and fps == FPS:
                folder = pictures / name
                draw_differences(folder, scene.name, images, first, second, differs)
            if others and fps == FPS:
                again[name].add(scene.name, truth, first, watch(whole, others, fps, live=False))
    rows = [
        {"detector": name, "fps": fps, "compared": "live", **comparison.figures()}
        for (name, fps), comparison in made.items()
    ]
    rows += [
        {"detector": name, "fps": FPS, "compared": "again", **comparison.figures()}
        for name, comparison in again.items()
        if comparison.n_frames
    ]
    yield {"n_frames": sum(map(len, all_scenes)), "rows": rows}


def draw_differences(
    folder: Path,
    name: str,
    images: Sequence[Image],
    first: Sequence[FrameResult],
    second: Sequence[FrameResult],
    differs: Sequence[list[str]],
) -> None:
    """Write some frames of each kind of difference: the first way green, the second red."""
    drawn: Counter[str] = Counter()
    last = -FPS
    for i, kinds in enumerate(differs):
        if not kinds or (drawn[kinds[0]] and i - last < 5) or drawn[kinds[0]] >= _PICTURES_EACH:
            continue
        drawn[kinds[0]] += 1
        last, image = i, images[i].copy()
        for k, (result, colour) in enumerate(zip((first[i], second[i]), _COLOURS, strict=True)):
            for face in result.faces:
                left, top, right, bottom = (round(v) for v in face.box)
                cv2.rectangle(image, (left, top), (right, bottom), colour, 2)
                text, spot = f"{face.track_id} {face.label}", (left, top - 5 - 14 * k)
                cv2.putText(image, text, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1)
        folder.mkdir(parents=True, exist_ok=True)
        kind = kinds[0].replace(" ", "-").replace(":", "")
        cv2.imwrite(str(folder / f"{name.replace(' ', '-')}-{i:03}-{kind}.jpg"), image)


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the figures as two tables."""
    lines = [
        f"{figures['n_frames']:,} frames at 30 fps in {figures['n_scenes']} scenes, seed "
        f"{figures['seed']}; {figures['heads']}.",
        "",
        "| detector, fps, compared with whole | frames | equal | agree | same faces | IoU ≥ 0.85 "
        "| IoU: 0.1 %, 1 %, 5 %, median |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in figures["rows"]:
        for group in GROUPS:
            of = row["groups"][group]
            quantiles = ", ".join(f"{v:.2f}" for v in of["iou_quantiles"].values())
            lines.append(
                f"| {row['detector']}, {row['fps']}, {row['compared']}: {group} "
                f"| {of['n_frames']} | {_percent(of['equal'])} | {_percent(of['agree'])} "
                f"| {_percent(of['same_faces'])} "
                f"| {_percent(of['iou_good'])} | {quantiles} |"
            )
    lines += [
        "",
        "| detector, fps, compared with whole | same label, smoothed / single | accuracy: whole, "
        "other | missed of visible faces: whole, other | false: whole, other |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['detector']}, {row['fps']}, {row['compared']} "
        f"| {_percent(row['same_label'])} / {_percent(row['same_raw_label'])} "
        f"| {', '.join(_percent(value) for value in row['accuracy'])} "
        f"| {row['missed'][0]}, {row['missed'][1]} of {row['faces']} "
        f"| {row['false'][0]}, {row['false'][1]} |"
        for row in figures["rows"]
    ]
    lines += ["", "Why frames differ (first: whole, second: the other)", ""]
    for row in figures["rows"]:
        causes = row["groups"]["all"]["causes"]
        text = "; ".join(f"{cause} {count}" for cause, count in causes.items())
        lines.append(f"- {row['detector']}, {row['fps']}, {row['compared']}: {text or 'none do'}")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def main() -> None:
    """Print the tables, and write them as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a shipped model's name or an .onnx file")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"))
    parser.add_argument("--photos", type=Path, default=Path("data/photos.json"))
    parser.add_argument("--yunet", type=Path, help="YuNet's .onnx file; without it only Haar runs")
    parser.add_argument("--detectors", nargs="+", help="only these; both choose the faces")
    parser.add_argument("--fps", nargs="+", type=int, choices=tuple(EVERY), default=list(EVERY))
    parser.add_argument("--kinds", nargs="+", help="only these scenes, such as walking, group")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a scene")
    parser.add_argument("--heads", type=int, default=60, help="faces of FER2013's val to play")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--again", type=int, default=0, help="scenes searched with other noise")
    parser.add_argument("--cache", type=Path, help="keep there what whole searches found")
    parser.add_argument("--pictures", type=Path, help="draw frames that differ into this folder")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    args = parser.parse_args()

    dataset, detectors = read_dataset(args.data), scenes.load_detectors(args.yunet)
    recognizers = make_recognizers(EmotionClassifier(args.model), detectors, args.cache)
    judges = [whole.detector for whole, _ in recognizers.values()]
    heads, n_tried = scenes.val_heads(
        dataset.split("val"), dataset.classes, args.heads, judges, args.seed
    )
    keep_found(recognizers)
    recognizers = {k: v for k, v in recognizers.items() if k in (args.detectors or detectors)}
    backgrounds = scenes.photo_backgrounds(args.photos)
    all_scenes = scenes.make_scenes(heads, backgrounds, args.seconds, args.seed)
    if args.kinds:
        all_scenes = [scene for scene in all_scenes if scene.name.split()[0] in args.kinds]
    figures: dict[str, Any] = {}
    for step in measure(recognizers, all_scenes, args.fps, args.again, args.pictures):
        if isinstance(step, dict):
            figures = step
        else:
            print(step, file=sys.stderr)
        keep_found(recognizers)
    figures = {
        "seed": args.seed,
        "n_scenes": len(all_scenes),
        "heads": f"{len(heads)} val faces, found when still, of {n_tried} tried",
        **figures,
    }
    print(heading("Following"))
    print(as_markdown(figures))
    if args.json:
        write_json(args.json, figures)


if __name__ == "__main__":
    try:
        main()
    except LiveferError as error:
        sys.exit(f"error: {error}")
