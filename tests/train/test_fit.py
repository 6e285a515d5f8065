"""The training loop: resumed = uninterrupted, two processes = one, and no broken checkpoint."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders import write_folders
from lightning_fabric import Fabric
from typer.testing import CliRunner

from livefer.cli import app
from livefer.data.dataset import Split
from livefer.errors import ConfigError, DatasetError, LiveferError, ModelError
from livefer.train import checkpoint, devices, fit, run_log
from livefer.train.checkpoint import below_prefix, load_checkpoint, load_predictor, save_checkpoint
from livefer.train.config import Config, parse_config
from livefer.train.devices import make_fabric
from livefer.train.initial_weights import load_backbone
from livefer.train.model import ResNetFER
from livefer.train.prepare import clean, start_folder, write_preview

CLASSES = ("dark", "light", "striped")
TINY = {"width": 8, "batch_size": 8, "epochs": 3, "resolution": [[0, 16]], "precision": "float32"}


def tiny_split(n: int = 24, seed: int = 0, name: str = "train") -> Split:
    """Noise in three brightnesses: a network can tell them apart after a few steps."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 3
    faces = rng.integers(0, 40, (n, 48, 48)) + 70 * targets[:, None, None]
    files = tuple(f"{i}.png" for i in range(n))
    return Split(name, faces.astype(np.uint8), targets.astype(np.int64), files)


def run(folder: Path, resume: bool = False, **changes: object) -> Path:
    torch.set_num_threads(1)
    config = parse_config(TINY | changes, "test")
    if not resume:
        start_folder(folder, config)
    fabric = make_fabric(config, "cpu", 1, 1)
    val = tiny_split(9, seed=1, name="val")
    return fit.fit(fabric, config, tiny_split(), val, CLASSES, folder, resume)


def write_votes(path: Path, n: int, opposite: bool = False) -> Path:
    """Nine of ten people see what the label says, or its mirror image in the class list."""
    rows = [f"file,{','.join(CLASSES)},nothing"]
    for i in range(n):
        counts = [0, 0, 0]
        counts[2 - i % 3 if opposite else i % 3] = 9
        rows.append(f"{i}.png,{','.join(map(str, counts))},1")
    path.write_text("\n".join(rows))
    return path


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


def test_votes_alone_and_the_head_that_is_not_there(tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "votes.csv", 24)
    best = run(tmp_path / "run", learn="votes", votes=str(votes))
    assert load_predictor(best)[0](tiny_split(3).faces).shape == (3, 3)
    with pytest.raises(ModelError, match="has learned votes, not labels"):
        load_predictor(best, "labels")


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


def test_a_student_comes_close_to_its_teachers(tmp_path: Path) -> None:
    first = run(tmp_path / "a", width=12, se=True, epochs=8, lr=0.02, label_smoothing=0.6)
    second = run(
        tmp_path / "b", shortcuts=False, blocks=[1, 2, 1, 1], epochs=8, lr=0.02, label_smoothing=0.6
    )
    paths = [str(first), str(second)]
    faces = tiny_split(9, seed=1).faces
    taught = np.mean([load_predictor(path)[0](faces) for path in (first, second)], axis=0)

    def distance(best: Path) -> float:
        return float(np.abs(load_predictor(best)[0](faces) - taught).mean())

    settings = {"epochs": 12, "lr": 0.02, "dropout": 0.0}
    alone = run(tmp_path / "alone", **settings)
    student = run(
        tmp_path / "student", distill={"teachers": paths, "weight": 1, "temperature": 1}, **settings
    )
    assert distance(student) < distance(alone)


def test_a_teacher_of_other_things_is_refused(tmp_path: Path) -> None:
    votes = str(write_votes(tmp_path / "votes.csv", 24))
    teacher = run(tmp_path / "teacher", epochs=1)
    with pytest.raises(ConfigError, match=r"has learned labels of dark, .* learns votes"):
        run(tmp_path / "x", learn="votes", votes=votes, distill={"teachers": [str(teacher)]})


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
        {"optimizer": "adam", "lr": 0.001, "warmup_epochs": 1, "clip_norm": 1},
    ],
    ids=["sgd", "adam"],
)
def test_resumed_is_uninterrupted_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict, stop_at: int
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, **changes)
    steps = 0

    def after_some_steps(flag: bool, fabric: object) -> bool:
        nonlocal steps
        steps += 1
        return steps == stop_at

    with monkeypatch.context() as patch:
        patch.setattr(fit, "_anyone", after_some_steps)
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


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_what_is_resumed_lies_where_it_computes(
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
def test_a_run_cannot_go_on_as_another(tmp_path: Path, changes: dict, named: str) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(ModelError, match=f"was made with another {named} than config"):
        run(tmp_path, resume=True, epochs=2, **changes)


def test_a_run_cannot_go_on_with_other_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, epochs=1)
    fewer = tiny_split(16)
    monkeypatch.setattr(sys.modules[__name__], "tiny_split", lambda *_, **__: fewer)
    with pytest.raises(ModelError, match="was trained on other images than data/fer2013 holds"):
        run(tmp_path, resume=True, epochs=2)


