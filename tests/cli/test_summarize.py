"""`livefer summarize`: figures of a table on the terminal and as JSON."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from needs import missing
from tablerows import make_row, make_rows, write_csv
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError, DatasetError, LiveferError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = make_rows(["happy"] * 60 + ["sad?"] * 20 + ["sad"] * 20 + [""] * 10)
    rows += [make_row(15.0, "fear", 2, n_skipped=7), make_row(15.1, error="[red] cut short")]
    rows += [make_row(0.0, "happy", None, source="a.jpg"), make_row(0.0, source="b.jpg")]
    rows += [make_row(0.0, source="c.jpg", error="c.jpg is no picture")]
    return write_csv(tmp_path / "t.csv", rows)


def run(*words: str | Path, code: int = 0, columns: int = 140) -> str:
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(
        app, ["summarize", "--min-seen", "0", *map(str, words)], catch_exceptions=False
    )
    assert result.exit_code == code
    return result.output


def test_it_prints_the_figures(table: Path) -> None:
    said = run(table)
    lines = said.splitlines()
    assert "clip.mp4 · 11 s · 111 frames · 2 tracks" in lines[0]
    shares = next(line for line in lines if "60%" in line)
    assert shares.startswith("track 1")
    assert shares.endswith("20%")
    assert "happy 6.0 s at 0:00, sad 2.0 s at 0:08" in said
    assert "10 frames without a face (1.0 s, 9% of the frames)" in said
    assert "7 frames skipped" in said
    assert "1 gap without frames (4.0 s): 0:11–0:15" in said
    assert "2 pictures · 1 face · 1 without a face" in said
    assert "clip.mp4: [red] cut short" in said
    assert "c.jpg is no picture" in lines, "named once"


def test_names_and_shares_are_there_on_a_narrow_terminal(table: Path) -> None:
    said = run(table, columns=80)
    assert "█" in run(table)
    assert "█" not in said
    shares = next(line for line in said.splitlines() if "60%" in line)
    assert shares.startswith("track 1")
    assert shares.endswith("20%")


@pytest.mark.parametrize("columns", [80, 140])
def test_every_person_has_a_row_in_both_tables(table: Path, columns: int) -> None:
    names = [" ".join(line.split()[:2]) for line in run(table, columns=columns).splitlines()]
    names = [name for name in names if name.startswith("track ")]
    assert names == ["track 1", "track 2"] * 2


def test_figures_go_to_a_file_that_has_a_name(table: Path) -> None:
    with pytest.raises(ConfigError, match="--json -: expected the name of a file"):
        run(table, "--json", "-")


def test_it_writes_all_figures_as_json(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "figures.json"
    assert f"wrote {out}" in run(table, "--json", out)
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["table"] == str(table)
    assert figures["sources"][0]["persons"][0]["shares"]["happy"] == pytest.approx(0.6)
    assert figures["unreadable"][0]["source"] == "c.jpg"


def test_a_table_whose_name_is_no_text_has_its_report(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    try:
        table = table.rename(tmp_path / "caf\udce9.csv")
    except (OSError, UnicodeError):
        missing("this file system has no names that are not text")
    run(table, "--report", tmp_path / "r.html", "--json", tmp_path / "f.json")
    assert "caf\\xe9.csv" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "f.json").read_text())["table"].endswith("caf\\xe9.csv")


def test_the_page_in_docs_names_every_key(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    run(table, "--json", out)
    found = json.loads(out.read_text(encoding="utf-8"))
    video, trouble = found["sources"][0], found["unreadable"][0]
    person = video["persons"][0]
    parts = (found, video, trouble, person, person["longest"]["happy"], found["pictures"])
    keys = {key for part in parts for key in part}
    page = Path(__file__).parents[2] / "docs" / "tables.md"
    text = page.read_text(encoding="utf-8").partition("## Figures of a table")[2]
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_many_people_and_many_videos_are_cut_short(tmp_path: Path) -> None:
    rows = [make_row(i / 10, "happy", who) for i in range(3) for who in range(1, 31)]
    rows += [make_row(i / 10, "sad", source=f"{n}.mp4") for n in range(12) for i in range(2)]
    said = run(write_csv(tmp_path / "t.csv", rows))
    assert "and 10 more who were seen for less" in said
    assert "and 3 shorter videos" in said


def test_an_empty_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no rows"):
        run(write_csv(tmp_path / "t.csv", []))


def test_a_place_that_cannot_be_written_is_an_error(table: Path) -> None:
    with pytest.raises(LiveferError, match="cannot be written"):
        run(table, "--json", table / "figures.json")


def test_the_table_is_not_overwritten(table: Path) -> None:
    before = table.read_bytes()
    with pytest.raises(ConfigError, match="is an input: choose another name"):
        run(table, "--json", table)
    assert table.read_bytes() == before


def test_it_draws_and_reports(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    said = run(table, "--plot", tmp_path / "p.svg", "--report", tmp_path / "r.html")
    assert f"wrote {tmp_path / 'p.svg'}" in said
    assert "<svg" in (tmp_path / "p.svg").read_text(encoding="utf-8")
    assert "clip.mp4" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_of_several_videos_there_is_a_picture_each(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    names = ("a/x y.mp4", "b/x y.mp4")
    rows = [row for name in names for row in make_rows(["happy"] * 3, source=name)]
    run(write_csv(tmp_path / "t.csv", rows), "--plot", tmp_path / "out" / "p.png")
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["p-x_y-2.png", "p-x_y.png"]


def test_wrong_names_and_pictures_without_time_are_errors(tmp_path: Path, table: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ConfigError, match=r"--plot .*ends in \.png"):
        run(table, "--plot", tmp_path / "p.txt")
    with pytest.raises(ConfigError, match=r"--report .*ends in \.html"):
        run(table, "--report", tmp_path)
    stills = write_csv(tmp_path / "s.csv", [make_row(0.0, "happy", None, source="a.jpg")])
    with pytest.raises(DatasetError, match="pictures have no time"):
        run(stills, "--plot", tmp_path / "p.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_may_come_through_a_pipe(table: Path, tmp_path: Path, kind: str) -> None:
    data = table.read_bytes()
    if kind == "jsonl":
        rows = make_rows(["happy"] * 60)
        data = "".join(json.dumps({**row, "schema": 1}) + "\n" for row in rows).encode()
        (tmp_path / "t.jsonl").write_bytes(data)
        table = tmp_path / "t.jsonl"
    for number, content in enumerate((data, b"")):
        pipe = tmp_path / str(number)
        os.mkfifo(pipe)
        thread = threading.Thread(target=pipe.write_bytes, args=(content,))
        thread.start()
        if content:
            assert run(pipe) == run(table)
        else:
            with pytest.raises(LiveferError, match="sends nothing: expected a table"):
                run(pipe)
        thread.join()
