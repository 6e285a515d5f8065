"""The figures of a result table, by source and person, as records; `summarize.py` computes them.

Shares are of the time that a face was seen; those of the labels and `uncertain` add up to 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.formatting import clock, count, length

MOMENT_S = 1.0
"""A face that is seen for less time may be a bystander's."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time span in which a person's label was certain and stayed the same."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Seconds from its beginning to its end."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """A person over time, in bins of `width_s`; bin i goes from i·width_s to (i + 1)·width_s.

    bins: (B,) int64, rising: the numbers of the bins in which the person was seen
    seen_s: (B,) float64, seconds seen in each of them
    uncertain_s: (B,) float64, seconds of these that were uncertain
    probabilities: (B, C) float64, means over the time seen
    """

    width_s: float
    bins: NDArray[np.int64]
    seen_s: NDArray[np.float64]
    uncertain_s: NDArray[np.float64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One track of one source, or one person where the table says who is who.

    name: "track 1"; the person's own where it is known; "untracked" for faces without a track

    seen_s: seconds in which the face was found
    shares: for each class, the share of seen_s in which it was the label and certain
    uncertain: share of seen_s
    probabilities: mean of each class, uncertain time included
    confidence: mean, uncertain time included
    n_transitions: changes from one certain label to another while the person is in view;
        uncertain rows between them are skipped
    transitions_per_min: per minute with a certain label; None where there was none
    longest: the longest stretch of each class that had one
    """

    track_id: int | None
    name: str
    n_rows: int
    seen_s: float
    first_s: float
    last_s: float
    shares: dict[str, float]
    uncertain: float
    probabilities: dict[str, float]
    confidence: float
    n_transitions: int
    transitions_per_min: float | None
    longest: dict[str, Stretch]
    timeline: Timeline

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data that json can write, without the timeline."""
        rate = self.transitions_per_min
        return {
            "track_id": self.track_id,
            "name": self.name,
            "n_rows": self.n_rows,
            "seen_s": round(self.seen_s, 3),
            "first_s": round(self.first_s, 3),
            "last_s": round(self.last_s, 3),
            "shares": {name: round(share, 4) for name, share in self.shares.items()},
            "uncertain": round(self.uncertain, 4),
            "probabilities": {name: round(p, 4) for name, p in self.probabilities.items()},
            "confidence": round(self.confidence, 4),
            "n_transitions": self.n_transitions,
            "transitions_per_min": None if rate is None else round(rate, 2),
            "longest": {
                name: {"start_s": round(s.start_s, 3), "length_s": round(s.length_s, 3)}
                for name, s in self.longest.items()
            },
        }


def track_name(track_id: int | None) -> str:
    """Return what a track is called whose person is not known."""
    return "untracked" if track_id is None else f"track {track_id}"


def kind_of(persons: Iterable[Person]) -> str:
    """Return what they are called: "person" where all are known by name, else "track"."""
    is_known = [person.name != track_name(person.track_id) for person in persons]
    return "person" if is_known and all(is_known) else "track"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file, or a place in it, that could not be read."""

    source: str
    index: int
    time_s: float
    error: str


@dataclass(frozen=True, slots=True, eq=False)
class SourceSummary:
    """One video, camera or stream.

    first_s, last_s: from the first frame to the end of the time that the last one stands for
    frames_s: the time that all frames stand for; less than last_s - first_s where there are gaps
    gaps: (start, end) in seconds, spans that no frame stands for
    n_skipped: frames left out by live reading or because of damage
    notes: how many frames have each note ("too dark", "damaged", …)
    cuts_s: where a new shot begins
    n_time_went_back: frames with an earlier time than their predecessor
    persons: all tracks, also those of bystanders
    min_seen_s: tracks that are seen for fewer seconds are bystanders'; None: for less than a second
        and less than a tenth of the time of the one that is seen longest
    """

    source: str
    n_frames: int
    first_s: float
    last_s: float
    frames_s: float
    gaps: tuple[tuple[float, float], ...]
    n_without_face: int
    without_face_s: float
    notes: dict[str, int]
    cuts_s: tuple[float, ...]
    n_skipped: int
    n_time_went_back: int
    troubles: tuple[Trouble, ...]
    persons: tuple[Person, ...]
    min_seen_s: float | None = None

    @property
    def bystanders(self) -> tuple[Person, ...]:
        """Those seen for a moment only."""
        least_s = self.min_seen_s
        if least_s is None:
            least_s = min(MOMENT_S, 0.1 * max((p.seen_s for p in self.persons), default=0.0))
        return tuple(p for p in self.persons if p.seen_s < least_s - 1e-6)

    @property
    def followed(self) -> tuple[Person, ...]:
        """All but the bystanders."""
        others = {id(p) for p in self.bystanders}
        return tuple(p for p in self.persons if id(p) not in others)

    def left_out(self) -> list[str]:
        """Return lines about the frames without a face and those that were not looked at."""
        lines = []
        if few := self.bystanders:
            longest_s = max(p.seen_s for p in few)
            each = "" if len(few) == 1 else "at most "
            lines.append(f"{count(len(few), 'bystander')}, seen for {each}{length(longest_s)}")
        if self.n_without_face:
            share = self.n_without_face / self.n_frames
            lines.append(
                f"{count(self.n_without_face, 'frame')} without a face "
                f"({length(self.without_face_s)}, {share:.0%} of the frames)"
            )
        lines += [f"{count(n, 'frame')} {note}" for note, n in self.notes.items()]
        if self.n_skipped:
            lines.append(f"{count(self.n_skipped, 'frame')} skipped, by live reading or by damage")
        if self.gaps:
            lost_s = sum(end - start for start, end in self.gaps)
            where = ", ".join(f"{clock(a)}–{clock(b)}" for a, b in self.gaps[:3])
            where += ", …" if len(self.gaps) > 3 else ""
            gaps = count(len(self.gaps), "gap")
            lines.append(f"{gaps} without frames ({length(lost_s)}): {where}")
        if self.n_time_went_back:
            lines.append(f"time went back {count(self.n_time_went_back, 'time')}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "source": self.source,
            "n_frames": self.n_frames,
            "first_s": round(self.first_s, 3),
            "last_s": round(self.last_s, 3),
            "frames_s": round(self.frames_s, 3),
            "gaps_s": [[round(start, 3), round(end, 3)] for start, end in self.gaps],
            "n_without_face": self.n_without_face,
            "without_face_s": round(self.without_face_s, 3),
            "notes": self.notes,
            "cuts_s": list(self.cuts_s),
            "n_skipped": self.n_skipped,
            "n_time_went_back": self.n_time_went_back,
            "errors": [asdict(t) for t in self.troubles],
            "persons": [person.to_dict() for person in self.persons],
        }


@dataclass(frozen=True, slots=True)
class Pictures:
    """All single pictures together; shares are of faces, not of time."""

    n_pictures: int
    n_faces: int
    n_without_face: int
    notes: dict[str, int]
    shares: dict[str, float]
    uncertain: float
    probabilities: dict[str, float]
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "n_pictures": self.n_pictures,
            "n_faces": self.n_faces,
            "n_without_face": self.n_without_face,
            "notes": self.notes,
            "shares": {name: round(share, 4) for name, share in self.shares.items()},
            "uncertain": round(self.uncertain, 4),
            "probabilities": {name: round(p, 4) for name, p in self.probabilities.items()},
            "confidence": round(self.confidence, 4),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """The figures of a whole table: its videos in their order, and its pictures if it has any.

    unreadable: files without a single frame
    """

    classes: tuple[str, ...]
    n_rows: int
    sources: tuple[SourceSummary, ...]
    pictures: Pictures | None
    unreadable: tuple[Trouble, ...]

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """All errors of the table: unreadable files, then places in videos."""
        return (*self.unreadable, *(t for source in self.sources for t in source.troubles))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "classes": list(self.classes),
            "n_rows": self.n_rows,
            "sources": [source.to_dict() for source in self.sources],
            "pictures": None if self.pictures is None else self.pictures.to_dict(),
            "unreadable": [asdict(t) for t in self.unreadable],
        }
