"""Metrics against values worked out by hand, and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.evaluation import metrics

# Rows are the truth. Class 2 is never predicted; class 3 has no image but is predicted once.
MATRIX = np.array([[3, 1, 0, 0], [1, 4, 0, 1], [2, 0, 0, 0], [0, 0, 0, 0]], np.int64)


def labels_of(matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pairs = [(i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) for _ in range(n)]
    targets, predicted = np.array(pairs, np.int64).T
    return targets, predicted


def made_up(n: int = 500, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (n, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([generator.choice(4, p=p) for p in probabilities])
    return probabilities.astype(np.float32), targets


def test_confusion_matrix_has_the_truth_in_rows() -> None:
    np.testing.assert_array_equal(metrics.confusion_matrix(*labels_of(MATRIX), 4), MATRIX)
    none = np.empty(0, np.int64)
    assert metrics.confusion_matrix(none, none, 3).tolist() == [[0] * 3] * 3


def test_figures_worked_out_by_hand() -> None:
    assert metrics.accuracy(MATRIX) == 7 / 12
    np.testing.assert_array_equal(metrics.precision(MATRIX), [3 / 6, 4 / 5, math.nan, 0])
    np.testing.assert_array_equal(metrics.recall(MATRIX), [3 / 4, 4 / 6, 0, math.nan])
    np.testing.assert_allclose(metrics.f1(MATRIX), [6 / 10, 8 / 11, 0, math.nan])
    assert metrics.balanced_accuracy(MATRIX) == pytest.approx((3 / 4 + 4 / 6 + 0) / 3)
    assert metrics.macro_f1(MATRIX) == pytest.approx((6 / 10 + 8 / 11 + 0) / 3)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_perfect_wrong_and_empty(name: str) -> None:
    figure = getattr(metrics, name)
    assert figure(np.diag([5, 1, 9])) == 1
    assert figure(np.array([[0, 5], [1, 0]])) == 0
    assert math.isnan(figure(np.zeros((3, 3), np.int64)))


def test_the_order_of_classes_does_not_matter() -> None:
    order = np.array([2, 0, 3, 1])
    mixed = MATRIX[order][:, order]
    for figure in (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1):
        assert figure(mixed) == pytest.approx(figure(MATRIX))


def test_nll() -> None:
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)
    expected = -(math.log(0.5) + math.log(0.1)) / 2
    assert metrics.nll(probabilities, np.array([0, 1])) == pytest.approx(expected, rel=1e-6)
    sure = np.array([[1, 0]], np.float32)
    assert metrics.nll(sure, np.array([0])) == 0
    assert math.isfinite(metrics.nll(sure, np.array([1])))


def test_ece_worked_out_by_hand() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.55, 0.55])
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    targets = np.array([0, 0, 1, 1, 0])  # right: 2 of 3 at 0.9, 1 of 2 at 0.55
    expected = 3 / 5 * abs(2 / 3 - 0.9) + 2 / 5 * abs(1 / 2 - 0.55)
    assert metrics.ece(probabilities, targets) == pytest.approx(expected, abs=1e-6)
    assert metrics.reliability(probabilities, targets, 5).count.tolist() == [0, 0, 2, 0, 3]


def test_certainty_falls_into_the_last_bin() -> None:
    bins = metrics.reliability(np.eye(2, dtype=np.float32), np.array([0, 1]))
    assert bins.count.tolist() == [0] * 14 + [2]
    assert bins.accuracy[-1] == 1
    assert math.isnan(bins.accuracy[0])


def test_ece_is_small_for_honest_probabilities_and_large_for_boasting() -> None:
    probabilities, targets = made_up(20_000)
    assert metrics.ece(probabilities, targets) < 0.02
    boasting = np.eye(4, dtype=np.float32)[probabilities.argmax(axis=1)]
    right = (probabilities.argmax(axis=1) == targets).mean()
    assert metrics.ece(boasting, targets) == pytest.approx(1 - right, abs=1e-6)


def test_chance_alone_is_the_error_of_honest_probabilities() -> None:
    found = []
    for seed in range(40):
        probabilities, targets = made_up(600, seed)
        found.append(metrics.ece(probabilities, targets))
    expected = metrics.ece_by_chance(probabilities)
    assert np.mean(found) == pytest.approx(expected, rel=0.1)
    assert metrics.ece_by_chance(made_up(6000)[0]) < expected / 2
    assert metrics.ece_by_chance(np.eye(2, dtype=np.float32)) == 0


def test_risk_coverage_worked_out_by_hand() -> None:
    score = np.array([0.4, 0.9, 0.7, 0.6])
    right = np.array([False, True, False, True])
    found = metrics.risk_coverage(score, right)
    assert found.threshold.tolist() == [0.9, 0.7, 0.6, 0.4]
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(found.risk, [0, 1 / 2, 1 / 3, 1 / 2])
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.coverage_at(0.6) == 0.75
    assert found.coverage_at(0.5) == 1
    assert metrics.risk_coverage(score, ~right).coverage_at(0.9) == 0


def test_risk_of_equal_scores_does_not_depend_on_their_order() -> None:
    score = np.array([0.5, 0.5, 0.5, 0.8])
    for right in ([True, False, False, True], [False, False, True, True]):
        found = metrics.risk_coverage(score, np.array(right))
        assert found.coverage.tolist() == [0.25, 1]
        assert found.risk.tolist() == [0, 0.5]
        assert found.aurc == pytest.approx(3 / 4 * 0.5)


def test_a_score_that_knows_more_has_the_smaller_area() -> None:
    probabilities, targets = made_up(2000)
    right = probabilities.argmax(axis=1) == targets
    known = metrics.risk_coverage(probabilities.max(axis=1), right)
    blind = metrics.risk_coverage(np.random.default_rng(0).random(2000), right)
    oracle = metrics.risk_coverage(right.astype(float), right)
    assert oracle.aurc < known.aurc < blind.aurc
    assert blind.aurc == pytest.approx(1 - right.mean(), abs=0.03)
    assert known.risk[-1] == pytest.approx(1 - right.mean())


def test_cross_entropy_against_shares() -> None:
    shares = np.array([[1, 0], [0.5, 0.5], [0, 0]], np.float32)
    weight = np.array([1, 0.5, 0], np.float32)
    own = metrics.cross_entropy(shares, shares, weight)
    assert own == pytest.approx(0.5 * math.log(2) / 1.5)
    even = np.full((3, 2), 0.5, np.float32)
    assert metrics.cross_entropy(even, shares, weight) == pytest.approx(math.log(2))
    probabilities = np.array([[0.8, 0.2]], np.float32)
    hard = metrics.cross_entropy(probabilities, shares[:1], weight[:1])
    assert hard == pytest.approx(metrics.nll(probabilities, np.array([0])))


@pytest.mark.parametrize(
    ("n_right", "n", "expected"),
    [
        (0, 10, (0.0, 0.2775)),  # z² / (n + z²)
        (10, 10, (0.7225, 1.0)),
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, https://doi.org/10.1002/sim.4780170813
        (15, 148, (0.0624, 0.1605)),
    ],
)
def test_wilson_interval(n_right: int, n: int, expected: tuple[float, float]) -> None:
    assert metrics.wilson_interval(n_right, n) == pytest.approx(expected, abs=5e-5)


def test_wilson_knows_nothing_from_nothing() -> None:
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)


def test_a_paired_interval_holds_the_difference_95_times_in_100() -> None:
    generator = np.random.default_rng(0)
    n, only_first, only_second = 200, 0.15, 0.08
    draws = generator.multinomial(n, [only_first, only_second, 1 - only_first - only_second], 4000)
    intervals = [metrics.paired_interval(int(b), int(c), n) for b, c, _ in draws]
    held = np.mean([low <= only_first - only_second <= high for low, high in intervals])
    assert 0.94 < held < 0.96
    assert metrics.paired_interval(0, 0, 1)[0] >= -1


def test_macro_f1_interval_is_that_of_drawn_images() -> None:
    probabilities, targets = made_up(400)
    predicted = probabilities.argmax(axis=1)
    matrix = metrics.confusion_matrix(targets, predicted, 4)
    low, high = metrics.macro_f1_interval(matrix)
    assert low < metrics.macro_f1(matrix) < high
    assert (low, high) == metrics.macro_f1_interval(matrix)
    assert (low, high) != metrics.macro_f1_interval(matrix, seed=1)

    generator = np.random.default_rng(5)
    rows = generator.integers(0, 400, (2000, 400))
    drawn = [metrics.macro_f1(metrics.confusion_matrix(targets[r], predicted[r], 4)) for r in rows]
    np.testing.assert_allclose((low, high), np.percentile(drawn, [2.5, 97.5]), atol=0.006)
