"""Episodes of expressions, against tables that were computed by hand."""

from __future__ import annotations

from typing import Any

import pytest
from tablerows import make_row, make_rows

from livefer.labels import CLASSES
from livefer.summary.episodes import Episodes, episode_rows
from livefer.summary.units import unit_rows


def smile(happy: list[float], limit: float = 0.6) -> list[dict[str, Any]]:
    """Rows at 10 frames a second: happy or neutral, uncertain where neither reaches the limit."""
    rows = []
    for index, p in enumerate(happy):
        label = "happy" if p > 0.5 else "neutral"
        row = make_row(index / 10, label, index=index, confidence=max(p, 1 - p))
        rows.append(row | dict.fromkeys(CLASSES, 0.0) | {"happy": p, "neutral": 1 - p})
        rows[-1]["uncertain"] = max(p, 1 - p) < limit
    return rows


def happy(rows: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    found = episode_rows(rows, CLASSES, **options)
    return [row for row in found if row["expression"] == "happy"]


def test_an_episode_against_one_by_hand() -> None:
    #          0    0.1  0.2   0.3  0.4  0.5   0.6   0.7  0.8  0.9
    rows = smile([0.1, 0.3, 0.55, 0.7, 0.9, 0.65, 0.55, 0.45, 0.3, 0.1])
    [row] = happy(rows)
    assert (row["source"], row["track_id"], row["expression"]) == ("clip.mp4", 1, "happy")
    assert row["onset_s"] == 0.3, "the first certain frame"
    assert row["offset_s"] == 0.8, "the first below 0.4"
    assert row["duration_s"] == 0.5
    assert (row["peak_s"], row["peak"]) == (0.4, 0.9)
    assert row["mean"] == pytest.approx((0.7 + 0.9 + 0.65 + 0.55 + 0.45) / 5)
    assert (row["n_frames"], row["share_uncertain"], row["complete"]) == (5, 0.4, True)


def test_a_dip_above_the_way_out_does_not_end_an_episode() -> None:
    assert len(happy(smile([0.1, *[0.8] * 6, 0.45, *[0.8] * 6, 0.1]))) == 1
    assert len(happy(smile([0.1, *[0.8] * 6, 0.35, *[0.8] * 6, 0.1]))) == 2


def test_short_episodes_are_left_out() -> None:
    rows = smile([0.1, *[0.8] * 4, 0.1, 0.1, *[0.8] * 5, 0.1])
    assert [row["onset_s"] for row in happy(rows)] == [0.7]
    assert [row["onset_s"] for row in happy(rows, shortest_s=0.4)] == [0.1, 0.7]
    assert happy(rows, shortest_s=0.6) == []


def test_an_uncertain_face_begins_no_episode() -> None:
    assert happy(smile([0.1, *[0.58] * 20, 0.1])) == []


def test_a_face_out_of_view_for_long_ends_an_episode_and_is_no_neutral_one() -> None:
    for n_away, n_episodes in ((5, 1), (6, 2)):
        rows = make_rows(["neutral"] * 5 + ["happy"] * 6 + [""] * n_away + ["happy"] * 6)
        found = happy(rows)
        assert len(found) == n_episodes
        assert sum(row["n_frames"] for row in found) == 12
        whole = 1.2 if n_episodes == 2 else 1.7
        assert sum(row["duration_s"] for row in found) == pytest.approx(whole)
        assert not any(row["complete"] for row in found), "nobody saw the end"


def test_a_video_that_begins_or_ends_with_it_cuts_an_episode() -> None:
    rows = make_rows(["happy"] * 6 + ["neutral"] * 6 + ["sad"] * 6)
    found = episode_rows(rows, CLASSES)
    named = [(row["expression"], row["onset_s"], row["complete"]) for row in found]
    assert named == [("happy", 0, False), ("neutral", 0.6, True), ("sad", 1.2, False)]
    assert found[-1]["offset_s"] == 1.8


def test_tracks_have_episodes_of_their_own() -> None:
    rows = [make_row(i / 10, "happy", who) for i in range(10) for who in (1, 2)]
    assert [row["track_id"] for row in happy(rows)] == [1, 2]


def test_every_row_has_the_columns_that_are_promised() -> None:
    unit = Episodes(CLASSES)
    [row] = unit_rows(unit, make_rows(["happy"] * 10))
    assert list(row) == list(unit.types)
