"""The last line of `image`, `video` and `analyze` counts what a folder holds beside the inputs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from builders import write_picture
from commands import Run
from fakes import make_scene, use_fakes

from livefer.tables.reading import read_table

pytestmark = pytest.mark.slow

ONE = make_scene((40, 60, 125))
HEIC = 'pip install "livefer[heic]" lets livefer read HEIC'
LINKED = "; 1 linked folder" if os.name != "nt" else ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures, one of them below; a video's name, three other files and a linked folder."""
    use_fakes(monkeypatch)
    monkeypatch.setattr("fakes.SquareDetector.name", "haar", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("livefer.media.names.reads_heic", lambda: False)
    for name in ("d/a.png", "d/s/b.png"):
        write_picture(Path(name), ONE)
    for name in ("d/c.mp4", "d/1.heic", "d/2.heic", "d/3.txt"):
        Path(name).touch()
    if os.name != "nt":
        Path("d/link").symlink_to(tmp_path)
    return Path("d")


def sources(table: str) -> list[str]:
    return [Path(row["source"]).as_posix() for row in read_table(table).rows]


def test_image(livefer: Run, folder: Path) -> None:
    line = f"left out: 4 other files: .heic 2, .mp4 1, .txt 1; 1 folder{LINKED}; {HEIC}"
    ended = livefer("image", folder)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == line
    ended = livefer("image", folder, "--json")
    assert [json.loads(line)["source"] for line in ended.out.splitlines()] == ["d/a.png"]
    assert ended.err == f"{line}\n"
    assert "other file" not in livefer("image", "d/a.png").out


def test_video(livefer: Run, folder: Path) -> None:
    pytest.importorskip("av")
    ended = livefer("video", folder, "--csv", "t.csv")
    assert (
        "left out: 4 other files: .heic 2, .png 1, .txt 1; 1 folder" in ended.err.splitlines()[-1]
    )


def test_analyze(livefer: Run, folder: Path) -> None:
    Path("d/c.mp4").unlink()
    ended = livefer("analyze", folder, "--workers", "1", "--out", "t.csv", "--detector", "haar")
    assert ended.code == 0
    assert f"\nleft out: 3 other files: .heic 2, .txt 1{LINKED}; {HEIC}\n" in ended.err


def test_a_run_is_resumed_under_another_spelling(livefer: Run, folder: Path) -> None:
    Path("d/c.mp4").unlink()
    options = ("--workers", "1", "--out", "t.csv", "--detector", "haar")
    assert livefer("analyze", "d/a.png", *options).code == 0
    ended = livefer("analyze", "./d", "d/../d/a.png", *options, "--resume")
    assert ended.code == 0
    assert "1 file (1 done before)" in ended.err
    assert sources("t.csv") == ["d/a.png", "d/s/b.png"]
    assert "nothing to do: 2 files done before" in livefer("analyze", "d", *options, "--resume").err
    refused = livefer("analyze", "d", "./t.csv", *options, "--resume")
    assert (refused.code, "t.csv is an input" in refused.err) == (1, True)


def test_a_picture_named_twice_is_one(livefer: Run, folder: Path) -> None:
    ended = livefer("image", "d/a.png", "./d/a.png", Path("d/a.png").resolve(), "--out", "out")
    assert (ended.code, len(list(Path("out").iterdir()))) == (0, 1)
    assert "1 picture, 1 face" in ended.out


def test_a_video_named_twice_is_one(livefer: Run, folder: Path) -> None:
    pytest.importorskip("av")
    from videos import grays, write_video

    write_video(Path("d/c.mp4"), grays(3))
    ended = livefer("video", "d/c.mp4", "./d/c.mp4", "--csv", "t.csv", "--out", "out")
    assert (ended.code, len(sources("t.csv"))) == (0, 3)
    assert [path.name for path in Path("out").iterdir()] == ["c.mp4"]
