"""The training loop: resumed = uninterrupted, two processes = one, and the best epoch is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import torch
from training import CLASSES, TINY, interrupt_in_step, run, tiny_split, write_votes

from livefer.errors import ConfigError
from livefer.train import fit
from livefer.train.checkpoint import below_prefix, load_checkpoint, load_predictor
from livefer.train.config import parse_config
from livefer.train.model import ResNetFER
from livefer.train.prepare import start_folder

pytestmark = pytest.mark.slow


def test_it_learns(tmp_path: Path) -> None:
    # Long enough for the running statistics: after 6 epochs the processor's rounding decided.
    best = run(tmp_path, epochs=36, dropout=0, augment={"flip": 0})
    predict, classes = load_predictor(best)
    val = tiny_split(9, seed=1)
    assert classes == CLASSES
    assert (predict(val.faces).argmax(axis=1) == val.targets).mean() > 0.9


def test_both_label_sets_have_a_head_each(tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "votes.csv", 24, opposite=True)
    best = run(tmp_path / "run", learn="both", votes=str(votes), epochs=12, lr=0.02, dropout=0.0)
    record = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert {"val_accuracy", "val_votes_accuracy", "val_votes_loss"} <= set(record)
    val = tiny_split(9, seed=1, name="val")
    for labels, expected in (("labels", val.targets), ("votes", 2 - val.targets)):
        predict, classes = load_predictor(best, labels)
        assert classes == CLASSES
        assert predict(val.faces).shape == (9, 3)
        assert (predict(val.faces).argmax(axis=1) == expected).mean() > 0.6
    priors = load_checkpoint(best)[1]["priors"]
    assert priors == {"labels": pytest.approx([1 / 3] * 3), "votes": pytest.approx([1 / 3] * 3)}


def assert_same_state(a: Path, b: Path) -> None:
    (tensors_a, meta_a), (tensors_b, meta_b) = load_checkpoint(a), load_checkpoint(b)
    assert meta_a == meta_b
    assert tensors_a.keys() == tensors_b.keys()
    for name, tensor in tensors_a.items():
        assert torch.equal(tensor, tensors_b[name]), name


@pytest.mark.parametrize("stop_at", [1, 3, 5], ids=lambda n: f"after {n} steps")
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "ema": 0.9, "augment": {"rotation_deg": 10, "mixup": 0.2}},
        {"optimizer": "adam", "lr": 0.001, "warmup_epochs": 1},
    ],
    ids=["sgd", "adam"],
)
def test_resumed_is_uninterrupted_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict, stop_at: int
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, **changes)
    with monkeypatch.context() as patch:
        interrupt_in_step(patch, stop_at)
        with pytest.raises(fit.Interrupted, match="stopped in epoch"):
            run(parts, **changes)
    run(parts, resume=True, **changes)
    for name in ("last.safetensors", "best.safetensors"):
        assert_same_state(whole / name, parts / name)
    records = [
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (whole, parts)
    ]
    for record in [*records[0], *records[1]]:
        del record["seconds"], record["images_per_s"]
    assert records[0] == records[1]
    assert [record["epoch"] for record in records[0]] == [0, 1, 2]


def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    split = tiny_split(24)
    for i, (face, target) in enumerate(zip(split.faces, split.targets, strict=True)):
        folder = tmp_path / "data" / ("train" if i < 16 else "val") / CLASSES[target]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{i}.png"), face)
    states = []
    for n_devices in (1, 2):
        folder = tmp_path / f"on{n_devices}"
        subprocess.run(
            [sys.executable, "-m", "livefer", "train", f"data={tmp_path / 'data'}", "--out", folder,
             "--accelerator", "cpu", "--devices", str(n_devices), "epochs=1", "width=8",
             "dropout=0", "batch_size=8", "lr=0.001", "resolution=[[0,16]]", "precision=float32",
             "augment.rotation_deg=9"],
            check=True, timeout=300,
        )  # fmt: skip
        states.append(load_checkpoint(folder / "last.safetensors"))
    (one, meta_one), (two, meta_two) = states
    assert meta_one["progress"]["best"] == meta_two["progress"]["best"]
    assert one.keys() == two.keys()
    # Sums in another order differ by 1e-6 after one step, and by a hundred times more after two.
    for name, tensor in below_prefix("model", one).items():
        torch.testing.assert_close(tensor, two[f"model.{name}"], rtol=1e-3, atol=2e-4, msg=name)


def test_early_stopping_counts_epochs_without_a_better_val(tmp_path: Path) -> None:
    run(tmp_path, epochs=12, patience=2, lr=1e-8)
    n_epochs = len((tmp_path / "metrics.jsonl").read_text().splitlines())
    assert n_epochs == load_checkpoint(tmp_path / "last.safetensors")[1]["progress"]["epoch"]
    assert n_epochs < 12


def test_frozen_backbone_keeps_weights_and_statistics(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = ResNetFER(width=8)
    state = {k: v for k, v in donor.state_dict().items() if not k.startswith("head.")}
    state["conv1.weight"], state["fc.weight"] = torch.zeros(4, 3, 7, 7), torch.zeros(1000, 32)
    torch.save(state, tmp_path / "resnet.pth")
    changes = {"init": str(tmp_path / "resnet.pth"), "epochs": 2, "freeze_epochs": 1}
    states = {}
    for epochs in (1, 2):
        folder = tmp_path / str(epochs)
        config = parse_config(TINY | changes, "test")
        start_folder(folder, config)
        if epochs == 1:
            with pytest.MonkeyPatch.context() as patch:
                interrupt_in_step(patch, 3)
                with pytest.raises(fit.Interrupted):
                    run(folder, **changes)
        else:
            run(folder, **changes)
        states[epochs] = below_prefix("model", load_checkpoint(folder / "last.safetensors")[0])
    for name, tensor in donor.state_dict().items():
        if name.startswith(("layer", "bn1.running")) and tensor.is_floating_point():
            # The stem's BatchNorm is not in the file: its statistics are as a fresh one's.
            assert torch.equal(states[1][name], tensor), name
    assert not torch.equal(states[2]["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"])
    assert not torch.equal(states[2]["bn1.running_mean"], states[1]["bn1.running_mean"])


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not a number .* in epoch 1: try a smaller lr \(now 1e"):
        run(tmp_path, lr=1e30)
    assert not (tmp_path / "best.safetensors").exists()


def test_settings_without_effect_on_votes_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    votes = str(write_votes(tmp_path / "votes.csv", 24))
    run(tmp_path / "plain", epochs=1, learn="votes", votes=votes)
    assert "labels only" not in capsys.readouterr().err
    run(tmp_path / "smooth", epochs=1, learn="votes", votes=votes, label_smoothing=0.1)
    assert "label_smoothing, class_weights: for labels only" in capsys.readouterr().err


@pytest.mark.parametrize(("by", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_with_the_exit_code_of_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: signal.Signals, exit_code: int
) -> None:
    interrupt_in_step(monkeypatch, 2, by)
    with pytest.raises(fit.Interrupted, match="stopped in epoch 1, step 2") as interrupted:
        run(tmp_path)
    assert interrupted.value.exit_code == exit_code
    progress = load_checkpoint(tmp_path / "last.safetensors")[1]["progress"]
    assert (progress["epoch"], progress["step"]) == (0, 2)
