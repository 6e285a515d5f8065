"""What bench/page.py counts, without a browser."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from lib.browsing import Place, middle, unpack

from livefer.errors import ConfigError


def test_each_file_that_was_asked_for_counts_once(tmp_path: Path) -> None:
    random = np.random.default_rng(0).bytes(1_000_000)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_bytes(bytes(2_000_000))
    (tmp_path / "site" / "model").write_bytes(random)
    asked = ["/before", "/site/", "/site/model?v=1", "/site/model", "/site/missing"]
    loaded = Place("", tmp_path, asked).loaded(1)
    assert loaded["files"] == 2
    assert loaded["mb"] == 3.0
    # What gzip makes larger is sent as it is.
    assert len(gzip.compress(random)) > len(random)
    assert loaded["gzip_mb"] == 1.0


def test_a_page_without_a_result_has_no_figure() -> None:
    rows = [{"per_s": 0.0, "p50_ms": np.nan}, {"per_s": 0.5, "p50_ms": 3000.0}]
    assert middle(rows, "per_s") == 0.25
    assert middle(rows, "p50_ms") is None


def test_missing_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"vladmandic-human-VERSION\.tgz: npm pack"):
        unpack(tmp_path, {"human": "vladmandic-human"}, tmp_path)


def write_archive(path: Path, *names: str) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            about = tarfile.TarInfo(name)
            about.size = 4
            tar.addfile(about, io.BytesIO(b"text"))


def test_an_archive_is_unpacked_into_the_folder_of_its_package(tmp_path: Path) -> None:
    write_archive(tmp_path / "vladmandic-human-3.3.6.tgz", "package/dist/a.js", "package/b.json")
    unpack(tmp_path, {"human": "vladmandic-human"}, tmp_path / "pages")
    files = [path for path in (tmp_path / "pages").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {
        "pages/human/dist/a.js",
        "pages/human/b.json",
    }
    assert {path.read_text() for path in files} == {"text"}


def test_an_archive_that_reaches_outside_its_folder_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path / "vladmandic-human-3.3.6.tgz", "package/../../b.json")
    with pytest.raises(ConfigError, match="outside its folder"):
        unpack(tmp_path, {"human": "vladmandic-human"}, tmp_path / "pages")
    assert not (tmp_path / "b.json").exists()
