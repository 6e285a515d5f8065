"""What `livefer video` draws and reports of its results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from fakes import make_face, make_scene, use_fakes
from typer.testing import CliRunner

from livefer.cli import app
from livefer.cli.outputs import Story
from livefer.errors import LiveferError
from livefer.labels import CLASSES
from livefer.results import FrameResult


def test_a_story_has_a_face_for_each_person(tmp_path: Path) -> None:
    story = Story(CLASSES)
    for index in range(30):
        box = (20.0 + index, 20.0, 80.0 + index, 80.0)
        faces = (make_face(box, "happy" if index < 20 else "sad", track_id=1),)
        image = np.full((120, 160, 3), 7 * index, np.uint8)
        story.add(FrameResult("a/clip.mp4", index, index / 10, image, faces))
    story.add(FrameResult("gone.mp4", 0, 0.0, None, error="gone.mp4 is not there"))
    plot, report = tmp_path / "p.png", tmp_path / "r.html"
    assert story.write(plot, report, {"model": "m"}) == [plot, report]
    page = report.read_text(encoding="utf-8")
    assert "<h1>clip.mp4</h1>" in page
    assert "gone.mp4 is not there" in page
    assert page.count("data:image/jpeg;base64,") == 3, "beside the name, happy and sad"
    assert page.count("data:image/png;base64,") == 1, "in the timeline"


def test_of_nothing_there_is_a_report_but_no_picture(tmp_path: Path) -> None:
    story = Story(CLASSES)
    story.add(FrameResult("gone.mp4", 0, 0.0, None, error="gone.mp4 is not there"))
    assert story.write(tmp_path / "p.png", tmp_path / "r.html", {}) == [tmp_path / "r.html"]


def test_no_picture_takes_the_place_of_another(tmp_path: Path) -> None:
    story = Story(CLASSES)
    for name in ("a-3.mp4", "b/a.mp4", "c/a.mp4"):
        for index in range(2):
            story.add(FrameResult(name, index, index / 10, np.zeros((9, 9, 3), np.uint8)))
    written = story.write(tmp_path / "p.png", None, {})
    assert len(set(written)) == 3
    assert sorted(tmp_path.iterdir()) == sorted(written)


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
