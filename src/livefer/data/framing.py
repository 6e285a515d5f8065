"""Whether the pictures of a data set are faces that fill them, as the network expects.

A picture of head and shoulders is read all the same: it becomes a small face in 48×48 pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Dataset
from livefer.data.photos import cut_face
from livefer.data.readers import SIZE
from livefer.detection.detectors import Detector, make_detector
from livefer.errors import SourceError
from livefer.media.pictures import read_image

MAX_RATIO = 1.25
"""Of a picture's sides; a longer one is squashed visibly."""

MIN_SHARE = 0.7
"""Of a picture's side, of the crop that livefer would cut out of it.

Measured with both detectors: 0.39 to 0.50 on head and shoulders, 0.53 to 0.68 on whole heads, from
0.73 up on faces that fill their picture (of FER2013's, one in fifty has less).
"""

_MOST = 40  # pictures that are looked at: some seconds with the Haar cascades
_SIDE_PX = 192  # at which a face is searched
_FEW = 0.1  # of the pictures: an odd one is no fault of the data set


def framing_note(dataset: Dataset, detector: Detector | None = None) -> str | None:
    """Return a line that says how many pictures are no faces that fill the frame, and what to do.

    None where less than a tenth are. Up to forty pictures, evenly picked, are looked at; those of
    48×48 pixels cannot be judged.

    detector: None is the one that "auto" names
    """
    if not dataset.root.is_dir():
        return None
    files = [file for split in dataset.splits.values() for file in split.files]
    picked = np.unique(np.linspace(0, len(files) - 1, _MOST).round().astype(int))
    n_seen = n_loose = 0
    for i in picked:
        try:
            image = read_image(dataset.root / files[i])
        except SourceError:
            continue
        n_seen += 1
        if image.shape[:2] == (SIZE, SIZE):
            continue
        detector = detector or make_detector("auto")
        n_loose += _is_loose(image, detector)
    if n_loose <= _FEW * n_seen:
        return None
    all_of = f"{n_loose} of {n_seen} pictures"
    if len(picked) < len(files):
        all_of += f" looked at (there are {len(files):,})"
    return (
        f"{all_of} are not faces that fill the frame, and of their faces little is left in 48×48 "
        f"pixels: livefer crop {dataset.root} -o FACES cuts the faces out"
    )


def _is_loose(image: NDArray[np.uint8], detector: Detector) -> bool:
    """Say whether a picture is far from square, or has a face that is much smaller than it."""
    height, width = image.shape[:2]
    longer = max(height, width)
    if longer > MAX_RATIO * min(height, width):
        return True
    scale = _SIDE_PX / longer
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
    face = cut_face(image, detector)
    if face is None:
        return False
    side = float(face.square[2] - face.square[0])
    return side < MIN_SHARE * float(max(image.shape[:2]))
