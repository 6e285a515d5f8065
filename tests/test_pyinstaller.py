"""A one-folder app by PyInstaller: the wheel's hook makes it whole, and it starts processes."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from needs import missing

import livefer
from livefer.assets.files import PICTURE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# Of the environment for development; the app is one of the runtime alone.
LEFT_OUT = (
    "IPython", "PIL", "aiohttp", "av", "fastapi", "fsspec", "google", "grpc", "hypothesis",
    "jinja2", "lightning_fabric", "matplotlib", "mpmath", "networkx", "onnx", "onnxscript",
    "pandas", "playwright", "polars", "pyarrow", "pydantic", "pytest", "ray", "requests",
    "safetensors", "scipy", "setuptools", "starlette", "sympy", "tensorboard", "tkinter", "torch",
    "uvicorn", "websockets", "yaml",
)  # fmt: skip


def run(*command: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**inherited, "LIVEFER_CACHE": str(cwd / "cache"), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the app, made of this checkout's wheel, whose entry point names the hook."""
    if find_spec("PyInstaller") is None:
        missing('PyInstaller is not installed: pip install "livefer[dev]"')
    work = tmp_path_factory.mktemp("app")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", work, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = work.glob("*.whl")
    shutil.unpack_archive(wheel, work / "site", "zip")
    (work / "main.py").write_text("from livefer.__main__ import main\n\nmain()\n")
    excluded = [f"--exclude-module={name}" for name in LEFT_OUT]
    made = run(
        sys.executable, "-m", "PyInstaller", "--onedir", "--log-level=WARN", *excluded, "main.py",
        cwd=work, PYTHONPATH=os.pathsep.join([str(work / "site"), *sys.path[1:]]),
        PYINSTALLER_CONFIG_DIR=str(work / "config"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    return work / "dist" / "main"


def test_it_knows_its_version_and_says_what_is_there(app: Path, tmp_path: Path) -> None:
    ended = run(app / "main", "--version", cwd=tmp_path)
    assert (ended.stdout, ended.stderr) == (f"livefer {livefer.__version__}\n", "")
    ended = run(app / "main", "doctor", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "the default model: angry, disgust" in ended.stdout


def test_it_recognises_and_draws_the_shipped_picture(app: Path, tmp_path: Path) -> None:
    ended = run(app / "main", "demo", "--out", tmp_path, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "happy" in ended.stdout
    assert list(tmp_path.glob("*.jpg"))


def test_its_analyze_starts_processes(app: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(PICTURE, tmp_path / name)
    words = ["analyze", tmp_path, "-o", tmp_path / "t.csv", "--workers", 2, "--detector", "haar"]
    ended = run(app / "main", *words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    with (tmp_path / "t.csv").open() as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["happy", "happy"]


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("livefer/assets/human.onnx", "lacks the shipped models human: this installation"),
        ("livefer/assets/int8.weights", "human.onnx cannot be loaded: this installation"),
        ("cv2/data/haarcascade_frontalface_alt2.xml", "alt2.xml could not be loaded"),
    ],
)
def test_a_part_that_is_missing_is_one_clear_line(
    app: Path, tmp_path: Path, part: str, named: str
) -> None:
    (found,) = app.rglob(part)
    aside = found.rename(found.with_name("aside"))
    try:
        ended = run(app / "main", "image", PICTURE, "--detector", "haar", cwd=tmp_path)
    finally:
        aside.rename(found)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert named in ended.stderr
    assert "install livefer again (an app by PyInstaller: build it again" in ended.stderr
