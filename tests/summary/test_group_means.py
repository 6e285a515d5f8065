"""Means over participants and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from livefer.errors import DatasetError
from livefer.labels import CLASSES
from livefer.summary.group_means import group_means_picture, group_of, mean_interval


def row(participant: str, condition: str, happy: float, seen: float = 1.0) -> dict[str, Any]:
    shares = {f"share_{name}": 0.0 for name in (*CLASSES, "uncertain")}
    return {
        **{"participant": participant, "condition": condition, "seen": seen},
        **shares,
        "share_happy": happy,
        "share_neutral": 1 - happy,
    }


def test_intervals_are_students() -> None:
    # Of 4.0, 5.0 and 9.0: a mean of 6 and a standard error of sqrt(7 / 3).
    mean, half = mean_interval([4.0, 5.0, 9.0])
    assert mean == 6.0
    assert half == pytest.approx(4.303 * np.sqrt(7 / 3))
    assert mean_interval([0.3]) == (0.3, None)
    values = np.random.default_rng(0).normal(0, 1, 61).tolist()
    expected = 2.0003 * np.std(values, ddof=1) / 61**0.5
    assert mean_interval(values)[1] == pytest.approx(expected, rel=1e-3)


def test_the_column_that_groups() -> None:
    assert group_of(["participant", "age", "condition"]) == "condition"
    assert group_of(["participant", "sex"]) == "sex"
    assert group_of(["participant", "sex", "age"]) is None
    assert group_of(["participant"]) is None


def test_each_participant_counts_once_in_a_group() -> None:
    rows = [row("a", "calm", 0.2), row("b", "calm", 0.6), row("a", "wild", 0.9),
            row("c", "wild", 0.0, seen=0.0)]  # fmt: skip
    figure = group_means_picture(rows, ["participant", "condition"], CLASSES)
    axes = figure.axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["calm: 2 participants", "wild: 1 participant"]
    happy = CLASSES.index("happy")
    means = [container.lines[0].get_ydata()[happy] for container in axes.containers]
    assert means == [pytest.approx(0.4), pytest.approx(0.9)]
    with pytest.raises(DatasetError, match="no participant was seen"):
        group_means_picture(rows[3:], ["participant", "condition"], CLASSES)
    many = [row("a", f"c{i}", 0.5) for i in range(9)]
    with pytest.raises(DatasetError, match="has 9 values"):
        group_means_picture(many, ["participant", "condition"], CLASSES)
