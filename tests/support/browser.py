"""A real Chromium with a fake camera, and a real server in a process of its own, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from needs import missing
from numpy.typing import NDArray

import livefer

CHROMIUM = os.environ.get("LIVEFER_CHROMIUM", "/usr/bin/chromium")
ASTRONAUT = Path(livefer.__file__).parent / "assets" / "astronaut.jpg"
PATIENCE_MS = 90_000
"""How long a page may take to come to something: much longer than any machine needs."""


def need_chromium() -> None:
    """Skip where Chromium or Playwright is missing; fail where LIVEFER_EXPECT_ALL=1."""
    reason = ""
    if not Path(CHROMIUM).exists():
        reason = f"{CHROMIUM} is missing: apt-get install chromium, or name it in LIVEFER_CHROMIUM"
    else:
        try:
            import playwright.sync_api  # noqa: F401
        except ModuleNotFoundError:
            reason = 'playwright is missing: pip install "livefer[dev]"'
    if reason:
        missing(reason)


def camera_picture() -> NDArray[np.uint8]:
    """What the fake camera sees, (360, 640, 3): the upper part of the shipped picture."""
    image = cv2.imread(str(ASTRONAUT))
    assert image is not None
    return cv2.resize(image[:288], (640, 360), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def write_camera(path: Path, image: NDArray[np.uint8]) -> Path:
    """Write a still picture as the MJPEG that Chromium's fake camera plays over and over."""
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    path.write_bytes(10 * jpeg)
    return path


@contextmanager
def playwright() -> Iterator[Any]:
    """Run Playwright; one at a time, several browsers may be started with it."""
    need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@contextmanager
def chromium(playwright: Any, camera: Path, *arguments: str) -> Iterator[Any]:
    """Run Chromium with a fake camera that plays the MJPEG."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            *arguments,
        ],
    )
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class ServerProcess:
    """`livefer serve` in a process that can be killed and started again at the same address."""

    arguments: tuple[str, ...] = ()
    port: int = 0
    url: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        command = [sys.executable, "-m", "livefer", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()  # "livefer is at http://… (Ctrl-C ends it)"
        self.url = next(word for word in line.split() if word.startswith("http"))
        self.port = int(self.url.split(":")[2].partition("/")[0])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None


@contextmanager
def server(*arguments: str) -> Iterator[ServerProcess]:
    """Run `livefer serve` at a free port."""
    running = ServerProcess(arguments)
    running.start()
    try:
        yield running
    finally:
        running.kill()


def drawn_box(
    screen: NDArray[np.uint8], colour: tuple[int, int, int], about: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measure a frame in a screenshot: the outer edges (4,) of its lines of one colour, xyxy.

    screen: (H, W, 3) BGR
    about: (4,) xyxy, roughly where it is: its sides are looked for along the middle of this
    """
    is_line = np.abs(screen.astype(int) - colour).max(-1) <= 12
    left, top, right, bottom = about.round().astype(int)
    w, h = right - left, bottom - top
    # Rows and columns through the middle fifth, from well outside on; the label, which has the
    # same colour, lies above the frame with a gap between.
    rows = is_line[top + 2 * h // 5 : top + 3 * h // 5, left - w // 2 : right + w // 2]
    columns = is_line[top - h // 2 : bottom + h // 2, left + 2 * w // 5 : left + 3 * w // 5]
    across = np.flatnonzero(rows.mean(0) > 0.8) + left - w // 2
    down = np.flatnonzero(columns.mean(1) > 0.8) + top - h // 2
    assert len(across)
    assert len(down)
    runs = np.split(down, np.flatnonzero(np.diff(down) > 1) + 1)
    assert len(runs) >= 2, "a frame has a line above and one below"
    return np.array([across[0], runs[-2][0], across[-1] + 1, runs[-1][-1] + 1], np.float64)


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes, xyxy."""
    both = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both))
