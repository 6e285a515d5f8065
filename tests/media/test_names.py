"""A folder stands for the same files in the same order everywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from builders import write_picture
from fakes import use_fakes

from livefer.batch.analyze import find_inputs
from livefer.cli import main
from livefer.media.names import find_files, in_order, suffix_of
from livefer.media.sources import open_source

PICTURE = np.full((40, 60, 3), 10, np.uint8)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(path: str, below: bool = False) -> list[str]:
    listing = find_files(path, "picture or video", below)
    assert listing is not None
    return [Path(file).as_posix() for file in listing.files]


def test_stream_analyze_and_image_see_one_folder_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    use_fakes(monkeypatch)
    for name in ("10.png", "2.png", "B.png", "a.PNG", "sub/9.png", "sub/a/1.png"):
        write_picture(Path("in") / name, PICTURE)
    expected = [f"in/{name}" for name in ("2.png", "10.png", "a.PNG", "B.png")]
    below = [*expected, "in/sub/9.png", "in/sub/a/1.png"]

    def streamed(source: str) -> list[str]:
        return [Path(frame.source).as_posix() for frame in open_source(source)]

    def printed(path: str) -> list[str]:
        monkeypatch.setattr("sys.argv", ["livefer", "image", "--json", path])
        with pytest.raises(SystemExit, match="0"):
            main()
        lines = capsys.readouterr().out.splitlines()
        return [Path(json.loads(line)["source"]).as_posix() for line in lines]

    def analysed(path: str) -> list[str]:
        return [Path(one.name).as_posix() for one in find_inputs([path])]

    assert streamed("in") == printed("in") == expected
    assert analysed("in") == below
    for pattern, files in (("in/*", expected), ("in/**/*", below), ("in/**", below)):
        assert streamed(pattern) == printed(pattern) == analysed(pattern) == files


def test_numbers_count_as_numbers_and_capitals_as_small_letters() -> None:
    names = ["IMG_2.jpg", "img_10.jpg", "img.jpg", "img_1.jpg", "Z.jpg", "m²1.jpg", "a/1.jpg"]
    expected = ["img.jpg", "img_1.jpg", "IMG_2.jpg", "img_10.jpg", "m²1.jpg", "Z.jpg", "a/1.jpg"]
    assert in_order(names) == expected
    assert in_order(reversed(names)) == expected
    assert in_order(["01.jpg", "1.png", "1.jpg"]) == in_order(["1.jpg", "1.png", "01.jpg"])
    addresses = [f"s3://b/{name}" for name in ("f/10.jpg", "f/2.jpg", "g.jpg")]
    assert in_order(addresses) == [addresses[2], addresses[1], addresses[0]]


def test_hidden_files_and_folders_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch("d/1.jpg", "d/.2.jpg", "d/.t/3.jpg", "d/s/4.MP4", "d/5.doc", "d/x.jpg/6.jpg")
    assert found("d") == ["d/1.jpg"]
    assert found("d", below=True) == found("d/**/*") == ["d/1.jpg", "d/s/4.MP4", "d/x.jpg/6.jpg"]
    assert found("d/.t/*") == ["d/.t/3.jpg"]
    assert found("**/[0-9].jpg") == ["d/1.jpg", "d/x.jpg/6.jpg"]
    assert found(str(tmp_path / "**" / "s" / "**")) == [(tmp_path / "d/s/4.MP4").as_posix()]
    assert suffix_of("s3://b/a.JPG?version=1.2") == ".jpg"


@pytest.mark.skipif(os.name == "nt", reason="there, links need a privilege")
def test_links_to_files_count_and_links_to_folders_only_where_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch("d/1.jpg", "elsewhere/2.jpg", "d/s/3.jpg")
    Path("d/linked.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    Path("d/gone.jpg").symlink_to(tmp_path / "nothing.jpg")  # its row says that it is not there
    Path("d/loop").symlink_to(tmp_path / "d")
    Path("d/s/out").symlink_to(tmp_path / "elsewhere")
    inside = ["d/1.jpg", "d/gone.jpg", "d/linked.jpg"]
    assert found("d") == inside
    assert found("d", below=True) == found("d/**/*") == [*inside, "d/s/3.jpg"]
    assert found("d/s/out") == found("d/s/*/*") == ["d/s/out/2.jpg"]


def test_a_path_that_is_neither_folder_nor_pattern_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "me [1].jpg").touch()
    for path in (tmp_path / "me [1].jpg", tmp_path / "absent.jpg", "a" * 300):
        assert find_files(path, "picture") is None


def test_an_empty_folder_has_an_error_that_tells_where_to_look(tmp_path: Path) -> None:
    touch(str(tmp_path / "a [1]" / "b" / "c.jpg"))
    listing = find_files(tmp_path / "a [1]", "video")
    assert listing is not None
    ((path, reason),) = listing.errors
    assert path == str(tmp_path / "a [1]")
    assert "holds no video (1 other file or folder)" in reason
    hinted = reason.split('"')[1]
    deeper = find_files(hinted, "picture")
    assert deeper is not None
    assert [Path(file).name for file in deeper.files] == ["c.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_error_beside_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "b/2.png"):
        write_picture(tmp_path / name, PICTURE)
    scandir = os.scandir

    def locked(path: str) -> object:
        if os.path.basename(os.path.normpath(path)) == "a":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    frames = list(open_source(str(tmp_path / "**" / "*.png")))
    assert [Path(frame.source).name for frame in frames] == ["2.png", "a"]
    assert "could not be listed (Permission denied)" in str(frames[1].error)
    listing = find_files(tmp_path / "a", "picture")
    assert listing is not None
    assert not listing.files
    assert "check its permissions" in listing.errors[0][1]
