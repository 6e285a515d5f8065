"""Which faces of a finished table count, and whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tablerows import make_row, make_rows, write_csv
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError, DatasetError, LiveferError
from livefer.labels import CLASSES
from livefer.summary.choice import FaceFilter, WhoIsWho
from livefer.summary.summarize import summarize


def film(source: str = "a.mp4") -> list[dict[str, Any]]:
    """Track 1 for 2 s, then 2 for 3 s, 3 beside it for 0.5 s, and a gap in which 4 passes by."""
    rows = make_rows(["happy"] * 20, source=source)
    rows += [make_row(2 + i / 10, "sad", 2, source=source) for i in range(30)]
    rows += [make_row(2 + i / 10, "fear", 3, source=source) for i in range(5)]
    rows += [make_row(5 + i / 10, "angry", 4, source=source) for i in range(2)]
    return sorted(rows, key=lambda row: row["index"])


def seen(who: WhoIsWho) -> dict[str, float]:
    summary = summarize(who.rows(film()), CLASSES)
    assert summary.sources[0].n_frames == 52, "no frame is lost"
    return {p.name: round(p.seen_s, 3) for p in summary.sources[0].persons}


def test_one_person_is_all_tracks_but_bystanders() -> None:
    who = WhoIsWho(summarize(film(), CLASSES), one_person=True)
    assert seen(who) == {"track 1": 5.0}, "of two at once, the one that is seen longest"
    assert who.n_bystanders == 1, "0.2 s are less than a tenth of 3 s"
    rows = list(who.rows(film()))
    assert [r["label"] for r in rows if 2 <= r["time_s"] < 5] == ["sad"] * 30


def test_tracks_are_merged() -> None:
    who = WhoIsWho(summarize(film(), CLASSES), merges=["1,2"])
    assert seen(who) == {"track 1": 5.0, "track 3": 0.5, "track 4": 0.2}
    for merges in (["1,2", "2,4"], ["2,4", "1,2"], ["1,2", "1,4"], ["1,2", "4,1"]):
        who = WhoIsWho(summarize(film(), CLASSES), merges=merges)
        assert sorted(seen(who).values()) == [0.5, 5.2], merges


@pytest.mark.parametrize("rows", ["1,Ada\n1,Bo", "1,Ada\n2,Bo\n2,Ada", "1,Ada\n2,Ada\n2,Bo"])
def test_a_track_has_one_name(tmp_path: Path, rows: str) -> None:
    names = tmp_path / "n.csv"
    names.write_text(f"track_id,name\n{rows}\n")
    with pytest.raises(DatasetError, match=r"line \d: track \d is (Ada|Bo) already"):
        WhoIsWho(summarize(film(), CLASSES), names=names)


def test_names_merge_tracks_and_stay_with_merged_ones(tmp_path: Path) -> None:
    names = tmp_path / "n.csv"
    names.write_text("track_id,name\n1,Ada\n4,Ada\n2,Bo\n")
    who = WhoIsWho(summarize(film(), CLASSES), names=names)
    assert who.names == {("a.mp4", 1): "Ada", ("a.mp4", 2): "Bo"}
    assert seen(who) == {"track 1": 2.2, "track 2": 3.0, "track 3": 0.5}
    who = WhoIsWho(summarize(film(), CLASSES), merges=["2,3"], names=names)
    assert who.names == {("a.mp4", 1): "Ada", ("a.mp4", 2): "Bo"}


def test_short_tracks_are_left_out_after_merging() -> None:
    who = WhoIsWho(summarize(film(), CLASSES), merges=["1,4"], min_seen_s=1.0)
    assert seen(who) == {"track 1": 2.2, "track 2": 3.0}
    assert who.left_out() == ["1 track left out, seen for too short a time"]


@pytest.mark.parametrize(
    ("merge", "complaint"),
    [("1", "two or more"), ("1,x", "names no tracks"), ("1,9", "has no track 9"),
     ("b.mp4:1,2", "is no video of the table")],
)  # fmt: skip
def test_merges_that_make_no_sense(merge: str, complaint: str) -> None:
    with pytest.raises((ConfigError, DatasetError), match=complaint):
        WhoIsWho(summarize(film(), CLASSES), merges=[merge])


def test_of_several_videos_one_has_to_be_named(tmp_path: Path) -> None:
    rows = film("x/a.mp4") + film("b.mp4")
    with pytest.raises(DatasetError, match="name one of them"):
        WhoIsWho(summarize(rows, CLASSES), merges=["1,2"])
    who = WhoIsWho(summarize(rows, CLASSES), merges=["a.mp4:1,2"])
    assert {r["track_id"] for r in who.rows(rows) if r["source"] == "x/a.mp4"} == {1, 3, 4}
    assert {r["track_id"] for r in who.rows(rows) if r["source"] == "b.mp4"} == {1, 2, 3, 4}
    names = tmp_path / "n.csv"
    names.write_text("track_id,name\n1,Ada\n")
    with pytest.raises(DatasetError, match="add a column file"):
        WhoIsWho(summarize(rows, CLASSES), names=names)


def test_faces_are_filtered_by_size_number_and_score() -> None:
    small = {"left": 0.0, "top": 0.0, "right": 20.0, "bottom": 20.0, "score": 0.5}
    rows = [
        make_row(0.0, "happy", 1),
        make_row(0.0, "sad", 2, **small),
        make_row(0.1, "sad", 2, **small),
    ]
    for filter_ in (FaceFilter(min_face_px=25), FaceFilter(min_score=0.6)):
        found = list(filter_.rows(rows))
        assert [(r["index"], r["label"], r["track_id"]) for r in found] == [
            (0, "happy", 1),
            (1, None, None),
        ]
    assert [r["label"] for r in FaceFilter(max_faces=1).rows(rows)] == ["happy", "sad"]
    with pytest.raises(LiveferError, match="has no score"):
        list(FaceFilter(min_score=0.5).rows([make_row(0.0, "sad", score=None)]))


def test_the_command_names_people_in_rows_and_figures(tmp_path: Path) -> None:
    table, names = write_csv(tmp_path / "t.csv", film()), tmp_path / "n.csv"
    names.write_text("track_id,name\n1,Ada\n2,Ada\n")
    run = CliRunner(env={"COLUMNS": "140"}).invoke
    words = ["summarize", str(table), "--names", str(names)]
    said = run(app, words, catch_exceptions=False).output
    assert "Ada" in said
    assert "1 bystander, seen for 0.2 s" in said
    said = run(app, [*words, "--episodes", "--min-seen", "1"], catch_exceptions=False).stdout
    lines = said.splitlines()
    assert lines[0].startswith("source,track_id,name,expression")
    assert [line.split(",")[1:4] for line in lines[1:]] == [
        ["1", "Ada", "happy"],
        ["1", "Ada", "sad"],
    ]
    said = run(app, ["summarize", str(table), "--min-score", "0.95"], catch_exceptions=False).output
    assert "without a face" in said
    assert "0 tracks" in said
