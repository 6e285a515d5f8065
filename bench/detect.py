"""Count faces in photographs with each detector, and time them on 640x480 frames.

    python bench/detect.py --photos data/photos.json --yunet face_detection_yunet_2023mar.onnx

The photographs' list gives for each file the least and greatest number of faces that is right, and
its kind: one, several or none. `over` counts the faces found beyond the greatest right number.
Time is that of one thread (CPU time of the process), so that other work on the machine matters
little; common parameters are those of most tutorials.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import arguments, machine_line, run
from lib.loading import load_detectors
from numpy.typing import NDArray

from livefer.faces.crops import to_gray
from livefer.media.pictures import read_image
from livefer.system.machine import describe

Detect = Callable[[NDArray[Any]], NDArray[Any]]
KINDS = ("one", "several", "none")


def common_parameters() -> Detect:
    """Return the detector of most tutorials: the default cascade, step 1.1, 5 neighbours."""
    folder = Path(cv2.__file__).with_name("data")
    cascade = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))

    def detect(image: NDArray[Any]) -> NDArray[Any]:
        found = cascade.detectMultiScale(to_gray(image), scaleFactor=1.1, minNeighbors=5)
        return np.asarray(found).reshape(-1, 4)

    return detect


def boxes_of(detector: Any) -> Detect:
    """Return what finds one of livefer's detectors' boxes, without their scores."""
    return lambda image: np.asarray(detector.detect(image)[0])


def count_right(
    detect: Detect, photos: list[dict[str, Any]], root: Path, verbose: bool
) -> dict[str, int]:
    """Return how many photographs of each kind are counted right, and the faces too many."""
    result = dict.fromkeys(KINDS, 0) | {"over": 0}
    for photo in photos:
        n_found = len(detect(read_image(root / photo["file"])))
        right = photo["faces_min"] <= n_found <= photo["faces_max"]
        result[photo["kind"]] += right
        result["over"] += max(0, n_found - photo["faces_max"])
        if verbose and not right:
            print(f"  {photo['file']}: {n_found} of {photo['faces_min']}-{photo['faces_max']}")
    return result


def read_frames(path: Path, n: int) -> list[NDArray[Any]]:
    """Return about n frames of a video, spread over its length, at 640x480."""
    frames = []
    video = cv2.VideoCapture(str(path))
    every = max(1, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // n)
    for index in itertools.count():
        has_frame, image = video.read()
        if not has_frame:
            break
        if index % every == 0:
            frames.append(cv2.resize(image, (640, 480)))
    video.release()
    return frames


def cpu_ms(detect: Detect, frames: list[NDArray[Any]]) -> float:
    """Return the median CPU time of a frame in milliseconds."""
    times = []
    for frame in frames:
        start = time.process_time()
        detect(frame)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times))


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, "--photos", "--yunet", "--own")
    parser.add_argument("--videos", type=Path, default=Path("data/video"))
    parser.add_argument("--verbose", action="store_true", help="name the files counted wrong")
    args = parser.parse_args()

    cv2.setNumThreads(1)
    detectors = {"common": common_parameters()}
    for name, detector in load_detectors(args.yunet, args.own).items():
        detectors[name] = boxes_of(detector)

    photos = json.loads(args.photos.read_text(encoding="utf-8"))
    videos = sorted(path for path in args.videos.glob("*") if path.is_file())
    frames = [frame for path in videos for frame in read_frames(path, 6)]
    of = {kind: sum(photo["kind"] == kind for photo in photos) for kind in KINDS}
    machine = machine_line(describe().to_dict())
    print(f"opencv {cv2.__version__}, {machine}; one thread, {len(frames)} frames timed")
    print(f"{'detector':10}", *(f"{kind + '/' + str(of[kind]):>11}" for kind in KINDS), end="")
    print(f"{'over':>6}{'CPU ms at 640x480':>20}")
    base = None
    for name, detect in detectors.items():
        ms = cpu_ms(detect, frames)
        base = base or ms
        counts = count_right(detect, photos, args.photos.parent, args.verbose)
        print(f"{name:10}", *(f"{counts[kind]:11}" for kind in KINDS), end="")
        print(f"{counts['over']:6}{ms:12.0f} ({ms / base:.2f}x)", flush=True)


if __name__ == "__main__":
    run(main)
