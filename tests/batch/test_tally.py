"""The counts of a large run, by a known clock."""

from __future__ import annotations

import pytest

from livefer.batch.analyze import Input
from livefer.batch.batches import Batch, PartProgress
from livefer.batch.tally import Tally

FIVE = Batch(0, tuple(Input(f"{i}.jpg") for i in range(5)), work=5.0)
VIDEO = Batch(1, (Input("a.mp4"),), work=15.0)


class Clock:
    now_s = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("livefer.batch.tally.time.monotonic", lambda: clock.now_s)
    return clock


def test_the_last_progress_of_a_batch_counts(clock: Clock) -> None:
    tally = Tally([FIVE, VIDEO], n_before=3)
    tally.add(PartProgress(0, n_inputs=2, n_frames=2, n_faces=4))
    tally.add(PartProgress(1, share=0.5, n_frames=100, n_faces=50))
    tally.add(PartProgress(0, n_inputs=1, n_frames=1, n_faces=1, errors=("x",)))  # started again
    assert (tally.n_inputs, tally.n_frames, tally.n_faces, tally.n_errors) == (1, 101, 51, 1)
    assert tally.work == pytest.approx(1 + 7.5)
    assert tally.errors == []
    tally.add(PartProgress(0, n_inputs=5, n_frames=4, n_faces=4, errors=("x",), is_done=True))
    assert tally.errors == ["x"]
    clock.now_s = 50.0
    assert tally.done == "5 of 6 files"
    assert tally.left == "30 s left"  # 12.5 of 20 in 50 seconds
    assert str(tally) == (
        "5 files (3 done before), 104 frames, 54 faces in 50 s: 2.1 frames/s, 1 error"
    )


def test_what_an_interrupted_run_did_of_a_film_took_no_time(clock: Clock) -> None:
    tally = Tally([VIDEO])
    tally.add(PartProgress(1, share=0.6, share_before=0.6))
    assert tally.left == "time left unknown"
    tally.add(PartProgress(1, share=0.8, share_before=0.6, n_frames=100))
    clock.now_s = 50.0
    assert (tally.work, tally.left) == (pytest.approx(12.0), "50 s left")
    assert tally.speed == "2.0 frames/s, 0 errors"


def test_errors_of_before_count(clock: Clock) -> None:
    tally = Tally([], n_before=2)
    tally.add_earlier(("a", "b"))
    assert tally.errors == ["a", "b"]
    assert str(tally) == "nothing to do: 2 files done before, 2 errors"


def test_nothing_done_tells_nothing_of_the_time_left(clock: Clock) -> None:
    assert Tally([FIVE]).left == "time left unknown"
