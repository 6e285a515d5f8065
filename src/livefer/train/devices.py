"""The devices of a run: placement, precision, memory, and batch statistics across devices."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from livefer.errors import ConfigError
from livefer.system.machine import thread_limit
from livefer.train.config import Config

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def make_fabric(config: Config, accelerator: str, devices: int, num_nodes: int) -> Fabric:
    """Return the Fabric that places a run on devices, in the precision that suits them.

    accelerator: "auto" (a GPU if there is one), "cpu" or "cuda"
    devices: processes or GPUs on each of `num_nodes` machines

    Raises ConfigError where the machine lacks them, or the batch cannot be divided among them.
    """
    if accelerator not in ("auto", "cpu", "cuda"):
        raise ConfigError(f'accelerator is "auto", "cpu" or "cuda", got "{accelerator}"')
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError("accelerator cuda: torch finds no GPU; leave the option out to use CPUs")
    if config.batch_size % (devices * num_nodes):
        raise ConfigError(
            f"batch_size {config.batch_size} does not divide by {devices * num_nodes} devices"
        )
    if accelerator == "auto":  # Fabric's own "auto" takes Apple's GPUs, which are not supported
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    on_gpu = accelerator == "cuda"
    if on_gpu and devices > torch.cuda.device_count():
        raise ConfigError(
            f"devices {devices}: this machine has {torch.cuda.device_count()} GPUs; choose fewer, "
            "or the accelerator cpu"
        )
    limit_threads(devices)
    strategy = "auto"
    if devices * num_nodes > 1:
        strategy = "ddp_find_unused_parameters_true" if config.freeze_epochs else "ddp"
    return Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision="bf16-mixed" if _uses_bf16(config, on_gpu) else "32-true",
    )


def limit_threads(processes: int = 1) -> None:
    """Let torch start no more threads than this process may use cores, which torch cannot tell.

    processes: that share them
    """
    most = thread_limit()
    if most is not None:
        torch.set_num_threads(max(1, min(torch.get_num_threads(), most // processes)))


def compiled(model: nn.Module, config: Config, device: torch.device) -> tuple[nn.Module, str]:
    """Return the module, compiled if configured and possible; and the reason if it is not."""
    if not config.compile or device.type != "cuda":
        return model, ""
    if importlib.util.find_spec("triton") is None:
        return model, "this torch has no Triton"
    if platform.system() == "Linux" and not (
        "CC" in os.environ or shutil.which("gcc") or shutil.which("clang")
    ):
        return model, "Triton needs a C compiler, and neither gcc nor clang is installed"
    return cast(nn.Module, torch.compile(model)), ""


class _SumOverDevices(torch.autograd.Function):
    """The sum over all devices; its gradient is the sum of the gradients of all devices."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _SumOverDevices.forward(ctx, gradient)


class SyncedBatchNorm(_BatchNorm):
    """BatchNorm over the rows of all devices, so that n devices compute what one does.

    torch's own SyncBatchNorm works on GPUs only.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        wide = x.float()
        axes = [0, *range(2, x.ndim)]
        count = torch.tensor([wide.numel() / wide.shape[1]], device=x.device)
        sums = torch.cat([wide.sum(axes), wide.square().sum(axes), count])
        sums = _SumOverDevices.apply(sums)  # type: ignore[no-untyped-call]
        n, n_channels = sums[-1], wide.shape[1]
        mean = sums[:n_channels] / n
        var = sums[n_channels : 2 * n_channels] / n - mean.square()
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * n / (n - 1), self.momentum)
            self.num_batches_tracked += 1
        shape = [1, -1] + [1] * (x.ndim - 2)
        gain = self.weight * torch.rsqrt(var + self.eps)
        y = (wide - mean.view(shape)) * gain.view(shape) + self.bias.view(shape)
        return torch.as_tensor(y, dtype=x.dtype)


def synchronise_batchnorm(module: nn.Module) -> None:
    """Replace every BatchNorm by one over all devices; parameters, buffers and names stay."""
    for name, child in module.named_children():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            synced = SyncedBatchNorm(child.num_features, child.eps, child.momentum)
            synced.load_state_dict(child.state_dict())
            setattr(module, name, synced)
        else:
            synchronise_batchnorm(child)


def keep_freed_memory() -> None:
    """Make glibc reuse the memory of freed tensors instead of returning it to the system.

    Mapping it again for each batch costs page faults. Without glibc this does nothing.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def _uses_bf16(config: Config, on_gpu: bool) -> bool:
    """Tell whether to compute in bf16: "auto" means where the device multiplies it natively.

    A processor does with AVX512-BF16 or AMX; on others bf16 is slower than float32.
    """
    if config.precision != "auto":
        return config.precision == "bf16"
    if on_gpu:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
