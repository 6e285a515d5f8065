"""Things that only one thread at a time may use, for several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends each thread a thing of its own, and makes one where none is left.

    There are never more than the threads that have needed one at the same time.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """Make the first thing at once, so that its errors come at once."""
        self._make = make
        self._idle = [make()]

    @contextmanager
    def lent(self) -> Iterator[T]:
        """Lend a thing until the end of `with`."""
        try:
            thing = self._idle.pop()  # one step, as append: no other thread gets it, too
        except IndexError:
            thing = self._make()
        try:
            yield thing
        finally:
            self._idle.append(thing)
