"""The face detector's network: three grids of cells, each with a score, a box and five landmarks.

One pass and no anchors: every cell is a point that may be a face's middle, as in FCOS (Tian et al.
2019, https://arxiv.org/abs/1904.01355). Convolutions are depthwise-separable and the whole is of
YuNet's size (Wu, Peng and Yu 2023, https://doi.org/10.1007/s11633-023-1423-y). Most of the
computing is done at stride 8, where small faces are decided, as SCRFD found (Guo et al. 2021,
https://arxiv.org/abs/2105.04714).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDES_PX = (8, 16, 32)
N_LANDMARKS = 5
CHANNELS = 1 + 4 + 2 * N_LANDMARKS  # of a cell: score, box, landmarks
_PRIOR = 0.01  # of a cell being a face, before training


class Separable(nn.Sequential):
    """A depthwise 3×3 convolution, then a pointwise one, with BatchNorm and ReLU behind each."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(n_in, n_in, 3, stride, 1, groups=n_in, bias=False),
            nn.BatchNorm2d(n_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_in, n_out, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """A separable convolution whose answer is added to its input."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.body = Separable(n, n)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


class FaceNet(nn.Module):
    """Pictures (N, 3, H, W), 0–1, BGR → for each stride (N, 15, H / stride, W / stride).

    H and W are multiples of 32. Channels of a cell: the logit of its score; its box: the middle, in
    strides from the cell's own, and the logarithms of width and height in strides; five landmarks
    (right eye, left eye, nose, right and left corner of the mouth, as the viewer sees them from
    left to right), x and y in strides from the cell's middle.

    channels: at strides 2, 4, 8, and from 16 on
    depths: residual blocks at strides 4, 8, 16 and 32
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int] = (16, 32, 48, 64),
        depths: tuple[int, int, int, int] = (0, 3, 3, 3),
    ) -> None:
        super().__init__()
        n2, n4, n8, n16 = channels
        self.stem = nn.Sequential(
            nn.Conv2d(3, n2, 3, 2, 1, bias=False), nn.BatchNorm2d(n2), nn.ReLU(inplace=True)
        )
        self.stage4 = _stage(n2, n4, depths[0])
        self.stage8 = _stage(n4, n8, depths[1])
        self.stage16 = _stage(n8, n16, depths[2])
        self.stage32 = _stage(n16, n16, depths[3])
        self.merge16 = Separable(n16, n16)
        self.narrow = nn.Sequential(nn.Conv2d(n16, n8, 1, bias=False), nn.BatchNorm2d(n8))
        self.merge8 = Separable(n8, n8)
        self.heads = nn.ModuleList(_head(n) for n in (n8, n16, n16))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x8 = self.stage8(self.stage4(self.stem(x)))
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        x16 = self.merge16(x16 + F.interpolate(x32, scale_factor=2.0, mode="nearest"))
        x8 = self.merge8(x8 + F.interpolate(self.narrow(x16), scale_factor=2.0, mode="nearest"))
        levels = (x8, x16, x32)
        first, second, third = (h(x) for h, x in zip(self.heads, levels, strict=True))
        return first, second, third


def _head(n: int) -> nn.Sequential:
    """Return what turns features into cells; before training hardly any cell is a face."""
    last = nn.Conv2d(n, CHANNELS, 1)
    nn.init.normal_(last.weight, std=0.01)
    bias = torch.zeros(CHANNELS)
    bias[0] = math.log(_PRIOR / (1 - _PRIOR))
    bias[3:5] = 1.0  # a face is some strides wide
    last.bias = nn.Parameter(bias)
    return nn.Sequential(Separable(n, n), last)


def _stage(n_in: int, n_out: int, depth: int) -> nn.Sequential:
    """Halve the resolution, then refine."""
    return nn.Sequential(Separable(n_in, n_out, 2), *(Residual(n_out) for _ in range(depth)))
