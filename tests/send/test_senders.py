"""Each sender and a real receiver of its kind, in one run."""

from __future__ import annotations

import json
import math
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from fakes import make_face
from needs import missing
from waiting import wait_until

from livefer.errors import ConfigError, MissingExtraError
from livefer.labels import CLASSES
from livefer.results import Face, FrameResult, Marker
from livefer.send.addresses import open_sender, read_address
from livefer.send.messages import SessionStart, session_start
from livefer.send.mqtt import MqttSender
from livefer.send.outlet import NotDelivered, Sender
from livefer.send.websocket import WebSocketSender

SMALL = make_face((10, 10, 60, 60), "sad", 0.75, track_id=1)
LARGE = make_face((100, 20, 220, 140), "happy", 0.75, "neutral", track_id=2)
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin") or (
    shutil.which("mosquitto")
)


def result(captured_s: float, *faces: Face, index: int = 3) -> FrameResult:
    image = np.zeros((240, 320, 3), np.uint8)
    return FrameResult("camera 0", index, 1.5, image, faces, captured_s=captured_s)


def start() -> SessionStart:
    return session_start(time.monotonic(), CLASSES, "human")


@contextmanager
def sending(url: str, began: SessionStart | None = None) -> Iterator[Any]:
    sender = open_sender(read_address("--send", url), began or start())
    try:
        yield sender
    finally:
        sender.close()


@contextmanager
def udp_socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        yield receiver


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_messages(session: Any, found: Any, marker: Any, began: SessionStart) -> None:
    """The three kinds of JSON messages, of one frame with two faces and one marker."""
    assert session["type"] == "session"
    assert (session["started"], session["classes"]) == (began.iso, list(CLASSES))
    assert session["started_s"] == pytest.approx(began.started_s, abs=1e-4)
    assert (found["type"], found["source"], found["index"]) == ("result", "camera 0", 3)
    assert (found["time_s"], found["captured_s"]) == (1.5, 12.25)
    assert [face["label"] for face in found["faces"]] == ["sad", "happy"]
    assert found["faces"][1]["probabilities"]["happy"] == 0.75
    assert marker == {"type": "marker", "text": "go", "captured_s": 12.5}


def test_udp_sends_the_start_then_a_datagram_for_each_result_and_marker() -> None:
    began = start()
    with (
        udp_socket() as receiver,
        sending(f"udp://127.0.0.1:{receiver.getsockname()[1]}", began) as sender,
    ):
        sender.send(result(12.25, SMALL, LARGE))
        sender.mark(Marker("go", 12.5))
        messages = [json.loads(receiver.recv(65_536)) for _ in range(3)]
    check_messages(*messages, began)


def test_osc_is_understood_by_an_osc_server() -> None:
    pytest.importorskip("pythonosc")
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import ThreadingOSCUDPServer

    heard: Queue[tuple[Any, ...]] = Queue()
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda *message: heard.put(message))
    began = replace(start(), started_s=10.0)
    with ExitStack() as stack:
        server = stack.enter_context(ThreadingOSCUDPServer(("127.0.0.1", 0), dispatcher))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        sender = stack.enter_context(sending(f"osc://127.0.0.1:{server.server_address[1]}", began))
        sender.send(result(12.25, SMALL, LARGE))
        sender.mark(Marker("go", 12.5))
        messages = [heard.get(timeout=20) for _ in range(1 + 2 + len(CLASSES) + 1)]
    by_address: dict[str, list[tuple[Any, ...]]] = {}
    for address, *values in messages:
        by_address.setdefault(address, []).append(tuple(values))
    assert by_address["/livefer/frame"] == [(2.25, 2)]
    faces = sorted(by_address["/livefer/face"])
    assert [values[1] for values in faces] == ["sad", "happy"]
    track, label, confidence, uncertain, *rest = faces[1]
    assert (track, label, confidence, uncertain) == (2, "happy", 0.75, 0)
    assert rest[:4] == [100, 20, 220, 140]
    assert dict(zip(CLASSES, rest[4:], strict=True))["neutral"] == 0.25
    assert by_address["/livefer/marker"] == [(2.5, "go")]
    # The larger face is the avatar's.
    assert by_address["/avatar/parameters/happy"] == [(0.75,)]
    assert by_address["/avatar/parameters/sad"] == [(0.0,)]


