"""Timelines and reports, as `livefer video` and `livefer summarize` write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livefer.cli.files import write_text
from livefer.errors import DatasetError
from livefer.formatting import printable, short_name

if TYPE_CHECKING:
    from livefer.results import FrameResult
    from livefer.summary.key_frames import KeyFrame
    from livefer.summary.records import SourceSummary, Summary


class Story:
    """What a timeline and a report are made of, collected while videos are recognised."""

    def __init__(self, classes: Sequence[str]) -> None:
        from livefer.summary.key_frames import KeyFrames
        from livefer.summary.summarize import Summarizer

        self._summarizer = Summarizer(classes)
        self._frames = KeyFrames()

    def add(self, result: FrameResult) -> None:
        """Take one frame."""
        from livefer.tables.schema import rows_of

        for row in rows_of(result, self._summarizer.classes):
            self._summarizer.add(row)
        self._frames.add(replace(result, source=printable(result.source)))

    def write(self, plot: Path | None, report: Path | None, about: Mapping[str, str]) -> list[Path]:
        """Write what is wanted of it; of videos without any frame there is no picture."""
        summary = self._summarizer.summary()
        names = [source.source for source in summary.sources]
        title = short_name(names[0]) if len(names) == 1 else f"{len(names)} videos"
        frames = {name: self._frames.of(name) for name in names}
        return write_pictures(summary, plot if names else None, report, title, about, frames)


def write_pictures(
    summary: Summary,
    plot: Path | None,
    report: Path | None,
    title: str,
    about: Mapping[str, str],
    key_frames: Mapping[str, Sequence[KeyFrame]] | None = None,
) -> list[Path]:
    """Write timelines and the report, where they are wanted, and return what was written.

    about, key_frames: as in livefer.summary.html_report.report_html
    """
    written = []
    if plot is not None:
        from livefer.summary.key_frames import portraits
        from livefer.summary.timeline import timeline_picture, write_timeline

        if not summary.sources:
            raise DatasetError(f"--plot {plot}: there is no video here, and pictures have no time")
        for source, path in zip(summary.sources, _names(summary.sources, plot), strict=True):
            faces = portraits(list((key_frames or {}).get(source.source, ())))
            write_timeline(timeline_picture(source, summary.classes, faces), path)
            written.append(path)
    if report is not None:
        from livefer.summary.html_report import report_html

        write_text(report, report_html(summary, title, about, key_frames))
        written.append(report)
    return written


def _names(sources: Sequence[SourceSummary], plot: Path) -> list[Path]:
    """Return a name for each video's picture: the one that is given, or with the video's in it."""
    if len(sources) == 1:
        return [plot]
    paths: list[Path] = []
    for source in sources:
        stem = re.sub(r"[^\w.-]+", "_", Path(source.source).stem)[:80]
        path, n = plot.with_name(f"{plot.stem}-{stem}{plot.suffix}"), 1
        while path in paths:
            n += 1
            path = plot.with_name(f"{plot.stem}-{stem}-{n}{plot.suffix}")
        paths.append(path)
    return paths
