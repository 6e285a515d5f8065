"""The recipes of docs/send.md that run in other programs: node-red's function and OBS's page."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from blocks import DOCS, read_blocks
from browser import PATIENCE_MS, camera_picture, chromium, playwright, write_camera
from fakes import make_face
from needs import missing

from livefer.labels import CLASSES
from livefer.results import FrameResult
from livefer.send.messages import message_of, session_start
from livefer.send.websocket import WebSocketSender

pytestmark = pytest.mark.slow

FACE = make_face((10, 10, 60, 60), "happy", 0.75, track_id=1)
PORT = "8765"  # that the page names


def block(language: str) -> str:
    text = (DOCS / "send.md").read_text(encoding="utf-8")
    (only,) = [one.code for one in read_blocks(text) if one.language == language]
    return only


@contextmanager
def files_at(folder: Path) -> Iterator[str]:
    """Serve a folder's files on this machine."""

    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def result(*faces: object) -> FrameResult:
    return FrameResult("camera 0", 0, 0.0, None, faces)  # type: ignore[arg-type]


def test_the_function_of_node_red_gives_both_outputs() -> None:
    node = shutil.which("node")
    if node is None:
        missing("node is missing: install Node.js")
    messages = [json.loads(message_of(result(FACE))), json.loads(message_of(result()))]
    script = f"""
        const run = (msg) => {{ {block("javascript")} }};
        const messages = {json.dumps(messages)};
        console.log(JSON.stringify(messages.map((payload) => run({{ payload }}))));
    """
    ended = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == [[{"payload": 0.75}, {"payload": "happy"}], None]


def test_the_page_of_obs_shows_the_answer(tmp_path: Path) -> None:
    """Served from this machine: OBS's own name for local files is refused by Chromium itself."""
    page_file = tmp_path / "overlay.html"
    start = session_start(time.monotonic(), CLASSES, "human")
    with playwright() as running:
        sender = WebSocketSender("ws://x", "127.0.0.1", 0, start)
        try:
            page_file.write_text(block("html").replace(PORT, str(sender.port)), encoding="utf-8")
            camera = write_camera(tmp_path / "camera.mjpeg", camera_picture())
            with chromium(running, camera) as browser, files_at(tmp_path) as url:
                page = browser.new_page()
                page.goto(f"{url}/overlay.html")
                until_s = time.monotonic() + PATIENCE_MS / 1000
                while "happy" not in page.inner_text("body"):
                    assert time.monotonic() < until_s
                    sender.send(result(FACE))
                    page.wait_for_timeout(50)
        finally:
            sender.close()
