"""How many faces a second a training step takes, by width, stem, resolution and precision.

python bench/train_step.py [--device cpu|cuda] [--steps N]

Prints medians over the steps after two for warm-up, forward, backward and SGD included, on random
faces. It is what configs/cpu.yaml was sized with.
"""

from __future__ import annotations

import statistics
import time

import torch
import torch.nn.functional as F
from lib.common import arguments, run

from livefer.train.devices import keep_freed_memory
from livefer.train.model import ResNetFER

# width, stem stride, side in pixels
NETWORKS = [
    (64, 1, 48),
    (64, 1, 32),
    (64, 1, 24),
    (64, 2, 48),
    (32, 1, 48),
    (32, 1, 32),
    (32, 1, 24),
]


def faces_per_second(
    network: tuple[int, int, int], bf16: bool, device: str, steps: int, batch: int = 64
) -> float:
    """Return the median rate of a network's training steps."""
    width, stem_stride, side = network
    torch.manual_seed(0)
    model = ResNetFER(7, width, stem_stride).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
    x = torch.randn(batch, 1, side, side, device=device).to(memory_format=torch.channels_last)
    y = torch.randint(7, (batch,), device=device)
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            logits = model(x)
        torch.autograd.backward(F.cross_entropy(logits.float(), y))
        optimizer.step()
        optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return batch / statistics.median(times[2:])


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    keep_freed_memory()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch 64")
    print("| width | stem stride | pixels | float32, faces/s | bf16, faces/s |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for network in NETWORKS:
        rates = [faces_per_second(network, bf16, args.device, args.steps) for bf16 in (False, True)]
        print(f"| {' | '.join(map(str, network))} | {rates[0]:.0f} | {rates[1]:.0f} |", flush=True)


if __name__ == "__main__":
    run(main)
