"""A person's resting face, found among the answers for a whole film."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.profiles.profile import NEUTRAL, Profile

_CALMEST = 0.15  # share of the frames from which the search begins,
_LEAST_FRAMES = 10  # and their number at least
_LEAST_RESTING = 0.7  # of their number must be at rest beside them
_MOST_ELSE = 0.4  # probability of another class in these: with more, the face is not at rest


def resting_profile(
    classifier: EmotionClassifier, answers: NDArray[np.floating[Any]], name: str = ""
) -> Profile | None:
    """Return a profile of the resting face among answers (n, C); None where there is hardly one."""

    def make(rows: NDArray[np.floating[Any]]) -> Profile:
        return Profile.make(classifier, {NEUTRAL: rows}, name)

    rows = resting_rows(answers, make)
    return None if rows is None else make(rows)


def resting_rows(
    answers: NDArray[np.floating[Any]], make: Callable[[NDArray[np.floating[Any]]], Profile]
) -> NDArray[np.floating[Any]] | None:
    """Return those of the answers (n, C) that show the resting face; None where hardly one does.

    The frames that look most neutral are a first estimate, and those that are at rest beside it
    the final one. A person who smiles all the time has no such frames, and is judged plainly.
    docs/experiments/profiles.md#2026-11-30-the-resting-face-found-in-a-film

    make: gives the profile of answers
    """
    n_calmest = max(_LEAST_FRAMES, round(_CALMEST * len(answers)))
    if len(answers) < 2 * _LEAST_FRAMES:
        return None
    some = make(answers[:1])
    at = some.classes.index(NEUTRAL)
    calmest = answers[np.argsort(-answers[:, at], kind="stable")[:n_calmest]]
    if np.delete(calmest.mean(axis=0), at).max() > _MOST_ELSE:
        return None
    is_resting = make(calmest).judge(answers).argmax(axis=1) == at
    if is_resting.sum() < _LEAST_RESTING * n_calmest:
        return None
    return calmest if is_resting.sum() < n_calmest else answers[is_resting]
