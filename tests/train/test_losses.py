"""The loss and the weights of classes, against what they should equal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from livefer.train.losses import class_weights, smooth_one_hot, soft_cross_entropy

pytestmark = pytest.mark.slow


def test_soft_cross_entropy_is_torchs_with_label_smoothing() -> None:
    logits, targets = torch.randn(9, 5), torch.randint(0, 5, (9,))
    smoothed = torch.from_numpy(smooth_one_hot(targets.numpy(), 5, 0.1))
    got = soft_cross_entropy(logits, smoothed, torch.ones(5))
    assert torch.allclose(got, F.cross_entropy(logits, targets, label_smoothing=0.1))


def test_class_weights() -> None:
    targets = np.array([0] * 6 + [1] * 3 + [2])
    inverse = class_weights(targets, 3, "inverse").numpy()
    np.testing.assert_allclose(inverse, 10 / (3 * np.array([6, 3, 1])), rtol=1e-6)
    for kind in ("none", "inverse", "effective"):
        weights = class_weights(targets, 3, kind).numpy()
        assert weights[targets].mean() == pytest.approx(1)
    effective = class_weights(targets, 3, "effective").numpy()
    assert effective[0] < effective[1] < effective[2]
    assert class_weights(targets, 4, "inverse").tolist() == pytest.approx([*inverse, 0])
