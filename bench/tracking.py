"""Who is who, found or missed, and how steady the labels are: on scenes where the truth is known.

    python bench/tracking.py --yunet face_detection_yunet_2023mar.onnx \\
        --json bench/results/tracking.json > bench/results/tracking.md

The scenes are those of bench/following.py, some more with the shipped face (mirrored, tinted), and
faces that change at known frames (bench/scenes.py). `whole` searches every frame whole
(recognizer.tracker()), `live` follows faces from frame to frame (recognizer.tracker(live=True)). At
15 and 5 fps every second and every sixth frame of the same scenes is used. A face is found where a
box overlaps the true one by an IoU of at least 0.5.

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

import argparse
import sys
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scenes
from common import heading, write_json
from numpy.typing import NDArray
from scenes import ABSENT, FPS, WHOLE, Head, Image, Scene

from livefer.capture import Frame
from livefer.classifier import EmotionClassifier
from livefer.dataset import read_dataset
from livefer.errors import ConfigError, LiveferError
from livefer.faces import crop_faces, iou_matrix
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.tracker import KEEP_S, pair, window_mean

EVERY = {30: 1, 15: 2, 5: 6}
WINDOWS_S = (0.0, 0.1, 0.2, 0.33, 0.5, 0.8)
MIN_IOU = 0.5
_CHECK_EVERY = 150
_OF_THE_SHIPPED_FACE = (scenes.walking, scenes.crossing, scenes.hidden, scenes.fast)
_SURE = 0.7  # confidence in the label of a face that is used to measure delay


class Remembering:
    """A detector that searches each picture once; kept in a file, the next run searches few.

    Now and then a picture is searched all the same, so that what another version of the detector
    found is not taken for this one's.
    """

    def __init__(self, detector: Any, folder: Path | None = None) -> None:
        self._detector = detector
        self.name = str(detector.name)
        self.crop_scale = float(detector.crop_scale)
        self.crop_shift_y = float(detector.crop_shift_y)
        self._file = None if folder is None else folder / f"found-{self.name}.npz"
        self._found: dict[str, NDArray[np.float32]] = {}
        self._n_known = 0
        if self._file is not None and self._file.is_file():
            with np.load(self._file) as kept:
                self._found = {key: kept[key] for key in kept.files}

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32."""
        key = f"{zlib.crc32(image.tobytes()):08x}"
        known = self._found.get(key)
        self._n_known += known is not None
        if known is None or self._n_known % _CHECK_EVERY == 0:
            boxes, scores = self._detector.detect(image)
            self._found[key] = np.hstack([boxes, scores[:, None]])
            if known is not None and not np.array_equal(known, self._found[key]):
                raise ConfigError(f"{self._file} is of another version of the detector: delete it")
        found = self._found[key]
        return found[:, :4], found[:, 4]

    def keep(self) -> None:
        """Write what was found to the file."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part.npz")
            np.savez(part, **self._found)  # type: ignore[arg-type]
            part.replace(self._file)


def watch(
    recognizer: Recognizer, images: Sequence[Image], fps: int, live: bool
) -> list[FrameResult]:
    """Return the results for every frame of a scene that is left at `fps`."""
    tracker, every = recognizer.tracker(live), EVERY[fps]
    return [
        recognizer.process(Frame("scene", i, i * every / FPS, image), tracker)
        for i, image in enumerate(images[::every])
    ]


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


@dataclass(slots=True, eq=False)
class Track:
    """What the frames in which somebody was found with one id showed, each alone.

    whole: whether the person was wholly visible
    """

    times_s: list[float]
    raw: list[NDArray[np.float64]]
    labels: list[str | None]
    whole: list[bool]

    def shown(self, classes: Sequence[str], window_s: float) -> list[str]:
        """Return the labels after smoothing over `window_s`, as livefer.tracker does it."""
        names = []
        for n, time_s in enumerate(self.times_s, start=1):
            first = max(0, bisect_right(self.times_s, time_s - window_s, hi=n) - 1)
            mean = window_mean(self.times_s[first:n], self.raw[first:n], window_s)
            names.append(classes[int(mean.astype(np.float32).argmax())])
        return names

    def steady_s(self) -> float:
        """Return the seconds between frames in which the person was wholly visible."""
        pairs = zip(pairwise(self.times_s), pairwise(self.whole), strict=True)
        return sum(after - before for (before, after), both in pairs if all(both))

    def flips(self, shown: Sequence[str]) -> int:
        """Return how often the label changed although the face, wholly visible, did not."""
        steps = zip(pairwise(shown), pairwise(self.labels), pairwise(self.whole), strict=True)
        return sum(a != b and x == y and all(whole) for (a, b), (x, y), whole in steps)


def tracks_of(truth: Truth, results: Sequence[FrameResult]) -> list[Track]:
    """Return what each person showed, a track for every id that the person had."""
    tracks: dict[tuple[int, int | None], Track] = {}
    for i, result in enumerate(results):
        for person, j in match(truth, result, i).items():
            face = result.faces[j]
            track = tracks.setdefault((person, face.track_id), Track([], [], [], []))
            track.times_s.append(result.time_s)
            track.raw.append(face.raw_probabilities.astype(np.float64))
            track.labels.append(truth.labels[i][person])
            track.whole.append(bool(truth.visible[i, person] >= WHOLE))
    return list(tracks.values())


def delays(scene: Scene, track: Track, shown: Sequence[str]) -> dict[int, float]:
    """Return seconds until each change of a changing face is shown, by the number of the change."""
    changes = np.flatnonzero(np.diff(scene.actors[0].shown)) + 1
    ends = [*changes[1:], len(scene)]
    found: dict[int, float] = {}
    for k, (change, end) in enumerate(zip(changes, ends, strict=True)):
        label = scene.actors[0].heads[k + 1].label
        for time_s, name in zip(track.times_s, shown, strict=True):
            if change / FPS - 1e-9 <= time_s < end / FPS - 1e-9 and name == label:
                found[k] = float(time_s - change / FPS)
                break
    return found


def smoothing(
    steady: Sequence[Track],
    turning: Sequence[tuple[Scene, Track]],
    classes: Sequence[str],
    windows_s: Sequence[float],
) -> list[dict[str, Any]]:
    """Return flips and delay for each length of smoothing; the first must be 0, single frames."""
    minutes = sum(track.steady_s() for track in steady) / 60
    rows: list[dict[str, Any]] = []
    raw: list[dict[int, float]] = []
    for window_s in windows_s:
        n_flips = sum(track.flips(track.shown(classes, window_s)) for track in steady)
        found = [delays(scene, track, track.shown(classes, window_s)) for scene, track in turning]
        if window_s == 0:
            raw = found
        known = [(k, f, of) for f, of in zip(found, raw, strict=True) for k in of]
        seconds = np.array([f.get(k, np.inf) for k, f, _ in known])
        added = seconds - [of[k] for k, _, of in known]
        rows.append(
            {
                "window_s": window_s,
                "flips_per_min": n_flips / max(minutes, 1e-9),
                "n_changes": len(known),
                "never": int(np.isinf(seconds).sum()),
                "delay_s": _quantile(seconds, 0.5),
                "added_s": _quantile(added, 0.5),
                "added_p95_s": _quantile(added, 0.95),
            }
        )
    return rows


def _quantile(values: NDArray[np.float64] | Sequence[float], q: float) -> float | None:
    """Return a value that was measured, the upper of two; None for nothing or never."""
    if not len(values):
        return None
    value = float(np.quantile(np.asarray(values, np.float64), q, method="higher"))
    return value if np.isfinite(value) else None


def sure_heads(
    heads: Sequence[Head], classifier: EmotionClassifier, n: int, seed: int
) -> list[Head]:
    """Return up to n heads that the network reads rightly; no two of a label in a row."""
    rng = np.random.default_rng(seed)
    chosen: list[Head] = []
    for i in rng.permutation(len(heads)):
        head = heads[i]
        image = np.full((200, 200, 3), 128, np.uint8)
        scenes.paste(image, head, np.array([100.0, 100.0, 130.0]))
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
        scene = scenes.make_scene(kind, scenes.shipped_heads(), [], seconds, seed + 50 + k)
        made.append(replace(scene, name=f"{kind.__name__} of the shipped face"))
    sure = sure_heads(heads, classifier, 18, seed)
    for k, half in enumerate((sure[: len(sure) // 2], sure[len(sure) // 2 :])):
        if len(half) > 1:
            scene = scenes.changing(half, scenes.smooth_noise(rng), 1.0, seed + 100 + k)
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
            "first_s": _quantile(self.firsts_s, 0.5),
            "first_p95_s": _quantile(self.firsts_s, 0.95),
            "flips_raw_per_min": rows[0]["flips_per_min"],
            "flips_per_min": default["flips_per_min"],
            "delay_raw_s": rows[0]["delay_s"],
            "delay_s": default["delay_s"],
            "smoothing": rows,
            "scenes": self.by_scene,
        }


def measure(
    recognizers: dict[str, tuple[Recognizer, Recognizer]],
    all_scenes: Sequence[Scene],
    ways: Sequence[str],
    rates: Sequence[int],
) -> Iterator[str | dict[str, Any]]:
    """Yield the name of each scene before it is run, and at last the figures.

    recognizers: for each detector's name one for whole searches and one for live ones
    """
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
        f"{figures['n_frames']:,} frames at 30 fps in {figures['n_scenes']} scenes, seed "
        f"{figures['seed']}; {figures['heads']}. Smoothing over {figures['smoothing_s']:g} s.",
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


def make_recognizers(
    classifier: EmotionClassifier, detectors: dict[str, Any], cache: Path | None
) -> dict[str, tuple[Recognizer, Recognizer]]:
    """Return for each detector a recogniser for whole searches, which remembers, and a live one."""
    return {
        name: (
            Recognizer(classifier, Remembering(detector, cache)),
            Recognizer(classifier, detector),
        )
        for name, detector in detectors.items()
    }


def keep_found(recognizers: dict[str, tuple[Recognizer, Recognizer]]) -> None:
    """Write what whole searches found to the files that were asked for."""
    for whole, _ in recognizers.values():
        if isinstance(whole.detector, Remembering):
            whole.detector.keep()


def main() -> None:
    """Print the tables, and write them as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a shipped model's name or an .onnx file")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"))
    parser.add_argument("--photos", type=Path, default=Path("data/photos.json"))
    parser.add_argument("--yunet", type=Path, help="YuNet's .onnx file; without it only Haar runs")
    parser.add_argument("--ways", nargs="+", choices=("whole", "live"), default=["whole", "live"])
    parser.add_argument("--detectors", nargs="+", help="only these; both choose the faces")
    parser.add_argument("--fps", nargs="+", type=int, choices=tuple(EVERY), default=list(EVERY))
    parser.add_argument("--kinds", nargs="+", help="only these scenes, such as walking, changing")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a scene")
    parser.add_argument("--heads", type=int, default=60, help="faces of FER2013's val to play")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--cache", type=Path, help="keep there what whole searches found")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    args = parser.parse_args()

    dataset = read_dataset(args.data)
    detectors = scenes.load_detectors(args.yunet)
    classifier = EmotionClassifier(args.model)
    recognizers = make_recognizers(classifier, detectors, args.cache)
    judges = [whole.detector for whole, _ in recognizers.values()]
    found, n_tried = scenes.val_heads(
        dataset.split("val"), dataset.classes, args.heads, judges, args.seed
    )
    keep_found(recognizers)
    recognizers = {k: v for k, v in recognizers.items() if k in (args.detectors or detectors)}
    backgrounds = scenes.photo_backgrounds(args.photos)
    all_scenes = make_scenes(found, backgrounds, classifier, args.seconds, args.seed)
    if args.kinds:
        all_scenes = [scene for scene in all_scenes if scene.name.split()[0] in args.kinds]
    figures: dict[str, Any] = {}
    for step in measure(recognizers, all_scenes, args.ways, args.fps):
        if isinstance(step, dict):
            figures = step
        else:
            print(step, file=sys.stderr)
        keep_found(recognizers)
    figures = {
        "seed": args.seed,
        "n_scenes": len(all_scenes),
        "heads": f"{len(found)} val faces, found when still, of {n_tried} tried, "
        "and the shipped one in six guises",
        **figures,
    }
    print(heading("Tracking"))
    print(as_markdown(figures))
    if args.json:
        write_json(args.json, figures)


if __name__ == "__main__":
    try:
        main()
    except LiveferError as error:
        sys.exit(f"error: {error}")
