"""A file is complete under its name, or it is what it was before; nothing else is left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from livefer.errors import LiveferError, OutputError
from livefer.system.atomic import PartialFile, cannot_write, noting, replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "t.csv"
    with replacing(path) as part:
        part.write_text("rows")
        assert not path.exists()
        assert part.parent == path.parent
        assert (part.name[0], part.suffix) == (".", ".csv")
    assert path.read_text() == "rows"
    assert names(path.parent) == ["t.csv"]


def test_it_is_as_readable_as_any_file(tmp_path: Path) -> None:
    (plain := tmp_path / "plain").touch()
    with replacing(tmp_path / "t.csv"):
        pass
    assert (tmp_path / "t.csv").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_an_error_or_ctrl_c_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")

    def work() -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        work()
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["t.csv"]


def test_what_cannot_be_written_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"

    def work(error: Exception, *also: type[Exception], **more: str) -> str:
        with pytest.raises(LiveferError) as caught, replacing(path, *also, **more):
            raise error
        return str(caught.value)

    full = OSError(28, "No space left on device")
    assert work(full) == (
        f"{path} cannot be written (No space left on device): choose another place"
    )
    assert work(ValueError("no such format"), ValueError, todo="take another") == (
        f"{path} cannot be written (no such format): take another"
    )
    assert names(tmp_path) == []


def test_where_nothing_can_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for name in ("file/t.csv", "folder", "a" * 300 + ".csv"):
        with pytest.raises(LiveferError, match="cannot be written"):
            PartialFile(tmp_path / name)
    assert names(tmp_path) == ["file", "folder"]
    assert names(tmp_path / "folder") == []


@pytest.mark.parametrize(
    "name", ["a" * 246 + ".csv", "ü" * 125 + ".mp4", "a." + "b" * 240, "名" * 80 + ".parquet"]
)
def test_a_name_as_long_as_a_folder_holds_can_be_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system holds no name so long")
    with replacing(path) as part:
        assert len(os.fsencode(part.name)) <= len(os.fsencode(name))
        part.write_text("new")
    assert path.read_text() == "new"


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
    assert path.read_text() == "first"
    assert names(tmp_path) == ["t.csv"]


def test_a_discarded_file_is_gone_and_a_kept_one_stays(tmp_path: Path) -> None:
    for name, is_kept in (("a", True), ("b", False)):
        file = PartialFile(tmp_path / name)
        file.part.write_text(name)
        if is_kept:
            file.keep()
        file.discard()
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("reason", ["ENAMETOOLONG", "EISDIR", "EACCES", "EINVAL", "EFBIG"])
def test_an_error_of_one_file_is_told_from_one_of_all(reason: str) -> None:
    errors: list[str] = []
    with noting(errors):
        raise cannot_write(Path("a"), OSError(getattr(errno, reason), reason))
    assert errors == [f"a cannot be written ({reason}): choose another place"]
    for of_all in ("ENOSPC", "EROFS", "EDQUOT"):
        error = cannot_write(Path("a"), OSError(getattr(errno, of_all), of_all))
        assert not isinstance(error, OutputError)
