"""The page without a server, in Debian's Chromium: everything is computed in the browser."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from blocks import DOCS, read_blocks
from browser import ASTRONAUT, PATIENCE_MS, camera_picture, chromium
from runtime import Host, host, installed_runtime
from visitor import download, drop_files, press_start, start, until

from livefer import EmotionClassifier, Recognizer
from livefer.labels import CLASSES
from livefer.tables.schema import columns
from livefer.web.site import write_site

pytestmark = pytest.mark.slow

NO_STORAGE = """
    for (const name of ['localStorage', 'sessionStorage', 'caches']) {
        Object.defineProperty(window, name, {get() { throw new DOMException('', 'Security') }});
    }
    navigator.serviceWorker.register = async () => { throw new DOMException('', 'SecurityError') };
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, below another one: the page's addresses are relative."""
    with installed_runtime(tmp_path_factory.mktemp("cache")):
        out = tmp_path_factory.mktemp("host") / "some" / "where"
        write_site(out, [EmotionClassifier("human"), EmotionClassifier("fer2013")])
    return out


@pytest.fixture(scope="module")
def at(site: Path) -> Iterator[str]:
    with host(site.parents[1]) as running:
        yield f"{running.url}some/where/"


@pytest.fixture
def own_site(site: Path, tmp_path: Path) -> Iterator[tuple[Path, Host]]:
    """A copy that a test may change, at a host of its own."""
    shutil.copytree(site, tmp_path / "site")
    with host(tmp_path / "site") as running:
        yield tmp_path / "site", running


def kept(page: Any) -> None:
    """Wait until the browser has kept the page."""
    until(page, "navigator.serviceWorker.controller !== null")


def write_film(path: Path, seconds: float, empty_s: float = 0) -> bytes:
    """Write a WebM of the camera's picture, which moves; then one without a face."""
    av = pytest.importorskip("av")
    picture = camera_picture()
    empty = np.broadcast_to(np.linspace(40, 200, 640, dtype=np.uint8)[:, None], (360, 640, 3))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.bit_rate = 2_000_000
        for i in range(int(25 * seconds)):
            move = np.array([[1, 0, 20 * np.sin(i / 9)], [0, 1, 0]], np.float32)
            image = cv2.warpAffine(picture, move, (640, 360))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        for _ in range(int(25 * empty_s)):
            image = np.ascontiguousarray(empty)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        out.mux(stream.encode())
    return path.read_bytes()


def test_a_face_is_found_and_nothing_leaves(open_page: Any, site: Path, at: str) -> None:
    asked: list[str] = []  # by the page, its workers and its service worker
    by_page: list[str] = []
    page = open_page("about:blank")
    page.context.on("request", lambda request: asked.append(request.url))
    page.on("request", lambda request: by_page.append(request.url))
    page.goto(at)
    start(page)
    assert page.inner_text(".card strong") == "happy"
    assert page.inner_text("#link") == "live"
    assert page.locator(".card .bars li").count() == len(CLASSES)
    assert "Nothing leaves this device" in page.inner_text("footer")
    assert "server" not in page.inner_text("body").lower()
    page.click("#heat")
    page.wait_for_selector("#csv:enabled")
    page.wait_for_timeout(500)
    page.click("#pause")
    assert "server" not in page.inner_text("body").lower()
    rows = list(csv.DictReader(io.StringIO(download(page, "#csv"))))
    assert tuple(rows[0]) == columns(CLASSES)
    assert {row["label"] for row in rows} == {"happy"}
    assert "heatmap" not in download(page, "#json")
    kept(page)
    assert asked
    assert [url for url in asked if not url.startswith((at, "blob:"))] == []
    assert f"{at}models/human.onnx" in by_page
    assert f"{at}models/fer2013.onnx" not in by_page, "the other model is loaded when it is chosen"


