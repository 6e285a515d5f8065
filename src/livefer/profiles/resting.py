"""A person's resting face, found among the answers for a whole film."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.profiles.profile import NEUTRAL, Profile

_CALMEST = 0.15  # share of the frames from which the search begins,
_LEAST_FRAMES = 10  # and their number at least
_MOST_ELSE = 0.4  # probability of another class in these: with more, nobody is at rest


def resting_profile(
    classifier: EmotionClassifier, answers: NDArray[np.floating[Any]], name: str = ""
) -> Profile | None:
    """Return a profile of the resting face among answers (n, C); None where there is hardly one.

    The frames that look most neutral are a first estimate, and those that are at rest beside it
    the final one. Somebody who smiles all the time has no such frames, and is judged plainly.
    docs/experiments/profiles.md#2026-11-30-the-resting-face-found-in-a-film
    """
    at = classifier.classes.index(NEUTRAL)
    n_calmest = max(_LEAST_FRAMES, round(_CALMEST * len(answers)))
    if len(answers) < 2 * _LEAST_FRAMES:
        return None
    calmest = answers[np.argsort(-answers[:, at], kind="stable")[:n_calmest]]
    if np.delete(calmest.mean(axis=0), at).max() > _MOST_ELSE:
        return None
    first = Profile.make(classifier, {NEUTRAL: calmest}, name)
    is_resting = first.judge(answers).argmax(axis=1) == at
    if is_resting.sum() < n_calmest:
        return first
    return Profile.make(classifier, {NEUTRAL: answers[is_resting]}, name)
