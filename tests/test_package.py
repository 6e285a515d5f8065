"""The wheel holds what a user needs, nothing of the data sets, and works on its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import livefer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
MAX_WHEEL_BYTES = 25_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout; built in this environment, so without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (path,) = folder.glob("*.whl")
    assert path.stat().st_size < MAX_WHEEL_BYTES
    return zipfile.ZipFile(path)


def test_the_source_archive_builds_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t"]
    subprocess.run([*command, "sdist", "-d", str(tmp_path)], cwd=ROOT, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    unpack = [sys.executable, "-m", "tarfile", "-e", str(archive), str(tmp_path)]
    subprocess.run(unpack, check=True)
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert {"Dockerfile", "examples", "tests", "docs"} <= {path.name for path in source.iterdir()}
    subprocess.run([*command, "wheel", "-d", str(tmp_path)], cwd=source, check=True)
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as again:
        assert {one.filename: one.CRC for one in again.infolist()} == {
            one.filename: one.CRC for one in wheel.infolist()
        }


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_holds_the_package_and_its_assets_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    package = {name for name in wheel.namelist() if name.startswith("livefer/")}
    there = (ROOT / "src" / "livefer").rglob("*")
    expected = {
        path.relative_to(ROOT / "src").as_posix()
        for path in there
        if path.is_file() and path.suffix != ".pyc"
    }
    assert package == expected
    assert {"livefer/py.typed", "livefer/assets/astronaut.jpg"} <= package
    assert any(re.fullmatch(r"livefer/assets/.+\.onnx", name) for name in package)
    others = {name.split("/")[0] for name in wheel.namelist()} - {"livefer"}
    assert others == {f"livefer-{livefer.__version__}.dist-info"}


def test_holds_no_picture_but_the_shipped_one_and_icons(wheel: zipfile.ZipFile) -> None:
    endings = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".csv", ".npz", ".npy")
    pictures = [name for name in wheel.namelist() if name.lower().endswith(endings)]
    icons = [f"livefer/web/page/icon-{which}.png" for which in ("192", "512", "full")]
    assert sorted(pictures) == ["livefer/assets/astronaut.jpg", *icons]


def test_holds_licence_and_origins(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name for name in wheel.namelist() if "/licenses/" in name}
    assert names == {"LICENSE", "NOTICE"}


def test_the_runtime_asks_for_six_packages(metadata: Message) -> None:
    required = metadata.get_all("Requires-Dist", [])
    always = {re.split(r"[^\w-]", text)[0] for text in required if "extra ==" not in text}
    assert always == {
        "numpy", "opencv-python-headless", "onnxruntime", "typer", "rich", "pygame-ce",
    }  # fmt: skip
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "train", "analysis", "video", "heic", "web", "ray", "send", "people", "dev",
    }  # fmt: skip
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Version"] == livefer.__version__


def test_the_unpacked_wheel_recognises_its_picture(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    code = (
        "import sys, livefer; from livefer.cli import main; print(livefer.__file__, flush=True); "
        "sys.argv[1:] = ['demo']; main()"
    )
    work = tmp_path / "work"
    work.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=work,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path / "site"),
            "LIVEFER_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(str(tmp_path / "site"))
    assert "happy" in ended.stdout
    assert [path.suffix for path in work.rglob("*") if path.is_file()] == [".jpg"]


def test_ctrl_c_before_a_command_has_begun_is_no_traceback() -> None:
    code = (
        "import sys, livefer.__main__ as m\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "m.main()"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_says_its_version() -> None:
    command = [sys.executable, "-m", "livefer", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"livefer {livefer.__version__}\n"


def loaded_by(statement: str) -> set[str]:
    """Return the packages and modules that a statement loads in a fresh process."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\nprint(*sorted(set(sys.modules) - before))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def test_imports_load_what_they_need_and_nothing_else() -> None:
    """What makes an import slow has to be asked for: bench/cold.py has the times."""
    heavy = {"numpy", "cv2", "onnxruntime", "typer", "rich", "pygame"}
    assert not loaded_by("import livefer") & heavy
    recognizer = loaded_by("from livefer import Recognizer")
    assert {"numpy", "cv2"} <= recognizer
    unused = {"typer", "rich", "pygame", "ssl", "http.client", "pydantic", "matplotlib", "torch"}
    unused.add("onnxruntime")  # loaded with the first model
    assert not recognizer & unused
    assert not loaded_by("import livefer.cli") & (heavy - {"typer", "rich"})
