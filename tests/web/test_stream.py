"""The stream over real sockets: one reply to each frame in order, options, and every close code.

The client is the package `websockets`, which shares no code with the server's messages.
"""

from __future__ import annotations

import collections
import json
import math
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from fakes import LevelClassifier, SquareDetector, make_scene
from portrait import portrait
from webserver import (
    Running,
    fake_service,
    frame,
    jpeg,
    receive,
    running,
    stream,
    wait_until,
)
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

from livefer.assets.files import PICTURE
from livefer.faces.quality import why_no_face
from livefer.labels import CLASSES
from livefer.profiles.moments import profile_of_moments
from livefer.recognizer import Recognizer
from livefer.web.limits import Limits
from livefer.web.models import Models
from livefer.web.security import Access
from livefer.web.server import make_service
from livefer.web.workers import WorkerPool

pytestmark = pytest.mark.slow

HAPPY = jpeg(make_scene((40, 60, 125)))
SAD = jpeg(make_scene((200, 100, 175)))
DARK = jpeg(make_scene())


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture
def client(server: Running) -> Iterator[ClientConnection]:
    with stream(server.ws) as found:
        yield found


def closing(client: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; return code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        collections.deque(iter(client.recv, None), maxlen=0)
    received = closed.value.rcvd
    assert received is not None
    return received.code, received.reason


class GatedDetector(SquareDetector):
    """Waits for the gate before each picture, but for those on which a recogniser tries it."""

    gate = threading.Semaphore(0)
    at_gate = threading.Semaphore(0)

    def detect(self, image: Any) -> tuple[Any, Any]:
        if image.shape == cv2.imread(str(PICTURE)).shape:
            return super().detect(image)
        self.at_gate.release()
        assert self.gate.acquire(timeout=20)
        return super().detect(image)


@pytest.fixture
def gate() -> Iterator[type[GatedDetector]]:
    GatedDetector.gate, GatedDetector.at_gate = threading.Semaphore(0), threading.Semaphore(0)
    yield GatedDetector
    GatedDetector.gate.release(10_000)


def test_hello_has_what_a_client_needs(server: Running) -> None:
    with connect(server.ws) as client:
        hello = receive(client)
    assert hello["type"] == "hello"
    assert hello["schema"] == "1"
    assert hello["classes"] == list(CLASSES)
    assert hello["colours"]["happy"] == "#f9e22a"
    assert hello["detector"] == "haar"
    assert hello["limits"]["max_in_flight"] == 2
    assert set(hello["limits"]) == {"max_bytes", "max_pixels", "max_fps", "idle_s", "max_in_flight"}
    assert hello["models"] == ["level", "other"]
    assert hello["options"] == {
        "smoothing_s": 0.33, "model": "level", "detector": "haar", "heatmap": False,
        "profile": None,
    }  # fmt: skip


def test_a_frame_is_answered_with_its_faces(client: ClientConnection) -> None:
    client.send(frame(HAPPY, 12.345678))
    found = receive(client)
    assert found["type"] == "result"
    assert found["number"] == 0
    assert found["time_s"] == 12.345678
    assert found["size_wh"] == [320, 240]
    assert found["hint"] is None
    names = ["wait", "decode", "detect", "crop", "classify", "track", "total"]
    assert list(found["timings_ms"]) == names
    (face,) = found["faces"]
    assert face["label"] == "happy"
    assert face["track_id"] == 1
    assert np.abs(np.array(face["box"]) - [40, 60, 100, 120]).max() <= 8  # JPEG's edges
    assert "heatmap_png" not in face


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_every_format(client: ClientConnection, suffix: str) -> None:
    client.send(frame(jpeg(make_scene((40, 60, 125)), suffix)))
    assert receive(client)["faces"][0]["label"] == "happy"


def test_probabilities_are_smoothed_over_the_clients_clock(client: ClientConnection) -> None:
    for time_s, data in ((0.0, HAPPY), (0.1, jpeg(make_scene((40, 60, 175))))):
        client.send(frame(data, time_s))
        (face,) = receive(client)["faces"]
    assert face["track_id"] == 1
    assert face["raw_probabilities"]["sad"] == pytest.approx(0.8)
    assert 0.3 < face["probabilities"]["sad"] < 0.5
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_a_thousand_frames_in_order(client: ClientConnection) -> None:
    """With two in flight, as the page does, no frame is skipped, lost or out of order."""
    pictures = [jpeg(make_scene((40, 60, level))) for level in (50, 75, 100, 125, 150, 175)]
    labels = CLASSES[:6]
    sent = 0
    for number in range(1000):
        while sent < min(number + 2, 1000):
            client.send(frame(pictures[sent % 6], sent * 10.0))  # too far apart for smoothing
            sent += 1
        found = receive(client)
        assert (found["type"], found["number"]) == ("result", number)
        assert found["time_s"] == number * 10.0
        assert found["faces"][0]["label"] == labels[number % 6]


def test_frames_all_at_once_are_each_answered_and_counted(
    gate: type[GatedDetector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is in the detector, the newest waits, the others are skipped in order."""
    n_skipped: list[int] = []
    process_many = Recognizer.process_many

    def noted(self: Recognizer, frames: Any, streams: Any, **more: Any) -> Any:
        n_skipped.extend(frame.n_skipped for frame in frames)
        return process_many(self, frames, streams, **more)

    monkeypatch.setattr(Recognizer, "process_many", noted)
    service = fake_service(detector=gate)
    with running(service) as server, stream(server.ws) as client:
        client.send(frame(HAPPY, 0.0))
        assert gate.at_gate.acquire(timeout=20)
        for number in range(1, 100):
            client.send(frame(HAPPY, float(number)))
        client.send(json.dumps({"type": "reset"}))
        wait_until(lambda: service.metrics.frames["skipped"] == 98)
        gate.gate.release(2)
        replies = [receive(client) for _ in range(101)]
        assert [reply.get("number") for reply in replies] == [*range(100), None]
        kinds = [reply["type"] for reply in replies]
        assert kinds == ["result", *["skipped"] * 98, "result", "reset"]
        assert replies[1] == {
            "type": "skipped", "number": 1, "time_s": 1.0, "reason": "a newer frame came"
        }  # fmt: skip
        assert service.metrics.frames == {"result": 2, "skipped": 98, "error": 0}
        assert n_skipped == [0, 98]


def test_a_newer_frame_takes_the_place_of_a_queued_one(
    gate: type[GatedDetector],
) -> None:
    """While the pool is busy with another client, the newest two wait, and one place is used."""
    service = fake_service(detector=gate)
    with running(service) as server, stream(server.ws) as busy, stream(server.ws) as client:
        busy.send(frame(SAD))
        assert gate.at_gate.acquire(timeout=20)
        for number in range(10):
            client.send(frame(HAPPY if number == 9 else DARK, float(number)))
        wait_until(lambda: service.metrics.frames["skipped"] == 8)
        assert service.pool.n_waiting == 1
        gate.gate.release(4)
        replies = [receive(client) for _ in range(10)]
        assert [reply["type"] for reply in replies] == ["skipped"] * 8 + ["result"] * 2
        assert [reply["number"] for reply in replies] == list(range(10))
        assert replies[9]["faces"][0]["label"] == "happy"
        assert receive(busy)["type"] == "result"
        client.send(frame(b"no picture", 20.0))
        assert receive(client)["code"] == "unknown_format"


def test_two_clients_never_share_tracks(server: Running) -> None:
    """Each client counts its own faces from 1."""
    with stream(server.ws) as first, stream(server.ws) as second:
        for i in range(30):
            first.send(frame(HAPPY, i / 10))
            second.send(frame(SAD, i / 10))
            (happy,) = receive(first)["faces"]
            (sad,) = receive(second)["faces"]
            assert (happy["label"], happy["track_id"]) == ("happy", 1)
            assert (sad["label"], sad["track_id"]) == ("sad", 1)
            assert happy["probabilities"]["happy"] == pytest.approx(0.8, abs=1e-3)


def test_frames_of_several_clients_make_a_batch(gate: type[GatedDetector]) -> None:
    service = fake_service(detector=gate)
    with running(service) as server, ExitStack() as stack:
        clients = [stack.enter_context(stream(server.ws)) for _ in range(4)]
        clients[0].send(frame(HAPPY))
        assert gate.at_gate.acquire(timeout=20)
        for client, data in zip(clients[1:], (SAD, DARK, HAPPY), strict=True):
            client.send(frame(data))
        wait_until(lambda: service.pool.n_waiting == 3)
        gate.gate.release(4)
        labels = [[face["label"] for face in receive(client)["faces"]] for client in clients]
        assert labels == [["happy"], ["sad"], [], ["happy"]]
        assert 'livefer_batch_size_bucket{le="2"} 1' in service.metrics.text(0, 0)
        assert 'livefer_batch_size_bucket{le="3"} 4' in service.metrics.text(0, 0)


def test_one_thread_for_two_usable_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, n_threads in ((1, 1), (2, 1), (6, 3), (64, 4)):
        monkeypatch.setattr("livefer.web.workers.n_cores", lambda cores=cores: cores)
        assert WorkerPool(Models(LevelClassifier()), {}).n_threads == n_threads  # type: ignore[arg-type]


def test_options_take_effect_with_the_next_frame(client: ClientConnection) -> None:
    client.send(json.dumps({"type": "options", "smoothing_s": 0, "heatmap": True}))
    options = {
        "smoothing_s": 0.0, "model": "level", "detector": "haar", "heatmap": True, "profile": None
    }  # fmt: skip
    assert receive(client) == {"type": "options", "options": options}
    for time_s, data in ((0.0, HAPPY), (0.1, jpeg(make_scene((40, 60, 175))))):
        client.send(frame(data, time_s))
        (face,) = receive(client)["faces"]
    assert face["probabilities"] == face["raw_probabilities"]
    assert face["heatmap_png"]
    left, top, right, bottom = face["heatmap_box"]
    assert right - left == pytest.approx(bottom - top, abs=0.2)
    client.send(json.dumps({"type": "options", "detector": "yunet"}))
    refused = receive(client)
    assert refused["options"] == options
    assert "livefer download yunet" in refused["reason"]


def test_a_stream_may_do_without_a_detector_and_no_face_has_less_than_the_least_score() -> None:
    picture = jpeg(portrait(320))
    for least, n in ((0.6, 1), (0.9, 0)):
        service = make_service(None, "haar", None, least, 0.33, Access(), Limits())
        with running(service) as server, connect(server.ws) as client:
            assert receive(client)["detectors"] == ["haar", "native", "none"]
            client.send(frame(picture))
            assert len(receive(client)["faces"]) == n
            client.send(json.dumps({"type": "options", "detector": "none"}))
            assert receive(client)["options"]["detector"] == "none"
            client.send(frame(picture, 0.1))
            (face,) = receive(client)["faces"]
            assert (face["box"], face["score"]) == ([0, 0, 320, 320], 1)


def test_other_smoothing_keeps_the_ids_and_begins_anew(client: ClientConnection) -> None:
    found = []
    for k, data in enumerate((HAPPY, HAPPY, jpeg(make_scene((40, 60, 175))))):
        if k == 2:
            client.send(json.dumps({"type": "options", "smoothing_s": 1.5}))
            assert receive(client)["options"]["smoothing_s"] == 1.5
        client.send(frame(data, k / 10))
        found += receive(client)["faces"]
    assert [face["track_id"] for face in found] == [1, 1, 1]
    assert [face["label"] for face in found] == ["happy", "happy", "sad"]
    assert found[2]["probabilities"] == found[2]["raw_probabilities"]


def test_another_model_from_the_start_or_from_the_next_frame_on(server: Running) -> None:
    with connect(f"{server.ws}?model=other") as client:
        hello = receive(client)
        assert (hello["model"], hello["options"]["model"]) == ("other", "other")
        assert (hello["classes"], hello["prior"]) == (["bright", "dim"], 0.5)
        assert hello["uncertain_below"] == 0.25
        found = []
        for k, model in enumerate(("other", "other", "level", "other")):
            if k >= 2:
                client.send(json.dumps({"type": "options", "model": model}))
                assert receive(client)["options"]["model"] == model
            client.send(frame(HAPPY, k / 10))
            found += receive(client)["faces"]
    assert [face["label"] for face in found] == ["bright", "bright", "happy", "bright"]
    assert [face["track_id"] for face in found] == [1, 1, 1, 1]
    assert list(found[2]["probabilities"]) == list(CLASSES)
    assert found[2]["probabilities"] == found[2]["raw_probabilities"]  # smoothed anew


def profile_of(level: int) -> dict[str, Any]:
    """Return a profile, as in its file, of a person whose face has this gray level at rest."""
    classifier: Any = LevelClassifier()
    rows = classifier.predict(np.full((20, 48, 48), level, np.uint8))
    return profile_of_moments(classifier, {"neutral": rows}).to_dict()


def set_options(client: ClientConnection, **options: Any) -> dict[str, Any]:
    client.send(json.dumps({"type": "options", **options}))
    return receive(client)


def faces_of(client: ClientConnection, picture: bytes, time_s: float) -> list[dict[str, Any]]:
    client.send(frame(picture, time_s))
    return list(receive(client)["faces"])


def test_a_profile_judges_the_largest_face_until_it_is_taken_back(client: ClientConnection) -> None:
    image = make_scene((200, 100, 175))
    image[30:130, 20:120] = 175 + np.indices((100, 100)).sum(axis=0)[..., None] % 2
    picture = jpeg(image)
    plain = sorted(faces_of(client, picture, 0.0), key=lambda face: face["box"][0])
    assert [(face["label"], face["profile"]) for face in plain] == [("sad", None)] * 2
    assert "plain_probabilities" not in plain[0]

    assert set_options(client, profile=profile_of(175))["options"]["profile"] == "me"
    found = sorted(faces_of(client, picture, 1.0), key=lambda face: face["box"][0])
    assert [(face["label"], face["profile"]) for face in found] == [
        ("neutral", "me"),
        ("sad", None),
    ]
    assert found[0]["plain_probabilities"] == found[1]["probabilities"]
    assert [face["track_id"] for face in found] == [face["track_id"] for face in plain]

    assert set_options(client, smoothing_s=0)["options"]["profile"] == "me"
    client.send(json.dumps({"type": "reset"}))
    assert receive(client)["type"] == "reset"
    assert "me" in [face["profile"] for face in faces_of(client, picture, 2.0)]
    assert set_options(client, profile=None)["options"]["profile"] is None
    assert {face["label"] for face in faces_of(client, picture, 3.0)} == {"sad"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_sha256": "0" * 64}, "another version"),
        ({"prior": 0.7}, "a prior of 0.7"),
        ({"classes": ["neutral"]}, "does not fit the classes"),
        ({"expressions": {}}, "not a profile of livefer (the neutral face is missing)"),
        ({"livefer_profile": 9}, "format 9"),
        ({"name": "a" * 300}, "more than 200 letters"),
    ],
)
def test_a_bad_profile_is_refused_with_the_reason_and_the_stream_goes_on(
    client: ClientConnection, change: dict[str, Any], reason: str
) -> None:
    answer = set_options(client, profile=profile_of(175) | change, smoothing_s=1.0)
    assert reason in answer["reason"]
    assert answer["options"]["profile"] is None
    assert answer["options"]["smoothing_s"] == 1.0
    (face,) = faces_of(client, SAD, 0.0)
    assert (face["label"], face["profile"]) == ("sad", None)


def test_what_is_no_profile_at_all_is_refused(client: ClientConnection) -> None:
    numbers = profile_of(175)
    numbers["expressions"]["neutral"]["n"] = math.inf
    for wrong in (3, "me", [], {}, {"livefer_profile": 1}, numbers):
        assert "not a profile of livefer" in set_options(client, profile=wrong)["reason"]
    assert faces_of(client, SAD, 0.0)[0]["label"] == "sad"


def test_another_model_takes_the_profile_away(client: ClientConnection) -> None:
    set_options(client, profile=profile_of(175))
    assert faces_of(client, SAD, 0.0)[0]["profile"] == "me"
    answer = set_options(client, model="other")
    assert answer["options"]["profile"] is None
    assert 'the profile is of the model "level"' in answer["reason"]
    assert faces_of(client, SAD, 0.1)[0]["label"] == "bright"
    assert set_options(client, model="level", profile=profile_of(175)).get("reason") is None
    assert faces_of(client, SAD, 0.2)[0]["profile"] == "me"


def test_clients_with_different_models_share_no_batch(gate: type[GatedDetector]) -> None:
    with running(fake_service(detector=gate)) as server, ExitStack() as stack:
        urls = (server.ws, server.ws, f"{server.ws}?model=other", server.ws)
        clients = [stack.enter_context(stream(url)) for url in urls]
        clients[0].send(frame(HAPPY))
        assert gate.at_gate.acquire(timeout=20)
        for client in clients[1:]:
            client.send(frame(HAPPY))
        wait_until(lambda: server.service.pool.n_waiting == 3)
        gate.gate.release(4)
        labels = [receive(client)["faces"][0]["label"] for client in clients]
        assert labels == ["happy", "happy", "bright", "happy"]


def test_reset_forgets_all_tracks(client: ClientConnection) -> None:
    ids = []
    for time_s, data in ((0.0, HAPPY), (0.1, SAD), (0.2, HAPPY)):
        if time_s == 0.2:
            client.send(json.dumps({"type": "reset"}))
            assert receive(client) == {"type": "reset"}
        client.send(frame(data, time_s))
        ids.append(receive(client)["faces"][0]["track_id"])
    assert ids == [1, 2, 1]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture at all, but long enough for a header", "unknown_format"),
        (HAPPY[: len(HAPPY) // 2], "damaged"),
        (jpeg(make_scene(), ".webp")[:40], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
        (jpeg(np.zeros((4000, 4000), np.uint8), ".png"), "too_many_pixels"),
    ],
)
def test_a_bad_picture_gets_an_error_and_the_stream_goes_on(
    client: ClientConnection, data: bytes, code: str
) -> None:
    client.send(frame(data, 1.0))
    found = receive(client)
    reason = found.pop("reason")
    assert found == {"type": "error", "number": 0, "time_s": 1.0, "code": code}
    assert len(reason) > 20
    client.send(frame(HAPPY, 2.0))
    assert receive(client)["number"] == 1


def test_hints_are_the_notes_of_tables_and_share_the_smallest_face(
    client: ClientConnection,
) -> None:
    tiny = make_scene(wh=(320, 240))
    tiny[100:115, 100:120] = 125
    small = make_scene(wh=(320, 240))
    small[100:120, 100:120] = 125
    dim = make_scene()
    dim[:, :160] = 38  # dark on average, but a face would be found
    yellow = np.full((240, 320, 3), (0, 250, 250), np.uint8)  # no blue, so no square
    for picture, hint in (
        (make_scene(), "too dark"),
        (dim, "no face"),
        (yellow, "blank"),
        (tiny, "face too small"),
        (small, None),
    ):
        client.send(frame(jpeg(picture, ".png")))
        assert receive(client)["hint"] == hint
        assert (why_no_face(picture) or "no face") == hint or hint in (None, "face too small")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"1234567",
        frame(b""),
        frame(HAPPY, math.nan),
        frame(HAPPY, math.inf),
        "",
        "no JSON",
        "[" * 4000,
        "[]",
        "{}",
        '{"type": "dance"}',
        '{"type": "options", "smoothing_s": 99}',
        '{"type": "options", "smoothing_s": true}',
        '{"type": "options", "smoothing_s": NaN}',
        '{"type": "options", "smoothing_s": ' + "9" * 400 + "}",
        '{"type": "options", "detector": ["haar"]}',
        '{"type": "options", "heatmap": 1}',
        '{"type": "options", "detector": "/etc/passwd"}',
        '{"type": "options", "model": "/etc/passwd"}',
        '{"type": "options", "model": ["other"]}',
        '{"type": "options", "mirror": true}',
        '{"type": "reset", "now": true}',
    ],
)
def test_a_bad_message_closes_the_stream(server: Running, message: bytes | str) -> None:
    with stream(server.ws) as client:
        client.send(message)
        code, reason = closing(client)
    assert code == 4400
    assert len(reason) > 20


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            '"mirror": true',
            'unknown option "mirror": expected smoothing_s, heatmap, detector, model or profile',
        ),
        ('"smoothing_s": 99', "option smoothing_s: expected a number from 0 to 3"),
        ('"heatmap": 1', "option heatmap: expected true or false"),
        ('"detector": "dlib"', "option detector: expected haar"),
        ('"model": "level2"', "option model: expected level or other"),
    ],
)
def test_a_bad_option_is_named(server: Running, options: str, expected: str) -> None:
    with stream(server.ws) as client:
        client.send(f'{{"type": "options", {options}}}')
        assert closing(client) == (4400, expected)


def test_an_unknown_parameter_of_the_address_is_named(server: Running) -> None:
    with connect(f"{server.ws}?smoothing_s=1") as client:
        assert closing(client) == (4400, 'unknown parameter "smoothing_s": expected model or token')
    for wrong in ("", "/etc/passwd"):
        with connect(f"{server.ws}?model={wrong}") as client:
            assert closing(client) == (4400, f'unknown model "{wrong}": expected level or other')


def test_random_bytes_never_break_the_server(server: Running) -> None:
    random = np.random.default_rng(0)
    for start in (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X"):
        with stream(server.ws) as client:
            for _ in range(25):
                client.send(frame(start + random.bytes(random.integers(1, 200))))
                assert receive(client)["type"] == "error"
    cut = np.frombuffer(HAPPY, np.uint8).copy()
    with stream(server.ws) as client:
        for _ in range(50):
            broken = cut.copy()
            broken[random.integers(0, len(cut), 10)] = random.integers(0, 256, 10)
            client.send(frame(broken.tobytes()))
            assert receive(client)["type"] in ("result", "error")
    assert server.service.metrics.refusals["internal"] == 0


def test_too_large() -> None:
    with running(fake_service(Limits(max_bytes=1000))) as server:
        with stream(server.ws) as client:
            client.send(frame(bytes(1001)))
            assert closing(client) == (
                4413,
                "a frame has 1001 bytes, the limit is 1000",
            )
        with stream(server.ws) as client:
            client.send(frame(bytes(100_000)))  # not even read
            assert closing(client)[0] == 1009
    with running() as server, stream(server.ws) as client:
        client.send("x" * 20_000)
        assert closing(client) == (
            4413,
            "a text has 20000 characters, the limit is 16384",
        )


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        ("https://evil.example", 4403),
        ("null", 4403),
        ("http://127.0.0.1:1", 4403),
        ("http://127.0.0.1", 4403),
        ("file://", 4403),
        ("http://127.0.0.1:{port}", None),
        ("http://ally.example", None),
        (None, None),
    ],
)
def test_only_the_own_page_and_programs_may_connect(origin: str | None, code: int | None) -> None:
    with running(fake_service(access=Access(origins=["http://ally.example"]))) as server:
        named: Any = origin and origin.format(port=server.port)
        with connect(server.ws, origin=named) as client:
            if code is None:
                assert receive(client)["type"] == "hello"
            else:
                found, reason = closing(client)
                assert found == code
                assert "may not use this server" in reason


def test_a_foreign_name_that_points_here_is_refused(server: Running) -> None:
    """DNS rebinding: the origin fits the host, but the host is not a name of this machine."""
    name = f"evil.example:{server.port}"
    sock = socket.create_connection(("127.0.0.1", server.port))
    origin: Any = f"http://{name}"
    with connect(f"ws://{name}/v1/stream", sock=sock, origin=origin) as client:
        code, reason = closing(client)
    assert code == 4403
    assert "answers as localhost" in reason


def test_token() -> None:
    with running(fake_service(access=Access(token="söcret"))) as server:
        for url, headers in (
            (server.ws, {}),
            (f"{server.ws}?token=wrong", {}),
            (server.ws, {"Authorization": "Bearer wrong"}),
            (f"{server.ws}?token=", {}),
        ):
            with connect(url, additional_headers=headers) as client:
                code, reason = closing(client)
            assert code == 4401
            assert "livefer serve" in reason
        with stream(f"{server.ws}?token=s%C3%B6cret"):
            pass


def test_token_in_the_header() -> None:
    with running(fake_service(access=Access(token="secret"))) as server:
        for value in ("Bearer secret", "bearer  secret "):
            with stream(server.ws, additional_headers={"Authorization": value}):
                pass
        with connect(server.ws, additional_headers={"Authorization": "Basic secret"}) as client:
            assert closing(client)[0] == 4401


def test_too_many_clients() -> None:
    with running(fake_service(Limits(max_clients=2))) as server, stream(server.ws):
        with stream(server.ws), connect(server.ws) as third:
            code, reason = closing(third)
            assert code == 4429
            assert "2 streams are open" in reason
        wait_until(lambda: len(server.service.sessions) == 1)
        with stream(server.ws):
            pass


def test_frames_too_fast() -> None:
    with running(fake_service(Limits(max_fps=5))) as server:
        for _ in range(12):  # the end may come while a reply is on its way
            with stream(server.ws) as client:
                with suppress(ConnectionClosed):
                    for _ in range(30):
                        client.send(frame(HAPPY))
                code, reason = closing(client)
            assert code == 4429
            assert "5 frames a second" in reason


def test_idle() -> None:
    with running(fake_service(Limits(idle_s=0.2))) as server, stream(server.ws) as client:
        assert closing(client) == (4408, "no message came for 0.2 s")


def test_a_client_that_does_not_read_is_closed() -> None:
    """It sends on while its replies wait, up to a limit: the memory that they take is bounded."""
    limits = Limits(max_fps=100_000, slow_s=0.3, max_unsent=50)
    many = jpeg(make_scene(*[(x, y, 125) for x in (0, 80, 160, 240) for y in (0, 80, 160)]))
    with running(fake_service(limits)) as server, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(20)
        sock.connect(("127.0.0.1", server.port))
        client = ClientProtocol(parse_uri(server.ws), max_size=None)
        client.send_request(client.connect())
        sock.sendall(b"".join(client.data_to_send()))
        while client.state is not State.OPEN:
            client.receive_data(sock.recv(1000))
        refusals = server.service.metrics.refusals
        n_sent = 0
        while not refusals["4430"] and n_sent < 20_000:
            client.send_binary(frame(many, n_sent / 10))
            sock.sendall(b"".join(client.data_to_send()))
            n_sent += 1
        while client.close_rcvd is None and (data := sock.recv(100_000)):
            client.receive_data(data)
        assert client.close_rcvd is not None
        assert client.close_rcvd.code == 4430
        assert "read faster" in client.close_rcvd.reason
        assert server.service.metrics.frames["result"] < n_sent


def test_a_lost_connection_ends_its_session(server: Running) -> None:
    sessions = server.service.sessions
    wait_until(lambda: not sessions)
    with stream(server.ws) as client:
        client.send(frame(HAPPY))
        client.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not sessions)


def test_the_server_stops(gate: type[GatedDetector]) -> None:
    """Every stream gets the close code, also one with a frame at work."""
    with (
        running(fake_service(detector=gate)) as server,
        stream(server.ws) as busy,
        stream(server.ws) as calm,
    ):
        busy.send(frame(HAPPY))
        assert gate.at_gate.acquire(timeout=20)
        server.server.should_exit = True
        assert closing(calm) == (1001, "the server is stopping")
        assert closing(busy) == (1001, "the server is stopping")
        gate.gate.release(10)


def test_a_picture_that_breaks_the_detector_fails_alone(
    gate: type[GatedDetector], caplog: pytest.LogCaptureFixture
) -> None:
    class Breakable(GatedDetector):
        def detect(self, image: Any) -> tuple[Any, Any]:
            found = super().detect(image)
            if image.shape[0] == 32:
                raise RuntimeError("broken")
            return found

    with running(fake_service(detector=Breakable)) as server, ExitStack() as stack:
        clients = [stack.enter_context(stream(server.ws)) for _ in range(3)]
        clients[0].send(frame(HAPPY))
        assert gate.at_gate.acquire(timeout=20)
        clients[1].send(frame(jpeg(cv2.resize(make_scene(), (32, 32)))))
        clients[2].send(frame(SAD))
        wait_until(lambda: server.service.pool.n_waiting == 2)
        gate.gate.release(100)
        replies = [receive(client) for client in clients]
        assert [reply["type"] for reply in replies] == ["result", "error", "result"]
        assert replies[1]["code"] == "internal"
        assert "broken" in caplog.text


def test_tracks_are_forgotten_while_a_clock_stands_still(
    client: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No face gets old by such a clock, so a number of frames ends them instead."""
    monkeypatch.setattr("livefer.web.session._MAX_STILL", 6)
    ids = []
    for i in range(8):
        client.send(frame((HAPPY, SAD)[i % 2], 0.5))
        ids.append(receive(client)["faces"][0]["track_id"])
    assert ids == [1, 2, 1, 2, 1, 1, 2, 1]
