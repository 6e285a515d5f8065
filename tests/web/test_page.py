"""The page in Debian's Chromium, with a fake camera that shows the shipped picture."""

from __future__ import annotations

import base64
import csv
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason='the server is missing: pip install "livefer[web]"')

from blocks import DOCS, at_server, read_blocks
from browser import (
    ASTRONAUT,
    PATIENCE_MS,
    ServerProcess,
    camera_picture,
    chromium,
    drawn_box,
    overlap,
    server,
)
from numpy.typing import NDArray
from visitor import download, drop_files, drop_picture, start

from livefer import EmotionClassifier, Profile, Recognizer
from livefer.labels import CLASSES, colour_bgr
from livefer.tables.schema import columns

pytestmark = pytest.mark.slow

KEEP_SENT = """
    window.sent = [];
    const send = window.fetch;
    window.fetch = (address, request) => {
        if (request?.body instanceof Blob) window.sent.push(request.body);
        return send(address, request);
    };
"""


@pytest.fixture(scope="module")
def running(browser: Any) -> Iterator[ServerProcess]:
    with server() as found:
        yield found


def test_a_face_is_found_and_labelled_and_downloaded(open_page: Any, running: Any) -> None:
    page = start(open_page(running.url))
    assert page.inner_text(".card strong") == "happy"
    with urlopen(f"{running.url}v1/model", timeout=20) as answer:
        assert f"model {json.load(answer)['name']}," in page.inner_text("footer")
    assert page.locator(".card .bars li").count() == len(CLASSES)
    assert page.inner_text("#link") == "live"
    page.wait_for_selector("#csv:enabled")
    page.click("#pause")

    rows = list(csv.DictReader(io.StringIO(download(page, "#csv"))))
    assert tuple(rows[0]) == columns(CLASSES)
    assert {row["label"] for row in rows} == {"happy"}
    assert all(float(row["confidence"]) > 0.7 for row in rows)
    assert float(rows[0]["time_s"]) == 0.0
    session = json.loads(download(page, "#json"))
    assert session["classes"] == list(CLASSES)
    assert len(session["frames"]) == len(rows)
    assert "heatmap_png" not in session["frames"][0]["faces"][0]

    page.click("#reset")
    page.wait_for_selector("#csv:disabled")


@pytest.mark.parametrize(
    ("width", "height", "density", "mirror"),
    [(1280, 800, 1, True), (1500, 620, 1.5, False), (390, 844, 2, True)],
    ids=["desktop", "letterboxed", "phone"],
)
def test_the_box_lies_on_the_face(
    open_page: Any, running: Any, width: int, height: int, density: float, mirror: bool
) -> None:
    window = {"viewport": {"width": width, "height": height}, "device_scale_factor": density}
    page = start(open_page(running.url, **window))
    if not mirror:
        page.click("#mirror")
    page.wait_for_timeout(500)  # the box glides to its place
    page.click("#pause")
    screen = cv2.imdecode(
        np.frombuffer(page.locator("#stage").screenshot(), np.uint8), cv2.IMREAD_COLOR
    )
    assert screen is not None

    box = np.array(Recognizer()(camera_picture())[0].box, np.float64)
    if mirror:
        box[[0, 2]] = 640 - box[[2, 0]]
    stage_hw = screen.shape[:2]
    scale = min(stage_hw[1] / 640, stage_hw[0] / 360)
    corner = (np.array(stage_hw[::-1]) - scale * np.array([640, 360])) / 2
    expected = box * scale + np.tile(corner, 2)
    drawn = drawn_box(screen.astype(np.uint8), colour_bgr("happy", CLASSES), expected)
    assert overlap(drawn, expected) > 0.85
    assert np.abs(drawn - expected).max() <= 0.06 * (expected[2] - expected[0])


def test_the_page_reconnects(open_page: Any) -> None:
    with server() as mortal:
        page = start(open_page(mortal.url))
        mortal.kill()
        page.wait_for_selector("#notice:visible")
        assert page.inner_text("#notice-title") == "The server is gone"
        assert page.inner_text("#link") == "server gone"
        assert page.locator(".card").count() == 0
        page.wait_for_selector("#notice-foot:text-matches('Trying again')")
        mortal.start()
        page.wait_for_selector(".card")
        assert page.is_hidden("#notice")
        assert page.inner_text("#link") == "live"


