"""An outlet never waits for its sender, and counts what does not go out."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from waiting import wait_until

from livefer.results import FrameResult, Marker
from livefer.send.outlet import NotDelivered, Outlet


class Receiver:
    """A sender that can be held up, or fail."""

    name = "test://here"

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.is_free = threading.Event()
        self.is_free.set()
        self.is_closed = False
        self.failure: Exception | None = None

    def send(self, result: FrameResult) -> None:
        self.is_free.wait(20)
        if self.failure is not None:
            raise self.failure
        self.taken.append(result)

    def mark(self, marker: Marker) -> None:
        self.taken.append(marker)

    def close(self) -> None:
        self.is_closed = True


def result(index: int) -> FrameResult:
    return FrameResult("camera 0", index, index / 30, np.zeros((4, 4, 3), np.uint8))


def test_all_goes_out_in_order_and_without_pixels() -> None:
    receiver = Receiver()
    outlet = Outlet(receiver)
    outlet.put(result(0))
    outlet.put(Marker("go", 1.0))
    outlet.put(result(1))
    outlet.close()
    assert [getattr(item, "index", None) for item in receiver.taken] == [0, None, 1]
    assert receiver.taken[0].image is None
    assert receiver.is_closed
    assert str(outlet) == "sent 3 messages to test://here"


def test_a_sender_that_hangs_costs_its_messages_and_no_time() -> None:
    receiver = Receiver()
    receiver.is_free.clear()
    outlet = Outlet(receiver)
    outlet.put(result(0))
    for index in range(1, 100):
        outlet.put(result(index))  # would wait for ever, if it waited
    assert outlet.n_dropped >= 60
    receiver.is_free.set()
    outlet.close()
    assert len(receiver.taken) == 100 - outlet.n_dropped
    assert str(outlet) == (
        f"sent {len(receiver.taken)} of 100 messages to test://here; {outlet.n_dropped} dropped: "
        "it takes them too slowly"
    )


def test_a_sender_that_fails_is_tried_again() -> None:
    receiver = Receiver()
    outlet = Outlet(receiver)
    receiver.failure = NotDelivered("not connected")
    outlet.put(result(0))
    outlet.put(result(1))
    wait_until(lambda: outlet.n_dropped == 2)
    receiver.failure = None
    outlet.put(result(2))
    outlet.close()
    assert [item.index for item in receiver.taken] == [2]
    assert str(outlet) == "sent 1 of 3 messages to test://here; 2 dropped: not connected"


def test_the_end_does_not_wait_for_what_waits() -> None:
    receiver = Receiver()
    receiver.is_free.clear()
    outlet = Outlet(receiver)
    outlet.put(result(0))
    for index in range(1, 10):
        outlet.put(result(index))
    timer = threading.Timer(1.5, receiver.is_free.set)
    timer.start()
    outlet.close()
    timer.join()
    assert len(receiver.taken) == 1
    assert str(outlet).endswith("9 dropped: the end came first")