def test_the_page_refuses_other_hosts(browser: Any, site: Path, at: str) -> None:
    page = browser.new_context().new_page()  # whose console names what was refused
    page.set_default_timeout(PATIENCE_MS)
    page.goto(at)
    policy = "document.querySelector('meta[http-equiv=Content-Security-Policy]').content"
    assert "default-src 'self'" in page.evaluate(policy)
    violation = """() => new Promise((done) => {
        addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));
        fetch('http://127.0.0.1:9/').catch(() => {});
    })"""
    assert page.evaluate(violation) == "connect-src"
    kept(page)
    # A worker of the page does not have that policy: there the service worker refuses.
    in_worker = """() => new Promise((done) => {
        const probe = new Worker('page/probe.js');
        probe.onmessage = ({data}) => done(data);
    })"""
    (site / "page" / "probe.js").write_text(
        "fetch('http://127.0.0.1:9/', {mode: 'no-cors'})"
        ".then(() => postMessage('let through'), (error) => postMessage(String(error)));"
    )
    requests: list[str] = []
    page.context.on("requestfailed", lambda request: requests.append(str(request.failure)))
    page.reload()
    page.wait_for_selector("#link[data-state='open'], .card")
    assert "let through" not in page.evaluate(in_worker)
    for _ in range(100):  # the browser tells of it when it comes to that
        if "net::ERR_FAILED" in requests:
            break
        page.wait_for_timeout(100)
    assert "net::ERR_FAILED" in requests, "not even tried: a refused connection is another error"
    page.context.close()


def test_it_works_offline_after_the_first_visit(
    open_page: Any, own_site: tuple[Path, Host]
) -> None:
    _, running = own_site
    page = start(open_page(running.url))
    kept(page)
    running.stop()
    page.reload()
    start(page)
    assert page.inner_text(".card strong") == "happy"
    page.select_option("#models", "fer2013")
    page.wait_for_selector("#model:text(', model fer2013,')")
    page.wait_for_selector(".card strong:text('happy')")


def test_a_new_version_replaces_the_old_one(open_page: Any, own_site: tuple[Path, Host]) -> None:
    folder, running = own_site
    page = start(open_page(running.url))
    kept(page)
    page.reload()
    start(page)
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(running.url)
    start(other)
    style = folder / "page" / "style.css"
    style.write_text(style.read_text() + "\n:root { --new: yes; }\n")
    worker = folder / "service-worker.js"
    worker.write_text(worker.read_text().replace('"version": "', '"version": "new '))
    new = "getComputedStyle(document.documentElement).getPropertyValue('--new')"
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    page.wait_for_selector("#renew:visible")
    assert page.evaluate(new) == "", "not in the middle of a recording"
    with page.expect_navigation():
        page.click("#renew")
    until(page, f"{new} === 'yes'")
    start(page)
    other.wait_for_selector("#renew:visible")
    assert other.evaluate(new) == "", "nor in the middle of another tab's"
    with other.expect_navigation():
        other.click("#renew")
    until(other, f"{new} === 'yes'")
    assert page.evaluate("caches.keys().then((names) => names.length)") == 1


def test_pictures(open_page: Any, at: str) -> None:
    page = open_page(at, viewport={"width": 390, "height": 844})
    drop_files(
        page,
        ("one, two.jpg", "image/jpeg", ASTRONAUT.read_bytes()),
        ("broken.png", "image/png", b"no picture"),
    )
    page.wait_for_selector(".picture .card")
    page.wait_for_selector(".picture.failed")
    assert "happy" in page.inner_text(".picture:not(.failed) .picture-text")
    assert "cannot read this file" in page.inner_text(".picture.failed")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    rows = list(csv.DictReader(io.StringIO(download(page, "#picture-csv"))))
    face = Recognizer()(cv2.imread(str(ASTRONAUT)))[0]
    assert (rows[0]["label"], rows[0]["answer"]) == (face.label, face.answer)
    assert abs(float(rows[0]["confidence"]) - face.confidence) < 0.01
    box = [float(rows[0][side]) for side in ("left", "top", "right", "bottom")]
    assert np.abs(np.array(box) - face.box).max() < 2


