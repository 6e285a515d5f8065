"""`livefer webcam`: the live window on a camera, a video file or a stream."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

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
    QuietOption,
    SendOption,
    SmoothingOption,
)
from livefer.cli.outputs import files_of, table_names
from livefer.cli.session import open_session, print_end
from livefer.errors import LiveferError, SourceError
from livefer.formatting import count
from livefer.live.view import LiveView
from livefer.live.window import open_display, show
from livefer.media.cameras import camera_number
from livefer.media.mpeg4_writer import Mpeg4Writer
from livefer.media.sources import Source, open_source
from livefer.recognizer import Recognizer
from livefer.system.interrupts import stop_requests
from livefer.tracking.smoothing import WINDOW_S


def webcam(
    source: Annotated[
        str,
        typer.Option(
            help="Number of a camera, a video file, or the rtsp:// or http:// address of a stream.",
            metavar="SOURCE",
        ),
    ] = "0",
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Show a mirror image, as people see themselves.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Record the annotated picture as a video, at most 1920 pixels wide or high. "
            "Without a display, only record.",
            metavar="OUT.MP4",
        ),
    ] = None,
    heatmap: Annotated[
        bool, typer.Option("--heatmap", help="Start with the map of where the network looks.")
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
    quiet: QuietOption = False,
) -> None:
    """Recognise faces live in a window.

    Keys: Q or Esc quits, Space pauses, F fills the screen, C takes the next camera, T hides the
    strip of the last 30 seconds, G shows the heat map, S saves a snapshot, M mirrors, N learns your
    neutral face, E your other expressions, Enter marks the moment in the table, H lists all keys.
    Recognition takes the newest frame; the window shows how many it skipped. The last frame of a
    video stays until Esc. Without a window: livefer watch.
    """
    tables = table_names(csv, jsonl, parquet)
    check_not_read([record, *files_of(tables)], [source])
    check_live_source(source)
    recognizer = Recognizer(
        model,
        detector,
        smoothing,
        heatmaps=heatmap,
        prior=prior,
        profile=profile,
        min_score=min_score,
    )
    has_display = _open_display(record)
    frames = _open(source, has_display)
    failure = None
    with open_session(
        recognizer, tables, send or [], markers, offset, landmarks
    ) as session:  # outlives the view, whose thread writes to it
        recording = Mpeg4Writer(record, frames.fps) if record else None
        view = LiveView(recognizer, frames, mirror, recording, camera_number(source), session)
        state = view.state
        try:
            with stop_requests(on_stop=lambda: view.press("q")), view:
                if has_display:
                    show(view)
                while view.running:
                    time.sleep(0.05)
        except SourceError as error:  # the camera is gone, what it gave is not
            failure = error
    done = f"{count(state.n_recognised, 'frame')} recognised, {state.n_skipped:,} skipped"
    done += f"; model {recognizer.classifier.name}"
    recorded = [record] if record and state.n_recognised else []
    print_end("" if failure else done, tables, recorded, session)
    if failure is not None:
        raise failure


def _open_display(record: Path | None) -> bool:
    """Open the display; return False where there is none and the run only records."""
    try:
        open_display()
    except LiveferError:
        if record is None:
            raise
        sys.stderr.write("there is no display: recording only, Ctrl-C ends it\n")
        return False
    return True


def _open(source: str, has_display: bool) -> Source:
    """Open a source; a window needs one that moves."""
    frames = open_source(source, live=True if has_display else None)
    if has_display:
        check_moves(source, frames)
    return frames
