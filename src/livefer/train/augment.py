"""Augmentation of whole batches on the device, with torch's global generator.

Takes the same uint8 crops as inference does, and returns changed copies as float, 0–1.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from livefer.train.config import Augment

# ISO/IEC 10918-1 (1992), Annex K, table K.1: luminance quantisation at quality 50.
_JPEG_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


def augment(faces: Tensor, config: Augment) -> Tensor:
    """Return a changed copy of a batch.

    faces: (N, 48, 48) uint8
    returns: (N, 1, 48, 48) float32, 0–1
    """
    x = faces[:, None].float() / 255
    x = _move(x, config)
    x = _light(x, config)
    if config.blur:
        x = _some(x, _blur(x), config.blur)
    if config.degrade:
        x = _some(x, _degrade(x), config.degrade)
    if config.noise:
        x = _some(x, _noise(x), config.noise)
    if config.erase:
        x = _erase(x, config.erase)
    return x


def mix(x: Tensor, targets: Tensor, config: Augment) -> tuple[Tensor, Tensor]:
    """Mix each face of a batch with another one: mixup or CutMix, or either at even odds.

    x: (N, 1, H, W) float
    targets: (N, C) float, rows sum to 1
    Zhang et al. 2018, https://arxiv.org/abs/1710.09412; Yun et al. 2019,
    https://arxiv.org/abs/1905.04899
    """
    cut = config.cutmix > 0 and (config.mixup == 0 or torch.rand(()) < 0.5)
    alpha = config.cutmix if cut else config.mixup
    if alpha == 0:
        return x, targets
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(x), device=x.device)
    if cut:
        height, width = x.shape[2:]
        cut_h, cut_w = (round(side * math.sqrt(1 - share)) for side in (height, width))
        top, left = int(torch.randint(height, ())), int(torch.randint(width, ()))
        rows = slice(max(top - cut_h // 2, 0), top - cut_h // 2 + cut_h)
        columns = slice(max(left - cut_w // 2, 0), left - cut_w // 2 + cut_w)
        mixed = x.clone()
        mixed[:, :, rows, columns] = x[other][:, :, rows, columns]
        share = 1 - mixed[0, 0, rows, columns].numel() / (height * width)
    else:
        mixed = share * x + (1 - share) * x[other]
    return mixed, share * targets + (1 - share) * targets[other]


def unmake(x: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Turn a share of the faces into crops without a face: a piece enlarged, or pieces shuffled.

    Their targets become even, so that the network learns to be unsure of such crops (outlier
    exposure, Hendrycks et al. 2019, https://arxiv.org/abs/1812.04606).

    x: (N, 1, H, W) float, H and W divisible by 4
    targets: (N, ..., C) float
    """
    pieces = torch.where((_uniform(x, 0, 1) < 0.5)[:, None, None, None], _piece(x), _shuffled(x))
    chosen = _uniform(x, 0, 1) < share
    even = torch.full_like(targets, 1 / targets.shape[-1])
    return (
        torch.where(chosen[:, None, None, None], pieces, x),
        torch.where(chosen.view(-1, *[1] * (targets.ndim - 1)), even, targets),
    )


def _piece(x: Tensor) -> Tensor:
    """Enlarge a square of each face, with a sixth to a third of its side."""
    zoom = _uniform(x, 1 / 6, 1 / 3)
    zero, left = torch.zeros_like(zoom), _uniform(x, -1, 1) * (1 - zoom)
    return _sampled(x, (zoom, zero, left), (zero, zoom, _uniform(x, -1, 1) * (1 - zoom)))


def _shuffled(x: Tensor) -> Tensor:
    """Cut each face into 4×4 pieces and shuffle them."""
    n, _, height, width = x.shape
    h, w = height // 4, width // 4
    pieces = x.view(n, 4, h, 4, w).transpose(2, 3).reshape(n, 16, h, w)
    order = torch.rand(n, 16, device=x.device).argsort(dim=1)
    pieces = pieces.gather(1, order[:, :, None, None].expand_as(pieces))
    return pieces.view(n, 4, 4, h, w).transpose(2, 3).reshape(x.shape)


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(x), device=x.device).uniform_(low, high)


def _some(x: Tensor, changed: Tensor, probability: float) -> Tensor:
    """Return `changed` for a random share of the batch, `x` for the rest."""
    return torch.where((_uniform(x, 0, 1) < probability)[:, None, None, None], changed, x)


