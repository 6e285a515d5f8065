"""What a face detector is, and those that come with livefer, by name.

A detector of your own needs `detect` and the two numbers of `Detector`. With the methods of
`LocalDetector`, streams keep weakly detected faces, and need a search only every tenth of a second.
`PartialDetector` is for slow detectors: live streams search part by part, recordings every frame.

They may be used by several threads at once; the same is expected of yours where its recogniser
is. No detector prints or downloads anything.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.detections import Detections
from livefer.detection.haar import HaarDetector
from livefer.detection.native import NativeDetector, is_native
from livefer.detection.whole_picture import WholePictureDetector
from livefer.detection.yunet import YuNetDetector
from livefer.errors import ModelError
from livefer.faces.boxes import Boxes, Region, Scores
from livefer.system.machine import thread_limit

Found = Detections | tuple[Boxes, Scores]
"""What a detector answers: Detections, or boxes (N, 4) and scores (N,) alone."""


class Detector(Protocol):
    """Finds the faces of an image: NativeDetector, HaarDetector, YuNetDetector, or yours.

    crop_scale: side of the square that is cut for the network, in sides of the box; 1 for boxes
        from the eyebrows to the chin
    crop_shift_y: how far that square lies below the middle of the box, in its own sides; mostly 0

    Yours needs no base class. `Recognizer(detector=YourDetector())` tries it once on two pictures,
    and raises ValueError where it answers something else.

    With a method detect_near(image, boxes) as well, videos are searched every tenth of a second
    only: it looks for faces (N, 4) near where they were, and returns N boxes and scores, with a
    score of 0 where there is none.
    """

    @property
    def crop_scale(self) -> float: ...
    @property
    def crop_shift_y(self) -> float: ...
    def detect(self, image: NDArray[Any]) -> Found:
        """Return the faces of an image, best first.

        image: (H, W) gray or (H, W, 3) BGR uint8
        returns: arrays: boxes (N, 4), xyxy in pixels, scores (N,), 0–1, and if you have them
            landmarks (N, 5, 2) as those of `Face`; N is 0 where there is no face
        """


@runtime_checkable
class LocalDetector(Detector, Protocol):
    """A detector that can also look for one known face."""

    def detect_near(self, image: NDArray[Any], boxes: Boxes) -> Found:
        """Look for known faces near their last boxes; a score below that of a new face is enough.

        boxes: (N, 4) float32, xyxy in pixels
        returns: the N faces as they are now, with a score of 0 where none is
        """


@runtime_checkable
class PartialDetector(LocalDetector, Protocol):
    """A detector too slow for a whole search several times a second: it can search in parts.

    search_periods_s: for each part of the search, the seconds after which it is due again
    """

    @property
    def search_periods_s(self) -> tuple[float, ...]: ...
    def search(self, image: NDArray[Any], part: int, region: Region, known: Boxes) -> Found:
        """Do one part of a search within a region, without the faces that are known.

        part: index into `search_periods_s`
        known: (M, 4) float32, xyxy in pixels
        returns: as `detect`
        """

    def detect_near(self, image: NDArray[Any], boxes: Boxes, quick: bool = False) -> Found:
        """Do what LocalDetector does; `quick` trades some accuracy for much less time."""


def make_detector(
    name: str | Path = "auto", threads: int | None = None, min_score: float | None = None
) -> HaarDetector | YuNetDetector | NativeDetector | WholePictureDetector:
    """Return a detector by name: auto, native, haar, yunet, none, or the path of an .onnx file.

    A file is YuNet's, or what `livefer train-detector` wrote.

    "auto" is "native", livefer's own; YuNet's file has to be downloaded before. "none" takes the
    whole picture for a face. Raises ModelError.

    threads: processor cores for one search by a network; None: those that this process may use.
        OpenCV, which runs Haar, has a number for the whole process: `cv2.setNumThreads`
    min_score: the least score of a face, 0 to 1; None: the detector's own
    """
    if (most := thread_limit()) is not None and cv2.getNumThreads() > most:
        cv2.setNumThreads(most)  # OpenCV counts the machine's cores
    if name == "haar":
        return HaarDetector(min_score=min_score)
    if name == "none":
        return WholePictureDetector()
    if name in ("auto", "native"):
        return NativeDetector(None, threads, min_score)
    if name == "yunet":
        return YuNetDetector(None, threads, min_score)
    if str(name).lower().endswith(".onnx"):
        kind = NativeDetector if is_native(Path(name)) else YuNetDetector
        return kind(name, threads, min_score)
    raise ModelError(
        f'unknown detector "{name}": expected auto, native, haar, yunet, none or the path of an '
        ".onnx file of YuNet or livefer train-detector"
    )


def check_detector(detector: Any, portrait: NDArray[np.uint8]) -> None:
    """Raise ValueError where an object is no Detector, or answers something else.

    It is tried twice: on a picture with a face, and on one without.
    """
    if isinstance(detector, (NativeDetector, HaarDetector, YuNetDetector, WholePictureDetector)):
        return
    name = getattr(detector, "__name__", type(detector).__name__)
    if isinstance(detector, type):
        raise ValueError(f"detector is the class {name}: give an object of it, {name}()")
    lacking = [part for part in ("crop_scale", "crop_shift_y") if not _is_number(detector, part)]
    lacking += [] if callable(getattr(detector, "detect", None)) else ["detect(image)"]
    if lacking:
        raise ValueError(
            f"{name} is no detector: it needs the numbers crop_scale and crop_shift_y and a method "
            f"detect(image), and lacks {', '.join(lacking)}; see help(livefer.Detector)"
        )
    for picture in (portrait, np.zeros_like(portrait)):
        answer = detector.detect(picture)
        parts = answer if isinstance(answer, (tuple, list)) else ()
        shapes = [None if part is None else getattr(part, "shape", "none") for part in parts]
        n = len(parts[0]) if parts and shapes[0] else 0
        if shapes not in ([(n, 4), (n,)], [(n, 4), (n,), None], [(n, 4), (n,), (n, 5, 2)]):
            raise ValueError(
                f"{name}.detect returned {_described(answer)} for a picture of "
                f"{picture.shape[1]}x{picture.shape[0]} pixels: expected the arrays boxes (N, 4) "
                "and scores (N,), and landmarks (N, 5, 2) or none; N is 0 without a face"
            )


def _is_number(detector: Any, part: str) -> bool:
    value = getattr(detector, part, None)
    return isinstance(value, (int, float, np.number)) and math.isfinite(value)


def _described(answer: Any) -> str:
    """Return the shape of an array, or the kind of another object; of a tuple, of its parts."""
    if isinstance(answer, tuple):
        return f"a tuple of {', '.join(map(_described, answer)) or 'nothing'}"
    is_array = isinstance(answer, np.ndarray)
    return f"an array {answer.shape}" if is_array else type(answer).__name__
