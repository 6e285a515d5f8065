"""Pipes are inputs like files; none that lies in a folder makes anything wait."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from builders import write_picture
from fakes import make_scene

import livefer
from livefer.data.folders import find_root, list_folder
from livefer.data.readers import read_pictures
from livefer.errors import SourceError
from livefer.media.names import check_file, find_files
from livefer.media.pictures import read_image
from livefer.media.sources import open_source
from livefer.system.pipes import is_pipe, on_disk, open_pipe, stem_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes"),
    pytest.mark.slow,
]


@contextmanager
def sending(data: bytes, path: Path) -> Iterator[Path]:
    """Make a pipe, and write bytes into it as soon as somebody reads it."""
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    thread.start()
    yield path
    thread.join()


def picture_data(suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, make_scene((10, 20, 200)))[1].tobytes()


def test_a_pipe_in_a_folder_is_left_out(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", make_scene())
    for name in ("b.jpg", "c.mp4"):
        os.mkfifo(tmp_path / name)
    for path in (tmp_path, tmp_path / "*", tmp_path / "**" / "*"):
        found = find_files(path, "picture or video")
        assert found is not None
        assert found.files == (str(tmp_path / "a.png"),)
    assert [f.error for f in open_source(tmp_path)] == [None]
    assert [r.error for r in livefer.analyze(tmp_path)] == [None]


def test_a_pipe_in_a_class_folder_cannot_be_read(tmp_path: Path) -> None:
    for folder in ("cat", "dog"):
        write_picture(tmp_path / folder / "a.png", make_scene())
    os.mkfifo(tmp_path / "cat" / "b.png")
    samples = read_pictures(tmp_path, list_folder(find_root(tmp_path)).entries, None)
    assert len(samples.faces) == 2
    assert samples.unreadable == [("cat/b.png", "a pipe or a device where a picture was expected")]


def test_analyze_takes_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    (result,) = livefer.analyze(tmp_path / "x.jpg")
    assert "is a pipe or a device: expected a file" in str(result.error)


def test_a_picture_may_come_through_a_pipe(tmp_path: Path) -> None:
    for name in ("x", "x.png"):
        with sending(picture_data(), tmp_path / name) as pipe:
            assert read_image(pipe).shape == make_scene().shape
    (tmp_path / "x.png").unlink()
    with sending(picture_data(), tmp_path / "x.png") as pipe:
        assert [f.still for f in open_source(pipe)] == [True]


def test_a_pipe_is_read_to_its_end_or_until_somebody_stops(tmp_path: Path) -> None:
    with sending(b"abc" * 50_000, tmp_path / "x") as path:
        pipe, parts = open_pipe(path), []
        while part := pipe.read(10_000):
            parts.append(part)
        pipe.close()
        assert b"".join(parts) == b"abc" * 50_000
    os.mkfifo(tmp_path / "y")
    stop = threading.Event()
    pipe = open_pipe(tmp_path / "y", stop)  # which nobody writes
    threading.Timer(0.1, stop.set).start()
    assert pipe.read(10) == b""
    pipe.close()


def test_a_device_is_no_file() -> None:
    for name in ("/dev/null", "/dev/zero"):
        assert not is_pipe(name)
        with pytest.raises(SourceError, match="is a device: expected a file or a pipe"):
            check_file(name)


def test_a_table_from_a_pipe_is_known_by_its_beginning(tmp_path: Path) -> None:
    for number, (data, suffix) in enumerate(
        [(b"source,index\n", ".csv"), (b'{"source": 1}\n', ".jsonl"), (b"PAR1....", ".parquet")]
    ):
        with sending(data, tmp_path / str(number)) as pipe, on_disk(pipe) as file:
            assert file.suffix == suffix
            assert file.read_bytes() == data
        assert not file.exists()


def test_standard_input_is_named() -> None:
    assert [stem_of(name) for name in ("-", "/dev/stdin", "a/b.ts")] == ["stdin", "stdin", "b"]


def run(*arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run a command line that reads standard input."""
    command = [sys.executable, "-m", "livefer", *arguments]
    return subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_a_picture(name: str, tmp_path: Path) -> None:
    data = (Path(livefer.__file__).parent / "assets" / "astronaut.jpg").read_bytes()
    out = str(tmp_path / "out")
    done = run("image", name, "--detector", "haar", "--json", "--out", out, data=data)
    assert done.returncode == 0, done.stderr
    assert b'"happy"' in done.stdout
    assert [p.stem for p in (tmp_path / "out").iterdir()] == ["stdin"]
    empty = run("image", name, data=b"")
    assert empty.returncode == 1
    assert b"is empty (0 bytes)" in empty.stderr