def _move(x: Tensor, config: Augment) -> Tensor:
    """Flip, rotate, zoom and shift in one resampling; the border is repeated."""
    angle = _uniform(x, -1, 1) * math.radians(config.rotation_deg)
    zoom = 1 / _uniform(x, *config.scale)
    flip = torch.where(_uniform(x, 0, 1) < config.flip, -1.0, 1.0)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    right = _uniform(x, -2, 2) * config.shift
    down = _uniform(x, -2, 2) * config.shift
    return _sampled(x, (cos * flip, -sin, right), (sin * flip, cos, down))


def _sampled(x: Tensor, *rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Resample each image by an affine map: two rows of three entries, (N,) each."""
    theta = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # (N, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _light(x: Tensor, config: Augment) -> Tensor:
    """Change brightness, contrast (about the face's own mean) and gamma."""
    if config.contrast:
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        gain = 1 + _uniform(x, -1, 1) * config.contrast
        x = mean + (x - mean) * gain[:, None, None, None]
    if config.brightness:
        x = x + (_uniform(x, -1, 1) * config.brightness)[:, None, None, None]
    x = x.clamp(0, 1)
    if config.gamma:
        exponent = torch.exp(_uniform(x, -1, 1) * -math.log(1 - config.gamma))
        x = x.clamp_min(1e-4) ** exponent[:, None, None, None]
    return x


def _blur(x: Tensor) -> Tensor:
    """Blur each face with a Gaussian of standard deviation 0.4 to 1.5 px."""
    sigma = _uniform(x, 0.4, 1.5)
    at = torch.arange(-3, 4, device=x.device)
    kernel = torch.exp(-(at**2) / (2 * sigma[:, None] ** 2))  # (N, 7)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    n = len(x)
    y = F.pad(x.transpose(0, 1), (3, 3, 3, 3), mode="replicate")  # (1, N, 54, 54)
    y = F.conv2d(y, kernel[:, None, None, :], groups=n)
    return F.conv2d(y, kernel[:, None, :, None], groups=n).transpose(0, 1)


def _degrade(x: Tensor) -> Tensor:
    """Halve the resolution of half the faces, then quantise all as JPEG does at quality 10–60."""
    low = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
    x = _some(x, F.interpolate(low, size=x.shape[2:], mode="bilinear"), 0.5)
    k = torch.arange(8, device=x.device, dtype=torch.float32)
    dct = torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / 16) / 2  # (8, 8), orthonormal
    dct[0] /= math.sqrt(2)
    quality = _uniform(x, 10, 60)
    strength = torch.where(quality < 50, 50 / quality, 2 - quality / 50) / 255  # libjpeg's scale
    step = _jpeg_table(x.device) * strength[:, None, None, None, None]
    blocks = x[:, 0].unfold(1, 8, 8).unfold(2, 8, 8)  # (N, 6, 6, 8, 8)
    blocks = dct.T @ ((dct @ blocks @ dct.T / step).round() * step) @ dct
    return blocks.transpose(2, 3).reshape(x.shape).clamp(0, 1)


@lru_cache
def _jpeg_table(device: torch.device) -> Tensor:
    """Return the table, (8, 8) float32; a copy in each step would make the host wait for a GPU."""
    return torch.tensor(_JPEG_TABLE, device=device, dtype=torch.float32)


def _noise(x: Tensor) -> Tensor:
    """Add Gaussian noise, as of a sensor, with a deviation of up to a tenth of white."""
    sigma = _uniform(x, 0, 0.1)[:, None, None, None]
    return (x + sigma * torch.randn_like(x)).clamp(0, 1)


def _erase(x: Tensor, probability: float) -> Tensor:
    """Cover a rectangle of 2–25 % of the face with one gray level.

    Zhong et al. 2020, https://arxiv.org/abs/1708.04896
    """
    height, width = x.shape[2:]
    area, ratio = _uniform(x, 0.02, 0.25), _uniform(x, math.log(0.4), math.log(2.5)).exp()
    half_h, half_w = (area * ratio).sqrt() / 2, (area / ratio).sqrt() / 2
    rows = ((torch.arange(height, device=x.device) + 0.5) / height)[None]
    columns = ((torch.arange(width, device=x.device) + 0.5) / width)[None]
    inside_h = (rows - _uniform(x, 0, 1)[:, None]).abs() < half_h[:, None]  # (N, H)
    inside_w = (columns - _uniform(x, 0, 1)[:, None]).abs() < half_w[:, None]  # (N, W)
    chosen = (_uniform(x, 0, 1) < probability)[:, None, None]
    inside = (inside_h[:, :, None] & inside_w[:, None, :] & chosen)[:, None]
    return torch.where(inside, _uniform(x, 0, 1)[:, None, None, None], x)
