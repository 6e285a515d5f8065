"""A real server in a thread, for tests, and a client's half of the stream."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
from fakes import LevelClassifier, SquareDetector
from waiting import wait_until
from websockets.sync.client import ClientConnection, connect

from livefer.web.app import Service
from livefer.web.limits import Limits
from livefer.web.protocol import Model
from livefer.web.security import Access
from livefer.web.server import Server, bind, make_server
from livefer.web.workers import Engine


def fake_service(
    limits: Limits | None = None, access: Access | None = None, detector: Any = SquareDetector
) -> Service:
    """A service that sees bright squares, and tells them apart by their gray."""
    classifier: Any = LevelClassifier()
    model = Model("level", classifier.classes, "haar", ("haar",), 0.5, {"a": "[1]", "b": "[c"})
    return Service(
        Engine(classifier, {"haar": detector}, n_threads=1),
        model,
        access or Access(),
        limits or Limits(max_fps=10_000),
    )


@dataclass
class Running:
    """A server at `port`; `stop` ends it and waits for its thread."""

    server: Server
    service: Service
    port: int
    thread: threading.Thread

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextmanager
def running(service: Service | None = None) -> Iterator[Running]:
    """Run a server on a free port until the block ends; no thread of it may be left then."""
    before = set(threading.enumerate())
    service = service or fake_service()
    listening = bind("127.0.0.1", 0)
    started = threading.Event()
    server = make_server(service, on_start=started.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    found = Running(server, service, listening.getsockname()[1], thread)
    try:
        assert started.wait(20)
        yield found
    finally:
        found.stop()
    # Those that read files for pages are told to end by the event loop, which does not wait.
    wait_until(lambda: not [t for t in threading.enumerate() if is_of_server(t, before)])


def is_of_server(thread: threading.Thread, before: set[threading.Thread]) -> bool:
    """Say whether a thread came later and is not one of a test's own client."""
    return thread not in before and "recv_events" not in thread.name


def jpeg(image: Any, suffix: str = ".jpg") -> bytes:
    """The picture as a file's bytes."""
    return bytes(cv2.imencode(suffix, image)[1])


def frame(data: bytes, time_s: float = 0.0) -> bytes:
    """A message of the stream."""
    return struct.pack("<d", time_s) + data


@contextmanager
def stream(url: str, **more: Any) -> Iterator[ClientConnection]:
    """A connection whose hello has been read."""
    with connect(url, **more) as client:
        assert receive(client)["type"] == "hello"
        yield client


def receive(client: ClientConnection) -> dict[str, Any]:
    message = json.loads(client.recv(timeout=20))
    assert isinstance(message, dict)
    return message
