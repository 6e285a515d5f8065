"""Training scenes for the detector, made up from pictures: whole ones, mosaics, pasted people.

A scene is drawn from a generator and nothing else, so a seed and a step name it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from livefer.train.detector.album import CERTAIN, Album
from livefer.train.detector.pictures import Picture
from livefer.train.detector.teacher import MIRRORED

MIN_FACE_PX = 9.0  # smaller faces are ignored
_DOUBTFUL = 0.2  # less than this is background
_HIDDEN = (0.3, 0.75)  # share of a face that is covered: from here ignored, from here gone
_SEEN = 0.55  # share of a face that lies inside the scene, at least
_SEEN_IN_MOSAIC = 0.8  # the same where another picture begins
_MAX_ENLARGED = 3.0
_MIXTURE = {"whole": 0.35, "mosaic": 0.25, "pasted": 0.22, "empty": 0.18}


class Scene(NamedTuple):
    """A training picture and its faces.

    image: (S, S, 3) uint8 BGR
    boxes: (N, 4) float32, xyxy in pixels; landmarks: (N, 5, 2) float32
    scores: (N,) float32, the teacher's certainty; 0 for a face that is to be ignored
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]


def make_scene(album: Album, rng: Generator, side_px: int) -> Scene:
    """Return one scene of side_px × side_px pixels."""
    kind = rng.choice(list(_MIXTURE), p=list(_MIXTURE.values()))
    canvas = _Canvas(side_px)
    if kind == "mosaic":
        _mosaic(canvas, album, rng)
    else:
        _background(canvas, album, rng)
    if kind == "whole":
        _whole(canvas, album, rng)
    if kind == "pasted":
        for _ in range(int(rng.integers(1, 7)) if album.decks else 0):
            _paste_head(canvas, album.draw_head(rng), rng)
    if rng.random() < 0.15:
        _occlude(canvas, rng)
    return canvas.scene(_degrade(canvas.image, rng))


