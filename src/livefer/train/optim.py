"""The optimiser, the schedule of its learning rate, and the averaged weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from livefer.train.config import Config


def make_optimizer(model: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Return the configured optimiser; `decay_norm_and_bias` decides where weight decay applies."""
    plain = [p for p in model.parameters() if p.ndim > 1 or config.decay_norm_and_bias]
    spared = [p for p in model.parameters() if p.ndim <= 1 and not config.decay_norm_and_bias]
    groups = [
        {"params": plain, "weight_decay": config.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        return torch.optim.SGD(groups, config.lr, momentum=config.momentum, nesterov=nesterov)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, config.lr)


def learning_rate(config: Config, epoch: float) -> float:
    """Return the rate at an epoch, with fractions: linear warm-up, then a cosine to the floor.

    Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983
    """
    if epoch < config.warmup_epochs:
        return config.lr * max(epoch, 0.01) / config.warmup_epochs
    done = (epoch - config.warmup_epochs) / (config.epochs - config.warmup_epochs)
    return config.lr_floor + (config.lr - config.lr_floor) * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Update the averaged weights; the average is short at first, so that it forgets the start."""
    decay = min(decay, (1 + step) / (10 + step))
    kept, new = ema.state_dict(), model.state_dict()
    names = [name for name, tensor in new.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([kept[name] for name in names], [new[name] for name in names], 1 - decay)
