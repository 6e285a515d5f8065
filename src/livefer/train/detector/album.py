"""The training pictures by what a scene needs them for, and how often each is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from livefer.train.detector.pictures import KINDS, Picture

CERTAIN = 0.6
"""Least certainty of the teacher: a face of less is ignored in the loss."""

_EASY = 0.1  # weight of a picture without faces in which the network sees none
_PASTED = ("cutout", "face", "picture")


class Deck:
    """Pictures to draw from: a folder of n pictures is drawn √n times as often as one of one.

    weights: of each picture, on top of that; None is the same for all
    """

    def __init__(self, pictures: Iterable[Picture], weights: NDArray[Any] | None = None) -> None:
        self.pictures = list(pictures)
        folders = [Path(picture.name).parts[:2] for picture in self.pictures]
        sizes = Counter(folders)
        chances = np.array([sizes[folder] ** -0.5 for folder in folders])
        self._ends = np.cumsum(chances if weights is None else chances * weights)

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, rng: Generator) -> int:
        """Return the index of a picture."""
        return int(np.searchsorted(self._ends, rng.random() * self._ends[-1], side="right"))


class HardViews(NamedTuple):
    """For each picture without faces the view of it in which the network sees the surest one.

    scores: (N,) float32, 0–1; motions: (N, 2, 3) float64 onto the canvas
    """

    scores: NDArray[np.float32]
    motions: NDArray[np.float64]


class Album:
    """Pictures by what a scene needs them for.

    whole: with or without faces; empty: without any, the hard ones more often
    decks: cutouts, faces and whole pictures with a clear face, to be pasted equally often
    """

    def __init__(self, pictures: Iterable[Picture], hard: HardViews | None = None) -> None:
        of_kind: dict[str, list[Picture]] = {kind: [] for kind in KINDS}
        for picture in pictures:
            of_kind[picture.kind].append(picture)
        self.whole = Deck(of_kind["picture"] + of_kind["cutout"])
        self.hard = hard
        self.empty = Deck(of_kind["background"], hard and hard.scores + _EASY)
        clear = (Deck(p for p in of_kind[kind] if _has_clear_face(p)) for kind in _PASTED)
        self.decks = [deck for deck in clear if deck]

    def draw_whole(self, rng: Generator) -> Picture:
        """Return a picture with or without faces."""
        return self.whole.pictures[self.whole.draw(rng)]

    def draw_head(self, rng: Generator) -> Picture:
        """Return a picture with a clear face."""
        deck = self.decks[int(rng.integers(len(self.decks)))]
        return deck.pictures[deck.draw(rng)]


def _has_clear_face(picture: Picture) -> bool:
    return bool((picture.labels.scores >= CERTAIN).any())
