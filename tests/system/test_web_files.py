"""Files at addresses of the web: read whole, or one error that says what was wrong."""

from __future__ import annotations

import base64
import io
import socket
from pathlib import Path

import pytest
from fileserver import serving

from livefer.errors import SourceError
from livefer.formatting import without_passwords
from livefer.system.cloud import download, list_files, read_bytes
from livefer.system.web_files import copy_file, is_picture, is_web


def test_a_file_is_read_and_copied(tmp_path: Path) -> None:
    with serving({"/a.bin": ("application/x", b"abc"), "/a%20b": ("image/png", b"x")}) as url:
        assert read_bytes(f"{url}/a.bin?x=1") == b"abc"
        assert read_bytes(f"{url}/a b") == read_bytes(f"{url}/a%20b") == b"x"
        download(f"{url}/a.bin", tmp_path / "a")
        assert list_files(f"{url}/a.bin") is None
    assert (tmp_path / "a").read_bytes() == b"abc"


@pytest.mark.parametrize("word", ["se:cret", "se@cret", "s%20t"])
def test_a_password_is_used_and_not_shown(word: str) -> None:
    plain = word.replace("%20", " ")
    token = "Basic " + base64.b64encode(f"me:{plain}".encode()).decode()
    with serving({"/a": ("image/png", b"abc")}, password=token) as url:
        assert read_bytes(url.replace("//", f"//me:{word}@") + "/a") == b"abc"
        with pytest.raises(SourceError, match=r"could not be read .*401") as caught:
            read_bytes(url.replace("//", "//me:wrong@") + "/a")
        assert "wrong" not in str(caught.value)
    assert without_passwords("http://me:word@host/a@b") == "http://host/a@b"


def test_what_is_no_file_is_named() -> None:
    with serving({"/page": ("text/html; charset=utf-8", b"<html>")}, {"/live": b"jpeg"}) as url:
        for path, says in (("page", "a web page"), ("live", "a stream"), ("no", "404")):
            with pytest.raises(SourceError, match=says):
                copy_file(f"{url}/{path}", io.BytesIO())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/a.jpg"
        with pytest.raises(SourceError, match=r"a\.jpg could not be read \(.*: check the address"):
            copy_file(address, io.BytesIO())
    for wrong in ("http://", "http://host:port/a", "https://[::1/a"):
        with pytest.raises(SourceError, match="check the address"):
            copy_file(wrong, io.BytesIO())


def test_a_server_says_whether_an_address_is_a_picture() -> None:
    with serving({"/a": ("image/jpeg", b""), "/b": ("video/mp4", b"")}, {"/c": b""}) as url:
        assert [is_picture(f"{url}/{name}") for name in "abcd"] == [True, False, False, False]
    with serving({"/a": ("image/jpeg", b"")}, answers_head=False) as url:
        assert not is_picture(f"{url}/a")


def test_which_names_are_on_the_web() -> None:
    assert is_web("http://a/b")
    assert is_web("HTTPS://a")
    assert not any(map(is_web, ("s3://a", "rtsp://a", "http", "a/http://b")))
