"""Timelines and a report as files: of a table's figures, or collected during recognition."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from livefer.errors import DatasetError
from livefer.formatting import printable, short_name
from livefer.labels import CLASSES
from livefer.results import FrameResult
from livefer.summary.html_report import report_html
from livefer.summary.key_frames import KeyFrame, KeyFrames, of_persons, portraits
from livefer.summary.records import SourceSummary, Summary
from livefer.summary.summarize import Summarizer
from livefer.summary.timeline import timeline_picture, write_timeline
from livefer.system.atomic import each_file, noting, replacing, with_end
from livefer.tables.schema import rows_of


class VideoDigest:
    """The figures and key frames of videos, collected while they are recognised.

        digest = livefer.VideoDigest(recognizer.classes)
        for result in recognizer.stream("clip.mp4"):
            digest.add(result)
        digest.write(plot="clip.png", report="clip.html")

    No frame is kept: memory grows with the number of videos and persons, not with their length.
    """

    def __init__(self, classes: Sequence[str] = CLASSES, min_seen_s: float | None = None) -> None:
        """Collect nothing yet.

        classes: of the model that makes the results
        min_seen_s: as of Summarizer
        """
        self._summarizer = Summarizer(classes, min_seen_s=min_seen_s)
        self._key_frames = KeyFrames()
        self._of_persons: Summary | None = None
        self._track_of: Callable[[str, int], int | None] = lambda source, track_id: track_id

    def add(self, result: FrameResult) -> None:
        """Add one frame; those of a video come in their order."""
        for row in rows_of(result, self._summarizer.classes):
            self._summarizer.add(row)
        self._key_frames.add(replace(result, source=printable(result.source)))

    def summary(self) -> Summary:
        """Return the figures of all frames; none may be added after it."""
        return self._of_persons or self._summarizer.summary()

    def show_persons(self, summary: Summary, track_of: Callable[[str, int], int | None]) -> None:
        """Take the figures of persons, once their tracks are known, instead of those of tracks.

        summary: of the same frames
        track_of: returns the track that a person has in it, for a source and a track; None leaves
            the track out
        """
        self._of_persons, self._track_of = summary, track_of

    def write(
        self,
        plot: str | Path | None = None,
        report: str | Path | None = None,
        about: Mapping[str, str] | None = None,
        errors: list[str] | None = None,
    ) -> list[Path]:
        """Write timelines, a report or both, and return the files that were written.

        plot: of the timeline, a name that ends in .png, .pdf or .svg; several videos have a picture
            each, with the video's name in it; without a single frame there is none
        report: of the HTML file
        about: how the results were made, for the report: names and values
        errors: gets a line for each file that cannot be written, instead of an OutputError

        The other files are written all the same. LiveferError where none could be, as on a full
        disk; MissingExtraError without matplotlib.
        """
        summary = self.summary()
        names = [source.source for source in summary.sources]
        frames = {
            name: of_persons(self._key_frames.of(name), partial(self._track_of, name))
            for name in names
        }
        written = []
        with each_file(errors) as errors:
            if plot is not None and names:
                written += write_timelines(Path(plot), summary, frames, errors)
            if report is not None:
                title = short_name(names[0]) if len(names) == 1 else f"{len(names)} videos"
                with noting(errors):
                    written.append(write_report(Path(report), summary, title, about or {}, frames))
        return written


def write_timelines(
    path: Path,
    summary: Summary,
    key_frames: Mapping[str, Sequence[KeyFrame]] | None = None,
    errors: list[str] | None = None,
) -> list[Path]:
    """Write a timeline of each video, and return their paths. DatasetError without a video.

    path: of a single video; of several each path also has its video's name
    key_frames: by source, for the portraits
    errors: as in VideoDigest.write
    """
    if not summary.sources:
        raise DatasetError(
            f"{path} cannot be drawn: there is no video here, and pictures have no time"
        )
    written = []
    with each_file(errors) as errors:
        paths = path_for_each(path, summary.sources)
        for source, one in zip(summary.sources, paths, strict=True):
            faces = portraits((key_frames or {}).get(source.source, ()))
            with noting(errors):
                write_timeline(timeline_picture(source, summary.classes, faces), one)
                written.append(one)
    return written


def write_report(
    path: Path,
    summary: Summary,
    title: str,
    about: Mapping[str, str],
    key_frames: Mapping[str, Sequence[KeyFrame]] | None = None,
) -> Path:
    """Write a report as one HTML file, and return its path.

    about, key_frames: as of livefer.summary.html_report.report_html
    """
    page = report_html(summary, title, about, key_frames)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def path_for_each(path: Path, sources: Sequence[SourceSummary]) -> list[Path]:
    """Return a path for the file of each video, no two the same: of several, with their names."""
    if len(sources) == 1:
        return [path]
    paths: list[Path] = []
    for source in sources:
        stem = re.sub(r"[^\w.-]+", "_", Path(source.source).stem)[:80]
        base = path.with_name(f"{path.stem}-{stem}{path.suffix}")
        one, n = with_end(base), 1
        while one in paths:
            n += 1
            one = with_end(base, f"-{n}")
        paths.append(one)
    return paths
