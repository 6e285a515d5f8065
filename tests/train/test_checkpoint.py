"""Checkpoints: whole or absent, and a head by its name."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from training import run, tiny_split, write_votes

from livefer.errors import LiveferError, ModelError
from livefer.train import checkpoint
from livefer.train.checkpoint import load_checkpoint, load_predictor, save_checkpoint

pytestmark = pytest.mark.slow


def test_a_head_that_was_not_learned_is_refused(tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "votes.csv", 24)
    best = run(tmp_path / "run", learn="votes", votes=str(votes))
    assert load_predictor(best)[0](tiny_split(3).faces).shape == (3, 3)
    with pytest.raises(ModelError, match="has learned votes, not labels"):
        load_predictor(best, "labels")


WRITER = """
import sys, torch
from pathlib import Path
from livefer.train.checkpoint import save_checkpoint
meta = {"config": {}, "classes": []}
for i in range(10**6):
    save_checkpoint(Path(sys.argv[1]), {"x": torch.full((300_000,), float(i))}, meta | {"i": i})
"""


def test_kill_never_leaves_a_broken_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    for pause_s in (0.0, 0.013, 0.031):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        while not path.exists():
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(pause_s)
        writer.kill()
        writer.wait()
        tensors, meta = load_checkpoint(path)
        assert torch.equal(tensors["x"], torch.full((300_000,), float(meta["i"])))
        path.unlink()


def test_a_checkpoint_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, meta = tmp_path / "last.safetensors", {"config": {}, "classes": []}
    (tmp_path / "file").touch()
    with pytest.raises(LiveferError, match=r"last\.safetensors cannot be written"):
        save_checkpoint(tmp_path / "file" / path.name, {"x": torch.zeros(2)}, meta)
    (tmp_path / "file").unlink()
    save_checkpoint(path, {"x": torch.zeros(2)}, meta)

    def full(tensors: dict, target: Path, meta: dict) -> None:
        target.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        LiveferError, match=r"No space left on device.*the file that was there before is whole"
    ):
        save_checkpoint(path, {"x": torch.ones(2)}, meta)
    assert torch.equal(load_checkpoint(path)[0]["x"], torch.zeros(2))
    assert [file.name for file in tmp_path.iterdir()] == ["last.safetensors"]


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 something else"])
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.safetensors"):
        load_checkpoint(path)


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.safetensors", {"w": torch.zeros(2)}, {"other": 1})
    with pytest.raises(ModelError, match="not a checkpoint of livefer"):
        load_checkpoint(tmp_path / "x.safetensors")
