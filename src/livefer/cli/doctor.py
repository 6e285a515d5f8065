"""`livefer doctor`: what is installed, what is missing, and the command that brings it.

Each section imports what it checks: a package that does not load is a finding, and the other
sections follow.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import numpy as np
import typer
from rich.markup import escape

from livefer.cli.console import stdout
from livefer.errors import LiveferError, ModelError
from livefer.system import telemetry
from livefer.system.atomic import check_temporary_folder
from livefer.system.downloads import cache_dir
from livefer.system.machine import n_cores

Finding = tuple[Literal["ok", "missing", "broken", "note"], str, str]
"""A state, its subject, and what was found; "missing" is no fault, "broken" is one."""

_STYLES = {"ok": "green", "missing": "yellow", "broken": "red", "note": "dim"}
_MARKS = {"ok": "✓", "missing": "–", "broken": "✗", "note": " "}
_ASCII_MARKS = {"ok": "+", "missing": "-", "broken": "x", "note": " "}
_PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "pygame-ce", "typer", "rich")


def doctor() -> None:
    """Check packages, model, detectors, cameras and display.

    Names what is missing, and the command that installs it. The exit code is 1 only if something
    that livefer needs is broken. Cameras are opened for a moment, and their lights may turn on.
    """
    console = stdout()
    marks = _MARKS if console.encoding.startswith("utf") else _ASCII_MARKS
    n_broken = 0
    for title, findings in (
        ("Versions", _versions()),
        ("Machine", _machine()),
        ("Face detectors", _detectors()),
        ("Cameras and display", _devices()),
        ("Model", _model()),
        ("Extras", _extras()),
    ):
        console.print(f"[bold]{title}[/]")
        for state, what, found in _with_import_errors(findings):
            n_broken += state == "broken"
            mark = f"[{_STYLES[state]}]{marks[state]}[/]"
            console.print(f" {mark} {escape(what):<22} {escape(found)}", soft_wrap=True)
    if n_broken:
        console.print(f"[red]{n_broken} broken[/]")
        raise typer.Exit(1)
    console.print("[green]everything that livefer needs is there[/]")


def _with_import_errors(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield a section's findings; a package that does not load ends it with one more."""
    try:
        yield from findings
    except ImportError as error:
        yield "broken", error.name or "package", f"does not load: {error}"


def _versions() -> Iterator[Finding]:
    yield "ok", "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield "ok", "Python", f"{platform.python_version()}, {sys.executable}"
    yield _package("livefer")
    for name in _PACKAGES:
        yield _package(name)


def _machine() -> Iterator[Finding]:
    usable, present = n_cores(), os.cpu_count() or 1
    why = "" if usable == present else f" of {present}: a quota, a cpuset or an affinity"
    yield "ok", "processor cores", f"{usable}{why}"
    yield _gpu()
    folder = cache_dir()
    if folder is None:
        yield "missing", "cache folder", "this user has no home: LIVEFER_CACHE names a folder"
    elif not _is_writable(folder):
        yield "missing", "cache folder", f"{folder} cannot be written: LIVEFER_CACHE names another"
    else:
        yield "ok", "cache folder", str(folder)
    try:
        check_temporary_folder()
    except LiveferError as error:
        yield "missing", "temporary files", str(error)
    else:
        yield "ok", "temporary files", tempfile.gettempdir()


def _gpu() -> Finding:
    """Name the GPU that training can use; recognition uses none."""
    try:
        command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        names = subprocess.check_output(
            command, stderr=subprocess.DEVNULL, timeout=20, encoding="utf-8", errors="replace"
        ).splitlines()
    except (OSError, subprocess.SubprocessError):
        names = []
    if not names:
        return "missing", "GPU", "no NVIDIA GPU; recognition needs none, training takes longer"
    named = "; ".join(names)
    try:
        import torch
    except ImportError:
        return "ok", "GPU", f"{named}; only training can use it, with the extra train"
    if torch.cuda.is_available():
        return "ok", "GPU", f"{named}; livefer train uses it"
    return "missing", "GPU", f"{named}; PyTorch {torch.__version__} cannot use it: is it for CUDA?"


