"""What is compared with a result table: another one, or a person's coding.

A side has a class at a time of a video: a table for each face, a coding for the video's main face.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livefer.errors import ConfigError, DatasetError
from livefer.summary.events import Event
from livefer.tables.holds import Holds
from livefer.tables.plain import key_of, sources_by_key

Row = Mapping[str, Any]
Box = tuple[float, float, float, float]
Face = tuple[int | None, int, Box | None]
"""Track, class or UNCERTAIN, and box, which a table may lack."""

MISSING, UNCERTAIN = -1, -2
"""In place of a class: no face or no code, and a face whose label does not count."""

_LEAST_OVERLAP = 0.3  # of two boxes, intersection over union, for one face
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class SideFrame:
    """A frame of a table, the time that it stands for, and its faces."""

    time_s: float
    hold_s: float
    faces: tuple[Face, ...]


class TableSide:
    """A result table as one side of a comparison. Pictures have no time, and are left out.

    frames: of each video, in the order of time
    n_pictures: left out
    """

    def __init__(
        self, rows: Iterable[Row], classes: Sequence[str], with_uncertain: bool = False
    ) -> None:
        """Take the faces of a table.

        rows: as read_table makes them with its BOX columns
        with_uncertain: uncertain faces count by their labels
        """
        self.classes = tuple(classes)
        ids = {name: i for i, name in enumerate(self.classes)}
        faces: dict[str, dict[float, list[Face]]] = {}
        for row in rows:
            if row["error"] is not None:
                continue
            of_frame = faces.setdefault(row["source"], {}).setdefault(row["time_s"], [])
            if row["label"] is not None:
                counts = with_uncertain or not row["uncertain"]
                label = ids[row["label"]] if counts else UNCERTAIN
                of_frame.append((row["track_id"], label, _box(row)))
        self.frames = {name: _weighed(found) for name, found in faces.items() if len(found) > 1}
        self.n_pictures = len(faces) - len(self.frames)
        self._times = {name: [f.time_s for f in frames] for name, frames in self.frames.items()}
        self._seen_s: dict[tuple[str, int | None], float] = {}
        for name, frames in self.frames.items():
            for frame in frames:
                for track, _, _ in frame.faces:
                    key = name, track
                    self._seen_s[key] = self._seen_s.get(key, 0.0) + frame.hold_s

    @property
    def sources(self) -> list[str]:
        """The names of the videos."""
        return list(self.frames)

    def main_face(self, source: str, frame: SideFrame) -> Face | None:
        """Return the face of a frame whose track is seen longest in the video; None without one."""
        return max(frame.faces, key=lambda face: self._seen_s[source, face[0]], default=None)

    def label_at(self, source: str, time_s: float, box: Box | None) -> int:
        """Return the class at a time, of the face at a place; without one, of the main face."""
        place = bisect_right(self._times[source], time_s + _ROUNDING_S) - 1
        frame = self.frames[source][max(place, 0)]
        if not -_ROUNDING_S <= time_s - frame.time_s <= frame.hold_s + _ROUNDING_S:
            return MISSING
        if box is None:
            face = self.main_face(source, frame)
            return MISSING if face is None else face[1]
        best, label = _LEAST_OVERLAP, MISSING
        for _, one, other in frame.faces:
            if other is not None and (overlap := _overlap(box, other)) >= best:
                best, label = overlap, one
        return label


def _weighed(faces: Mapping[float, list[Face]]) -> list[SideFrame]:
    """Return the frames of a video, by their times."""
    holds = Holds[list[Face]]()
    found = [one for time_s in sorted(faces) for one in holds.add(time_s, faces[time_s])]
    return [SideFrame(one.time_s, one.hold_s, tuple(one.frame)) for one in found + holds.end()]


class CodingSide:
    """A person's coding as one side of a comparison.

    sources: the videos of the table that were coded
    left_out: how many events are not compared, by the reason
    """

    def __init__(
        self,
        events: Sequence[Event],
        sources: Sequence[str],
        classes: Sequence[str],
        words: Mapping[str, str] | None = None,
        rest: str | None = None,
    ) -> None:
        """Take events as labels, by their kind or their tier.

        sources, classes: of the table
        words: classes by a coding's own words, as in {"smile": "happy"}
        rest: the class of the time without a code; None leaves it out

        ConfigError for a class that the table lacks. DatasetError where no event is of a class, or
        none of these has a duration, or these are of other videos, or one of them is of two.
        """
        ids = {name.casefold(): i for i, name in enumerate(classes)}
        for name in [*(words or {}).values(), *([rest] if rest else [])]:
            if name.casefold() not in ids:
                raise ConfigError(f"{name} is no class of the table: it has {', '.join(classes)}")
        known = {**ids, **{w.casefold(): ids[c.casefold()] for w, c in (words or {}).items()}}
        self._rest = MISSING if rest is None else ids[rest.casefold()]
        strange, elsewhere, n_points = Counter[str](), Counter[str](), 0
        videos, spans = sources_by_key(sources), dict[str, list[_Span]]()
        for event in events:
            labels = [name for name in (event.trial_type, event.tier) if name]
            found = next((known[n.casefold()] for n in labels if n.casefold() in known), None)
            if found is None:
                strange[labels[0] if labels else "no label"] += 1
                continue
            if not event.duration_s:
                n_points += 1
                continue
            of = sources if event.source is None else videos.get(key_of(event.source), [])
            if event.source is not None and len(of) > 1:
                names = " and ".join(of[:2])
                raise DatasetError(
                    f"{event.source} of the coding is {names}: give more of the path"
                )
            if not of:
                elsewhere[str(event.source)] += 1
            for source in of:
                span = event.onset_s, event.onset_s + event.duration_s, found
                spans.setdefault(source, []).append(span)
        if not spans and elsewhere:
            films = ", ".join(list(elsewhere)[:3])
            raise DatasetError(f"the coding is of no video of the table: it names {films}")
        if not spans and n_points:
            raise DatasetError(
                "the coding has points in time only, and a label is compared over time: code "
                "states, with a beginning and an end"
            )
        if not spans:
            raise DatasetError(
                f"no label of the coding is a class of the table: it has "
                f"{', '.join(list(strange)[:5])}; --label WORD=CLASS tells what they mean"
            )
        self.sources = [source for source in sources if source in spans]
        self.left_out = {f"of {label}, which is no class": n for label, n in strange.items()}
        if n_points:
            self.left_out["without a duration"] = n_points
        for film, n in elsewhere.items():
            self.left_out[f"of {film}, which is no video of the table"] = n
        self._steps = {source: _steps(of_one) for source, of_one in spans.items()}

    def label_at(self, source: str, time_s: float, box: Box | None = None) -> int:
        """Return the class at a time: that of the code which began last."""
        times_s, labels = self._steps[source]
        place = bisect_right(times_s, time_s + _ROUNDING_S) - 1
        label = MISSING if place < 0 else labels[place]
        return self._rest if label == MISSING else label


Side = TableSide | CodingSide
_Span = tuple[float, float, int]


def _steps(spans: Sequence[_Span]) -> tuple[list[float], list[int]]:
    """Return the times at which a coding's class changes, and the class from each on."""
    waiting = sorted(spans, reverse=True)
    times_s = sorted({time_s for start_s, end_s, _ in spans for time_s in (start_s, end_s)})
    labels, current = list[int](), list[_Span]()  # a heap: the one that began last is its first
    for time_s in times_s:
        while waiting and waiting[-1][0] <= time_s:
            start_s, end_s, label = waiting.pop()
            heapq.heappush(current, (-start_s, -end_s, -label))
        while current and -current[0][1] <= time_s:
            heapq.heappop(current)
        labels.append(-current[0][2] if current else MISSING)
    return times_s, labels


def _box(row: Row) -> Box | None:
    box = tuple(row.get(name) for name in ("left", "top", "right", "bottom"))
    return None if None in box else box  # type: ignore[return-value]


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / (areas - both)
