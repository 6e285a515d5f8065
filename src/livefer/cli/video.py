"""`livefer video`: hours of footage into tables and annotated copies."""

from __future__ import annotations

import glob
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livefer.cli.outputs import PlotOption, ReportOption, Story, check_names
from livefer.cli.shared import DetectorOption, ModelOption, PriorOption, write_hint
from livefer.errors import ConfigError, LiveferError, SourceError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from livefer.recognizer import Recognizer
    from livefer.results import FrameResult
    from livefer.sinks import CsvSink, JsonlSink, ParquetSink

_STOPPED = 130  # the exit code of what Ctrl-C ended


def video(
    paths: Annotated[
        list[str],
        typer.Argument(help="Videos, folders of videos, quoted patterns.", metavar="IN"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write an annotated copy (H.264, with the sound); of several videos: a folder.",
            metavar="OUT.MP4|DIR",
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write a table as CSV.", metavar="OUT.CSV")
    ] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help="Write a table as JSON lines.", metavar="OUT.JSONL")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(help="Write a table as Parquet.", metavar="OUT.PARQUET")
    ] = None,
    plot: PlotOption = None,
    report: ReportOption = None,
    every: Annotated[
        int, typer.Option(help="Look at each N-th frame only.", min=1, metavar="N")
    ] = 1,
    fps: Annotated[
        float | None,
        typer.Option(help="Look at so many frames a second only.", min=0.001, metavar="F"),
    ] = None,
    start: Annotated[
        str, typer.Option(help="Begin here: seconds, m:ss or h:mm:ss.", metavar="TIME")
    ] = "0",
    end: Annotated[
        str | None, typer.Option(help="Stop here, the frame at this time excluded.", metavar="TIME")
    ] = None,
    smoothing: Annotated[
        float, typer.Option(help="Seconds that each face's result is averaged over.", min=0, max=10)
    ] = 0.33,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:
    """Recognise faces in videos: a row for each face of each frame, with times and persons.

    Persons count from 1 in each video. A frame without a face has a row, too. What is damaged is
    read over, and a video that ends too early ends with a row that says so; the exit code is then
    1, as for a file that cannot be read. Ctrl-C ends tables and videos in good order.

    The annotated copy shows the frames that were looked at, each at its own time.
    """
    from livefer.io import open_table
    from livefer.recognizer import Recognizer
    from livefer.video import load_av

    tables = [
        _checked_name(path, suffix)
        for path, suffix in ((csv, ".csv"), (jsonl, ".jsonl"), (parquet, ".parquet"))
        if path is not None
    ]
    check_names(plot, report)
    pages = [path for path in (plot, report) if path is not None]
    if not tables and not pages and out is None:
        raise ConfigError(
            "nothing to write: expected --csv, --jsonl, --parquet, --plot, --report or --out"
        )
    if every > 1 and fps is not None:
        raise ConfigError("--every and --fps say the same in two ways: leave one out")
    load_av()
    span = _Span(_seconds("--start", start), _seconds("--end", end) if end else None, every, fps)
    if span.end_s is not None and span.end_s <= span.start_s:
        raise ConfigError(f"--start {start} --end {end}: expected an end behind the start")
    inputs = list(_find(paths))
    names = _names_of_copies(out, [path for path, error in inputs if error is None])
    clash = {Path(path).resolve() for path, _ in inputs} & {
        path.resolve() for path in [*tables, *pages, *names.values()]
    }
    if clash:
        raise ConfigError(f"{clash.pop()} is read: expected another name to write to")
    recognizer = Recognizer(model, detector, smoothing, prior=prior)
    total = _Total()
    story = Story(recognizer.classes) if pages else None
    with ExitStack() as stack, _stopping() as stop:
        about = _about(recognizer)
        sinks = [stack.enter_context(open_table(p, recognizer.classes, about)) for p in tables]
        work = _Work(recognizer, sinks, story, span, stop, stack.enter_context(_bar()), total)
        for number, (path, error) in enumerate(inputs, 1):
            if stop.is_set():
                break
            label = Path(path).name if len(inputs) == 1 else f"{number}/{len(inputs)} {path}"
            work.do(path, error, names.get(path), label)
    for error in total.errors:
        sys.stderr.write(f"{error}\n")
    drawn = story.write(plot, report, _made_with(recognizer, span)) if story else []
    written = [str(path) for path in [*tables, *total.copies, *drawn] if path.exists()]
    sys.stderr.write(f"{total}; wrote {', '.join(written) or 'nothing'}\n")
    write_hint(recognizer)
    if stop.is_set():
        raise typer.Exit(_STOPPED)
    if total.errors:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Span:
    """What of each video is looked at."""

    start_s: float
    end_s: float | None
    every: int
    fps: float | None


@dataclass
class _Total:
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
            f"{videos}{_count(self.n_frames, 'frame')} ({_clock(self.footage_s)} of footage), "
            f"{_count(self.n_faces, 'face')}, {_count(self.n_persons, 'person')} in "
            f"{_clock(took_s)}: {self.n_frames / took_s:.1f} frames/s"
        )


