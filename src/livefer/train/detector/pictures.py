"""The detector's training pictures, labelled once and kept in one file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.detection.yunet import YuNetDetector
from livefer.errors import ConfigError, SourceError
from livefer.media.names import PICTURE_SUFFIXES
from livefer.media.pictures import read_image
from livefer.system.atomic import replacing
from livefer.train.detector.teacher import Labels, label

KINDS = ("picture", "cutout", "face", "background")
_SIDE_PX = 480  # longest side that is kept
_QUALITY = 95
_HELD_OUT = 10  # one of so many pictures is never trained on
_LEAST_PX = 40
_CERTAIN_FACE = 0.6
_CERTAIN_EMPTY = 0.25  # a background with a higher score of any face is left out


@dataclass(frozen=True)
class Picture:
    """One picture with its faces.

    kind: "picture" (whole, its faces as the teacher sees them), "cutout" (a person, with a mask),
        "face" (a crop that is nothing but a face) or "background" (no face in it)
    jpeg: the encoded picture, decoded once; mask: the encoded (H, W) mask of a cutout, or empty
    """

    name: str
    kind: str
    jpeg: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    labels: Labels

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 BGR."""
        return np.asarray(cv2.imdecode(self.jpeg, cv2.IMREAD_COLOR), np.uint8)

    @cached_property
    def alpha(self) -> NDArray[np.uint8] | None:
        """Return the (H, W) uint8 mask of a cutout."""
        if not len(self.mask):
            return None
        return np.asarray(cv2.imdecode(self.mask, cv2.IMREAD_GRAYSCALE), np.uint8)

    @property
    def is_held_out(self) -> bool:
        """Whether the picture measures instead of training: decided by its name."""
        return int(hashlib.sha256(self.name.encode()).hexdigest()[:8], 16) % _HELD_OUT == 0


def read_pictures(path: Path) -> list[Picture]:
    """Read the file that `write_pictures` wrote."""
    with np.load(path) as store:
        arrays = {name: store[name] for name in store.files}
    jpegs = np.split(arrays["jpegs"], np.cumsum(arrays["jpeg_sizes"])[:-1])
    masks = np.split(arrays["masks"], np.cumsum(arrays["mask_sizes"])[:-1])
    ends = np.cumsum(arrays["n_faces"])[:-1]
    boxes, points = np.split(arrays["boxes"], ends), np.split(arrays["landmarks"], ends)
    scores = np.split(arrays["scores"], ends)
    return [
        Picture(str(name), KINDS[kind], jpeg, mask, Labels(*labels))
        for name, kind, jpeg, mask, *labels in zip(
            arrays["names"], arrays["kinds"], jpegs, masks, boxes, points, scores, strict=True
        )
    ]


def write_pictures(path: Path, pictures: list[Picture], left_out: list[str]) -> None:
    """Write pictures with their labels, and the names of those left out, to one .npz file."""
    nothing = Labels(
        np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
    )
    labels = [*(p.labels for p in pictures), nothing]
    no_bytes = np.zeros(0, np.uint8)
    columns: dict[str, Any] = {
        "names": np.array([p.name for p in pictures], str),
        "left_out": np.array(left_out, str),
        "kinds": np.array([KINDS.index(p.kind) for p in pictures], np.uint8),
        "jpegs": np.concatenate([no_bytes, *(p.jpeg for p in pictures)]),
        "jpeg_sizes": np.array([len(p.jpeg) for p in pictures], int),
        "masks": np.concatenate([no_bytes, *(p.mask for p in pictures)]),
        "mask_sizes": np.array([len(p.mask) for p in pictures], int),
        "n_faces": np.array([len(p.labels.scores) for p in pictures], int),
        "boxes": np.concatenate([each.boxes for each in labels]),
        "landmarks": np.concatenate([each.landmarks for each in labels]),
        "scores": np.concatenate([each.scores for each in labels]),
    }
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **columns)


def labelled_pictures(
    folder: Path, teacher: Path | None, say: Callable[[str], object]
) -> list[Picture]:
    """Return the pictures of a folder with the teacher's labels.

    Its sub-folders are pictures/ (with people or not), cutouts/ (one person before a plain
    background), faces/ (crops that are nothing but a face) and backgrounds/ (no face); links to
    folders are followed. The labels are kept beside the folder, in FOLDER.npz, until a file comes
    or goes. Raises ConfigError or ModelError.

    teacher: YuNet's file; None is the one that was downloaded
    say: called with lines on what is done
    """
    files = list(_files(folder))
    if not files:
        kinds = ", ".join(f"{kind}s/" for kind in KINDS)
        raise ConfigError(f"{folder} holds no pictures: expected {kinds} in it, or some of these")
    kept = folder.with_name(f"{folder.name}.npz")
    if not kept.is_file() or _names(kept) != {name for name, _, _ in files}:
        say(f"labelling {len(files)} pictures, once: some minutes for a thousand")
        pictures, left_out = label_pictures(files, YuNetDetector(teacher))
        for name, reason in list(left_out.items())[:5]:
            say(f"left out: {name}: {reason}")
        if len(left_out) > 5:
            say(f"and {len(left_out) - 5} others")
        write_pictures(kept, pictures, list(left_out))
        say(f"wrote {kept}")
    return read_pictures(kept)


