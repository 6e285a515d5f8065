"""What a run can be resumed with, and what it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from training import run, tiny_split

from livefer.errors import ModelError

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_a_resumed_state_lies_on_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, epochs=1, ema=0.9)

    class Placed(Exception):
        pass

    def setup(fabric: Fabric, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        assert all(tensor.device.type == "meta" for tensor in model.state_dict().values())
        buffers = [state["momentum_buffer"] for state in optimizer.state.values()]
        assert [tensor.device.type for tensor in buffers] == ["meta"] * len(buffers)
        assert buffers
        raise Placed

    # torch's device without memory stands for a GPU.
    monkeypatch.setattr(Fabric, "device", torch.device("meta"))
    monkeypatch.setattr(Fabric, "setup", setup)
    with pytest.raises(Placed):
        run(tmp_path, resume=True, epochs=2, ema=0.9)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width": 12}, "width"),
        ({"optimizer": "adamw", "blocks": [1, 1, 1, 1]}, "blocks and optimizer"),
        ({"ema": 0.9}, "ema"),
    ],
)
def test_a_run_cannot_be_resumed_as_another(tmp_path: Path, changes: dict, named: str) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(ModelError, match=f"was made with another {named} than config"):
        run(tmp_path, resume=True, epochs=2, **changes)


def test_a_run_cannot_be_resumed_with_other_images(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(ModelError, match="was trained on other images than data/fer2013 holds"):
        run(tmp_path, resume=True, train=tiny_split(16), epochs=2)
