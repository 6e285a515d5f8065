"""A download is complete and verified, or it is not there."""

from __future__ import annotations

import functools
import hashlib
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from livefer.cli import app
from livefer.detection.yunet import YUNET_FILE, download_yunet, yunet_path
from livefer.errors import ModelError
from livefer.system import downloads
from livefer.system.downloads import cache_dir, fetch, install

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve a folder; the header of a file named `short` states twice its length."""

    def log_message(self, *args: object) -> None:
        pass

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == "Content-Length" and self.path == "/short":
            value = str(2 * int(value))
        super().send_header(keyword, value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    for name in ("file", "short"):
        (folder / name).write_bytes(CONTENT)
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LIVEFER_CACHE", str(folder))
    return folder


def test_a_fetched_file_is_the_served_one(server: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    to = fetch(
        f"{server}/file",
        tmp_path / "new" / "f",
        SHA256,
        "give it",
        lambda done, total: seen.append((done, total)),
    )
    assert to.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert [path.name for path in to.parent.iterdir()] == ["f"]
    (plain := tmp_path / "plain").touch()
    assert to.stat().st_mode == plain.stat().st_mode  # as readable as any file: shared caches


def test_a_verified_file_is_not_fetched_again(tmp_path: Path) -> None:
    to = tmp_path / "f"
    to.write_bytes(CONTENT)
    assert fetch("http://127.0.0.1:9/nobody-listens", to, SHA256, "") == to


@pytest.mark.parametrize(
    ("name", "sha256", "message"),
    [
        ("file", "0" * 64, "not the expected file"),
        ("short", SHA256, r"not the expected file|could not be downloaded"),
        ("absent", SHA256, "could not be downloaded.*404"),
    ],
)
def test_a_failed_download_keeps_the_old_file_and_leaves_nothing_else(
    server: str, tmp_path: Path, name: str, sha256: str, message: str
) -> None:
    folder = tmp_path / "to"
    folder.mkdir()
    for before in (None, b"an older file"):
        if before is not None:
            (folder / "f").write_bytes(before)
        # A connection that ends early shows in the checksum: the whole of a file, or none of it.
        if name == "short" and before is None:
            sha256 = hashlib.sha256(CONTENT + CONTENT).hexdigest()
        with pytest.raises(ModelError, match=message) as caught:
            fetch(f"{server}/{name}", folder / "f", sha256, "")
        assert "\n" not in str(caught.value)
        left = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert left == ({} if before is None else {"f": before})


def test_no_network_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"could not be downloaded.*elsewhere: give it") as caught:
        fetch("http://127.0.0.1:9/nobody-listens", tmp_path / "f", SHA256, "give it")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_installed_is_a_verified_copy(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(CONTENT)
    assert install(mine, tmp_path / "deep" / "f", SHA256).read_bytes() == CONTENT
    assert install(mine, mine, SHA256).read_bytes() == CONTENT  # onto itself
    with pytest.raises(ModelError, match="not the expected file"):
        install(mine, tmp_path / "other", "0" * 64)
    with pytest.raises(ModelError, match=r"cannot be read \(.*check the path"):
        install(tmp_path / "absent", tmp_path / "other", SHA256)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"LIVEFER_CACHE": "/own"}, Path("/own")),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/livefer")),
        ("linux", {}, Path.home() / ".cache" / "livefer"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, Path.home() / "Library" / "Caches" / "livefer"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/livefer")),
        ("win32", {}, Path.home() / "AppData" / "Local" / "livefer"),
    ],
)
def test_cache_dir(
    platform: str, variables: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVEFER_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_dir() == expected


def test_download_yunet(server: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livefer.detection.yunet.YUNET_URL", f"{server}/file")
    assert yunet_path() is None
    with pytest.raises(ModelError, match="not the expected file"):
        download_yunet()
    assert yunet_path() is None
    monkeypatch.setattr("livefer.detection.yunet.YUNET_SHA256", SHA256)
    assert download_yunet() == yunet_path() == cache / YUNET_FILE


def test_the_download_command(server: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livefer.detection.yunet.YUNET_URL", f"{server}/file")
    monkeypatch.setattr("livefer.detection.yunet.YUNET_SHA256", SHA256)
    ended = CliRunner().invoke(app, ["download", "yunet"], catch_exceptions=False)
    assert ended.exit_code == 0
    assert str(cache / YUNET_FILE) in ended.stdout.replace("\n", "")
    assert CliRunner().invoke(app, ["download", "mtcnn"]).exit_code == 2

    (cache / YUNET_FILE).unlink()
    wrong = cache / "wrong.onnx"
    wrong.write_bytes(b"no model")
    ended = CliRunner().invoke(app, ["download", "yunet", "--from", str(wrong)])
    assert isinstance(ended.exception, ModelError)
    assert yunet_path() is None


def test_the_checksum_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    assert downloads.sha256_of(tmp_path / "f") == SHA256