@pytest.mark.parametrize("clip_norm", [0, 1])
def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, clip_norm: float) -> None:
    with pytest.raises(ConfigError, match=r"no number any more in epoch 1: a smaller lr \(now 1e"):
        run(tmp_path, lr=1e30, clip_norm=clip_norm)
    assert not (tmp_path / "best.safetensors").exists()


def test_the_prior_counts_as_the_loss_does(tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "votes.csv", 24)
    uneven = tiny_split(24)
    uneven.targets[:] = [0] * 12 + [1] * 8 + [2] * 4
    priors = {}
    for kind in ("none", "inverse"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys.modules[__name__], "tiny_split", lambda *_, **__: uneven)
            best = run(
                tmp_path / kind,
                epochs=1,
                learn="both",
                votes=str(votes),
                class_weights=kind,
                label_smoothing=0.1,
            )
        priors[kind] = load_checkpoint(best)[1]["priors"]
    assert priors["none"]["labels"] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert priors["inverse"]["labels"] == pytest.approx([1 / 3] * 3)
    assert priors["inverse"]["votes"] == priors["none"]["votes"]


def test_what_votes_have_no_use_for_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    votes = str(write_votes(tmp_path / "votes.csv", 24))
    run(tmp_path / "plain", epochs=1, learn="votes", votes=votes)
    assert "labels only" not in capsys.readouterr().err
    run(tmp_path / "smooth", epochs=1, learn="votes", votes=votes, label_smoothing=0.1)
    assert "label_smoothing, class_weights: for labels only" in capsys.readouterr().err


def test_the_first_ctrl_c_is_noted_and_the_second_is_not_swallowed() -> None:
    # A process that was started in the background ignores Ctrl-C from the start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with fit._catch_ctrl_c() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):  # the second one is not swallowed
            signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_it_learns(tmp_path: Path) -> None:
    # Long enough for the running statistics: after 6 epochs the processor's rounding decided.
    best = run(tmp_path, epochs=36, dropout=0, augment={"flip": 0})
    predict, classes = load_predictor(best)
    val = tiny_split(9, seed=1)
    assert classes == CLASSES
    assert (predict(val.faces).argmax(axis=1) == val.targets).mean() > 0.9


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
    fabric_epochs = {}
    for epochs in (1, 2):
        folder = tmp_path / str(epochs)
        config = parse_config(TINY | changes, "test")
        start_folder(folder, config)
        if epochs == 1:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fit, "_anyone", iter_true_at(3))
                with pytest.raises(fit.Interrupted):
                    run(folder, **changes)
        else:
            run(folder, **changes)
        fabric_epochs[epochs] = below_prefix(
            "model", load_checkpoint(folder / "last.safetensors")[0]
        )
    for name, tensor in donor.state_dict().items():
        if name.startswith(("layer", "bn1.running")) and tensor.is_floating_point():
            # The stem's BatchNorm is not in the file: its statistics are as a fresh one's.
            assert torch.equal(fabric_epochs[1][name], tensor), name
    assert not torch.equal(
        fabric_epochs[2]["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"]
    )
    assert not torch.equal(
        fabric_epochs[2]["bn1.running_mean"], fabric_epochs[1]["bn1.running_mean"]
    )


def iter_true_at(n: int):  # type: ignore[no-untyped-def]
    count = iter(range(1, 10**6))
    return lambda flag, fabric: next(count) == n


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, 'give "random", "imagenet", a checkpoint or the path'),
        (lambda path: path.write_bytes(b"not a pickle"), "not a state dict"),
        (lambda path: torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, path), "does not fit"),
        (lambda path: torch.save([1], path), "does not fit"),
    ],
)
def test_initial_weights_that_do_not_fit(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "w.pth")
    with pytest.raises(ModelError, match=message):
        load_backbone(ResNetFER(width=8), str(tmp_path / "w.pth"))


WRITER = """
import sys, torch
from pathlib import Path
from livefer.train.checkpoint import save_checkpoint
meta = {"config": {}, "classes": []}
for i in range(10**6):
    save_checkpoint(Path(sys.argv[1]), {"x": torch.full((300_000,), float(i))}, meta | {"i": i})
"""


def test_kill_never_leaves_a_broken_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    for pause_s in (0.0, 0.013, 0.031):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        while not path.exists():
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(pause_s)
        writer.kill()
        writer.wait()
        tensors, meta = load_checkpoint(path)
        assert torch.equal(tensors["x"], torch.full((300_000,), float(meta["i"])))
        path.unlink()