def _is_writable(folder: Path) -> bool:
    """Say whether files can be written into a folder, or the folder be made."""
    there = next(one for one in (folder, *folder.parents) if os.path.exists(one))
    return os.access(there, os.W_OK | os.X_OK)


def _package(name: str) -> Finding:
    try:
        return "ok", name, version(name)
    except PackageNotFoundError:
        return "broken", name, f'not installed: python -m pip install "{name}"'


def _model() -> Iterator[Finding]:
    from livefer.classifier import CHOICES, EmotionClassifier

    providers = telemetry.load("onnxruntime").get_available_providers()
    yield "ok", "ONNX Runtime", ", ".join(providers)
    try:
        model = EmotionClassifier()
        size = model.input_size
        model.predict(np.zeros((1, size, size), np.uint8))
    except ModelError as error:
        yield "broken", "shipped model", str(error)
        return
    yield "ok", model.name, f"the default model: {', '.join(model.classes)}"
    for other in CHOICES:
        if other != model.name:
            yield "note", "", f"--model {other} answers instead"
    for key, value in sorted(model.metadata.items()):
        if key not in ("classes", "livefer_format", "config"):
            yield "note", key, _plain(value)


def _plain(value: str) -> str:
    """Return a field of the model's metadata; JSON objects as `name value, name value`."""
    if value.startswith("{"):
        value = ", ".join(
            f"{key} {_plain(json.dumps(part)) if isinstance(part, dict) else part}"
            for key, part in json.loads(value).items()
        )
    return re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.4f}", value)


def _detectors() -> Iterator[Finding]:
    from livefer.detection.detectors import make_detector
    from livefer.detection.yunet import yunet_path

    for name in ("native", "haar", "yunet"):
        if name == "yunet" and yunet_path() is None:
            yield "note", name, "not installed: livefer download yunet"
            continue
        try:
            make_detector(name).detect(np.zeros((120, 160, 3), np.uint8))
        except ModelError as error:
            yield "broken", name, str(error)
        else:
            origins = {"native": "comes with livefer", "haar": "comes with OpenCV"}
            yield "ok", name, origins.get(name) or str(yunet_path())


def _devices() -> Iterator[Finding]:
    from livefer.live.window import open_display
    from livefer.media.cameras import camera_numbers, why_not_opened
    from livefer.media.opencv_reader import open_capture

    indices = camera_numbers()
    n_found = 0
    for index in indices:
        capture = open_capture(index)
        if capture is None:
            if sys.platform == "linux":
                yield "missing", f"camera {index}", f"does not open: {why_not_opened(index)}"
            continue
        n_found += 1
        is_read, image = capture.read()
        capture.release()
        if is_read:
            yield "ok", f"camera {index}", f"{image.shape[1]}x{image.shape[0]}"
        else:
            yield "missing", f"camera {index}", "opens but gives no picture: in use?"
    if not n_found:
        why = "" if sys.platform == "linux" and indices else f": {why_not_opened(0)}"
        yield "missing", "camera", f"none found{why}"
        yield "note", "", "livefer webcam --source takes a video or a stream, too"
    try:
        pygame = open_display()
    except LiveferError:
        yield "missing", "display", "none; livefer image and webcam --record work without"
        return
    sizes = ", ".join(f"{w}x{h}" for w, h in pygame.display.get_desktop_sizes())
    yield "ok", "display", f"{pygame.display.get_driver()}, {sizes}"
    pygame.display.quit()


def _extras() -> Iterator[Finding]:
    try:
        requirements = requires("livefer") or []
    except PackageNotFoundError:
        requirements = []
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if extra and name and extra[1] != "dev":
            extras.setdefault(extra[1], []).append(name[0])
    for title, names in extras.items():
        states = [_package(name)[0] for name in names]
        absent = [name for name, state in zip(names, states, strict=True) if state == "broken"]
        if absent:
            found = f'without {", ".join(absent)}: python -m pip install "livefer[{title}]"'
            yield "missing", title, found
        else:
            yield "ok", title, ", ".join(names)
