"""Work on a second thread: items made ahead, the newest frame, or items handed to it.

Threads exchange items through a `Channel`. All waits time out five times a second and start again,
so that Ctrl-C ends them on Windows, too.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

from livefer.results import Frame

_POLL_S = 0.2
_PATIENCE_S = 1.0  # a thread that a dead camera blocks for longer ends later, by itself
T = TypeVar("T")


class Channel(Generic[T]):
    """A queue between two threads that either of them can close.

    n: the capacity; None for no limit
    merge: (last waiting item, new item) → one item in place of both, or None to keep both
    """

    def __init__(
        self, n: int | None = None, merge: Callable[[T, T], T | None] | None = None
    ) -> None:
        self._n = math.inf if n is None else n
        self._merge = merge
        self._waiting: deque[T] = deque()
        self._is_closed = False
        self._changed = Condition()

    def put(self, item: T, wait: bool = True) -> bool:
        """Add an item; False where the channel is closed, or full and `wait` is False."""
        with self._changed:
            while len(self._waiting) >= self._n and wait and not self._is_closed:
                self._changed.wait(_POLL_S)
            if self._is_closed or len(self._waiting) >= self._n:
                return False
            if self._merge is not None and self._waiting:
                merged = self._merge(self._waiting[-1], item)
                if merged is not None:
                    self._waiting.pop()
                    item = merged
            self._waiting.append(item)
            self._changed.notify_all()
            return True

    def take(self, ending: Event | None = None) -> Iterator[T]:
        """Yield the items until the channel is closed, or `ending` set, and none waits in it."""
        while True:
            with self._changed:
                while not (self._waiting or self._is_closed or (ending and ending.is_set())):
                    self._changed.wait(_POLL_S)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
                self._changed.notify_all()
            yield item

    def close(self) -> None:
        """Accept no more items; those that wait can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def ahead(items: Iterable[T], n: int) -> Generator[T, None, None]:
    """Yield items while a thread makes the next n ready; closing the generator ends the thread."""
    return _made_on_threads([lambda stop: iter(items)], Channel(n), "livefer-ahead")


def side_by_side(
    sources: Iterable[Iterable[T]], ending: Event | None = None
) -> Generator[T, None, None]:
    """Yield the items of several sources as they come, each read on a thread of its own.

    One item waits; a source whose turn has not come makes no more of them meanwhile.

    ending: once it is set, waiting for an item ends
    """
    makes = [lambda stop, source=source: iter(source) for source in sources]
    return _made_on_threads(makes, Channel(1), "livefer-source", ending, _PATIENCE_S)


def newest(
    read: Callable[[Event], Iterator[Frame]], ending: Event | None = None
) -> Generator[Frame, None, None]:
    """Read frames on a thread and yield the newest one, with the number of skipped ones.

    A frame with an error is never skipped. The thread starts with the first frame that is requested
    and ends when the generator is closed.

    read: returns the iterator of frames; once its event is set, it must not wait any more
    ending: once it is set, waiting for a frame ends
    """
    channel = Channel(merge=_skip)
    return _made_on_threads([read], channel, "livefer-capture", ending, _PATIENCE_S)


def _skip(before: Frame, frame: Frame) -> Frame | None:
    if before.error is not None or frame.error is not None:
        return None
    n_skipped = before.n_skipped + 1 + frame.n_skipped
    return replace(frame, n_skipped=n_skipped, is_cut=before.is_cut or frame.is_cut)


def _made_on_threads(
    makes: Sequence[Callable[[Event], Iterator[T]]],
    channel: Channel[T],
    name: str,
    ending: Event | None = None,
    patience_s: float = math.inf,
) -> Generator[T, None, None]:
    """Iterate on a thread for each iterator, and yield the items of all through one channel.

    makes: return the iterators; their event is set when no more items are needed
    patience_s: the longest wait for the end of each thread
    """
    stop = Event()
    failures: list[Exception] = []
    finished: list[Event] = []

    def run(make: Callable[[Event], Iterator[T]], ended: Event) -> None:
        try:
            items = make(stop)
            try:
                for item in items:
                    if not channel.put(item):
                        break
            finally:
                if isinstance(items, Generator):
                    items.close()
        except Exception as error:  # noqa: BLE001  # raised again where the items are taken
            failures.append(error)
        finally:
            finished.append(ended)
            if failures or len(finished) == len(makes):
                channel.close()
            ended.set()

    threads = []
    for make in makes:
        ended = Event()
        thread = Thread(target=run, args=(make, ended), name=name, daemon=True)
        threads.append((thread, ended))
        thread.start()
    try:
        yield from channel.take(ending)
        if failures:
            raise failures[0]
    finally:
        stop.set()
        channel.close()
        for thread, ended in threads:
            _wait(thread, ended, patience_s)


class Taker(Generic[T]):
    """A thread that calls a function with the items put into it, one after another.

    failure: the exception of the function that ended the thread, or None
    """

    def __init__(
        self, take: Callable[[T], None], n: int, name: str, end: Callable[[], None] | None = None
    ) -> None:
        """Start the thread.

        take: called on the thread with each item
        n: the most items that wait
        end: called on the thread after the last item, or after a failure
        """
        self.failure: BaseException | None = None
        self._take, self._end = take, end
        self._channel = Channel[T](n)
        self._ended = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T, wait: bool = True) -> bool:
        """Add an item; False where the thread has ended, or n items wait and `wait` is False."""
        return self._channel.put(item, wait)

    def close(self) -> None:
        """Wait until the thread has taken the remaining items and has ended."""
        self._channel.close()
        _wait(self._thread, self._ended)

    def _run(self) -> None:
        try:
            try:
                for item in self._channel.take():
                    self._take(item)
            finally:
                if self._end is not None:
                    self._end()
        except BaseException as error:  # noqa: BLE001  # its owner raises it again
            self.failure = error
        finally:
            self._channel.close()
            self._ended.set()


def interruptible(call: Callable[[], T]) -> T:
    """Call a function on a thread of its own, so that Ctrl-C ends the waiting for it at once."""
    calls = lambda stop: (call() for _ in range(1))  # noqa: E731
    (result,) = _made_on_threads([calls], Channel[T](1), "livefer-call", patience_s=0.0)
    return result


def _wait(thread: Thread, ended: Event, patience_s: float = math.inf) -> None:
    """Wait for a thread that sets `ended` as the last thing it does."""
    # Not by joining alone: before Python 3.13, a thread counts as ended where Ctrl-C ends its join.
    until_s = time.monotonic() + patience_s
    while not ended.is_set() and (left_s := until_s - time.monotonic()) > 0:
        ended.wait(min(_POLL_S, left_s))
    if ended.is_set():
        thread.join()
