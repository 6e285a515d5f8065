"""Devices: where a run computes, in which precision, and whether it is compiled."""

from __future__ import annotations

import pytest
import torch

from livefer.errors import ConfigError
from livefer.train import devices
from livefer.train.config import Config
from livefer.train.devices import make_fabric

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("gpus", "emulates", "precision"), [(0, False, None), (1, True, "32-true"), (1, False, None)]
)
def test_where_auto_computes(
    monkeypatch: pytest.MonkeyPatch, gpus: int, emulates: bool, precision: str | None
) -> None:
    monkeypatch.setattr(devices, "Fabric", dict)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or not emulates,
    )
    chosen: dict = make_fabric(Config(), "auto", 1, 1)
    assert chosen["accelerator"] == ("cuda" if gpus else "cpu")
    if gpus:
        assert chosen["precision"] == (precision or "bf16-mixed")
        with pytest.raises(ConfigError, match="devices 2: this machine has 1 GPU"):
            make_fabric(Config(), "auto", 2, 1)


def test_what_cannot_be_compiled_is_trained_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda model: torch.nn.Sequential(model))
    there = {"triton": True, "gcc": True}
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: there.get(name) or None)
    monkeypatch.setattr(devices.shutil, "which", lambda name: there.get(name) or None)
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    monkeypatch.delenv("CC", raising=False)
    model, gpu = torch.nn.Linear(1, 1), torch.device("cuda")
    assert isinstance(devices.compiled(model, Config(), gpu)[0], torch.nn.Sequential)
    assert devices.compiled(model, Config(), torch.device("cpu")) == (model, "")
    assert devices.compiled(model, Config(compile=False), gpu) == (model, "")
    there["gcc"] = False
    same, why = devices.compiled(model, Config(), gpu)
    assert same is model
    assert "neither gcc nor clang" in why
    there["triton"] = False
    assert devices.compiled(model, Config(), gpu)[1] == "this torch has no Triton"
