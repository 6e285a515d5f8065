"""A receiver of results, behind a thread and a short queue of its own: it holds nothing up."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

from livefer.formatting import count
from livefer.media.threads import Taker
from livefer.results import FrameResult, Marker

_N_WAITING = 32
_LAST_S = 1.0  # for what waits, when everything ends


class NotDelivered(Exception):
    """A message that did not go out; its text is the reason."""


class Sender(Protocol):
    """A way to another program.

    `send` and `mark` may take a second at most, and raise NotDelivered or OSError where a message
    does not go out. The next one is tried all the same.

    name: the receiver's address, without a password
    """

    name: str

    def send(self, result: FrameResult) -> None:
        """Send the faces of one frame."""
        ...

    def mark(self, marker: Marker) -> None:
        """Send a marker."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Outlet:
    """Hands results and markers to a sender, on a thread of its own.

    What comes while too many wait is dropped and counted, and so is what the sender cannot send.
    """

    def __init__(self, sender: Sender) -> None:
        self.name = sender.name
        self._sender = sender
        self._n, self._n_no_room, self._n_failed = 0, 0, 0
        self._reason = ""
        self._until_s = float("inf")
        self._taker = Taker(self._deliver, _N_WAITING, "livefer-send", sender.close)

    @property
    def n_dropped(self) -> int:
        """Messages that did not go out."""
        return self._n_no_room + self._n_failed

    def put(self, item: FrameResult | Marker) -> None:
        """Take a result or a marker, if there is room; never waits."""
        if isinstance(item, FrameResult):
            item = replace(item, image=None)  # or those that wait would keep their pixels
        self._n += 1
        if not self._taker.put(item, wait=False):
            self._n_no_room += 1
            self._reason = self._reason or "it takes them too slowly"

    def close(self) -> None:
        """Send what waits, for a second at most, and close the sender."""
        self._until_s = time.monotonic() + _LAST_S
        self._taker.close()

    def __str__(self) -> str:
        """Return how much went out, as one line."""
        if not self.n_dropped:
            return f"sent {count(self._n, 'message')} to {self.name}"
        return (
            f"sent {self._n - self.n_dropped:,} of {count(self._n, 'message')} to {self.name}; "
            f"{self.n_dropped:,} dropped: {self._reason}"
        )

    def _deliver(self, item: FrameResult | Marker) -> None:
        try:
            if time.monotonic() > self._until_s:
                raise NotDelivered("the end came first")
            if isinstance(item, Marker):
                self._sender.mark(item)
            else:
                self._sender.send(item)
        except Exception as error:  # noqa: BLE001  # a receiver's trouble is told at the end
            self._n_failed += 1
            self._reason = self._reason or str(error) or type(error).__name__