def test_a_checkpoint_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, meta = tmp_path / "last.safetensors", {"config": {}, "classes": []}
    (tmp_path / "file").touch()
    with pytest.raises(LiveferError, match=r"last\.safetensors cannot be written"):
        save_checkpoint(tmp_path / "file" / path.name, {"x": torch.zeros(2)}, meta)
    (tmp_path / "file").unlink()
    save_checkpoint(path, {"x": torch.zeros(2)}, meta)

    def full(tensors: dict, target: Path, meta: dict) -> None:
        target.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        LiveferError, match=r"No space left on device.*what was there before is whole"
    ):
        save_checkpoint(path, {"x": torch.ones(2)}, meta)
    assert torch.equal(load_checkpoint(path)[0]["x"], torch.zeros(2))
    assert [file.name for file in tmp_path.iterdir()] == ["last.safetensors"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full disk")
def test_a_log_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "_keep_lines_before", lambda path, n: path.symlink_to("/dev/full"))
    with pytest.raises(ConfigError, match=r"cannot be written .*No space left.*--resume"):
        run(tmp_path, epochs=1)


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


def test_a_batch_too_large_for_the_gpu_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(fit, "fit", run_out)
    data = write_folders(tmp_path / "data", {"train/a": 2, "train/b": 2, "val/a": 1})
    words = ["train", f"data={data}", "--out", str(tmp_path / "run"), "batch_size=4"]
    with pytest.raises(ConfigError, match=r"does not hold a batch of 4.*smaller batch_size"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("option", ["init", "distill.teachers"])
def test_a_run_does_not_remove_what_it_begins_from(tmp_path: Path, option: str) -> None:
    best = tmp_path / "best.safetensors"
    best.write_bytes(b"weeks of work")
    (tmp_path / "last.safetensors").touch()
    value = f"[{best}]" if option == "distill.teachers" else best
    words = ["train", f"{option}={value}", "--out", str(tmp_path), "--overwrite", "data=nowhere"]
    with pytest.raises(ConfigError, match=r"best\.safetensors is an input: choose another name"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_what_is_gone_on_with_is_a_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=f"{name} holds no run: expected the folder of one"):
        CliRunner().invoke(app, ["train", "--resume", str(tmp_path / name)], catch_exceptions=False)


@pytest.mark.parametrize("key", ["init", "votes", "distill.teachers"])
def test_a_missing_file_is_said_before_the_data_is_read(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value = "[gone.x]" if key == "distill.teachers" else "gone.x"
    learn = ["learn=votes"] if key == "votes" else []
    words = ["train", f"{key}={value}", *learn, "data=nowhere", "--out", "run"]
    with pytest.raises(ConfigError, match=f"^{re.escape(key)}: gone.x does not exist"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not Path("run").exists()
    # A preview needs none of them, nor do labels alone the votes: so the data is what is missing.
    for unneeded in (["--preview", "p.png"], ["learn=labels"] if key == "votes" else None):
        if unneeded:
            with pytest.raises(DatasetError, match="nowhere does not exist"):
                CliRunner().invoke(app, [*words, *unneeded], catch_exceptions=False)


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", {"train/sad": 2, "val/sad": 1})
    words = ["train", f"data={data}", "--out", str(tmp_path / "run")]
    with pytest.raises(DatasetError, match="has one class, sad: a network needs two"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 something else"])
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.safetensors"):
        load_checkpoint(path)


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.safetensors", {"w": torch.zeros(2)}, {"other": 1})
    with pytest.raises(ModelError, match="not a checkpoint of livefer"):
        load_checkpoint(tmp_path / "x.safetensors")


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


def test_images_left_out_of_training_are_said() -> None:
    split = tiny_split(9)
    faces = split.faces.copy()
    faces[0] = 128
    faces[4] = faces[3]
    split = Split("train", faces, split.targets, split.files)
    config = Config(drop_blank=True, drop_conflicting=True)
    kept, notes = clean(split, config)
    assert kept.files == tuple(f"{i}.png" for i in (1, 2, 5, 6, 7, 8))
    assert notes == [
        "left out of train: 1 blank",
        "left out of train: 2 labelled differently elsewhere",
    ]
    fewer, _ = clean(split, Config(train_images=4))
    assert len(fewer) == 4


def test_preview_leaves_the_row_of_a_class_without_images_empty(tmp_path: Path) -> None:
    write_preview(tmp_path / "sheet.png", tiny_split(), (*CLASSES, "none"), Config())
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape[0] == 4 * 96
    assert (sheet[3 * 96 :, 96:] == 255).all()


def test_preview_shows_each_class(tmp_path: Path) -> None:
    write_preview(tmp_path / "sheet.png", tiny_split(), CLASSES, Config(augment={"erase": 1}))
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape[0] == 3 * 96
    rows = [sheet[i * 96 : (i + 1) * 96, 96:192].mean() for i in range(3)]
    assert rows == pytest.approx([19.5, 89.5, 159.5], abs=3)
