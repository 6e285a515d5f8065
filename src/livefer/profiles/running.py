"""A person's resting face, estimated while a live stream runs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.profiles.profile import Profile
from livefer.profiles.resting import resting_profile

AUTO = "auto"
"""The name of a profile that livefer made by itself."""

_EVERY_S = 0.2  # between two answers that count
_ENOUGH_S = 20.0  # that have been seen before the first estimate
_AGAIN_S = 5.0  # between two estimates
_MOST = 1500  # answers that are remembered: five minutes


class RunningProfile:
    """Remembers what one person looks like, and estimates their resting face again and again.

    profile: the newest estimate; None before there is one, or while the person is hardly at rest
    """

    def __init__(self, classifier: EmotionClassifier) -> None:
        self._classifier = classifier
        self._answers: list[NDArray[np.float32]] = []
        self._track_id: int | None = None
        self._seen_s = self._estimated_s = -math.inf
        self.profile: Profile | None = None

    def add(self, track_id: int, time_s: float, answer: NDArray[np.float32]) -> None:
        """Add a smoothed answer (C,) for the person's face; another track is another person."""
        if track_id != self._track_id:
            self._answers, self.profile = [], None
            self._track_id, self._seen_s, self._estimated_s = track_id, -math.inf, time_s
        if time_s < self._seen_s + _EVERY_S:
            return
        self._seen_s = time_s
        self._answers = [*self._answers[1 - _MOST :], answer]
        is_enough = len(self._answers) * _EVERY_S >= _ENOUGH_S
        if is_enough and time_s >= self._estimated_s + _AGAIN_S:
            self._estimated_s = time_s
            self.profile = resting_profile(self._classifier, np.stack(self._answers), AUTO)
