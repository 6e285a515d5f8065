"""`livefer train`: mistakes are one line, before any work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from builders import write_folders
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError, DatasetError, ModelError
from livefer.train import fit

pytestmark = pytest.mark.slow

BASELINE = Path(__file__).parents[2] / "configs" / "baseline.yaml"


def test_a_batch_too_large_for_the_gpu_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(fit, "fit", run_out)
    data = write_folders(tmp_path / "data", {"train/a": 2, "train/b": 2, "val/a": 1})
    words = ["train", f"data={data}", "--out", str(tmp_path / "run"), "batch_size=4"]
    with pytest.raises(ConfigError, match=r"a batch of 4 does not fit into.*smaller batch_size"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("option", ["init", "distill.teachers"])
def test_a_run_does_not_replace_what_it_starts_from(tmp_path: Path, option: str) -> None:
    best = tmp_path / "best.safetensors"
    best.write_bytes(b"weeks of work")
    (tmp_path / "last.safetensors").touch()
    value = f"[{best}]" if option == "distill.teachers" else best
    words = ["train", f"{option}={value}", "--out", str(tmp_path), "--overwrite", "data=nowhere"]
    with pytest.raises(ConfigError, match=r"best\.safetensors is an input: choose another name"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_only_a_run_can_be_resumed(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=f"{name} holds no run: expected a folder with a config"):
        CliRunner().invoke(app, ["train", "--resume", str(tmp_path / name)], catch_exceptions=False)


@pytest.mark.parametrize("key", ["init", "votes", "distill.teachers"])
def test_a_missing_file_is_reported_before_the_data_is_read(
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


def test_without_imagenets_weights_a_run_says_so_first_and_begins_with_random_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object) -> None:
        raise ModelError("https://x could not be downloaded: check the network")

    monkeypatch.setattr("livefer.train.initial_weights.fetch", unreachable)
    data = write_folders(tmp_path / "data", {"train/a": 4, "train/b": 4, "val/a": 1, "val/b": 1})
    run = tmp_path / "run"
    words = ["--config", str(BASELINE), f"data={data}", "--out", str(run), "width=8", "epochs=6"]
    small = ["batch_size=4", "resolution=[[0,16]]", "precision=float32"]
    ended = CliRunner().invoke(app, ["train", *words, *small], catch_exceptions=False)
    order = [
        ended.output.index(text)
        for text in (
            "init: random weights instead of imagenet, from which results differ: https://x could",
            "freeze_epochs: no effect with init random",
            "val acc",
            "1/6",
        )
    ]
    assert order == sorted(order)
    assert "init: random\n" in (run / "config.yaml").read_text(encoding="utf-8")


def test_one_class_is_refused(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", {"train/sad": 2, "val/sad": 1})
    words = ["train", f"data={data}", "--out", str(tmp_path / "run")]
    with pytest.raises(DatasetError, match="has one class, sad: expected two or more"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not (tmp_path / "run").exists()


TINY = ["width=8", "blocks=[1,1,1,1]", "batch_size=4", "resolution=[[0,16]]", "lr=0.01"]


def train(*words: object) -> str:
    """Run the command in this process; return what it prints to stderr."""
    arguments = ["train", "--accelerator", "cpu", *map(str, words)]
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stderr


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, and with run/, a run of two epochs."""
    base = tmp_path_factory.mktemp("first")
    write_folders(base / "data", {"train/a": 6, "train/b": 6, "val/a": 2, "val/b": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        train("data=data", "--out", "run", "epochs=2", *TINY)
    return base


@pytest.fixture
def ended(first_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of that run, copied into the working directory beside its data."""
    shutil.copytree(first_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def n_epochs(folder: Path) -> int:
    return len((folder / "metrics.jsonl").read_text().splitlines())


def test_a_finished_run_says_so_and_can_be_lengthened(ended: Path) -> None:
    assert "run is finished: 2 of 2 epochs; epochs=N" in train("--resume", ended)
    assert n_epochs(ended) == 2
    said = train("--resume", ended, "epochs=4")
    assert "epochs: 4 instead of 2. From here the learning rate follows the cosine of 4" in said
    assert "epochs: 0.005, where the other was at 0." in said
    assert n_epochs(ended) == 4
    assert "run is finished: 4 of 4 epochs" in train("--resume", ended)  # the change lasts
    with pytest.raises(ConfigError, match=r"epochs=3: .* has begun 4 epochs already: expected 4"):
        train("--resume", ended, "epochs=3")
    assert "run is finished: 4 of 4 epochs" in train("--resume", ended)


@pytest.mark.parametrize("words", [["data=NEW"], ["--data", "NEW"]])
def test_a_run_and_its_data_can_be_moved(ended: Path, tmp_path: Path, words: list[str]) -> None:
    run, new = ended.rename(tmp_path / "moved"), str(tmp_path / "elsewhere")
    (tmp_path / "data").rename(new)
    with pytest.raises(DatasetError, match="data does not exist"):
        train("--resume", run, "epochs=3")
    train("--resume", run, "epochs=3", *(word.replace("NEW", new) for word in words))
    assert n_epochs(run) == 3
    train("--resume", run, "epochs=4")
    assert n_epochs(run) == 4


def test_a_run_is_not_resumed_on_other_data(ended: Path, tmp_path: Path) -> None:
    before = (ended / "config.yaml").read_text()
    for part in ("train", "val"):
        other = tmp_path / f"other-{part}" / part
        shutil.copytree(tmp_path / "data", other.parent)
        (other / "a" / "000.png").rename(other / "b" / "x.png")
        (other / "b" / "000.png").rename(other / "a" / "x.png")
        with pytest.raises(ModelError, match="was trained with other labels"):
            train("--resume", ended, "epochs=3", f"data={other.parent}")
    assert (ended / "config.yaml").read_text() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr=0.5", "augment.flip=0"], r"--resume keeps lr, augment\.flip: .* init=.*lr=0\.5"),
        (["width=16"], "--resume keeps width: .*epochs, patience, data, votes"),
        (["--out", "elsewhere"], "in its folder: leave out --config, --out"),
        (["--overwrite"], "in its folder: leave out"),
        (["epocs=3"], 'unknown key "epocs"; the nearest is "epochs"'),
    ],
)
def test_what_would_make_another_run_is_refused(
    ended: Path, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train("--resume", ended, *words)
    train("--resume", ended, "lr=0.01", "patience=3", "compile=false")  # no change, and free ones
