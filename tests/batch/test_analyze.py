"""Every path becomes inputs, every input becomes results, and one bad file costs only itself."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analyzing import fake_recognizer, names, write_pictures
from builders import write_picture
from fakes import make_scene
from fileserver import serving

import livefer
from livefer.batch.analyze import Settings, find_inputs
from livefer.errors import ConfigError
from livefer.media.pictures import read_image

pytestmark = pytest.mark.slow


def test_paths_are_found_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.jpg", "b/1.PNG", "b/a/9.mp4", "b/.hidden/x.jpg", "b/.y.jpg", "b/z.doc"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    inside = [os.path.join("b", *parts) for parts in (("1.PNG",), ("2.jpg",), ("a", "9.mp4"))]
    assert names(find_inputs(["b"])) == inside
    assert names(find_inputs(["absent.jpg", "b", inside[0]])) == ["absent.jpg", *inside]
    assert names(find_inputs([Path("b") / "*.jpg"])) == [inside[1]]
    assert names(find_inputs([os.path.join("b", "**", "*")])) == inside
    Path("list.txt").write_text(f"c.jpg\n\n{inside[1]}\r\nb\n", encoding="utf-8-sig")
    assert names(find_inputs(["list.txt"])) == ["c.jpg", inside[1], inside[0], inside[2]]
    for order in ("utf-16-le", "utf-16-be"):  # of Windows PowerShell's >
        Path("list.txt").write_bytes(f"\ufeffü.jpg\r\n{inside[1]}\r\n".encode(order))
        assert names(find_inputs(["list.txt"])) == ["ü.jpg", inside[1]]
    stdin = io.TextIOWrapper(io.BytesIO(b"x\ny.jpg\0b\0"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert names(find_inputs(["-"])) == ["x\ny.jpg", *inside]
    (tmp_path / "none").mkdir()
    (empty, none) = find_inputs(["none", "*.mov"])
    assert str(empty.error).startswith("none holds no picture or video")
    assert none.error is not None
    assert none.error.startswith("*.mov matches no picture or video")


def test_a_folder_that_cannot_be_listed_is_an_input_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/b/1.jpg", "a/c/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    scandir = os.scandir

    def locked(path: Any) -> Any:
        if os.path.basename(path) == "b":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    found = find_inputs([tmp_path / "a"])
    assert names(found) == [str(tmp_path / "a" / "c" / "2.jpg"), str(tmp_path / "a" / "b")]
    assert "could not be listed (Permission denied)" in str(found[1].error)
    (alone,) = find_inputs([tmp_path / "a" / "b"])
    assert "could not be listed" in str(alone.error)
    (long,) = find_inputs(["a" * 300])
    assert long.error is None  # reading it gives the error


def test_results_come_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = write_pictures(tmp_path, 3)
    (tmp_path / "3.jpg").write_bytes(b"no picture")
    read: list[str] = []
    monkeypatch.setattr(
        "livefer.batch.analyze.read_image", lambda name: read.append(name) or read_image(name)
    )
    results = livefer.analyze(tmp_path, fake_recognizer(Settings()))
    first = next(results)
    assert (first.source, len(first.faces), first.error) == (str(pictures[0]), 0, None)
    assert read == [str(pictures[0])]
    rest = list(results)
    assert [len(result.faces) for result in rest] == [1, 2, 0]
    assert [result.index for result in (first, *rest)] == [0, 0, 0, 0]
    assert rest[-1].error is not None
    assert "3.jpg is damaged" in rest[-1].error
    assert rest[0].faces[0].track_id is None


def test_a_mistake_is_one_error_at_once_and_not_one_for_each_file(tmp_path: Path) -> None:
    for mistake in ({"every": 0}, {"fps": 0.0}, {"every": 2, "fps": 5.0}):
        with pytest.raises(ConfigError):
            livefer.analyze(tmp_path, fake_recognizer(Settings()), **mistake)


def test_a_picture_without_a_face_has_the_reason(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((40, 40, 3), np.uint8))
    (result,) = livefer.analyze(tmp_path / "a.png", fake_recognizer(Settings()))
    assert result.note == "too dark"


def test_an_unexpected_exception_is_the_result_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = write_pictures(tmp_path, 2)
    recognizer = fake_recognizer(Settings())
    process, calls = recognizer.process, []

    def fail_first(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise ValueError("odd\nvery odd")
        return process(*arguments)

    monkeypatch.setattr(recognizer, "process", fail_first)
    bad, good = livefer.analyze(map(str, pictures), recognizer)
    assert bad.error == f"{pictures[0]} could not be analysed (ValueError: odd)"
    assert good.error is None
    assert "very odd" in caplog.text


def test_a_name_that_is_too_long_is_an_error_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (result,) = livefer.analyze("a" * 300, fake_recognizer(Settings()))
    assert "could not be opened (File name too long)" in str(result.error)
    assert caplog.text == ""


@pytest.fixture(params=["file", "local"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a folder, of a kind that pyarrow knows, or only fsspec."""
    pytest.importorskip("pyarrow")
    if request.param == "local":
        pytest.importorskip("fsspec")
    return f"{request.param}://{(tmp_path / 'in').as_posix()}"


def test_results_of_addresses(address: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", make_scene())
    (tmp_path / "in" / "b.jpg").write_bytes(b"no")
    results = list(livefer.analyze([address, f"{address}/*.jpg", f"{address}/c.png"]))
    assert [result.source for result in results] == [
        f"{address}/{name}" for name in ("a.png", "b.jpg", "*.jpg", "c.png")
    ]
    assert [result.error is None for result in results] == [True, False, False, False]
    assert "patterns are for this machine's files" in (results[2].error or "")


def test_a_video_by_address(address: str, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from videos import write_video

    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "a.mp4", [make_scene((40, 60, 125))] * 3)
    (tmp_path / "in" / "b.mp4").write_bytes(b"no")
    results = list(livefer.analyze(address))
    assert [(r.source, r.index) for r in results] == [
        *[(f"{address}/a.mp4", i) for i in range(3)],
        (f"{address}/b.mp4", 0),
    ]
    assert f"{address}/b.mp4 could not be opened as a video" in (results[3].error or "")


@pytest.mark.parametrize("given", [np.zeros((2, 3, 3), np.uint8), b"abc", [None], [0]])
def test_pictures_in_memory_are_for_streams(given: Any) -> None:
    with pytest.raises(ValueError, match=r"expected paths and addresses, got .* takes pictures"):
        list(livefer.analyze(given, fake_recognizer(Settings())))


def test_addresses_of_the_web_need_no_other_package(tmp_path: Path) -> None:
    png = write_picture(tmp_path / "a.png", make_scene()).read_bytes()
    with serving({"/a.png": ("image/png", png), "/photo": ("image/png", png)}) as url:
        given = [f"{url}/a.png", f"{url}/photo?id=1", f"{url}/gone.png"]
        results = list(livefer.analyze(given, fake_recognizer(Settings())))
    assert [r.source for r in results] == given
    assert ["404" in str(r.error) for r in results] == [False, False, True]
