"""From a run of the detector to the ONNX file that livefer ships; the file describes itself."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from livefer.detection.native import MARK
from livefer.system.atomic import replacing
from livefer.train.checkpoint import below_prefix, load_checkpoint
from livefer.train.detector.config import DetectorConfig
from livefer.train.detector.network import STRIDES_PX, FaceNet
from livefer.train.export import commit, traced, write_graph
from livefer.version import __version__

FORMAT = "1"


class _Graph(nn.Module):
    """Pictures (1, H, W, 3) uint8 BGR → cells of each stride."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Any:
        return self.net(image.permute(0, 3, 1, 2).float())


def export_run(folder: Path, config: DetectorConfig) -> Path:
    """Write the averaged network of a run to detector.onnx in its folder; return the path."""
    tensors, _ = load_checkpoint(folder / "last.safetensors")
    net = FaceNet()
    net.load_state_dict(below_prefix("ema", tensors))
    output = folder / "detector.onnx"
    about = {"commit": commit(), "date": date.today().isoformat()}
    export_detector(net, output, {"config": config.model_dump_json(), **about})
    return output


def export_detector(net: FaceNet, output: Path, described: dict[str, str]) -> None:
    """Write the ONNX file of a network that takes pictures of 0–1; the file takes uint8."""
    fused = _fuse(net)
    with torch.no_grad():
        next(fused.stem.parameters()).div_(255)
    example = torch.zeros(1, 64, 96, 3, dtype=torch.uint8)
    shapes = {"image": {1: 32 * torch.export.Dim("h"), 2: 32 * torch.export.Dim("w")}}
    proto = traced(_Graph(fused), example, shapes, [f"cells_{stride}" for stride in STRIDES_PX])
    about = {MARK: FORMAT, "livefer_version": __version__, "strides": json.dumps(STRIDES_PX)}
    with replacing(output) as part:
        write_graph(proto, about | described, part)


def _fuse(net: FaceNet) -> FaceNet:
    """Fold each BatchNorm into the convolution before it."""
    net = copy.deepcopy(net).eval()
    for block in net.modules():
        if isinstance(block, nn.Sequential):
            for i in range(1, len(block)):
                conv, norm = block[i - 1], block[i]
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    block[i - 1], block[i] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return net
