"""Profiles from a few seconds before a camera, in which a person holds one expression each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError
from livefer.profiles.profile import LEAST_REST, NEUTRAL, Profile

HOLD_S = 2.0
"""How long an expression is held."""
READY_S = 3.0
"""The time between an expression's announcement and its two seconds."""
GAP_S = 0.5
"""How long a face may be missing before its expression begins anew."""
RIVAL = 0.5
"""Another face is a rival from so much of the largest one's side on."""
LEAST_FRAMES = 5
"""The fewest frames that show an expression."""
OWN_NAME = "me"
"""The name of a profile that a person made of themselves."""


def profile_of_moments(
    classifier: EmotionClassifier,
    answers: Mapping[str, NDArray[np.floating[Any]]],
    name: str = OWN_NAME,
) -> Profile:
    """Return the profile of a person who held each expression for a moment.

    answers: by class, plain probabilities (n, C) of the frames; those of "neutral" are needed

    Raises ConfigError where an expression has too few frames, or the face at rest was not at rest.
    """
    made = Profile.make(classifier, answers, name)
    for expression, rows in answers.items():
        if len(rows) < LEAST_FRAMES:
            raise ConfigError(
                f"{expression} has {len(rows)} frames with a face, and {LEAST_FRAMES} are needed: "
                "hold it longer"
            )
    share, other = Profile.make(classifier, {NEUTRAL: answers[NEUTRAL]}).rest(answers[NEUTRAL])
    if share < LEAST_REST:
        raise ConfigError(
            f"your face was not at rest: it looked {other} for {1 - share:.0%} of the time; "
            "hold still and try again"
        )
    return made
