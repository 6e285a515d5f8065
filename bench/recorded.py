"""Are recordings that are searched every tenth of a second read as if every frame were searched?

    python bench/recorded.py CLIP... --detector FILE --json bench/results/recorded.json

Each clip is read as by `livefer video --every-frame`, against which two ways are counted: `sparse`,
without that option, and `again`, the same with noise of 2 gray levels on the pictures: what noise
alone changes is the most to ask of any way. More clips are made:

    joined    half a second of each clip in turn, five times: hard cuts
    entering  a face slides in from the right within a third of a second, stays and goes
    shaking   a face moves by up to a third of its side from frame to frame
    nearing   a face grows from 40 to 200 px within two seconds

Faces of one frame are the same where their boxes overlap by an IoU of at least 0.5. `shared` are
the faces that both have, of all; `late` is the longest time for which a face of every frame is not
yet there; `searches` is the share of frames that are searched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import PICTURE, arguments, publish, run

from livefer.faces.boxes import iou_matrix
from livefer.media.h264_writer import H264Writer
from livefer.media.pictures import read_image
from livefer.media.pyav_reader import VideoInfo, VideoReader
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.tracking.periodic_search import PeriodicSearch
from livefer.tracking.smoothing import Smoother
from livefer.tracking.stream import Stream
from livefer.tracking.tracker import pair

Image = Any
Rows = list[dict[str, Any]]
WH, FPS = (640, 360), 30
WAYS = ("sparse", "again")
_MIN_IOU, _GOOD_IOU = 0.5, 0.85
_NOISE = 2.0  # gray levels


def main() -> None:
    """Compare the ways on each clip, and print a table."""
    parser = arguments(__doc__, "--json")
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--detector", default="auto", help="a detector's name or file")
    args = parser.parse_args()
    recognizer = Recognizer(detector=args.detector, every_frame=True)
    rows: Rows = []
    all_clips = {way: Comparison() for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for clip in [*args.clips, *make_clips(Path(folder), args.clips)]:
            rows += compare(recognizer, clip, all_clips)
    rows += [{"clip": "all", "way": way, **all_clips[way].figures()} for way in WAYS]
    publish("Recordings", as_markdown(rows), {"rows": rows}, args.json)


def make_clips(folder: Path, clips: Sequence[Path]) -> Iterator[Path]:
    """Write the clips that are made, and yield their paths."""
    picture = read_image(PICTURE)
    ground = cv2.GaussianBlur(cv2.resize(picture, WH), (0, 0), 25)
    sides = np.full(75, 120)
    x = np.interp(np.arange(75), [0, 10, 20, 50, 60, 75], [660, 660, 300, 260, -220, -220])
    yield write(
        folder / "entering.mp4", [moved(picture, ground, *a) for a in zip(x, sides, strict=True)]
    )
    shake = 300 + 35 * np.random.default_rng(0).uniform(-1, 1, 75)
    yield write(
        folder / "shaking.mp4", [moved(picture, ground, *a) for a in zip(shake, sides, strict=True)]
    )
    grown = np.linspace(40, 200, 60)
    yield write(folder / "nearing.mp4", [moved(picture, ground, 250, side) for side in grown])
    if clips:
        yield write(folder / "joined.mp4", joined(clips))


def moved(picture: Image, ground: Image, left: float, side: float) -> Image:
    """Return the ground with the picture's person before it; side: of the face, about."""
    scale = side / 90  # the face's side in the picture
    place = np.array([[scale, 0, left - 190 * scale], [0, scale, 100 - 60 * scale]])
    return cv2.warpAffine(picture, place, WH, ground.copy(), borderMode=cv2.BORDER_TRANSPARENT)


