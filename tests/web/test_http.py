"""Single pictures over HTTP, the other routes, access, and the parts of the server."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pytest

httpx = pytest.importorskip("httpx", reason="needs the extra dev")
pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from fakes import OtherClassifier, SquareDetector, make_scene
from waiting import wait_until
from webserver import Running, fake_service, jpeg, running
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from livefer.errors import ModelError
from livefer.labels import CLASSES
from livefer.profiles.profile import Profile
from livefer.web import schema
from livefer.web.images import size_wh
from livefer.web.limits import Limits, RateLimiter
from livefer.web.metrics import Histogram, Metrics
from livefer.web.protocol import Refused
from livefer.web.security import Access, is_loopback

pytestmark = pytest.mark.slow

HAPPY = jpeg(make_scene((40, 60, 125)))


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    with httpx.Client(base_url=server.http, timeout=20) as found:
        yield found


def code_of(answer: Any) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(error) == {"code", "reason"}
    assert len(error["reason"]) > 10
    return answer.status_code, error["code"]


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", "", None])
def test_a_picture_as_the_body(client: Any, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    found = client.post("/v1/faces", content=HAPPY, headers=headers).json()
    assert set(found) == {"schema", "size_wh", "faces", "timings_ms", "model", "hint"}
    assert found["size_wh"] == [320, 240]
    (face,) = found["faces"]
    assert face["label"] == "happy"
    assert face["track_id"] is None
    assert list(face["probabilities"]) == list(CLASSES)
    assert set(face) == set(schema.FACES_EXAMPLE["faces"][0])


def test_a_picture_as_a_form(client: Any) -> None:
    for name in ("photo.jpg", "", 'we"ird;\r\n name=image.jpg'):
        more = {"data": {"note": "x" * 100}, "files": {"image": (name, HAPPY, "image/jpeg")}}
        assert client.post("/v1/faces", **more).json()["faces"][0]["label"] == "happy"
    # Bytes of the picture that look like a delimiter stay.
    odd = HAPPY + b"\r\n\r\n--b\r\n--"
    answer = client.post("/v1/faces", files={"image": ("a", odd)})
    assert answer.status_code == 200


def test_a_form_has_one_picture(client: Any) -> None:
    def reason(*parts: tuple[str, tuple[str, bytes]]) -> str:
        answer = client.post("/v1/faces", files=list(parts))
        assert code_of(answer) == (400, "bad_request")
        return str(answer.json()["error"]["reason"])

    one, other = ("image", ("a.jpg", HAPPY)), ("image", ("b.jpg", HAPPY))
    assert '(fields: "image", "image"): send a request for each' in reason(one, other)
    assert 'got 2 (fields: "image", "image2")' in reason(one, ("image2", ("b.jpg", HAPPY)))
    assert 'expected one picture, in the field "image"' in reason(("file", ("a.jpg", HAPPY)))
    assert reason(("images[]", ("a.jpg", HAPPY))).endswith('got 1 (fields: "images[]")')
    tricky = ("note", ('x"; name="image', b"text"))
    assert 'fields: "note"' in reason(tricky)


def test_heat_maps(client: Any) -> None:
    big = jpeg(cv2.resize(make_scene((40, 60, 125)), None, fx=3, fy=3), ".png")
    for data, side in ((jpeg(make_scene((40, 60, 125)), ".png"), 60), (big, 96)):
        (face,) = client.post("/v1/faces?cam=1", content=data).json()["faces"]
        png = np.frombuffer(base64.b64decode(face["heatmap_png"]), np.uint8)
        heat = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
        assert heat.shape == (side, side)
        assert heat.dtype == np.uint8
        assert (heat == 255).all()  # the fake's map is 1 everywhere
        assert len(face["heatmap_box"]) == 4
    (face,) = client.post("/v1/faces?cam=0", content=big).json()["faces"]
    assert "heatmap_png" not in face


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"", {}, (400, "bad_request")),
        (b"GIF89a" + bytes(30), {"Content-Type": "image/gif"}, (415, "unknown_format")),
        (b"{}", {"Content-Type": "application/json"}, (415, "unknown_format")),
        (HAPPY[:500], {}, (422, "damaged")),
        (bytes(2001), {}, (413, "too_large")),
        (jpeg(make_scene(wh=(400, 300))), {}, (413, "too_many_pixels")),
        (b"x", {"Content-Type": "multipart/form-data"}, (400, "bad_request")),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, (400, "bad_request")),
    ],
)
def test_refusals(content: bytes, headers: dict[str, str], expected: tuple[int, str]) -> None:
    limits = Limits(max_image_bytes=len(HAPPY) + 2000, max_image_pixels=320 * 240)
    content = content if len(content) != 2001 else bytes(len(HAPPY) + 2001)
    with running(fake_service(limits)) as server:
        answer = httpx.post(f"{server.http}/v1/faces", content=content, headers=headers)
        assert code_of(answer) == expected
        assert server.service.metrics.refusals == {expected[1]: 1}
        assert server.service.metrics.images == {"result": 0, "refused": 1}


def test_wrong_parameters_and_paths(client: Any) -> None:
    assert code_of(client.post("/v1/faces?cam=maybe", content=HAPPY)) == (422, "bad_parameter")
    for method, path in (("POST", "/v1/faces?cma=1"), ("GET", "/v1/model?cam=1")):
        answer = client.request(method, path, content=HAPPY)
        assert code_of(answer) == (422, "bad_parameter")
        assert path[-5:-2] in answer.json()["error"]["reason"]
    assert code_of(client.get("/v1/nothing")) == (404, "http")
    assert code_of(client.get("/v1/faces")) == (405, "http")
    assert code_of(client.get("/page/../app.py")) == (404, "http")
    assert code_of(client.get("/page/%2e%2e/app.py")) == (404, "http")


def test_another_model(client: Any) -> None:
    for model, label, chosen in (("", "happy", "level"), ("other", "bright", "other")):
        query = f"?model={model}" if model else ""
        found = client.post(f"/v1/faces{query}", content=HAPPY).json()
        assert (found["faces"][0]["label"], found["model"]) == (label, chosen)
        card = client.get(f"/v1/model{query}").json()
        assert (card["name"], card["models"]) == (chosen, ["level", "other"])
    assert card["classes"] == ["bright", "dim"]
    assert (card["uncertain_below"], card["prior"]) == (0.25, 0.5)
    for method, path in (("POST", "/v1/faces"), ("GET", "/v1/model")):
        answer = client.request(method, f"{path}?model=../x", content=HAPPY)
        assert code_of(answer) == (422, "bad_parameter")
        assert answer.json()["error"]["reason"] == 'unknown model "../x": expected level or other'


def held(label: str, n: int = 10) -> list[dict[str, float]]:
    """Return what a client was sent for a face, n times."""
    return n * [{name: 0.7 if name == label else 0.05 for name in CLASSES}]


def test_a_profile_is_made_of_what_a_stream_has_sent(client: Any) -> None:
    answers = {"neutral": held("sad"), "happy": held("happy", 5)}
    answer = client.post("/v1/profile", json={"answers": answers})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = Profile.of(answer.json())
    assert (found.name, found.model, found.expressions["happy"].n) == ("me", "level", 5)
    rows = np.array([list(face.values()) for face in held("sad")])
    assert found.judge(rows)[0].argmax() == CLASSES.index("neutral")
    named = client.post("/v1/profile", json={"answers": answers, "name": "ada"})
    assert named.json()["name"] == "ada"


@pytest.mark.parametrize(
    ("body", "expected", "reason"),
    [
        ({"answers": {"neutral": held("sad", 3)}}, (422, "no_profile"), "3 frames with a face"),
        ({"answers": {"happy": held("happy")}}, (422, "no_profile"), "begins with the neutral"),
        ({"answers": {}}, (422, "no_profile"), "begins with the neutral"),
        ({"answers": {"neutral": held("sad"), "bored": held("sad")}}, (422, "no_profile"), "bored"),
        (
            {"answers": {"neutral": held("neutral") + held("happy")}},
            (422, "no_profile"),
            "hold still and try again",
        ),
        ({"answers": {"neutral": [{"neutral": 1.0}]}}, (400, "bad_request"), "raw_probabilities"),
        ({"answers": {"neutral": [[0.1] * 7]}}, (400, "bad_request"), "raw_probabilities"),
        ({"answers": {"neutral": [dict.fromkeys(CLASSES, 7)]}}, (400, "bad_request"), "expected"),
        (
            {"answers": {"neutral": [{name: [0.1, 0.2] for name in CLASSES}]}},
            (400, "bad_request"),
            "expected",
        ),
        ({"answers": {"neutral": held("sad")}, "age": 3}, (400, "bad_request"), "expected"),
        ({"answers": {"neutral": held("sad")}, "name": "a" * 300}, (400, "bad_request"), "exp"),
        ([], (400, "bad_request"), "expected"),
        ({"answers": {"neutral": held("sad", 9000)}}, (413, "too_large"), "send fewer frames"),
    ],
)
def test_a_profile_is_refused_with_the_reason(
    client: Any, body: Any, expected: tuple[int, str], reason: str
) -> None:
    answer = client.post("/v1/profile", json=body)
    assert code_of(answer) == expected
    assert reason in answer.json()["error"]["reason"]


def test_a_profile_of_another_model(client: Any) -> None:
    shown = {"answers": {"neutral": 9 * [{"bright": 0.5, "dim": 0.5}]}}
    answer = client.post("/v1/profile?model=other", json=shown)
    assert code_of(answer) == (422, "no_profile")
    assert 'no class "neutral"' in answer.json()["error"]["reason"]
    assert code_of(client.post("/v1/profile?model=none", json=shown))[0] == 422
    odd = client.post(
        "/v1/profile",
        content=json.dumps({"answers": {"neutral": held("sad")}, "name": "\ud800"}),
    )
    assert odd.status_code == 200


def test_a_model_is_loaded_when_it_is_first_used_and_once() -> None:
    loads: list[str] = []

    def load() -> OtherClassifier:
        loads.append("other")
        return OtherClassifier()

    with running(fake_service(load_other=load)) as server, httpx.Client() as client:
        client.post(f"{server.http}/v1/faces", content=HAPPY)
        client.get(f"{server.http}/v1/model")
        assert loads == []
        for _ in range(2):
            client.post(f"{server.http}/v1/faces?model=other", content=HAPPY)
            client.get(f"{server.http}/v1/model?model=other")
        assert loads == ["other"]


def test_a_model_that_cannot_be_loaded(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Any:
        raise ModelError("/opt/livefer/other.onnx cannot be loaded")

    with running(fake_service(load_other=load)) as server:
        for method, path in (("POST", "/v1/faces"), ("GET", "/v1/model")):
            answer = httpx.request(method, f"{server.http}{path}?model=other", content=HAPPY)
            assert code_of(answer) == (500, "internal")
            assert "/opt" not in answer.text
        with connect(f"{server.ws}?model=other") as stream, pytest.raises(ConnectionClosed) as end:
            stream.recv(timeout=20)
        assert end.value.rcvd.code == 1011
        assert httpx.post(f"{server.http}/v1/faces", content=HAPPY).status_code == 200
    assert "/opt/livefer/other.onnx cannot be loaded" in caplog.text


def test_a_body_without_a_length_is_bounded() -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    with running(fake_service(Limits(max_image_bytes=5000))) as server:
        answer = httpx.post(f"{server.http}/v1/faces", content=parts())
        assert code_of(answer) == (413, "too_large")


def test_an_upload_that_stands_still() -> None:
    with (
        running(fake_service(Limits(idle_s=0.2))) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        head = "POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"
        sock.sendall(head.encode())
        sock.settimeout(20)
        assert sock.recv(100).startswith(b"HTTP/1.1 408")


def test_an_upload_that_trickles_does_not_keep_its_place() -> None:
    with (
        running(fake_service(Limits(upload_s=0.5))) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        head = "POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n"
        sock.sendall(head.encode())
        sock.settimeout(0.05)
        answer = b""
        for _ in range(400):  # twenty seconds
            sock.sendall(b"x")
            with suppress(TimeoutError):
                answer = sock.recv(1000)
                break
        assert answer.startswith(b"HTTP/1.1 408")
        wait_until(lambda: server.service.n_images == 0)


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"])
def test_connections_without_a_request_are_closed(begun: bytes) -> None:
    limits = Limits(max_clients=1, idle_s=0.5)
    with ExitStack() as stack, running(fake_service(limits)) as server:
        silent = []
        for _ in range(4 * limits.max_clients + 64):
            silent.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            stack.enter_context(silent[-1]).sendall(begun)
        for connection in silent:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        with httpx.Client(base_url=server.http) as client:
            for _ in range(20):  # a connection between two requests is idle for less
                assert client.get("/healthz").status_code == 200
                time.sleep(0.06)


def test_too_many_pictures() -> None:
    gate, at_gate = threading.Semaphore(0), threading.Semaphore(0)

    class Gated(SquareDetector):
        def detect(self, image: Any) -> tuple[Any, Any]:
            at_gate.release()
            assert gate.acquire(timeout=20)
            return super().detect(image)

    with running(fake_service(Limits(max_images=1), detector=Gated)) as server:
        url = f"{server.http}/v1/faces"
        first: list[Any] = []
        thread = threading.Thread(
            target=lambda: first.append(httpx.post(url, content=HAPPY, timeout=20))
        )
        thread.start()
        assert at_gate.acquire(timeout=20)
        second = httpx.post(url, content=HAPPY)
        assert code_of(second) == (429, "too_many")
        assert second.headers["Retry-After"] == "1"
        gate.release(10)
        thread.join()
        assert first[0].status_code == 200
        wait_until(lambda: server.service.n_images == 0)
        assert httpx.post(url, content=HAPPY).status_code == 200


def test_model_health_and_metrics(client: Any) -> None:
    model = client.get("/v1/model").json()
    assert set(model) == set(schema.MODEL_EXAMPLE)
    assert model["colours"]["angry"] == "#dc2e16"
    assert model["card"] == {"a": [1], "b": "[c"}
    assert client.get("/healthz").json() == {"status": "ok"}
    client.post("/v1/faces", content=HAPPY)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "livefer_clients 0" in lines
    sample = re.compile(r'livefer_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+')
    assert [x for x in lines if not x.startswith("# ") and not sample.fullmatch(x)] == []
    stages = {m[1] for m in re.finditer(r'latency_seconds_count\{stage="(\w+)"\}', answer.text)}
    assert stages == {"wait", "decode", "detect", "crop", "classify", "track", "total"}


def test_every_response_has_the_headers(client: Any) -> None:
    for path in ("/", "/docs", "/v1/model", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src" in policy
        assert f"ws://127.0.0.1:{client.base_url.port} " in policy
        assert "img-src 'self' blob: data:" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["permissions-policy"].startswith("camera=(self)")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_foreign_web_sites_and_names_are_refused(client: Any) -> None:
    def post(**headers: str) -> Any:
        return client.post("/v1/faces", content=HAPPY, headers=headers)

    own = f"127.0.0.1:{client.base_url.port}"
    assert post(Origin=f"http://{own}").status_code == 200
    assert post(Origin="http://LOCALHOST:1", Host="localhost:1").status_code == 200
    assert post(Origin="http://localhost", Host="localhost").status_code == 200
    assert is_loopback("LocalHost")  # as in --host LocalHost
    assert post(Host="127.0.0.2:80").status_code == 200
    assert post(Origin="https://[::1]", Host="[::1]:443").status_code == 200
    for origin in ("https://evil.example", "null", f"ftp://{own}", "http://127.0.0.1.evil.example"):
        assert code_of(post(Origin=origin)) == (403, "origin")
    for host in ("evil.example", "localhost.evil.example", "127.evil.example", "", "a b"):
        assert code_of(post(Host=host)) == (403, "host"), host


def test_an_upload_that_the_shutdown_breaks_off_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As after a second Ctrl-C."""
    with running() as server, socket.create_connection(("127.0.0.1", server.port)) as upload:
        upload.sendall(
            b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: image/jpeg\r\n\r\nabc"
        )
        wait_until(lambda: bool(server.service.n_images))
        server.server.should_exit = server.server.force_exit = True
        server.thread.join(20)
        assert not server.thread.is_alive()
    assert caplog.text == ""


