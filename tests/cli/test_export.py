"""`livefer export`: mistakes are one line, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from training import write_checkpoint
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError

pytestmark = pytest.mark.slow


def test_an_export_does_not_replace_its_checkpoint(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "best.safetensors")
    before = checkpoint.read_bytes()
    with pytest.raises(ConfigError, match="is an input: choose another name"):
        CliRunner().invoke(
            app, ["export", str(checkpoint), "-o", str(checkpoint)], catch_exceptions=False
        )
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    "words", [("export", "RUN", "-o", "x.onnx"), ("evaluate", "--data", "x", "--checkpoint", "RUN"),
              ("evaluate", "--data", "x", "--against", "RUN")]
)  # fmt: skip
def test_a_runs_folder_is_no_checkpoint(words: tuple[str, ...], tmp_path: Path) -> None:
    words = tuple(str(tmp_path) if word == "RUN" else word for word in words)
    with pytest.raises(ConfigError, match=r"is a folder: expected .*best\.safetensors"):
        CliRunner().invoke(app, words, catch_exceptions=False)
