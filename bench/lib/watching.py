"""What bench/following.py and bench/tracking.py share: their options, the stage, who watches it."""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lib.backgrounds import Image, photo_backgrounds
from lib.common import arguments
from lib.heads import Head, val_heads
from lib.loading import load_detectors
from lib.scenes import FPS, Scene
from lib.truth import EVERY
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import read_dataset
from livefer.errors import ConfigError
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.atomic import replacing

_CHECK_EVERY = 150

Recognizers = dict[str, tuple[Recognizer, Recognizer]]
"""For each detector's name a recogniser for whole searches, which remembers, and a live one."""


class Remembering:
    """A detector that searches each picture once; kept in a file, the next run searches few.

    Now and then a picture is searched all the same, so that what another version of the detector
    found is not taken for this one's.
    """

    def __init__(self, detector: Any, folder: Path | None = None) -> None:
        self._detector = detector
        self.name = str(detector.name)
        self._file = None if folder is None else folder / f"found-{self.name}.npz"
        self._found: dict[str, NDArray[np.float32]] = {}
        self._n_known = 0
        if self._file is not None and self._file.is_file():
            with np.load(self._file) as kept:
                self._found = {key: kept[key] for key in kept.files}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (N, 4) float32, xyxy in pixels, and scores (N,) float32."""
        key = f"{zlib.crc32(image.tobytes()):08x}"
        known = self._found.get(key)
        self._n_known += known is not None
        if known is None or self._n_known % _CHECK_EVERY == 0:
            boxes, scores = self._detector.detect(image)[:2]
            self._found[key] = np.hstack([boxes, scores[:, None]])
            if known is not None and not np.array_equal(known, self._found[key]):
                raise ConfigError(f"{self._file} is of another version of the detector: delete it")
        found = self._found[key]
        return found[:, :4], found[:, 4]

    def keep(self) -> None:
        """Write what was found to the file."""
        if self._file is not None:
            with replacing(self._file) as part, part.open("wb") as file:
                np.savez(file, **self._found)  # type: ignore[arg-type]


def watch(
    recognizer: Recognizer, images: Sequence[Image], fps: int, live: bool
) -> list[FrameResult]:
    """Return the results for every frame of a scene that is left at `fps`."""
    stream, every = recognizer.new_stream(live), EVERY[fps]
    return [
        recognizer.process(Frame("scene", i, i * every / FPS, image), stream)
        for i, image in enumerate(images[::every])
    ]


def make_recognizers(
    classifier: EmotionClassifier, detectors: dict[str, Any], cache: Path | None
) -> Recognizers:
    """Return for each detector a recogniser for whole searches, which remembers, and a live one."""
    return {
        name: (
            Recognizer(classifier, Remembering(detector, cache), every_frame=True),
            Recognizer(classifier, detector),
        )
        for name, detector in detectors.items()
    }


def keep_found(recognizers: Recognizers) -> None:
    """Write what whole searches found to the files that were asked for."""
    for whole, _ in recognizers.values():
        if isinstance(whole.detector, Remembering):
            whole.detector.keep()


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Who looks, who can be looked at, and before what.

    n_tried: faces of val that were looked at until there were enough heads
    """

    classifier: EmotionClassifier
    recognizers: Recognizers
    heads: list[Head]
    n_tried: int
    backgrounds: list[Image | None]

    def heads_line(self) -> str:
        """Return in words which faces play."""
        return f"{len(self.heads)} val faces, found when still, of {self.n_tried} tried"


def stage_arguments(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with what both scripts can be told."""
    parser = arguments(doc, "--data", "--photos", "--yunet", "--json")
    parser.add_argument("--model", help="a shipped model's name or an .onnx file")
    parser.add_argument("--detectors", nargs="+", help="only these; all choose the faces")
    parser.add_argument("--fps", nargs="+", type=int, choices=tuple(EVERY), default=list(EVERY))
    parser.add_argument("--kinds", nargs="+", help="only these scenes, such as walking, group")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a scene")
    parser.add_argument("--heads", type=int, default=60, help="faces of FER2013's val to play")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--cache", type=Path, help="keep there what whole searches found")
    return parser


def set_stage(args: argparse.Namespace) -> Stage:
    """Load what the command line names, and find the heads."""
    dataset, detectors = read_dataset(args.data), load_detectors(args.yunet)
    classifier = EmotionClassifier(args.model)
    recognizers = make_recognizers(classifier, detectors, args.cache)
    judges = [whole.detector for whole, _ in recognizers.values()]
    heads, n_tried = val_heads(dataset.split("val"), dataset.classes, args.heads, judges, args.seed)
    keep_found(recognizers)
    chosen = {k: v for k, v in recognizers.items() if k in (args.detectors or detectors)}
    return Stage(classifier, chosen, heads, n_tried, photo_backgrounds(args.photos))


def of_kinds(all_scenes: list[Scene], kinds: Sequence[str] | None) -> list[Scene]:
    """Return the scenes of some kinds; all of them for None."""
    return [scene for scene in all_scenes if not kinds or scene.name.split()[0] in kinds]


def run_through(steps: Iterable[str | dict[str, Any]], recognizers: Recognizers) -> dict[str, Any]:
    """Say each step's name, keep what was found behind it, and return the last one: the figures."""
    figures: dict[str, Any] = {}
    for step in steps:
        if isinstance(step, dict):
            figures = step
        else:
            print(step, file=sys.stderr)
        keep_found(recognizers)
    return figures


def scenes_line(figures: dict[str, Any]) -> str:
    """Return in words what figures were measured on."""
    return (
        f"{figures['n_frames']:,} frames at 30 fps in {figures['n_scenes']} scenes, seed "
        f"{figures['seed']}; {figures['heads']}."
    )
