"""The labels of a video as subtitles that players show: WebVTT, a file for each video.

https://www.w3.org/TR/webvtt1/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from livefer.summary.person_sums import ROUNDING_S, FaceRow
from livefer.summary.records import Summary, track_name
from livefer.summary.video_digest import path_for_each
from livefer.system.atomic import each_file, noting, replacing

SHORTEST_S = 0.3
"""A label that stands for less time cannot be read: the face's one before it stays instead."""


@dataclass(slots=True)
class _Cue:
    """A text from a time to another one; held_s: of it, the last seconds that showed others."""

    start_s: float
    end_s: float
    text: str
    held_s: float = 0.0

    @property
    def edges(self) -> tuple[float, float]:
        return self.start_s, self.end_s

    def covers(self, start_s: float, end_s: float) -> bool:
        return self.start_s <= start_s + ROUNDING_S and end_s <= self.end_s + ROUNDING_S


class Subtitles:
    """Collects the labels of frames: one line for each face, with a question mark where uncertain.

    A face is named where its video shows several tracks.
    """

    def __init__(
        self,
        classes: Sequence[str],
        names: Mapping[tuple[str, int | None], str] | None = None,
    ) -> None:
        """names: of persons, by source and track"""
        self._classes, self._names = tuple(classes), names or {}
        self._spans: dict[str, list[tuple[float, float, tuple[tuple[int | None, str], ...]]]] = {}

    def add(self, source: str, time_s: float, hold_s: float, faces: list[FaceRow]) -> None:
        """Add a frame that stands for hold_s seconds."""
        labels = tuple(
            (face.track_id, self._classes[face.class_id] + ("?" if face.uncertain else ""))
            for face in sorted(faces, key=lambda face: face.track_id or 0)
        )
        spans = self._spans.setdefault(source, [])
        if spans and spans[-1][2] == labels and abs(time_s - spans[-1][1]) <= ROUNDING_S:
            spans[-1] = (spans[-1][0], time_s + hold_s, labels)
        else:
            spans.append((time_s, time_s + hold_s, labels))

    def text(self, source: str) -> str:
        """Return a video's subtitles as a WebVTT file."""
        spans = self._spans.get(source, [])
        is_one = len({track for _, _, labels in spans for track, _ in labels}) < 2
        by_track = dict[int | None, list[_Cue]]()
        for start_s, end_s, labels in spans:
            for track_id, label in labels:
                text = self._line(source, track_id, label, is_one)
                _join(by_track.setdefault(track_id, []), _Cue(start_s, end_s, text))
        tracks = by_track.values()
        edges = sorted({time_s for cues in tracks for cue in cues for time_s in cue.edges})
        cues = list[_Cue]()
        for start_s, end_s in pairwise(edges):
            lines = [c.text for cues in tracks for c in cues if c.covers(start_s, end_s)]
            if lines and end_s - start_s > ROUNDING_S:
                cues.append(_Cue(start_s, end_s, "\n".join(lines)))
        blocks = [f"{_stamp(c.start_s)} --> {_stamp(c.end_s)}\n{c.text}\n" for c in cues]
        return "\n".join(["WEBVTT\n", *blocks])

    def _line(self, source: str, track_id: int | None, label: str, is_one: bool) -> str:
        name = self._names.get((source, track_id))
        if name is None and is_one:
            return _escaped(label)
        return _escaped(f"{name or track_name(track_id)}: {label}")

    def write(self, path: Path, summary: Summary, errors: list[str] | None = None) -> list[Path]:
        """Write a file for each video, and return their paths.

        path: of a single video; of several, each path also has its video's name
        errors: gets a line for each file that cannot be written, instead of an OutputError at last
        """
        written = []
        with each_file(errors) as errors:
            paths = path_for_each(path, summary.sources)
            for video, one in zip(summary.sources, paths, strict=True):
                with noting(errors):
                    with replacing(one) as part:
                        part.write_text(self.text(video.source), encoding="utf-8", newline="\n")
                    written.append(one)
        return written


def _join(cues: list[_Cue], new: _Cue) -> None:
    """Add a label of one face; one that stands for a moment leaves the one before it."""
    if not cues or abs(cues[-1].end_s - new.start_s) > ROUNDING_S:
        cues.append(new)
        return
    held_s = cues[-1].held_s + new.end_s - new.start_s
    if new.text == cues[-1].text:
        cues[-1].end_s, cues[-1].held_s = new.end_s, 0.0
    elif held_s < SHORTEST_S:
        cues[-1].end_s, cues[-1].held_s = new.end_s, held_s
    else:
        cues.append(new)


def _escaped(text: str) -> str:
    text = " ".join(text.split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(time_s: float) -> str:
    ms = max(round(1000 * time_s), 0)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
