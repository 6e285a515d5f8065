"""How the page lies on screens: labels, badges, cards, the gallery, and the page as an overlay."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason='the server is missing: pip install "livefer[web]"')

from browser import ASTRONAUT, ServerProcess, camera_picture, chromium, server, write_camera
from visitor import drop_files, start, until

pytestmark = pytest.mark.slow

COUNT_MARKS = """
    window.painted = [];
    for (const name of ['fillText', 'roundRect']) {
        const paint = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...values) {
            if (this.canvas.id === 'overlay') window.painted.push([name, ...values]);
            return paint.apply(this, values);
        };
    }
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...values) {
        if (this.canvas.id === 'overlay') window.painted = [];
        return clear.apply(this, values);
    };
"""
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}


@pytest.fixture(scope="module")
def running(browser: Any) -> Iterator[ServerProcess]:
    with server() as found:
        yield found


def row_of_faces(n: int) -> Any:
    """The shipped picture's face n times side by side, (360, 640, 3)."""
    face = cv2.imread(str(ASTRONAUT))[20:240, 140:310]
    row = np.hstack([cv2.resize(face, (640 // n, 300))] * n)
    picture = np.full((360, 640, 3), 90, np.uint8)
    picture[30:330, : row.shape[1]] = row
    return picture


def painted(page: Any, n_faces: int) -> tuple[list[list[float]], list[list[float]], list[str]]:
    """Return boxes (x, y, w, h), plates and texts of a frame whose boxes stand still."""
    page.wait_for_timeout(1500)
    page.click("#pause")
    page.wait_for_timeout(500)
    page.evaluate("window.dispatchEvent(new Event('resize'))")
    marks = page.evaluate("window.painted")
    rects = [values[:4] for name, *values in marks if name == "roundRect"]
    texts = [values[0] for name, *values in marks if name == "fillText" and values[0]]
    return rects[:n_faces], rects[n_faces:], texts


def shared(a: list[float], b: list[float]) -> float:
    """The share of a rectangle (x, y, w, h) that another one covers."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(w, 0) * max(h, 0) / (a[2] * a[3])


def test_on_a_phone_no_label_lies_at_another_face(
    driver: Any, running: Any, tmp_path: Path
) -> None:
    """Five faces without room for their labels get badges, and their cards the same numbers."""
    camera = write_camera(tmp_path / "row.mjpeg", row_of_faces(5))
    with chromium(driver, camera, "--use-fake-ui-for-media-stream") as browser:
        page = browser.new_context(**PHONE).new_page()
        page.add_init_script(COUNT_MARKS)
        page.goto(running.url)
        start(page)
        until(page, "document.querySelectorAll('.card').length === 5")
        boxes, plates, texts = painted(page, 5)
        assert len(plates) == 5
        numbers = [
            text.removeprefix("Face ") for text in page.locator(".card-number").all_inner_texts()
        ]
        assert sorted(text.lstrip("#") for text in texts) == sorted(numbers)
        for a, b in combinations(plates, 2):
            assert shared(a, b) == 0
        for plate in plates:
            assert sum(shared(plate, box) > 0.04 for box in boxes) <= 1, "at its own face alone"


def test_few_faces_have_labels(open_page: Any, running: Any) -> None:
    page = start(open_page(running.url, before=COUNT_MARKS, **PHONE))
    boxes, plates, texts = painted(page, 1)
    assert (len(boxes), len(plates)) == (1, 1)
    assert [text.split()[0] for text in texts] == ["#1", "happy"]


def test_a_saved_picture_says_below_what_its_badges_mean(open_page: Any, running: Any) -> None:
    page = open_page(running.url)
    keep = """async (badged) => {
        const {withList} = await import(`${location.origin}/page/labels.js`);
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [400, 200];
        const face = {track_id: null, label: 'sad', answer: 'sad', confidence: 0.7};
        const texts = [];
        const paint = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = (text) => texts.push(text);
        const view = {unit: 1, colours: {sad: '#0000ff'}};
        const faces = [face, {...face, answer: 'sad or fear?'}];
        const kept = withList(canvas, faces, new Set(badged), view);
        CanvasRenderingContext2D.prototype.fillText = paint;
        return [kept.width, kept.height, texts];
    }"""
    width, height, texts = page.evaluate(keep, [2])
    assert (width, texts) == (400, ["2", "sad or fear? 70\u00a0%"])
    assert height > 220
    assert page.evaluate(keep, []) == [400, 200, []]


def test_on_a_phone_the_bars_come_before_the_controls(open_page: Any, running: Any) -> None:
    page = start(open_page(running.url, **PHONE))
    tops = {
        name: page.locator(name).first.bounding_box()["y"]
        for name in ("#stage", ".card", "#tools", "#own", "#under", ".explain", ".history")
    }
    assert list(tops) == sorted(tops, key=lambda name: tops[name])
    assert tops["#tools"] < 844, "seen without scrolling"
    with_card = tops["#tools"]
    page.click("#pause")
    page.wait_for_timeout(500)
    page.evaluate("document.querySelector('#cards').replaceChildren()")
    page.evaluate("document.querySelector('#cards-empty').hidden = false")
    empty = page.locator("#tools").bounding_box()["y"]
    assert abs(with_card - empty) <= 4, "controls stay where they are when a face goes"


@pytest.mark.parametrize("window", [PHONE, {"viewport": {"width": 1280, "height": 800}}])
def test_a_card_keeps_its_height(open_page: Any, running: Any, window: dict[str, Any]) -> None:
    page = start(open_page(running.url, **window))
    page.click("#pause")
    page.wait_for_timeout(500)
    heights = set()
    for answer in ("sad", "surprise or disgust?", "a class with a very long name or another one?"):
        for uncertain in (False, True):
            page.evaluate(
                """([answer, uncertain]) => {
                    const card = document.querySelector('.card');
                    card.querySelector('strong').textContent = answer;
                    card.classList.toggle('uncertain', uncertain);
                }""",
                [answer, uncertain],
            )
            heights.add(page.locator(".card").bounding_box()["height"])
    assert len(heights) == 1


def test_the_gallery_has_no_holes(open_page: Any, running: Any) -> None:
    page = open_page(running.url, viewport={"width": 1280, "height": 800})
    image = cv2.imread(str(ASTRONAUT))
    shapes = [image, image[:200], image[:, 100:300], image[:150], image, image[:250], image]
    drop_files(
        page,
        *[
            (f"{i}.jpg", "image/jpeg", cv2.imencode(".jpg", one)[1].tobytes())
            for i, one in enumerate(shapes)
        ],
    )
    page.wait_for_selector(".picture.waiting", state="detached")
    page.wait_for_timeout(500)
    boxes = [one.bounding_box() for one in page.locator(".picture").all()]
    columns: dict[float, list[dict[str, float]]] = {}
    for box in boxes:
        columns.setdefault(box["x"], []).append(box)
    assert len(columns) == 3
    for column in columns.values():
        column.sort(key=lambda box: box["y"])
        gaps = [b["y"] - a["y"] - a["height"] for a, b in pairwise(column)]
        assert all(16 <= gap <= 22 for gap in gaps), gaps


def test_the_page_as_an_overlay(open_page: Any, running: Any) -> None:
    """It starts by itself, and all but boxes, labels and bars is transparent."""
    page = open_page(f"{running.url}?overlay", viewport={"width": 1280, "height": 720})
    page.wait_for_selector(".card strong:text('happy')")
    page.wait_for_timeout(1000)
    for button in page.locator("button, select, input, a").all():
        assert not button.is_visible()
    screen = cv2.imdecode(
        np.frombuffer(page.screenshot(omit_background=True), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert screen is not None
    clear = screen[:, :, 3] == 0
    card = page.locator(".card").bounding_box()
    assert clear[:, :340].all(), "no picture, no page"
    assert clear.mean() > 0.85
    assert not clear[int(card["y"]) + 20 : int(card["y"]) + 100, int(card["x"]) + 20].any()
    (left, top, right, bottom) = 2 * np.array(overlay_box())
    assert not clear[top + 20 : bottom - 20, left - 4 : left + 4].all(axis=1).any(), "not mirrored"
    assert clear[top + 20 : bottom - 20, left + 20 : right - 20].all()


def overlay_box() -> list[int]:
    from livefer import Recognizer

    return [round(float(value)) for value in Recognizer()(camera_picture())[0].box]


def test_the_overlay_says_what_is_missing(driver: Any, camera: Any, running: Any) -> None:
    with chromium(driver, camera, "--deny-permission-prompts") as strict:
        page = strict.new_page()
        page.goto(f"{running.url}?overlay")
        page.wait_for_selector("#notice-title:text('blocked')")
        assert page.is_hidden(".top")
