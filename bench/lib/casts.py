"""Who plays in each kind of scene, and how they move: x, y and side of every face over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from lib.backgrounds import HEIGHT, WIDTH
from lib.heads import Head
from numpy.random import Generator
from numpy.typing import NDArray


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


Cast = tuple[list[Actor], tuple[int, int] | None]
Direct = Callable[[Generator, Callable[[], Head], NDArray[np.float64]], Cast]


def _actor(head: Head, x: Any, y: Any, side: Any, n: int, opacity: Any = 1.0) -> Actor:
    places = np.stack([np.broadcast_to(v, n).astype(np.float64) for v in (x, y, side)], axis=1)
    shown = np.zeros(n, np.int64)
    return Actor((head,), shown, places, np.broadcast_to(opacity, n).astype(np.float64))


def swaying(
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
    return [swaying(rng, draw(), x, y, rng.uniform(110, 170), t, 0.12)], None


def group(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Four faces beside each other."""
    spots = [(100 + 147 * k, rng.uniform(170, 310), rng.uniform(70, 95)) for k in range(4)]
    return [swaying(rng, draw(), *spot, t, 0.06) for spot in spots], None


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
        actor = swaying(rng, draw(), *spot, t, 0.05)
        actors.append(Actor(actor.heads, actor.shown, actor.places, opacity))
    return actors, None


def crowd(rng: Generator, draw: Callable[[], Head], t: NDArray[np.float64]) -> Cast:
    """Four small faces that stay, and one person who walks by before them."""
    spots = [(100 + 147 * k, rng.uniform(100, 180), rng.uniform(55, 70)) for k in range(4)]
    actors = [swaying(rng, draw(), *spot, t, 0.08) for spot in spots]
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
    actors = [swaying(rng, draw(), *spot, t, 0.2) for spot in spots]
    passer = _walking(rng, draw(), 44.0, 0.2, 130.0, t)
    passer.places[:, 1] += 320 - passer.places[:, 1].mean()
    return [*actors, passer], None


KINDS: tuple[Direct, ...] = (
    *(sitting, group, walking, crossing, hidden, nearing, appearing, crowd, fast, small),
)
