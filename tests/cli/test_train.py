"""`livefer train`: mistakes are one line, before any work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from builders import write_folders
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError, DatasetError
from livefer.train import fit

pytestmark = pytest.mark.slow


def test_a_batch_too_large_for_the_gpu_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(fit, "fit", run_out)
    data = write_folders(tmp_path / "data", {"train/a": 2, "train/b": 2, "val/a": 1})
    words = ["train", f"data={data}", "--out", str(tmp_path / "run"), "batch_size=4"]
    with pytest.raises(ConfigError, match=r"a batch of 4 does not fit into.*smaller batch_size"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("option", ["init", "distill.teachers"])
def test_a_run_does_not_replace_what_it_starts_from(tmp_path: Path, option: str) -> None:
    best = tmp_path / "best.safetensors"
    best.write_bytes(b"weeks of work")
    (tmp_path / "last.safetensors").touch()
    value = f"[{best}]" if option == "distill.teachers" else best
    words = ["train", f"{option}={value}", "--out", str(tmp_path), "--overwrite", "data=nowhere"]
    with pytest.raises(ConfigError, match=r"best\.safetensors is an input: choose another name"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_only_a_run_can_be_resumed(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=f"{name} holds no run: expected a folder with a config"):
        CliRunner().invoke(app, ["train", "--resume", str(tmp_path / name)], catch_exceptions=False)


@pytest.mark.parametrize("key", ["init", "votes", "distill.teachers"])
def test_a_missing_file_is_reported_before_the_data_is_read(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value = "[gone.x]" if key == "distill.teachers" else "gone.x"
    learn = ["learn=votes"] if key == "votes" else []
    words = ["train", f"{key}={value}", *learn, "data=nowhere", "--out", "run"]
    with pytest.raises(ConfigError, match=f"^{re.escape(key)}: gone.x does not exist"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not Path("run").exists()
    # A preview needs none of them, nor do labels alone the votes: so the data is what is missing.
    for unneeded in (["--preview", "p.png"], ["learn=labels"] if key == "votes" else None):
        if unneeded:
            with pytest.raises(DatasetError, match="nowhere does not exist"):
                CliRunner().invoke(app, [*words, *unneeded], catch_exceptions=False)


def test_one_class_is_refused(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", {"train/sad": 2, "val/sad": 1})
    words = ["train", f"data={data}", "--out", str(tmp_path / "run")]
    with pytest.raises(DatasetError, match="has one class, sad: expected two or more"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not (tmp_path / "run").exists()
