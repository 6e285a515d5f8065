"""A small WebSocket server, to which browsers, OBS and node-red connect. It only talks."""

from __future__ import annotations

import asyncio
import logging
import re
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import suppress
from threading import Thread
from typing import Any

from livefer.errors import ConfigError, MissingExtraError
from livefer.results import FrameResult, Marker
from livefer.send.messages import SessionStart, message_of
from livefer.send.outlet import NotDelivered

_MOST_WAITING = 1 << 18  # bytes that a client has not read; more messages are not for it
_PATIENCE_S = 1.0
# Pages of this machine, and OBS's name for its local files. A foreign web site that someone visits
# here could else read along. A browser calls a file "null", and a frame of a foreign site, too.
_PAGES_HERE = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?|http://absolute")
_PROGRAMS = None  # they name no web site


class WebSocketSender:
    """Sends each client the session's start, and from then on every result and marker."""

    def __init__(self, name: str, host: str, port: int, start: SessionStart) -> None:
        try:
            from websockets.asyncio.server import broadcast, serve
            from websockets.exceptions import ConnectionClosed
        except ModuleNotFoundError:
            raise MissingExtraError("--send ws://", "send") from None
        self.name = name
        self._hello = message_of(start)
        self._broadcast, self._serve, self._closed = broadcast, serve, ConnectionClosed
        self._log = logging.Logger("livefer-ws")  # clients come and go as they please
        self._log.disabled = True
        self._clients: set[Any] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="livefer-ws", daemon=True)
        self._thread.start()
        try:
            self._server = self._run(self._start(host, port))
        except OSError as error:
            self._end_loop()
            reason = error.strerror or error
            raise ConfigError(
                f"{name}: livefer cannot wait for clients there ({reason}): choose another port"
            ) from None

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def send(self, result: FrameResult) -> None:
        """Send the faces of one frame."""
        self._run(self._send(message_of(result)))

    def mark(self, marker: Marker) -> None:
        """Send a marker."""
        self._run(self._send(message_of(marker)))

    def close(self) -> None:
        """Tell the clients that it is over, and end."""
        self._run(self._stop())
        self._end_loop()

    def _run(self, work: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(5 * _PATIENCE_S)
        except TookTooLong:
            raise NotDelivered("the server of the clients hangs") from None

    async def _start(self, host: str, port: int) -> Any:
        return await self._serve(
            self._talk, host, port, origins=[_PROGRAMS, _PAGES_HERE], compression=None,
            max_size=1024, close_timeout=_PATIENCE_S, logger=self._log,
        )  # fmt: skip

    async def _talk(self, client: Any) -> None:
        with suppress(self._closed):
            await client.send(self._hello)
            self._clients.add(client)
            async for _ in client:  # what clients say means nothing
                pass
        self._clients.discard(client)

    async def _send(self, message: str) -> None:
        slow = {c for c in self._clients if c.transport.get_write_buffer_size() > _MOST_WAITING}
        self._broadcast(self._clients - slow, message)
        if slow:
            raise NotDelivered("a client reads too slowly")

    async def _stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            self._loop.close()
