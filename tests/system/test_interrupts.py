"""Signals set flags or interrupt, several at once count once, and ignored ones stay ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from livefer.system import interrupts
from livefer.system.interrupts import (
    INTERRUPTIONS,
    Terminated,
    exit_code,
    handling,
    ignore_interrupts,
    stop_requests,
    terminable,
)

NUMBERS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    assert [signal.getsignal(number) for number in NUMBERS] == before


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A clock to set: `clock.now_s`."""

    class Clock:
        now_s = 0.0

        def monotonic(self) -> float:
            return self.now_s

    monkeypatch.setattr(interrupts, "time", clock := Clock())
    return clock


def test_a_second_signal_hurries_and_a_third_one_ends_what_hangs(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exits: list[int] = []
    monkeypatch.setattr(interrupts.os, "_exit", exits.append)
    seen = {}
    with stop_requests() as requested:
        for clock.now_s in (10.0, 10.9, 11.8, 12.7, 14.0, 14.9, 20.0, 23.9, 25.0):
            signal.raise_signal(signal.SIGINT)
            seen[clock.now_s] = (
                requested.stop.is_set(),
                requested.hurry.is_set(),
                len(exits),
            )
    assert [seen[s] for s in (10.0, 12.7, 14.0, 23.9, 25.0)] == [
        (True, False, 0),
        (True, False, 0),
        (True, True, 0),
        (True, True, 0),
        (True, True, 1),
    ]
    assert exits == [130]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_signal_stops_and_has_its_exit_code(number: int) -> None:
    calls: list[str] = []
    with stop_requests(on_stop=lambda: calls.append("stop")) as requested:
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGINT)
    assert requested.stop.is_set()
    assert not requested.hurry.is_set()
    assert requested.exit_code == 128 + number
    assert calls == ["stop"]


def test_work_that_may_be_interrupted_is_by_the_second_signal(clock: Any) -> None:
    with stop_requests(may_interrupt=True) as requested:
        for clock.now_s in (10.0, 10.5):
            signal.raise_signal(signal.SIGTERM)
        assert requested.stop.is_set()
        for clock.now_s in (12.0, 14.0):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    assert requested.exit_code == 128 + signal.SIGTERM


def test_a_request_to_terminate_is_as_ctrl_c(clock: Any) -> None:
    codes = []
    for number in NUMBERS:
        clock.now_s += 10
        with pytest.raises(INTERRUPTIONS) as caught, terminable():
            signal.raise_signal(number)
        codes.append(exit_code(caught.value))
        assert isinstance(caught.value, Terminated) is (number != signal.SIGINT)
    assert codes == [128 + number for number in NUMBERS]


def test_signals_within_a_second_interrupt_once(clock: Any) -> None:
    with terminable():
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
        clock.now_s = 0.9
        signal.raise_signal(signal.SIGINT)  # while files are closed
        clock.now_s = 2.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_ignored_stays_ignored(number: int) -> None:
    """As nohup and a shell's background ask for."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stop_requests() as requested, terminable():
            signal.raise_signal(number)
            assert signal.getsignal(number) == signal.SIG_IGN
        assert not requested.stop.is_set()
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_outside_the_main_thread_nothing_is_handled() -> None:
    def work() -> None:
        with stop_requests() as requested:
            found.append((signal.getsignal(signal.SIGINT), requested.stop.is_set()))

    found: list[Any] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(signal.getsignal(signal.SIGINT), False)]


def test_a_worker_leaves_interrupts_to_its_parent() -> None:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    try:
        ignore_interrupts()
        ignored = [number for number in NUMBERS if signal.getsignal(number) == signal.SIG_IGN]
        assert ignored == [number for number in NUMBERS if number != signal.SIGTERM]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


WORK = """
import sys, time
from pathlib import Path
from livefer.system.interrupts import stop_requests
with stop_requests() as requested:
    Path("began").touch()
    while not requested.stop.is_set():
        time.sleep(0.01)
    sys.stderr.write("a line\\n")
    sys.stderr.flush()
Path("ended").touch()
sys.exit(requested.exit_code)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a system with pseudo-terminals")
def test_work_whose_terminal_closes_ends_well(tmp_path: Path) -> None:
    """What it then writes to the terminal is lost, and is no error."""
    ours, theirs = os.openpty()

    def take_terminal() -> None:  # as its session's, so that the kernel sends the SIGHUP
        os.setsid()
        import fcntl
        import termios

        fcntl.ioctl(2, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-c", WORK],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        preexec_fn=take_terminal,
    )
    try:
        os.close(theirs)
        wait_until((tmp_path / "began").exists)
        os.close(ours)
        assert process.wait(60) == 128 + signal.SIGHUP
    finally:
        process.kill()
    assert (tmp_path / "ended").exists()


def test_a_terminal_that_is_still_there_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty() if hasattr(os, "openpty") else pytest.skip("no pseudo-terminals")
    try:
        interrupts._release([theirs])
        assert os.isatty(theirs)
        with handling(lambda number, frame: None):
            signal.raise_signal(signal.SIGTERM)
        os.write(theirs, b"x")
        assert os.read(ours, 1) == b"x"
    finally:
        os.close(ours)
        os.close(theirs)


OUTLIVING = """
import sys, time
from pathlib import Path
from livefer.system.interrupts import outlive_terminals
outlive_terminals()
assert sys.stdout.isatty() and sys.stderr.isatty()
print("begun", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
for _ in range(100):
    print("a line")
    sys.stderr.write("another" * 1000)
    sys.stderr.flush()
Path("ended").touch()
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a system with pseudo-terminals")
def test_a_terminal_that_closes_without_a_signal_ends_nothing(tmp_path: Path) -> None:
    """As after `disown`, in a container or under a terminal multiplexer that crashes."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", OUTLIVING],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        os.close(theirs)
        assert b"begun" in os.read(ours, 100)
        os.close(ours)
        (tmp_path / "go").touch()
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert (tmp_path / "ended").exists()
