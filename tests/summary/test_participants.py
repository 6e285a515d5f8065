"""Participants instead of tracks: by names of files, or by a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tablerows import make_row, make_rows

from livefer.errors import ConfigError, DatasetError
from livefer.labels import CLASSES
from livefer.summary.episodes import episode_rows
from livefer.summary.events import Event, event_rows
from livefer.summary.participants import Participants
from livefer.summary.summarize import summarize
from livefer.summary.units import Videos, unit_rows, video_rows, window_rows

Rows = list[dict[str, Any]]


def study() -> Rows:
    """P1's two films: one as three tracks, with a bystander; P2's film, without a face."""
    rows = make_rows(["happy"] * 10, source="films/P1_calm.mp4")
    rows += [make_row(1 + i / 10, "sad", 2, source="films/P1_calm.mp4") for i in range(10)]
    bystander = [make_row(1 + i / 10, "angry", 3, source="films/P1_calm.mp4") for i in range(5)]
    for i, row in enumerate(bystander):
        rows.insert(11 + 2 * i, row)
    rows += make_rows(["sad"] * 20, source="films/P1_calm2.mp4")
    return rows + make_rows([""] * 10, source="films/P2_wild.mp4")


def named(rows: Rows, pattern: str) -> Participants:
    return Participants.from_names(summarize(rows, CLASSES), pattern)


def read(rows: Rows, folder: Path, text: str) -> Participants:
    path = folder / "p.csv"
    path.write_text(text, encoding="utf-8")
    return Participants.read(summarize(rows, CLASSES), path)


def test_a_participant_is_one_row_over_all_videos_and_tracks() -> None:
    rows = study()
    first, second = video_rows(rows, CLASSES, named(rows, r"(P\d)_([a-z]+)"))
    assert (first["participant"], first["condition"], first["n_videos"]) == ("P1", "calm", 2)
    assert (first["length_s"], first["seen_s"], first["seen"], first["n_frames"]) == (4, 4, 1, 40)
    assert (first["share_happy"], first["share_sad"], first["share_angry"]) == (0.25, 0.75, 0)
    assert (second["participant"], second["condition"], second["n_videos"]) == ("P2", "wild", 1)
    assert (second["seen"], second["share_neutral"]) == (0, None), "a row, though never seen"


def test_of_several_faces_at_once_the_one_seen_longest_counts() -> None:
    rows = study()
    found = window_rows(rows, CLASSES, 1, named(rows, r"(P\d)"))
    assert [(row["source"][6:], row["start_s"], row["seen"]) for row in found] == [
        ("P1_calm.mp4", 0, 1),
        ("P1_calm.mp4", 1, 1),
        ("P1_calm2.mp4", 0, 1),
        ("P1_calm2.mp4", 1, 1),
        ("P2_wild.mp4", 0, 0),
    ]
    assert [row["share_angry"] for row in found[:2]] == [0, 0]
    assert [row["participant"] for row in found] == ["P1"] * 4 + ["P2"]


def test_episodes_go_on_over_a_change_of_track() -> None:
    rows = make_rows(["happy"] * 10) + [make_row(1.3 + i / 10, "happy", 2) for i in range(10)]
    assert len(episode_rows(rows, CLASSES)) == 2
    [row] = episode_rows(rows, CLASSES, participants=named(rows, "(clip)"))
    assert (row["participant"], row["onset_s"], row["offset_s"]) == ("clip", 0, 2.3)


def test_each_participant_has_rows_for_each_event() -> None:
    rows = study()
    who = named(rows, r"(P\d)_([a-z]+)")
    found = event_rows(rows, CLASSES, [Event(1, 1, 1)], participants=who)
    assert [row["phase"] for row in found] == ["baseline", "event"] * 3
    assert found[-1]["participant"] == "P2"


def test_groups_with_names_are_columns_and_the_path_is_the_second_choice() -> None:
    rows = make_rows(["happy"] * 3, source="sub-07/film.mp4")
    rows += make_rows(["happy"] * 3, source="sub-07/sub-8_film.mp4")
    who = named(rows, r"(?P<subject>sub-\d+)")
    assert [row["subject"] for row in video_rows(rows, CLASSES, who)] == ["sub-07", "sub-8"]
    unit = Videos(CLASSES, who)
    for row in unit_rows(unit, rows):
        assert list(row) == list(unit.types)


def test_videos_whose_name_does_not_fit_are_counted() -> None:
    rows = study()
    unit = Videos(CLASSES, named(rows, "(P2)"))
    assert [row["participant"] for row in unit_rows(unit, rows)] == ["P2"]
    assert unit.left_out(summarize(rows, CLASSES)) == [
        "2 videos without a participant left out: films/P1_calm.mp4, films/P1_calm2.mp4"
    ]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("P(", "is no regular expression"),
        (r"P\d", r"has 0 groups: expected one"),
        (r"(P)(\d)(_)", "has 3 groups"),
        (r"(?P<who>P)(\d)", "has 2 groups"),
        ("(?P<seen>P)", "seen is a column of the figures"),
        ("(?P<mean_happy>P)", "mean_happy is a column of the figures"),
    ],
)
def test_a_wrong_pattern_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        named(study(), pattern)


def test_a_pattern_that_fits_no_video_is_an_error() -> None:
    with pytest.raises(
        DatasetError, match=r"fits the name of no video: the first one is P1_calm\.mp4"
    ):
        named(study(), "(X)")


def test_a_table_names_participants_and_more(tmp_path: Path) -> None:
    rows = study()
    text = "file;participant;condition;age\nP1_calm.mp4;Ann;calm;31\nfilms/P2_wild;Bo;wild;\n"
    who = read(rows, tmp_path, text)
    first, second = video_rows(rows, CLASSES, who)
    assert (first["participant"], first["age"], first["n_videos"]) == ("Ann", "31", 1)
    assert (second["participant"], second["age"]) == ("Bo", None)
    assert who.unmatched == ["films/P1_calm2.mp4"]


def test_a_table_may_choose_the_tracks(tmp_path: Path) -> None:
    rows = study()
    text = "file,track_id,participant\nP1_calm,1,Ann\nP1_calm,2,Ann\nP1_calm,3,Bo\n"
    first, second = video_rows(rows, CLASSES, read(rows, tmp_path, text))
    assert (first["participant"], first["seen_s"], second["seen_s"]) == ("Ann", 2, 0.5)
    assert second["share_angry"] == 1
    rest = read(rows, tmp_path, "file,track_id,participant\nP1_calm,3,Bo\nP1_calm,,Ann\n")
    assert [r["seen_s"] for r in video_rows(rows, CLASSES, rest)] == [0.5, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns file and participant"),
        ("file\nP1_calm\n", "expected the columns file and participant"),
        ("name,participant\nP1_calm,Ann\n", "expected the columns file and participant"),
        ("file,participant\n,Ann\n", "line 2: no file|expected the columns"),
        ("file,participant\nP1_calm,Ann\nP1_calm,Bo\n", "line 3: P1_calm has a row already"),
        ("file,participant,track_id\nP1_calm,Ann,x\n", "line 2: x is no track_id"),
        ("file,participant\nX,Ann\n", "names as they are in the table, such as .* and not X"),
    ],
)
def test_a_wrong_table_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read(study(), tmp_path, text)


def test_a_whole_path_means_that_video_only(tmp_path: Path) -> None:
    rows = [r for name in ("x.mp4", "b/x.mp4") for r in make_rows(["happy"] * 3, source=name)]
    who = read(rows, tmp_path, "file,participant\nx.mp4,Ann\nb/x.mp4,Bo\n")
    assert [row["n_videos"] for row in video_rows(rows, CLASSES, who)] == [1, 1]
    events = [Event(1, 0.0, 0.3, "joke", "x.mp4"), Event(2, 0.0, 0.3, "joke", "b/x.mp4")]
    found = event_rows(rows, CLASSES, events, before_s=0)
    assert [(row["source"], row["event"]) for row in found] == [("x.mp4", 1), ("b/x.mp4", 2)]


def test_a_name_of_two_videos_is_an_error(tmp_path: Path) -> None:
    rows = [r for name in ("a/x.mp4", "b/x.mp4") for r in make_rows(["happy"] * 3, source=name)]
    with pytest.raises(DatasetError, match=r"x\.mp4 is a/x\.mp4 and b/x\.mp4: give more"):
        read(rows, tmp_path, "file,participant\nx.mp4,Ann\n")
