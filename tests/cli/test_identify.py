"""`--identify`: the same person after an absence and in another film, and nobody's face kept."""

from __future__ import annotations

import csv
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

import numpy as np
from analyzing import run_here
from numpy.typing import NDArray
from portrait import pasted
from videos import write_video

from livefer.cli import main
from livefer.errors import MissingExtraError

Image = NDArray[np.uint8]
NOBODY: Image = np.full((480, 640, 3), 90, np.uint8)


class Colours:
    """A network for which people differ by the colour of their faces."""

    def run(self, _: None, inputs: dict[str, NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        means = inputs["chips"].mean(axis=(1, 2)) / 50
        return [np.pad(means, ((0, 0), (0, 125))).astype(np.float32)]


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livefer.identity.tracks.open_network", lambda threads=None: Colours())
    monkeypatch.setattr("livefer.cli.analyze.weights_path", lambda: None)
    monkeypatch.setattr("livefer.cli.analyze.run_local", run_here)


@pytest.fixture
def the_network() -> None:
    if find_spec("face_recognition_models") is None:
        pytest.skip('without the "people" extra, which dev leaves out for its 100 MB')
    pytest.importorskip("onnx")


def run(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    patch.setattr(sys, "argv", ["livefer", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return int(ended.value.code or 0), err


def film(path: Path, *people: Image) -> str:
    """Write a film at 10 frames a second: each one for 1.4 s, and nobody for 2 s in between."""
    images: list[Image] = []
    for number, one in enumerate(people):
        images += [NOBODY] * (20 if number else 0)
        images += [np.roll(one, 2 * i, axis=1) for i in range(14)]
    write_video(path, images, fps=10)
    return path.name


def red() -> Image:
    return pasted(100, 40)


def blue() -> Image:
    """Return somebody else, for the network of this page."""
    return np.ascontiguousarray(pasted(60, 20)[:, :, ::-1])


def persons(path: Path) -> dict[tuple[str, str], str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["file"], row["track_id"]): row["name"] for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize("command", ["video", "analyze"])
def test_a_person_is_found_again_in_a_film_and_in_the_next_one(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    films = [film(tmp_path / "a.mp4", red(), blue(), red()), film(tmp_path / "b.mp4", blue())]
    table = "--csv" if command == "video" else "--out"
    code, err = run(monkeypatch, capsys, command, *films, table, "t.csv", "--identify", "who.csv")
    assert code == 0
    assert "2 people in the 4 tracks" in err
    assert "t.csv, who.csv" in err
    assert persons(tmp_path / "who.csv") == {
        ("a.mp4", "1"): "person 1",
        ("a.mp4", "2"): "person 2",
        ("a.mp4", "3"): "person 1",
        ("b.mp4", "1"): "person 2",
    }
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"a.mp4", "b.mp4", "t.csv", "t.csv.json", "who.csv"}

    code, _ = run(
        monkeypatch, capsys, "summarize", "t.csv", "--names", "who.csv", "--out", "shares.csv"
    )
    assert code == 0
    with (tmp_path / "shares.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["source"], row["name"]) for row in csv.DictReader(file)]
    assert rows == [("a.mp4", "person 1"), ("a.mp4", "person 2"), ("b.mp4", "person 2")]

    code, _ = run(
        monkeypatch, capsys, "summarize", "t.csv", "--participants", "who.csv", "--out", "all.csv"
    )
    assert code == 0
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        assert [row["n_videos"] for row in csv.DictReader(file)] == ["1", "2"]


@pytest.mark.slow
@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize("command", ["video", "analyze"])
def test_a_track_that_the_table_leaves_out_is_nobodys(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "a.mp4", red(), blue(), blue())
    images = [np.roll(red(), 2 * i, axis=1) for i in range(30)]
    write_video(tmp_path / "b.mp4", images, fps=10)
    table = "--csv" if command == "video" else "--out"
    more = ["--min-seen", "2.5", "--identify", "who.csv"]
    code, err = run(monkeypatch, capsys, command, "a.mp4", "b.mp4", table, "t.csv", *more)
    assert code == 0
    assert "3 short tracks left out" in err
    assert persons(tmp_path / "who.csv") == {("b.mp4", "1"): "person 1"}
    assert run(monkeypatch, capsys, "summarize", "t.csv", "--names", "who.csv")[0] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("the_network")
def test_the_real_network_knows_a_face_again_in_processes_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    near = pasted(150, 60, degrees=12, zoom=1.2)
    films = [film(tmp_path / "a.mp4", red(), near), film(tmp_path / "b.mp4", near)]
    more = ["--identify", "who.csv", "--workers", "2"]
    code, err = run(monkeypatch, capsys, "analyze", *films, "--out", "t.csv", *more)
    assert code == 0
    assert "1 person in the 3 tracks" in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["video", "--report", "r.html"], "--identify names the tracks of a table: add --csv"),
        (["video", "--csv", "t.csv", "--one-person"], "both say who is who: choose one"),
        (["analyze", "--out", "t.csv", "--one-person"], "both say who is who: choose one"),
        (["analyze", "--out", "t.csv", "--resume"], "leave --resume out"),
        (["analyze", "--out", "t", "--engine", "ray"], "leave --engine ray out"),
        (["video", "--csv", "t.csv", "--detector", "haar"], "--detector native or yunet"),
        (["analyze", "--out", "t.csv", "--detector", "haar"], "--detector native or yunet"),
    ],
)
@pytest.mark.usefixtures("colours")
def test_what_does_not_go_together_is_said_in_one_line(
    arguments: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", [NOBODY] * 3)
    code, err = run(monkeypatch, capsys, *arguments, "a.mp4", "--identify", "who.csv")
    assert code == 1
    assert expected in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("name", ["who.parquet", "a.mp4"])
@pytest.mark.usefixtures("colours")
def test_the_name_is_that_of_a_new_csv(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", [NOBODY] * 3)
    code, err = run(monkeypatch, capsys, "video", "a.mp4", "--csv", "t.csv", "--identify", name)
    assert code == 1
    assert f"{name} is no name for a table of persons: expected one that ends in .csv" in err


@pytest.mark.parametrize("command", ["video", "analyze"])
def test_without_the_extra_nothing_is_begun(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def missing(*_: Any) -> Path:
        raise MissingExtraError("--identify", "people")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("livefer.identity.tracks.open_network", missing)
    monkeypatch.setattr("livefer.cli.analyze.weights_path", missing)
    write_video(tmp_path / "a.mp4", [NOBODY] * 3)
    table = "--csv" if command == "video" else "--out"
    code, err = run(monkeypatch, capsys, command, "a.mp4", table, "t.csv", "--identify", "who.csv")
    assert code == 1
    assert '--identify needs the "people" extra: pip install "livefer[people]"' in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
