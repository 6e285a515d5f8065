"""Photographs of people in class folders → the largest face of each, cut out as livefer cuts it.

Knows nothing about networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.data.folders import list_photos
from livefer.data.readers import SIZE, Progress
from livefer.detection.detectors import Detector
from livefer.errors import DatasetError, SourceError
from livefer.faces.boxes import Boxes, crop_boxes, sides_of
from livefer.faces.crops import crop_faces
from livefer.faces.quality import too_small, usable
from livefer.formatting import count
from livefer.media.pictures import read_image


@dataclass(frozen=True, slots=True, eq=False)
class CutFace:
    """The largest face of a picture.

    pixels: (48, 48) uint8 gray: what the network sees
    square: (4,) float32, xyxy in pixels: where it was cut
    n_faces: faces in the picture, this one included
    is_readable: it is large, sharp and light enough, and most of it lies inside the picture
    """

    pixels: NDArray[np.uint8]
    square: NDArray[np.float32]
    n_faces: int
    is_readable: bool


def cut_face(image: NDArray[np.uint8], detector: Detector, scale: float = 1.0) -> CutFace | None:
    """Cut the largest face out of a picture, as `Recognizer` does; None where there is no face.

    image: (H, W, 3) uint8 BGR
    scale: a model's own `crop_scale`
    """
    boxes = np.asarray(detector.detect(image)[0], np.float32)
    if not len(boxes):
        return None
    largest: Boxes = boxes[[sides_of(boxes).argmax()]]
    framing = detector.crop_scale * scale, detector.crop_shift_y
    faces = crop_faces(image, largest, *framing, SIZE)
    squares = crop_boxes(largest, *framing)
    is_readable = usable(faces, squares, image.shape[:2]) & ~too_small(largest)
    return CutFace(faces[0], squares[0], len(boxes), bool(is_readable[0]))


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """The faces of labelled photographs.

    classes: those that have a photograph
    split: the faces, and the files of their photographs, relative to `root`
    squares: (N, 4) float32, xyxy in pixels: where each was cut
    n_faces: (N,) int64, faces in its photograph, of which the largest counts
    is_readable: (N,) bool
    missed: Split of the photographs without a face; its pixels are black
    unreadable: (file, reason)
    ignored: (path, reason) of what is in no class folder
    detector: its name
    """

    root: Path
    classes: tuple[str, ...]
    split: Split
    squares: Boxes
    n_faces: NDArray[np.int64]
    is_readable: NDArray[np.bool_]
    missed: Split
    unreadable: tuple[tuple[str, str], ...]
    ignored: tuple[tuple[str, str], ...]
    detector: str

    @property
    def n_photos(self) -> int:
        """All that could be read."""
        return len(self.split) + len(self.missed)

    @property
    def several(self) -> list[str]:
        """The files of the photographs with several faces."""
        return [file for file, n in zip(self.split.files, self.n_faces, strict=True) if n > 1]


def read_photos(
    root: Path,
    classes: Sequence[str],
    detector: Detector,
    scale: float = 1.0,
    progress: Progress | None = None,
) -> Photos:
    """Find and cut out the faces of all photographs in folders that are called as `classes`.

    progress: called with the number of photographs done and of all

    Raises DatasetError where there is no photograph, or none with a face.
    """
    found, ignored = list_photos(root, classes)
    named = {label for _, label in found}
    present = tuple(name for name in classes if name in named)
    cut: list[tuple[str, int, CutFace | None]] = []
    unreadable: list[tuple[str, str]] = []
    for n_done, (path, label) in enumerate(found, 1):
        file = Path(path).relative_to(root).as_posix()
        try:
            face = cut_face(read_image(path), detector, scale)
            cut.append((file, present.index(label), face))
        except SourceError as error:
            unreadable.append((file, str(error)))
        if progress:
            progress(n_done, len(found))
    faces = [face for _, _, face in cut if face is not None]
    if not faces:
        why = f": {unreadable[0][1]}" if unreadable else ""
        raise DatasetError(
            f"no face was found in {count(len(found), 'photograph')} of {root}{why}: try another "
            "--detector"
        )
    return Photos(
        root=root,
        classes=present,
        split=_split("photographs", [one for one in cut if one[2] is not None]),
        squares=np.stack([face.square for face in faces]),
        n_faces=np.array([face.n_faces for face in faces], np.int64),
        is_readable=np.array([face.is_readable for face in faces], bool),
        missed=_split("photographs without a face", [one for one in cut if one[2] is None]),
        unreadable=tuple(unreadable),
        ignored=tuple(ignored),
        detector=str(getattr(detector, "name", type(detector).__name__)),
    )


def _split(name: str, cut: Sequence[tuple[str, int, Any]]) -> Split:
    faces = np.zeros((len(cut), SIZE, SIZE), np.uint8)
    for face, (_, _, found) in zip(faces, cut, strict=True):
        if found is not None:
            face[:] = found.pixels
    targets = np.array([class_id for _, class_id, _ in cut], np.int64)
    return Split(name, faces, targets, tuple(file for file, _, _ in cut))
