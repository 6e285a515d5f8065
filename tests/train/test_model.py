"""The network: sizes, shapes and names."""

from __future__ import annotations

import math

import pytest
import torch

from livefer.train.model import ResNetFER

pytestmark = pytest.mark.slow


def test_network_has_resnet18s_size_shapes_and_names() -> None:
    model = ResNetFER().eval()
    x = torch.rand(2, 1, 48, 48)
    assert model.features(x).shape == (2, 512, 6, 6)
    assert model(x).shape == (2, 7)
    n = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("head."))
    # torchvision's ResNet-18 without its classifier has 11,176,512; the stem here is 1×3×3.
    assert n == 11_176_512 - 64 * 3 * 49 + 64 * 1 * 9
    names = {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
             "layer2.0.downsample.1.running_var", "layer4.1.bn2.num_batches_tracked"}  # fmt: skip
    assert names <= set(model.state_dict())


def test_smaller_networks() -> None:
    model = ResNetFER(n_classes=4, width=8, stem_stride=2).eval()
    assert model.features(torch.rand(1, 1, 48, 48)).shape == (1, 64, 3, 3)
    assert model(torch.rand(1, 1, 32, 32)).shape == (1, 4)


def test_relatives_for_teachers() -> None:
    deep = ResNetFER(width=8, blocks=(3, 4, 6, 3))
    assert [len(stage) for stage in deep.backbone()[2:]] == [3, 4, 6, 3]
    plain = ResNetFER(width=8, shortcuts=False).eval()
    assert not [name for name in plain.state_dict() if "downsample" in name]
    assert plain(torch.rand(1, 1, 48, 48)).shape == (1, 7)
    excited = ResNetFER(width=8, se=True).eval()
    plain_names = set(ResNetFER(width=8).state_dict())
    assert {name for name in excited.state_dict() if ".se." not in name} == plain_names
    assert excited(torch.rand(2, 1, 48, 48)).shape == (2, 7)


def test_initial_weights_keep_the_variance_of_the_stem() -> None:
    torch.manual_seed(0)
    weight = ResNetFER().conv1.weight
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / 9), rel=0.1)