class _Canvas:
    """A scene while it is painted: what is painted over a face hides it."""

    def __init__(self, side_px: int) -> None:
        self.side_px = side_px
        self.image = np.zeros((side_px, side_px, 3), np.uint8)
        self.boxes = np.zeros((0, 4), np.float32)
        self.points = np.zeros((0, 5, 2), np.float32)
        self.scores = np.zeros(0, np.float32)

    def paint(self, layer: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> None:
        """Blend a layer (S, S, 3) by its alpha (S, S) uint8, and forget the faces it hides."""
        x, y, width, height = cv2.boundingRect(alpha)
        part = np.s_[y : y + height, x : x + width]
        weight = alpha[part][:, :, None].astype(np.uint16)
        mixed = self.image[part] * (255 - weight) + layer[part] * weight
        self.image[part] = (mixed + 127) // 255
        kept = np.ones(len(self.boxes), bool)
        for i, box in enumerate(self.boxes):
            x0, y0, x1, y1 = np.clip(box, 0, self.side_px).astype(int)
            hidden = float(alpha[y0:y1, x0:x1].mean()) / 255 if x1 > x0 and y1 > y0 else 1.0
            if hidden >= _HIDDEN[1]:
                kept[i] = False
            elif hidden >= _HIDDEN[0]:
                self.scores[i] = 0
        self.boxes, self.points, self.scores = (
            column[kept] for column in (self.boxes, self.points, self.scores)
        )

    def add(
        self,
        picture: Picture,
        to_canvas: NDArray[np.float64],
        window: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Add the faces of a picture that the canvas shows, or a window (xyxy) of it."""
        least = _SEEN_IN_MOSAIC if window else _SEEN
        window = window or (0, 0, self.side_px, self.side_px)
        boxes, points, scores = picture.labels
        doubtful = scores >= _DOUBTFUL
        boxes, points, scores = boxes[doubtful], points[doubtful], scores[doubtful].copy()
        if not len(boxes):
            return
        scores[scores < CERTAIN] = 0
        turn, shift = to_canvas[:, :2], to_canvas[:, 2]
        scale = _scale(to_canvas)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn.T + shift
        half = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
        points = points @ turn.T + shift
        if turn[0, 0] * turn[1, 1] < turn[0, 1] * turn[1, 0]:
            points = points[:, MIRRORED]
        boxes = np.hstack([middles - half, middles + half])
        low, high = np.array(window[:2]), np.array(window[2:])
        inside = np.clip(boxes[:, 2:], low, high) - np.clip(boxes[:, :2], low, high)
        seen = inside.prod(axis=1) / np.maximum((2 * half).prod(axis=1), 1e-6)
        scores[(seen < least) | (half.mean(axis=1) * 2 < MIN_FACE_PX)] = 0
        kept = seen > 0.05
        self.boxes = np.concatenate([self.boxes, boxes[kept]]).astype(np.float32)
        self.points = np.concatenate([self.points, points[kept]]).astype(np.float32)
        self.scores = np.concatenate([self.scores, scores[kept]]).astype(np.float32)

    def scene(self, image: NDArray[np.uint8]) -> Scene:
        return Scene(image, self.boxes, self.points, self.scores)


def _warped(
    image: NDArray[np.uint8], to_canvas: NDArray[np.float64], side_px: int, border: int
) -> NDArray[np.uint8]:
    """Return an image moved onto the canvas, without aliases where it shrinks."""
    scale = _scale(to_canvas)
    if scale < 0.6:
        factor = min(1.0, scale * 1.2)
        small_wh = [max(1, round(n * factor)) for n in image.shape[1::-1]]
        fx, fy = small_wh[0] / image.shape[1], small_wh[1] / image.shape[0]
        image = np.asarray(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA), np.uint8)
        to_canvas = to_canvas @ np.diag([1 / fx, 1 / fy, 1])
    return np.asarray(
        cv2.warpAffine(
            image, to_canvas, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=border
        ),
        np.uint8,
    )


def _scale(motion: NDArray[np.float64]) -> float:
    """Return how many times longer a motion (2, 3) makes a line, on average."""
    (a, b), (c, d) = motion[:, :2]
    return math.sqrt(abs(float(a * d - b * c)))


def _motion(
    anchor: NDArray[Any], to: NDArray[Any], scale: float, degrees: float, mirrored: bool
) -> NDArray[np.float64]:
    """Return (2, 3): scale, mirror and rotate about `anchor`, and bring that point to `to`."""
    angle = math.radians(degrees)
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    if mirrored:
        turn = turn @ np.diag([-1.0, 1.0])
    return np.hstack([turn, (to - turn @ anchor)[:, None]])


def _draw_tilt(rng: Generator) -> float:
    return float(rng.uniform(-45, 45) if rng.random() < 0.35 else rng.normal(0, 10))


def _draw_face_px(rng: Generator, side_px: int) -> float:
    """Draw the side of a face, log-uniform: small faces are as common as large ones."""
    return float(np.exp(rng.uniform(math.log(10), math.log(side_px))))


def _background(canvas: _Canvas, album: Album, rng: Generator) -> None:
    """Paint a part of a picture without faces, a made texture, or one colour."""
    draw, side_px = rng.random(), canvas.side_px
    if draw < 0.04:
        canvas.image[:] = rng.integers(0, 256, 3)
    elif draw < 0.12 or not album.empty:
        canvas.image = _texture(rng, side_px)
    else:
        canvas.image = _empty_part(album, rng, side_px)


def _empty_part(album: Album, rng: Generator, side_px: int) -> NDArray[np.uint8]:
    """Return a part of a picture without faces; where it is hard, about the part that is."""
    index = album.empty.draw(rng)
    image = album.empty.pictures[index].image
    motion = draw_view(image, rng, side_px)
    if album.hard is not None and rng.random() < album.hard.scores[index]:
        motion = _nudged(album.hard.motions[index], rng, side_px)
    return view(image, motion, side_px)


def _nudged(motion: NDArray[np.float64], rng: Generator, side_px: int) -> NDArray[np.float64]:
    """Return a motion onto the canvas that shows nearly the same."""
    middle = np.full(2, side_px / 2)
    to = middle + rng.uniform(-0.25, 0.25, 2) * side_px
    scale, mirrored = float(np.exp(rng.uniform(-0.35, 0.35))), rng.random() < 0.5
    nudge = _motion(middle, to, scale, float(rng.normal(0, 8)), mirrored)
    return np.asarray(nudge @ np.vstack([motion, [0, 0, 1]]))


def view(image: NDArray[np.uint8], motion: NDArray[np.float64], side_px: int) -> NDArray[np.uint8]:
    """Return what a motion (2, 3) shows of an image without faces, (S, S, 3)."""
    return _warped(image, motion, side_px, cv2.BORDER_REFLECT_101)


def draw_view(image: NDArray[np.uint8], rng: Generator, side_px: int) -> NDArray[np.float64]:
    """Draw a square part of an image, mirrored and rotated by chance: its motion (2, 3)."""
    height, width = image.shape[:2]
    part_px = min(height, width) * float(np.exp(rng.uniform(math.log(0.25), 0)))
    half = part_px / 2
    middle = np.array([rng.uniform(half, width - half), rng.uniform(half, height - half)])
    to = np.full(2, side_px / 2)
    degrees = _draw_tilt(rng) if rng.random() < 0.3 else 0.0
    return _motion(middle, to, side_px / part_px, degrees, rng.random() < 0.5)


def _whole(canvas: _Canvas, album: Album, rng: Generator) -> None:
    """Paint a whole picture, so that one of its faces has a drawn size."""
    picture = album.draw_whole(rng)
    image = picture.image
    side_px = canvas.side_px
    motion = _place(picture, image, rng, side_px)
    rim = int(rng.integers(0, 3))
    border = (cv2.BORDER_CONSTANT, cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE)[rim]
    if rim == 1 and len(picture.labels.scores):
        border = cv2.BORDER_CONSTANT  # its mirror images would be faces without labels
    alpha = np.full(image.shape[:2], 255, np.uint8)
    if border == cv2.BORDER_CONSTANT:
        alpha = _warped(alpha, motion, side_px, cv2.BORDER_CONSTANT)
        if rng.random() < 0.5:
            alpha = _soft(alpha, rng)
    else:
        alpha = np.full((side_px, side_px), 255, np.uint8)
    canvas.paint(_lit(_warped(image, motion, side_px, border), rng), alpha)
    canvas.add(picture, motion)


def _place(
    picture: Picture, image: NDArray[np.uint8], rng: Generator, side_px: int
) -> NDArray[np.float64]:
    """Draw where a picture lies on the canvas."""
    height, width = image.shape[:2]
    boxes = picture.labels.boxes[picture.labels.scores >= CERTAIN]
    mirrored, degrees = rng.random() < 0.5, _draw_tilt(rng)
    if len(boxes):
        box = boxes[int(rng.integers(len(boxes)))]
        face_px = float((box[2:] - box[:2]).mean())
        scale = min(_draw_face_px(rng, side_px) / face_px, _MAX_ENLARGED)
        margin = 0.4 * min(scale * face_px, side_px * 0.9)
        to = rng.uniform(margin, side_px - margin, 2)
        return _motion((box[:2] + box[2:]) / 2, to, scale, degrees, mirrored)
    scale = side_px / max(height, width) * float(np.exp(rng.uniform(-0.7, 0.7)))
    middle = np.array([width, height]) / 2
    return _motion(middle, rng.uniform(0.3, 0.7, 2) * side_px, scale, degrees, mirrored)


def _mosaic(canvas: _Canvas, album: Album, rng: Generator) -> None:
    """Paint four or nine pictures side by side."""
    n, side_px = int(rng.choice([2, 3])), canvas.side_px
    xs, ys = (
        np.linspace(0, side_px, n + 1) + np.r_[0, rng.uniform(-0.1, 0.1, n - 1) * side_px, 0]
        for _ in range(2)
    )
    for row in range(n):
        for column in range(n):
            x0, x1 = int(xs[column]), int(xs[column + 1])
            y0, y1 = int(ys[row]), int(ys[row + 1])
            has_face = rng.random() < 0.75 or not album.empty
            deck = album.whole if has_face else album.empty
            picture = deck.pictures[deck.draw(rng)]
            image = picture.image
            height, width = image.shape[:2]
            cell = max((x1 - x0) / width, (y1 - y0) / height)
            scale = cell * float(np.exp(rng.uniform(-0.1, 0.5)))
            to = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + rng.normal(0, 0.08, 2) * (x1 - x0)
            degrees = float(rng.normal(0, 8))
            mirrored = bool(rng.random() < 0.5)
            middle = np.array([width, height]) / 2
            motion = _motion(middle, to, scale, degrees, mirrored)
            shift = motion.copy()
            shift[:, 2] -= [x0, y0]
            size = max(x1 - x0, y1 - y0)
            cut = _warped(image, shift, size, cv2.BORDER_REPLICATE)[: y1 - y0, : x1 - x0]
            canvas.image[y0:y1, x0:x1] = _lit(cut, rng)
            canvas.add(picture, motion, (x0, y0, x1, y1))


def _paste_head(canvas: _Canvas, picture: Picture, rng: Generator) -> None:
    """Paint a person cut out by a mask, or a face within a soft ellipse."""
    image, side_px = picture.image, canvas.side_px
    boxes = picture.labels.boxes
    chosen = int(rng.choice(np.flatnonzero(picture.labels.scores >= CERTAIN)))
    box = boxes[chosen]
    face_px = float((box[2:] - box[:2]).mean())
    target_px = float(np.exp(rng.uniform(math.log(10), math.log(0.5 * side_px))))
    scale = min(target_px / face_px, _MAX_ENLARGED)
    middle = (box[:2] + box[2:]) / 2
    to = rng.uniform(0.02 * side_px, 0.98 * side_px, 2)
    motion = _motion(middle, to, scale, _draw_tilt(rng), rng.random() < 0.5)
    alpha, to_canvas = picture.alpha, motion
    if alpha is None:
        alpha, to_box = _ellipse(box, rng)
        to_canvas = motion @ np.vstack([to_box, [0, 0, 1]])
    layer = _warped(image, motion, side_px, cv2.BORDER_REPLICATE)
    canvas.paint(_lit(layer, rng), _warped(alpha, to_canvas, side_px, cv2.BORDER_CONSTANT))
    only = Picture(
        picture.name, picture.kind, picture.jpeg, picture.mask,
        type(picture.labels)(*(column[chosen : chosen + 1] for column in picture.labels)),
    )  # fmt: skip
    canvas.add(only, motion)


def _ellipse(box: NDArray[np.float32], rng: Generator) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Return a mask around a face, an ellipse with a soft rim, and its motion (2, 3) to the box."""
    n = len(_RADII)
    softness = float(rng.uniform(0.04, 0.4))
    alpha = (255 * np.clip((1 - _RADII) / softness, 0, 1)).astype(np.uint8)
    size_wh = (box[2:] - box[:2]) * rng.uniform(1.1, 1.8)
    to_box = np.hstack([np.diag(size_wh / n), ((box[:2] + box[2:]) / 2 - size_wh / 2)[:, None]])
    return alpha, to_box


# Distance of each pixel of a square from its middle, in halves of its side.
_RADII = np.hypot(*np.meshgrid(*[(np.arange(96) + 0.5) / 48 - 1] * 2)).astype(np.float32)


def _soft(alpha: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Return a mask whose rim fades inwards."""
    sigma = float(rng.uniform(2, 12))
    inner = cv2.erode(alpha, np.ones((3, 3), np.uint8), iterations=int(sigma))
    return np.asarray(cv2.blur(inner, (2 * int(sigma) + 1,) * 2), np.uint8)


def _texture(rng: Generator, side_px: int) -> NDArray[np.uint8]:
    """Return a made picture: noise of some scale, with shapes or letters on it."""
    coarse = int(rng.choice([2, 4, 8, 20, 60, side_px]))
    noise = rng.integers(0, 256, (coarse, coarse, 3), np.uint8)
    if rng.random() < 0.4:
        noise[:] = noise[:, :, :1]
    method = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
    image = cv2.resize(noise, (side_px, side_px), interpolation=method)
    contrast = rng.uniform(0.1, 1)
    image = np.clip((image - 127.5) * contrast + rng.uniform(40, 215), 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 25))):
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        x, y = (int(v) for v in rng.integers(0, side_px, 2))
        a, b = (int(v) for v in rng.integers(3, side_px // 4, 2))
        what = rng.random()
        width = -1 if rng.random() < 0.5 else int(rng.integers(1, 5))
        if what < 0.35:
            cv2.ellipse(image, (x, y), (a, b), float(rng.uniform(0, 180)), 0, 360, colour, width)
        elif what < 0.55:
            cv2.rectangle(image, (x, y), (x + a, y + b), colour, width)
        elif what < 0.75:
            cv2.line(image, (x, y), (x + a - b, y + b), colour, max(1, width))
        else:
            letters = "".join(chr(int(v)) for v in rng.integers(33, 127, int(rng.integers(1, 12))))
            font = int(rng.integers(0, 8))
            cv2.putText(image, letters, (x, y), font, float(rng.uniform(0.3, 3)), colour, 2)
    return np.asarray(image, np.uint8)


def _lit(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Return a layer in a light of its own."""
    if rng.random() < 0.4:
        return image
    gains = rng.uniform(0.7, 1.25) * (rng.uniform(0.9, 1.1, 3) if rng.random() < 0.5 else 1.0)
    return _curve(image, rng.uniform(0.75, 1.3), gains * np.ones(3), 0.0)


def _curve(
    image: NDArray[np.uint8], gamma: float, gains: NDArray[Any], lift: float
) -> NDArray[np.uint8]:
    """Return gains · image^gamma + lift, by a table for each channel."""
    grid = (np.arange(256) / 255) ** gamma
    table = np.clip(255 * (grid[:, None] * gains + lift), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def _occlude(canvas: _Canvas, rng: Generator) -> None:
    """Paint rectangles and ellipses of one colour; faces that are hidden too far are ignored."""
    for _ in range(int(rng.integers(1, 4))):
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        side_px = canvas.side_px
        alpha = np.zeros((side_px, side_px), np.uint8)
        middle = [int(v) for v in rng.integers(0, side_px, 2)]
        if len(canvas.boxes) and rng.random() < 0.7:
            box = canvas.boxes[int(rng.integers(len(canvas.boxes)))]
            spread = (box[2:] - box[:2]) * rng.uniform(-0.5, 0.5, 2)
            middle = [int(v) for v in (box[:2] + box[2:]) / 2 + spread]
            half = [max(1, int(v)) for v in (box[2:] - box[:2]) * rng.uniform(0.1, 0.35, 2)]
        else:
            half = [int(v) for v in rng.integers(3, side_px // 5, 2)]
        cv2.ellipse(alpha, middle, half, float(rng.uniform(0, 180)), 0, 360, 255, -1)
        canvas.paint(np.full_like(canvas.image, colour), alpha)


def _degrade(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Return what a camera makes of a scene: light, colour, blur, noise, compression."""
    if rng.random() < 0.25:
        image = np.asarray(
            cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8
        )
    if rng.random() < 0.6:
        gain = float(np.exp(rng.uniform(math.log(0.35), math.log(1.3))))
        cast = rng.uniform(0.8, 1.2, 3) if rng.random() < 0.4 else np.ones(3)
        lift = float(rng.uniform(0, 0.15)) if rng.random() < 0.2 else 0.0
        image = _curve(image, float(rng.uniform(0.7, 1.4)), gain * cast, lift)
    draw = rng.random()
    if draw < 0.12:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.6))), np.uint8)
    elif draw < 0.2:
        n = int(rng.integers(2, 7))
        kernel = np.eye(n) if rng.random() < 0.5 else np.outer(np.ones(n), np.eye(n)[n // 2])
        if rng.random() < 0.5:
            kernel = np.rot90(kernel)
        image = np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
    elif draw < 0.3:
        factor = float(rng.uniform(0.4, 0.9))
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, image.shape[1::-1]), np.uint8)
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 16))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(20, 95))
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return image
