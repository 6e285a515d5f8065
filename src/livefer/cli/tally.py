"""How far a large run is and how fast: counted, and shown as a bar or as lines of a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livefer.batch.batches import Batch
    from livefer.batch.output import News

_SAY_S = 30.0  # between two lines where stderr is no terminal


@dataclass
class Tally:
    """What was done by this run, and how fast.

    n_before: inputs that an earlier run had done
    """

    batches: list[Batch]
    n_before: int = 0
    errors: list[str] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    _news: dict[int, News] = field(default_factory=dict)
    n_inputs: int = 0
    n_frames: int = 0
    n_faces: int = 0
    n_errors: int = 0
    work: float = 0.0

    def __post_init__(self) -> None:
        self._by_number = {batch.number: batch for batch in self.batches}
        self.n_all = sum(len(batch.inputs) for batch in self.batches)
        self.work_of_all = sum(batch.work for batch in self.batches)

    def add(self, news: News) -> None:
        """Take how far a batch is; what it said before, or what became of it before, is void."""
        before = self._news.pop(news.number, None)
        if before is not None:
            self._count(before, -1)
        self._count(news, 1)
        if news.is_done:
            self.errors += news.errors
        else:
            self._news[news.number] = news

    def _count(self, news: News, sign: int) -> None:
        batch = self._by_number[news.number]
        share = (news.n_inputs + news.share) / len(batch.inputs)
        self.n_inputs += sign * news.n_inputs
        self.n_frames += sign * news.n_frames
        self.n_faces += sign * news.n_faces
        self.n_errors += sign * len(news.errors)
        self.work += sign * share * batch.work

    @property
    def took_s(self) -> float:
        """Seconds since the beginning."""
        return max(time.monotonic() - self.began_s, 1e-3)

    @property
    def left_s(self) -> float | None:
        """Seconds to go, where that can be told."""
        if self.work <= 0:
            return None
        return self.took_s * max(self.work_of_all - self.work, 0.0) / self.work

    @property
    def speed(self) -> str:
        """How fast it goes, and how many errors there are."""
        return (
            f"{self.n_inputs / self.took_s:.1f} files/s, {self.n_faces / self.took_s:.1f} faces/s, "
            f"{_count(self.n_errors, 'error')}"
        )

    def add_earlier(self, errors: Sequence[str]) -> None:
        """Take the errors of inputs that were done before."""
        self.errors += errors
        self.n_errors += len(errors)

    def __str__(self) -> str:
        if not self.n_all:
            return (
                f"nothing to do: {_count(self.n_before, 'file')} done before, "
                f"{_count(self.n_errors, 'error')}"
            )
        before = f" ({self.n_before:,} done before)" if self.n_before else ""
        return (
            f"{_count(self.n_inputs, 'file')}{before}, {_count(self.n_frames, 'frame')}, "
            f"{_count(self.n_faces, 'face')} in {_clock(self.took_s)}: {self.speed}"
        )


@contextmanager
def progress(tally: Tally) -> Iterator[Callable[[], None]]:
    """Give a function that shows how far it is: a bar, or a line now and then in a log."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        said_s = time.monotonic()

        def say() -> None:
            nonlocal said_s
            if time.monotonic() > said_s + _SAY_S:
                said_s = time.monotonic()
                sys.stderr.write(
                    f"{tally.n_inputs:,} of {tally.n_all:,} files: {tally.speed}, {_left(tally)}\n"
                )

        yield say
        return
    columns = [TextColumn("{task.fields[files]}"), BarColumn(), TaskProgressColumn()]
    with Progress(
        *columns, TextColumn("{task.fields[speed]}"), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=tally.work_of_all, files="loading", speed="")
        yield lambda: bar.update(
            task,
            completed=tally.work,
            files=f"{tally.n_inputs:,} of {tally.n_all:,} files",
            speed=f"{tally.speed}, {_left(tally)}",
        )


def _left(tally: Tally) -> str:
    return "time left unknown" if tally.left_s is None else f"{_clock(tally.left_s)} left"


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
