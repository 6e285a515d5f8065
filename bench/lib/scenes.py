"""Generated scenes of faces that move, cross, hide, come and go; who is where is known exactly.

Heads (heads.py) move as their kind of scene says (casts.py) before smooth noise, gradients or
photographs without faces (backgrounds.py); the light changes a little, and every frame has sensor
noise. The same seed gives the same pixels. Boxes are xyxy in pixels. Nothing that
is made from FER2013 or from photographs may be committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from lib.backgrounds import HEIGHT, WIDTH, Image, gradient, smooth_noise
from lib.casts import KINDS, Actor, Direct, group, sitting, swaying
from lib.heads import OVAL, Head, paste
from numpy.typing import NDArray

from livefer.errors import ConfigError

FPS = 30
ABSENT, WHOLE = 0.1, 0.9
"""Shares of a head that can be seen: below the first nobody is there, from the second all is."""

_NOISE = 3.0  # gray levels


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Actors before a background; later ones stand before earlier ones, a pillar before all.

    background: (480, 640, 3) uint8 BGR
    gains: (n,) brightness of each frame
    pillar: first and last column of what hides who walks behind it
    """

    name: str
    background: Image
    actors: tuple[Actor, ...]
    gains: NDArray[np.float64]
    seed: int
    pillar: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.gains)

    def boxes(self) -> NDArray[np.float32]:
        """Return (n, actors, 4): where each face is, seen or not."""
        places = np.stack([actor.places for actor in self.actors], axis=1)
        half = places[..., 2:] / 2
        corners = [places[..., :2] - half, places[..., :2] + half]
        return np.concatenate(corners, axis=-1).astype(np.float32)

    def visible(self) -> NDArray[np.float64]:
        """Return (n, actors): which share of each head is inside the picture and not covered."""
        shares = np.zeros((len(self), len(self.actors)))
        for i in range(len(self)):
            who = np.zeros((HEIGHT, WIDTH), np.uint8)
            areas = []
            for k, actor in enumerate(self.actors):
                x, y, side = actor.places[i]
                axes = tuple(int(v) for v in np.rint(OVAL * side))
                areas.append(np.pi * axes[0] * axes[1])
                if actor.opacity[i] > 0.5:
                    cv2.ellipse(who, (round(x), round(y)), axes, 0, 0, 360, k + 1, -1)
            if self.pillar:
                who[:, self.pillar[0] : self.pillar[1] + 1] = 0
            counts = np.bincount(who.ravel(), minlength=len(areas) + 1)[1:]
            shares[i] = np.minimum(counts / np.array(areas), 1.0)
        return shares

    def images(self) -> Iterator[Image]:
        """Yield the frames, (480, 640, 3) uint8 BGR."""
        rng = np.random.default_rng(self.seed)
        room = 64
        shape = (4, HEIGHT + room, WIDTH + room, 3)
        grain = np.rint(rng.normal(0, _NOISE, shape)).astype(np.int16)
        for i, gain in enumerate(self.gains):
            image = self.background.copy()
            for actor in self.actors:
                if actor.opacity[i] > 0:
                    paste(image, actor.heads[actor.shown[i]], actor.places[i], actor.opacity[i])
            if self.pillar:
                columns = slice(self.pillar[0], self.pillar[1] + 1)
                image[:, columns] = self.background[::-1, columns]
            image = np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)
            which, top, left = rng.integers(4), *rng.integers(0, room, 2)
            noise = grain[which, top : top + HEIGHT, left : left + WIDTH]
            yield np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def make_scene(
    direct: Direct,
    heads: Sequence[Head],
    backgrounds: Sequence[Image | None],
    seconds: float,
    seed: int,
) -> Scene:
    """Return a scene of one kind; nobody plays twice in it.

    backgrounds: one of them that is not None, or now and then noise or a gradient
    """
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * FPS)) / FPS
    order = iter(rng.permutation(len(heads)))

    def draw() -> Head:
        if (which := next(order, None)) is None:
            raise ConfigError(f"{len(heads)} heads are too few for {direct.__name__}: 5 are enough")
        return heads[int(which)]

    actors, pillar = direct(rng, draw, t)
    background = None
    while background is None:
        which = int(rng.integers(len(backgrounds) + 2))
        background = backgrounds[which - 2] if which >= 2 else (smooth_noise, gradient)[which](rng)
    gains = rng.uniform(0.85, 1.05) * (1 + 0.06 * np.sin(t * rng.uniform(0.5, 1.5)))
    return Scene(direct.__name__, background, tuple(actors), gains, seed, pillar)


def make_scenes(
    heads: Sequence[Head], backgrounds: Sequence[Image | None], seconds: float, seed: int
) -> list[Scene]:
    """Return a scene of each kind, and a second one of those in which people stay."""
    kinds = [*KINDS, sitting, group]
    return [
        replace(
            make_scene(kind, heads, backgrounds, seconds, seed + k),
            name=kind.__name__ + (" again" if kind in kinds[:k] else ""),
        )
        for k, kind in enumerate(kinds)
    ]


def changing(heads: Sequence[Head], background: Image, every_s: float, seed: int) -> Scene:
    """Return a scene of one face that becomes the next of the heads at known frames, at once."""
    rng = np.random.default_rng(seed)
    lengths = round(every_s * FPS) + rng.integers(0, 8, len(heads))
    shown = np.repeat(np.arange(len(heads)), lengths)
    t = np.arange(len(shown)) / FPS
    actor = swaying(rng, heads[0], WIDTH / 2, HEIGHT / 2, 130, t, 0.05)
    actor = Actor(tuple(heads), shown, actor.places, actor.opacity)
    return Scene("changing", background, (actor,), np.ones(len(t)), seed)


def sheet(
    heads: Sequence[Head], backgrounds: Sequence[Image | None], seed: int, every: int = 36
) -> Image:
    """Draw every `every`-th frame of a scene of each kind, a row each, with the boxes."""
    rows = []
    for k, kind in enumerate(KINDS):
        scene = make_scene(kind, heads, backgrounds, 6, seed + k)
        boxes, visible, row = scene.boxes(), scene.visible(), []
        for i, image in enumerate(scene.images()):
            if i % every != 10:
                continue
            for box, share in zip(boxes[i], visible[i], strict=True):
                left, top, right, bottom = (round(float(v)) for v in box)
                colour = (80, 255, 80) if share >= WHOLE else (0, 160, 255)
                if share >= ABSENT:
                    cv2.rectangle(image, (left, top), (right, bottom), colour, 2)
            row.append(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(row))
    return np.asarray(np.vstack(rows), np.uint8)
