"""A browser with a made camera, a host of files for it, and what its processes use (Linux)."""

from __future__ import annotations

import functools
import gzip
import http.server
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.processes import memory_mib, with_children

from livefer.errors import ConfigError, LiveferError
from livefer.speed.benchmark import shipped_portrait
from livefer.speed.made_frames import FPS, Scene

PATIENCE_S = 120.0
"""How long a page may take to come to something."""

_LOOP_S = 20  # the sways of a scene's heads end together


class BrowserError(LiveferError):
    """There is no browser, or a page did not come to what was expected."""


def write_camera(path: Path, n_faces: int, size_wh: tuple[int, int]) -> Path:
    """Write the MJPEG that Chromium plays as its camera: heads that sway, in a loop."""
    scene = Scene(shipped_portrait(), size_wh, n_faces)
    with path.open("wb") as file:
        for index in range(round(_LOOP_S * FPS)):
            image = scene.frame(index).image
            assert image is not None
            jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
            file.write(jpeg.tobytes())
    return path


@dataclass(frozen=True)
class Place:
    """Where the pages are served.

    asked: the paths of all requests so far
    """

    url: str
    folder: Path
    asked: list[str]

    def loaded(self, first: int) -> dict[str, float]:
        """Return the MB that were asked for from that request on, raw and with gzip."""
        paths = {path.partition("?")[0].lstrip("/") for path in self.asked[first:]}
        files = [self.folder / path for path in paths]
        files = [path / "index.html" if path.is_dir() else path for path in files]
        contents = [path.read_bytes() for path in files if path.is_file()]
        packed = [min(len(one), len(gzip.compress(one))) for one in contents]
        return {
            "files": len(contents),
            "mb": round(sum(map(len, contents)) / 1e6, 2),
            "gzip_mb": round(sum(packed) / 1e6, 2),
        }


def unpack(archives: Path, packages: Mapping[str, str], folder: Path) -> None:
    """Unpack archives of npm into folders.

    packages: the beginning of an archive's name, without its version, for each folder's name
    """
    for package, beginning in packages.items():
        found = sorted(archives.glob(f"{beginning}-[0-9]*.tgz"))
        if not found:
            raise ConfigError(
                f"{archives} has no {beginning}-VERSION.tgz: npm pack gets it, see the first lines "
                "of bench/page.py"
            )
        _unpack(found[-1], folder / package)


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive of npm, which lie in a folder of their own there.

    Not extractall: its filter, which keeps everything in the folder, came with Python 3.11.4.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            place = folder.joinpath(*Path(member.name).parts[1:]).resolve()
            if (stream := tar.extractfile(member)) is None:  # a folder
                continue
            if not place.is_relative_to(folder.resolve()):
                raise ConfigError(f"{archive} has a file outside its folder: {member.name}")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(stream.read())


@contextmanager
def host(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder as `python -m http.server` does; give its address and the paths asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            with suppress(ConnectionError):  # a page that is closed ends its requests
                super().do_GET()

    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium(camera: Path | None, flags: Sequence[str] = ()) -> Iterator[Any]:
    """Run Debian's Chromium, or the one that LIVEFER_CHROMIUM names, with a made camera."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("LIVEFER_CHROMIUM") or shutil.which("chromium")
    if program is None:
        raise BrowserError(
            "Chromium is missing: apt-get install chromium, or name it in LIVEFER_CHROMIUM"
        )
    fake = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    arguments = ["--no-sandbox", *flags, *(fake if camera else ())]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def until(page: Any, expression: str) -> Any:
    """Wait until a JavaScript expression is true, and return it; BrowserError where it never is."""
    ends = time.monotonic() + PATIENCE_S
    # Not page.wait_for_function, which a page's policy may forbid.
    while not (value := page.evaluate(expression)):
        if time.monotonic() > ends:
            raise BrowserError(f"{page.url}: never came to {expression}")
        page.wait_for_timeout(50)
    return value


def browser_processes() -> list[int]:
    """Return the processes of the browser that this process has started."""
    below = with_children(os.getpid())[1:]
    return [pid for pid in below if "--type=" in _command(pid) or "--no-sandbox" in _command(pid)]


def renderer_mib() -> dict[str, float]:
    """Return the memory of the largest process that shows a page: its own, and what it shares.

    Its program is left out; what is shared are pictures on their way to the screen.
    """
    pages = [pid for pid in browser_processes() if "--type=renderer" in _command(pid)]
    largest = max(pages, key=memory_mib)
    fields = {"own_mib": "RssAnon", "shared_mib": "RssShmem"}
    return {name: round(memory_mib(largest, field), 1) for name, field in fields.items()}


def threads_s() -> dict[tuple[int, str], float]:
    """Return the processor time of each thread of the browser, by its number and name."""
    times: dict[tuple[int, str], float] = {}
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    for pid in browser_processes():
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            with suppress(OSError):  # it has ended
                name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
                fields = rest.split()
                times[int(stat.parent.name), name] = (int(fields[11]) + int(fields[12])) * tick_s
    return times


def _command(pid: int) -> str:
    with suppress(OSError):
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    return ""


def middle(rows: Sequence[dict[str, float]], key: str) -> float | None:
    """Return the median of some runs; None where there was no result to measure."""
    value = float(np.median([row[key] for row in rows]))
    return None if np.isnan(value) else round(value, 2)
