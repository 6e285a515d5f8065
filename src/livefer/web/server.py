"""From options to a running server: model, socket, certificate; and its end in good order."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
import websockets  # noqa: F401  # uvicorn needs it later, when its absence would be a traceback

from livefer.classifier import EmotionClassifier
from livefer.detection.detectors import Detector, make_detector
from livefer.detection.haar import HaarDetector
from livefer.detection.yunet import YuNetDetector, yunet_path
from livefer.errors import ConfigError, LiveferError
from livefer.web.app import Service, make_app
from livefer.web.limits import Limits
from livefer.web.protocol import Model
from livefer.web.security import Access
from livefer.web.workers import Engine

_SEND_BUFFER = 128 * 1024  # a client that does not read is noticed soon, not after megabytes
_UNACKED_MS = 30_000  # and its connection is dropped by the kernel where it stays so
_GRACE_S = 5.0
_STREAM: Any = object()  # instead of a request, of a connection that is a WebSocket


class Server(uvicorn.Server):
    """uvicorn's server, whose streams are told that it goes away, and whose signals end it well."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_start: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._service = service
        self._on_start = on_start
        self._silent: dict[Any, tuple[Any, float]] = {}  # connection: its last request, since when

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self._on_start is not None:
            self._on_start()

    async def on_tick(self, counter: int) -> bool:
        """Do what is to be done ten times a second, and say whether it is time to end."""
        if counter % 10 == 0:
            self._close_silent()
        return await super().on_tick(counter)

    def _close_silent(self) -> None:
        """Close connections that ask nothing: uvicorn waits for ever for a first request.

        Each counts towards limit_concurrency, and with enough of them everybody else gets a 503.
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
        """Close the streams with 1001 before uvicorn closes connections with its own code."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._service.close_streams(), _GRACE_S)
        aborting = asyncio.create_task(self._abort_when_forced())
        try:
            await super().shutdown(sockets)
        finally:
            aborting.cancel()

    async def _abort_when_forced(self) -> None:
        """End connections after a second Ctrl-C: from Python 3.12 on, closing waits for them."""
        while not self.force_exit:
            await asyncio.sleep(0.1)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """End on Ctrl-C and SIGTERM, without raising them again once everything has ended well."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        names = ("SIGINT", "SIGTERM", "SIGBREAK")
        signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {one: signal.signal(one, self.handle_exit) for one in signals}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def _is_news(record: logging.LogRecord) -> bool:
    """Say whether a record tells more than that the server's end broke something off."""
    error = record.exc_info[1] if record.exc_info else None
    told = record.getMessage().rstrip()
    return not (isinstance(error, asyncio.CancelledError) or told.endswith("CancelledError"))


def make_service(
    model: str | None,
    detector: str,
    prior: float | None,
    smoothing_s: float,
    access: Access,
    limits: Limits,
) -> Service:
    """Load model and detector, so that what is wrong with them is said before the start."""
    classifier = EmotionClassifier(model, prior=prior)
    chosen = make_detector(detector)
    makers: dict[str, Callable[[], Detector]] = {chosen.name: lambda: make_detector(detector)}
    makers.setdefault("haar", HaarDetector)
    if yunet_path() is not None:
        makers.setdefault("yunet", YuNetDetector)
    described = Model(
        classifier.name,
        classifier.classes,
        chosen.name,
        tuple(makers),
        classifier.uncertain_below,
        classifier.metadata,
    )
    return Service(Engine(classifier, makers), described, access, limits, smoothing_s)


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 is any that is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise ConfigError(f'"{host}" is no address of this machine: try 127.0.0.1') from None
    found = socket.socket(family, kind, protocol)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR means sharing
            found.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit both from the listening socket.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKED_MS)
        found.bind(address)
        found.listen()
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(f"{host} is no address of this machine: try 127.0.0.1") from None
        raise LiveferError(
            f"{host} port {port} cannot be used ({error.strerror}): is another server running "
            f"there? --port {port + 1 if 1024 <= port < 65535 else 8000} takes another"
        ) from None
    return found


def make_server(
    service: Service,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    on_start: Callable[[], None] | None = None,
) -> Server:
    """Return a server to be run on a bound socket."""
    if certfile is not None:
        _check_certificate(certfile, keyfile)
    limits = service.limits
    config = uvicorn.Config(
        make_app(service),
        loop="asyncio",
        ws="websockets-sansio",
        # What is larger than twice the limit is not even read: the close code is 1009 then.
        ws_max_size=2 * limits.max_bytes + 8,
        ws_per_message_deflate=False,  # frames are compressed already, replies small
        log_config=None,
        log_level="warning",
        access_log=False,  # addresses may hold the token
        proxy_headers=False,
        server_header=False,
        limit_concurrency=4 * limits.max_clients + 64,
        timeout_graceful_shutdown=int(_GRACE_S),
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
    )
    return Server(config, service, on_start)


def _check_certificate(certfile: Path, keyfile: Path | None) -> None:
    for path in filter(None, (certfile, keyfile)):
        if not path.is_file():
            raise ConfigError(f"{path} does not exist: name the certificate and its key, both PEM")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password="")
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{certfile} is no certificate that can be used ({error.strerror or error}): expected "
            "PEM files, and the certificate's own key without a password"
        ) from None
