"""`livefer analyze`: any number of pictures and videos into a table, on all cores or a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from livefer.batch.analyze import SETTINGS, Input, Settings, find_inputs
from livefer.batch.batches import Job, PartProgress, cut
from livefer.batch.local_engine import run_local
from livefer.batch.output import Output
from livefer.batch.part_files import Part
from livefer.batch.profiles import key_among, read_baselines
from livefer.batch.ray_engine import run_ray
from livefer.batch.tally import Tally
from livefer.cli.console import check_landmarks, note, print_left_out, print_without_landmarks
from livefer.cli.files import check_any_exists, check_identify, check_not_read
from livefer.cli.options import (
    BaselineOption,
    DetectorOption,
    EveryFrameOption,
    EveryOption,
    FpsOfSourceOption,
    FpsOption,
    IdentifyOption,
    LandmarksOption,
    MaxFacesOption,
    MinFaceOption,
    MinScoreOption,
    MinSeenOption,
    ModelOption,
    OnePersonOption,
    PriorOption,
    ProfileOption,
    QuietOption,
)
from livefer.cli.outputs import print_file, words_for
from livefer.cli.progress import bar_or_log
from livefer.errors import ConfigError
from livefer.formatting import count, printable
from livefer.identity.network import weights_path
from livefer.identity.persons import KnownTrack, write_persons
from livefer.media.names import LeftOut, same_file, suffix_of
from livefer.media.pyav_reader import load_av
from livefer.system.atomic import STDOUT, temporary_folder
from livefer.system.interrupts import INTERRUPTIONS, exit_code
from livefer.system.machine import n_cores
from livefer.tables.plain import keys_of

_MOST_ERRORS = 20  # that are printed; the table has all


class Engine(str, Enum):
    """What runs the batches."""

    local = "local"
    ray = "ray"


def analyze(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, videos, folders with their subfolders, quoted patterns, and lists (a "
            ".txt file, or - for standard input).",
            metavar="PATH...",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="The table: a .csv, .jsonl or .parquet file, or a folder for a data set of many "
            "Parquet files. - is CSV on standard output.",
            metavar="OUT",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes, each on one core.",
            show_default="the number of cores",
            metavar="N",
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(help="local: the cores of this machine. ray: Ray Data, here or on a cluster."),
    ] = Engine.local,
    ray_address: Annotated[
        str | None,
        typer.Option(
            help='The cluster for --engine ray: "auto" or HOST:PORT.',
            show_default="a new one on this machine",
            metavar="ADDRESS",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue OUT: skip what is done, inside a film, too.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first input that cannot be read.")
    ] = False,
    every: EveryOption = 1,
    fps: FpsOption = None,
    fps_of_source: FpsOfSourceOption = None,
    every_frame: EveryFrameOption = False,
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
    baselines: Annotated[
        Path | None,
        typer.Option(
            help="A table with the columns file, start and end, or file and baseline: --baseline "
            "for each of these videos.",
            metavar="FILE.CSV",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Recognise the faces in any number of pictures and videos.

    Writes a row for each face of each frame. An input that cannot be read becomes a row with its
    error; the run continues, and the exit code is 1. A run that was interrupted in any way
    continues with --resume: no input is lost or done twice.
    """
    if sum(one is not None for one in (profile, baseline, baselines)) > 1:
        raise ConfigError("--profile, --baseline and --baselines say the same thing: choose one")
    settings = Settings(
        model,
        detector,
        prior,
        every=every,
        fps=fps,
        fps_of_source=fps_of_source,
        every_frame=every_frame,
        min_score=min_score,
        landmarks=landmarks,
        profile=None if profile is None else str(profile),
        baseline=baseline,
        baselines=None if baselines is None else str(baselines),
        one_person=one_person,
        max_faces=max_faces,
        min_face_px=min_face,
        min_seen_s=min_seen or 0.0,
    )
    _check_engine(engine, ray_address, out)
    if identify is not None:
        if resume or engine is Engine.ray:
            option = "--resume" if resume else "--engine ray"
            raise ConfigError(f"--identify compares the films of one run here: leave {option} out")
        check_identify(identify, one_person)
        weights_path()  # without the extra it is an error here, once
    with _destination(out, resume, engine) as place:
        output, left_out = Output(place), LeftOut()
        inputs = find_inputs(paths, left_out)
        _check_inputs(inputs, output, resume)
        if baselines is not None:
            _check_films(baselines, inputs)
        recognizer = settings.recognizer()  # a wrong model or detector is an error here, once
        settings = replace(settings, every_frame=recognizer.every_frame)
        if not detector.lower().endswith(".onnx"):
            settings = replace(settings, detector=recognizer.detector.name)  # type: ignore[attr-defined]
        if identify is not None:
            check_landmarks(recognizer)
            check_not_read([identify], [one.name for one in inputs])
        job = Job(settings, settings.metadata(recognizer), identify is not None)
        parts = _finished(output, job, resume, recognizer.classes)
        done = {same_file(printable(name)) for part in parts for name in part.inputs}
        batches = cut(
            inputs, frozenset(one.name for one in inputs if same_file(printable(one.name)) in done)
        )
        tally = Tally(batches, n_before=len(inputs) - sum(len(b.inputs) for b in batches))
        for part in parts:
            tally.add_earlier(part.errors)
        known: dict[int, tuple[KnownTrack, ...]] = {}
        if landmarks:
            print_without_landmarks(recognizer)
        if batches:
            output.prepare()
            output.adopt(parts)
            n_workers = workers or n_cores()
            if engine is Engine.ray:
                stream = run_ray(batches, job, output, n_workers, ray_address)
            else:
                stream = run_local(batches, job, output, n_workers)
            todo = "nothing was written" if out == STDOUT else "continue with --resume"
            if identify is not None and out != STDOUT:
                todo += ", without --identify"
            _run(stream, tally, fail_fast, todo, known)
            output.sweep()
        output.finish(inputs)
        _print_errors(tally.errors)
        found = wrote = ""
        if identify is not None:
            tracks = [track for number in sorted(known) for track in known[number]]
            found = f"; {write_persons(identify, tracks)}"
            wrote = f", {words_for(identify)}"
        note(f"{tally}{found}; model {recognizer.classifier.name}; wrote {words_for(out)}{wrote}")
        print_left_out(left_out)
        if tally.errors:
            raise typer.Exit(1)


