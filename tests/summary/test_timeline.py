"""The picture of people over time: right for every duration, and readable with odd names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from tablerows import invent_people, make_row, make_rows

from livefer.labels import CLASSES
from livefer.summary.records import SourceSummary
from livefer.summary.summarize import summarize
from livefer.summary.timeline import (
    MOST_COLUMNS,
    MOST_PERSONS,
    _tick,
    column_s,
    columns_of,
    label_places,
    runs,
    shown_persons,
    timeline_picture,
    timeline_svg,
    write_timeline,
)

pytestmark = pytest.mark.slow


def only_source(rows: list[dict[str, Any]]) -> SourceSummary:
    [source] = summarize(rows, CLASSES).sources
    return source


def texts(source: SourceSummary, **more: Any) -> list[str]:
    figure = timeline_picture(source, CLASSES, **more)
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return found + [text.get_text() for text in figure.texts]


@pytest.mark.parametrize(("n", "seconds", "fps"), [(1, 10, 30), (3, 20, 10), (2, 7200, 0.5)])
def test_columns_agree_with_the_figures(n: int, seconds: float, fps: float) -> None:
    source = only_source(list(invent_people(n, seconds, fps)))
    assert seconds / column_s(source) <= MOST_COLUMNS
    for person in source.persons:
        columns = columns_of(person, source)
        np.testing.assert_allclose(columns.tops[columns.seen, -1], 1)
        assert (np.diff(columns.tops[columns.seen], axis=1) >= 0).all()
        assert (np.diff(columns.edges_s) >= 0).all()
        assert columns.edges_s[0] == pytest.approx(person.first_s)
        assert columns.edges_s[-1] == pytest.approx(person.last_s)
        seen_s = np.diff(columns.edges_s)[columns.seen].sum()
        assert person.seen_s <= seen_s + 1e-6
        assert seen_s <= person.seen_s + 6 * column_s(source)


def test_gaps_and_uncertain_time_lie_where_they_are() -> None:
    labels = ["happy"] * 20 + [""] * 20 + ["sad?"] * 20 + ["sad"] * 20
    source = only_source(make_rows(labels))
    [person] = source.persons
    columns = columns_of(person, source)

    def times(mask: np.ndarray[Any, Any]) -> list[tuple[float, float]]:
        return [(columns.edges_s[a], columns.edges_s[b]) for a, b in runs(mask)]

    near = pytest.approx
    width_s = column_s(source)
    assert times(columns.seen) == [(0, near(2, abs=width_s)), (near(4, abs=width_s), near(8))]
    uncertain = times(columns.uncertain)
    assert uncertain == [(near(4, abs=width_s), near(6, abs=width_s))]


def test_a_word_lies_where_its_band_is_high_and_certain() -> None:
    source = only_source(make_rows(["happy?"] * 50 + ["happy"] * 50 + ["sad"] * 50))
    columns = columns_of(source.persons[0], source)
    happy = CLASSES.index("happy")
    [(x, y)] = label_places(columns, happy, 20, 0.5, n_apart=1000)
    assert 5 < x < 10
    bottom = columns.tops[80, happy - 1]
    assert bottom < y < bottom + 0.8
    assert len(label_places(columns, happy, 20, 0.5, n_apart=20)) > 1
    assert label_places(columns, CLASSES.index("fear"), 20, 0.5, 20) == []
    assert label_places(columns, happy, 10_000, 0.5, 20) == []


def test_each_person_has_a_row_up_to_a_limit() -> None:
    rows = [
        make_row(i / 10, "happy", who)
        for i in range(40)
        for who in range(1, MOST_PERSONS + 3)
        if who > 2 or i < 15
    ]
    source = only_source(rows)
    names = {person.name for person in shown_persons(source)}
    assert names == {f"track {who}" for who in range(3, MOST_PERSONS + 3)}
    found = texts(source)
    assert names < set(found)
    assert any("2 tracks seen for a shorter time left out" in text for text in found)
    assert found.count("happy") >= MOST_PERSONS


def test_rows_are_in_the_order_of_appearance_and_of_the_tables() -> None:
    rows = [make_row(i / 10, "happy", who) for i in range(40) for who in (1, 2, 3)
            if i < 10 * (who + 1) and (who > 1 or i > 9)]  # fmt: skip
    assert [p.track_id for p in shown_persons(only_source(rows))] == [2, 3, 1]


def test_a_video_without_faces_and_one_frame_are_drawn() -> None:
    empty = only_source(make_rows([""] * 30))
    assert "no face was found" in texts(empty)
    assert "track 1" in texts(only_source(make_rows(["happy"])))


def test_a_person_in_frames_that_stand_for_no_time_has_an_empty_row() -> None:
    rows = make_rows(["happy"] * 20)
    rows += [make_row(0.5, "sad", 2, index=100), make_row(0.5, "sad", index=101)]
    rows.sort(key=lambda row: row["time_s"])
    source = only_source(rows)
    assert [person.seen_s for person in source.persons] == [pytest.approx(2.0), 0.0]
    assert "1 bystander left out" in "".join(texts(source))
    assert "track 2" in texts(replace(source, min_seen_s=0.0))


def test_gaps_cuts_and_errors_are_marked(tmp_path: Path) -> None:
    rows = make_rows(["happy"] * 20)
    rows += [make_row(60 + i / 10, "happy", index=600 + i) for i in range(20)]
    rows += [make_row(62, "sad", 2, index=620, note="cut"), make_row(63, index=621, error="short")]
    found = texts(only_source(rows))
    assert any("▾ cut" in text and "× not readable" in text for text in found)
    write_timeline(timeline_picture(only_source(rows), CLASSES), tmp_path / "t.png")
    assert (tmp_path / "t.png").stat().st_size > 10_000


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_odd_names_and_portraits_are_drawn_in_every_format(tmp_path: Path, suffix: str) -> None:
    name = "$x^$ 会議 <b>" + "long " * 40 + ".mp4"
    classes = ("calm", "$wild$")
    rows = [make_row(i / 10, "$wild$", classes=classes, source=name) for i in range(20)]
    [source] = summarize(rows, classes).sources
    face = np.full((40, 30, 3), 90, np.uint8)
    figure = timeline_picture(source, classes, {1: face})
    write_timeline(figure, tmp_path / f"t{suffix}")
    written = (tmp_path / f"t{suffix}").read_bytes()
    assert written[:5] in (b"\x89PNG\r", b"%PDF-", b"<?xml")


def test_half_seconds_after_the_first_minute_have_their_own_labels() -> None:
    times_s, unit = (60, 60.5, 61, 119.5, 120), "minutes:seconds"
    assert [_tick(t, unit) for t in times_s] == ["1:00", "1:00.5", "1:01", "1:59.5", "2:00"]


def test_the_svg_of_a_page_takes_the_colours_of_the_page() -> None:
    source = only_source(make_rows(["happy"] * 20 + ["sad?"] * 20))
    svg = timeline_svg(timeline_picture(source, CLASSES, title=""), "a")
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert "var(--ink)" in svg
    assert "var(--paper)" in svg
    assert "#22272e" not in svg
    assert ">track 1</text>" in svg, "text stays text"
    again = timeline_svg(timeline_picture(source, CLASSES, title=""), "a")
    assert again == svg
    other = timeline_svg(timeline_picture(source, CLASSES, title=""), "b")
    assert not set(re.findall(r' id="([^"]+)"', svg)) & set(re.findall(r' id="([^"]+)"', other))
