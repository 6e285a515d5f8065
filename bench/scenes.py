"""Generated scenes of faces that move, cross, hide, come and go; who is where is known exactly.

    python bench/scenes.py --sheet out/scenes.png

A head is the shipped face (mirrored, tinted) or a face of FER2013, enlarged, in an oval outline
with a soft edge. Heads move over smooth noise, gradients or photographs without faces; the light
changes a little and every frame has sensor noise. The same seed gives the same pixels. Boxes are
xyxy in pixels. Of FER2013's faces only those are used that both detectors find when they stand
still. Nothing that is made from FER2013 or from photographs may be committed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import livefer
from livefer.dataset import Split, read_dataset
from livefer.faces import iou_matrix
from livefer.haar import HaarDetector
from livefer.sources import read_image
from livefer.yunet import YuNetDetector

WIDTH, HEIGHT, FPS = 640, 480, 30
SHIPPED_PICTURE = Path(livefer.__file__).parent / "assets" / "astronaut.jpg"
ABSENT, WHOLE = 0.1, 0.9
"""Shares of a head that can be seen: below the first nobody is there, from the second all is."""

_UNIT = 4  # pixels of a head's picture for one of FER2013's
_PAD = 16  # of FER2013's pixels around its face
_OVAL = np.array([0.58, 0.70])  # half axes of a head, in sides of its face
_EDGE_PX = 12.0  # soft edge of the finest picture
_STILL_SIDES_PX = (64, 100, 160)
_STILL_IOU = 0.6
_BEAR_FACES = {"skimage__coins.png"}  # a detector that finds one there is not wrong
_NOISE = 3.0  # gray levels

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A face and its outline, from fine to coarse, each half the size of the one before.

    pictures: (n, n, 3) uint8 BGR each
    alphas: (n, n) float32, 0-1 each
    middle, side_px: of the face, in the first picture
    label: what it shows; None where nobody said
    """

    pictures: tuple[Image, ...]
    alphas: tuple[NDArray[np.float32], ...]
    middle: tuple[float, float]
    side_px: float
    label: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """One person of a scene of n frames.

    heads: what it looks like
    shown: (n,) which of the heads in each frame
    places: (n, 3) x, y of the face's middle and its side, in pixels
    opacity: (n,) 0-1
    """

    heads: tuple[Head, ...]
    shown: NDArray[np.int64]
    places: NDArray[np.float64]
    opacity: NDArray[np.float64]

    def labels(self) -> list[str | None]:
        """Return what it shows in each frame."""
        return [self.heads[k].label for k in self.shown]


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
                axes = tuple(int(v) for v in np.rint(_OVAL * side))
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


def paste(image: Image, head: Head, place: NDArray[np.float64], opacity: float = 1.0) -> None:
    """Draw a head into an image, its face's middle at (x, y) with a side in pixels: `place`."""
    x, y, side = (float(v) for v in place)
    level = int(np.clip(np.log2(head.side_px / side), 0, len(head.pictures) - 1))
    zoom = side / head.side_px * 2**level
    middle = np.array(head.middle) / 2**level
    reach = np.array(head.pictures[level].shape[1::-1]) * zoom
    left, top = np.floor(np.array([x, y]) - middle * zoom).astype(int)
    right, bottom = np.array([left, top]) + np.ceil(reach).astype(int) + 1
    left, right = np.clip([left, right], 0, image.shape[1])
    top, bottom = np.clip([top, bottom], 0, image.shape[0])
    if right <= left or bottom <= top:
        return
    # Pixel centres lie at halves, in the head's picture as in the image.
    move = np.array([x - left, y - top]) - middle * zoom + 0.5 * zoom - 0.5
    turn = np.array([[zoom, 0, move[0]], [0, zoom, move[1]]])
    size_wh = (int(right - left), int(bottom - top))
    picture = cv2.warpAffine(head.pictures[level], turn, size_wh, borderMode=cv2.BORDER_REPLICATE)
    alpha = opacity * cv2.warpAffine(head.alphas[level], turn, size_wh)[..., None]
    part = image[top:bottom, left:right]
    part[:] = np.rint(part + (picture.astype(np.float32) - part) * alpha)


