"""Weights that a run begins with: a checkpoint's, a wider network's, torchvision's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training import run

from livefer.errors import ModelError
from livefer.train.checkpoint import below_prefix, load_checkpoint
from livefer.train.initial_weights import load_backbone
from livefer.train.model import ResNetFER

pytestmark = pytest.mark.slow


def test_a_checkpoint_begins_another_run_without_its_head(tmp_path: Path) -> None:
    best = run(tmp_path / "first")
    model = ResNetFER(3, width=8)
    left_out = load_backbone(model, str(best))
    saved = below_prefix("model", load_checkpoint(best)[0])
    assert all(name.startswith("head.") for name in left_out)
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], saved[name]) for name in set(saved) - set(left_out))
    assert not torch.equal(loaded["head.1.weight"], saved["head.1.weight"])
    for other in (ResNetFER(3, width=4), ResNetFER(3, width=8, blocks=(2, 2, 2, 3))):
        with pytest.raises(ModelError, match="a network of the same kind fits"):
            load_backbone(other, str(best))


def test_a_wider_network_goes_on_from_what_a_narrower_one_knows(tmp_path: Path) -> None:
    best = run(tmp_path / "first")
    narrow, wide = ResNetFER(3, width=8), ResNetFER(3, width=12)
    load_backbone(narrow, str(best))
    load_backbone(wide, str(best))
    x = torch.rand(2, 1, 48, 48)
    known, features = narrow.eval().features(x), wide.eval().features(x)
    assert torch.allclose(features[:, :64], known, atol=1e-5)
    assert features[:, 64:].std() > 0
    wide.train().features(x).sum().backward()
    assert wide.layer2[0].conv1.weight.grad is not None
    assert wide.layer2[0].conv1.weight.grad[:16, 8:].abs().min() > 0  # old channels learn to listen


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, 'expected "random", "imagenet", a checkpoint or the path'),
        (lambda path: path.write_bytes(b"not a pickle"), "not a state dict"),
        (lambda path: torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, path), "does not fit"),
        (lambda path: torch.save([1], path), "does not fit"),
    ],
)
def test_initial_weights_that_do_not_fit(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "w.pth")
    with pytest.raises(ModelError, match=message):
        load_backbone(ResNetFER(width=8), str(tmp_path / "w.pth"))