def joined(clips: Sequence[Path], turns: int = 5) -> Iterator[Image]:
    """Yield half a second of each clip in turn."""
    for turn in range(turns):
        for clip in clips:
            with VideoReader(clip, start_s=0.4 * turn) as video:
                for frame in islice(video, FPS // 2):
                    if frame.image is not None:
                        yield cv2.resize(frame.image, WH)


def write(path: Path, images: Any) -> Path:
    """Write a video of images with some noise, as of a camera's sensor."""
    rng = np.random.default_rng(0)
    info = VideoInfo(
        WH, Fraction(FPS), Fraction(1, 30_000), None, None, 0.0, Fraction(1), has_audio=False
    )
    with H264Writer(path, info) as writer:
        for i, image in enumerate(images):
            noisy = image + rng.normal(0, 3, image.shape)
            writer.write(np.asarray(noisy.clip(0, 255), np.uint8), i / FPS)
    return path


class Comparison:
    """One way to read a clip against the search of every frame, counted up."""

    def __init__(self) -> None:
        keys = ("frames", "searches", "every", "other", "both", "labels", "answers")
        self.counts = dict.fromkeys(keys, 0)
        self.ious: list[float] = []
        self.late_s = 0.0
        self._missing_s: dict[int | None, float | None] = {}  # from when; None once it was there

    def begin(self) -> None:
        """Begin a clip: its track ids are other faces."""
        self._missing_s.clear()

    def add(self, first: FrameResult, second: FrameResult, is_searched: bool) -> None:
        """Count a frame: first is that of the search of every frame."""
        pairs, overlaps = pairs_of(first, second)
        self.counts["frames"] += 1
        self.counts["searches"] += is_searched
        self.counts["every"] += len(first.faces)
        self.counts["other"] += len(second.faces)
        self.counts["both"] += len(pairs)
        for a, b in pairs:
            self.ious.append(float(overlaps[a, b]))
            one, other = first.faces[a], second.faces[b]
            self.counts["labels"] += one.label == other.label
            self.counts["answers"] += one.answer == other.answer
            from_s = self._missing_s.get(one.track_id)
            self.late_s = max(self.late_s, 0.0 if from_s is None else first.time_s - from_s)
            self._missing_s[one.track_id] = None
        there = {first.faces[a].track_id for a, _ in pairs}
        for face in first.faces:
            if face.track_id not in there:
                self._missing_s.setdefault(face.track_id, first.time_s)

    def figures(self) -> dict[str, Any]:
        """Return counts, and shares from 0 to 1."""
        ious, counts = np.array(self.ious or [np.nan]), self.counts
        of_pairs = max(counts["both"], 1)
        return {
            **counts,
            "shared": 2 * counts["both"] / max(counts["every"] + counts["other"], 1),
            "same_label": counts["labels"] / of_pairs,
            "same_answer": counts["answers"] / of_pairs,
            "iou_good": float((ious >= _GOOD_IOU).mean()),
            "iou_quantiles": [round(float(v), 3) for v in np.quantile(ious, [0.01, 0.05, 0.5])],
            "late_s": round(self.late_s, 3),
        }


def compare(recognizer: Recognizer, clip: Path, all_clips: dict[str, Comparison]) -> Rows:
    """Return the figures of a clip for each way, and count its frames in those of all clips too."""
    of_clip = {way: Comparison() for way in WAYS}
    every, counter = recognizer.new_stream(), Counting(recognizer.detector)
    streams = {"sparse": Stream(PeriodicSearch(), Smoother()), "again": recognizer.new_stream()}
    rng = np.random.default_rng(0)
    for comparison in all_clips.values():
        comparison.begin()
    with VideoReader(clip) as video:
        for frame in video:
            if frame.image is None:
                continue
            noise = rng.normal(0, _NOISE, frame.image.shape)
            noisy = np.asarray((frame.image + noise).clip(0, 255), np.uint8)
            first = recognizer.process(frame, every)
            for way, stream in streams.items():
                seen = replace(frame, image=noisy) if way == "again" else frame
                with counter:
                    second = recognizer.process(seen, stream)
                for comparison in (of_clip[way], all_clips[way]):
                    comparison.add(first, second, counter.n > 0)
    return [{"clip": clip.stem, "way": way, **of_clip[way].figures()} for way in WAYS]


class Counting:
    """Counts the searches of a detector within a `with`: n."""

    def __init__(self, detector: Any) -> None:
        self.n = 0
        self._detector, self._search = detector, detector.detect

    def _counted(self, image: Image) -> Any:
        self.n += 1
        return self._search(image)

    def __enter__(self) -> None:
        self.n, self._detector.detect = 0, self._counted

    def __exit__(self, *error: object) -> None:
        self._detector.detect = self._search


def pairs_of(first: FrameResult, second: FrameResult) -> tuple[list[tuple[int, int]], Any]:
    """Return the pairs of faces that are the same, and all IoUs."""
    overlaps = np.zeros((len(first.faces), len(second.faces)), np.float32)
    if not overlaps.size:
        return [], overlaps
    overlaps = iou_matrix([f.box for f in first.faces], [f.box for f in second.faces])
    return pair(np.where(overlaps >= _MIN_IOU, 1.0 - overlaps, np.inf)), overlaps


def as_markdown(rows: Rows) -> str:
    """Return the table."""
    lines = [
        "| clip | way | frames | searches | faces: every frame, this way | shared | IoU ≥ 0.85 "
        "| IoU: 1 %, 5 %, median | same label, same answer | late |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        quantiles = ", ".join(f"{v:.2f}" for v in row["iou_quantiles"])
        lines.append(
            f"| {row['clip']} | {row['way']} | {row['frames']} "
            f"| {100 * row['searches'] / row['frames']:.0f} % | {row['every']}, {row['other']} "
            f"| {100 * row['shared']:.2f} % | {100 * row['iou_good']:.1f} % | {quantiles} "
            f"| {100 * row['same_label']:.2f}, {100 * row['same_answer']:.2f} % "
            f"| {row['late_s']:.2f} s |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
