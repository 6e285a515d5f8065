"""The running sums of one person's rows: numbers and bins, as many for any number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livefer.summary.records import Person, Stretch, Timeline, track_name

MAX_BINS = 2048
BRIDGE_S = 0.5
"""A person who is out of view for at most this long goes on as before."""
_NARROWEST_S = 1 / 32
ROUNDING_S = 1e-5  # between a time and the end of the row before it, which is a rounded sum


@dataclass(slots=True)
class FaceRow:
    """A row's values for one face."""

    track_id: int | None
    class_id: int
    confidence: float
    uncertain: bool
    probabilities: list[float]


class PersonSums:
    """One person of one source: rows are added in the order of time, then `finish` sums them up."""

    def __init__(self, n_classes: int) -> None:
        self._n_rows = self._n_transitions = 0
        self._seen_s = self._uncertain_s = self._confidence_s = 0.0
        self._label_s = [0.0] * n_classes
        self._first_s, self._last_s = float("inf"), float("-inf")
        self._end_s = float("-inf")
        self._label: int | None = None  # the last certain one since the person came into view
        self._stretch: tuple[int, float] | None = None  # class, start
        self._longest: list[Stretch | None] = [None] * n_classes
        self._bins: dict[int, list[float]] = {}
        self._width_s = _NARROWEST_S

    def add(self, time_s: float, hold_s: float, face: FaceRow) -> None:
        """Add a row that stands for hold_s seconds."""
        if not -ROUNDING_S <= time_s - self._end_s <= BRIDGE_S:
            self._label = self._stretch = None
        self._n_rows += 1
        self._seen_s += hold_s
        self._confidence_s += hold_s * face.confidence
        self._first_s = min(self._first_s, time_s)
        self._end_s = time_s + hold_s
        self._last_s = max(self._last_s, self._end_s)
        if face.uncertain:
            self._uncertain_s += hold_s
            self._stretch = None
        else:
            self._label_s[face.class_id] += hold_s
            self._n_transitions += self._label not in (None, face.class_id)
            self._label = face.class_id
            if self._stretch is None or self._stretch[0] != face.class_id:
                self._stretch = (face.class_id, time_s)
            stretch = Stretch(self._stretch[1], self._end_s)
            longest = self._longest[face.class_id]
            if longest is None or stretch.length_s > longest.length_s:
                self._longest[face.class_id] = stretch
        self._fill(time_s, self._end_s, face)

    def _fill(self, start_s: float, end_s: float, face: FaceRow) -> None:
        """Spread a row over the bins that its time covers."""
        number = int(start_s // self._width_s)
        while start_s < end_s:
            edge_s = min((number + 1) * self._width_s, end_s)
            part_s = edge_s - start_s
            if part_s > 0:
                sums = self._bins.get(number)
                if sums is None:
                    sums = self._bins[number] = [0.0] * (2 + len(face.probabilities))
                sums[0] += part_s
                sums[1] += part_s * face.uncertain
                for i, probability in enumerate(face.probabilities, 2):
                    sums[i] += part_s * probability
                start_s = edge_s
            number += 1
            if len(self._bins) > MAX_BINS:
                self._widen()
                number = int(start_s // self._width_s)

    def _widen(self) -> None:
        self._width_s *= 2
        bins: dict[int, list[float]] = {}
        for number, sums in self._bins.items():
            other = bins.get(number // 2)
            bins[number // 2] = (
                sums if other is None else [a + b for a, b in zip(other, sums, strict=True)]
            )
        self._bins = bins

    def finish(
        self, track_id: int | None, classes: tuple[str, ...], name: str | None = None
    ) -> Person:
        """Return the figures of all rows; name: the person's, where it is known."""
        numbers = sorted(self._bins)
        sums = np.array([self._bins[i] for i in numbers], np.float64).reshape(-1, 2 + len(classes))
        seen_s = max(self._seen_s, 1e-9)
        certain_s = sum(self._label_s)
        means = sums[:, 2:].sum(axis=0) / max(float(sums[:, 0].sum()), 1e-9)
        timeline = Timeline(
            self._width_s,
            np.array(numbers, np.int64),
            sums[:, 0],
            sums[:, 1],
            sums[:, 2:] / np.maximum(sums[:, :1], 1e-12),
        )
        return Person(
            track_id=track_id,
            name=name or track_name(track_id),
            n_rows=self._n_rows,
            seen_s=self._seen_s,
            first_s=self._first_s,
            last_s=self._last_s,
            shares=dict(zip(classes, (s / seen_s for s in self._label_s), strict=True)),
            uncertain=self._uncertain_s / seen_s,
            probabilities=dict(zip(classes, means.tolist(), strict=True)),
            confidence=self._confidence_s / seen_s,
            n_transitions=self._n_transitions,
            transitions_per_min=60 * self._n_transitions / certain_s if certain_s else None,
            longest={c: s for c, s in zip(classes, self._longest, strict=True) if s is not None},
            timeline=timeline,
        )
