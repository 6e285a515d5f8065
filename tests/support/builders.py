"""Small data sets for tests: faces that differ, folders of pictures, CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.media.opencv_reader import quiet


def make_faces(n: int, seed: int = 0, side_px: int = 48) -> NDArray[np.uint8]:
    """Faces (n, side, side) uint8 of smooth noise: no two alike, and JPEG keeps them well."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (n, 6, 6), dtype=np.uint8)
    faces = [cv2.resize(c, (side_px, side_px), interpolation=cv2.INTER_CUBIC) for c in coarse]
    return np.stack(faces).astype(np.uint8) if n else np.empty((0, side_px, side_px), np.uint8)


def make_split(targets: Iterable[int], name: str = "val", seed: int = 0) -> Split:
    """A split of made-up faces with the given targets."""
    ids = np.array(list(targets), np.int64)
    files = tuple(f"{name}/{i}.png" for i in range(len(ids)))
    return Split(name, make_faces(len(ids), seed), ids, files)


def write_picture(path: Path, image: NDArray[np.uint8]) -> Path:
    """Write a picture in the format its suffix names, folders included."""
    ok, data = cv2.imencode(path.suffix, image)
    assert ok
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())
    return path


def write_avi(path: str | Path, images: Iterable[NDArray[np.uint8]], fps: float = 25) -> Path:
    """Write pictures of one size as a video of JPEGs, which needs no PyAV."""
    images = list(images)
    height, width = images[0].shape[:2]
    with quiet():
        code = cv2.VideoWriter.fourcc(*"MJPG")
        writer = cv2.VideoWriter(str(path), code, fps, (width, height))
    for image in images:
        writer.write(image)
    writer.release()
    return Path(path)


def write_folders(root: Path, counts: Mapping[str, int], prefix: str = "") -> Path:
    """Write PNG pictures, counts["train/happy"] of them into train/happy, all different."""
    for seed, (folder, n) in enumerate(counts.items()):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i, face in enumerate(make_faces(n, seed)):
            write_picture(root / folder / f"{prefix}{i:03}.png", face)
    return root


def csv_row(face: NDArray[np.uint8]) -> str:
    """The `pixels` column of a face."""
    return " ".join(map(str, face.ravel()))
