"""What a live session hands on: each result and each marker, to tables and to other programs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Lock

from livefer.errors import LiveferError
from livefer.results import FrameResult, Marker
from livefer.send.markers import MarkerReceiver
from livefer.send.messages import SessionStart
from livefer.send.outlet import Outlet, Sender
from livefer.tables.writing import TableSink


class Session:
    """Hands results and markers to tables and receivers; several threads may.

    Leaving `with` ends the receiver of markers, and closes tables and senders, which may be given
    open. Each table begins the rows of a source with a marker: when the session started.

    n_markers: that were taken so far
    """

    def __init__(
        self,
        start: SessionStart,
        tables: Sequence[TableSink] = (),
        senders: Sequence[Sender] = (),
        markers: MarkerReceiver | None = None,
    ) -> None:
        """Begin; markers: receives those of another program."""
        self.n_markers = 0
        self._start = start
        self._tables = tables
        self._outlets = [Outlet(sender) for sender in senders]
        self._newest: dict[str, FrameResult] = {}
        self._early: list[Marker] = []  # markers before the first frame
        self._failure: Exception | None = None
        self._lock = Lock()
        self._stack = ExitStack()
        for table in tables:
            self._stack.callback(table.close)
        for outlet in self._outlets:
            self._stack.callback(outlet.close)
        if markers is not None:
            markers.start(self.mark)
            self._stack.callback(markers.close)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def keeps_markers(self) -> bool:
        """Whether a marker goes anywhere."""
        return bool(self._tables or self._outlets)

    def lines(self) -> list[str]:
        """Return how much went to each receiver, a line each."""
        return [str(outlet) for outlet in self._outlets]

    def write(self, result: FrameResult) -> None:
        """Take the next result. LiveferError or OSError where a table cannot be written."""
        if offset_s := self._start.offset_s:
            captured_s = None if result.captured_s is None else result.captured_s + offset_s
            result = replace(result, time_s=result.time_s + offset_s, captured_s=captured_s)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            is_new = result.source not in self._newest
            self._newest[result.source] = replace(result, image=None)
            if is_new:
                began = Marker(f"started {self._start.iso}", self._start.started_s)
                for marker in (began, *self._early):
                    self._put_down(marker, result)
            for table in self._tables:
                table.write(result)
        for outlet in self._outlets:
            outlet.put(result)

    def mark(self, marker: Marker | str) -> None:
        """Take a marker; a text is one of this moment."""
        if isinstance(marker, str):
            marker = Marker(marker, time.monotonic())
        with self._lock:
            self.n_markers += 1
            if not self._newest:
                self._early.append(marker)
            try:
                for result in self._newest.values():
                    self._put_down(marker, result)
            except (LiveferError, OSError) as error:  # for the thread that writes results
                self._failure = error
        for outlet in self._outlets:
            outlet.put(marker)

    def _put_down(self, marker: Marker, result: FrameResult) -> None:
        for table in self._tables:
            table.mark(marker, result)
