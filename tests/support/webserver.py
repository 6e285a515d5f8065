"""A real server in a thread, and the client's half of a stream."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
from fakes import LevelClassifier, OtherClassifier, SquareDetector
from published import check_message
from waiting import wait_until
from websockets.sync.client import ClientConnection, connect

from livefer.web.app import Service
from livefer.web.limits import Limits
from livefer.web.models import Models
from livefer.web.security import Access
from livefer.web.server import Server, bind, make_server
from livefer.web.workers import WorkerPool


def fake_service(
    limits: Limits | None = None,
    access: Access | None = None,
    detector: Any = SquareDetector,
    load_other: Callable[[], Any] = OtherClassifier,
) -> Service:
    """A service that detects bright squares, and classifies them by their gray level.

    load_other: loads the model "other"
    """
    first: Any = LevelClassifier()
    first.metadata = {"a": "[1]", "b": "[c"}
    models = Models(first, {"other": load_other})
    return Service(
        WorkerPool(models, {"haar": detector}, n_threads=1),
        access or Access(),
        limits or Limits(max_fps=10_000),
    )


@dataclass
class Running:
    """A server at `port`; `stop` stops it and waits for its thread."""

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
    """Run a server on a free port until the block ends; no thread of it may outlive that."""
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
    # The event loop stops the threads that read files, and does not wait for them.
    wait_until(lambda: not [t for t in threading.enumerate() if is_of_server(t, before)])


def is_of_server(thread: threading.Thread, before: set[threading.Thread]) -> bool:
    """Return whether a thread is new and not one of a test's client."""
    return thread not in before and "recv_events" not in thread.name


def jpeg(image: Any, suffix: str = ".jpg") -> bytes:
    """The encoded picture."""
    return bytes(cv2.imencode(suffix, image)[1])


def frame(data: bytes, time_s: float = 0.0) -> bytes:
    """A frame as a message of the stream."""
    return struct.pack("<d", time_s) + data


@contextmanager
def stream(url: str, **more: Any) -> Iterator[ClientConnection]:
    """A connected client that has read the hello."""
    with connect(url, **more) as client:
        assert receive(client)["type"] == "hello"
        yield client


def receive(client: ClientConnection) -> dict[str, Any]:
    """The next message of the server, which has to be as published."""
    message: dict[str, Any] = json.loads(client.recv(timeout=20))
    check_message(message)
    return message
