"""Ends in good order: Ctrl-C, requests to terminate (SIGTERM) and terminals that close (SIGHUP).

`stop_requests` interrupts nothing: it sets flags, which the loops of the work look at. `terminable`
interrupts the work wherever it is, and fits work whose files are all written aside. Both take
signals that follow each other within a second for one: an impatient user, or a terminal that
closes, sends several. A signal that is ignored, as under nohup, stays ignored.
"""

from __future__ import annotations

import errno
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedWriter, FileIO, TextIOWrapper
from threading import Event
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # each system lacks one
_ONE_PRESS_S, _HANGS_S = 1.0, 10.0

Handler = Callable[[int, FrameType | None], None]


class Terminated(SystemExit):
    """Raised by SIGTERM and SIGHUP where Ctrl-C raises KeyboardInterrupt; has the exit code."""


INTERRUPTIONS = (KeyboardInterrupt, Terminated)
"""What `terminable` raises."""


@dataclass
class StopRequested:
    """What the user has asked for.

    stop: set as soon as the work is to end
    hurry: set as soon as it is to leave out whatever it can
    exit_code: what the process then ends with, by the first signal
    """

    stop: Event = field(default_factory=Event)
    hurry: Event = field(default_factory=Event)
    exit_code: int = 128 + signal.SIGINT


def exit_code(interruption: BaseException) -> int:
    """Return the exit code of a process that one of INTERRUPTIONS ends."""
    if isinstance(interruption, Terminated):
        return int(interruption.code or 0)
    return 128 + signal.SIGINT


@contextmanager
def stop_requests(
    on_stop: Callable[[], None] | None = None, may_interrupt: bool = False
) -> Iterator[StopRequested]:
    """Give the flags that signals set: the first one `stop`, another one `hurry`.

    Should the work hang, a third one, long after, ends the process as it is.

    on_stop: called when `stop` is set, inside the signal handler
    may_interrupt: the second signal interrupts the work, as in `terminable`, and so do the next
    """
    requested = StopRequested()
    hurried_s = math.inf

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal hurried_s
        if not requested.stop.is_set():
            requested.exit_code = 128 + number
            requested.stop.set()
            if on_stop is not None:
                on_stop()
            return
        if not requested.hurry.is_set():
            requested.hurry.set()
            hurried_s = time.monotonic()
        elif not may_interrupt and time.monotonic() >= hurried_s + _HANGS_S:
            os._exit(requested.exit_code)
        if may_interrupt:
            _interrupt(number, frame)

    with handling(_once_a_second(press)):
        yield requested


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt the work as Ctrl-C does, and several signals do so once."""
    with handling(_once_a_second(_interrupt)):
        yield


@contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """Call a handler at each signal that is not ignored.

    Signals reach the main thread only: in any other one, this does nothing.
    """
    terminals = [fd for fd in (1, 2) if _is_terminal(fd)]

    def handle(number: int, frame: FrameType | None) -> None:
        _release(terminals)
        handler(number, frame)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):  # None: not Python's
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def outlive_terminals() -> None:
    """Let output go nowhere once its terminal has closed, also where no signal tells of that."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if os.name == "nt" or not isinstance(stream, TextIOWrapper) or not stream.isatty():
            continue
        stream.flush()
        raw = _Terminal(stream.fileno(), "w", closefd=False)
        lasting = TextIOWrapper(
            BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True
        )
        setattr(sys, name, lasting)


class _Terminal(FileIO):
    """A terminal that may close."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            _release([self.fileno()])
            return len(data)


def ignore_interrupts() -> None:
    """Leave Ctrl-C and a terminal that closes to the parent process, which ends this one."""
    for name in ("SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(128 + number)


def _once_a_second(handler: Handler) -> Handler:
    """Return a handler that takes signals which follow each other within a second for one."""
    pressed_s = -math.inf

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pressed_s
        before_s, pressed_s = pressed_s, time.monotonic()
        if pressed_s >= before_s + _ONE_PRESS_S:
            handler(number, frame)

    return handle


def _is_terminal(fd: int) -> bool:
    with suppress(OSError):
        return os.isatty(fd)
    return False


def _release(terminals: list[int]) -> None:
    """Let output go nowhere when its terminal has closed: writing to that one is an error."""
    for fd in terminals:
        if not _is_terminal(fd):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, fd)
            os.close(null)