@contextmanager
def _destination(out: str, resume: bool, engine: Engine) -> Iterator[str]:
    """Give the path to write to; for standard output, that of a file which is then printed."""
    if out != STDOUT:
        yield out
        return
    if resume or engine is Engine.ray:
        option = "--resume" if resume else "--engine ray"
        raise ConfigError(f"{option} needs a place for the parts: name a file or a folder, not -")
    with temporary_folder() as folder:
        table = folder / "faces.csv"
        try:
            yield str(table)
        finally:
            if table.exists():
                print_file(table)


def _check_films(path: Path, inputs: Sequence[Input]) -> None:
    """Check the films of a table of baselines.

    Prints a line about those that are not among the inputs. ConfigError where a name means two.
    """
    baselines = read_baselines(str(path))
    films: dict[str, list[str]] = {}
    for one in inputs:
        if one.is_video and (key := key_among(one.name, baselines)) is not None:
            films.setdefault(key, []).append(one.name)
    for key, names in films.items():
        if len(names) > 1:
            both = printable(" and ".join(names[:2]))
            raise ConfigError(f"{key} of {path} is {both}: give more of the path")
    known = {key for one in inputs for key in keys_of(one.name)}
    if others := [film for film in baselines if film not in known]:
        first = ", ".join(map(printable, others[:3])) + (", …" if others[3:] else "")
        sys.stderr.write(f"{path} names {count(len(others), 'film')} not to be analysed: {first}\n")


def _check_engine(engine: Engine, ray_address: str | None, out: str) -> None:
    if ray_address is not None and engine is not Engine.ray:
        raise ConfigError("--ray-address needs --engine ray: add that, or leave it out")
    if "://" in out and engine is not Engine.ray:
        raise ConfigError(f"{out} is an address: only --engine ray writes there")


def _check_inputs(inputs: Sequence[Input], output: Output, resume: bool) -> None:
    """Raise LiveferError where there is nothing to read, or the output would replace an input."""
    if not inputs:
        raise ConfigError("nothing to analyse: the list of pictures and videos is empty")
    if output.table is not None:
        alike = [one.name for one in inputs if suffix_of(one.name) == output.suffix]
        check_not_read([output.table], alike)
    if not resume:
        check_any_exists([(one.name, one.error) for one in inputs])
    if any(one.is_video for one in inputs):
        load_av()


def _finished(output: Output, job: Job, resume: bool, classes: tuple[str, ...]) -> list[Part]:
    """Return the parts of an earlier run that this run continues."""
    if not resume:
        if output.has_parts():
            raise ConfigError(
                f"{output.folder} holds what another run has finished: continue it with "
                "--resume, or remove it to start afresh"
            )
        return []
    # All that a finished CSV tells of its settings.
    earlier, landmarks = output.content() or (classes, job.settings.landmarks)
    if earlier != classes:
        raise ConfigError(
            f"{output.path} has the classes {', '.join(earlier)}, this model "
            f"{', '.join(classes)}: write to another place"
        )
    if landmarks != job.settings.landmarks:
        raise ConfigError(
            f"{output.path} was made with{'' if landmarks else 'out'} --landmarks: do the same, or "
            "write to another place"
        )
    parts = output.parts()
    now = json.loads(job.metadata[SETTINGS])
    for part in parts:
        before = json.loads(part.metadata.get(SETTINGS, job.metadata[SETTINGS]))
        # A setting that an earlier version did not know was none then.
        keys = [key for key in before | now if before.get(key) != now.get(key)]
        if keys:
            changed = [f"{key} {before.get(key)}, now {now.get(key)}" for key in keys]
            raise ConfigError(
                f"{output.path} was started with other settings ({'; '.join(changed)}): "
                "use the same ones, or write to another place"
            )
    return parts


def _run(
    stream: Generator[PartProgress, None, None],
    tally: Tally,
    fail_fast: bool,
    todo: str,
    known: dict[int, tuple[KnownTrack, ...]],
) -> None:
    """Do all batches, until the end, Ctrl-C, a request to terminate or the first error.

    todo: what the line of a run that ends early says at its end
    known: gets the tracks of each batch by its number
    """
    try:
        with bar_or_log(tally.work_of_all) as show, closing(stream):
            for progress in stream:
                tally.add(progress)
                if progress.is_done:
                    known[progress.number] = progress.tracks
                show(tally.work, tally.done, f"{tally.speed}, {tally.left}")
                if fail_fast and progress.errors:
                    break
            else:
                return
    except INTERRUPTIONS as interruption:
        sys.stderr.write(f"stopped after {tally}; {todo}\n")
        raise typer.Exit(exit_code(interruption)) from None
    _print_errors(progress.errors[:1])
    sys.stderr.write(f"stopped at the first error, after {tally}; {todo}\n")
    raise typer.Exit(1)


def _print_errors(errors: Sequence[str]) -> None:
    for error in errors[:_MOST_ERRORS]:
        sys.stderr.write(f"{error}\n")
    if (n := len(errors) - _MOST_ERRORS) > 0:
        sys.stderr.write(f'and {n:,} more errors: see the column "error" of the table\n')
