"""Senders of datagrams: UDP with JSON, and OSC."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

from livefer.errors import ConfigError, MissingExtraError
from livefer.formatting import printable
from livefer.results import FrameResult, Marker, main_face
from livefer.send.messages import SessionStart, message_of


class Datagrams:
    """A socket that sends datagrams to one address. ConfigError where there is no such address."""

    def __init__(self, name: str, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise ConfigError(f"{name} has no address ({error.strerror}): check the name") from None
        family, kind, protocol, _, to = found[0]
        self._to = to
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self, data: bytes) -> None:
        """Send a datagram; OSError where the system does not take it."""
        self._socket.sendto(data, self._to)

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()


class UdpSender:
    """One JSON message per datagram: first the session's start, then results and markers."""

    def __init__(self, name: str, host: str, port: int, start: SessionStart) -> None:
        self.name = name
        self._datagrams = Datagrams(name, host, port)
        self._start: SessionStart | None = start

    def send(self, result: FrameResult) -> None:
        """Send the faces of one frame."""
        self._send(result)

    def mark(self, marker: Marker) -> None:
        """Send a marker."""
        self._send(marker)

    def close(self) -> None:
        """Release the socket."""
        self._datagrams.close()

    def _send(self, item: FrameResult | Marker) -> None:
        if self._start is not None:
            start, self._start = self._start, None
            self._datagrams.send(message_of(start).encode())
        self._datagrams.send(message_of(item).encode())


class OscSender:
    """OSC: each frame, each face, and the main face as parameters of an avatar."""

    def __init__(self, name: str, host: str, port: int, start: SessionStart) -> None:
        try:
            from pythonosc.osc_message_builder import OscMessageBuilder
        except ModuleNotFoundError:
            raise MissingExtraError("--send osc://", "send") from None
        self.name = name
        self._datagrams = Datagrams(name, host, port)
        self._builder = OscMessageBuilder
        self._start = start

    def send(self, result: FrameResult) -> None:
        """Send the faces of one frame."""
        for address, values in osc_messages(result, self._start):
            self._send(address, values)

    def mark(self, marker: Marker) -> None:
        """Send a marker."""
        since_s = marker.captured_s - self._start.started_s
        self._send("/livefer/marker", (since_s, printable(marker.text)))

    def close(self) -> None:
        """Release the socket."""
        self._datagrams.close()

    def _send(self, address: str, values: Sequence[float | int | str]) -> None:
        builder = self._builder(address)
        for value in values:
            builder.add_arg(value, {float: "f", int: "i", str: "s"}[type(value)])
        self._datagrams.send(builder.build().dgram)


def osc_messages(
    result: FrameResult, start: SessionStart
) -> Iterator[tuple[str, tuple[float | int | str, ...]]]:
    """Yield the addresses and values of the messages of one frame.

    /livefer/frame: seconds since the start of the session, number of faces
    /livefer/face: track (0 where it has none), label, confidence, uncertain (0 or 1), left, top,
        right, bottom in pixels, and the probability of each class
    /avatar/parameters/CLASS: the main face's probability, 0 without a face
    """
    captured_s = result.captured_s
    since_s = result.time_s if captured_s is None else captured_s - start.started_s
    yield "/livefer/frame", (since_s, len(result.faces))
    for face in result.faces:
        head: tuple[Any, ...] = (face.track_id or 0, face.label, face.confidence)
        shares = (float(value) for value in face.probabilities)
        yield "/livefer/face", (*head, int(face.uncertain), *map(float, face.box), *shares)
    main = main_face(result.faces)
    for i, name in enumerate(start.classes):
        share = 0.0 if main is None else float(main.probabilities[i])
        yield f"/avatar/parameters/{name.replace(' ', '_')}", (share,)
