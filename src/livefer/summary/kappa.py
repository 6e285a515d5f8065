"""Cohen's kappa of a matrix of seconds, and its interval by a bootstrap of blocks.

Neighbouring moments are alike, so a bootstrap of moments would give intervals that are far too
narrow. Whole films are drawn where there are enough, and else spans of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

BLOCK_S = 5.0
"""Moments that lie closer together are alike: the bootstrap draws spans of so many seconds."""
LEAST_BLOCKS = 6
LEAST_FILMS = 5
"""From so many on, whole films are drawn."""
_DRAWS, _SEED = 2000, 0
_LEAST_DRAWN = 0.9  # of the draws, that have a figure, for an interval


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval, which is None where there is too little to tell."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Return it as text: "0.71 (0.60–0.80)"."""
        if self.low is None or self.high is None:
            return two_digits(self.value)
        return f"{two_digits(self.value)} ({two_digits(self.low)}–{two_digits(self.high)})"


def two_digits(value: float) -> str:
    """Return a figure with two digits behind the point; a zero has no minus."""
    return f"{round(value, 2) + 0.0:.2f}"


def kappa(matrix: Matrix) -> float | None:
    """Return Cohen's kappa of a matrix of weights; None where all of it is one class.

    Cohen 1960, https://doi.org/10.1177/001316446002000104
    """
    total = matrix.sum()
    if total <= 0:
        return None
    agreed = float(np.trace(matrix)) / total
    by_chance = float(matrix.sum(axis=1) @ matrix.sum(axis=0)) / total**2
    if by_chance >= 1 - 1e-12:
        return None
    return float((agreed - by_chance) / (1 - by_chance))


def kappa_of_class(matrix: Matrix, i: int) -> float | None:
    """Return kappa of "class i or another"; None where neither side has it, or only it."""
    both = matrix[i, i]
    first, second = matrix[i].sum() - both, matrix[:, i].sum() - both
    rest = matrix.sum() - both - first - second
    return kappa(np.array([[both, first], [second, rest]]))


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Matrices of draws with replacement from the blocks of a comparison.

    words: what was drawn
    draws: (D, C, C) float64; None where there are too few blocks
    """

    words: str
    draws: Matrix | None

    @classmethod
    def of(cls, blocks: Matrix, are_films: bool) -> Bootstrap:
        """Draw from blocks: (B, C, C) float64, of films or of spans of BLOCK_S."""
        n = len(blocks)
        what, least = (
            ("films", LEAST_FILMS) if are_films else (f"spans of {BLOCK_S:g} s", LEAST_BLOCKS)
        )
        if n < least:
            return cls(f"none: fewer than {least} {what}", None)
        counts = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), _DRAWS)
        draws = np.tensordot(counts, blocks, axes=1)
        return cls(f"95 %, by a bootstrap of {n} {what}", draws)

    def interval(self, matrix: Matrix, figure: Callable[[Matrix], float | None]) -> Interval | None:
        """Return a figure of a matrix with its interval; None where the matrix has none."""
        value = figure(matrix)
        if value is None:
            return None
        drawn = [] if self.draws is None else [figure(one) for one in self.draws]
        found = [one for one in drawn if one is not None]
        if not found or len(found) < _LEAST_DRAWN * len(drawn):
            return Interval(value)
        low, high = np.percentile(found, (2.5, 97.5))
        return Interval(value, float(low), float(high))
