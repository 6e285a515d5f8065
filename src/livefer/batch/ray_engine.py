"""Batches on a cluster, or on this machine, by Ray Data (the `ray` extra).

Each actor loads the model once, reads its inputs from their own place, recognises them on one core
and copies their part to its place. The machines exchange names of inputs and counts, and once for
each actor a model that does not come with livefer: no picture and no row.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from livefer.batch.analyze import Input
from livefer.batch.batches import Batch, Job, PartProgress, write_part
from livefer.batch.output import Output
from livefer.classifier import shipped_models
from livefer.errors import LiveferError, MissingExtraError
from livefer.system import telemetry

_MOST_BLOCKS = 1000  # that Ray schedules one by one; more of them slow its scheduler down


@dataclass(frozen=True)
class _Assignment:
    """What all actors need.

    folder: the working folder of the run, which relative paths start from
    files: names and contents of the recogniser's files, which the actor's machine may not have
    attempts: Ray's handle of the _Attempts
    """

    job: Job
    output: Output
    folder: str
    files: dict[str, tuple[str, bytes]]
    attempts: Any


class _Attempts:
    """Counts at which inputs actors die; one for the whole run.

    Ray gives the batch of a dead actor to another one. From the second attempt on, an actor reports
    each input that it begins. An input at which actors have died twice is broken: a single death
    may have been the machine's.
    """

    def __init__(self) -> None:
        self._reached: dict[int, int] = {}
        self._n_ends: Counter[tuple[int, int]] = Counter()
        self._again: set[int] = set()

    def begin(self, number: int) -> tuple[bool, list[int]]:
        """Return whether a batch was attempted before, and the places of its broken inputs."""
        if number in self._again:
            self._n_ends[number, self._reached[number]] += 1
        elif number in self._reached:
            self._again.add(number)
        self._reached[number] = 0
        broken = [place for (of, place), n in self._n_ends.items() if of == number and n > 1]
        return number in self._again, broken

    def reach(self, number: int, place: int) -> None:
        """Note the place of the input that a batch has reached."""
        self._reached[number] = place


def run_ray(
    batches: Sequence[Batch], job: Job, output: Output, n_workers: int, address: str | None
) -> Generator[PartProgress, None, None]:
    """Do batches in any order, and yield one progress for each finished batch.

    address: of a cluster; None starts Ray on this machine. If this process has started or joined
        Ray already, that is used instead
    """
    ray = _load_ray()
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, n_workers, address)
    try:
        yield from _run(ray, batches, job, output, n_workers)
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
        raise LiveferError(
            f"Ray could not continue ({reason}): --resume continues with the rest"
        ) from None
    finally:
        if is_ours:
            ray.shutdown()


def _run(
    ray: Any, batches: Sequence[Batch], job: Job, output: Output, n_workers: int
) -> Generator[PartProgress, None, None]:
    files = {
        key: (path.name, path.read_bytes())
        for key, path in job.settings.files().items()
        if path not in shipped_models().values()  # which every installation has
    }
    attempts = ray.remote(num_cpus=0)(_Attempts).remote()
    assignment = ray.put(_Assignment(job, output, os.getcwd(), files, attempts))
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [
        {
            "number": batch.number,
            "inputs": json.dumps([(item.name, item.error) for item in batch.inputs]),
        }
        for batch in batches
    ]
    done = (
        ray.data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS))
        .map(
            _Analyst,
            fn_constructor_args=([assignment],),  # in a list: it lives as long as this function
            compute=ray.data.ActorPoolStrategy(size=min(n_workers, len(rows))),
            num_cpus=1,
        )
        .iter_rows()
    )
    n_done = 0
    for row in done:
        if row["failure"]:
            raise LiveferError(row["failure"])
        n_done += 1
        yield PartProgress(
            number=row["number"],
            n_inputs=row["n_inputs"],
            n_frames=row["n_frames"],
            n_faces=row["n_faces"],
            n_bystanders=row["n_bystanders"],
            errors=tuple(json.loads(row["errors"])),
            is_done=True,
        )
    if n_done < len(batches):
        raise LiveferError(
            f"Ray has lost {len(batches) - n_done} of {len(batches)} batches: --resume does them"
        )


class _Analyst:
    """An actor: a recogniser that does batches."""

    def __init__(self, assignment: list[Any]) -> None:
        """assignment: a list of one, Ray's reference of the _Assignment."""
        ray = telemetry.load("ray")
        given: _Assignment = ray.get(assignment[0])
        self._get, self._attempts = ray.get, given.attempts
        cv2.setNumThreads(1)
        self._failure: str | None = None
        self._output = given.output
        self._folder = tempfile.TemporaryDirectory(prefix="livefer-")
        paths = _unpack(given.files, Path(self._folder.name))
        settings = replace(given.job.settings, **paths)  # type: ignore[arg-type]
        self._job = replace(given.job, settings=settings)
        try:
            os.chdir(given.folder)
        except OSError as error:
            self._failure = (
                f"a worker cannot go to {given.folder} ({error.strerror}): run livefer from a "
                "folder that all machines share"
            )
        self._recognizer = settings.recognizer()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do a batch; return its counts, or the failure that ends the run."""
        inputs = tuple(Input(name, error) for name, error in json.loads(row["inputs"]))
        batch = Batch(int(row["number"]), inputs, 0.0)
        path = Path(self._folder.name) / f"{batch.name}{self._output.suffix}"
        progress, failure = PartProgress(batch.number), self._failure
        try:
            if failure is None:
                *_, progress = self._write(batch, path)
                self._output.put(batch, path)
        except (LiveferError, OSError) as error:
            failure = str(error)
        path.unlink(missing_ok=True)
        return {
            "number": progress.number,
            "n_inputs": progress.n_inputs,
            "n_frames": progress.n_frames,
            "n_faces": progress.n_faces,
            "n_bystanders": progress.n_bystanders,
            "errors": json.dumps(progress.errors),
            "failure": failure or "",
        }

    def _write(self, batch: Batch, path: Path) -> Iterator[PartProgress]:
        was_attempted, broken = self._get(self._attempts.begin.remote(batch.number))
        names = [batch.inputs[place].name for place in broken]
        errors = {
            name: f"{name} could not be analysed: the processes that read it died" for name in names
        }
        place = 0
        for progress in write_part(self._recognizer, batch, path, self._job, errors):
            if was_attempted and progress.n_inputs > place:
                place = progress.n_inputs
                self._get(self._attempts.reach.remote(batch.number, place))
            yield progress


def _unpack(files: dict[str, tuple[str, bytes]], to: Path) -> dict[str, str]:
    """Write each file into a folder of its own, under its name, and return the paths."""
    paths = {}
    for key, (name, data) in files.items():
        path = to / key / name  # a model and a detector may have the same name
        path.parent.mkdir()
        path.write_bytes(data)
        paths[key] = str(path)
    return paths


def _load_ray() -> Any:
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # Ray Data's own use of Ray, mostly
    try:
        ray = telemetry.load("ray")
        telemetry.load("ray.data")
        telemetry.load("ray.exceptions")
    except ModuleNotFoundError:
        raise MissingExtraError("--engine ray", "ray") from None
    return ray


def _connect(ray: Any, n_workers: int, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        if address is None:
            ray.init(num_cpus=n_workers, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise LiveferError(
            f"Ray at {address or 'this machine'} could not be reached ({reason}): check "
            "--ray-address, and that the cluster runs"
        ) from None
