"""Subtitles of labels: what players show while a face shows it."""

from __future__ import annotations

import re
from pathlib import Path

from tablerows import make_row, make_rows, write_csv
from typer.testing import CliRunner

from livefer.cli import app
from livefer.labels import CLASSES
from livefer.summary.subtitles import Subtitles
from livefer.summary.summarize import Summarizer


def text(rows: list[dict], **more: object) -> str:  # type: ignore[type-arg]
    subtitles = Subtitles(CLASSES, **more)  # type: ignore[arg-type]
    summarizer = Summarizer(CLASSES, subtitles.add)
    for row in rows:
        summarizer.add(row)
    summarizer.summary()
    return subtitles.text(rows[0]["source"])


def test_one_face_has_its_label_and_a_gap_has_no_cue() -> None:
    said = text(make_rows(["happy"] * 10 + [""] * 5 + ["sad?"] * 10))
    assert said == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nhappy\n\n00:00:01.500 --> 00:00:02.500\nsad?\n"
    )


def test_a_label_that_flickers_is_not_shown() -> None:
    said = text(make_rows(["happy"] * 10 + ["sad"] * 2 + ["happy"] * 10))
    assert re.findall(r"--> (\S+)\n(.*)", said) == [("00:00:02.200", "happy")]


def test_many_flickers_do_not_hold_a_label() -> None:
    said = text(make_rows(["happy"] * 10 + ["sad", "fear"] * 5))
    assert re.findall(r"--> (\S+)\n(.*)", said)[0] == ("00:00:01.200", "happy")


def test_a_face_that_flickers_holds_no_other_one() -> None:
    rows = make_rows(["happy"] * 10) + [make_row(i / 10, "sad", 2) for i in range(10, 12)]
    rows += [make_row(i / 10, ("fear", "sad")[i % 2], 3) for i in range(10, 14)]
    rows.sort(key=lambda row: (row["index"], row["track_id"]))
    cues = re.findall(r"(\S+) --> (\S+)\n((?:track.*\n)+)", text(rows))
    at_rest = [said for start, _, said in cues if start >= "00:00:01.000"]
    assert at_rest
    assert not any("track 1" in said for said in at_rest)
    assert any("track 2" in said for said in at_rest)


def test_several_faces_are_named_and_markup_is_text() -> None:
    rows = make_rows(["happy"] * 10) + [make_row(i / 10, "sad", 2) for i in range(10)]
    rows.sort(key=lambda row: row["index"])
    assert "track 1: happy\ntrack 2: sad\n" in text(rows)
    named = text(rows, names={("clip.mp4", 1): "<b>&\nx"})
    assert "&lt;b&gt;&amp; x: happy\ntrack 2: sad\n" in named


def test_the_command_writes_a_file_for_each_video(tmp_path: Path) -> None:
    rows = make_rows(["happy"] * 10, source="a.mp4") + make_rows(["sad"] * 10, source="b.mp4")
    table, out = write_csv(tmp_path / "t.csv", rows), tmp_path / "s.vtt"
    run = CliRunner().invoke
    assert run(app, ["summarize", str(table), "--vtt", str(out)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("*.vtt")) == ["s-a.vtt", "s-b.vtt"]
    assert (tmp_path / "s-b.vtt").read_text().endswith("\nsad\n")