def _head(picture: Image, middle: tuple[float, float], side_px: float, label: str | None) -> Head:
    """Return a head with an oval outline around its face."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    half = _OVAL * side_px
    from_middle = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
    alpha = np.clip((1 - from_middle) * _OVAL.mean() * side_px / _EDGE_PX + 0.5, 0, 1)
    pictures, alphas = [picture], [alpha.astype(np.float32)]
    for _ in range(3):
        wh = tuple(side // 2 for side in pictures[-1].shape[1::-1])
        finer, its_alpha = pictures[-1], alphas[-1]
        pictures.append(np.asarray(cv2.resize(finer, wh, interpolation=cv2.INTER_AREA), np.uint8))
        coarser = cv2.resize(its_alpha, wh, interpolation=cv2.INTER_AREA)
        alphas.append(np.asarray(coarser, np.float32))
    return Head(tuple(pictures), tuple(alphas), middle, side_px, label)


def shipped_heads() -> list[Head]:
    """Return the shipped face and its mirror image, each in three tints: six people."""
    # Between the boxes that both detectors give for this face.
    picture = read_image(SHIPPED_PICTURE)[24:216, 128:320]
    middle, side = (224.0 - 128, 117.0 - 24), 102.0
    picture = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    middle, side = (2 * middle[0], 2 * middle[1]), 2 * side
    heads = []
    for tint in ((1, 1, 1), (1.1, 0.95, 0.8), (0.75, 0.9, 1.1)):
        tinted = np.clip(picture * np.array(tint), 0, 255).astype(np.uint8)
        mirrored = np.ascontiguousarray(tinted[:, ::-1])
        heads.append(_head(tinted, middle, side, "happy"))
        heads.append(_head(mirrored, (picture.shape[1] - middle[0], middle[1]), side, "happy"))
    return heads


def fer_head(face: NDArray[np.uint8], label: str | None, tint: Sequence[float]) -> Head:
    """Return a head around a face (48, 48) uint8; beyond the face it is a blurred mirror image."""
    size, pad = face.shape[0] * _UNIT, _PAD * _UNIT
    big = cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC)
    big = cv2.GaussianBlur(big, (0, 0), 0.35 * _UNIT)
    around = cv2.copyMakeBorder(big, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    around = cv2.GaussianBlur(around, (0, 0), 3 * _UNIT).astype(np.float32)
    sharp = cv2.copyMakeBorder(big, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    y, x = np.mgrid[: len(sharp), : len(sharp)] + 0.5 - len(sharp) / 2
    blurred = np.clip((np.maximum(abs(x), abs(y)) - size / 2) / (3 * _UNIT) + 1, 0, 1)
    gray = sharp + (around - sharp) * blurred
    picture = np.clip(gray[..., None] * np.array(tint), 0, 255).astype(np.uint8)
    return _head(picture, (len(sharp) / 2, len(sharp) / 2), size, label)


def val_heads(
    split: Split, classes: Sequence[str], n: int, detectors: Sequence[Any], seed: int
) -> tuple[list[Head], int]:
    """Return n heads of faces that every detector finds when still, and how many were tried."""
    rng = np.random.default_rng(seed)
    heads: list[Head] = []
    for n_tried, i in enumerate(rng.permutation(len(split)), start=1):
        warmth = rng.uniform(0, 0.15)
        tint = (1 - warmth, 1 - warmth / 3, 1 + warmth / 3)
        head = fer_head(split.faces[i], classes[split.targets[i]], tint)
        if found_when_still(head, detectors, rng):
            heads.append(head)
        if len(heads) == n:
            return heads, n_tried
    return heads, len(split)


def found_when_still(head: Head, detectors: Sequence[Any], rng: Generator) -> bool:
    """Say whether every detector finds the head alone, at three sizes and about where it is."""
    for side in _STILL_SIDES_PX:
        image = np.ascontiguousarray(smooth_noise(rng)[: 2 * side + 20, : 2 * side + 20])
        place = np.array([side + 10, side + 10, side], np.float64)
        paste(image, head, place)
        box = [[10 + side / 2] * 2 + [10 + 1.5 * side] * 2]
        for detector in detectors:
            if iou_matrix(box, detector.detect(image)[0]).max(initial=0.0) < _STILL_IOU:
                return False
    return True


def smooth_noise(rng: Generator) -> Image:
    """Return a background of soft, dull colours."""
    coarse = rng.integers(0, 256, (6, 8, 1)) + rng.integers(-25, 26, (6, 8, 3))
    coarse = np.clip(0.6 * coarse + 40, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def gradient(rng: Generator) -> Image:
    """Return a background that goes evenly from one colour to others."""
    corners = rng.integers(30, 220, (2, 2, 1)) + rng.integers(-20, 21, (2, 2, 3))
    corners = np.clip(corners, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))


def photo_backgrounds(listing: Path) -> list[Image | None]:
    """Return the listed photographs without faces, filled into the frame; None for coins."""
    images: list[Image | None] = []
    for photo in json.loads(listing.read_text(encoding="utf-8")):
        if photo["kind"] == "none":
            if Path(photo["file"]).name in _BEAR_FACES:
                images.append(None)
                continue
            image = read_image(listing.parent / photo["file"])
            zoom = max(WIDTH / image.shape[1], HEIGHT / image.shape[0])
            size_wh = tuple(int(np.ceil(v * zoom)) for v in image.shape[1::-1])
            shape = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
            filled = cv2.resize(image, size_wh, interpolation=shape)[:HEIGHT, :WIDTH]
            images.append(np.ascontiguousarray(filled, np.uint8))
    return images


Cast = tuple[list[Actor], tuple[int, int] | None]
Direct = Callable[[Generator, Callable[[], Head], NDArray[np.float64]], Cast]


def _actor(head: Head, x: Any, y: Any, side: Any, n: int, opacity: Any = 1.0) -> Actor:
    places = np.stack([np.broadcast_to(v, n).astype(np.float64) for v in (x, y, side)], axis=1)
    shown = np.zeros(n, np.int64)
    return Actor((head,), shown, places, np.broadcast_to(opacity, n).astype(np.float64))


def _swaying(
    rng: Generator, head: Head, x: float, y: float, side: float, t: NDArray[np.float64], far: float
) -> Actor:
    """Return somebody who stays, moving by about `far` sides, a little to and fro."""
    waves = [
        far * (np.sin(t * rng.uniform(1.5, 3) + rng.uniform(0, 6)))
        + far / 4 * np.sin(t * rng.uniform(6, 9) + rng.uniform(0, 6))
        for _ in range(3)
    ]
    sides = side * (1 + waves[2] / 3)
    return _actor(head, x + side * waves[0], y + side * waves[1] / 2, sides, len(t))


def _walking(
    rng: Generator, head: Head, side: float, start_s: float, speed: float, t: NDArray[np.float64]
) -> Actor:
    """Return somebody who crosses the picture from an edge, bobbing."""
    way = rng.choice([-1, 1])
    x = WIDTH / 2 + way * (speed * (t - start_s) - WIDTH / 2 - side)
    y = rng.uniform(0.3, 0.65) * HEIGHT + 0.05 * side * np.sin(2 * np.pi * 1.8 * t)
    return _actor(head, x, y, side, len(t))


def sitting(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """One face before a camera, as at a desk."""
    x, y = rng.uniform(240, 400), rng.uniform(200, 280)
    return [_swaying(rng, draw(), x, y, rng.uniform(110, 170), t, 0.12)], None


def group(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Four faces beside each other."""
    spots = [(100 + 147 * k, rng.uniform(170, 310), rng.uniform(70, 95)) for k in range(4)]
    return [_swaying(rng, draw(), *spot, t, 0.06) for spot in spots], None


