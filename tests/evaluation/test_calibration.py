"""Calibration: known temperatures and thresholds are found, and hold on other images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.evaluation import calibration, metrics


def made_up(
    n: int, seed: int = 0, sharper: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Honest probabilities (n, 4) raised to `sharper`, and targets drawn from the honest ones."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 4))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (honest.cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1).astype(np.int64)
    odds = honest**sharper
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (20_000, 4))
    p = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    targets = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)
    got = calibration.fit_temperature((true * temperature).astype(np.float32), targets)
    assert got == pytest.approx(temperature, rel=0.05)


def test_threshold_is_the_lowest_that_keeps_the_promise() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    threshold = calibration.confidence_threshold
    assert threshold(probabilities, np.array([0, 0, 1, 1]), right=0.6) == pytest.approx(0.7)
    assert threshold(probabilities, np.array([0, 0, 0, 0]), right=0.85) == pytest.approx(0.6)
    assert threshold(probabilities, np.array([1, 1, 1, 1]), right=0.85) == 1.0


def test_tempering_is_the_softmax_of_divided_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (50, 4))

    def softmax(z: NDArray[np.float64]) -> NDArray[np.float32]:
        odds = np.exp(z)
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)

    found = calibration.tempered(softmax(logits), 1.7)
    np.testing.assert_allclose(found, softmax(logits / 1.7), atol=1e-6)
    sure = np.array([[1, 0]], np.float32)
    assert np.isfinite(calibration.tempered(sure, 0.5)).all()


def test_temperature_from_probabilities_is_that_from_logits() -> None:
    probabilities, targets = made_up(3000, sharper=1.6)
    found = calibration.fit_temperature(calibration.logits_of(probabilities), targets)
    assert found == pytest.approx(1.6, rel=0.1)


def test_held_out_halves_undo_boasting() -> None:
    probabilities, targets = made_up(4000, sharper=2.5)
    found = calibration.held_out(probabilities, targets)
    assert found.temperature == pytest.approx(2.5, rel=0.1)
    assert found.ece < 0.03 < metrics.ece(probabilities, targets)
    assert found.right == pytest.approx(calibration.MIN_RIGHT, abs=0.03)
    assert 0 < found.coverage < 1
    assert found == calibration.held_out(probabilities, targets)
    assert found != calibration.held_out(probabilities, targets, seed=1)


def test_held_out_halves_of_a_hopeless_model_answer_nothing() -> None:
    targets = np.zeros(20, np.int64)
    wrong = np.tile(np.array([[0.3, 0.7]], np.float32), (20, 1))
    found = calibration.held_out(wrong, targets)
    assert np.isnan(found.right)
    assert found.coverage == 0
