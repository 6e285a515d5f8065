"""Two face detectors with the same methods: HaarDetector and YuNetDetector; and one by name.

`detect(image)` takes (H, W) gray or (H, W, 3) BGR uint8 and returns boxes (N, 4) float32, xyxy in
pixels, and scores (N,) float32, 0–1, best first; `detect_near` looks where a face was. For live
streams (livefer.tracking.live_search) the slower one has `search`, too: a part of what `detect`
does. A detector is not thread-safe: one owner each. Nothing here prints or downloads;
`hint` is a line for the user when a better detector exists.
"""

from __future__ import annotations

from pathlib import Path

from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YUNET_HINT, YuNetDetector, yunet_path
from livefer.errors import ModelError

Detector = HaarDetector | YuNetDetector


def make_detector(name: str | Path = "auto") -> Detector:
    """Return a detector by name: auto, haar, yunet, or the path of a YuNet .onnx file.

    "auto" is YuNet where its file is already there, and Haar otherwise, with a `hint`.
    """
    if name == "haar":
        return HaarDetector()
    if name == "auto":
        return YuNetDetector() if yunet_path() is not None else HaarDetector(hint=YUNET_HINT)
    if name == "yunet":
        return YuNetDetector()
    if str(name).lower().endswith(".onnx"):
        return YuNetDetector(name)
    raise ModelError(
        f'unknown detector "{name}": expected auto, haar, yunet or the path of a YuNet .onnx file'
    )
