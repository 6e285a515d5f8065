"""Agreement over time: kappa as it is defined, whatever the frame rates, and its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tablerows import invent_people, make_row, make_rows

from livefer.errors import ConfigError, DatasetError
from livefer.labels import CLASSES
from livefer.summary.agreement import agreement
from livefer.summary.events import Event
from livefer.summary.kappa import kappa, two_digits
from livefer.summary.sides import MISSING, CodingSide, TableSide

HAPPY, SAD = CLASSES.index("happy"), CLASSES.index("sad")


def side(rows: list[dict[str, Any]], **more: Any) -> TableSide:
    return TableSide(rows, CLASSES, **more)


def coded(events: list[Event], *more: Any, **named: Any) -> CodingSide:
    return CodingSide(events, ["clip.mp4"], CLASSES, *more, **named)


def labels(text: str) -> list[str]:
    return [{"h": "happy", "s": "sad", "n": "neutral", "?": "sad?", " ": ""}[c] for c in text]


def test_kappa_is_cohens() -> None:
    # Both as in a common example: 0.7 agree, 0.5 by chance.
    assert kappa(np.array([[20.0, 5.0], [10.0, 15.0]])) == pytest.approx(0.4)
    assert kappa(np.eye(3)) == 1.0
    assert kappa(np.array([[0.0, 1.0], [1.0, 0.0]])) == -1.0
    assert kappa(np.zeros((2, 2))) is None
    assert kappa(np.array([[5.0, 0.0], [0.0, 0.0]])) is None, "one class leaves nothing to agree on"


def test_a_table_agrees_with_itself_and_at_any_frame_rate() -> None:
    rows = list(invent_people(2, 60, 10))
    for row in rows:
        if row["track_id"] == 2:
            row |= {"left": 101.0, "right": 131.0}
    found = agreement(side(rows), side(rows))
    assert found.kappa is not None
    assert found.kappa.value == 1.0
    assert (found.kappa.low, found.kappa.high) == (1.0, 1.0)
    assert found.best_shift_s == 0.0
    every_other = [row for row in rows if row["index"] % 2 == 0]
    other = agreement(side(rows), side(every_other))
    assert other.agreed > 0.9
    assert other.matrix.sum() == pytest.approx(found.matrix.sum(), rel=0.05)


def test_seconds_of_the_confusion_and_what_is_left_out() -> None:
    found = agreement(
        side(make_rows(labels("hhhhhhssss??  "))), side(make_rows(labels("hhhhsss??shhhh")))
    )
    assert found.matrix[HAPPY, HAPPY] == pytest.approx(0.4)
    assert found.matrix[HAPPY, SAD] == pytest.approx(0.2)
    assert found.matrix[SAD, SAD] == pytest.approx(0.2)
    assert found.matrix.sum() == pytest.approx(0.8)
    assert found.agreed == pytest.approx(0.75)
    assert found.left_out_s == {
        "uncertain in the first": pytest.approx(0.2),
        "uncertain in the second": pytest.approx(0.2),
        "missing in the first": pytest.approx(0.2),
    }
    assert found.of_class["fear"] is None
    assert found.of_class["happy"] == found.of_class["sad"], "one is the other's rest"
    rows = {row["label"]: row for row in found.rows()}
    assert rows["happy"]["agreed"] == pytest.approx(0.4 / 0.6, abs=1e-4)
    assert (rows["sad"]["first_s"], rows["sad"]["second_s"]) == (0.2, 0.4)
    assert "fewer than 6" in found.interval
    both = agreement(
        side(make_rows(labels("hh??")), with_uncertain=True),
        side(make_rows(labels("hhss")), with_uncertain=True),
    )
    assert both.agreed == 1.0


def test_faces_are_compared_by_their_place() -> None:
    left = {"left": 0.0, "right": 30.0, "top": 0.0, "bottom": 30.0}
    right = {"left": 100.0, "right": 130.0, "top": 0.0, "bottom": 30.0}
    a = [row for i in range(10) for row in
         (make_row(i / 10, "happy", 1, **left), make_row(i / 10, "sad", 2, **right))]  # fmt: skip
    b = [row for i in range(10) for row in
         (make_row(i / 10, "sad", 1, **right), make_row(i / 10, "happy", 2, **left))]  # fmt: skip
    found = agreement(side(a), side(b))
    assert found.agreed == 1.0
    assert found.matrix.sum() == pytest.approx(2.0), "both faces"


def test_the_best_shift_is_found_and_taken() -> None:
    text = "hhhhhsssssssnnnnnnnnhhhhsssssnnnnhhhhhhhsss"
    a, b = side(make_rows(labels(text))), side(make_rows(labels("nnn" + text)))
    found = agreement(a, b)
    assert found.best_shift_s == pytest.approx(0.3)
    assert found.best_kappa == pytest.approx(1.0)
    assert found.kappa is not None
    assert found.kappa.value < 0.7
    assert agreement(a, b, shift_s=None).agreed == 1.0
    assert agreement(b, a).best_shift_s == pytest.approx(-0.3)


def test_a_shift_is_no_better_where_all_agrees_or_little_is_left() -> None:
    a, b = side(make_rows(labels("hhhhhhhhhh"))), side(make_rows(labels("hhhhhhhhhs")))
    assert agreement(a, a).best_kappa is None
    assert agreement(a, a).best_shift_s == 0.0
    found = agreement(side(make_rows(labels("shshshshhhhs"))), b, max_shift_s=1.0)
    assert abs(found.best_shift_s) <= 0.2


def test_two_films_of_other_names_are_told() -> None:
    a, b = (side(make_rows(labels("hhss"), source=name)) for name in ("a.mp4", "b.mp4"))
    assert agreement(a, b).renamed == ("a.mp4", "b.mp4")
    assert agreement(a, a).renamed is None


def test_a_coding_is_about_the_main_face() -> None:
    rows = make_rows(labels("nnnnnhhhhhhhhhhnnnnn"))
    rows += [make_row(i / 10, "sad", 2) for i in range(5)]
    rows.sort(key=lambda row: row["index"])
    events = [Event(1, 0.5, 1.0, "Smile", tier="face"), Event(2, 1.8, 0.1, "yawn")]
    coding = coded(events, {"smile": "happy"}, rest="neutral")
    found = agreement(side(rows), coding)
    assert found.agreed == 1.0
    assert found.matrix.sum() == pytest.approx(2.0)
    assert found.left_out == {"of yawn, which is no class": 1}
    only = agreement(side(rows), coded(events, {"smile": "happy"}))
    assert only.matrix.sum() == pytest.approx(1.0)
    assert only.left_out_s == {"missing in the second": pytest.approx(1.0)}
    turned = agreement(coding, side(rows), shift_s=0.2)
    other_way = agreement(side(rows), coding, shift_s=-0.2)
    assert turned.matrix == pytest.approx(other_way.matrix.T)
    assert (turned.shift_s, turned.best_shift_s) == (0.2, 0.0)
    with pytest.raises(DatasetError, match="both are codings"):
        agreement(coding, coding)
    assert coded([Event(1, 0.0, 1.0, "x", tier="HAPPY")]).sources == ["clip.mp4"]
    with pytest.raises(DatasetError, match="--label WORD=CLASS"):
        coded(events)
    with pytest.raises(ConfigError, match="glad is no class"):
        coded(events, {"smile": "glad"})


def test_what_only_the_other_side_has_is_counted() -> None:
    rows = make_rows(labels("hh    hhhh"))
    coding = coded([Event(1, 0.0, 0.5, "happy")])
    found = agreement(side(rows), coding, max_shift_s=0)
    assert found.left_out_s == {
        "missing in the first": pytest.approx(0.3),
        "missing in the second": pytest.approx(0.4),
    }
    whole = side(make_rows(labels("hhhhhhhhhh")))
    assert agreement(side(rows), whole).missing_s == pytest.approx((0.4, 0.0))
    assert agreement(whole, side(rows)).missing_s == pytest.approx((0.0, 0.4))


def test_the_code_that_began_last_counts_whatever_their_number() -> None:
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 30, 40).round(1)
    lengths_s = rng.uniform(0.1, 9, 40).round(1)
    kinds = rng.choice(CLASSES, 40)
    events = [Event(i, *of) for i, of in enumerate(zip(starts, lengths_s, kinds, strict=True))]
    coding = coded(events)
    times_s = np.arange(-1, 45, 0.05) + 0.01
    for time_s in times_s:
        begun = [e for e in events if e.onset_s <= time_s < e.onset_s + (e.duration_s or 0)]
        last = max(begun, key=lambda e: (e.onset_s, e.duration_s), default=None)
        label = MISSING if last is None else CLASSES.index(str(last.trial_type))
        assert coding.label_at("clip.mp4", time_s) == label
    resting = coded(events, rest="neutral")
    assert {resting.label_at("clip.mp4", t) for t in (-1, 99)} == {CLASSES.index("neutral")}


def test_points_and_other_films_of_a_coding_are_counted() -> None:
    point, state = Event(1, 0.2, None, "happy"), Event(2, 0.0, 0.4, "happy", "clip.mp4")
    elsewhere = Event(3, 0.0, 0.4, "happy", "b.mp4")
    found = agreement(side(make_rows(labels("hhhh"))), coded([point, state, elsewhere]))
    assert found.left_out == {
        "without a duration": 1,
        "of b.mp4, which is no video of the table": 1,
    }
    with pytest.raises(DatasetError, match="points in time only"):
        coded([point])
    with pytest.raises(DatasetError, match=r"it names b\.mp4"):
        coded([elsewhere])
    films = ["x/a.mp4", "y/a.mp4"]
    with pytest.raises(DatasetError, match="give more of the path"):
        CodingSide([Event(1, 0.0, 1.0, "happy", "a.mp4")], films, CLASSES)
    whole = CodingSide([Event(1, 0.0, 1.0, "happy", "a.mp4")], ["a.mp4", "x/a.mp4"], CLASSES)
    assert whole.sources == ["a.mp4"]


def test_a_figure_is_never_minus_zero() -> None:
    assert [two_digits(x) for x in (-0.001, -0.006, 0.004, 1.0)] == [
        "0.00",
        "-0.01",
        "0.00",
        "1.00",
    ]


def test_few_films_with_a_face_have_no_interval() -> None:
    films = [make_rows(labels("hs" if i < 3 else "  "), source=f"{i}.mp4") for i in range(6)]
    table = side([row for film in films for row in film])
    assert agreement(table, table).interval == "none: fewer than 5 films"


def test_intervals_cover_what_many_such_films_would_give() -> None:
    """Of intervals of made-up labels that agree in 70 % of 5 s spans, most cover the truth."""
    rng = np.random.default_rng(3)

    def film(n_spans: int) -> tuple[TableSide, TableSide]:
        mine = rng.integers(0, 2, n_spans)
        yours = np.where(rng.random(n_spans) < 0.7, mine, 1 - mine)
        return tuple(
            side(make_rows([("happy", "sad")[v] for v in values for _ in range(5)], fps=1.0))
            for values in (mine, yours)
        )  # type: ignore[return-value]

    covered = 0
    for _ in range(30):
        found = agreement(*film(60), max_shift_s=0).kappa
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.4 <= found.high
    assert covered >= 25


def test_videos_are_matched_by_the_end_of_their_paths() -> None:
    first = make_rows(labels("hh"), source="x/a.mp4") + make_rows(labels("ss"), source="x/b.mp4")
    second = make_rows(labels("hh"), source="b.mp4") + make_rows(labels("ss"), source="y/c.mp4")
    found = agreement(side(first), side(second))
    assert found.n_films == 1
    assert found.matrix[SAD, HAPPY] == pytest.approx(0.2)
    with pytest.raises(DatasetError, match="no video in common"):
        agreement(side(first), side(make_rows(labels("h")) + second[2:] + make_rows(
            labels("hh"), source="d.mp4")))  # fmt: skip
    with pytest.raises(DatasetError, match="no moment"):
        agreement(side(make_rows(labels("??"))), side(make_rows(labels("hh"))))
