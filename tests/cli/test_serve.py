"""`livefer serve`: its line, its warnings, mistakes, and its end."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import missing

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from fakes import LevelClassifier, SquareDetector, make_scene
from webserver import frame, jpeg, receive, stream
from websockets.exceptions import ConnectionClosed

from livefer.cli import main
from livefer.web.server import Server

pytestmark = pytest.mark.slow

STARTUP = Server.startup


class NamedDetector(SquareDetector):
    name = "haar"


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = LevelClassifier()
    monkeypatch.setattr("livefer.web.server.EmotionClassifier", lambda model, **more: fake)
    monkeypatch.setattr("livefer.web.server.make_detector", lambda *_, **more: NamedDetector())
    monkeypatch.delenv("LIVEFER_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)


def run(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    patch.setattr(sys, "argv", ["livefer", "serve", "--detector", "haar", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def at_start(patch: pytest.MonkeyPatch, deed: Callable[[Server], None]) -> None:
    """Do something with the server once it has started, and then end it as Ctrl-C would."""

    async def start(self: Server, sockets: Any = None) -> None:
        await STARTUP(self, sockets)

        def work() -> None:
            try:
                deed(self)
            finally:
                self.should_exit = True

        threading.Thread(target=work).start()

    patch.setattr(Server, "startup", start)


def get(port: int, path: str, tls: ssl.SSLContext | None = None) -> int:
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=tls)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def port_of(server: Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


def test_one_line_has_the_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    at_start(
        monkeypatch, lambda server: seen.extend([port_of(server), get(port_of(server), "/docs")])
    )
    code, out, err = run(monkeypatch, capsys, "--port", "0")
    assert (code, err) == (0, "")
    assert out == f"livefer is at http://127.0.0.1:{seen[0]}/ (Ctrl-C ends it)\n"
    assert seen[1] == 200
    assert list(Path().iterdir()) == []


def test_the_token_is_in_the_line_and_the_browser_gets_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    statuses: list[int] = []
    has_opened = threading.Event()

    def open_page(url: str) -> None:
        opened.append(url)
        has_opened.set()

    def ask(server: Server) -> None:
        assert has_opened.wait(20)
        port = port_of(server)
        statuses.extend([get(port, "/v1/model"), get(port, "/v1/model?" + opened[0].split("?")[1])])

    monkeypatch.setattr("webbrowser.open", open_page)
    at_start(monkeypatch, ask)
    code, out, err = run(monkeypatch, capsys, "--port", "0", "--token", "a/b c", "--open")
    assert (code, err) == (0, "")
    assert re.search(r"/\?token=a%2Fb%20c \(", out)
    assert opened == [out.split()[3]]
    assert statuses == [401, 200]

    has_opened.clear()
    at_start(monkeypatch, lambda server: None)
    monkeypatch.setenv("LIVEFER_TOKEN", "auto")
    made = [run(monkeypatch, capsys, "--port", "0")[1] for _ in range(2)]
    assert all(re.search(r"token=[\w-]{20,} ", out) for out in made)
    assert made[0].split("token=")[1] != made[1].split("token=")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["0.0.0.0 is open to other machines", "anyone who can reach it", "no camera"]),
        (("--token", "x"), ["0.0.0.0 is open to other machines", "no camera"]),
    ],
)
def test_a_server_open_to_others_warns(
    arguments: tuple[str, ...],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_start(monkeypatch, lambda server: None)
    code, out, err = run(monkeypatch, capsys, "--port", "0", "--host", "0.0.0.0", *arguments)
    assert code == 0
    assert out.startswith(f"livefer is at http://{socket.gethostname()}:")
    assert err.count("\n") == 1
    assert err.startswith("warning: ")
    assert [word for word in words if word not in err] == []
    assert ("anyone" in err) is (not arguments)


def test_a_taken_port_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run(monkeypatch, capsys, "--port", str(port))
    assert (code, out) == (1, "")
    assert err.startswith(f"livefer: 127.0.0.1 port {port} cannot be used (")
    assert f"--port {port + 1}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--host", "no.such.host.invalid"), '"no.such.host.invalid" is not an address'),
        (("--host", "192.0.2.1", "--port", "0"), "192.0.2.1 is not an address of this machine"),
        (("--ssl-certfile", "absent.pem", "--port", "0"), "absent.pem does not exist"),
        (("--ssl-certfile", "bad.pem", "--port", "0"), "bad.pem cannot be used as a certificate"),
        (("--ssl-keyfile", "bad.pem"), "--ssl-keyfile needs --ssl-certfile"),
        (("--allow-origin", "example.org"), "is not a web site: expected one as in"),
        (("--allow-origin", "https://example.org:x"), "is not a web site: expected one as in"),
        (("--allow-origin", "https://me@example.org"), "is not a web site: expected one as in"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.pem").write_text("no certificate", encoding="ascii")
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (1, "")
    assert expected in err
    assert err.count("\n") == 1


def test_tls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    try:
        subprocess.run(openssl, check=True, capture_output=True)
    except FileNotFoundError:
        missing("openssl is missing, which makes this test's certificate")
    tls = ssl.create_default_context(cafile="cert.pem")
    found: list[Any] = []

    def ask(server: Server) -> None:
        found.append(get(port_of(server), "/healthz", tls))
        with stream(f"wss://127.0.0.1:{port_of(server)}/v1/stream", ssl=tls) as client:
            client.send(frame(jpeg(make_scene((40, 60, 125)))))
            found.append(receive(client)["faces"][0]["label"])

    at_start(monkeypatch, ask)
    more = ("--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem", "--port", "0")
    code, out, err = run(monkeypatch, capsys, *more, "--host", "0.0.0.0", "--token", "")
    assert code == 0
    assert out.startswith("livefer is at https://")
    assert "anyone" in err
    assert "camera" not in err
    assert found == [200, "happy"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_well(name: str, tmp_path: Path) -> None:
    """The real command with the real model: streams get 1001, the exit code is 0, nothing stays."""
    with subprocess.Popen(
        [sys.executable, "-m", "livefer", "serve", "--port", "0", "--detector", "haar"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[3]
            with stream(url.replace("http", "ws") + "v1/stream") as client:
                client.send(frame(jpeg(make_scene((40, 60, 125)))))
                assert receive(client)["type"] == "result"
                server.send_signal(getattr(signal, name))
                with pytest.raises(ConnectionClosed) as closed:
                    client.recv(timeout=60)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            out, err = server.communicate(timeout=60)
        finally:
            server.kill()
    assert (server.returncode, out, err) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_numbers_of_clients_and_pictures_are_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    at_start(monkeypatch, lambda server: seen.append(server._service.limits))
    assert (
        run(monkeypatch, capsys, "--port", "0", "--max-images", "20", "--max-clients", "3")[0] == 0
    )
    assert (seen[0].max_images, seen[0].max_clients) == (20, 3)
    assert run(monkeypatch, capsys, "--port", "0", "--max-images", "0")[0] == 2
