"""Targets, class weights and the loss."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def class_weights(targets: NDArray[np.int64], n_classes: int, kind: str) -> Tensor:
    """Return weights (C,) float32 whose mean over the training images is 1; 0 without images.

    targets: (N,) int64
    kind: "none"; "inverse", N / (C · N_c); or "effective", (1 - β) / (1 - β^N_c) with β = 0.9999
        (Cui et al. 2019, https://arxiv.org/abs/1901.05555)
    """
    counts = np.bincount(targets, minlength=n_classes).astype(np.float64)
    if kind == "none":
        weights = np.ones(n_classes)
    elif kind == "inverse":
        weights = 1 / np.maximum(counts, 1)
    else:
        weights = (1 - 0.9999) / (1 - 0.9999 ** np.maximum(counts, 1))
    weights[counts == 0] = 0
    weights *= counts.sum() / (weights * counts).sum()
    return torch.tensor(weights, dtype=torch.float32)


def smooth_one_hot(
    targets: NDArray[np.int64], n_classes: int, smoothing: float
) -> NDArray[np.float32]:
    """Return (N, C) float32 rows with 1 - ε on the target and ε spread over all classes.

    Szegedy et al. 2016, https://arxiv.org/abs/1512.00567
    """
    one_hot = np.eye(n_classes)[targets]
    return np.asarray(one_hot * (1 - smoothing) + smoothing / n_classes, np.float32)


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the batch of -Σ_c w_c t_c log softmax(logits)_c.

    logits: (N, ..., C) float
    targets: (N, ..., C) float; rows sum to the image's weight, mostly 1
    weights: (..., C) float; their mean over the data is 1, so the sum is divided by N alone: the
        gradient of a batch is the mean of the gradients of its parts
    """
    return -(targets * weights * F.log_softmax(logits, dim=-1)).sum(dim=-1).mean()
