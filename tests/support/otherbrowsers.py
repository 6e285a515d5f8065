"""Firefox and WebKit as they are installed: Playwright drives builds of its own alone.

Each has `open(url)` and `run(code)`: code is the body of an async JavaScript function.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, Any

from needs import missing
from waiting import wait_until

WEBKIT = next(Path("/usr/lib").glob("*/webkit*gtk-*/MiniBrowser"), None)
"""The small browser that comes with the library."""
PATIENCE_S = 120
"""How long a page may take to come to something: much longer than any machine needs."""


class Firefox:
    """WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/) by Firefox's own port."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._numbers = connection, count(1)
        self._ask("session.new", {"capabilities": {}})
        self._window = self._ask("browsingContext.create", {"type": "tab"})["context"]

    def open(self, url: str) -> None:
        self._ask(
            "browsingContext.navigate", {"context": self._window, "url": url, "wait": "complete"}
        )

    def run(self, code: str) -> Any:
        # BiDi describes values with their types; JSON's text is simpler to read.
        call = {
            "functionDeclaration": f"async () => JSON.stringify(await (async () => {{{code}}})())",
            "target": {"context": self._window},
            "awaitPromise": True,
        }
        answer = self._ask("script.callFunction", call)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"].get("value", "null"))

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:  # events come in between
            answer = json.loads(self._connection.recv(PATIENCE_S))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]


class WebKit:
    """WebDriver (https://www.w3.org/TR/webdriver2/) by WebKitGTK's own driver."""

    def __init__(self, driver: str) -> None:
        self._driver, self._session = driver, ""
        options = {"binary": str(WEBKIT), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self._session = f"/{self._ask('', {'capabilities': wanted})['sessionId']}"
        self._ask("/timeouts", {"script": 1000 * PATIENCE_S, "pageLoad": 1000 * PATIENCE_S})

    def open(self, url: str) -> None:
        self._ask("/url", {"url": url})

    def run(self, code: str) -> Any:
        script = f"""
            const done = arguments[0];
            const failed = (error) => done({{error: String(error)}});
            (async () => {{{code}}})().then((value) => done({{value}}), failed);
        """
        answer = self._ask("/execute/async", {"script": script, "args": []})
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self._driver}/session{self._session}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S + 10) as answer:
            return json.load(answer)["value"]


@contextmanager
def firefox() -> Iterator[Firefox]:
    """Run Firefox without a window; skip where it is missing."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        missing("Firefox is missing: apt-get install firefox-esr")
    from websockets.sync.client import connect

    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, "--headless", "--no-remote", "--profile", profile]
        with running([*command, "--remote-debugging-port", "0"], stderr=PIPE) as process:
            address = read_until(process.stderr, r"WebDriver BiDi listening on (ws://\S+)")
            with connect(f"{address}/session", max_size=None) as connection:
                yield Firefox(connection)


@contextmanager
def webkit() -> Iterator[WebKit]:
    """Run WebKitGTK's small browser on a screen in memory; skip where one of them is missing."""
    for program, package in (("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")):
        if shutil.which(program) is None:
            missing(f"{program} is missing: apt-get install {package}")
    if WEBKIT is None:
        missing("WebKit's MiniBrowser is missing: apt-get install webkit2gtk-driver")
    with running(["Xvfb", "-displayfd", "1", "-nolisten", "tcp"], stdout=PIPE) as screen:
        display = ":" + read_until(screen.stdout, r"(\d+)")
        # It paints without a graphics card.
        environment = os.environ | {"DISPLAY": display, "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        port = free_port()
        with running(["WebKitWebDriver", f"--port={port}"], env=environment):
            wait_until(lambda: is_open(port))
            yield WebKit(f"http://127.0.0.1:{port}")


@contextmanager
def running(command: Sequence[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends, and all that it started."""
    with subprocess.Popen(command, text=True, start_new_session=True, **how) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def read_until(lines: IO[str] | None, pattern: str) -> str:
    """Return the group of a pattern from the first line that has it."""
    assert lines is not None
    for line in lines:
        if found := re.search(pattern, line):
            # The rest is read, too: a program whose pipe is full would wait for ever.
            Thread(target=lines.readlines, daemon=True).start()
            return found[1]
    raise AssertionError(f"the program ended without {pattern}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
