"""Learning rate, weight decay and averaged weights."""

from __future__ import annotations

import pytest
import torch

from livefer.train.config import Config
from livefer.train.model import ResNetFER
from livefer.train.optim import learning_rate, make_optimizer, update_ema

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("epoch", "expected"), [(0.5, 0.5), (1, 1), (5.5, 0.55), (10, 0.1)])
def test_learning_rate_warms_up_and_follows_a_cosine(epoch: float, expected: float) -> None:
    config = Config(epochs=10, warmup_epochs=1, lr=1, lr_floor=0.1)
    assert learning_rate(config, epoch) == pytest.approx(expected)


def test_weight_decay_spares_norms_and_biases() -> None:
    model = ResNetFER(width=8)
    optimizer = make_optimizer(model, Config(weight_decay=0.1, decay_norm_and_bias=False))
    decayed = {id(p) for g in optimizer.param_groups if g["weight_decay"] for p in g["params"]}
    for name, parameter in model.named_parameters():
        spared = "bn" in name or "norm" in name or parameter.ndim == 1
        assert (id(parameter) in decayed) != spared, name
    (all_of_them,) = make_optimizer(model, Config(weight_decay=0.1)).param_groups
    assert len(all_of_them["params"]) == len(list(model.parameters()))


def test_ema_moves_by_one_minus_decay_and_forgets_the_start() -> None:
    ema, model = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(ema.weight)
    torch.nn.init.ones_(model.weight)
    update_ema(ema, model, 0.99, step=10**6)
    assert ema.weight.item() == pytest.approx(0.01)
    update_ema(ema, model, 0.99, step=0)
    assert ema.weight.item() == pytest.approx(0.1 * 0.01 + 0.9)
