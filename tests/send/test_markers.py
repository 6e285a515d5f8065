"""Markers of another program arrive as they were sent."""

from __future__ import annotations

import socket
import time

import pytest
from waiting import wait_until

from livefer.errors import ConfigError
from livefer.results import Marker
from livefer.send.addresses import read_address
from livefer.send.markers import MarkerReceiver


def listening(kind: str) -> tuple[MarkerReceiver, list[Marker]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    taken: list[Marker] = []
    receiver = MarkerReceiver(read_address("--markers", f"{kind}://127.0.0.1:{port}"))
    receiver.start(taken.append)
    return receiver, taken


def send(port: int, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in datagrams:
            sender.sendto(data, ("127.0.0.1", port))


def test_each_datagram_is_a_marker_of_its_moment() -> None:
    receiver, taken = listening("udp")
    before_s = time.monotonic()
    send(receiver.port, "köln 1\n".encode(), b"  ", b"\xff", b"x" * 300)
    wait_until(lambda: len(taken) == 3)
    receiver.close()
    assert [marker.text for marker in taken] == ["köln 1", "�", "x" * 200]
    assert before_s < taken[0].captured_s <= taken[-1].captured_s < time.monotonic()


def test_osc_markers_are_values_or_an_address_with_them() -> None:
    pytest.importorskip("pythonosc")
    from pythonosc.udp_client import SimpleUDPClient

    receiver, taken = listening("osc")
    client = SimpleUDPClient("127.0.0.1", receiver.port)
    client.send_message("/marker", "trial 1")
    send(receiver.port, b"no OSC", b"")
    client.send_message("/stimulus/on", [3, 0.5, "cat"])
    client.send_message("/marker", [])
    wait_until(lambda: len(taken) == 3)
    receiver.close()
    client._sock.close()
    assert [marker.text for marker in taken] == ["trial 1", "/stimulus/on 3 0.5 cat", "/marker"]


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"--markers udp://192\.0\.2\.1:9 cannot be listened to"):
        MarkerReceiver(read_address("--markers", "udp://192.0.2.1:9"))