def test_a_video_file(open_page: Any, at: str, tmp_path: Path) -> None:
    page = open_page(at)
    page.wait_for_selector("#link[data-state='open']")
    drop_files(page, ("holiday.webm", "video/webm", write_film(tmp_path / "film.webm", 3)))
    page.wait_for_selector(".card")
    assert page.is_visible("#camera")
    assert page.is_hidden("#own")
    until(page, "document.querySelector('video').ended")
    page.wait_for_selector("#pause:has-text('Play')")
    rows = list(csv.DictReader(io.StringIO(download(page, "#csv"))))
    rows = [row for row in rows if row["source"] == "holiday.webm"]  # others: the camera's, before
    assert {row["label"] for row in rows} == {"happy"}
    times = [float(row["time_s"]) for row in rows]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 3, "times are those of the file"
    page.click("#pause")  # plays again, from its start: the face is a new one
    page.wait_for_selector(".card >> text=/Face [2-9]/")

    drop_files(page, ("broken.mp4", "video/mp4", b"no video"))
    page.wait_for_selector("#notice-title:text('cannot be played')")
    page.click("#notice-action")
    page.wait_for_selector(".card")
    assert page.inner_text("#link") == "live"


def test_a_video_that_stands_still_has_the_faces_of_its_picture(
    open_page: Any, at: str, tmp_path: Path
) -> None:
    page = open_page(at)
    page.wait_for_selector("#link[data-state='open']")
    film = write_film(tmp_path / "film.webm", 1.5, empty_s=0.5)
    drop_files(page, ("film.webm", "video/webm", film))
    page.wait_for_selector(".card")
    until(page, "document.querySelector('video').ended")
    page.wait_for_selector(".card", state="detached")
    page.evaluate("document.querySelector('video').currentTime = 0.4")
    page.wait_for_selector(".card strong:text('happy')")
    assert page.evaluate("document.querySelector('video').paused")
    page.evaluate("document.querySelector('video').currentTime = 1.9")
    page.wait_for_selector(".card", state="detached")
    page.click("#mode-pictures")
    page.click("#mode-camera")
    page.wait_for_timeout(500)
    assert page.inner_text("#notice-title") == "See what your face shows", "no camera by itself"


def test_a_video_gets_no_advice_for_a_camera(open_page: Any, at: str) -> None:
    page = open_page(at)
    hints = page.evaluate(
        """async (at) => {
            const {hintFor} = await import(`${at}page/states.js`);
            return [false, true].map((isFilm) => hintFor('no face', isFilm));
        }""",
        at,
    )
    assert hints == ["No face in view. Look towards the camera.", "No face in view."]


def test_a_visitor_who_turns_to_a_video_is_not_asked_about_the_camera_again(
    open_page: Any, at: str, tmp_path: Path
) -> None:
    """The answer to the browser's question comes after the video."""
    late = """
        window.answer = null;
        navigator.mediaDevices.getUserMedia = () => new Promise((_, fail) => {
            window.answer = () => fail(new DOMException('', 'NotAllowedError'));
        });"""
    page = open_page(at, before=late)
    press_start(page)
    page.wait_for_selector("#notice-title:text('Waiting for the camera')")
    drop_files(page, ("film.webm", "video/webm", write_film(tmp_path / "film.webm", 3)))
    page.wait_for_selector(".card")
    page.evaluate("window.answer()")
    page.wait_for_timeout(300)
    assert page.is_hidden("#notice")
    assert page.locator(".card").count() == 1


def test_the_own_face_is_made_on_the_device(open_page: Any, at: str) -> None:
    page = start(open_page(at, viewport={"width": 390, "height": 844}))
    page.click("#own-learn")
    page.wait_for_selector("#own-use:visible")
    page.wait_for_selector(".card strong:text('neutral')")
    assert "Without: happy" in page.inner_text(".card-own")
    profile = json.loads(download(page, "#own-save"))
    assert profile["model"] == "human"
    assert profile["model_sha256"] == EmotionClassifier("human").sha256
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.select_option("#models", "fer2013")
    page.wait_for_selector("#own-text:text('known to the model human only')")
    page.wait_for_selector(".card strong:text('happy')")
    page.reload()
    page.select_option("#models", "human")
    start(page)
    page.wait_for_selector(".card strong:text('neutral')")
    page.click("#own-delete")
    page.wait_for_selector(".card strong:text('happy')")


