"""What several tests need: a cache of their own, and the real FER2013 where it is at hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest
from needs import expects_all, missing

from livefer.detection.yunet import YUNET_FILE

NEEDED = (
    "PyInstaller", "av", "fastapi", "fsspec", "httpx", "matplotlib", "pandas", "pillow_heif",
    "paho", "playwright", "polars", "pyarrow", "pylsl", "pythonosc", "ray", "schemathesis", "torch",
    "uvicorn", "websockets",
)  # fmt: skip
FER2013 = Path(os.environ.get("LIVEFER_FER2013") or Path(__file__).parents[1] / "data" / "fer2013")
CHROMIUM = os.environ.get("LIVEFER_CHROMIUM", "/usr/bin/chromium")


def pytest_sessionstart() -> None:
    """Stop a run that expects all requirements where a package of the extra dev is missing."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if expects_all() and absent:
        pytest.exit(f'missing: {", ".join(absent)}: pip install "livefer[dev]"', returncode=1)


def pytest_report_header() -> str:
    """Name what this machine lacks for some of the tests."""
    lacks = [name for name in NEEDED if find_spec(name) is None]
    lacks += [] if FER2013.joinpath("train").is_dir() else ["FER2013"]
    lacks += [] if os.path.isfile(os.environ.get("LIVEFER_YUNET", "")) else ["YuNet"]
    lacks += [] if os.path.isfile(os.environ.get("LIVEFER_RUNTIME", "")) else ["LIVEFER_RUNTIME"]
    lacks += [] if os.path.isfile(CHROMIUM) else ["Chromium"]
    programs = ("node", "openssl", "firefox-esr", "WebKitWebDriver")
    lacks += [name for name in programs if which(name) is None]
    return f"without {', '.join(lacks)}: their tests are skipped" if lacks else "all is there"


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """Let the signals that tests send arrive, also under nohup or in a shell's background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests, and the tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVEFER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def fer2013_dir() -> Path:
    """The unpacked Kaggle folder: LIVEFER_FER2013, or data/fer2013 beside tests/."""
    if not (FER2013 / "train").is_dir():
        missing(
            f"FER2013 is not at {FER2013}: unpack it there or name its folder in LIVEFER_FER2013"
        )
    return FER2013


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """Return YuNet's file, the one that LIVEFER_YUNET names."""
    name = os.environ.get("LIVEFER_YUNET", "")
    if not Path(name).is_file():
        reason = f"needs YuNet: set LIVEFER_YUNET to the path of {YUNET_FILE} (is {name!r})"
        missing(reason)
    return Path(name)
