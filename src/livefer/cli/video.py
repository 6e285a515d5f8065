"""`livefer video`: hours of footage into tables and annotated copies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.outputs import PlotOption, ReportOption, check_names
from livefer.cli.shared import (
    DetectorOption,
    ModelOption,
    PriorOption,
    SmoothingOption,
    a_number,
    check_any_is_there,
    check_not_read,
    write_hint,
)
from livefer.cli.videowork import STOPPED, Span, Total, Work, stopping, work_bar
from livefer.errors import ConfigError
from livefer.formatting import printable

if TYPE_CHECKING:
    from livefer.recognizer import Recognizer
    from livefer.tables.writing import TableSink


def video(
    paths: Annotated[
        list[str],
        typer.Argument(
            help='Videos, folders of videos, quoted patterns ("DIR/**/*" looks deeper).',
            metavar="IN...",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
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
        typer.Option(
            help="Look at so many frames a second only.", min=0.001, metavar="F", callback=a_number
        ),
    ] = None,
    start: Annotated[
        str, typer.Option(help="Begin here: seconds, m:ss or h:mm:ss.", metavar="TIME")
    ] = "0",
    end: Annotated[
        str | None, typer.Option(help="Stop here, the frame at this time excluded.", metavar="TIME")
    ] = None,
    smoothing: SmoothingOption = 0.33,
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
    from livefer.media.pyav_reader import load_av
    from livefer.recognizer import Recognizer
    from livefer.summary.video_digest import VideoDigest
    from livefer.tables.writing import open_table

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
    span = Span(_seconds("--start", start), _seconds("--end", end) if end else None, every, fps)
    if span.end_s is not None and span.end_s <= span.start_s:
        raise ConfigError(f"--start {start} --end {end}: expected an end behind the start")
    inputs = list(dict.fromkeys(_find(paths)))  # patterns may overlap
    check_any_is_there(inputs)
    names = _names_of_copies(out, [path for path, error in inputs if error is None])
    check_not_read([*tables, *pages, *names.values()], [path for path, _ in inputs])
    recognizer = Recognizer(model, detector, smoothing, prior=prior)
    total = Total()
    digest = VideoDigest(recognizer.classes) if pages else None
    drawn: list[Path] = []
    with stopping() as asked:
        with ExitStack() as stack:
            about = _about(recognizer)
            sinks: list[TableSink] = []
            for table in tables:
                sinks.append(open_table(table, recognizer.classes, about))
                stack.push(sinks[-1])
            bar = stack.enter_context(work_bar())
            work = Work(recognizer, sinks, digest, span, asked, bar, total)
            for number, (path, error) in enumerate(inputs, 1):
                if asked.stop.is_set():
                    break
                label = Path(path).name if len(inputs) == 1 else f"{number}/{len(inputs)} {path}"
                work.do(path, error, names.get(path), label)
        for error in total.errors:
            sys.stderr.write(f"{error}\n")
        if digest and not asked.hurry.is_set():
            drawn = digest.write(plot, report, _made_with(recognizer, span))
        files = [*tables, *total.copies, *drawn]
        written = [printable(str(path)) for path in files if path.exists()]
        sys.stderr.write(f"{total}; wrote {', '.join(written) or 'nothing'}\n")
        write_hint(recognizer)
    if asked.stop.is_set():
        raise typer.Exit(STOPPED)
    if total.errors:
        raise typer.Exit(1)


def _find(paths: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield (file, None) for each video, and (path, why not) for what is none."""
    from livefer.media.names import PICTURE_SUFFIXES, find_files, suffix_of

    for path in paths:
        found = find_files(path, "video")
        if found is None:
            is_picture = suffix_of(path) in PICTURE_SUFFIXES
            yield path, f'{path} is a picture: "livefer image" is for them' if is_picture else None
            continue
        yield from ((file, None) for file in found.files)
        yield from found.errors


def _names_of_copies(out: Path | None, videos: Sequence[str]) -> dict[str, Path]:
    """Return where each video's annotated copy goes."""
    from livefer.media.h264_writer import SUFFIXES

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
    return sum(part * 60.0**power for power, part in enumerate(reversed(parts)))


def _about(recognizer: Recognizer) -> dict[str, str]:
    """Return what a Parquet table says about how it was made."""
    from livefer.version import __version__

    classifier = recognizer.classifier
    return {"livefer.version": __version__, "livefer.model": str(classifier.name)}


def _made_with(recognizer: Recognizer, span: Span) -> dict[str, str]:
    """Return what a report says about how it was made."""
    from livefer.summary.html_report import about_model

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
