"""Batches on this machine: a process for each processor core, each with its own model.

A process gets its next batch when it has finished the one before. If a process dies, because a file
crashes a library or the memory is used up, another one does its batch again, with an error in place
of the input that was being read.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import cv2

from livefer.batch.batches import Batch, Job, PartProgress, write_part
from livefer.batch.output import Output
from livefer.errors import LiveferError
from livefer.system.interrupts import ignore_interrupts

_WAIT_S = 0.2  # at most, so that Ctrl-C ends the waiting on Windows, too
_JOIN_S = 5.0


@dataclass(frozen=True, slots=True)
class _Task:
    """A batch to do.

    path: of the part to write
    state: of a film that is not finished
    broken: names of inputs at which a process has died, and the errors that their rows get
    """

    batch: Batch
    path: Path
    state: Path
    broken: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class _Worker:
    """A process, and what it does.

    is_ready: it has loaded its model
    n_inputs: done of its task
    """

    process: BaseProcess
    connection: Connection
    is_ready: bool = False
    task: _Task | None = None
    n_inputs: int = 0


def run_local(
    batches: Sequence[Batch], job: Job, output: Output, n_workers: int
) -> Generator[PartProgress, None, None]:
    """Do batches in any order and yield their progress; closing the generator ends the processes.

    Parts get their final names here, not in the processes: one that outlives this process, as after
    kill -9, changes nothing any more.
    """
    # Long videos come first, so that none of them is left to a single process in the end.
    waiting = deque(
        _Task(batch, output.hidden(batch), output.state(batch))
        for batch in sorted(batches, key=lambda b: (-b.work if len(b.inputs) == 1 else 0, b.number))
    )
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.task for worker in workers):
            idle = [w for w in workers if w.is_ready and w.task is None]
            for worker in idle[: len(waiting)]:
                worker.task, worker.n_inputs = waiting.popleft(), 0
                _send(worker, worker.task)
            n_starting = sum(not worker.is_ready for worker in workers)
            if len(workers) < n_workers and len(waiting) > n_starting:
                workers.append(_start(job))
            for connection in wait([w.connection for w in workers], timeout=_WAIT_S):
                (worker,) = (w for w in workers if w.connection is connection)
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    waiting.appendleft(_after_death(worker, output))
                    continue
                if isinstance(message, LiveferError):
                    raise message
                if message is None:
                    worker.is_ready = True
                    continue
                if message.is_done:
                    assert worker.task is not None
                    output.commit(worker.task.batch, worker.task.path)
                    worker.task = None
                worker.n_inputs = message.n_inputs
                yield message
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(_JOIN_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _start(job: Job) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, job), name="livefer", daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _send(worker: _Worker, task: _Task) -> None:
    with suppress(OSError):  # it has died, which the next recv finds out
        worker.connection.send(task)


def _after_death(worker: _Worker, output: Output) -> _Task:
    """Return the task to do again after the death of a process."""
    worker.process.join()
    code = worker.process.exitcode or 0
    how = f"exit code {code}"
    if code < 0:
        how = f"signal {-code}"
        if -code in set(signal.Signals):
            how = signal.Signals(-code).name
    if worker.task is None:
        raise LiveferError(
            f"a process died while it loaded its model ({how}): the reason is printed above; "
            "fewer --workers need less memory"
        )
    batch = worker.task.batch
    name = batch.inputs[min(worker.n_inputs, len(batch.inputs) - 1)].name
    if name in worker.task.broken:  # and was not read this time
        raise LiveferError(
            f"a process died twice ({how}) without reading a file, the last time near {name}: is "
            "the disk full, or the memory used up? --resume continues with the rest"
        )
    error = f"{name} could not be analysed: the process that read it died ({how})"
    if code == -9:
        error += "; was the memory used up? Fewer --workers need less"
    return replace(
        worker.task, path=output.hidden(batch), broken={**worker.task.broken, name: error}
    )


def _work(connection: Connection, job: Job) -> None:
    """Do the tasks that come, until the parent closes the connection."""
    ignore_interrupts()
    cv2.setNumThreads(1)
    try:
        recognizer = job.settings.recognizer()
        connection.send(None)
        while True:
            task: _Task = connection.recv()
            progress = PartProgress(task.batch.number)
            part = (task.batch, task.path, job, task.broken, task.state)
            for progress in write_part(recognizer, *part):
                connection.send(progress)
            connection.send(replace(progress, is_done=True))
    except LiveferError as error:
        connection.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
