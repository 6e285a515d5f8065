"""Nothing is lost between two threads, and none of them stays behind."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterator
from threading import Event

import numpy as np
import pytest
from waiting import wait_until

from livefer.errors import LiveferError, SourceError
from livefer.media.threads import Channel, Taker, ahead, interruptible, newest
from livefer.results import Frame

IMAGE = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    wait_until(lambda: threading.active_count() == before)


# Channel


def test_a_channel_keeps_the_order_and_what_waits_when_it_is_closed() -> None:
    channel = Channel[int]()
    assert [channel.put(i) for i in range(3)] == [True] * 3
    channel.close()
    assert not channel.put(3)
    assert list(channel.take()) == [0, 1, 2]


def test_a_full_channel_refuses_or_waits_until_it_is_closed() -> None:
    channel = Channel[int](1)
    assert channel.put(0)
    assert not channel.put(1, wait=False)
    threading.Timer(0.1, channel.close).start()
    assert not channel.put(2)
    assert list(channel.take()) == [0]


def test_taking_ends_when_its_event_is_set() -> None:
    ending = Event()
    threading.Timer(0.1, ending.set).start()
    assert list(Channel[int]().take(ending)) == []


# Ahead and newest


def test_ahead_gives_all_items_and_then_the_error() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise LiveferError("no more")

    assert list(ahead(range(100), 3)) == list(range(100))
    reader = ahead(items(), 2)
    assert [next(reader) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(LiveferError, match="no more"):
        next(reader)


def test_ahead_is_never_more_than_n_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for i in range(50):
            taken = i
            yield i

    reader = ahead(items(), 4)
    for i in reader:
        assert taken <= i + 4 + 2  # one in the hand of either side
    reader.close()


def test_ctrl_c_interrupts_the_wait_for_a_reader_but_not_the_reader() -> None:
    let_go, has_ended = Event(), Event()

    def items() -> Iterator[int]:
        try:
            yield from range(2)
            assert let_go.wait(60)
        finally:
            has_ended.set()

    ready = ahead(items(), 1)
    assert [next(ready), next(ready)] == [0, 1]
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        ready.close()
    assert not has_ended.is_set()
    let_go.set()
    assert has_ended.wait(60)


def test_a_cut_in_a_skipped_frame_counts_for_the_next() -> None:
    may_end = threading.Event()

    def read(stop: threading.Event) -> Iterator[Frame]:
        for k in range(9):
            yield Frame("v", k, k / 10, IMAGE, is_cut=k == 5)
        may_end.set()

    frames = []
    for frame in newest(read):
        may_end.wait(5)
        frames.append(frame)
    assert sum(frame.is_cut for frame in frames) == 1


def test_the_newest_frame_wins_and_every_frame_is_accounted_for() -> None:
    may_end = threading.Event()

    def read(stop: threading.Event) -> Iterator[Frame]:
        for k in range(50):
            yield Frame("v", k, k / 10, IMAGE)
        may_end.set()

    frames = []
    for frame in newest(read):
        may_end.wait(5)
        frames.append(frame)
    assert len(frames) <= 2  # one, where the machine was too busy to take the first in time
    assert frames[-1].index == 49
    assert len(frames) + sum(f.n_skipped for f in frames) == 50


def test_errors_are_never_skipped_and_failures_are_raised() -> None:
    def read(stop: threading.Event) -> Iterator[Frame]:
        for k in range(6):
            yield Frame("v", k, k / 10, None if k % 2 else IMAGE, error="x" if k % 2 else None)
        raise SourceError("gone")

    seen: list[Frame] = []
    with pytest.raises(SourceError, match="gone"):
        seen.extend(newest(read))
    assert [f.index for f in seen if f.error] == [1, 3, 5]


# Taker


def test_a_taker_takes_all_and_then_ends() -> None:
    taken: list[object] = []
    taker = Taker[int](taken.append, 2, "test", lambda: taken.append("end"))
    assert all(taker.put(i) for i in range(50))
    taker.close()
    assert taken == [*range(50), "end"]
    assert not taker.put(50)
    assert taker.failure is None


def test_what_a_taker_raises_ends_it_in_order() -> None:
    ends: list[str] = []

    def take(item: int) -> None:
        if item == 2:
            raise LiveferError("no more")

    taker = Taker[int](take, 1, "test", lambda: ends.append("end"))
    assert not all(taker.put(i) for i in range(50))
    taker.close()
    assert str(taker.failure) == "no more"
    assert ends == ["end"]


# Interruptible


def test_an_interruptible_call_returns_or_raises_as_the_call_does() -> None:
    assert interruptible(lambda: 7) == 7
    assert interruptible(lambda: None) is None

    def fail() -> None:
        raise SourceError("gone")

    with pytest.raises(SourceError, match="gone"):
        interruptible(fail)


def test_ctrl_c_ends_the_waiting_for_a_call_at_once() -> None:
    let_go = Event()
    threading.Timer(0.1, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda: let_go.wait(60))
    assert not let_go.is_set()
    let_go.set()
