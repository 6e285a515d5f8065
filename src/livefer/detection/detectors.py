"""What a face detector is, and those that come with livefer, by name.

A detector of your own needs `detect` and the two numbers of `Detector`. With the methods of
`LocalDetector`, streams keep weakly detected faces, and need a search only every tenth of a second.
`PartialDetector` is for slow detectors: live streams search part by part, recordings every frame.

They may be used by several threads at once; the same is expected of yours where its recogniser
is. No detector prints or downloads anything. `hint`, where a detector has one, is a
line for the user about a better detector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
from numpy.typing import NDArray

from livefer.detection.detections import Detections
from livefer.detection.haar import HaarDetector
from livefer.detection.native import NativeDetector, is_native
from livefer.detection.whole_picture import WholePictureDetector
from livefer.detection.yunet import YUNET_HINT, YuNetDetector, yunet_path
from livefer.errors import ModelError
from livefer.faces.boxes import Boxes, Region, Scores
from livefer.system.machine import thread_limit

Found = Detections | tuple[Boxes, Scores]
"""What a detector answers: Detections, or boxes (N, 4) and scores (N,) alone."""


class Detector(Protocol):
    """Finds the faces of an image: HaarDetector, YuNetDetector, or yours.

    crop_scale: side of the square that is cut for the network, in sides of the box
    crop_shift_y: how far that square lies below the middle of the box, in its own sides
    """

    @property
    def crop_scale(self) -> float: ...
    @property
    def crop_shift_y(self) -> float: ...
    def detect(self, image: NDArray[Any]) -> Found:
        """Return the faces of an image, best first.

        image: (H, W) gray or (H, W, 3) BGR uint8
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
    """Return a detector by name: auto, haar, yunet, none, or the path of an .onnx file.

    A file is YuNet's, or what `livefer train-detector` wrote.

    "auto" is YuNet if its file has been downloaded, else Haar with a `hint`. "none" takes the whole
    picture for a face. Raises ModelError.

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
    if name == "auto" and yunet_path() is None:
        return HaarDetector(YUNET_HINT, min_score)
    if name in ("auto", "yunet"):
        return YuNetDetector(None, threads, min_score)
    if str(name).lower().endswith(".onnx"):
        kind = NativeDetector if is_native(Path(name)) else YuNetDetector
        return kind(name, threads, min_score)
    raise ModelError(
        f'unknown detector "{name}": expected auto, haar, yunet, none or the path of an .onnx '
        "file of YuNet or livefer train-detector"
    )
