"""Distillation: the mean of several trained networks teaches one.

Hinton et al. 2015, https://arxiv.org/abs/1503.02531. Teachers get the same augmented and mixed
batch as the student (Beyer et al. 2022, https://arxiv.org/abs/2106.05237).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from livefer.errors import ConfigError
from livefer.train.checkpoint import build_model, load_checkpoint, weights_of
from livefer.train.config import Config, parse_config


class Teachers(nn.Module):
    """The mean answer of trained networks, and the loss of a student against it."""

    def __init__(self, config: Config, classes: tuple[str, ...]) -> None:
        """Load the configured checkpoints; ConfigError where one has learned something else."""
        super().__init__()
        self.temperature, self.weight = config.distill.temperature, config.distill.weight
        self._networks = nn.ModuleList()
        self._scales: list[tuple[float, float]] = []
        for name in config.distill.teachers:
            tensors, meta = load_checkpoint(Path(name))
            learned = parse_config(meta["config"], name)
            if tuple(meta["classes"]) != classes or learned.heads != config.heads:
                raise ConfigError(
                    f"distill.teachers: {name} has learned {' and '.join(learned.heads)} of "
                    f"{', '.join(meta['classes'])}; this run learns "
                    f"{' and '.join(config.heads)} of {', '.join(classes)}"
                )
            network = build_model(learned, len(classes))
            network.load_state_dict(weights_of(tensors))
            self._networks.append(network)
            self._scales.append((meta["mean"], meta["std"]))
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def forward(self, x: Tensor, heads: int) -> Tensor:
        """Return the mean of the teachers' softened answers.

        x: (N, 1, H, W) float, 0–1, before the student's own normalisation
        returns: (N, heads, C) float32, rows sum to 1
        """
        total: Tensor | float = 0.0
        for network, (mean, std) in zip(self._networks, self._scales, strict=True):
            scaled = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
            logits = network(scaled).float()
            total = total + (logits.view(len(x), heads, -1) / self.temperature).softmax(dim=-1)
        return torch.as_tensor(total / len(self._networks))

    def loss(self, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the cross-entropy with the teachers, times T²: its size does not depend on T.

        logits, answers: (N, heads, C) float
        """
        log_p = F.log_softmax(logits.float() / self.temperature, dim=-1)
        return -(answers * log_p).sum(dim=-1).mean() * self.temperature**2
