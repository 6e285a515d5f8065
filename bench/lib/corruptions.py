"""What can happen to a face between the world and the network, as pure functions of faces.

Each takes faces (N, H, W) uint8, a strength and a generator and returns new faces of that shape;
equal generators give equal faces. The faces are cut already, so what a worse crop brings in from
outside is the edge, repeated, and JPEG's blocks are as large against a face as in a picture that
holds nothing else: both are harder than life. Nothing here knows about networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Faces = NDArray[np.uint8]

_WHITE_PHOTONS = 1000.0  # caught by one pixel of a white surface in good light
_GAMMA = 2.2


def shift(faces: Faces, distance_px: float, generator: Generator) -> Faces:
    """Move each face's crop in a random direction, by whole pixels."""
    angle = generator.uniform(0, 2 * np.pi, len(faces))
    moves = np.round(distance_px * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return _crop_again(faces, shifts_px=moves)


def rescale(faces: Faces, scale: float, generator: Generator) -> Faces:
    """Cut the crop `scale` times as wide: above 1 too loose, below 1 too tight."""
    return _crop_again(faces, scale=scale)


def rotate(faces: Faces, degrees: float, generator: Generator) -> Faces:
    """Tilt each face to the left or to the right."""
    return _crop_again(faces, angles=np.radians(generator.choice([-degrees, degrees], len(faces))))


def blur(faces: Faces, sigma_px: float, generator: Generator) -> Faces:
    """Blur with a Gaussian."""
    return _each(
        faces,
        lambda face: np.asarray(
            cv2.GaussianBlur(face, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.uint8
        ),
    )


def noise(faces: Faces, deviation: float, generator: Generator) -> Faces:
    """Add Gaussian noise of a standard deviation in gray levels."""
    return _gray(faces + generator.normal(0, deviation, faces.shape))


def low_light(faces: Faces, stops: float, generator: Generator) -> Faces:
    """Halve the light `stops` times, with the noise of the few photons left; no gain is applied."""
    light = (faces / 255) ** _GAMMA * 0.5**stops
    caught = generator.poisson(light * _WHITE_PHOTONS) / _WHITE_PHOTONS
    return _gray(255 * caught ** (1 / _GAMMA))


def low_resolution(faces: Faces, side_px: float, generator: Generator) -> Faces:
    """Shrink to `side_px` and enlarge as `crop_faces` does, linearly."""
    small = (round(side_px), round(side_px))

    def through(face: Faces) -> Faces:
        shrunk = cv2.resize(face, small, interpolation=cv2.INTER_AREA)
        enlarged = cv2.resize(shrunk, face.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, np.uint8)

    return _each(faces, through)


def jpeg(faces: Faces, quality: float, generator: Generator) -> Faces:
    """Compress as JPEG and decode."""

    def through(face: Faces) -> Faces:
        data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

    return _each(faces, through)


def occlude(faces: Faces, area: float, generator: Generator) -> Faces:
    """Cover a share of each face with a rectangle of one gray level, anywhere inside it."""
    covered = np.array(faces)
    height, width = faces.shape[1:]
    for face in covered:
        stretch = 2 ** generator.uniform(-0.5, 0.5)
        h = min(height, round(height * np.sqrt(area) * stretch))
        w = min(width, round(width * height * area / h))
        top, left = generator.integers(height - h + 1), generator.integers(width - w + 1)
        face[top : top + h, left : left + w] = generator.integers(256)
    return covered


@dataclass(frozen=True, slots=True)
class Corruption:
    """A function of this module with three strengths, mild first.

    what: the strength in words, with {} for the figure
    """

    name: str
    apply: Callable[[Faces, float, Generator], Faces]
    strengths: tuple[float, float, float]
    what: str

    def labels(self) -> list[str]:
        """Return each strength in words."""
        return [self.what.format(strength) for strength in self.strengths]


CORRUPTIONS = (
    Corruption("crop shifted", shift, (2, 4, 6), "{:g} of 48 px"),
    Corruption("crop too loose", rescale, (1.1, 1.2, 1.3), "{:g} times"),
    Corruption("crop too tight", rescale, (0.9, 0.8, 0.7), "{:g} times"),
    Corruption("rotation", rotate, (10, 20, 30), "±{:g}°"),
    Corruption("blur", blur, (1, 1.5, 2), "sigma {:g} px"),
    Corruption("noise", noise, (10, 20, 30), "sd {:g} of 255"),
    Corruption("low light", low_light, (2, 3, 4), "{:g} stops"),
    Corruption("low resolution", low_resolution, (24, 16, 12), "{:g} px"),
    Corruption("JPEG", jpeg, (40, 20, 10), "quality {:g}"),
    Corruption("occlusion", occlude, (0.1, 0.2, 0.3), "{:.0%} of the area"),
)


def _crop_again(
    faces: Faces, scale: float = 1.0, angles: ArrayLike = 0.0, shifts_px: ArrayLike = 0.0
) -> Faces:
    """Cut each face anew with a square of another size, angle (N,) in radians or place (N, 2)."""
    n, (height, width) = len(faces), faces.shape[1:]
    angles = np.broadcast_to(np.asarray(angles, float), n)
    shifts = np.broadcast_to(np.asarray(shifts_px, float), (n, 2))
    centre = np.array([width - 1, height - 1]) / 2
    result = np.empty_like(faces)
    for i, face in enumerate(faces):
        sin, cos = np.sin(angles[i]), np.cos(angles[i])
        turn = scale * np.array([[cos, -sin], [sin, cos]])
        matrix = np.column_stack([turn, centre + shifts[i] - turn @ centre])
        # Cubic, so that the crop loses little sharpness, which no worse crop does in life.
        result[i] = cv2.warpAffine(
            face,
            matrix,
            (width, height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return result


def _each(faces: Faces, function: Callable[[Faces], NDArray[np.uint8]]) -> Faces:
    result = np.empty_like(faces)
    for i, face in enumerate(faces):
        result[i] = function(face)
    return result


def _gray(values: NDArray[np.float64]) -> Faces:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
