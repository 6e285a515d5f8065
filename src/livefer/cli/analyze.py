"""`livefer analyze`: any number of pictures and videos into a table, on all cores or a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.shared import (
    DetectorOption,
    ModelOption,
    PriorOption,
    a_number,
    check_any_is_there,
    write_hint,
)
from livefer.cli.tally import Tally, progress
from livefer.errors import ConfigError
from livefer.formatting import printable
from livefer.system.interrupts import INTERRUPTIONS, exit_code

if TYPE_CHECKING:
    from livefer.batch.batches import Batch, Input
    from livefer.batch.output import Job, News, Output
    from livefer.batch.part_files import Part

_MOST_ERRORS = 20  # that are printed; the table has all


class Engine(str, Enum):
    """Who does the work."""

    local = "local"
    ray = "ray"


def analyze(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, videos, folders with all below them, quoted patterns, lists (a .txt "
            "file, or - for standard input).",
            metavar="PATH...",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="The table: a file ending in .csv, .jsonl or .parquet, or a folder for a "
            "data set of many Parquet files.",
            metavar="OUT",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, one core each.", show_default="the number of cores"),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="local: this machine's cores; ray: Ray Data, here or a cluster.")
    ] = Engine.local,
    ray_address: Annotated[
        str | None,
        typer.Option(
            help='The cluster for --engine ray, as in "auto" or HOST:PORT.',
            show_default="a Ray of its own on this machine",
            metavar="ADDRESS",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with OUT: inputs that are done are skipped.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first input that cannot be read.")
    ] = False,
    every: Annotated[
        int, typer.Option(help="Of videos, look at each N-th frame only.", min=1, metavar="N")
    ] = 1,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Of videos, look at so many frames a second only.", min=0.001, callback=a_number
        ),
    ] = None,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:
    """Recognise faces in any number of pictures and videos: a row for each face of each frame.

    An input that cannot be read is a row with its error; the others follow, and the exit code is
    then 1. A run that was ended, by whatever means, goes on with --resume: nothing is done twice,
    and nothing is left out.
    """
    from livefer.batch.analyze import Settings
    from livefer.batch.batches import cut, find_inputs
    from livefer.batch.output import Job, Output
    from livefer.media.pyav_reader import load_av
    from livefer.system.machine import n_cores

    settings = Settings(model, detector, prior, every=every, fps=fps)
    if ray_address is not None and engine is not Engine.ray:
        raise ConfigError("--ray-address is for --engine ray: add that, or leave it out")
    if "://" in out and engine is not Engine.ray:
        raise ConfigError(f"{out} is an address: --engine ray writes there, the local one does not")
    output = Output(out)
    inputs = find_inputs(paths)
    _check(inputs, output)
    if not resume:
        check_any_is_there([(one.name, one.error) for one in inputs])
    if any(one.is_video for one in inputs):
        load_av()
    recognizer = settings.recognizer()  # what is wrong with model or detector is said here, once
    if not detector.lower().endswith(".onnx"):
        settings = replace(settings, detector=recognizer.detector.name)  # type: ignore[attr-defined]
    job = Job(settings, settings.about())
    parts = _finished(output, job, resume, recognizer.classes)
    done = {printable(name) for part in parts for name in part.inputs}
    batches = cut(inputs, frozenset(one.name for one in inputs if printable(one.name) in done))
    tally = Tally(batches, n_before=len(inputs) - sum(len(b.inputs) for b in batches))
    for part in parts:
        tally.add_earlier(part.errors)
    if batches:
        output.prepare()
        output.adopt(parts)
        run = _engine(engine, ray_address, workers or n_cores())
        _run(run, batches, job, output, tally, fail_fast)
        output.sweep()
    output.finish(inputs)
    _say_errors(tally.errors)
    sys.stderr.write(f"{tally}; model {recognizer.classifier.name}; wrote {output.path}\n")
    write_hint(recognizer)
    if tally.errors:
        raise typer.Exit(1)


def _check(inputs: Sequence[Input], output: Output) -> None:
    """Raise ConfigError where there is nothing to do, or where it would overwrite an input."""
    if not inputs:
        raise ConfigError("nothing to analyse: the list of pictures and videos is empty")
    if output.table is not None and any(one.name == output.path for one in inputs):
        raise ConfigError(f"{output.path} is read: expected another name to write to")


def _finished(output: Output, job: Job, resume: bool, classes: tuple[str, ...]) -> list[Part]:
    """Return the parts that an earlier run has left, if they are to be gone on with."""
    if not resume:
        if output.has_parts():
            raise ConfigError(
                f"{output.folder} holds the finished part of another run: go on with it by "
                "--resume, or remove it to begin anew"
            )
        return []
    there = output.classes()
    if there is not None and there != classes:  # of its making, a finished CSV says no more
        raise ConfigError(
            f"{output.path} has the classes {', '.join(there)}, this model {', '.join(classes)}: "
            "write to another place"
        )
    parts = output.parts()
    key = "livefer.settings"
    now = json.loads(job.about[key])
    for part in parts:
        before = json.loads(part.about.get(key, job.about[key]))
        if before != now:
            changed = [f"{k} {v}, now {now.get(k)}" for k, v in before.items() if v != now.get(k)]
            raise ConfigError(
                f"{output.path} was begun with other settings ({'; '.join(changed)}): "
                "use the same, or write to another place"
            )
    return parts


def _engine(
    engine: Engine, ray_address: str | None, n_workers: int
) -> Callable[..., Generator[News, None, None]]:
    if engine is Engine.ray:
        from livefer.batch.ray_engine import run_ray

        return lambda batches, job, output: run_ray(batches, job, output, n_workers, ray_address)
    from livefer.batch.local_engine import run_local

    return lambda batches, job, output: run_local(batches, job, output, n_workers)


def _run(
    run: Callable[..., Generator[News, None, None]],
    batches: list[Batch],
    job: Job,
    output: Output,
    tally: Tally,
    fail_fast: bool,
) -> None:
    """Do all batches; Ctrl-C, a request to terminate or the first error may end it earlier."""
    try:
        with progress(tally) as show, closing(run(batches, job, output)) as stream:
            for news in stream:
                tally.add(news)
                show()
                if fail_fast and news.errors:
                    error = news.errors[0]
                    break
            else:
                return
    except INTERRUPTIONS as interruption:
        sys.stderr.write(f"stopped after {tally}; go on with --resume\n")
        raise typer.Exit(exit_code(interruption)) from None
    _say_errors([error])
    sys.stderr.write(f"stopped at the first error, after {tally}; go on with --resume\n")
    raise typer.Exit(1)


def _say_errors(errors: Sequence[str]) -> None:
    for error in errors[:_MOST_ERRORS]:
        sys.stderr.write(f"{error}\n")
    if len(errors) > _MOST_ERRORS:
        sys.stderr.write(
            f'and {len(errors) - _MOST_ERRORS:,} more errors: the column "error" of the table has '
            "all\n"
        )
