"""The pages keep their word: every block runs, from top to bottom, in one empty folder a page.

What a clone would hold (configs, the shipped picture) is there, and a small generated data set
where FER2013 must lie. A block that cannot run here carries its reason in a
comment, `<!-- not run in the tests: REASON -->`, on the line before it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from blocks import DOCS, README, ROOT, Block, at_server, read_blocks
from browser import server
from builders import write_picture
from portrait import pasted
from videos import face_picture, write_video

from livefer.labels import CLASSES

pytestmark = pytest.mark.slow

PAGES = {
    README: 4,
    DOCS / "api.md": 0,
    DOCS / "network.md": 0,
    DOCS / "page.md": 1,
    DOCS / "profiles.md": 1,
    DOCS / "python.md": 0,
    DOCS / "send.md": 0,
    DOCS / "serve.md": 2,
    DOCS / "statistics.md": 0,
    DOCS / "training.md": 2,
}
"""How many blocks of a page carry a reason: one more has to be counted here, to be seen."""


def make_small_fer2013(folder: Path) -> None:
    """Write Kaggle's layout of FER2013: 12 pictures a class for train, 3 each for val and test."""
    rng = np.random.default_rng(0)
    for class_id, name in enumerate(CLASSES):
        for split, prefix, count in (
            ("train", "Training", 12), ("test", "PublicTest", 3), ("test", "PrivateTest", 3)
        ):  # fmt: skip
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for _ in range(count):
                face = rng.integers(0, 256, (6, 6), np.uint8)
                face[class_id % 6] = 255
                face = cv2.resize(face, (48, 48), interpolation=cv2.INTER_CUBIC)
                number = rng.integers(10_000_000)
                path = folder / split / name / f"{prefix}_{number}.jpg"
                assert cv2.imwrite(str(path), face)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder as after `git clone` and after the data set was unpacked."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / "src" / "livefer" / "assets", tmp_path / "src" / "livefer" / "assets")
    write_video(tmp_path / "clip.mp4", [face_picture()] * 100, fps=5)
    make_small_fer2013(tmp_path / "data" / "fer2013")
    for i in range(20):
        photo = pasted(40 * (i % 5), 20, 3 * (i % 7), 1 + 0.05 * (i % 3))
        write_picture(tmp_path / "photos" / ("happy", "neutral")[i % 2] / f"P{i:02}_1.jpg", photo)
    return tmp_path


@pytest.mark.skipif(shutil.which("bash") is None, reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(
    page: Path, clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "LIVEFER_CACHE": str(tmp_path_factory.mktemp("cache")),
        "COLUMNS": "100",
    }
    shells = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    blocks = [block for block in read_blocks(page.read_text(encoding="utf-8")) if not block.reason]
    with server() as running:
        for block in blocks:
            if block.language in shells:
                code = at_server(block.code, running.url)
                run_block(
                    f"{page.name}, line {block.line}", [*shells[block.language], code], clone, env
                )


def run_block(place: str, command: list[str], folder: Path, env: dict[str, str]) -> None:
    ended = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{place}:\n{command[-1]}\n{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == 0, said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_run_or_say_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = read_blocks(text)
    assert 2 * len(blocks) == len(re.findall(r"^\s*```", text, re.MULTILINE)), "a fence is not read"
    assert {block.language for block in blocks} <= {
        "bash",
        "python",
        "html",
        "javascript",
        "json",
        "text",
    }
    assert sum(block.reason is not None for block in blocks) == PAGES[page]
    run = ("bash", "python", "html")  # the last by tests/web/test_device_page.py
    assert any(block.reason is None and block.language in run for block in blocks)


def test_the_reader_of_blocks() -> None:
    text = "<!-- figures -->\na\n```bash\nls\n```\n"
    text += "<!-- not run in the tests: why -->\n```python\nx\n```\n"
    text += "\n```\ny\n```\n"
    assert read_blocks(text) == [
        Block(3, "bash", "ls\n", None),
        Block(7, "python", "x\n", "why"),
        Block(11, "", "y\n", None),
    ]