def test_a_face_after_a_stop_gets_a_new_number(open_page: Any, running: Any) -> None:
    """Each connection counts faces from 1, but the recording goes on."""
    page = start(open_page(running.url))
    page.wait_for_selector("#csv:enabled")
    page.click("#stop")
    page.click("#notice-action")
    page.wait_for_selector(".card >> text=/Face [2-9]/")
    page.click("#pause")
    rows = list(csv.DictReader(io.StringIO(download(page, "#csv"))))
    ids = [int(row["track_id"]) for row in rows if row["track_id"]]
    assert ids == sorted(ids)
    assert ids[0] == 1
    assert ids[-1] > 1
    page.click("#pause")
    page.click("#reset")
    page.wait_for_selector(".card >> text=Face 1")


def test_a_denied_camera(driver: Any, camera: Any, running: Any) -> None:
    with chromium(driver, camera, "--deny-permission-prompts") as strict:
        page = strict.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(running.url)
        page.click("#notice-action")
        page.wait_for_selector("#notice-title:text('blocked')")
        assert "allow the camera" in page.inner_text("#notice-text")
        assert page.inner_text("#notice-action") == "Try again"
        page.click("#notice-other")
        assert page.is_visible("#pick")


@pytest.mark.parametrize(
    ("error", "title"),
    [("NotFoundError", "No camera found"), ("NotReadableError", "Another program is using")],
)
def test_other_camera_trouble(open_page: Any, running: Any, error: str, title: str) -> None:
    broken = (
        "navigator.mediaDevices.getUserMedia = async () => {{throw new DOMException('', '{}')}}"
    )
    page = open_page(running.url, before=broken.format(error))
    page.wait_for_selector(f"#notice-title:text('{title}'), #notice-action:text('Start')")
    if page.inner_text("#notice-action").startswith("Start"):
        page.click("#notice-action")
    page.wait_for_selector(f"#notice-title:text('{title}')")


