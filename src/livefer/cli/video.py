"""`livefer video`: hours of footage into tables and annotated copies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from livefer.batch.profiles import check_baseline, film_profile
from livefer.batch.recordings import VideoJob, VideoProgress, VideoTotals
from livefer.cli.console import check_landmarks, note, print_left_out, print_without_landmarks
from livefer.cli.files import (
    Item,
    check_any_exists,
    check_folder,
    check_identify,
    check_not_read,
    check_plot_and_report,
    find,
    free_name,
)
from livefer.cli.options import (
    BaselineOption,
    CsvOption,
    DetectorOption,
    EveryFrameOption,
    EveryOption,
    FpsOfSourceOption,
    FpsOption,
    IdentifyOption,
    JsonlOption,
    LandmarksOption,
    MaxFacesOption,
    MinFaceOption,
    MinScoreOption,
    MinSeenOption,
    ModelOption,
    OnePersonOption,
    ParquetOption,
    PlotOption,
    PriorOption,
    ProfileOption,
    QuietOption,
    ReportOption,
    SmoothingOption,
)
from livefer.cli.outputs import files_of, table_names, words_for
from livefer.cli.progress import progress_bar, video_bar
from livefer.drawing.hiding import Way
from livefer.errors import ConfigError
from livefer.formatting import count, printable, seconds_of
from livefer.identity.persons import write_persons
from livefer.identity.tracks import TrackFaces
from livefer.media.names import WRITABLE_VIDEOS
from livefer.media.pyav_reader import Span, load_av
from livefer.recognizer import Recognizer
from livefer.summary.choice import FaceFilter, WhoIsWho
from livefer.summary.html_report import about_model
from livefer.summary.reading import Reader
from livefer.summary.records import Summary
from livefer.summary.video_digest import VideoDigest
from livefer.system.atomic import STDOUT, noting
from livefer.system.interrupts import stop_requests
from livefer.system.pipes import stem_of
from livefer.tables.sidecar import how_made
from livefer.tables.writing import TableSink, open_table
from livefer.tracking.smoothing import WINDOW_S


def video(
    paths: Annotated[
        list[str],
        typer.Argument(
            help='Videos, folders of videos, quoted patterns ("DIR/**/*" looks deeper), '
            "pipes (- is standard input).",
            metavar="IN...",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write an annotated copy (H.264, with the sound); for several videos, a folder.",
            metavar="OUT.MP4|DIR",
        ),
    ] = None,
    blur: Annotated[
        bool,
        typer.Option(
            "--blur",
            help="Blur every face that is found in the copy. Look at it before you share it.",
        ),
    ] = False,
    pixelate: Annotated[
        bool, typer.Option("--pixelate", help="The same in coarse squares.")
    ] = False,
    csv: CsvOption = None,
    jsonl: JsonlOption = None,
    parquet: ParquetOption = None,
    plot: PlotOption = None,
    report: ReportOption = None,
    every: EveryOption = 1,
    fps: FpsOption = None,
    fps_of_source: FpsOfSourceOption = None,
    start: Annotated[
        str, typer.Option(help="Start at this time: seconds, m:ss or h:mm:ss.", metavar="TIME")
    ] = "0",
    end: Annotated[
        str | None, typer.Option(help="Stop before the frame at this time.", metavar="TIME")
    ] = None,
    every_frame: EveryFrameOption = False,
    smoothing: SmoothingOption = WINDOW_S,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    min_score: MinScoreOption = None,
    landmarks: LandmarksOption = False,
    one_person: OnePersonOption = False,
    identify: IdentifyOption = None,
    max_faces: MaxFacesOption = None,
    min_face: MinFaceOption = None,
    min_seen: MinSeenOption = None,
    prior: PriorOption = None,
    profile: ProfileOption = None,
    baseline: BaselineOption = None,
    quiet: QuietOption = False,
) -> None:
    """Recognise the faces in videos: a row for each face of each frame.

    Rows have times and person numbers, which start at 1 in each video. A frame without a face has a
    row too. Damaged frames are skipped, and a video that ends too early gets a last row with the
    error; the exit code is then 1, as for a file that cannot be read. Ctrl-C stops early: tables
    and videos are complete files up to that frame.

    The annotated copy shows the frames that were read, each at its own time.
    """
    tables = table_names(csv, jsonl, parquet)
    if baseline is not None:
        check_baseline(baseline)
        if profile is not None:
            raise ConfigError("--profile and --baseline both say whose face it is: leave one out")
    check_plot_and_report(plot, report)
    pages = [path for path in (plot, report) if path is not None]
    if not tables and not pages and out is None:
        raise ConfigError(
            "nothing to write: expected --csv, --jsonl, --parquet, --plot, --report or --out"
        )
    if landmarks and not tables:
        raise ConfigError("--landmarks adds columns to a table: add --csv, --jsonl or --parquet")
    faces = None
    if identify is not None:
        if not tables:
            raise ConfigError("--identify names the tracks of a table: add --csv or another")
        check_identify(identify, one_person)
        if pages and not files_of(tables):
            raise ConfigError(
                "--plot and --report take the persons of --identify from the table: name a file "
                "for it in place of -"
            )
    if blur and pixelate:
        raise ConfigError("--blur and --pixelate are two ways to hide faces: leave one out")
    hide: Way | None = "pixelate" if pixelate else "blur" if blur else None
    if hide is not None:
        if out is None:
            raise ConfigError(f"--{hide} is for an annotated copy: add --out")
        if one_person or max_faces is not None or min_face is not None:
            raise ConfigError(
                f"--{hide} hides every face: leave --one-person, --max-faces and --min-face out"
            )
    load_av()
    end_s = _seconds("--end", end) if end else None
    span = Span(_seconds("--start", start), end_s, every, fps, fps_of_source)
    inputs, left_out = find(paths, "video")
    check_any_exists(inputs)
    copies = _names_of_copies(out, [path for path, error in inputs if error is None])
    outputs = [*files_of(tables), *pages, *copies.values(), identify]
    check_not_read(outputs, [path for path, _ in inputs])
    recognizer = Recognizer(
        model,
        detector,
        smoothing,
        prior=prior,
        profile=profile,
        min_score=min_score,
        every_frame=every_frame or hide is not None,
        one_person=one_person,
        max_faces=max_faces,
        min_face_px=min_face,
    )
    metadata = recognizer.metadata()
    metadata |= {} if baseline is None else {"livefer.baseline": baseline}
    if identify is not None:
        check_landmarks(recognizer)
        faces = TrackFaces()
    metadata |= {} if min_seen is None else {"livefer.min_seen_s": f"{min_seen:g}"}
    if landmarks:
        print_without_landmarks(recognizer)
    profile_of = None
    if baseline is not None:
        profile_of = partial(film_profile, recognizer, baseline=baseline)
    sinks = list[TableSink]()
    drawn, unwritten = list[Path](), list[str]()
    digest = VideoDigest(recognizer.classes, min_seen) if pages else None
    with stop_requests() as requested:
        with ExitStack() as stack:
            for table in tables:
                sink = open_table(
                    *(table.path, recognizer.classes, metadata, landmarks, min_seen or 0),
                    kind=table.kind,
                )
                sinks.append(stack.enter_context(sink))
            job = VideoJob(recognizer, sinks, digest, span, profile_of, requested, hide, faces)
            _run(job, inputs, copies)
        totals = job.totals
        sys.stderr.writelines(f"{printable(line)}\n" for line in totals.errors)
        for line in totals.hints:
            note(line)
        found = ""
        if faces is not None and identify is not None:
            known = faces.known(sinks[0].left_out)
            with noting(unwritten):
                found = f"; {write_persons(identify, known)}"
                drawn.append(identify)
                if digest is not None and known and not requested.hurry.is_set():
                    _show_persons(digest, files_of(tables)[0], identify, min_seen)
        if digest and not requested.hurry.is_set():
            about = _made_with(recognizer, span, metadata)
            drawn += digest.write(plot, report, about, unwritten)
        sys.stderr.writelines(f"{error}\n" for error in unwritten)
        files = [*(table.path for table in tables), *totals.copies, *drawn]
        names = [words_for(path) for path in files if str(path) == STDOUT or path.exists()]
        written = ", ".join(names)
        if fps_of_source is not None and totals.n_videos and not totals.n_timeless:
            note("--fps-of-source changed nothing: every video has its own times")
        n_short = 0 if min_seen is None else _leave_short_out(totals, sinks, digest)
        done = f"{totals}; model {recognizer.classifier.name}"
        if n_short:
            done += f"; {count(n_short, 'short track')} left out"
        note(f"{done}{found}; wrote {written or 'nothing'}")
        print_left_out(left_out)
    if requested.stop.is_set():
        raise typer.Exit(requested.exit_code)
    if totals.errors or unwritten:
        raise typer.Exit(1)


def _run(job: VideoJob, inputs: Sequence[Item], copies: Mapping[str, Path]) -> None:
    """Recognise the videos one after the other, each with a bar."""
    with video_bar() as bar:
        for number, (path, error) in enumerate(inputs, 1):
            if job.requested.stop.is_set():
                break
            label = Path(path).name if len(inputs) == 1 else f"{number}/{len(inputs)} {path}"
            if error is not None:
                job.add_error(path, error)
                continue
            with _shown(bar, label, job) as show:
                job.run(path, copies.get(path), show)


def _leave_short_out(
    totals: VideoTotals, sinks: Sequence[TableSink], digest: VideoDigest | None
) -> int:
    """Take the faces of short tracks out of the counts, and return the number of these tracks."""
    if sinks:
        n_short, n_faces = sinks[0].n_bystanders, sinks[0].n_faces
    else:
        videos = () if digest is None else digest.summary().sources
        short = [person for video in videos for person in video.bystanders]
        n_short, n_faces = len(short), totals.n_faces - sum(person.n_rows for person in short)
    totals.n_tracks, totals.n_faces = totals.n_tracks - n_short, n_faces
    return n_short


def _show_persons(digest: VideoDigest, table: Path, names: Path, min_seen_s: float | None) -> None:
    """Give a digest the figures of persons, from the finished table and whose its tracks are."""

    def choice_of(summary: Summary) -> WhoIsWho:
        return WhoIsWho(summary, names=names, min_seen_s=min_seen_s)

    with progress_bar("reading") as progress:
        found = Reader(table, progress, FaceFilter()).read(choice_of=choice_of)
    if found.choice is not None:
        digest.show_persons(found.summary, found.choice.track_of)


@contextmanager
def _shown(bar: Progress, label: str, job: VideoJob) -> Iterator[Callable[[VideoProgress], None]]:
    """Give a function that shows the progress of one video."""
    task = bar.add_task(label, total=None, speed="")

    def show(progress: VideoProgress) -> None:
        done_s, took_s = progress.done_s, progress.took_s
        speed = f"{progress.n_frames / took_s:.0f} frames/s, {done_s / took_s:.1f}×"
        speed = "ending" if job.requested.stop.is_set() else speed
        bar.update(task, total=progress.whole_s, completed=done_s, speed=speed)

    try:
        yield show
    finally:
        bar.remove_task(task)


def _names_of_copies(out: Path | None, videos: Sequence[str]) -> dict[str, Path]:
    """Return where each video's annotated copy goes."""
    if out is None:
        return {}
    if out.suffix.lower() in WRITABLE_VIDEOS and not out.is_dir():
        if len(videos) > 1:
            raise ConfigError(f"--out {out} is one file for {len(videos)} videos: name a folder")
        return dict.fromkeys(videos, out)
    if out.suffix and not out.is_dir():
        raise ConfigError(
            f"--out {out} is not a video's name: expected a folder, or a name that ends in "
            f"{', '.join(WRITABLE_VIDEOS)}"
        )
    if out.is_file():
        raise ConfigError(f"--out {out} is a file: expected a folder, existing or new")
    check_folder("--out", out)
    taken = {Path(video).resolve() for video in videos}
    return {video: free_name(out / f"{stem_of(video)}.mp4", taken) for video in videos}


def _seconds(option: str, text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text} is not a time: expected seconds, m:ss or h:mm:ss, as in 90 or 1:30"
        ) from None


def _made_with(recognizer: Recognizer, span: Span, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that a report lists."""
    frames = "every frame" if span.every == 1 else f"1 of {span.every} frames"
    if span.fps is not None:
        frames = f"{span.fps:g} frames a second"
    end = "the end" if span.end_s is None else f"{span.end_s:g} s"
    return {
        **about_model(str(recognizer.classifier.name), recognizer.classifier.metadata),
        **how_made(metadata),
        "read": f"{frames}, from {span.start_s:g} s to {end}",
    }
