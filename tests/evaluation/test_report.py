"""A report agrees with the predictions it is made from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import make_split
from reports import ANSWERS, CLASSES, TARGETS, evaluate, make_report, oracle

from livefer.data.votes import Votes
from livefer.errors import DatasetError
from livefer.evaluation import calibration, metrics
from livefer.evaluation.report import compare, measure


def test_report() -> None:
    report = make_report()
    assert report.accuracy.value == 0.5
    assert report.accuracy.n_images == 10
    assert (report.accuracy.low, report.accuracy.high) == metrics.wilson_interval(5, 10)
    assert report.matrix.tolist() == [[2, 1, 0], [0, 2, 3], [0, 1, 1]]
    assert report.without_twins is None
    fear = report.per_class[1]
    assert (fear.name, fear.support, fear.precision, fear.recall) == ("fear", 5, 0.5, 0.4)
    assert report.ece == pytest.approx(0.3, abs=1e-6)  # sure by 0.8, right by half
    assert report.macro_f1_interval[0] < report.macro_f1 < report.macro_f1_interval[1]


def test_confusions_in_words() -> None:
    words = [str(confusion) for confusion in make_report().confusions(2)]
    assert words == ["fear taken for sad: 60 %", "sad taken for fear: 50 %"]
    assert len(make_report().confusions(10)) == 3


def test_images_with_a_twin_in_train_can_be_left_out() -> None:
    twins = np.array([True, True, False, True, True, False, False, False, True, False])
    report = make_report(twins)
    assert report.without_twins is not None
    assert (report.without_twins.value, report.without_twins.n_images) == (0, 5)
    assert report.accuracy == make_report().accuracy


# The votes agree with the answers on six of the eight images that have a majority.
SHARES = [[1, 0, 0]] * 3 + [[0, 1, 0]] * 2 + [[0, 0, 1]] * 3 + [[0.5, 0, 0.5], [0, 0, 0]]


MAJORITY = [0, 0, 0, 1, 1, 2, 2, 0, -1, -1]


def make_votes() -> Votes:
    weight = np.array([1] * 8 + [0.5, 0], np.float32)
    majority = np.array(MAJORITY, np.int64)
    return Votes(np.array(SHARES, np.float32), weight, majority, np.arange(10) < 4)


def test_votes_are_the_truth_where_they_have_a_majority() -> None:
    split = make_split(TARGETS)
    twins = np.arange(10) < 2
    report = evaluate(oracle(split, ANSWERS), split, CLASSES, twins, make_votes())
    assert (report.labels, report.n_left_out) == ("votes", 2)
    assert (report.accuracy.value, report.accuracy.n_images) == (6 / 8, 8)
    assert report.matrix.tolist() == [[2, 1, 1], [0, 2, 0], [0, 0, 2]]
    assert report.without_twins is not None
    assert (report.without_twins.value, report.without_twins.n_images) == (4 / 6, 6)


def test_all_votes_count_against_the_probabilities() -> None:
    split = make_split(TARGETS)
    crowd = evaluate(oracle(split, ANSWERS), split, CLASSES, votes=make_votes()).crowd
    assert crowd is not None
    assert crowd.n_images == 9
    assert crowd.entropy == pytest.approx(0.5 * np.log(2) / 8.5)
    # 0.8 for what was answered, 0.1 for each other class; image 2 and 5 … 7 as in ANSWERS
    wrong = sum(a != s.index(1) for a, s in zip(ANSWERS[:8], SHARES[:8], strict=True))
    sure = -np.log(0.8) * (8 - wrong) - np.log(0.1) * wrong
    split_vote = -0.5 * (0.5 * np.log(0.1) + 0.5 * np.log(0.8))
    assert crowd.cross_entropy == pytest.approx((sure + split_vote) / 8.5, rel=1e-5)
    agreed = sum(a == m for a, m in zip(ANSWERS[:4], MAJORITY[:4], strict=True))
    assert (crowd.agreed.value, crowd.agreed.n_images) == (agreed / 4, 4)
    assert make_report().crowd is None


def test_votes_without_any_majority_are_refused() -> None:
    votes = replace(
        make_votes(), majority=np.full(10, -1, np.int64), weight=np.zeros(10, np.float32)
    )
    split = make_split(TARGETS)
    with pytest.raises(DatasetError, match="no image of val has a majority vote for a class"):
        evaluate(oracle(split, ANSWERS), split, CLASSES, votes=votes)


def test_two_models_are_compared_on_the_same_images() -> None:
    split = make_split(TARGETS)
    ours = oracle(split, ANSWERS)(split.faces)  # right: 0, 1, 3, 4, 8
    theirs = oracle(split, [0, 1, 0, 0, 1, 1, 2, 2, 2, 2])(split.faces)  # right: 0, 2, 4, 5, 8, 9
    difference = compare(ours, theirs, split)
    assert (difference.n_only_here, difference.n_only_there) == (2, 3)
    assert difference.value == pytest.approx(-0.1)
    back = compare(theirs, ours, split)
    assert (back.value, back.low, back.high) == pytest.approx(
        (0.1, -difference.high, -difference.low)
    )
    alike = compare(ours, ours, split)
    assert (alike.value, alike.n_only_here, alike.n_only_there) == (0, 0, 0)
    assert alike.low < 0 < alike.high
    # The majority of the votes: ours is right in 0, 1, 3, 5, 6, … of eight, theirs in fewer.
    crowd = make_votes()
    accuracies = [measure(p, split, CLASSES, votes=crowd).accuracy.value for p in (ours, theirs)]
    assert compare(ours, theirs, split, crowd).value == pytest.approx(accuracies[0] - accuracies[1])


def test_answers_are_those_at_or_above_the_limit() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0.5, 0.3, 0.2]], np.float32)
    split = make_split([0, 1, 0])
    answers = measure(probabilities, split, CLASSES, uncertain_below=0.8).answers
    assert answers is not None
    assert (answers.coverage, answers.right.value, answers.right.n_images) == (2 / 3, 0.5, 2)
    silent = measure(probabilities, split, CLASSES, uncertain_below=1.0)
    assert silent.answers is not None
    assert silent.answers.coverage == 0
    assert silent.to_dict()["answers"]["right"] is None
    assert measure(probabilities, split, CLASSES).answers is None


def test_the_curve_in_the_report_is_short_and_ends_at_the_accuracy() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1, 1], 400).astype(np.float32)
    report = measure(probabilities, make_split(generator.integers(0, 3, 400).tolist()), CLASSES)
    curve = report.to_dict()["risk_coverage"]
    assert {len(values) for values in curve.values()} == {50}
    assert curve["coverage"] == [round(i / 50, 5) for i in range(1, 51)]
    assert curve["risk"][-1] == pytest.approx(1 - report.accuracy.value, abs=1e-5)
    assert curve["threshold"] == sorted(curve["threshold"], reverse=True)


def test_halves_are_held_out_where_there_are_enough_images() -> None:
    assert make_report().held_out is None
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet([1, 1, 1], 100).astype(np.float32)
    split = make_split([int(generator.choice(3, p=p / p.sum())) for p in probabilities])
    report = measure(probabilities, split, CLASSES)
    assert report.held_out == calibration.held_out(probabilities, split.targets)


def test_report_is_plain_data() -> None:
    split = make_split([0, 0, 1])  # no "sad" at all
    for twins in (None, np.array([True, False, False]), np.ones(3, bool)):
        report = evaluate(oracle(split, [0, 0, 0]), split, CLASSES, twins)
        plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert plain == report.to_dict()
        assert plain["accuracy"] == pytest.approx(2 / 3)
        assert plain["per_class"]["sad"] == {
            "precision": None, "recall": None, "recall_95": [0, 1], "f1": None, "support": 0,
        }  # fmt: skip
