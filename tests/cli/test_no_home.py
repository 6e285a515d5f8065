"""A user without a home folder, a cache that is closed to this user, no place for temporary files:
each command works, or says in one line what it lacks.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from builders import write_folders
from commands import Run
from tablerows import make_rows, write_csv

from livefer.data.dataset import read_dataset
from livefer.detection.detectors import make_detector
from livefer.detection.native import NativeDetector
from livefer.detection.yunet import download_yunet, yunet_path
from livefer.errors import DatasetError, LiveferError, ModelError
from livefer.recognizer import Recognizer
from livefer.system.atomic import temporary_folder
from livefer.system.cache import load_arrays, save_arrays
from livefer.system.downloads import cache_dir

pytestmark = pytest.mark.slow

pwd = pytest.importorskip("pwd", reason="on Windows, every user has a profile folder")


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user id that the system does not know, as `docker run --user 12345` gives it."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_CACHE_HOME", "LIVEFER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def closed_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user's home folder; root may read everything, so the system is told to refuse."""
    monkeypatch.setenv("HOME", str(tmp_path / "closed"))
    for name in ("XDG_CACHE_HOME", "LIVEFER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("stat", "mkdir", "open", "lstat"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), str(tmp_path / "closed")))


def refusing(call: object, folder: str) -> object:
    def refuse(path: object, *more: object, **options: object) -> object:
        if str(path).startswith(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return call(path, *more, **options)  # type: ignore[operator]

    return refuse


@pytest.mark.usefixtures("no_home")
def test_without_a_home_there_is_no_cache_and_everything_else() -> None:
    assert cache_dir() is None
    save_arrays("a", {"x": np.zeros(3)})
    assert load_arrays("a") is None
    assert yunet_path() is None
    assert isinstance(Recognizer().detector, NativeDetector)
    with pytest.raises(ModelError, match="no home folder: set LIVEFER_CACHE"):
        download_yunet()
    with pytest.raises(ModelError, match="YuNet's file is not installed"):
        make_detector("yunet")


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("name", ["~/faces", "~nobody-here/faces"])
def test_a_tilde_that_stands_for_nothing_is_a_path_that_does_not_exist(name: str) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        read_dataset(name)


@pytest.mark.usefixtures("closed_home")
def test_a_closed_cache_is_no_cache(tmp_path: Path) -> None:
    assert yunet_path() is None
    save_arrays("a", {"x": np.zeros(3)})
    assert load_arrays("a") is None
    write_folders(tmp_path / "d", {"train/a": 2, "train/b": 2, "val/a": 1, "val/b": 1})
    assert len(read_dataset(tmp_path / "d").split("train").faces) == 4


@pytest.mark.parametrize("home", ["no_home", "closed_home"])
def test_commands_work(livefer: Run, home: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(home)
    assert livefer("demo").code == 0
    write_folders(Path("d"), {"train/a": 2, "train/b": 2, "val/a": 1, "val/b": 1})
    assert livefer("data", "d").code == 0
    assert "everything that livefer needs is there" in livefer("doctor").out


def test_no_place_for_temporary_files_is_one_line(
    monkeypatch: pytest.MonkeyPatch, livefer: Run, tmp_path: Path
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(LiveferError, match="no place for temporary files"), temporary_folder():
        pass
    for command in (["train"], ["export", "best.safetensors", "-o", "m.onnx"]):
        ended = livefer(*command)
        assert (ended.code, ended.err.count("\n")) == (1, 1)
        assert "set TMPDIR to a folder that can be written" in ended.err


def test_a_plot_without_any_folder_to_write_is_one_line(
    monkeypatch: pytest.MonkeyPatch, livefer: Run, tmp_path: Path
) -> None:
    matplotlib = pytest.importorskip("matplotlib")

    def none() -> str:
        raise OSError("Matplotlib requires access to a writable cache directory")

    monkeypatch.setattr(matplotlib, "get_cachedir", none)
    table = write_csv(tmp_path / "t.csv", make_rows(["happy"] * 9))
    ended = livefer("summarize", table, "--plot", tmp_path / "p.png")
    assert (ended.code, ended.out) == (1, "")
    assert "set MPLCONFIGDIR or TMPDIR" in ended.err
