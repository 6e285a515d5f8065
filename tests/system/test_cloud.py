"""Files by address: listed, read and written as files of this machine are."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from livefer.errors import SourceError
from livefer.system.cloud import download, list_files, read_bytes, upload


@pytest.fixture(params=["file", "local"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a folder, of a kind that pyarrow knows, or only fsspec."""
    if request.param == "local":
        pytest.importorskip("fsspec")
    return f"{request.param}://{(tmp_path / 'in').as_posix()}"


def test_files_by_address(address: str, tmp_path: Path) -> None:
    for name in ("b.jpg", "a/x.png", ".hidden/y.png", ".z.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    assert list_files(address) == [f"{address}/a/x.png", f"{address}/b.jpg"]
    assert list_files(f"{address}/b.jpg") is None
    assert read_bytes(f"{address}/a/x.png") == b"a/x.png"
    download(f"{address}/b.jpg", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"b.jpg"
    upload(tmp_path / "copy", f"{address}/new/c.jpg")
    assert [path.name for path in (tmp_path / "in" / "new").iterdir()] == ["c.jpg"]
    assert read_bytes(f"{address}/new/c.jpg") == b"b.jpg"
    with pytest.raises(SourceError, match=r"absent\.jpg could not be opened"):
        read_bytes(f"{address}/absent.jpg")


def test_an_address_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(SourceError, match="cannot be read: pyarrow says"):
        read_bytes("nowhere://x/a.jpg")
