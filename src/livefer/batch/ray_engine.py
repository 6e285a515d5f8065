"""Batches done by Ray Data, on this machine or a cluster (the `ray` extra).

Each actor loads the model once, reads its inputs where they lie, recognises them on one core and
brings their part to its place. Between the machines go the names of inputs, counts, and once for
each actor a model that is not livefer's own: no picture and no row.
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

from livefer.batch.batches import Batch, Input
from livefer.batch.output import Job, News, Output, write_part
from livefer.classifier import shipped_models
from livefer.errors import LiveferError, MissingExtraError
from livefer.system import telemetry

_MOST_BLOCKS = 1000  # what Ray hands out at a time; more cost its scheduler more than they gain


@dataclass(frozen=True)
class _Order:
    """What an actor is told.

    folder: the working folder of who ordered, from which relative paths go
    files: the recogniser's files, with their names; they may not lie on the actor's machine
    attempts: handle of the actor that is an _Attempts
    """

    job: Job
    output: Output
    folder: str
    files: dict[str, tuple[str, bytes]]
    attempts: Any


class _Attempts:
    """Knows what actors died of: one for all. Ray gives the batch of a dead actor to another one.

    From the second attempt on, a batch's actor says which input it begins. One at which it has
    ended twice is broken: once may have been the machine's end.
    """

    def __init__(self) -> None:
        self._reached: dict[int, int] = {}
        self._n_ends: Counter[tuple[int, int]] = Counter()
        self._again: set[int] = set()

    def begin(self, number: int) -> tuple[bool, list[int]]:
        """Return whether a batch was begun before, and the places of its broken inputs."""
        if number in self._again:
            self._n_ends[number, self._reached[number]] += 1
        elif number in self._reached:
            self._again.add(number)
        self._reached[number] = 0
        broken = [place for (of, place), n in self._n_ends.items() if of == number and n > 1]
        return number in self._again, broken

    def reach(self, number: int, place: int) -> None:
        """Note that a batch has come to the input at a place."""
        self._reached[number] = place


def run_ray(
    batches: Sequence[Batch], job: Job, output: Output, n_workers: int, address: str | None
) -> Generator[News, None, None]:
    """Do batches in any order and yield each when it is done.

    address: of a cluster, None starts a Ray of its own on this machine; one that this process has
        already started or joined is used as it is
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
            f"Ray could not go on ({reason}): --resume goes on with what is not done"
        ) from None
    finally:
        if is_ours:
            ray.shutdown()


def _run(
    ray: Any, batches: Sequence[Batch], job: Job, output: Output, n_workers: int
) -> Generator[News, None, None]:
    files = {
        key: (path.name, path.read_bytes())
        for key, path in job.settings.files().items()
        if path not in shipped_models().values()  # they are wherever livefer is
    }
    attempts = ray.remote(num_cpus=0)(_Attempts).remote()
    order = ray.put(_Order(job, output, os.getcwd(), files, attempts))
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [
        {
            "number": batch.number,
            "inputs": json.dumps([(one.name, one.error) for one in batch.inputs]),
        }
        for batch in batches
    ]
    done = (
        ray.data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS))
        .map(
            _Analyst,
            fn_constructor_args=([order],),  # in a list: it lives as long as this function
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
        yield News(
            number=row["number"],
            n_inputs=row["n_inputs"],
            n_frames=row["n_frames"],
            n_faces=row["n_faces"],
            errors=tuple(json.loads(row["errors"])),
            is_done=True,
        )
    if n_done < len(batches):
        raise LiveferError(
            f"Ray has lost {len(batches) - n_done} of {len(batches)} batches: --resume does them"
        )


class _Analyst:
    """An actor: a recogniser that does batches."""

    def __init__(self, order: list[Any]) -> None:
        """order: Ray's reference of an _Order."""
        ray = telemetry.load("ray")
        told: _Order = ray.get(order[0])
        self._get, self._attempts = ray.get, told.attempts
        cv2.setNumThreads(1)
        self._failure: str | None = None
        self._output = told.output
        self._folder = tempfile.TemporaryDirectory(prefix="livefer-")
        paths = _unpack(told.files, Path(self._folder.name))
        settings = replace(told.job.settings, **paths)  # type: ignore[arg-type]
        self._job = replace(told.job, settings=settings)
        try:
            os.chdir(told.folder)  # a folder that only some machines have is none of ours
        except OSError as error:
            self._failure = (
                f"a worker cannot go to {told.folder} ({error.strerror}): run livefer from a "
                "folder that all machines share"
            )
        self._recognizer = settings.recognizer()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do a batch; return what became of it, or why it cannot."""
        inputs = tuple(Input(name, error) for name, error in json.loads(row["inputs"]))
        batch = Batch(int(row["number"]), inputs, 0.0)
        path = Path(self._folder.name) / f"{batch.name}{self._output.suffix}"
        news, failure = News(batch.number), self._failure
        try:
            if failure is None:
                *_, news = self._write(batch, path)
                self._output.put(batch, path)
        except (LiveferError, OSError) as error:
            failure = str(error)
        path.unlink(missing_ok=True)
        return {
            "number": news.number,
            "n_inputs": news.n_inputs,
            "n_frames": news.n_frames,
            "n_faces": news.n_faces,
            "errors": json.dumps(news.errors),
            "failure": failure or "",
        }

    def _write(self, batch: Batch, path: Path) -> Iterator[News]:
        was_begun, broken = self._get(self._attempts.begin.remote(batch.number))
        names = [batch.inputs[place].name for place in broken]
        errors = {
            name: f"{name} could not be analysed: the processes that read it died" for name in names
        }
        place = 0
        for news in write_part(self._recognizer, batch, path, self._job, errors):
            if was_begun and news.n_inputs > place:
                place = news.n_inputs
                self._get(self._attempts.reach.remote(batch.number, place))
            yield news


def _unpack(files: dict[str, tuple[str, bytes]], to: Path) -> dict[str, str]:
    """Write each file under its name into a folder of its own, and return their paths."""
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