def test_lsl_streams_have_the_times_of_frames_and_markers_by_lsls_clock() -> None:
    pylsl = pytest.importorskip("pylsl")
    name = f"livefer-test-{free_port()}"
    with sending(f"lsl://{name}") as sender:
        inlets = {}
        for stream in (name, f"{name}-markers"):
            found = pylsl.resolve_byprop("name", stream, timeout=20)
            if not found:
                missing("LSL finds no stream on this machine: it needs multicast on some interface")
            inlets[stream] = pylsl.StreamInlet(found[0])
            inlets[stream].open_stream(timeout=20)
        faces, markers = inlets.values()
        now_s, lsl_s = time.monotonic(), pylsl.local_clock()
        sender.send(result(now_s - 0.5, SMALL, LARGE))
        sender.send(result(now_s - 0.25))
        sender.mark(Marker("go", now_s - 0.125))
        sample, sample_s = faces.pull_sample(timeout=20)
        empty, empty_s = faces.pull_sample(timeout=20)
        text, text_s = markers.pull_sample(timeout=20)
        labels = faces.info(timeout=20).get_channel_labels()
        began = faces.info(timeout=20).desc().child_value("started")
    assert labels == [*CLASSES, "track"]
    assert dict(zip(labels, sample, strict=True))["happy"] == 0.75
    assert sample[-1] == 2
    assert all(map(math.isnan, empty))
    assert text == ["go"]
    # On one machine an inlet gives the outlet's times.
    assert [sample_s - lsl_s, empty_s - lsl_s, text_s - lsl_s] == pytest.approx(
        [-0.5, -0.25, -0.125], abs=0.05
    )
    assert began.startswith("20")


def test_a_websocket_client_gets_the_start_and_then_all() -> None:
    pytest.importorskip("websockets")
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    began = start()
    sender = WebSocketSender("ws://x", "127.0.0.1", 0, began)
    try:
        sender.send(result(1.0))  # nobody hears it, and that is no failure
        url = f"ws://127.0.0.1:{sender.port}"
        with connect(url) as program, connect(url, origin="http://localhost:8000") as page:  # type: ignore[arg-type]
            sessions = [json.loads(client.recv(timeout=20)) for client in (program, page)]
            wait_until(lambda: len(sender._clients) == 2)
            sender.send(result(12.25, SMALL, LARGE))
            sender.mark(Marker("go", 12.5))
            for client, session in zip((program, page), sessions, strict=True):
                found, marker = (json.loads(client.recv(timeout=20)) for _ in range(2))
                check_messages(session, found, marker, began)
        for foreign in ("https://example.org", "http://localhost.example.org", "null"):
            with pytest.raises(InvalidStatus, match="403"), connect(url, origin=foreign):  # type: ignore[arg-type]
                pass
        for here in ("http://absolute", "https://127.0.0.1"):
            with connect(url, origin=here):  # type: ignore[arg-type]
                pass
    finally:
        sender.close()


def test_a_websocket_client_that_does_not_read_is_left_out() -> None:
    pytest.importorskip("websockets")
    from websockets.sync.client import connect

    sender = WebSocketSender("ws://x", "127.0.0.1", 0, start())
    many = result(1.0, *[LARGE] * 50)
    try:
        url = f"ws://127.0.0.1:{sender.port}"
        with connect(url, max_queue=1) as stuck, connect(url) as reading:
            wait_until(lambda: len(sender._clients) == 2)
            reading.recv(timeout=20)
            n_heard, is_left_out = 0, False
            for _ in range(2000):
                try:
                    sender.send(many)
                except NotDelivered:
                    is_left_out = True
                reading.recv(timeout=20)
                n_heard += 1
                if is_left_out:
                    break
            assert is_left_out
            assert n_heard > 1
            stuck.socket.close()
    finally:
        sender.close()