@dataclass(frozen=True)
class _Work:
    """What all videos share: the recogniser, the tables, the bar and the sum."""

    recognizer: Recognizer
    tables: Sequence[CsvSink | JsonlSink | ParquetSink]
    story: Story | None
    span: _Span
    stop: Event
    bar: Progress
    total: _Total

    def do(self, path: str, error: str | None, copy: Path | None, label: str) -> None:
        """Recognise one video; what is wrong with it becomes a row."""
        from livefer.results import FrameResult
        from livefer.video import VideoReader

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

    def _recognise(self, reader: Any, copy: Path | None, task: TaskID) -> None:
        from livefer.encoder import VideoWriter
        from livefer.pipeline import AnnotatedVideo, recognise_video

        span = self.span
        persons, shown_s = set(), span.start_s
        began_s, n_frames = time.monotonic(), 0
        end_s = min(span.end_s or 1e9, reader.info.duration_s or 1e9)
        self.bar.update(task, total=end_s - span.start_s if end_s < 1e9 else None)
        with ExitStack() as stack:
            annotated = writer = None
            if copy is not None:
                writer = VideoWriter(copy, reader.info, reader.name, span.start_s)
                annotated = stack.enter_context(AnnotatedVideo(writer))
            for result in recognise_video(self.recognizer, reader, self.stop):
                self._write(result)
                if annotated is not None:
                    annotated.write(result)
                persons.update(face.track_id for face in result.faces)
                n_frames += result.image is not None
                shown_s = result.time_s
                took_s = max(time.monotonic() - began_s, 1e-3)
                done_s = shown_s - span.start_s
                speed = f"{n_frames / took_s:.0f} frames/s, {done_s / took_s:.1f}×"
                self.bar.update(task, completed=done_s, speed=speed)
            if annotated is not None and writer is not None:
                annotated.close(whole=span.end_s is None and not self.stop.is_set())
                self.total.copies.append(writer.path)
                self.total.errors += [writer.hint] if writer.hint else []
        self.total.n_persons += len(persons)
        self.total.footage_s += max(shown_s - span.start_s, 0.0)

    def _write(self, result: FrameResult) -> None:
        try:
            for table in self.tables:
                table.write(result)
        except OSError as error:
            raise LiveferError(
                f"the tables cannot be written ({error.strerror}): is the disk full?"
            ) from None
        if self.story is not None:
            self.story.add(result)
        self.total.n_frames += result.image is not None
        self.total.n_faces += len(result.faces)
        self.total.errors += [result.error] if result.error else []


def _find(paths: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield (file, None) for each video, and (path, why not) for what is none."""
    from livefer.sources import PICTURE_SUFFIXES, VIDEO_SUFFIXES

    for path in paths:
        if not (Path(path).is_dir() or (glob.has_magic(path) and not Path(path).exists())):
            is_picture = Path(path).suffix.lower() in PICTURE_SUFFIXES
            yield path, f'{path} is a picture: "livefer image" is for them' if is_picture else None
            continue
        pattern = str(Path(path) / "*") if Path(path).is_dir() else path
        found = sorted(glob.glob(pattern, recursive=True))
        videos = [file for file in found if Path(file).suffix.lower() in VIDEO_SUFFIXES]
        yield from ((file, None) for file in videos)
        if not videos:
            yield path, f"no video at {pattern} ({len(found)} other files or folders)"


def _names_of_copies(out: Path | None, videos: Sequence[str]) -> dict[str, Path]:
    """Return where each video's annotated copy goes."""
    from livefer.encoder import SUFFIXES

    if out is None:
        return {}
    if out.suffix.lower() in SUFFIXES and not out.is_dir():
        if len(videos) > 1:
            raise ConfigError(f"--out {out} is one file for {len(videos)} videos: name a folder")
        return dict.fromkeys(videos, out)
    if out.suffix and not out.is_dir():
        raise ConfigError(
            f"--out {out} is no name for a video: expected a folder, or a name that ends in "
            f"{', '.join(SUFFIXES)}"
        )
    if out.is_file():
        raise ConfigError(f"--out {out} is a file: expected a folder, existing or new")
    names: dict[str, Path] = {}
    taken = {Path(video).resolve() for video in videos}
    for video in videos:
        path, n = out / f"{Path(video).stem}.mp4", 1
        while path.resolve() in taken:
            n += 1
            path = out / f"{Path(video).stem}-{n}.mp4"
        taken.add(path.resolve())
        names[video] = path
    return names


def _checked_name(path: Path, suffix: str) -> Path:
    if path.suffix.lower() != suffix or path.is_dir():
        raise ConfigError(f"--{suffix[1:]} {path}: expected the name of a file ending in {suffix}")
    return path


def _seconds(option: str, text: str) -> float:
    """Return the seconds of "90", "1:30" or "0:01:30.5"."""
    try:
        parts = [float(part) for part in text.split(":")]
        if len(parts) > 3 or any(not 0 <= part < 1e9 for part in parts):
            raise ValueError
        if any(part >= 60 for part in parts[1:]):
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"{option} {text} is no time: expected seconds, m:ss or h:mm:ss, as in 90 or 1:30"
        ) from None
    return sum(part * 60**power for power, part in enumerate(reversed(parts)))


def _about(recognizer: Recognizer) -> dict[str, str]:
    """Return what a Parquet table says about how it was made."""
    from livefer import __version__

    classifier = recognizer.classifier
    return {"livefer.version": __version__, "livefer.model": str(classifier.name)}


def _made_with(recognizer: Recognizer, span: _Span) -> dict[str, str]:
    """Return what a report says about how it was made."""
    from livefer.htmlreport import about_model

    looked_at = "every frame" if span.every == 1 else f"each frame of {span.every}"
    if span.fps is not None:
        looked_at = f"{span.fps:g} frames a second"
    end = "the end" if span.end_s is None else f"{span.end_s:g} s"
    return {
        **about_model(str(recognizer.classifier.name), recognizer.classifier.metadata),
        "detector": str(getattr(recognizer.detector, "name", type(recognizer.detector).__name__)),
        "averaged over": f"{recognizer.smoothing_s:g} s",
        "looked at": f"{looked_at}, from {span.start_s:g} s to {end}",
    }


@contextmanager
def _stopping() -> Iterator[Event]:
    """Let the first Ctrl-C, or a request to terminate, end the work in good order."""
    stop = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
