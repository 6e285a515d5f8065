"""What `livefer video` draws and reports of its results."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
from fakes import make_scene, use_fakes
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import LiveferError


def test_what_cannot_be_written_is_said_before_hours_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("in.mp4").touch()
    Path("file").touch()
    for words in (("--plot", "file/p.png"), ("--report", "file/r.html")):
        ended = CliRunner().invoke(app, ["video", "in.mp4", *words])
        assert isinstance(ended.exception, LiveferError)
        assert f"{Path(words[1])} cannot be written (" in str(ended.exception)


def test_video_draws_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    from videos import write_video

    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    scenes = [make_scene((10 + 5 * i, 20, 125), (250 - 5 * i, 150, 200)) for i in range(12)]
    write_video(Path("in.mp4"), scenes, fps=10)
    words = ["video", "in.mp4", "--plot", "out/p.pdf", "--report", "out/r.html", "--every", "2"]
    ended = CliRunner().invoke(app, words, catch_exceptions=False)
    assert ended.exit_code == 0
    assert "wrote out/p.pdf, out/r.html" in ended.output
    page = Path("out/r.html").read_text(encoding="utf-8")
    for text in ("person 2", "surprise", "each frame of 2", "level", "SquareDetector"):
        assert text in page, text
