"""One output that cannot be written: the others are, and only a full disk ends a run."""

from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_picture
from commands import Run
from fakes import make_scene, use_fakes
from tablerows import make_rows, write_csv

from livefer.errors import OutputError
from livefer.summary.video_digest import VideoDigest
from livefer.system import atomic

pytestmark = pytest.mark.slow

ONE = make_scene((40, 60, 125))


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def write_wide(path: Path) -> None:
    """Write a PNG under a JPEG's name: a copy as JPEG would have too many pixels in a row."""
    path.write_bytes(cv2.imencode(".png", np.zeros((16, 70_000, 3), np.uint8))[1].tobytes())


def test_a_copy_that_its_format_cannot_hold_does_not_end_image(livefer: Run) -> None:
    for name in ("a.png", "c.png"):
        write_picture(Path(name), ONE)
    write_wide(Path("b.jpg"))
    ended = livefer("image", "a.png", "b.jpg", "c.png", "--out", "out")
    assert ended.code == 1
    assert ended.out.count("happy 80%") == 2
    assert "b.jpg cannot be written: jpg takes no picture of 70000x16" in ended.out
    assert "3 pictures, 2 faces; model level; annotated copies in out; 1 copy not written" in (
        ended.out
    )
    assert names("out") == ["a.png", "c.png"]


def test_in_json_too(livefer: Run) -> None:
    write_wide(Path("b.jpg"))
    write_picture(Path("c.png"), ONE)
    Path("out/c.png").mkdir(parents=True)
    ended = livefer("image", "b.jpg", "c.png", "--out", "out", "--json")
    assert ended.code == 1
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [(r["source"], len(r["faces"]), "output" in r) for r in records] == [
        ("b.jpg", 0, False),
        ("c.png", 1, False),
    ]
    assert [line.partition(" cannot be written")[0] for line in ended.err.splitlines()] == [
        str(Path("out/b.jpg")),
        str(Path("out/c.png")),
    ]


def test_a_full_disk_ends_image_and_what_is_known_is_printed(
    livefer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        write_picture(Path(name), ONE)
    write, n_written = Path.write_bytes, 0

    def write_one(self: Path, data: bytes) -> int:
        nonlocal n_written
        n_written += 1
        if n_written > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", write_one)
    ended = livefer("image", "a.png", "b.png", "c.png", "--out", "out")
    assert ended.code == 1
    assert ended.out.count("happy 80%") == 2
    assert "stopped after 2 of 3 pictures, 2 faces" in ended.out
    assert f"{Path('out/b.png')} cannot be written (No space left on device)" in ended.err
    assert names("out") == ["a.png"]


def test_a_folder_that_takes_no_file_is_an_error_before_the_work(livefer: Run) -> None:
    write_picture(Path("a.png"), ONE)
    Path("file").touch()
    ended = livefer("image", "a.png", "--out", "file/below")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"livefer: --out {Path('file/below')} cannot be written (")


def test_a_name_that_becomes_too_long_is_cut(livefer: Run) -> None:
    long = "é" * 125  # of two bytes each
    for folder, suffix in (("1", ".ppm"), ("2", ".ppm"), ("3", ".webp")):
        write_picture(Path(folder, f"{long}{suffix}"), ONE)
    ended = livefer("image", *(str(Path(f)) for f in "123"), "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert names("out") == sorted([f"{long}.png", f"{'é' * 124}-2.png", f"{long}.webp"])


@pytest.mark.parametrize("end", ["", "-2", "-1234567"])
def test_with_end_keeps_what_fits(end: str) -> None:
    assert atomic.with_end(Path("d/x.png"), end) == Path(f"d/x{end}.png")
    long = atomic.with_end(Path("d") / f"{'語' * 90}.png", end).name
    assert 252 <= len(os.fsencode(long)) <= 255
    assert long.endswith(f"語{end}.png")


# Videos


def clip(name: str, wh: tuple[int, int] = (320, 240)) -> Path:
    av = pytest.importorskip("av")
    from videos import write_video

    assert av
    scenes = [make_scene((10 + 5 * i, 20, 125)) for i in range(6)]
    images = [np.ascontiguousarray(scene[: wh[1], : wh[0]]) for scene in scenes]
    codec = "libx264" if min(wh) >= 16 else "mpeg4"
    return write_video(Path(name), images, 10, codec=codec)


def sources() -> list[str]:
    with Path("t.csv").open(encoding="utf-8", newline="") as file:
        return [row["source"] for row in csv.DictReader(file) if not row["error"]]


def test_a_copy_that_cannot_be_written_does_not_end_video(livefer: Run) -> None:
    for name, wh in (("a", (320, 240)), ("b", (12, 12)), ("c", (320, 240)), ("d", (320, 240))):
        clip(f"{name}.mp4", wh)
    Path("out/c.mp4").mkdir(parents=True)
    clips = [f"{name}.mp4" for name in "abcd"]
    ended = livefer("video", *clips, "--out", "out", "--csv", "t.csv")
    assert ended.code == 1
    assert sources() == [name for name in clips for _ in range(6)]
    assert f"{Path('out/b.mp4')} cannot be written: expected images of at least 16x16" in ended.err
    assert f"{Path('out/c.mp4')} cannot be written (Is a directory)" in ended.err
    assert f"wrote t.csv, {Path('out/a.mp4')}, {Path('out/d.mp4')}\n" in ended.err
    assert names("out") == ["a.mp4", "c.mp4", "d.mp4"]


def test_without_another_output_the_next_video_follows(livefer: Run) -> None:
    clip("a.mp4", (12, 12))
    clip("b.mp4")
    ended = livefer("video", "a.mp4", "b.mp4", "--out", "out")
    assert ended.code == 1
    assert names("out") == ["b.mp4"]


def test_a_full_disk_ends_video(livefer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from livefer.media.h264_writer import H264Writer

    clip("a.mp4")
    clip("b.mp4")

    def fail(self: H264Writer, *given: Any) -> None:
        raise atomic.cannot_write(self.path, OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(H264Writer, "write", fail)
    ended = livefer("video", "a.mp4", "b.mp4", "--out", "out", "--csv", "t.csv")
    assert ended.code == 1
    assert "a.mp4 cannot be written (No space left on device)" in ended.err
    assert set(sources()) == {"a.mp4"}  # the rows until then are kept


# Timelines and reports


def write_table(path: Path) -> Path:
    rows = [
        row for name in ("a.mp4", "b.mp4", "c.mp4") for row in make_rows(["happy"] * 9, source=name)
    ]
    return write_csv(path, rows)


def test_one_timeline_that_cannot_be_written_leaves_the_others(
    livefer: Run, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    table = write_table(tmp_path / "t.csv")
    Path("p-b.png").mkdir()
    ended = livefer("summarize", table, "--plot", "p.png", "--report", "r.html")
    assert ended.code == 1
    assert "wrote r.html\nwrote p-a.png\nwrote p-c.png\n" in ended.err
    assert "p-b.png cannot be written (Is a directory)" in ended.err


def test_a_digest_raises_after_all_other_files_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    digest = VideoDigest()
    for row in make_rows(["happy"] * 9):
        digest._summarizer.add(row)
    Path("p.png").mkdir()
    with pytest.raises(OutputError, match=r"p\.png cannot be written"):
        digest.write("p.png", "r.html")
    assert Path("r.html").is_file()
