"""Addresses as --send and --markers take them, and what they open."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from livefer.errors import ConfigError
from livefer.formatting import without_passwords
from livefer.send.datagrams import OscSender, UdpSender
from livefer.send.lsl import LslSender
from livefer.send.messages import SessionStart
from livefer.send.mqtt import PORT, MqttSender
from livefer.send.outlet import Sender
from livefer.send.websocket import WebSocketSender

_FORMS = {
    "udp": "udp://HOST:PORT",
    "osc": "osc://HOST:PORT",
    "lsl": "lsl://NAME",
    "ws": "ws://HOST:PORT",
    "mqtt": "mqtt://HOST:PORT/TOPIC",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address.

    kind: "udp", "osc", "lsl", "ws" or "mqtt"
    name: as it is printed, without a password
    host, port: "" and 0 for lsl
    path: the stream's name of lsl, the topic of mqtt, else ""
    login: user and password
    """

    kind: str
    name: str
    host: str
    port: int
    path: str
    login: tuple[str, str | None] | None


def read_address(option: str, url: str, *kinds: str) -> Address:
    """Take an address apart; ConfigError where it is none of these kinds.

    option: in whose name the error speaks
    kinds: of `_FORMS`; none means all
    """
    name, parts = without_passwords(url), urlsplit(url)
    kind, path = parts.scheme, unquote(parts.path.strip("/"))
    allowed = kinds or tuple(_FORMS)
    forms = " or ".join(_FORMS[one] for one in ([kind] if kind in allowed else allowed))
    ports = ", with a port from 1 to 65535" if kind in allowed and kind != "lsl" else ""
    error = ConfigError(f"{option} {name}: expected {forms}{ports}")
    if kind not in allowed or parts.query or parts.fragment:
        raise error
    if kind == "lsl":
        stream = "/".join(filter(None, (unquote(parts.netloc), path)))
        if not stream:
            raise error
        return Address(kind, name, "", 0, stream, None)
    port = _port(parts, error) or (PORT if kind == "mqtt" else 0)
    needs_path = kind == "mqtt"
    if not parts.hostname or not port or bool(path) is not needs_path or set(path) & set("#+"):
        raise error
    login = (
        None
        if parts.username is None
        else (unquote(parts.username), parts.password and unquote(parts.password))
    )
    return Address(kind, name, parts.hostname, port, path, login)


def open_sender(address: Address, start: SessionStart) -> Sender:
    """Open the way to a receiver.

    ConfigError where it cannot be reached, MissingExtraError where its package is missing.
    """
    name, host, port = address.name, address.host, address.port
    if address.kind == "udp":
        return UdpSender(name, host, port, start)
    if address.kind == "osc":
        return OscSender(name, host, port, start)
    if address.kind == "lsl":
        return LslSender(name, address.path, start)
    if address.kind == "ws":
        return WebSocketSender(name, host, port, start)
    return MqttSender(name, (host, port), address.path, start, address.login)


def _port(parts: SplitResult, error: ConfigError) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise error from None
