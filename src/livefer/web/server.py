"""From options to a running server: model, socket, certificate; and an orderly shutdown."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
import websockets  # noqa: F401  # uvicorn imports it late, and would show a traceback

from livefer.classifier import CHOICES, EmotionClassifier
from livefer.detection.detectors import Detector, make_detector
from livefer.detection.yunet import yunet_path
from livefer.errors import ConfigError, LiveferError
from livefer.system.interrupts import handling
from livefer.web.app import Service, make_app
from livefer.web.limits import Limits
from livefer.web.models import Models
from livefer.web.security import Access
from livefer.web.workers import WorkerPool, cores_each

_SEND_BUFFER = 128 * 1024  # small, so that a client that does not read is noticed soon
_UNACKED_MS = 30_000  # until the kernel drops the connection of such a client
_GRACE_S = 5.0
_STREAM: Any = object()  # stands for the request of a connection that is a WebSocket


class Server(uvicorn.Server):
    """uvicorn's server with an orderly shutdown: streams get a close code, signals end it."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_start: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
        self._service = service
        self._on_start = on_start
        self._silent: dict[
            Any, tuple[Any, float]
        ] = {}  # by connection: its last request, since when

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call `on_start`."""
        await super().startup(sockets)
        if self._on_start is not None:
            self._on_start()

    async def on_tick(self, counter: int) -> bool:
        """Do the regular work, ten times a second; return whether it is time to stop."""
        if counter % 10 == 0:
            self._close_silent()
        return await super().on_tick(counter)

    def _close_silent(self) -> None:
        """Close connections without a request: uvicorn waits for a first one without a limit.

        Each counts towards limit_concurrency, and enough of them turn all others away with a 503.
        """
        now_s, before, self._silent = time.monotonic(), self._silent, {}
        for connection in list(self.server_state.connections):
            request = getattr(connection, "cycle", _STREAM)
            if request is _STREAM or (request is not None and not request.response_complete):
                continue
            last, since_s = before.get(connection, (request, now_s))
            since_s = since_s if last is request else now_s
            self._silent[connection] = request, since_s
            is_read = not connection.transport.get_write_buffer_size()
            if is_read and now_s - since_s >= self._service.limits.idle_s:
                connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the streams with a reason, before uvicorn closes all connections without one."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._service.close_streams(), _GRACE_S)
        aborting = asyncio.create_task(self._abort_when_forced())
        try:
            await super().shutdown(sockets)
        finally:
            aborting.cancel()

    async def _abort_when_forced(self) -> None:
        """Abort connections after a second Ctrl-C: from Python 3.12 on, closing waits for them."""
        while not self.force_exit:
            await asyncio.sleep(0.1)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop on Ctrl-C, SIGTERM and SIGHUP, without raising them again."""
        with handling(self.handle_exit):
            yield


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Return False for a record of a request that the shutdown cancelled."""
    error = record.exc_info[1] if record.exc_info else None
    text = record.getMessage().rstrip()
    return not (isinstance(error, asyncio.CancelledError) or text.endswith("CancelledError"))


def make_service(
    model: str | None,
    detector: str,
    prior: float | None,
    min_score: float | None,
    smoothing_s: float,
    access: Access,
    limits: Limits,
) -> Service:
    """Load the default model and detector, so that their errors come before the start.

    prior: of that model; another one that a client chooses has its own
    """
    classifier = EmotionClassifier(model, prior=prior)
    chosen, share = make_detector(detector), cores_each()
    others = ("haar", "yunet", "none") if yunet_path() is not None else ("haar", "none")
    given = {chosen.name: detector, **{name: name for name in others if name != chosen.name}}
    makers: dict[str, Callable[[], Detector]] = {
        name: partial(make_detector, choice, share, min_score) for name, choice in given.items()
    }
    models = Models(classifier, {name: partial(EmotionClassifier, name) for name in CHOICES})
    pool = WorkerPool(models, makers, min_score=min_score)
    return Service(pool, access, limits, smoothing_s)


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 is any free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise ConfigError(f'"{host}" is not an address of this machine: try 127.0.0.1') from None
    found = socket.socket(family, kind, protocol)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR shares the port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit the next two from the listening socket.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKED_MS)
        found.bind(address)
        found.listen()
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(f"{host} is not an address of this machine: try 127.0.0.1") from None
        raise LiveferError(
            f"{host} port {port} cannot be used ({error.strerror}): is another server running "
            f"there? Try --port {port + 1 if 1024 <= port < 65535 else 8000}"
        ) from None
    return found


def make_server(
    service: Service,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    on_start: Callable[[], None] | None = None,
) -> Server:
    """Return a server, to run on a bound socket."""
    if certfile is not None:
        _check_certificate(certfile, keyfile)
    limits = service.limits
    config = uvicorn.Config(
        make_app(service),
        loop="asyncio",
        ws="websockets-sansio",
        # A larger message is not even read; its close code is 1009.
        ws_max_size=2 * limits.max_bytes + 8,
        ws_per_message_deflate=False,  # frames are compressed already, replies are small
        log_config=None,
        log_level="warning",
        access_log=False,  # addresses may hold the token
        proxy_headers=False,
        server_header=False,
        limit_concurrency=4 * limits.max_clients + 2 * limits.max_images + 64,
        timeout_graceful_shutdown=int(_GRACE_S),
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
    )
    return Server(config, service, on_start)


def _check_certificate(certfile: Path, keyfile: Path | None) -> None:
    for path in filter(None, (certfile, keyfile)):
        if not path.is_file():
            raise ConfigError(f"{path} does not exist: expected a certificate and its key, as PEM")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password="")
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{certfile} cannot be used as a certificate ({error.strerror or error}): expected "
            "PEM files, and the certificate's own key without a password"
        ) from None