def _files(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield name, kind and path of each picture below a folder, in the order of their names."""
    for kind in KINDS:
        for parent, folders, names in os.walk(folder / f"{kind}s", followlinks=True):
            folders.sort()
            for name in sorted(names):
                path = Path(parent, name)
                if path.suffix.lower() in PICTURE_SUFFIXES:
                    yield path.relative_to(folder).as_posix(), kind, path


def _names(path: Path) -> set[str]:
    with np.load(path) as store:
        return {str(name) for name in (*store["names"], *store["left_out"])}


def label_pictures(
    files: Iterable[tuple[str, str, Path]], detector: YuNetDetector
) -> tuple[list[Picture], dict[str, str]]:
    """Read and label files; return the pictures, and by name why others were left out.

    files: name, kind and path of each
    """
    pictures, left_out = [], {}
    for name, kind, path in files:
        labelled = _try_to_label(name, kind, path, detector)
        if isinstance(labelled, Picture):
            pictures.append(labelled)
        else:
            left_out[name] = labelled
    return pictures, left_out


def _try_to_label(name: str, kind: str, path: Path, detector: YuNetDetector) -> Picture | str:
    """Return a labelled picture, or why it is left out."""
    try:
        return _labelled(name, kind, read_image(path), detector)
    except (SourceError, ValueError) as error:
        return str(error)


def _labelled(name: str, kind: str, image: NDArray[np.uint8], detector: YuNetDetector) -> Picture:
    """Label one picture; ValueError where it is not of its kind."""
    image = _shrunk(image)
    if min(image.shape[:2]) < _LEAST_PX:
        raise ValueError(f"smaller than {_LEAST_PX} pixels")
    if kind == "face":
        image = _with_border(image)
    labels = label(detector, image)
    best = float(labels.scores.max(initial=0))
    mask = np.zeros(0, np.uint8)
    if kind == "background":
        if best > _CERTAIN_EMPTY:
            raise ValueError("there may be a face in it")
        labels = Labels(*(column[:0] for column in labels))
    if kind in ("face", "cutout"):
        if best < _CERTAIN_FACE:
            raise ValueError("no face was found in it")
        labels = Labels(*(column[:1] for column in labels))
    if kind == "cutout":
        mask = encoded(_person(image, labels.boxes[0]), ".png")
    return Picture(name, kind, encoded(image, ".jpg"), mask, labels)


def encoded(image: NDArray[Any], suffix: str) -> NDArray[np.uint8]:
    """Return the bytes of an image file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if suffix == ".jpg" else []
    return np.asarray(cv2.imencode(suffix, image, options)[1], np.uint8).ravel()


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 2:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    scale = _SIDE_PX / max(image.shape[:2])
    if scale >= 1:
        return image
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _with_border(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge a crop of a face, and continue its border, so that the teacher recognises it."""
    large = cv2.resize(face, (144, 144), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(large, 48, 48, 48, 48, cv2.BORDER_REFLECT_101), np.uint8)


def _person(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the (H, W) uint8 mask of a person before a plain background, by GrabCut.

    The background is what is connected with the upper corners; the face is surely a person.
    """
    height, width = image.shape[:2]
    scale = 192 / max(height, width)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left, top, right, bottom = (box * scale).astype(int)
    w, h = right - left, bottom - top
    marks = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    marks[max(0, top - h) :, max(0, left - w) : right + w] = cv2.GC_PR_FGD
    marks[bottom + h // 3 :] = cv2.GC_PR_FGD
    marks[: max(1, top - h), :] = cv2.GC_BGD
    marks[:, :2] = cv2.GC_BGD
    marks[:, -2:] = cv2.GC_BGD
    marks[max(0, top) : bottom + h // 4, max(0, left) : right] = cv2.GC_FGD
    models = np.zeros((2, 1, 65))
    cv2.grabCut(small, marks, (0, 0, 0, 0), models[0], models[1], 4, cv2.GC_INIT_WITH_MASK)
    person = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    full = cv2.resize(cv2.medianBlur(person, 5), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(full, (0, 0), max(1.0, 0.6 / scale)), np.uint8)
