"""The road in JavaScript, run by Node on pixels that a test has."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from needs import missing
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.web.device import device_files

ROAD_TESTS = Path(__file__).parents[1] / "web" / "road"
_OLDEST = 18


def need_node() -> str:
    """Return Node's program; skip where it is missing or old, fail where LIVEFER_EXPECT_ALL=1."""
    program = shutil.which("node")
    version = ""
    if program:
        run = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        version = run.stdout.strip()
    if not program or int(version.lstrip("v").partition(".")[0] or 0) < _OLDEST:
        missing(f"Node {_OLDEST} or newer is missing (found: {version or 'none'}): install nodejs")
    return program


def write_site(folder: Path, runtime: Path) -> Path:
    """Write what the road needs to run into a folder: no page, and links instead of copies."""
    found = device_files([EmotionClassifier("human"), EmotionClassifier("fer2013")], runtime)
    for name, path in found.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(path)
    (folder / "livefer.json").write_text(json.dumps(found.card), encoding="utf-8")
    return folder


class NodeRoad:
    """Runs tests/web/road/run.mjs on the files of a site."""

    def __init__(self, site: Path, work: Path) -> None:
        self._node = need_node()
        self._site, self._work = site, work

    def stream(
        self,
        images: Iterable[NDArray[np.uint8]],
        times_s: Iterable[float],
        options: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the replies of a live stream to pictures (H, W, 3) BGR of one size."""
        return self._run("stream", images, list(times_s), options)

    def pictures(self, images: Iterable[NDArray[np.uint8]], **options: Any) -> list[dict[str, Any]]:
        """Return the replies to single pictures (H, W, 3) BGR of one size."""
        return self._run("faces", images, None, options)

    def crops(self, faces: NDArray[np.uint8], model: str) -> NDArray[np.float32]:
        """Return the network's probabilities (N, C) for crops (N, S, S)."""
        pixels = self._work / "faces.bin"
        faces.tofile(pixels)
        return np.array(self._ask({"kind": "crops", "pixels": str(pixels), "model": model}))

    def _run(
        self,
        kind: str,
        images: Iterable[NDArray[np.uint8]],
        times_s: list[float] | None,
        options: dict[str, Any] | None,
    ) -> list[dict[str, Any]]:
        pixels, width, height = self._work / "pixels.bin", 0, 0
        with pixels.open("wb") as file:
            for image in images:
                height, width = image.shape[:2]
                file.write(cv2.cvtColor(image, cv2.COLOR_BGR2RGBA).tobytes())
        task = {"kind": kind, "pixels": str(pixels), "width": width, "height": height}
        replies: list[dict[str, Any]] = self._ask(
            {**task, "times_s": times_s, "options": options or {}}
        )
        pixels.unlink()
        return replies

    def _ask(self, task: dict[str, Any]) -> Any:
        file = self._work / "task.json"
        file.write_text(json.dumps(task), encoding="utf-8")
        command = [self._node, str(ROAD_TESTS / "run.mjs"), str(self._site), str(file)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)
