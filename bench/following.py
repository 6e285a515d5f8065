"""Does following faces give what searching every frame whole gives? On frames with a known truth.

    python bench/following.py --yunet face_detection_yunet_2023mar.onnx \\
        --json bench/results/following.json > bench/results/following.md

Sequences of labelled faces of FER2013's val, pasted into pictures and moving (bench/lib/scenes.py),
searched whole (every_frame=True) and live (recognizer.new_stream(live=True)). A frame is equal
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

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
from lib.agreement import GROUPS, Comparison
from lib.backgrounds import Image
from lib.common import publish, run
from lib.scenes import FPS, Scene, make_scenes
from lib.truth import truth_of
from lib.watching import (
    Recognizers,
    of_kinds,
    run_through,
    scenes_line,
    set_stage,
    stage_arguments,
    watch,
)

from livefer.results import FrameResult

_AGAIN_SEED = 5000
_PICTURES_EACH = 6
_COLOURS = ((80, 220, 80), (60, 60, 255))  # of the first way and of the second


def measure(
    recognizers: Recognizers,
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
        scenes_line(figures),
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
    parser = stage_arguments(__doc__)
    parser.add_argument("--again", type=int, default=0, help="scenes searched with other noise")
    parser.add_argument("--pictures", type=Path, help="draw frames that differ into this folder")
    args = parser.parse_args()
    stage = set_stage(args)
    made = make_scenes(stage.heads, stage.backgrounds, args.seconds, args.seed)
    chosen = of_kinds(made, args.kinds)
    steps = measure(stage.recognizers, chosen, args.fps, args.again, args.pictures)
    figures = {
        "seed": args.seed,
        "n_scenes": len(chosen),
        "heads": stage.heads_line(),
        **run_through(steps, stage.recognizers),
    }
    publish("Following", as_markdown(figures), figures, args.json)


if __name__ == "__main__":
    run(main)
