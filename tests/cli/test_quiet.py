"""--quiet: only errors, warnings and what belongs on standard output; the exit code stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from commands import Run
from portrait import portrait

from livefer.assets.files import PICTURE
from livefer.cli import COMMANDS, load_command

QUIET = ("image", "video", "analyze", "webcam", "watch", "summarize", "crop", "profile", "explain")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_same_option_everywhere() -> None:
    having = {
        name
        for name in COMMANDS
        if any(option.opts == ["--quiet", "-q"] for option in load_command(name).params)
    }
    assert having == {*QUIET, "download", "page"}


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (("image", str(PICTURE), "--out", "out"), "out/astronaut.jpg"),
        (("explain", str(PICTURE), "-o", "sheet.png"), "sheet.png"),
        (("analyze", str(PICTURE), "-o", "faces.csv", "--workers", "1"), "faces.csv"),
        (("crop", str(PICTURE.parent), "-o", "cut"), "cut/astronaut.png"),
    ],
)
def test_files_are_written_and_nothing_is_said(
    livefer: Run, arguments: tuple[str, ...], written: str
) -> None:
    ended = livefer(*arguments, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert Path(written).stat().st_size > 100
    again = livefer(*arguments)
    assert again.code == 0
    assert again.out + again.err != ""


def test_a_video_and_its_summary(livefer: Run, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from videos import write_video

    write_video(tmp_path / "clip.mp4", [portrait()] * 4)
    ended = livefer("video", "clip.mp4", "--csv", "faces.csv", "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    ended = livefer("summarize", "faces.csv", "--json", "sums.json", "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert json.loads(Path("sums.json").read_text(encoding="utf-8"))["table"] == "faces.csv"
    ended = livefer("summarize", "faces.csv", "--windows", "1", "-q")
    assert ended.out.startswith("source,")


def test_what_was_asked_for_on_standard_output_is_there(livefer: Run) -> None:
    ended = livefer("image", PICTURE, "--json", "--quiet")
    assert json.loads(ended.out)["faces"][0]["label"] == "happy"
    assert ended.err == ""


def test_errors_are_said_and_the_exit_code_is_the_same(livefer: Run) -> None:
    ended = livefer("image", PICTURE, "none.jpg", "--quiet")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "none.jpg does not exist: check the path\n"
    ended = livefer("image", "none.jpg", "--quiet")
    assert (ended.code, ended.err) == (1, "livefer: none.jpg does not exist: check the path\n")
    ended = livefer("analyze", PICTURE, "none.jpg", "-o", "a.csv", "--workers", "1", "--quiet")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"none.jpg does not exist: check the path{os.linesep[-1]}"
