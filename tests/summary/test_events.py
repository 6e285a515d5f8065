"""Figures around events, against tables that were computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tablerows import make_rows

from livefer.errors import ConfigError, DatasetError
from livefer.labels import CLASSES
from livefer.summary.events import Event, Events, event_rows, read_events
from livefer.summary.summarize import summarize
from livefer.summary.units import unit_rows

FILM = ["neutral"] * 20 + ["happy"] * 10 + [""] * 10 + ["sad"] * 10  # 5 s at 10 frames a second


def rows_of(*events: Event, **options: Any) -> list[dict[str, Any]]:
    return event_rows(make_rows(FILM), CLASSES, events, **options)


def test_an_event_and_its_baseline_against_a_table_by_hand() -> None:
    before, during = rows_of(Event(1, 1.5, 2.0, "joke"))
    for row in (before, during):
        assert (row["source"], row["track_id"]) == ("clip.mp4", 1)
        assert (row["event"], row["trial_type"], row["onset_s"]) == (1, "joke", 1.5)
    assert (before["phase"], before["since_onset_s"]) == ("baseline", -1)
    assert (before["start_s"], before["end_s"], before["seen"]) == (0.5, 1.5, 1)
    assert (before["n_frames"], before["share_neutral"], before["share_happy"]) == (10, 1, 0)
    assert (during["phase"], during["since_onset_s"]) == ("event", 0)
    assert (during["start_s"], during["end_s"]) == (1.5, 3.5)
    assert (during["seen_s"], during["seen"], during["n_frames"]) == (1.5, 0.75, 15)
    assert during["share_neutral"] == pytest.approx(1 / 3, abs=1e-4), "not seen is not neutral"
    assert during["share_happy"] == pytest.approx(2 / 3, abs=1e-4)
    assert during["mean_happy"] == pytest.approx((0.8 + 0.8 + 0.2 / 6) / 3, abs=1e-4)


def test_before_and_after_choose_the_spans() -> None:
    before, during = rows_of(Event(1, 2.0, 0.0), before_s=0.5, after_s=1.0)
    assert (before["start_s"], before["end_s"]) == (1.5, 2)
    assert (during["start_s"], during["end_s"], during["share_happy"]) == (2, 3, 1)
    [only] = rows_of(Event(1, 2.0, 1.0), before_s=0)
    assert only["phase"] == "event"


def test_windows_count_from_the_onset_both_ways() -> None:
    found = rows_of(Event(1, 2.0, 1.2), before_s=1.5, window_s=1)
    spans = [(r["phase"], r["since_onset_s"], r["start_s"], r["end_s"]) for r in found]
    assert spans == [
        ("baseline", -1.5, 0.5, 1),
        ("baseline", -1, 1, 2),
        ("event", 0, 2, 3),
        ("event", 1, 3, 3.2),
    ]
    assert [row["seen"] for row in found] == [1, 1, 1, 0]
    assert found[-1]["track_id"] is None


def test_too_many_windows_are_an_error() -> None:
    with pytest.raises(DatasetError, match=r"windows of 0\.01 s: choose longer"):
        rows_of(Event(1, 2.0, 1e8), window_s=0.01)


def test_events_may_overlap_and_reach_over_the_ends_of_the_video() -> None:
    found = rows_of(Event(1, 0.0, 1.0), Event(2, 0.5, 10.0), Event(3, 0.6, 0.4), Event(4, 90, 1))
    during = {row["event"]: row for row in found if row["phase"] == "event"}
    assert [during[n]["seen_s"] for n in (1, 2, 3, 4)] == [1, 3.5, 0.4, 0]
    assert during[2]["seen"] == 0.35
    assert found[0]["phase"] == "baseline"
    assert (found[0]["seen_s"], found[0]["share_neutral"]) == (0, None)


def test_an_event_is_of_every_video_or_of_its_own() -> None:
    table = [r for name in ("a/x.mp4", "b/y.mp4") for r in make_rows(FILM, source=name)]
    events = [Event(1, 1, 1), Event(2, 2, 1, None, "y.mp4"), Event(3, 2, 1, None, "a/x")]
    found = event_rows(table, CLASSES, events, before_s=0)
    pairs = [(row["source"], row["event"]) for row in found]
    assert pairs == [("a/x.mp4", 1), ("a/x.mp4", 3), ("b/y.mp4", 1), ("b/y.mp4", 2)]


def test_events_of_other_videos_are_counted_and_those_of_two_are_an_error() -> None:
    table = [r for name in ("a/x.mp4", "b/x.mp4") for r in make_rows(FILM, source=name)]
    unit = Events(CLASSES, [Event(1, 1, 1), Event(2, 1, 1, None, "z.mp4")])
    assert len(unit_rows(unit, table)) == 4
    assert unit.left_out(summarize(table, CLASSES)) == [
        "1 event left out, of videos that the table lacks: z.mp4"
    ]
    with pytest.raises(DatasetError, match=r"z\.mp4, which is no video of the table"):
        event_rows(table, CLASSES, [Event(1, 1, 1, None, "z.mp4")])
    with pytest.raises(DatasetError, match=r"x of the events is a/x\.mp4 and b/x\.mp4"):
        event_rows(table, CLASSES, [Event(1, 1, 1, None, "x")])


def test_an_event_without_a_duration_needs_a_length() -> None:
    for duration in (None, 0.0):
        with pytest.raises(ConfigError, match=r"event 1 has no duration: .*--after"):
            rows_of(Event(1, 1.0, duration))


def test_every_row_has_the_columns_that_are_promised() -> None:
    unit = Events(CLASSES, [Event(1, 1, 1)])
    for row in unit_rows(unit, make_rows(FILM)):
        assert list(row) == list(unit.types)


@pytest.mark.parametrize("mark", ["\t", ",", ";"])
def test_events_are_read_as_bids_writes_them(tmp_path: Path, mark: str) -> None:
    lines = ["onset\tduration\ttrial_type\tfile\tvalue", "-0.5\t2\tgo\tx.mp4\t7", "1:05.5\tn/a"]
    path = tmp_path / "e.tsv"
    path.write_text("\n".join(lines).replace("\t", mark) + "\n\n", encoding="utf-8-sig")
    assert read_events(path) == [Event(1, -0.5, 2, "go", "x.mp4"), Event(2, 65.5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start\tduration\n1\t2\n", "line 2: no onset"),
        ("onset\tduration\n1\t2\nsoon\t2\n", "line 3: soon is not a time: expected seconds"),
        ("onset\tduration\n1\t-2\n", "line 2: the duration is -2"),
        ("onset\tduration\nnan\t2\n", "line 2: nan is not a time"),
        ("onset\tduration\n1\t2\t3\n", "line 2: 3 cells in 2 columns"),
        ("onset\tduration\n", "has no rows"),
        ("", "has no rows"),
    ],
)
def test_a_wrong_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "e.tsv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_events(path)


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        read_events(tmp_path / "none.tsv")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_events(tmp_path)
    (tmp_path / "l.tsv").write_bytes("onset\tduration\ttrial_type\n1\t2\tMüde\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="no text in UTF-8"):
        read_events(tmp_path / "l.tsv")