@contextmanager
def broker(port: int, folder: Path) -> Iterator[Any]:
    """A mosquitto of its own at a port."""
    if MOSQUITTO is None:
        missing("mosquitto, an MQTT broker, is missing: apt-get install mosquitto")
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def test_mqtt_goes_through_a_broker(tmp_path: Path) -> None:
    mqtt = pytest.importorskip("paho.mqtt.client")
    from paho.mqtt.enums import CallbackAPIVersion

    began, port = start(), free_port()
    heard: Queue[tuple[str, Any]] = Queue()
    with broker(port, tmp_path), sending(f"mqtt://127.0.0.1:{port}/lab/face", began) as sender:
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda client, *_: client.subscribe("lab/#")
        client.on_message = lambda _, __, message: heard.put(
            (message.topic, json.loads(message.payload))
        )
        client.connect("127.0.0.1", port)
        client.loop_start()
        try:
            messages = dict([heard.get(timeout=20)])  # kept by the broker for those who come later
            sender.send(result(12.25, SMALL, LARGE))
            sender.mark(Marker("go", 12.5))
            messages |= dict(heard.get(timeout=20) for _ in range(2))
        finally:
            client.disconnect()
            client.loop_stop()
    topics = ("lab/face/session", "lab/face", "lab/face/marker")
    check_messages(*(messages[topic] for topic in topics), began)


def test_mqtt_survives_its_broker(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client")
    port = free_port()
    with broker(port, tmp_path) as process, sending(f"mqtt://127.0.0.1:{port}/a") as sender:
        sender.send(result(1.0))
        process.terminate()
        process.wait(20)
        wait_until(lambda: not is_sent(sender, result(2.0)))
        with broker(port, tmp_path):
            wait_until(lambda: is_sent(sender, result(3.0)))


def is_sent(sender: Sender, one: FrameResult) -> bool:
    try:
        sender.send(one)
    except NotDelivered:
        return False
    return True


def test_a_broker_that_is_not_there_is_one_line() -> None:
    pytest.importorskip("paho.mqtt.client")
    with pytest.raises(ConfigError, match="no broker answers there"):
        MqttSender("mqtt://here", ("127.0.0.1", free_port()), "a", start())


def test_a_port_that_is_taken_is_one_line() -> None:
    pytest.importorskip("websockets")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="choose another port"):
            WebSocketSender("ws://x", "127.0.0.1", other.getsockname()[1], start())


@pytest.mark.parametrize("kind", ["osc", "lsl", "ws", "mqtt"])
def test_a_missing_package_names_the_extra(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "pythonosc.osc_message_builder",
        "pylsl",
        "websockets.asyncio.server",
        "paho.mqtt",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    url = {"lsl": "lsl://x", "mqtt": "mqtt://localhost/x"}.get(kind, f"{kind}://localhost:9")
    with pytest.raises(MissingExtraError, match=rf"--send {kind}://.*livefer\[send\]"):
        open_sender(read_address("--send", url), start())


@pytest.mark.parametrize(
    "url",
    ["", "0", "localhost:9", "http://a:1", "udp://a", "udp://a:0", "udp://a:99999", "udp://a:1/b",
     "osc://:9", "lsl://", "mqtt://a", "mqtt://a/+", "ws://a:1?b", "udp://a:b"],
)  # fmt: skip
def test_wrong_addresses(url: str) -> None:
    kind = url.partition("://")[0]
    form = kind if kind in ("udp", "osc", "lsl", "ws", "mqtt") else "udp://HOST:PORT or"
    with pytest.raises(ConfigError, match=rf"--send .*expected {form}"):
        read_address("--send", url)


def test_addresses() -> None:
    found = read_address("--send", "mqtt://me:se%20cret@Broker/a/b")
    assert (found.name, found.host, found.port, found.path) == (
        "mqtt://Broker/a/b", "broker", 1883, "a/b"
    )  # fmt: skip
    assert found.login == ("me", "se cret")
    assert read_address("--send", "lsl://My Face").path == "My Face"
    assert read_address("--send", "udp://[::1]:9").host == "::1"
    with pytest.raises(ConfigError, match="--markers lsl://a: expected udp://HOST:PORT or osc"):
        read_address("--markers", "lsl://a", "udp", "osc")
