"""Who is who, found or missed, and how steady the labels are: on scenes where the truth is known.

    python bench/tracking.py --yunet face_detection_yunet_2023mar.onnx \\
        --json bench/results/tracking.json > bench/results/tracking.md

The scenes are those of bench/following.py, some more with the shipped face (mirrored, tinted), and
faces that change at known frames (bench/lib/scenes.py). `whole` searches every frame whole
(Recognizer(every_frame=True)), `live` follows faces from frame to frame
(recognizer.new_stream(live=True)). At 15 and 5 fps every second and every sixth frame of the same
scenes is used. A face is found where a box overlaps the true one by an IoU of at least 0.5.

    missed    share of the faces of all frames, wholly visible ones, that are not found
    false     boxes beyond the true faces, as a share of the same; partly visible faces are neither
    switches  times that a person gets another id than before, while away for less than the
              tracker keeps faces; `swaps` of them to an id that was somebody else's
    breaks    times that a wholly visible person is lost and found again
    first     seconds from the frame in which an entering face is wholly visible to its first label:
              median and 95th percentile; `never` such faces had none
    flips     changes of the label a minute of a face that does not change, of single frames and
              smoothed
    delay     seconds from the frame in which a face changes to the label that it now shows: median
              of single frames and smoothed. Faces that single frames do not read rightly are left
              out

JSON holds the same, and for each way how flips and delay depend on the length of smoothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from lib import casts, scenes
from lib.backgrounds import Image, smooth_noise
from lib.common import publish, run
from lib.flips import Track, quantile, smoothing, tracks_of
from lib.heads import Head, paste, shipped_heads
from lib.scenes import Scene
from lib.truth import Truth, first_labels, identities, truth_of
from lib.watching import (
    Recognizers,
    of_kinds,
    run_through,
    scenes_line,
    set_stage,
    stage_arguments,
    watch,
)

from livefer.classifier import EmotionClassifier
from livefer.faces.crops import crop_faces
from livefer.results import FrameResult

WINDOWS_S = (0.0, 0.1, 0.2, 0.33, 0.5, 0.8)
_OF_THE_SHIPPED_FACE = (casts.walking, casts.crossing, casts.hidden, casts.fast)
_SURE = 0.7  # confidence in the label of a face that is used to measure delay


def sure_heads(
    heads: Sequence[Head], classifier: EmotionClassifier, n: int, seed: int
) -> list[Head]:
    """Return up to n heads that the network reads rightly; no two of a label in a row."""
    rng = np.random.default_rng(seed)
    chosen: list[Head] = []
    for i in rng.permutation(len(heads)):
        head = heads[i]
        image = np.full((200, 200, 3), 128, np.uint8)
        paste(image, head, np.array([100.0, 100.0, 130.0]))
        crop = crop_faces(image, [[35, 35, 165, 165]], size=classifier.input_size)
        probabilities = classifier.predict(crop)[0]
        reads = classifier.classes[int(probabilities.argmax())]
        if reads == head.label and probabilities.max() >= _SURE:
            chosen.append(head)
    ordered: list[Head] = []
    while chosen and len(ordered) < n:
        last = ordered[-1].label if ordered else None
        after = next((head for head in chosen if head.label != last), None)
        if after is None:
            break
        ordered.append(after)
        chosen.remove(after)
    return ordered


def make_scenes(
    heads: Sequence[Head],
    backgrounds: Sequence[Image | None],
    classifier: EmotionClassifier,
    seconds: float,
    seed: int,
) -> list[Scene]:
    """Return the scenes of bench/following.py, some of the shipped face, and two of changes."""
    made = scenes.make_scenes(heads, backgrounds, seconds, seed)
    rng = np.random.default_rng(seed)
    for k, kind in enumerate(_OF_THE_SHIPPED_FACE):
        scene = scenes.make_scene(kind, shipped_heads(), [], seconds, seed + 50 + k)
        made.append(replace(scene, name=f"{kind.__name__} of the shipped face"))
    sure = sure_heads(heads, classifier, 18, seed)
    for k, half in enumerate((sure[: len(sure) // 2], sure[len(sure) // 2 :])):
        if len(half) > 1:
            scene = scenes.changing(half, smooth_noise(rng), 1.0, seed + 100 + k)
            made.append(replace(scene, name=f"changing {k + 1}"))
    return made


@dataclass(slots=True, eq=False)
class _Tally:
    """What one way of searching at one frame rate did in all scenes."""

    by_scene: dict[str, dict[str, float]]
    firsts_s: list[float]
    steady: list[Track]
    turning: list[tuple[Scene, Track]]

    def add(self, scene: Scene, truth: Truth, results: Sequence[FrameResult]) -> None:
        self.by_scene[scene.name] = identities(truth, results)
        self.firsts_s += first_labels(truth, results)
        tracks = tracks_of(truth, results)
        if scene.name.startswith("changing"):
            self.turning += [(scene, max(tracks, key=lambda t: len(t.times_s)))] if tracks else []
        else:
            self.steady += tracks

    def figures(self, classes: Sequence[str], default_s: float) -> dict[str, Any]:
        keys = ("faces", "missed", "false", "switches", "swaps", "breaks", "face_s")
        total = {key: sum(counts[key] for counts in self.by_scene.values()) for key in keys}
        rows = smoothing(self.steady, self.turning, classes, sorted({*WINDOWS_S, default_s}))
        default = next(row for row in rows if row["window_s"] == default_s)
        return {
            **total,
            "missed_share": total["missed"] / max(total["faces"], 1),
            "false_share": total["false"] / max(total["faces"], 1),
            "n_entering": len(self.firsts_s),
            "never": int(np.isinf(self.firsts_s).sum()),
            "first_s": quantile(self.firsts_s, 0.5),
            "first_p95_s": quantile(self.firsts_s, 0.95),
            "flips_raw_per_min": rows[0]["flips_per_min"],
            "flips_per_min": default["flips_per_min"],
            "delay_raw_s": rows[0]["delay_s"],
            "delay_s": default["delay_s"],
            "smoothing": rows,
            "scenes": self.by_scene,
        }


def measure(
    recognizers: Recognizers,
    all_scenes: Sequence[Scene],
    ways: Sequence[str],
    rates: Sequence[int],
) -> Iterator[str | dict[str, Any]]:
    """Yield the name of each scene before it is run, and at last the figures."""
    smoothing_s = next(iter(recognizers.values()))[0].smoothing_s
    tallies = {
        (name, way, fps): _Tally({}, [], [], [])
        for name in recognizers
        for way in ways
        for fps in rates
    }
    for scene in all_scenes:
        yield scene.name
        images = list(scene.images())
        truths = {fps: truth_of(scene, fps) for fps in rates}
        for (name, way, fps), tally in tallies.items():
            live = way == "live"
            results = watch(recognizers[name][live], images, fps, live)
            tally.add(scene, truths[fps], results)
    yield {
        "n_frames": sum(map(len, all_scenes)),
        "smoothing_s": smoothing_s,
        "windows_s": sorted({*WINDOWS_S, smoothing_s}),
        "ways": [
            {
                "detector": name,
                "way": way,
                "fps": fps,
                **tally.figures(recognizers[name][0].classes, smoothing_s),
            }
            for (name, way, fps), tally in tallies.items()
        ],
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the figures as two tables."""
    lines = [
        f"{scenes_line(figures)} Smoothing over {figures['smoothing_s']:g} s.",
        "",
        "| detector, search, fps | missed | false | switches (swaps) | breaks | first, p95 (never) "
        "| flips/min, single → smoothed | delay, single → smoothed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_row(way) for way in figures["ways"]]
    lines += [
        "",
        "Smoothing: flips a minute / median and 95th percentile of the delay that it adds to a "
        "change, in seconds (changes that are never shown)",
        "",
        f"| detector, search, fps | {' | '.join(f'{w:g} s' for w in figures['windows_s'])} |",
        f"| --- |{' ---: |' * len(figures['windows_s'])}",
    ]
    for way in figures["ways"]:
        cells = [
            f"{row['flips_per_min']:.1f} / {_s(row['added_s'])}, {_s(row['added_p95_s'])} "
            f"({row['never']} of {row['n_changes']})"
            for row in way["smoothing"]
        ]
        lines.append(f"| {way['detector']}, {way['way']}, {way['fps']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(way: dict[str, Any]) -> str:
    return (
        f"| {way['detector']}, {way['way']}, {way['fps']} | {100 * way['missed_share']:.2f} % "
        f"| {100 * way['false_share']:.2f} % | {way['switches']} ({way['swaps']}) "
        f"| {way['breaks']} | {_s(way['first_s'])}, {_s(way['first_p95_s'])} s "
        f"({way['never']} of {way['n_entering']}) "
        f"| {way['flips_raw_per_min']:.1f} → {way['flips_per_min']:.1f} "
        f"| {_s(way['delay_raw_s'])} → {_s(way['delay_s'])} s |"
    )


def _s(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main() -> None:
    """Print the tables, and write them as JSON where asked to."""
    parser = stage_arguments(__doc__)
    parser.add_argument("--ways", nargs="+", choices=("whole", "live"), default=["whole", "live"])
    args = parser.parse_args()
    stage = set_stage(args)
    made = make_scenes(stage.heads, stage.backgrounds, stage.classifier, args.seconds, args.seed)
    chosen = of_kinds(made, args.kinds)
    steps = measure(stage.recognizers, chosen, args.ways, args.fps)
    figures = {
        "seed": args.seed,
        "n_scenes": len(chosen),
        "heads": f"{stage.heads_line()}, and the shipped one in six guises",
        **run_through(steps, stage.recognizers),
    }
    publish("Tracking", as_markdown(figures), figures, args.json)


if __name__ == "__main__":
    run(main)