def test_a_denied_camera(driver: Any, camera: Any, at: str) -> None:
    with chromium(driver, camera, "--deny-permission-prompts") as strict:
        page = strict.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(at)
        page.click("#notice-action")
        page.wait_for_selector("#notice-title:text('blocked')")
        assert "server" not in page.inner_text("body").lower()
        page.click("#notice-other")
        assert page.is_visible("#pick")


def test_no_webassembly(open_page: Any, own_site: tuple[Path, Host]) -> None:
    """As in lockdown mode: the page says so, and offers another attempt."""
    folder, running = own_site
    worker = folder / "page" / "road-worker.js"
    worker.write_text(f"delete self.WebAssembly;\n{worker.read_text()}")
    page = open_page(running.url)
    page.wait_for_selector("#notice-title:text('cannot compute here')")
    assert "no WebAssembly" in page.inner_text("#notice-text")
    assert page.inner_text("#link") == "not ready"
    assert page.inner_text("#notice-action") == "Try again"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("models/human.onnx", b"no model", "human.onnx"),
        ("models/human.onnx", None, "human.onnx"),
        ("models/int8.weights", None, "int8.weights"),
        ("livefer.json", None, "livefer.json"),
        ("runtime/ort.wasm.min.mjs", None, "ort.wasm.min.mjs"),
    ],
    ids=["wrong model", "no model", "no weights", "no card", "no runtime"],
)
def test_a_file_is_missing_or_wrong(
    browser: Any, own_site: tuple[Path, Host], name: str, content: bytes | None, reason: str
) -> None:
    folder, running = own_site
    page = browser.new_page()  # whose console names the file, too
    page.set_default_timeout(PATIENCE_MS)
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    page.goto(running.url)
    page.wait_for_selector("#notice-title:text('cannot compute here')")
    assert reason in page.inner_text("#notice-text")
    assert "\n" not in page.inner_text("#notice-text")
    (folder / name).write_bytes(whole)
    later = time.time() + 60  # hosts tell the age of a file in seconds
    os.utime(folder / name, (later, later))
    page.click("#notice-action")  # tries again
    start(page)
    page.close()


def test_a_browser_that_keeps_nothing(open_page: Any, at: str) -> None:
    page = start(open_page(at, before=NO_STORAGE))
    page.select_option("#models", "fer2013")
    page.wait_for_selector("#model:text(', model fer2013,')")
    page.select_option("#models", "human")
    page.wait_for_selector("#model:text(', model human,')")
    page.click("#own-learn")
    page.wait_for_selector("#own-text:text('keeps nothing: save it')")


def test_the_models_load_with_progress(open_page: Any, own_site: tuple[Path, Host]) -> None:
    _, running = own_site
    page = open_page("about:blank")
    shown = """() => {
        window.progress = [];
        const bar = document.querySelector('#notice-progress');
        new MutationObserver(() => window.progress.push(bar.value))
            .observe(bar, {attributes: true, attributeFilter: ['value']});
    }"""
    page.add_init_script(f"addEventListener('DOMContentLoaded', {shown})")
    page.goto(running.url)
    page.wait_for_selector("#link[data-state='open'], .stage.running")
    start(page)
    shares = page.evaluate("window.progress")
    rising = [share for share in shares if share > 0]
    assert rising == sorted(rising)
    assert rising[-1] == 1
    assert page.is_hidden("#notice-progress")


def test_dark(open_page: Any, at: str) -> None:
    page = start(open_page(at, color_scheme="dark"))
    dark = "getComputedStyle(document.body).backgroundColor"
    assert max(map(int, page.evaluate(dark)[4:-1].split(","))) < 40


def test_the_example_of_the_docs(open_page: Any, own_site: tuple[Path, Host]) -> None:
    folder, running = own_site
    blocks = read_blocks((DOCS / "page.md").read_text(encoding="utf-8"))
    (example,) = (block.code for block in blocks if block.language == "html")
    example = example.replace("<title>", '<link rel="icon" href="data:,"><title>')
    (folder / "mine.html").write_text(example, encoding="utf-8")
    shutil.copy(ASTRONAUT, folder / "portrait.jpg")
    page = open_page(f"{running.url}mine.html")
    page.wait_for_selector("#answer:text('happy')")
