"""`livefer doctor`: what is installed, what is missing, and when that is a fault."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import LevelClassifier

from livefer.cli import doctor as command
from livefer.cli import main
from livefer.errors import ModelError


class Model(LevelClassifier):
    """A model with a card."""

    name = "shipped"
    metadata = {"data": "FER [2013]", "metrics": '{"split": "val", "accuracy": 0.71234567}'}  # noqa: RUF012


class Camera:
    """Gives one picture, or none."""

    def __init__(self, image: Any) -> None:
        self.image = image

    def read(self) -> tuple[bool, Any]:
        return self.image is not None, self.image

    def release(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a model and a display, without a camera."""
    monkeypatch.setattr("livefer.classifier.EmotionClassifier", Model)
    monkeypatch.setattr("livefer.media.opencv_reader.open_capture", lambda index: None)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def run(patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    patch.setattr(sys, "argv", ["livefer", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert err == ""
    return int(ended.value.code or 0), out


def test_a_machine_without_camera_and_extras_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = command._package

    def without_torch(name: str) -> tuple[str, str, str]:
        return ("broken", name, "not installed") if name == "torch" else package(name)

    monkeypatch.setattr(command, "_package", without_torch)
    code, out = run(monkeypatch, capsys)
    assert code == 0
    for line in (
        "shipped                the default model: angry, disgust",
        "--model fer2013 answers instead",
        "data                   FER [2013]",
        "metrics                split val, accuracy 0.7123",
        "native                 comes with livefer",
        "haar                   comes with OpenCV",
        "livefer download yunet",
        "none found",
        'without torch: python -m pip install "livefer[train]"',
        "everything that livefer needs is there",
    ):
        assert line in out
    assert "✗" not in out


@pytest.mark.parametrize("broken", ["model", "package"])
def test_a_broken_requirement_is_a_fault(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_model() -> None:
        raise ModelError("the model is damaged")

    if broken == "model":
        monkeypatch.setattr("livefer.classifier.EmotionClassifier", no_model)
    else:
        monkeypatch.setattr(command, "_PACKAGES", ("numpy", "no-such-package"))
    code, out = run(monkeypatch, capsys)
    assert code == 1
    assert "✗" in out
    assert {"model": "the model is damaged", "package": '"no-such-package"'}[broken] in out
    assert "1 broken" in out


@pytest.mark.parametrize(
    ("image", "said"),
    [(np.zeros((48, 64, 3), np.uint8), "64x48"), (None, "gives no picture")],
)
def test_cameras_are_tried(
    image: Any,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(
        "livefer.media.opencv_reader.open_capture",
        lambda index: Camera(image) if index == 1 else None,
    )
    code, out = run(monkeypatch, capsys)
    assert code == 0
    assert "camera 1" in out
    assert "camera 0" not in out
    assert said in out


def test_a_camera_without_permission_is_not_called_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [Path("/dev/video3")])
    monkeypatch.setattr("livefer.media.cameras.why_not_opened", lambda n: f"join group {n}")
    code, out = run(monkeypatch, capsys)
    assert code == 0
    assert re.search("camera 3 +does not open: join group 3", out)
    assert re.search("camera +none found\n", out)


@pytest.mark.parametrize(
    ("cuda", "said"),
    [(True, "livefer train uses it"), (False, "cannot use it"), (None, "with the extra train")],
)
def test_a_gpu_is_named(
    cuda: bool | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def nvidia_smi(command: list[str], **_: Any) -> str:
        assert command[0] == "nvidia-smi"
        return "NVIDIA H200, 143771 MiB\n"

    torch = None
    if cuda is not None:
        cuda_of_torch = SimpleNamespace(is_available=lambda: cuda)
        torch = SimpleNamespace(cuda=cuda_of_torch, __version__="2.13.0+cpu")
    monkeypatch.setattr(command.subprocess, "check_output", nvidia_smi)
    monkeypatch.setitem(sys.modules, "torch", torch)
    code, out = run(monkeypatch, capsys)
    assert code == 0
    assert re.search(f"GPU +NVIDIA H200, 143771 MiB; .*{said}", out)


def test_a_machine_without_gpu_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    out = run(monkeypatch, capsys)[1]
    assert re.search("GPU +no NVIDIA GPU; recognition needs none", out)


def test_the_card_is_shown_in_few_digits() -> None:
    value = '{"split": "val", "accuracy": 0.70019, "against_float": {"change": -0.00139314}}'
    assert command._plain(value) == "split val, accuracy 0.7002, against_float change -0.0014"
    assert command._plain("[0.13887626, 0.0151043]") == "[0.1389, 0.0151]"
    assert command._plain("5df9e9421a4e") == "5df9e9421a4e"


def test_a_terminal_without_unicode_gets_plain_marks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rich.console.Console.encoding", "cp1252")
    out = run(monkeypatch, capsys)[1]
    assert not set(out) & set("✓✗–")


def test_it_names_what_the_machine_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "cache_dir", lambda: None)
    monkeypatch.setattr(command, "n_cores", lambda: 2)
    monkeypatch.setattr(command.os, "cpu_count", lambda: 64)
    code, out = run(monkeypatch, capsys)
    assert code == 0
    assert "2 of 64: a quota, a cpuset or an affinity" in out
    assert "this user has no home: LIVEFER_CACHE names a folder" in out
    monkeypatch.setattr(command, "cache_dir", lambda: Path(__file__) / "cache")
    monkeypatch.setattr(command.os, "access", lambda *_: False)

    def no_folder() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", no_folder)
    out = run(monkeypatch, capsys)[1]
    assert f"{Path(__file__) / 'cache'} cannot be written" in out
    assert "there is no place for temporary files" in out
