"""`livefer watch`: cameras and streams without a window, for servers and small computers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from threading import Event
from typing import Annotated

import typer

from livefer.cli.console import be_quiet
from livefer.cli.files import check_live_source, check_moves, check_not_read
from livefer.cli.options import (
    CsvOption,
    DetectorOption,
    JsonlOption,
    LandmarksOption,
    LiveProfileOption,
    MarkersOption,
    MinScoreOption,
    ModelOption,
    OffsetOption,
    ParquetOption,
    PriorOption,
    SendOption,
    SmoothingOption,
)
from livefer.cli.outputs import files_of, is_stdout, table_names
from livefer.cli.session import open_session, print_end
from livefer.formatting import count, printable
from livefer.media.sources import Source, open_source
from livefer.media.threads import newest, side_by_side
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.interrupts import stop_requests
from livefer.tracking.smoothing import WINDOW_S


def watch(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Numbers of cameras, rtsp:// or http:// addresses of streams, or a video file, "
            "which is played at its own speed. Several run side by side.",
            metavar="SOURCE...",
        ),
    ],
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing but errors.", callback=be_quiet),
    ] = False,
    smoothing: SmoothingOption = WINDOW_S,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    min_score: MinScoreOption = None,
    prior: PriorOption = None,
    profile: LiveProfileOption = None,
    csv: CsvOption = None,
    jsonl: JsonlOption = None,
    parquet: ParquetOption = None,
    landmarks: LandmarksOption = False,
    send: SendOption = None,
    markers: MarkersOption = None,
    offset: OffsetOption = 0.0,
) -> None:
    """Recognise faces live without a window, for tables and other programs.

    Prints a line whenever a face comes, goes or gets another label. Ctrl-C ends it in order: tables
    are complete files up to that frame. A camera that stops is tried again for ten seconds, and
    with the last one the command ends with an error.
    """
    tables = table_names(csv, jsonl, parquet)
    check_not_read(files_of(tables), sources)
    for source in sources:
        check_live_source(source)
    recognizer = Recognizer(
        model, detector, smoothing, prior=prior, profile=profile, min_score=min_score
    )
    frames = open_source(sources if sources[1:] else sources[0], live=True)
    check_moves(sources[0], frames)
    to = None if quiet else sys.stderr if any(map(is_stdout, tables)) else sys.stdout
    n_frames, n_skipped, error = 0, 0, None
    with (
        open_session(recognizer, tables, send or [], markers, offset, landmarks) as session,
        stop_requests() as requested,
        closing(recognizer.stream(_until(requested.stop, frames, len(sources)))) as results,
    ):
        changes = Changes(names=len(sources) > 1)
        for result in results:
            session.write(result)
            n_frames += result.image is not None
            n_skipped += result.n_skipped
            if result.error is not None:
                sys.stderr.write(f"{printable(result.error)}\n")
            error = result.error
            if to is not None:
                to.writelines(f"{line}\n" for line in changes.lines(result))
                to.flush()
            if requested.stop.is_set():
                break
    done = f"{count(n_frames, 'frame')} recognised, {n_skipped:,} skipped"
    print_end(f"{done}; model {recognizer.classifier.name}", tables, [], session)
    if error is not None and not requested.stop.is_set():
        raise typer.Exit(1)  # the error stands above


def _until(stop: Event, frames: Source, n_sources: int) -> Source:
    """Return a source that ends when `stop` is set, also while no frame comes."""

    def read(_: Event) -> Iterator[Frame]:
        with frames:
            yield from frames

    if n_sources == 1:
        return Source(frames.name, newest(read, stop), live=True)
    return Source(frames.name, side_by_side([frames], stop), live=True)


class Changes:
    """Words on the faces that came, went or got another answer; names: of the sources, too."""

    def __init__(self, names: bool) -> None:
        self._names = names
        self._answers: dict[str, dict[int | None, str]] = {}

    def lines(self, result: FrameResult) -> list[str]:
        """Return a line for each change since the last result of the same source."""
        if result.image is None:
            return []
        before = self._answers.get(result.source, {})
        now = {face.track_id: face.answer for face in result.faces}
        self._answers[result.source] = now
        start = f"{result.time_s:8.2f} s  "
        start += f"{printable(result.source)}  " if self._names else ""
        changed = [
            f"{start}#{face.track_id} {face.answer} {face.confidence:.0%}"
            for face in result.faces
            if before.get(face.track_id) != face.answer
        ]
        return changed + [f"{start}#{track} gone" for track in before if track not in now]
