"""Markers from another program: each datagram of UDP or OSC is one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from threading import Event, Thread
from typing import Any

from livefer.errors import ConfigError, MissingExtraError
from livefer.results import Marker
from livefer.send.addresses import Address

_POLL_S = 0.2
_MOST_BYTES, _MOST_LETTERS = 65_536, 200


class MarkerReceiver:
    """Takes datagrams at an address, on a thread of its own, and hands on a marker for each."""

    def __init__(self, address: Address) -> None:
        """Open the address. ConfigError where that is not possible."""
        self._texts = _texts_of_osc() if address.kind == "osc" else _text_of_udp
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
            self._socket = socket.socket(found[0][0], socket.SOCK_DGRAM)
            with ExitStack() as stack:
                stack.callback(self._socket.close)
                self._socket.bind(found[0][4])
                stack.pop_all()
        except OSError as error:
            raise ConfigError(
                f"--markers {address.name} cannot be listened to ({error.strerror}): name an "
                "address of this machine and a port that is free"
            ) from None
        self._socket.settimeout(_POLL_S)
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port that datagrams go to."""
        return int(self._socket.getsockname()[1])

    def start(self, take: Callable[[Marker], None]) -> None:
        """Begin to listen; take: called on the thread with each marker."""
        self._thread = Thread(target=self._listen, args=[take], name="livefer-markers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and release the address."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def _listen(self, take: Callable[[Marker], None]) -> None:
        while not self._stop.is_set():
            with suppress(OSError):  # nothing came; on Windows also: someone was not there
                data = self._socket.recv(_MOST_BYTES)
                now_s = time.monotonic()
                for text in self._texts(data):
                    take(Marker(text[:_MOST_LETTERS], now_s))


def _text_of_udp(data: bytes) -> Iterator[str]:
    text = data.decode(errors="replace").strip()
    if text:
        yield text


def _texts_of_osc() -> Callable[[bytes], Iterator[str]]:
    """Return a function that gives the markers of a datagram: those of /marker are its values.

    Of other addresses the address comes first. What is no OSC is no marker.
    """
    try:
        from pythonosc.osc_packet import OscPacket, ParseError
    except ModuleNotFoundError:
        raise MissingExtraError("--markers osc://", "send") from None

    def texts(data: bytes) -> Iterator[str]:
        messages: list[Any] = []
        with suppress(ParseError):
            messages = [timed.message for timed in OscPacket(data).messages]
        for message in messages:
            words = [] if message.address == "/marker" else [message.address]
            yield " ".join([*words, *(f"{value}" for value in message.params)]) or message.address

    return texts
