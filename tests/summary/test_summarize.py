"""Figures of result tables: weighted by time, the same at every frame rate."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tablerows import invent_people, make_row, make_rows

from livefer.labels import CLASSES
from livefer.summary.person_sums import MAX_BINS
from livefer.summary.records import Person, SourceSummary
from livefer.summary.summarize import Summarizer, summarize


def only_source(rows: list[dict[str, Any]]) -> SourceSummary:
    summary = summarize(rows, CLASSES)
    assert summary.n_rows == len(rows)
    [source] = summary.sources
    return source


def only_person(rows: list[dict[str, Any]]) -> Person:
    [person] = only_source(rows).persons
    return person


def test_shares_and_uncertain_add_up_and_are_of_the_time_seen() -> None:
    person = only_person(make_rows(["happy"] * 10 + ["sad?"] * 5 + ["sad"] * 5 + [""] * 20))
    assert person.seen_s == pytest.approx(2.0)
    assert person.shares["happy"] == pytest.approx(0.5)
    assert person.shares["sad"] == person.uncertain == pytest.approx(0.25)
    assert sum(person.shares.values()) + person.uncertain == pytest.approx(1)
    assert person.probabilities["happy"] == pytest.approx(0.5 * 0.8 + 0.5 * 0.2 / 6)
    assert sum(person.probabilities.values()) == pytest.approx(1)
    assert (person.first_s, person.last_s) == (0.0, pytest.approx(2.0))
    assert person.confidence == pytest.approx(0.8)


def test_a_frame_weighs_the_time_until_the_next() -> None:
    """One second at 50 fps weighs as much as one second at 10 fps."""
    times = [*np.arange(50) / 50, *(1 + np.arange(10) / 10)]
    rows = [make_row(float(t), "happy" if t < 1 else "sad", index=i) for i, t in enumerate(times)]
    person = only_person(rows)
    assert person.shares["happy"] == pytest.approx(0.5, abs=0.03)
    assert person.seen_s == pytest.approx(2.0, abs=0.1)


def test_a_rounded_time_does_not_hide_that_a_label_changed() -> None:
    times = (0.1104, 0.7609, 1.0609)
    assert times[0] + (times[1] - times[0]) > times[1]  # in floating-point arithmetic
    for labels, n_changes, n_stretches in ((["happy", "sad", "sad"], 1, 2), (["sad"] * 3, 0, 1)):
        rows = [make_row(t, labels[i], index=i) for i, t in enumerate(times)]
        person = only_person(rows)
        assert person.n_transitions == n_changes
        assert len(person.longest) == n_stretches
    assert person.longest["sad"].start_s == times[0]


def holds(times_s: list[float]) -> list[float]:
    """Return the seconds that each frame stands for: each shows a person of its own."""
    rows = [make_row(t, "happy", i, index=i) for i, t in enumerate(times_s)]
    return [person.seen_s for person in only_source(rows).persons]


def from_intervals(*intervals_s: float) -> list[float]:
    """Return times with these intervals between them; halves and eighths add up exactly."""
    return np.cumsum([0.0, *intervals_s]).tolist()


def test_a_frame_stands_until_the_next_and_the_last_for_the_usual_interval() -> None:
    expected = [0.125, 0.5, 0.25, 0.375]
    assert holds(from_intervals(*expected)) == [*expected, 0.3125]  # the median of an even number
    assert holds(from_intervals(0.5, 0.125, 0.25)) == [0.5, 0.125, 0.25, 0.25]


def test_the_usual_interval_is_the_median_of_the_last_31() -> None:
    assert holds(from_intervals(*[0.5] * 40, *[0.125] * 15))[-1] == 0.5
    assert holds(from_intervals(*[0.5] * 40, *[0.125] * 16))[-1] == 0.125


def test_the_usual_interval_of_the_first_frame_is_that_of_the_8_that_follow() -> None:
    intervals = [10.0, 1.0, 1.0, 1.0, *[0.125] * 40]
    assert holds(from_intervals(*intervals))[0] == 0.5625  # half of four are 1 or more


@pytest.mark.parametrize(
    ("usual_s", "next_s", "is_gap"),
    [(0.125, 1.0, False), (0.125, 1.03125, True), (1.0, 5.0, False), (1.0, 5.125, True)],
)
def test_a_gap_is_longer_than_a_second_and_than_five_usual_intervals(
    usual_s: float, next_s: float, is_gap: bool
) -> None:
    times = from_intervals(*[usual_s] * 20, next_s, *[usual_s] * 20)
    rows = [make_row(t, "happy", i, index=i) for i, t in enumerate(times)]
    source = only_source(rows)
    held = [person.seen_s for person in source.persons]
    assert held == [*[usual_s] * 20, usual_s if is_gap else next_s, *[usual_s] * 21]
    assert source.gaps == (((times[20] + usual_s, times[21]),) if is_gap else ())
    assert source.frames_s == sum(held)
    assert (source.first_s, source.last_s) == (0.0, times[-1] + usual_s)


def test_frames_of_one_time_and_the_only_frame_of_a_video() -> None:
    assert holds([1.0]) == [1 / 30]
    assert holds([1.0, 1.0]) == [0, 1 / 30]
    rows = [make_row(1.0, index=0), make_row(1.0, index=1), make_row(2.0, index=1)]
    source = only_source(rows)
    assert (source.n_frames, source.n_time_went_back) == (3, 0)


def test_time_that_goes_back_ends_no_frame() -> None:
    times = [5.0, 5.5, 6.0, 3.0, 3.5]
    rows = [make_row(t, "happy", i, index=i) for i, t in enumerate(times)]
    source = only_source(rows)
    assert [person.seen_s for person in source.persons] == [0.5] * 5
    assert (source.first_s, source.last_s) == (3.0, 6.5)
    assert (source.gaps, source.n_time_went_back) == ((), 1)


def test_time_without_a_face_is_that_of_its_frames() -> None:
    times = from_intervals(0.125, 0.5, 0.25, 0.25)
    labels = [None, "happy", None, "happy", None]
    rows = [make_row(t, labels[i], index=i) for i, t in enumerate(times)]
    assert only_source(rows).without_face_s == 0.125 + 0.25 + 0.25


@pytest.mark.parametrize("fps", [2.0, 7.3, 30.0, 120.0])
def test_figures_do_not_depend_on_the_frame_rate(fps: float) -> None:
    def label(time_s: float) -> str:
        return "happy" if time_s % 5 < 3 else "surprise"

    rows = [make_row(i / fps, label(i / fps), index=i) for i in range(round(60 * fps))]
    person = only_person(rows)
    assert person.seen_s == pytest.approx(60, abs=0.5)
    assert person.shares["happy"] == pytest.approx(0.6, abs=0.04)
    assert person.n_transitions == 23
    assert person.transitions_per_min == pytest.approx(23, abs=0.3)
    assert person.longest["happy"].length_s == pytest.approx(3, abs=0.6)


def test_a_long_pause_between_frames_is_a_gap_and_weighs_nothing() -> None:
    rows = make_rows(["happy"] * 20)
    rows += [row | {"time_s": row["time_s"] + 60} for row in rows]
    source = only_source(rows)
    assert source.persons[0].seen_s == source.frames_s == pytest.approx(4.0)
    assert source.gaps == ((pytest.approx(2.0), 60.0),)
    assert source.last_s == pytest.approx(62.0)
    assert source.persons[0].longest["happy"].length_s == pytest.approx(2.0)


def test_single_missing_frames_are_bridged() -> None:
    """Every fifth frame is missing, as in live reading: no time is lost."""
    rows = [row for row in make_rows(["happy"] * 101, fps=25) if row["index"] % 5]
    source = only_source(rows)
    assert source.frames_s == pytest.approx(4.0, abs=0.05)
    assert source.gaps == ()


def test_frames_a_second_or_more_apart_are_no_gaps() -> None:
    source = only_source(make_rows(["happy"] * 10, fps=0.2))
    assert source.frames_s == pytest.approx(50)
    assert source.gaps == ()


def test_uncertain_rows_make_no_transition_and_end_a_stretch() -> None:
    person = only_person(make_rows(["happy"] * 10 + ["sad?"] * 5 + ["happy"] * 20))
    assert person.n_transitions == 0
    assert person.longest["happy"].start_s == pytest.approx(1.5)
    assert person.longest["happy"].length_s == pytest.approx(2.0)
    assert "sad" not in person.longest
    person = only_person(make_rows(["happy"] * 10 + ["happy?"] * 5 + ["sad"] * 10))
    assert person.n_transitions == 1
    assert person.transitions_per_min == pytest.approx(60 / 2.0)


def test_time_out_of_view_makes_no_transition_and_ends_a_stretch() -> None:
    seen = make_rows(["happy"] * 10)
    later = [row | {"label": "sad", "time_s": row["time_s"] + 5.0} for row in seen]
    others = [make_row(i / 10, index=1000 + i) for i in range(10, 50)]
    assert only_person(seen + others + later).n_transitions == 0
    one_frame_missed = ["happy"] * 10 + [""] + ["sad"] * 10
    assert only_person(make_rows(one_frame_missed)).n_transitions == 1


def test_a_person_who_was_never_certain_has_no_rate() -> None:
    person = only_person(make_rows(["happy?"] * 10))
    assert person.uncertain == pytest.approx(1)
    assert person.transitions_per_min is None
    assert person.longest == {}


def test_frames_without_a_face_skipped_frames_and_errors_are_counted() -> None:
    rows = make_rows(["happy"] * 10 + [""] * 10)
    rows += [make_row(2.0, note="too dark"), make_row(2.1, n_skipped=3, note="cut")]
    both = {"n_skipped": 2, "note": "damaged"}
    rows += [make_row(2.2, "happy", 1, **both), make_row(2.2, "sad", 2, **both)]
    rows += [make_row(2.3, error="cut short")]
    source = only_source(rows)
    assert source.n_frames == 23
    assert source.n_without_face == 12
    assert source.without_face_s == pytest.approx(1.2)
    assert source.notes == {"too dark": 1, "damaged": 1}
    assert source.cuts_s == (2.1,)
    assert source.n_skipped == 5, "all rows of a frame count the same skipped ones"
    assert [t.error for t in source.troubles] == ["cut short"]
    assert [person.name for person in source.persons] == ["track 1", "track 2"]


def test_sources_stay_apart_when_their_rows_are_mixed() -> None:
    a, b = make_rows(["happy"] * 30, source="a.mp4"), make_rows(["sad"] * 30, source="b.mp4")
    mixed = [row for pair in zip(a, b, strict=True) for row in pair]
    assert summarize(mixed, CLASSES).to_dict() == summarize(a + b, CLASSES).to_dict()
    first, second = summarize(mixed, CLASSES).sources
    assert (first.source, first.persons[0].shares["happy"]) == ("a.mp4", pytest.approx(1))
    assert (second.source, second.persons[0].shares["sad"]) == ("b.mp4", pytest.approx(1))


def test_pictures_are_summed_up_together_and_unreadable_files_listed() -> None:
    rows = [
        make_row(0.0, "happy", None, source="a.jpg"),
        make_row(0.0, "sad", None, source="a.jpg", uncertain=True),
        make_row(0.0, source="b.jpg", note="no face"),
        make_row(0.0, source="c.jpg", error="not a picture"),
    ]
    summary = summarize(rows, CLASSES)
    assert summary.sources == ()
    assert summary.pictures is not None
    assert (summary.pictures.n_pictures, summary.pictures.n_faces) == (2, 2)
    assert summary.pictures.n_without_face == 1
    assert summary.pictures.notes == {"no face": 1}
    assert summary.pictures.shares["happy"] == summary.pictures.uncertain == 0.5
    assert [t.source for t in summary.troubles] == ["c.jpg"]


def test_a_source_of_one_frame_is_a_picture_unless_it_has_more_to_it() -> None:
    picture = make_row(0.0, "happy", None, source="a")
    for more in (
        [make_row(0.0, source="a", index=1, error="cut short")],
        [make_row(0.1, None, source="a", index=1)],
    ):
        summary = summarize([picture, *more], CLASSES)
        assert (len(summary.sources), summary.pictures) == (1, None)
    for change in ({"n_skipped": 1}, {"track_id": 1}):
        summary = summarize([picture | change], CLASSES)
        assert (len(summary.sources), summary.pictures) == (1, None)
    summary = summarize([picture, picture | {"uncertain": True}], CLASSES)
    assert summary.pictures is not None
    assert (summary.pictures.n_pictures, summary.pictures.n_faces) == (1, 2)
    assert summary.pictures.shares == {name: 0.5 * (name == "happy") for name in CLASSES}


def test_a_summary_can_be_made_twice() -> None:
    summarizer = Summarizer(CLASSES)
    rows = [*make_rows(["happy"] * 30), make_row(0.0, "sad", None, source="a.jpg")]
    rows += [make_row(0.0, "sad", 1, source="b.mp4"), make_row(0, source="c.mp4", error="broken")]
    for row in rows:
        summarizer.add(row)
    first = summarizer.summary().to_dict()
    assert summarizer.summary().to_dict() == first
    assert [source["source"] for source in first["sources"]] == ["clip.mp4", "b.mp4"]


def test_time_that_goes_back_is_counted_and_breaks_nothing() -> None:
    rows = make_rows(["happy"] * 20)
    source = only_source(rows + [row | {"index": 20 + row["index"]} for row in rows])
    assert source.n_time_went_back == 1
    assert source.frames_s == pytest.approx(4.0)


def test_a_video_of_one_frame_has_figures() -> None:
    person = only_person(make_rows(["happy"]))
    assert person.shares["happy"] == pytest.approx(1)
    assert person.seen_s > 0


def test_no_rows_are_an_empty_summary() -> None:
    summary = summarize([], CLASSES)
    assert (summary.sources, summary.pictures, summary.troubles) == ((), None, ())


def test_a_timeline_agrees_with_the_figures_and_stays_small() -> None:
    rows = list(invent_people(2, seconds=200, fps=25))
    for person in only_source(rows).persons:
        line = person.timeline
        assert len(line.bins) <= MAX_BINS
        assert (np.diff(line.bins) > 0).all()
        assert line.seen_s.sum() == pytest.approx(person.seen_s)
        assert (line.seen_s <= line.width_s * 1.0001).all()
        assert line.uncertain_s.sum() == pytest.approx(person.uncertain * person.seen_s)
        np.testing.assert_allclose(line.probabilities.sum(axis=1), 1, atol=1e-3)
        mean = np.average(line.probabilities, axis=0, weights=line.seen_s)
        np.testing.assert_allclose(mean, list(person.probabilities.values()), atol=1e-6)
        assert line.bins[0] * line.width_s <= person.first_s
        assert person.last_s <= (line.bins[-1] + 1) * line.width_s + 1e-6


def test_bins_become_wider_instead_of_more() -> None:
    summarizer = Summarizer(CLASSES)
    for row in make_rows(["happy", "sad"] * 10_000, fps=2):
        summarizer.add(row)
    [person] = summarizer.summary().sources[0].persons
    assert len(person.timeline.bins) <= MAX_BINS
    assert person.timeline.width_s == 8.0
    assert person.timeline.seen_s.sum() == pytest.approx(10_000)
    happy = person.timeline.probabilities[:, CLASSES.index("happy")]
    np.testing.assert_allclose(happy, (0.8 + 0.2 / 6) / 2)


def test_it_turns_into_json() -> None:
    rows = [*make_rows(["happy"] * 5 + ["sad?"] * 5), make_row(0.0, "sad", None, source="a.jpg")]
    plain = json.loads(json.dumps(summarize(rows, CLASSES).to_dict(), allow_nan=False))
    person = plain["sources"][0]["persons"][0]
    assert person["shares"]["happy"] == 0.5
    assert person["longest"]["happy"] == {"start_s": 0.0, "length_s": 0.5}
    assert plain["pictures"]["n_faces"] == 1
