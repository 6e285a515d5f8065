"""`livefer summarize` with rows of figures: windows, episodes, events, participants."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from fakes import make_face
from tablerows import make_row, make_rows, write_csv
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError, DatasetError, LiveferError
from livefer.labels import CLASSES
from livefer.results import FrameResult, Marker
from livefer.tables.writing import open_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = make_rows(["neutral"] * 10 + ["happy"] * 10, source="P1_calm.mp4")
    rows += make_rows(["sad"] * 10, source="P2_wild.mp4")
    return write_csv(tmp_path / "t.csv", rows)


def run(*words: str | Path, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["summarize", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == code
    return result


def printed(*words: str | Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run(*words).stdout)))


def test_rows_are_printed_as_csv(table: Path) -> None:
    rows = printed(table, "--windows", "1")
    assert [(row["source"], row["start_s"]) for row in rows] == [
        ("P1_calm.mp4", "0.0"),
        ("P1_calm.mp4", "1.0"),
        ("P2_wild.mp4", "0.0"),
    ]
    assert [row["share_happy"] for row in rows] == ["0.0", "1.0", "0.0"]


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_they_are_written_beside_the_figures(table: Path, tmp_path: Path, suffix: str) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    out = tmp_path / "new" / f"w.{suffix}"
    result = run(table, "--windows", "1", "--out", out, "--json", tmp_path / "all.json")
    assert "P1_calm.mp4 · 2.0 s" in result.stdout
    assert f"wrote {out}: 3 rows" in result.stderr
    assert json.loads((tmp_path / "all.json").read_text())["sources"]
    frame = getattr(pd, f"read_{suffix}")(out)
    assert list(frame["share_happy"]) == [0, 1, 0]


def test_without_a_unit_there_is_a_row_for_each_video_and_track(table: Path) -> None:
    out = table.with_name("v.csv")
    run(table, "-o", out)
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["track_id"], row["share_happy"]) for row in rows] == [
        ("P1_calm.mp4", "1", "0.5"),
        ("P2_wild.mp4", "1", "0.0"),
    ]


def test_episodes_and_their_shortest(table: Path) -> None:
    assert [row["expression"] for row in printed(table, "--episodes")] == [
        *("neutral", "happy", "sad"),
    ]
    assert printed(table, "--episodes", "--shortest", "1.5") == []


def test_events_with_a_baseline_and_windows(table: Path, tmp_path: Path) -> None:
    events = tmp_path / "e.tsv"
    events.write_text("onset\tduration\ttrial_type\tfile\n1\t0\tjoke\tP1_calm.mp4\n")
    rows = printed(table, "--events", events, "--before", "0.5", "--after", "1")
    assert [(row["phase"], row["start_s"], row["share_happy"]) for row in rows] == [
        ("baseline", "0.5", "0.0"),
        ("event", "1.0", "1.0"),
    ]
    rows = printed(table, "--events", events, "--after", "1", "--windows", "0.5")
    assert [row["since_onset_s"] for row in rows] == ["-1.0", "-0.5", "0.0", "0.5"]
    with pytest.raises(ConfigError, match="event 1 has no duration"):
        run(table, "--events", events)


def test_participants_by_name_and_by_table(table: Path, tmp_path: Path) -> None:
    by_name = printed(table, "--id", r"(P\d)_([a-z]+)")
    assert [(row["participant"], row["condition"]) for row in by_name] == [
        ("P1", "calm"),
        ("P2", "wild"),
    ]
    people = tmp_path / "p.csv"
    people.write_text("file,participant\nP2_wild.mp4,Bo\nP1_clam.mp4,Ann\n")
    result = run(table, "--participants", people, "--windows", "1", "--out", tmp_path / "o.csv")
    assert "1 video without a participant left out: P1_calm.mp4" in result.stderr
    assert "1 video of a participant not in the table: P1_clam.mp4" in result.stderr
    assert "o.csv: 1 row\n" in result.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_can_be_read_for_participants(table: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_bytes, args=(table.read_bytes(),))
    thread.start()
    assert printed(pipe, "--id", r"(P\d)") == printed(table, "--id", r"(P\d)")
    thread.join()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--episodes", "--windows", "5"], "--episodes and --windows are two tables"),
        (["--episodes", "--events", "EVENTS"], "--episodes and --events are two tables"),
        (["--shortest", "1"], "add --episodes"),
        (["--before", "1"], "--before is for events"),
        (["--after", "1", "--windows", "5"], "--after is for events"),
        (["--id", "(P)", "--participants", "EVENTS"], "say the same thing"),
        (["--id", "("], "no regular expression"),
        (["--windows", "1", "--out", "t.xlsx"], r"ends in \.csv, \.json, \.parquet"),
        (["--windows", "1", "--out", "TABLE"], "is an input: choose another name"),
        (["--events", "EVENTS", "--out", "EVENTS"], "is an input: choose another name"),
        (["--events", "nowhere.tsv"], "nowhere.tsv does not exist"),
    ],
)
def test_what_does_not_fit_is_one_line(
    table: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    events = tmp_path / "e.csv"
    events.write_text("onset,duration\n1,1\n")
    before = table.read_bytes(), events.read_bytes()
    places = {"EVENTS": str(events), "TABLE": str(table)}
    with pytest.raises(LiveferError, match=message):
        run(table, *[places.get(word, word) for word in words])
    assert (table.read_bytes(), events.read_bytes()) == before


def test_a_table_of_pictures_has_no_rows_and_pictures_beside_videos_are_counted(
    table: Path, tmp_path: Path
) -> None:
    still = make_row(0.0, "happy", None, source="a.jpg")
    with pytest.raises(DatasetError, match="has no video, and pictures have no time"):
        run(write_csv(tmp_path / "s.csv", [still]), "--windows", "1")
    with pytest.raises(DatasetError, match="there are no subtitles"):
        run(tmp_path / "s.csv", "--vtt", tmp_path / "s.vtt")
    with pytest.raises(DatasetError, match="only videos have tracks"):
        run(tmp_path / "s.csv", "--merge", "1,2")
    both = write_csv(tmp_path / "b.csv", [still, *make_rows(["happy"] * 3)])
    result = run(both, "--windows", "1")
    assert "1 picture left out: pictures have no time" in result.stderr
    assert "a.jpg" not in result.stdout


def test_the_page_in_docs_names_every_column(table: Path, tmp_path: Path) -> None:
    events = tmp_path / "e.csv"
    events.write_text("onset,duration\n1,1\n")
    columns = {"participant", "condition"}
    for words in ([], ["--windows", "1"], ["--episodes"], ["--events", events]):
        for who in ([], ["--id", r"(P\d)_([a-z]+)"]):
            out = tmp_path / "o.csv"
            run(table, *words, *who, "-o", out)
            columns |= set(out.read_text().splitlines()[0].split(","))
    plain = {c for c in columns if not c.startswith(("share_", "mean_"))} | {"share_uncertain"}
    text = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    assert [name for name in sorted(plain) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_the_markers_of_a_live_table_are_its_events(tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    labels = ["neutral"] * 10 + ["happy"] * 10
    path = tmp_path / f"live.{suffix}"
    with open_table(path, CLASSES, live=True) as table:
        for i, label in enumerate(labels):
            face = make_face((0, 0, 9, 9), label, track_id=1)
            result = FrameResult("0", i, i / 10, None, (face,), captured_s=50 + i / 10)
            if i == 0:
                table.mark(Marker("started 2026-11-30T15:00:00.250000+00:00", 50.0), result)
            table.write(result)
            if i == 10:
                table.mark(Marker("smile; now", 51.05), result)
    rows = printed(path, "--events", path, "--after", "0.5")
    assert [(r["event"], r["trial_type"], r["phase"], r["share_happy"]) for r in rows] == [
        ("1", "smile; now", "baseline", "0.05"),
        ("1", "smile; now", "event", "1.0"),
    ]
    assert rows[0]["onset_s"] == "1.05"


def test_a_table_without_markers_has_no_events(table: Path) -> None:
    with pytest.raises(DatasetError, match="has no markers: expected a table of livefer webcam"):
        run(table, "--events", table, "--after", "1")
