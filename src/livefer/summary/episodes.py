"""Episodes: when an expression begins, is strongest, and ends.

An episode of an expression begins with a frame in which it is the label, and certain. It lasts
while its probability stays at 0.4 or more, certain or not: the way out is lower than the way in, so
that a face between two expressions does not make many of one. It ends, too, where the face is out
of view for more than half a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livefer.summary.participants import Known, Who
from livefer.summary.person_sums import BRIDGE_S, ROUNDING_S, FaceRow
from livefer.summary.records import Summary
from livefer.summary.units import Row, Unit, unit_rows

SHORTEST_S = 0.5
LASTS_FROM = 0.4


def episode_rows(
    rows: Iterable[Mapping[str, Any]],
    classes: Sequence[str],
    shortest_s: float = SHORTEST_S,
    lasts_from: float = LASTS_FROM,
    participants: Known = None,
) -> list[Row]:
    """Return the episodes of each expression, by video and track, as plain rows.

    rows, classes: as of `livefer.summarize`
    shortest_s: shorter episodes are left out
    lasts_from: the probability below which an episode ends
    participants: gives those of each of them instead of each track
    """
    return unit_rows(Episodes(classes, shortest_s, lasts_from, participants), rows)


@dataclass(slots=True)
class _Episode:
    class_id: int
    onset_s: float
    offset_s: float
    peak_s: float
    begins_in_view: bool
    ends_in_view: bool = False
    peak: float = 0.0
    n_frames: int = 0
    seen_s: float = 0.0
    uncertain_s: float = 0.0
    mean_s: float = 0.0

    def add(self, time_s: float, hold_s: float, face: FaceRow) -> None:
        probability = face.probabilities[self.class_id]
        if probability > self.peak:
            self.peak, self.peak_s = probability, time_s
        self.offset_s = time_s + hold_s
        self.n_frames += 1
        self.seen_s += hold_s
        self.uncertain_s += hold_s * face.uncertain
        self.mean_s += hold_s * probability


class _Face:
    """One track or participant: the episodes that go on, and those that have ended."""

    __slots__ = ("_end_s", "_open", "done")

    def __init__(self) -> None:
        self._end_s = float("-inf")
        self._open: dict[int, _Episode] = {}
        self.done: list[_Episode] = []

    def add(self, time_s: float, hold_s: float, face: FaceRow, lasts_from: float) -> None:
        was_in_view = -ROUNDING_S <= time_s - self._end_s <= BRIDGE_S
        if not was_in_view:
            self.leave()
        self._end_s = time_s + hold_s
        for class_id in list(self._open):
            if face.probabilities[class_id] < lasts_from:
                ended = self._open.pop(class_id)
                ended.ends_in_view = True
                self.done.append(ended)
        if not face.uncertain and face.class_id not in self._open:
            self._open[face.class_id] = _Episode(
                face.class_id, time_s, time_s, time_s, begins_in_view=was_in_view
            )
        for episode in self._open.values():
            episode.add(time_s, hold_s, face)

    def leave(self) -> None:
        """End all episodes: the face is out of view."""
        self.done += self._open.values()
        self._open = {}


class Episodes(Unit):
    """One row for each episode of an expression of a track, or of a participant."""

    def __init__(
        self,
        classes: Sequence[str],
        shortest_s: float = SHORTEST_S,
        lasts_from: float = LASTS_FROM,
        participants: Known = None,
    ) -> None:
        super().__init__(classes, participants)
        self._shortest_s, self._lasts_from = shortest_s, lasts_from
        self._faces: dict[str, dict[Who, _Face]] = {}
        self.types = {
            **{"source": str, **self.whose.columns, "expression": str, "onset_s": float},
            **{"offset_s": float, "duration_s": float, "peak_s": float, "peak": float},
            **{"mean": float, "n_frames": int, "share_uncertain": float, "complete": bool},
        }

    def add(self, source: str, time_s: float, hold_s: float, faces: list[FaceRow]) -> None:
        """Add a frame that stands for hold_s seconds."""
        of_video = self._faces.setdefault(source, {})
        for who, face in self.whose.of(source, faces).items():
            if who not in of_video:
                of_video[who] = _Face()
            of_video[who].add(time_s, hold_s, face, self._lasts_from)

    def rows(self, summary: Summary) -> list[Row]:
        """Return the rows of all frames; summary: of the same table."""
        return [
            {"source": video.source, **self.whose.cells(who), **cells}
            for video in summary.sources
            for who in self.whose.of_video(video.source, self._faces.get(video.source, {}))
            if who in self._faces.get(video.source, {})
            for cells in self._cells(self._faces[video.source][who])
        ]

    def _cells(self, face: _Face) -> list[Row]:
        face.leave()
        return [
            {
                "expression": self.classes[one.class_id],
                "onset_s": round(one.onset_s, 4),
                "offset_s": round(one.offset_s, 4),
                "duration_s": round(one.offset_s - one.onset_s, 4),
                "peak_s": round(one.peak_s, 4),
                "peak": round(one.peak, 4),
                "mean": round(one.mean_s / one.seen_s, 4),
                "n_frames": one.n_frames,
                "share_uncertain": round(one.uncertain_s / one.seen_s, 4),
                "complete": one.begins_in_view and one.ends_in_view,
            }
            for one in sorted(face.done, key=lambda e: (e.onset_s, e.class_id))
            if one.seen_s > 0 and one.offset_s - one.onset_s >= self._shortest_s - ROUNDING_S
        ]
