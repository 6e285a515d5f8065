"""The sums of one person: weighted by time, bridged over short absences, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from livefer.summary.person_sums import MAX_BINS, FaceRow, PersonSums
from livefer.summary.records import Person, Stretch

CLASSES = ("calm", "wild")
BIN_S = 1 / 32
Row = tuple[float, float, str]
"""Time and duration in seconds, and a label: "calm", "wild", or uncertain with "?"."""


def person_of(*rows: Row, confidence: float = 0.75) -> Person:
    sums = PersonSums(len(CLASSES))
    for time_s, hold_s, name in rows:
        class_id = CLASSES.index(name.rstrip("?"))
        shares = [1 - confidence] * 2
        shares[class_id] = confidence
        sums.add(time_s, hold_s, FaceRow(1, class_id, confidence, name.endswith("?"), shares))
    return sums.finish(1, CLASSES)


def test_each_row_counts_with_its_time() -> None:
    sums = PersonSums(2)
    sums.add(1.0, 1.0, FaceRow(7, 0, 0.75, False, [0.75, 0.25]))
    sums.add(2.0, 2.0, FaceRow(7, 1, 0.5, False, [0.5, 0.5]))
    sums.add(4.0, 5.0, FaceRow(7, 1, 1.0, True, [0.0, 1.0]))
    person = sums.finish(7, CLASSES)
    assert (person.track_id, person.n_rows) == (7, 3)
    assert (person.first_s, person.last_s, person.seen_s) == (1.0, 9.0, 8.0)
    assert person.shares == {"calm": 1 / 8, "wild": 2 / 8}
    assert person.uncertain == 5 / 8
    assert person.confidence == (0.75 + 2 * 0.5 + 5) / 8
    assert person.probabilities == pytest.approx({"calm": 1.75 / 8, "wild": 6.25 / 8})
    assert (person.n_transitions, person.transitions_per_min) == (1, 60 / 3)


def test_rows_that_are_not_in_order_of_time() -> None:
    person = person_of((5.0, 1.0, "calm"), (1.0, 2.0, "calm"))
    assert (person.first_s, person.last_s) == (1.0, 6.0)


def test_shares_of_less_than_a_second() -> None:
    person = person_of((1.0, 0.125, "calm"), (1.125, 0.125, "wild?"))
    assert (person.shares, person.uncertain) == ({"calm": 0.5, "wild": 0}, 0.5)
    assert person.probabilities == pytest.approx({"calm": 0.5, "wild": 0.5})
    assert person.confidence == 0.75


def test_a_person_of_no_time_has_no_shares() -> None:
    person = person_of((1.0, 0.0, "calm"))
    assert (person.seen_s, person.uncertain, person.confidence) == (0, 0, 0)
    assert person.shares == {"calm": 0, "wild": 0}
    assert (person.transitions_per_min, len(person.timeline.bins)) == (None, 0)


@pytest.mark.parametrize(
    ("away_s", "n_transitions"),
    [(0.0, 1), (0.5, 1), (0.53, 0), (-1e-6, 1), (-0.25, 0)],
    ids=["none", "half a second", "longer", "rounding", "back in time"],
)
def test_a_transition_needs_at_most_half_a_second_out_of_view(
    away_s: float, n_transitions: int
) -> None:
    person = person_of((0.0, 1.0, "calm"), (1.0 + away_s, 1.0, "wild"))
    assert person.n_transitions == n_transitions


def test_a_stretch_goes_on_over_half_a_second_out_of_view() -> None:
    assert person_of((0.0, 1.0, "calm"), (1.5, 1.0, "calm")).longest["calm"] == Stretch(0.0, 2.5)
    longer = person_of((0.0, 1.0, "calm"), (1.53125, 1.0, "calm"))
    assert longer.longest["calm"] == Stretch(0.0, 1.0)


def test_a_stretch_ends_at_an_uncertain_row_and_a_transition_does_not() -> None:
    person = person_of((0, 1, "calm"), (1, 1, "calm?"), (2, 0.5, "calm"), (2.5, 1, "wild"))
    assert person.longest == {"calm": Stretch(0, 1), "wild": Stretch(2.5, 3.5)}
    assert person.n_transitions == 1
    assert person_of((0, 1, "calm"), (1, 1, "wild?"), (2, 1, "wild")).n_transitions == 1
    assert person_of((0, 1, "calm"), (1, 1, "wild?"), (2, 1, "calm")).n_transitions == 0


def test_the_first_of_two_equal_stretches_and_any_longer_one_is_kept() -> None:
    equal = person_of((0, 1, "calm"), (1, 1, "wild"), (2, 1, "calm"))
    assert equal.longest["calm"] == Stretch(0, 1)
    longer = person_of((0, 1, "calm"), (1, 1, "wild"), (2, 1.5, "calm"), (3.5, 1, "wild"))
    assert longer.longest == {"calm": Stretch(2, 3.5), "wild": Stretch(1, 2)}


def test_a_row_is_spread_over_the_bins_of_its_time() -> None:
    rows = [(0.5 * BIN_S, 2 * BIN_S, "calm"), (2.5 * BIN_S, 0.25 * BIN_S, "wild?")]
    line = person_of(*rows).timeline
    assert line.width_s == BIN_S
    assert line.bins.tolist() == [0, 1, 2]
    assert (line.seen_s / BIN_S).tolist() == [0.5, 1, 0.75]
    assert (line.uncertain_s / BIN_S).tolist() == [0, 0, 0.25]
    third = (0.5 * 0.75 + 0.25 * 0.25) / 0.75
    np.testing.assert_allclose(line.probabilities[:, 0], [0.75, 0.75, third])


def test_bins_are_left_out_while_a_person_is_away() -> None:
    line = person_of((0, BIN_S, "calm"), (10 * BIN_S, BIN_S, "calm")).timeline
    assert line.bins.tolist() == [0, 10]


@pytest.mark.parametrize(("n_more", "width_s", "n_bins"), [(0, BIN_S, 2048), (1, 2 * BIN_S, 1025)])
def test_bins_are_twice_as_wide_when_there_are_more_than_2048(
    n_more: int, width_s: float, n_bins: int
) -> None:
    assert MAX_BINS == 2048
    names = ("calm", "calm", "wild?", "wild?")
    rows = [(i * BIN_S, BIN_S, names[i % 4]) for i in range(2048 + n_more)]
    line = person_of(*rows).timeline
    assert (line.width_s, len(line.bins)) == (width_s, n_bins)
    assert line.bins.tolist() == list(range(n_bins))
    assert line.seen_s[:-1].tolist() == [width_s] * (n_bins - 1)
    assert line.seen_s.sum() == (2048 + n_more) * BIN_S
    if n_more:
        assert line.uncertain_s[:4].tolist() == [0, width_s, 0, width_s]
        np.testing.assert_allclose(line.probabilities[:4, 0], [0.75, 0.25, 0.75, 0.25])
