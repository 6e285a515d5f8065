"""`--identify`: the same person after an absence and in another film, and nobody's face kept."""

from __future__ import annotations

import csv
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

import numpy as np
from analyzing import run_here
from commands import Run
from numpy.typing import NDArray
from portrait import pasted
from videos import write_video

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


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


BOTH = pytest.mark.parametrize(
    "command", [("video", "--csv", "t.csv"), ("analyze", "--out", "t.csv")]
)


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
@BOTH
def test_a_person_is_found_again_in_a_film_and_in_the_next_one(
    command: tuple[str, ...], livefer: Run, tmp_path: Path
) -> None:
    films = [film(tmp_path / "a.mp4", red(), blue(), red()), film(tmp_path / "b.mp4", blue())]
    ended = livefer(*command, *films, "--identify", "who.csv")
    assert ended.code == 0
    assert "2 people in the 4 tracks" in ended.err
    assert "t.csv, who.csv" in ended.err
    assert persons(tmp_path / "who.csv") == {
        ("a.mp4", "1"): "person 1",
        ("a.mp4", "2"): "person 2",
        ("a.mp4", "3"): "person 1",
        ("b.mp4", "1"): "person 2",
    }
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"a.mp4", "b.mp4", "t.csv", "t.csv.json", "who.csv"}

    ended = livefer("summarize", "t.csv", "--names", "who.csv", "--out", "shares.csv")
    assert ended.code == 0
    with (tmp_path / "shares.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["source"], row["name"]) for row in csv.DictReader(file)]
    assert rows == [("a.mp4", "person 1"), ("a.mp4", "person 2"), ("b.mp4", "person 2")]

    ended = livefer("summarize", "t.csv", "--participants", "who.csv", "--out", "all.csv")
    assert ended.code == 0
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        assert [row["n_videos"] for row in csv.DictReader(file)] == ["1", "2"]


@pytest.mark.slow
@pytest.mark.usefixtures("colours")
def test_a_report_shows_persons_as_that_of_the_table_does(livefer: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    film(tmp_path / "a.mp4", red(), blue(), red())
    made = ["--report", "r.html", "--plot", "p.png"]
    ended = livefer("video", "a.mp4", "--csv", "t.csv", "--identify", "who.csv", *made)
    assert ended.code == 0
    assert "t.csv, who.csv, p.png, r.html" in ended.err
    assert livefer("summarize", "t.csv", "--names", "who.csv", "--report", "s.html").code == 0
    of_film, of_table = (_persons_in(tmp_path / name) for name in ("r.html", "s.html"))
    assert of_film == of_table
    assert {row[1] for row in of_film} == {"1", "2"}
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "track" not in page[page.index("<body>") : page.index('<section id="how">')]
    assert page.count("data:image/jpeg") >= 2


def _persons_in(report: Path) -> list[list[str]]:
    """Return the words of the rows of persons in a report's tables."""
    rows = re.findall("<tr>(.*?)</tr>", report.read_text("utf-8"), re.DOTALL)
    words = [re.sub("<.*?>", " ", row).split() for row in rows]
    return [row for row in words if row[:1] == ["person"]]


@pytest.mark.slow
@pytest.mark.usefixtures("colours")
@BOTH
def test_a_track_that_the_table_leaves_out_is_nobodys(
    command: tuple[str, ...], livefer: Run, tmp_path: Path
) -> None:
    film(tmp_path / "a.mp4", red(), blue(), blue())
    images = [np.roll(red(), 2 * i, axis=1) for i in range(30)]
    write_video(tmp_path / "b.mp4", images, fps=10)
    more = ["--min-seen", "2.5", "--identify", "who.csv"]
    ended = livefer(*command, "a.mp4", "b.mp4", *more)
    assert ended.code == 0
    assert "3 short tracks left out" in ended.err
    assert persons(tmp_path / "who.csv") == {("b.mp4", "1"): "person 1"}
    assert livefer("summarize", "t.csv", "--names", "who.csv").code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("the_network")
def test_the_real_network_knows_a_face_again_in_processes_of_its_own(
    livefer: Run, tmp_path: Path
) -> None:
    near = pasted(150, 60, degrees=12, zoom=1.2)
    films = [film(tmp_path / "a.mp4", red(), near), film(tmp_path / "b.mp4", near)]
    more = ["--identify", "who.csv", "--workers", "2"]
    ended = livefer("analyze", *films, "--out", "t.csv", *more)
    assert ended.code == 0
    assert "1 person in the 3 tracks" in ended.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["video", "--report", "r.html"], "--identify names the tracks of a table: add --csv"),
        (["video", "--csv", "-", "--report", "r.html"], "name a file for it in place of -"),
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
    arguments: list[str], expected: str, livefer: Run, tmp_path: Path
) -> None:
    write_video(tmp_path / "a.mp4", [NOBODY] * 3)
    ended = livefer(*arguments, "a.mp4", "--identify", "who.csv")
    assert ended.code == 1
    assert expected in ended.err
    assert ended.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("name", ["who.parquet", "a.mp4"])
@pytest.mark.usefixtures("colours")
def test_the_name_is_that_of_a_new_csv(name: str, livefer: Run, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [NOBODY] * 3)
    ended = livefer("video", "a.mp4", "--csv", "t.csv", "--identify", name)
    assert ended.code == 1
    assert f"{name} is no name for a table of persons: expected one that ends in .csv" in ended.err


@BOTH
def test_without_the_extra_nothing_is_begun(
    command: tuple[str, ...], livefer: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(*_: Any) -> Path:
        raise MissingExtraError("--identify", "people")

    monkeypatch.setattr("livefer.identity.tracks.open_network", missing)
    monkeypatch.setattr("livefer.cli.analyze.weights_path", missing)
    write_video(tmp_path / "a.mp4", [NOBODY] * 3)
    ended = livefer(*command, "a.mp4", "--identify", "who.csv")
    assert ended.code == 1
    assert '--identify needs the "people" extra: pip install "livefer[people]"' in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