def test_an_allowed_site() -> None:
    site = "https://faces.example.org"
    with running(fake_service(access=Access(origins=[site]))) as server:
        url = f"{server.http}/v1/faces"
        answer = httpx.post(url, content=HAPPY, headers={"Origin": site})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == site
        # Behind a proxy that keeps the host's name.
        behind = {"Origin": site, "Host": "faces.example.org"}
        assert httpx.post(url, content=HAPPY, headers=behind).status_code == 200
        asked = {"Origin": site, "Access-Control-Request-Method": "POST"}
        assert httpx.options(url, headers=asked).status_code == 200
        evil = httpx.post(url, content=HAPPY, headers={"Origin": "https://evil.example"})
        assert code_of(evil) == (403, "origin")


def test_token() -> None:
    with running(fake_service(access=Access(token="secret"))) as server:
        url = f"{server.http}/v1/model"
        for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic secret"}):
            answer = httpx.get(url, headers=wrong)
            assert code_of(answer) == (401, "token")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert httpx.get(url, headers={"Authorization": "Bearer secret"}).status_code == 200
        assert httpx.get(f"{url}?token=secret").status_code == 200
        assert code_of(httpx.post(f"{server.http}/v1/faces", content=HAPPY)) == (401, "token")
        assert code_of(httpx.get(f"{server.http}/metrics")) == (401, "token")
        for path in ("/healthz", "/docs", "/openapi.json"):
            assert httpx.get(f"{server.http}{path}").status_code == 200


