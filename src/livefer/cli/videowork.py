"""What `livefer video` does with each video: rows, pictures, a copy, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from livefer.errors import SourceError
from livefer.formatting import count, length
from livefer.system.interrupts import StopRequested

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from livefer.media.pyav_reader import VideoReader
    from livefer.recognizer import Recognizer
    from livefer.results import FrameResult
    from livefer.summary.video_digest import VideoDigest
    from livefer.tables.writing import TableSink


@dataclass(frozen=True)
class Span:
    """What of each video is looked at."""

    start_s: float
    end_s: float | None
    every: int
    fps: float | None


@dataclass
class Total:
    """What was done, over all videos."""

    n_videos: int = 0
    n_frames: int = 0
    n_faces: int = 0
    n_persons: int = 0
    footage_s: float = 0.0
    began_s: float = field(default_factory=time.monotonic)
    errors: list[str] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        took_s = max(time.monotonic() - self.began_s, 1e-3)
        videos = "" if self.n_videos == 1 else f"{self.n_videos} videos, "
        return (
            f"{videos}{count(self.n_frames, 'frame')} ({length(self.footage_s)} of footage), "
            f"{count(self.n_faces, 'face')}, {count(self.n_persons, 'person')} in "
            f"{length(took_s)}: {self.n_frames / took_s:.1f} frames/s"
        )


@dataclass(frozen=True)
class Work:
    """What all videos share: the recogniser, the tables, the bar and the sum."""

    recognizer: Recognizer
    tables: Sequence[TableSink]
    digest: VideoDigest | None
    span: Span
    requested: StopRequested
    bar: Progress
    total: Total

    def do(self, path: str, error: str | None, copy: Path | None, label: str) -> None:
        """Recognise one video; what is wrong with it becomes a row."""
        from livefer.media.pyav_reader import VideoReader
        from livefer.results import FrameResult

        task = self.bar.add_task(label, total=None, speed="")
        try:
            if error is not None:
                raise SourceError(error)
            span = self.span
            with VideoReader(path, span.start_s, span.end_s, span.every, span.fps) as reader:
                self.total.n_videos += 1
                self._recognise(reader, copy, task)
        except SourceError as reason:
            self._write(FrameResult(path, 0, 0.0, None, error=str(reason)))
        finally:
            self.bar.remove_task(task)

    def _recognise(self, reader: VideoReader, copy: Path | None, task: TaskID) -> None:
        from livefer.batch.recordings import AnnotatedVideo, recognise_video
        from livefer.media.h264_writer import VideoWriter

        span = self.span
        persons: set[int | None] = set()
        shown_s = span.start_s
        began_s, n_frames = time.monotonic(), 0
        end_s = min(span.end_s or 1e9, reader.info.duration_s or 1e9)
        self.bar.update(task, total=end_s - span.start_s if end_s < 1e9 else None)
        with ExitStack() as stack:
            annotated = writer = None
            if copy is not None:
                writer = VideoWriter(copy, reader.info, reader.name, span.start_s)
                annotated = stack.enter_context(AnnotatedVideo(writer, self.requested.hurry))
            for result in recognise_video(self.recognizer, reader, self.requested.stop):
                self._write(result)
                if annotated is not None:
                    annotated.write(result)
                persons.update(face.track_id for face in result.faces)
                n_frames += result.image is not None
                shown_s = result.time_s
                took_s = max(time.monotonic() - began_s, 1e-3)
                done_s = shown_s - span.start_s
                speed = f"{n_frames / took_s:.0f} frames/s, {done_s / took_s:.1f}×"
                speed = "ending" if self.requested.stop.is_set() else speed
                self.bar.update(task, completed=done_s, speed=speed)
            if annotated is not None and writer is not None:
                annotated.close(whole=span.end_s is None and not self.requested.stop.is_set())
                self.total.copies += [writer.path] if n_frames and writer.path.exists() else []
                self.total.errors += [writer.hint] if writer.hint else []
        self.total.n_persons += len(persons)
        self.total.footage_s += max(shown_s - span.start_s, 0.0)

    def _write(self, result: FrameResult) -> None:
        for table in self.tables:
            table.write(result)
        if self.digest is not None:
            self.digest.add(result)
        self.total.n_frames += result.image is not None
        self.total.n_faces += len(result.faces)
        self.total.errors += [result.error] if result.error else []