def test_pictures_by_drop(open_page: Any, running: Any) -> None:
    page = open_page(running.url, viewport={"width": 360, "height": 740})
    drop = """([data, broken]) => {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File([bytes], 'one, two.jpg', {type: 'image/jpeg'}));
        files.items.add(new File([broken], 'broken.png', {type: 'image/png'}));
        files.items.add(new File([broken], 'notes.txt', {type: 'text/plain'}));
        document.querySelector('#stage').dispatchEvent(
            new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(drop, [base64.b64encode(ASTRONAUT.read_bytes()).decode(), "no picture"])
    page.locator(".picture.failed").nth(1).wait_for()
    page.wait_for_selector(".picture.waiting", state="detached")
    assert page.is_hidden("#camera")
    good, bad, text = page.locator(".picture").all()
    assert "happy" in good.locator(".picture-text").inner_text()
    assert good.locator(".bars li").count() == len(CLASSES)
    for failed in (bad, text):
        assert "cannot read this file as a picture" in failed.inner_text()
    rows = list(csv.DictReader(io.StringIO(download(page, "#picture-csv"))))
    assert [(row["source"], row["label"]) for row in rows] == [
        ("one, two.jpg", "happy"),
        ("broken.png", ""),
        ("notes.txt", ""),
    ]
    assert rows[1]["error"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_prints_the_answer_that_the_server_gives(open_page: Any, running: Any) -> None:
    """It makes no answer of its own from label and confidence."""

    def reply(route: Any) -> None:
        real = route.fetch()
        body = real.json()
        body["faces"][0] |= {"answer": "glad, perhaps", "uncertain": True}
        route.fulfill(response=real, json=body)

    page = open_page(running.url)
    page.route("**/v1/faces*", reply)
    drop_picture(page, ASTRONAUT.read_bytes())
    page.wait_for_selector(".picture .card")
    assert page.inner_text(".picture .card strong") == "glad, perhaps"
    assert page.inner_text(".picture-text").count("glad, perhaps") == 1
    (row,) = csv.DictReader(io.StringIO(download(page, "#picture-csv")))
    assert (row["label"], row["answer"]) == ("happy", "glad, perhaps")


def file_of(image: NDArray[np.uint8], kind: str, orientation: int = 1) -> bytes:
    """Write RGB pixels as a file with a place and a comment, and more behind its end."""
    pil = pytest.importorskip("PIL.Image", reason="Pillow comes with the analysis extra")
    png_info = pytest.importorskip("PIL.PngImagePlugin").PngInfo()
    png_info.add_text("Location", "PLACE")
    exif, file = pil.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    exif[0x010E] = "PLACE"
    if kind == "PNG":
        pil.fromarray(image).save(file, kind, pnginfo=png_info)
    elif kind == "WEBP":
        pil.fromarray(image).save(file, kind)
    else:
        progressive = orientation != 1
        pil.fromarray(image).save(
            file, kind, exif=exif, comment=b"PLACE", progressive=progressive, quality=90
        )
    return file.getvalue() + b"PLACE"


def sent(page: Any) -> list[bytes]:
    """Return the pictures that the page has sent."""
    bodies = page.evaluate(
        "Promise.all(window.sent.map(async (one) => [...new Uint8Array(await one.arrayBuffer())]))"
    )
    return [bytes(body) for body in bodies]


def test_a_small_picture_keeps_its_pixels_and_loses_its_place(
    open_page: Any, running: Any, tmp_path: Path
) -> None:
    """So that page and command line agree on it."""
    image = np.ascontiguousarray(cv2.imread(str(ASTRONAUT))[:, :, ::-1])
    files = {
        "plain.jpg": file_of(image, "JPEG"),
        "turned.jpg": file_of(np.ascontiguousarray(np.rot90(image)), "JPEG", 6),
        "text.png": file_of(image, "PNG"),
        "web.webp": file_of(image, "WEBP"),
    }
    page = open_page(running.url, before=KEEP_SENT)
    for name, data in files.items():
        drop_files(page, (name, f"image/{name.partition('.')[2]}".replace("jpg", "jpeg"), data))
    page.locator(".picture .card").nth(len(files) - 1).wait_for()
    rows = list(csv.DictReader(io.StringIO(download(page, "#picture-csv"))))
    for (name, data), body, row in zip(files.items(), sent(page), rows, strict=True):
        assert b"PLACE" not in body, name
        pixels = [cv2.imdecode(np.frombuffer(one, np.uint8), 1) for one in (data, body)]
        np.testing.assert_array_equal(*pixels, err_msg=name)
        (tmp_path / name).write_bytes(data)
        (face,) = Recognizer()(tmp_path / name)
        assert (row["source"], row["label"]) == (name, face.label)
        assert float(row["confidence"]) == pytest.approx(face.confidence, abs=1e-4)
        box = [float(row[side]) for side in ("left", "top", "right", "bottom")]
        assert box == pytest.approx(list(face.box), abs=0.1)


def test_a_large_picture_is_scaled_and_loses_its_place(open_page: Any, running: Any) -> None:
    image = cv2.resize(cv2.imread(str(ASTRONAUT))[:, :, ::-1], (2100, 2100))
    page = open_page(running.url, before=KEEP_SENT)
    drop_picture(page, file_of(image.astype(np.uint8), "JPEG"))
    page.wait_for_selector(".picture .card strong:text('happy')")
    (body,) = sent(page)
    assert b"PLACE" not in body
    assert cv2.imdecode(np.frombuffer(body, np.uint8), 1).shape == (2048, 2048, 3)


def test_a_picture_is_shown_large_and_saved_in_its_own_size(
    open_page: Any, running: Any, tmp_path: Path
) -> None:
    picture = cv2.resize(cv2.imread(str(ASTRONAUT)), (1600, 1600))
    page = open_page(running.url, viewport={"width": 1280, "height": 800})
    drop_picture(page, cv2.imencode(".jpg", picture)[1].tobytes())
    page.get_by_role("button", name="Save this picture").wait_for()
    shown = page.locator(".picture canvas")
    width = shown.bounding_box()["width"]
    shown.click()
    assert shown.bounding_box()["width"] > 2 * width
    page.get_by_role("button", name="Show small").click()
    assert shown.bounding_box()["width"] == width
    with page.expect_download() as begun:
        page.get_by_role("button", name="Save this picture").click()
    begun.value.save_as(tmp_path / "saved.png")
    saved = cv2.imread(str(tmp_path / "saved.png"))
    assert begun.value.suggested_filename == "one-livefer.png"
    assert saved.shape == (1600, 1600, 3)
    assert (cv2.absdiff(saved, picture).max(axis=2) > 60).mean() > 0.005, "nothing is drawn on it"


def test_the_readme_in_javascript(open_page: Any, running: Any) -> None:
    blocks = read_blocks((DOCS / "serve.md").read_text(encoding="utf-8"))
    (code,) = (block.code for block in blocks if block.language == "javascript")
    page = open_page(running.url)
    printed: list[str] = []
    page.on("console", lambda message: printed.append(message.text))
    run = f"""async (data) => {{
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        const picture = new File([bytes], 'one.jpg', {{type: 'image/jpeg'}});
        {at_server(code, running.url)}
    }}"""
    page.evaluate(run, base64.b64encode(ASTRONAUT.read_bytes()).decode())
    assert [line.split()[0] for line in printed] == ["happy"]


def test_another_model_is_chosen_and_remembered(open_page: Any, running: Any) -> None:
    page = start(open_page(running.url))
    chooser = page.get_by_label("Model")
    assert chooser.input_value() == "human"
    limits = [page.inner_text("#uncertain-below")]
    chooser.select_option("fer2013")
    page.wait_for_selector("#model:text(', model fer2013, prior 0,')")
    limits.append(page.inner_text("#uncertain-below"))
    assert limits == ["reaches 59\u00a0%", "reaches 65\u00a0%"]
    page.wait_for_timeout(1000)
    page.click("#pause")
    session = json.loads(download(page, "#json"))
    answered_by = [frame["model"] for frame in session["frames"]]
    assert answered_by == sorted(answered_by, reverse=True)
    assert session["model"] == "human, fer2013"

    page.reload()
    page.wait_for_selector("#model:text(', model fer2013,')")
    assert chooser.input_value() == "fer2013"
    drop_picture(page, ASTRONAUT.read_bytes())
    page.wait_for_selector(".picture .card")
    with page.expect_request("**/v1/faces?cam=1&model=human"):
        chooser.select_option("human")
    page.wait_for_selector(".picture .card")
    assert json.loads(download(page, "#picture-json"))["model"] == "human"
    page.reload()
    page.wait_for_selector("#model:text(', model human,')")


def test_a_model_that_is_gone_is_not_remembered(open_page: Any, running: Any) -> None:
    kept = "localStorage.setItem('livefer-model-instead-of-human', 'mine')"
    page = open_page(running.url, before=kept)
    page.wait_for_selector("#model:text(', model human,')")


def test_no_frame_leaves_while_paused(open_page: Any, running: Any) -> None:
    def n_frames() -> str:
        with urlopen(f"{running.url}metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return "\n".join(line for line in lines if line.startswith("livefer_frames_total"))

    page = start(open_page(running.url, viewport={"width": 360, "height": 740}))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.click("#pause")
    before = ""
    for _ in range(20):  # the frames in flight arrive, and then no more
        if n_frames() == before:
            break
        before = n_frames()
        page.wait_for_timeout(3000)
    assert before
    assert n_frames() == before
    page.click("#pause")
    for _ in range(200):
        if n_frames() != before:
            break
        page.wait_for_timeout(100)
    assert n_frames() != before


def test_at_most_two_frames_are_in_flight(open_page: Any, running: Any) -> None:
    hello = {
        "type": "hello", "version": "0", "model": "m", "models": ["m"], "prior": 0,
        "classes": list(CLASSES),
        "colours": dict.fromkeys(CLASSES, "#808080"),
        "limits": {"max_bytes": 1e6, "max_pixels": 1e6, "max_fps": 60, "max_in_flight": 2},
        "options": {"smoothing_s": 0.3},
    }  # fmt: skip
    frames: list[bytes] = []
    sockets: list[Any] = []

    def stand_in(socket: Any) -> None:
        sockets.append(socket)
        socket.on_message(lambda data: frames.append(data) if isinstance(data, bytes) else None)
        socket.send(json.dumps(hello))

    page = open_page("about:blank")
    page.route_web_socket("**/v1/stream", stand_in)
    page.goto(running.url)
    page.wait_for_selector("#notice-action:visible, .stage.running")
    if page.is_visible("#notice-action"):
        page.click("#notice-action")
    page.wait_for_selector(".stage.running")
    page.wait_for_timeout(4000)
    assert len(frames) == 2
    (time_s,) = struct.unpack_from("<d", frames[0])
    image = cv2.imdecode(np.frombuffer(frames[0][8:], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert max(image.shape) == 640

    skipped = {"type": "skipped", "number": 0, "time_s": time_s, "reason": "a newer frame came"}
    sockets[-1].send(json.dumps(skipped))
    page.wait_for_timeout(3000)
    assert len(frames) == 3
    assert page.inner_text("#skipped") != "0"


def learn_own_face(page: Any) -> None:
    """The face of the fake camera smiles all the time: now this is its neutral face."""
    start(page)
    page.click("#own-learn")
    page.wait_for_selector("#hint:text-matches('Your face at rest: hold still')")
    page.wait_for_selector(".card strong:text('neutral')")


def test_the_own_face_is_learned_and_kept_and_saved_and_forgotten(
    open_page: Any, running: Any, tmp_path: Path
) -> None:
    page = open_page(running.url)
    learn_own_face(page)
    assert page.is_hidden("#hint")
    assert page.inner_text(".card-own").startswith("By your own face. Without: happy")
    assert "judged by your own resting face" in page.inner_text("#own-text")
    assert "kept in this browser only" in page.inner_text("#own-text")

    page.click("#own-use")
    page.wait_for_selector(".card strong:text('happy')")
    assert page.is_hidden(".card-own")
    page.click("#own-use")
    page.wait_for_selector(".card strong:text('neutral')")

    saved = tmp_path / "me.profile.json"
    saved.write_text(download(page, "#own-save"), encoding="utf-8")
    found = Recognizer(profile=saved)(camera_picture())[0]
    assert (found.label, found.profile) == ("neutral", "me")
    page.wait_for_selector("#csv:enabled")
    session = json.loads(download(page, "#json"))
    assert session["frames"][-1]["faces"][0]["profile"] == "me"
    assert session["frames"][-1]["faces"][0]["plain_probabilities"]["happy"] > 0.5

    page.reload()
    start(page)
    page.wait_for_selector(".card strong:text('neutral')")
    page.click("#own-delete")
    page.wait_for_selector(".card strong:text('happy')")
    assert page.is_visible("#own-load")
    assert page.evaluate("Object.keys(localStorage)") == []

    with page.expect_file_chooser() as chooser:
        page.click("#own-load")
    chooser.value.set_files(saved)
    page.wait_for_selector(".card strong:text('neutral')")


def test_pictures_are_judged_by_the_own_face_where_the_visitor_wishes(
    open_page: Any, running: Any, tmp_path: Path
) -> None:
    page = open_page(running.url)
    drop_picture(page, ASTRONAUT.read_bytes())
    page.wait_for_selector(".picture .card strong:text('happy')")
    assert page.is_hidden("#picture-own")
    page.click("#mode-camera")
    learn_own_face(page)
    saved = tmp_path / "me.profile.json"
    saved.write_text(download(page, "#own-save"), encoding="utf-8")
    page.click("#mode-pictures")
    assert page.get_attribute("#picture-own", "aria-pressed") == "false"
    assert page.inner_text(".picture .card strong") == "happy"
    page.click("#picture-own")
    page.wait_for_selector(".picture .card strong:text('neutral')")
    assert "Without: happy" in page.inner_text(".picture .card-own")
    (row,) = csv.DictReader(io.StringIO(download(page, "#picture-csv")))
    (face,) = Recognizer(profile=saved)(ASTRONAUT)
    assert (row["label"], row["profile"], row["answer"]) == (face.label, "me", face.answer)
    shares = [float(row[name]) for name in CLASSES]
    assert shares == pytest.approx(face.probabilities.tolist(), abs=0.01)
    raw = [float(row[f"raw_{name}"]) for name in CLASSES]
    assert raw == pytest.approx(face.raw_probabilities.tolist(), abs=0.001)
    page.click("#picture-own")
    page.wait_for_selector(".picture .card strong:text('happy')")

    page.reload()  # this browser knows the face, and the stream has not begun
    drop_picture(page, ASTRONAUT.read_bytes())
    page.wait_for_selector(".picture .card strong:text('happy')")
    page.click("#picture-own")
    page.wait_for_selector(".picture .card strong:text('neutral')")
    page.select_option("#models", "fer2013")
    page.wait_for_selector("#picture-own", state="hidden")
    page.wait_for_selector(".picture .card strong:text('happy')")


def test_files_that_are_no_profile_of_this_model_are_refused_with_the_reason(
    open_page: Any, running: Any, tmp_path: Path
) -> None:
    page = start(open_page(running.url))
    other = Profile.make(
        EmotionClassifier("fer2013"), {"neutral": np.full((5, 7), 1 / 7)}
    ).to_dict()
    for name, content, reason in (
        ("notes.json", "{}", "notes.json is not a profile"),
        ("cut.json", json.dumps(other)[:50], "cut.json is not a profile"),
        ("large.json", json.dumps(other | {"more": "x" * 70_000}), "large.json is not a profile"),
        ("other.json", json.dumps(other), 'The profile is of the model "fer2013"'),
        ("odd.json", json.dumps(other | {"expressions": {}}), "the neutral face is missing"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        page.set_input_files("#own-file", tmp_path / name)
        page.wait_for_function(
            "text => document.querySelector('#own-text').textContent.includes(text)", arg=reason
        )
    assert page.is_hidden("#own-use")
    assert page.evaluate("Object.keys(localStorage)") == []
    assert page.inner_text(".card strong") == "happy"


def test_another_model_does_not_know_the_own_face(open_page: Any, running: Any) -> None:
    page = open_page(running.url)
    learn_own_face(page)
    page.select_option("#models", "fer2013")
    page.wait_for_selector("#own-text:text('Your own face is known to the model human only')")
    page.wait_for_selector(".card strong:text('happy')")
    page.select_option("#models", "human")
    page.wait_for_selector(".card strong:text('neutral')")
    assert page.is_visible("#own-use")


def test_expressions_are_shown_one_after_the_other_and_may_be_left_out(
    open_page: Any, running: Any
) -> None:
    page = open_page(running.url, viewport={"width": 390, "height": 844})
    learn_own_face(page)
    page.click("#own-more")
    page.wait_for_selector("#hint:text-matches('First your face at rest, in')")
    assert page.is_hidden("#own-skip")
    for label in ("angry", "disgust", "fear", "happy", "sad"):
        page.wait_for_selector(f"#hint:text-matches('Next: {label}, in')")
        page.click("#own-skip")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.wait_for_selector("#hint:text-matches('Show surprise: hold still')")
    page.wait_for_selector("#own-text:text('your own surprise')")
    assert list(json.loads(download(page, "#own-save"))["expressions"]) == ["neutral", "surprise"]


def test_a_browser_that_keeps_nothing_says_so(open_page: Any, running: Any) -> None:
    full = "Storage.prototype.setItem = () => {throw new DOMException('', 'QuotaExceededError')}"
    page = open_page(running.url, before=full)
    learn_own_face(page)
    assert "keeps nothing: save it" in page.inner_text("#own-text")


def test_a_browser_that_forbids_storage(open_page: Any) -> None:
    forbidden = """
        for (const name of ['localStorage', 'sessionStorage']) {
            Object.defineProperty(window, name, {get() { throw new DOMException('', 'Security') }});
        }"""
    with server("--token", "s3cret") as guarded:
        page = open_page(guarded.url, before=forbidden)
        learn_own_face(page)
        assert "keeps nothing: save it" in page.inner_text("#own-text")
        page.select_option("#models", "fer2013")
        page.wait_for_selector("#model:text(', model fer2013,')")
        drop_picture(page, ASTRONAUT.read_bytes())
        page.wait_for_selector(".picture .card strong:text('happy')")


def test_the_page_says_what_is_missing_for_the_own_face(open_page: Any, running: Any) -> None:
    """A face that goes, and one that does not hold still."""
    jpeg = cv2.imencode(".jpg", camera_picture())[1].tobytes()
    camera = """
        const picture = new Image();
        picture.src = 'data:image/jpeg;base64,JPEG';
        window.showing = () => true;
        navigator.mediaDevices.getUserMedia = async () => {
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [640, 360];
            const ctx = canvas.getContext('2d');
            setInterval(() => {
                ctx.fillStyle = '#888';
                ctx.fillRect(0, 0, 640, 360);
                if (window.showing()) ctx.drawImage(picture, 0, 0);
            }, 50);
            return canvas.captureStream(20);
        };""".replace("JPEG", base64.b64encode(jpeg).decode())
    page = start(open_page(running.url, before=camera))
    page.evaluate("window.showing = () => false")
    page.wait_for_selector(".card", state="detached")
    page.click("#own-learn")
    page.wait_for_selector("#hint:text('No face in view. Look into the camera.')")
    page.click("#own-stop")
    assert "No face in view" not in page.inner_text("#own")

    restless = {
        "error": {"code": "no_profile", "reason": "your face was not at rest: it looked sad"}
    }
    page.route("**/v1/profile*", lambda route: route.fulfill(status=422, json=restless))
    page.evaluate("window.showing = () => true")
    page.wait_for_selector(".card")
    page.click("#own-learn")
    page.wait_for_selector("#own-text:text('Your face was not at rest: it looked sad.')")
    assert page.is_visible("#own-learn")


def test_the_page_removes_the_token_from_its_address(open_page: Any) -> None:
    with server("--token", "s3cret") as guarded:
        page = open_page(guarded.url.partition("?")[0])
        page.wait_for_selector("#token:visible")
        page.fill("#token", "s3cret")
        page.click("#token-form button")
        page.wait_for_selector("#token", state="hidden")
        start(page)
        other = open_page(guarded.url)
        start(other)
        assert "s3cret" not in other.url
