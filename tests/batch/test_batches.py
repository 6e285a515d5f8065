"""The cuts between batches depend on the inputs alone; a part that cannot be written ends a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from analyzing import fake_recognizer, write_pictures

from livefer.batch.analyze import Input, Settings, find_inputs
from livefer.batch.batches import Job, cut, write_part
from livefer.errors import LiveferError


def test_the_cuts_are_the_same_whatever_is_done() -> None:
    pictures = [Input(f"{i}.jpg") for i in range(40)]
    inputs = [*pictures[:20], Input("a.mp4"), Input("b.mp4"), *pictures[20:]]
    batches = cut(inputs)
    assert [len(batch.inputs) for batch in batches] == [16, 4, 1, 1, 16, 4]
    assert [item for batch in batches for item in batch.inputs] == inputs
    assert len({batch.name for batch in batches}) == 6
    assert sorted(batch.name for batch in batches) == [batch.name for batch in batches]
    for gone in batches:
        done = frozenset(item.name for item in gone.inputs)
        assert cut(inputs, done) == [batch for batch in batches if batch != gone]
    some = cut(inputs, frozenset(["3.jpg", "a.mp4"]))
    assert [len(batch.inputs) for batch in some] == [15, 4, 1, 16, 4]
    assert max(len(b.inputs) for b in cut([Input(f"{i}.png") for i in range(40_000)])) == 40


def test_a_full_disk_at_the_signature_is_an_error_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, part: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livefer.batch.batches.sign", fail)
    (batch,) = cut(find_inputs(write_pictures(tmp_path, 1)))
    job = Job(Settings(), {})
    with pytest.raises(LiveferError, match="No space left on device"):
        list(write_part(fake_recognizer(Settings()), batch, tmp_path / "part.csv", job))


def test_all_sessions_of_a_worker_take_one_core(yunet_file: Path) -> None:
    recognizer = Settings(detector=str(yunet_file)).recognizer()
    for owner in (recognizer.classifier, recognizer.detector):
        assert owner._session.get_session_options().intra_op_num_threads == 1  # type: ignore[attr-defined]