class Links(HTMLParser):
    """Collects the links of a page, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        assert "style" not in dict(attrs)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_other_sites(client: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    page = Links()
    page.feed(answer.text)
    assert "style" not in page.tags
    for link in page.links:
        if link.startswith("http"):
            assert "src" not in link  # to follow, not to load
        elif not link.startswith(("#", "data:")):
            assert client.get(link).status_code == 200, link


def test_docs_name_every_route_with_an_example(client: Any) -> None:
    text = client.get("/docs").text
    for words in ("POST /v1/faces", "GET /v1/model", "/v1/stream", "heatmap", "&quot;happy&quot;"):
        assert words in text
    description = client.get("/openapi.json").json()
    answer = description["paths"]["/v1/faces"]["post"]["responses"]["200"]
    example = answer["content"]["application/json"]["example"]
    assert example["faces"][0]["box"] == schema.FACES_EXAMPLE["faces"][0]["box"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("wh", [(1, 1), (7, 3), (320, 240), (1000, 17), (300, 2049)])
def test_sizes_from_headers(suffix: str, wh: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (wh[1], wh[0], 3), np.uint8)
    kinds: dict[str, list[list[int]]] = {
        ".jpg": [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]],
        ".png": [[]],
        ".webp": [[cv2.IMWRITE_WEBP_QUALITY, 50], [cv2.IMWRITE_WEBP_QUALITY, 101]],  # lossless
    }
    for parameters in kinds[suffix]:
        data = cv2.imencode(suffix, image, parameters)[1].tobytes()
        assert size_wh(data) == wh
        for n_bytes in (2, 5, 12, 20, 23):  # a header that is cut short
            with pytest.raises(Refused):
                size_wh(data[:n_bytes])


def test_size_of_an_extended_webp_and_of_a_jpeg_with_a_thumbnail() -> None:
    canvas = (639).to_bytes(3, "little") + (479).to_bytes(3, "little")
    head = b"RIFF" + bytes(4) + b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + canvas
    assert size_wh(head) == (640, 480)
    inside = jpeg(make_scene(wh=(16, 16)))
    segment = b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside
    assert size_wh(HAPPY[:2] + segment + b"\xff\xff" + HAPPY[3:]) == (320, 240)
    with pytest.raises(Refused, match="damaged"):
        size_wh(b"\xff\xd8" + b"\xff\xe1\x00\x02" * 500_000)  # soon


def test_the_rate_limiter_lets_bursts_through(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("livefer.web.limits.time.monotonic", lambda: now[0])
    limiter = RateLimiter(10)
    assert [limiter.allows() for _ in range(21)] == [True] * 20 + [False]
    now[0] = 0.1
    assert [limiter.allows() for _ in range(2)] == [True, False]
    now[0] = 100.0
    assert sum(limiter.allows() for _ in range(100)) == 20


def test_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram((10, 100))
    for value in (5, 10, 11, 1000):
        histogram.add(value)
    assert histogram.lines("t", 's="a"', 1000) == [
        't_bucket{s="a",le="0.01"} 2',
        't_bucket{s="a",le="0.1"} 3',
        't_bucket{s="a",le="+Inf"} 4',
        't_sum{s="a"} 1.026000',
        't_count{s="a"} 4',
    ]
    assert 'livefer_frames_total{outcome="skipped"} 0' in Metrics().text(0, 0)
