"""Figures of videos and windows, against tables that were computed by hand."""

from __future__ import annotations

import pytest
from tablerows import invent_people, make_row, make_rows

from livefer.errors import DatasetError
from livefer.labels import CLASSES
from livefer.summary.summarize import summarize
from livefer.summary.units import Videos, Windows, unit_rows, video_rows, window_rows


def test_windows_against_a_table_by_hand() -> None:
    """3.5 s at 2 frames a second; 1.0 to 2.0 s without the face, one frame uncertain."""
    rows = make_rows(["happy", "sad", "", "", "happy", "happy?", "sad"], fps=2)
    first, second, third, last = window_rows(rows, CLASSES, 1)
    for row, start_s, end_s in ((first, 0, 1), (second, 1, 2), (third, 2, 3), (last, 3, 3.5)):
        assert (row["source"], row["start_s"], row["end_s"]) == ("clip.mp4", start_s, end_s)
    assert (first["track_id"], first["n_frames"], first["seen_s"], first["seen"]) == (1, 2, 1, 1)
    assert (first["share_happy"], first["share_sad"], first["share_uncertain"]) == (0.5, 0.5, 0)
    rest = 0.2 / 6
    assert first["mean_happy"] == first["mean_sad"] == pytest.approx((0.8 + rest) / 2, abs=1e-4)
    assert first["mean_neutral"] == pytest.approx(rest, abs=1e-4)
    assert first["confidence"] == 0.8

    assert (second["track_id"], second["n_frames"], second["seen_s"]) == (None, 0, 0)
    assert second["seen"] == 0
    names = [name for name in second if name.startswith(("share_", "mean_", "conf"))]
    assert len(names) == 2 * len(CLASSES) + 2
    assert {second[name] for name in names} == {None}, "not seen is not neutral"

    assert (third["share_happy"], third["share_uncertain"], third["mean_happy"]) == (0.5, 0.5, 0.8)
    assert (last["n_frames"], last["seen_s"], last["seen"], last["share_sad"]) == (1, 0.5, 1, 1)


def test_a_frame_counts_in_each_window_that_it_reaches_into() -> None:
    rows = make_rows(["happy", "sad", "sad"], fps=1 / 0.8)  # frames from 0, 0.8 and 1.6 s on
    first, second, third = window_rows(rows, CLASSES, 1)
    assert [row["n_frames"] for row in (first, second, third)] == [2, 1, 0]
    assert [row["seen_s"] for row in (first, second, third)] == [1, 1, 0.4]
    assert first["share_happy"] == 0.8
    assert second["share_sad"] == third["share_sad"] == 1


def test_times_of_30_frames_a_second_make_whole_windows() -> None:
    rows = [make_row(round(i / 30, 4), "happy", index=i) for i in range(90)]
    found = window_rows(rows, CLASSES, 0.1)
    assert len(found) == 30
    assert {row["n_frames"] for row in found} == {3}
    assert {row["seen"] for row in found} == {1.0}


def test_a_gap_without_frames_is_not_seen() -> None:
    rows = make_rows(["happy"] * 10)
    rows += [make_row(5 + i / 10, "neutral", index=50 + i) for i in range(10)]
    found = window_rows(rows, CLASSES, 2)
    assert [row["seen"] for row in found] == [0.5, 0, 0.5]
    assert [row["share_neutral"] for row in found] == [0, None, 1]
    [whole] = video_rows(rows, CLASSES)
    assert (whole["start_s"], whole["end_s"], whole["seen_s"]) == (0, 6, 2)
    assert (whole["seen"], whole["share_happy"]) == (pytest.approx(1 / 3, abs=1e-4), 0.5)


def test_windows_begin_at_whole_numbers_and_the_first_is_as_long_as_the_video_is_in_it() -> None:
    rows = [make_row(7.5 + i / 2, "happy", index=i) for i in range(10)]
    found = window_rows(rows, CLASSES, 5)
    assert [(row["start_s"], row["end_s"]) for row in found] == [(7.5, 10), (10, 12.5)]
    assert {row["seen"] for row in found} == {1.0}


def test_each_track_has_rows_of_its_own_where_it_is_seen() -> None:
    rows = [make_row(i / 10, "happy", 2) for i in range(10)]
    rows += [make_row(1 + i / 10, name, who) for i in range(10) for who, name in OF_TWO]
    found = window_rows(rows, CLASSES, 1)
    assert [(row["start_s"], row["track_id"]) for row in found] == [(0, 2), (1, 1), (1, 2)]
    assert [row["share_sad"] for row in found] == [0, 1, 0]


OF_TWO = ((1, "sad"), (2, "happy"))


def test_windows_add_up_to_the_summary() -> None:
    rows = list(invent_people(3, 60, 12.5))
    summary = summarize(rows, CLASSES)
    windows = window_rows(rows, CLASSES, 7)
    whole = {row["track_id"]: row for row in video_rows(rows, CLASSES)}
    for person in summary.sources[0].persons:
        mine = [row for row in windows if row["track_id"] == person.track_id]
        seen_s = sum(row["seen_s"] for row in mine)
        assert seen_s == pytest.approx(person.seen_s, abs=1e-2)
        assert sum(row["n_frames"] for row in mine) == person.n_rows
        for name in CLASSES:
            share = sum(row["seen_s"] * row[f"share_{name}"] for row in mine) / seen_s
            mean = sum(row["seen_s"] * row[f"mean_{name}"] for row in mine) / seen_s
            assert share == pytest.approx(person.shares[name], abs=1e-3)
            assert mean == pytest.approx(person.probabilities[name], abs=1e-3)
            assert whole[person.track_id][f"share_{name}"] == pytest.approx(share, abs=1e-3)


def test_every_row_has_the_columns_that_are_promised_and_nothing_else() -> None:
    rows = make_rows(["happy", ""])
    for unit in (Windows(CLASSES, 5), Videos(CLASSES)):
        for row in unit_rows(unit, rows):
            assert list(row) == list(unit.types)


def test_pictures_have_no_windows_and_are_counted() -> None:
    rows = [make_row(0.0, "happy", None, source=f"{n}.jpg") for n in range(2)]
    assert window_rows(rows, CLASSES, 1) == []
    assert Windows(CLASSES, 1).left_out(summarize(rows, CLASSES)) == [
        "2 pictures left out: pictures have no time"
    ]


def test_too_many_windows_are_an_error() -> None:
    rows = [make_row(0.0, "happy"), make_row(0.1, "happy"), make_row(1e9, "happy")]
    with pytest.raises(DatasetError, match=r"s have .* windows of 1 s: choose longer"):
        window_rows(rows, CLASSES, 1)
