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
from livefer.media.names import Kind, find_files, in_order, same_file, suffix_of
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
    assert found("d/s/out") == found("d/s/out/*") == found("d/*/out/*.jpg") == ["d/s/out/2.jpg"]
    assert found("d/s/*/*") == found("d/s/**/*.jpg")[1:] == []
    for path, links in (
        ("d", ["d/loop"]),
        ("d/*", ["d/loop"]),
        ("d/**/*", ["d/loop", "d/s/out"]),
        ("d/**/*.jpg", ["d/loop", "d/s/out"]),
        ("d/*/*", ["d/loop", "d/s/out"]),
        ("d/s/*/2.jpg", ["d/s/out"]),
        (str(tmp_path / "d" / "*" / "*.jpg"), [str(tmp_path / "d" / "loop")]),
    ):
        listing = find_files(path, "picture")
        assert listing is not None
        assert sorted(listing.left_out.links) == links
    below = find_files("d", "picture", below=True)
    assert below is not None
    assert str(below.left_out) == "2 linked folders"


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
    assert "holds no video (1 folder)" in reason
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


def left_out(path: str, kind: Kind = "picture", below: bool = False) -> str:
    listing = find_files(path, kind, below)
    assert listing is not None
    return str(listing.left_out)


def test_what_is_left_out_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("livefer.media.names.reads_heic", lambda: True)
    touch(
        "d/1.jpg", "d/2.heic", "d/a.txt", "d/b.TXT", "d/c.mp4", "d/noise", "d/s/3.jpg", "d/s/x.nef"
    )
    others = "4 other files: .txt 2, .mp4 1, without suffix 1"
    assert left_out("d") == left_out("d/*") == f"{others}; 1 folder"
    assert (
        left_out("d/**/*")
        == left_out("d", below=True)
        == "5 other files: .txt 2, .mp4 1, .nef 1, others 1"
    )
    assert left_out("d/**/*.t*", "picture or video") == "1 other file: .txt 1"
    assert left_out("d/1*") == ""
    touch(*(f"many/{i}.{end}" for end in "abcdefghij" for i in range(1 + (end == "j"))))
    assert left_out("many") == "11 other files: .j 2, .a 1, .b 1, others 7"


def test_heic_is_a_picture_where_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch("d/1.heic", "d/2.HEIF", "d/3.jpg")
    monkeypatch.setattr("livefer.media.names.reads_heic", lambda: True)
    assert found("d") == ["d/1.heic", "d/2.HEIF", "d/3.jpg"]
    monkeypatch.setattr("livefer.media.names.reads_heic", lambda: False)
    assert found("d") == ["d/3.jpg"]
    hint = 'pip install "livefer[heic]" lets livefer read HEIC'
    assert left_out("d") == f"2 other files: .heic 1, .heif 1; {hint}"
    Path("d/3.jpg").unlink()
    listing = find_files("d", "picture")
    assert listing is not None
    assert hint in listing.errors[0][1]


@pytest.mark.parametrize("suffix", [".h264", ".hevc", ".mxf", ".asf", ".divx", ".f4v", ".avif"])
def test_less_common_endings_are_taken(tmp_path: Path, suffix: str) -> None:
    touch(str(tmp_path / f"a{suffix}"), str(tmp_path / "b.txt"))
    assert found(str(tmp_path)) == [(tmp_path / f"a{suffix}").as_posix()]


def test_all_spellings_of_a_path_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch("d/p.jpg", "e/x")
    spellings = ["d/p.jpg", "./d/p.jpg", "d//p.jpg", "e/../d/p.jpg", str(tmp_path / "d" / "p.jpg")]
    assert len(set(map(same_file, spellings))) == 1
    assert same_file("d/P.png") != same_file("d/p.jpg")
    assert same_file("s3://b/a/../c.jpg") != same_file("s3://b/c.jpg")
    assert [one.name for one in find_inputs([*spellings, "d", "./d/*"])] == ["d/p.jpg"]
    if os.name != "nt":
        Path("link").symlink_to("d")
        Path("d/other.jpg").symlink_to("p.jpg")
        assert same_file("link/p.jpg") == same_file("d/p.jpg")
        assert same_file("d/other.jpg") != same_file("d/p.jpg")