def walking(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Three people, one after the other, in at one edge and out at the other."""
    starts = np.linspace(0.3, 0.55 * t[-1], 3)
    sides = np.sort(rng.uniform(75, 125, 3))  # the nearer one is the larger one
    speeds = rng.uniform(1.6, 2.8, 3) * sides
    ways = zip(sides, rng.permutation(starts), speeds, strict=True)
    return [_walking(rng, draw(), *way, t) for way in ways], None


def crossing(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Two people who pass each other, twice; the nearer hides the other."""
    y, side, pace = rng.uniform(200, 280), rng.uniform(85, 110), 2 * np.pi / rng.uniform(5, 7)
    swing = 190 * np.cos(pace * t + 0.3)
    far = _actor(draw(), WIDTH / 2 + swing, y, side, len(t))
    near = _actor(draw(), WIDTH / 2 - swing, y + 0.2 * side, 1.25 * side, len(t))
    return [far, near], None


def hidden(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Two who walk to and fro behind a pillar, hidden for half a second; one is always hurried."""
    actors = []
    for y, side, period in ((150, 75, 6.0), (335, 80, 4.5)):
        phase = rng.uniform(0, 6)
        actors.append(
            _actor(draw(), 330 + 200 * np.sin(2 * np.pi * t / period + phase), y, side, len(t))
        )
    return actors, (255, 405)


def nearing(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """One who comes from far until the face is large, and goes away again."""
    side = 45 * (210 / 45) ** (0.5 - 0.5 * np.cos(2 * np.pi * t / rng.uniform(5, 6.5)))
    x = WIDTH / 2 + rng.uniform(-60, 60) + 40 * np.sin(t)
    return [_actor(draw(), x, HEIGHT / 2 + 10 * np.cos(t), side, len(t))], None


def appearing(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Four who turn to the camera in the midst of the picture, and away from it."""
    actors = []
    for k, column in enumerate(rng.permutation(4)):
        start = 0.4 + k * 0.2 * t[-1]
        opacity = np.clip(np.minimum(t - start, start + rng.uniform(2, 3) - t) / 0.1, 0, 1)
        spot = (95 + 150 * column, rng.uniform(120, 360), rng.uniform(60, 105))
        actor = _swaying(rng, draw(), *spot, t, 0.05)
        actors.append(Actor(actor.heads, actor.shown, actor.places, opacity))
    return actors, None


def crowd(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Four small faces that stay, and one person who walks by before them."""
    spots = [(100 + 147 * k, rng.uniform(100, 180), rng.uniform(55, 70)) for k in range(4)]
    actors = [_swaying(rng, draw(), *spot, t, 0.08) for spot in spots]
    passer = _walking(rng, draw(), 105.0, 0.5, 210.0, t)
    passer.places[:, 1] += 300 - passer.places[:, 1].mean()
    return [*actors, passer], None


def fast(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """One face that moves by up to four of its sides a second."""
    side = rng.uniform(95, 125)
    x = WIDTH / 2 + 180 * np.sin(4 * side / 180 * t)
    y = HEIGHT / 2 + 60 * np.sin(1.7 * t + rng.uniform(0, 6))
    return [_actor(draw(), x, y, side, len(t))], None


def small(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Three faces of 36 to 50 pixels; one of them walks through the picture."""
    spots = [(rng.uniform(120, 200), 150.0, 50.0), (rng.uniform(420, 520), 170.0, 42.0)]
    actors = [_swaying(rng, draw(), *spot, t, 0.2) for spot in spots]
    passer = _walking(rng, draw(), 44.0, 0.2, 130.0, t)
    passer.places[:, 1] += 320 - passer.places[:, 1].mean()
    return [*actors, passer], None


KINDS: tuple[Direct, ...] = (
    *(sitting, group, walking, crossing, hidden, nearing, appearing, crowd, fast, small),
)


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
    actors, pillar = direct(rng, lambda: heads[next(order)], t)
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
    actor = _swaying(rng, heads[0], WIDTH / 2, HEIGHT / 2, 130, t, 0.05)
    actor = Actor(tuple(heads), shown, actor.places, actor.opacity)
    return Scene("changing", background, (actor,), np.ones(len(t)), seed)


def load_detectors(yunet: Path | None) -> dict[str, Any]:
    """Return the detectors there are, by name."""
    detectors: dict[str, Any] = {"haar": HaarDetector()}
    if yunet is not None:
        detectors["yunet"] = YuNetDetector(yunet)
    return detectors


def main() -> None:
    """Write a sheet with pictures of every kind of scene, boxes drawn in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"))
    parser.add_argument("--photos", type=Path, default=Path("data/photos.json"))
    parser.add_argument("--yunet", type=Path, help="YuNet's .onnx file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, required=True)
    args = parser.parse_args()
    dataset = read_dataset(args.data)
    detectors = list(load_detectors(args.yunet).values())
    heads, _ = val_heads(dataset.split("val"), dataset.classes, 12, detectors, args.seed)
    heads, rows = [*shipped_heads(), *heads], []
    backgrounds = photo_backgrounds(args.photos)
    for k, kind in enumerate(KINDS):
        scene = make_scene(kind, heads, backgrounds, 6, args.seed + k)
        boxes, visible, row = scene.boxes(), scene.visible(), []
        for i, image in enumerate(scene.images()):
            if i % 36 == 10:
                for box, share in zip(boxes[i], visible[i], strict=True):
                    left, top, right, bottom = (round(float(v)) for v in box)
                    colour = (80, 255, 80) if share >= WHOLE else (0, 160, 255)
                    if share >= ABSENT:
                        cv2.rectangle(image, (left, top), (right, bottom), colour, 2)
                row.append(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(row))
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.sheet), np.vstack(rows))


if __name__ == "__main__":
    main()
