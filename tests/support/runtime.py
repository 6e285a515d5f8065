"""ONNX Runtime for browsers, for tests: from npm's archive, which LIVEFER_RUNTIME names."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from needs import missing

from livefer.web.runtime import URL, download_runtime


def runtime_archive() -> Path:
    """Return npm's archive; skip where it is missing, fail where LIVEFER_EXPECT_ALL=1."""
    archive = Path(os.environ.get("LIVEFER_RUNTIME", ""))
    if not archive.is_file():
        missing(f"LIVEFER_RUNTIME does not name a copy of {URL}")
    return archive


@contextmanager
def installed_runtime(cache: Path) -> Iterator[Path]:
    """Have livefer's cache in a folder, with the runtime in it; give the runtime's folder."""
    archive = runtime_archive()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVEFER_CACHE", str(cache))
        yield download_runtime(archive)


class Host:
    """A host of static files, as `python -m http.server`, that can end and start again.

    asked: the paths of the requests, in their order
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.url = ""
        self._server: http.server.ThreadingHTTPServer | None = None
        self._port = 0

    def start(self) -> None:
        host = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                host.asked.append(self.path)
                super().do_GET()

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self._port), functools.partial(Handler, directory=str(self.folder))
        )
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self.url = f"http://localhost:{self._port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def host(folder: Path) -> Iterator[Host]:
    """Serve a folder until the block ends."""
    running = Host(folder)
    running.start()
    try:
        yield running
    finally:
        running.stop()
