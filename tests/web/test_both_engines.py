"""A server that has the browser runtime: the visitor's device can do its work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

pytest.importorskip("fastapi", reason='the server is missing: pip install "livefer[web]"')

from browser import ASTRONAUT, server
from runtime import installed_runtime
from visitor import drop_picture, press_start, start, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with installed_runtime(tmp_path_factory.mktemp("cache")) as folder:
        yield folder


def n_frames(url: str) -> float:
    with urlopen(f"{url}metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("livefer_frames_total"))


def test_the_visitor_chooses_where_the_work_is_done(open_page: Any) -> None:
    with server() as running:
        page = start(open_page(running.url))
        assert "Pictures go to the livefer server" in page.inner_text("footer")
        page.get_by_role("button", name="Compute on this device").click()
        page.wait_for_selector("#link-text:text('live')")
        page.wait_for_selector(".card strong:text('happy')")
        assert "Nothing leaves this device" in page.inner_text("footer")
        before = n_frames(running.url)
        page.wait_for_timeout(1000)
        assert n_frames(running.url) == before
        with_no_request: list[str] = []
        page.on("request", lambda request: with_no_request.append(request.url))
        drop_picture(page, ASTRONAUT.read_bytes())
        page.wait_for_selector(".picture .card strong:text('happy')")
        assert [url for url in with_no_request if "/v1/" in url] == []
        page.click("#mode-camera")
        page.get_by_role("button", name="Compute on the server").click()
        page.wait_for_selector(".card strong:text('happy')")
        assert n_frames(running.url) > before


def test_the_device_goes_on_where_the_server_is_gone(open_page: Any) -> None:
    with server() as running:
        page = open_page(running.url)
        asked: list[str] = []
        page.on("requestfinished", lambda request: asked.append(request.url))
        start(page)
        page.select_option("#models", "fer2013")
        while not any("models/fer2013.onnx" in url for url in asked):  # read ahead, for this moment
            page.wait_for_timeout(100)
        page.wait_for_timeout(2000)
        running.kill()
        page.wait_for_selector("#hint:text('The server is gone: this device does the work now.')")
        page.wait_for_selector(".card strong:text('happy')")
        assert page.inner_text("#link") == "live"
        assert "model fer2013," in page.inner_text("#model")
        assert "Nothing leaves this device" in page.inner_text("footer")
        page.click("#own-learn")  # needs numbers that the server had
        page.wait_for_selector(".card strong:text('neutral')")
        drop_picture(page, ASTRONAUT.read_bytes())
        page.wait_for_selector(".picture .card strong:text('happy')")
        page.click("#picture-own")
        page.wait_for_selector(".picture .card strong:text('neutral')")


def test_the_device_helps_a_full_server_out(open_page: Any) -> None:
    with server("--max-clients", "1", "--token", "s3cret") as running:
        page = start(open_page(running.url))
        other = open_page(running.url)
        start(other)
        other.wait_for_selector("#hint:text('The server is full: this device does the work now.')")
        assert other.inner_text(".card strong") == "happy"
        assert page.inner_text("#link") == "live"
        for path in ("livefer.json", "models/human.onnx"):
            with pytest.raises(HTTPError, match="401"):
                urlopen(f"{running.url.partition('?')[0]}{path}", timeout=20)
        until(other, "document.querySelector('#notice').hidden")


def test_where_the_device_cannot_the_page_waits_for_the_server(open_page: Any) -> None:
    with server("--max-clients", "1") as running:
        first = start(open_page(running.url))
        page = open_page("about:blank")
        page.route("**/models/*.onnx", lambda route: route.fulfill(status=404))
        page.goto(running.url)
        press_start(page)
        page.wait_for_selector("#notice-title:text('The server is full')")
        page.wait_for_timeout(1500)
        assert page.inner_text("#notice-title") == "The server is full"
        first.close()
        page.wait_for_selector(".card strong:text('happy')")
        assert "Pictures go to the livefer server" in page.inner_text("footer")


def test_without_the_runtime_there_is_no_choice(
    open_page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEFER_CACHE", str(tmp_path))
    with server() as running:
        page = start(open_page(running.url))
        assert page.is_hidden("#switch")
        for path in ("models/human.onnx", "runtime/LICENSE"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"{running.url}{path}", timeout=20)
