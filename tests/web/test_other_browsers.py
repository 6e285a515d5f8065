"""The page without a server in Firefox and in WebKit, of which Safari is made."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from browser import ASTRONAUT
from otherbrowsers import firefox, webkit
from runtime import Host, host, installed_runtime

from livefer import EmotionClassifier, Recognizer
from livefer.labels import CLASSES
from livefer.web.site import write_site

pytestmark = pytest.mark.slow

READ = "const bytes = Uint8Array.from(atob('PICTURE'), (c) => c.charCodeAt(0));"
ASK = """
    const {Recognizer} = await import(new URL('page/road/livefer.js', document.baseURI));
    const recognizer = await Recognizer.load('.');
    const picture = await createImageBitmap(new Blob([bytes]));
    const {width, height} = picture;
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.drawImage(picture, 0, 0);
    const {faces} = await recognizer.faces(context.getImageData(0, 0, width, height));
    return faces.map(({box, probabilities}) => ({box, probabilities}));
"""
CHOOSE = """
    const chosen = new DataTransfer();
    chosen.items.add(new File([bytes], 'portrait.jpg', {type: 'image/jpeg'}));
    document.querySelector('#mode-pictures').click();
    const field = document.querySelector('#files');
    field.files = chosen.files;
    field.dispatchEvent(new Event('change', {bubbles: true}));
"""
AWAIT = """
    for (;;) {
        const found = EXPRESSION;
        if (found) return found;
        await new Promise((done) => setTimeout(done, 100));
    }
"""


@pytest.fixture(scope="module", params=[firefox, webkit], ids=["firefox", "webkit"])
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as running:
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with installed_runtime(tmp_path_factory.mktemp("cache")):
        folder = tmp_path_factory.mktemp("site")
        write_site(folder, [EmotionClassifier("human")])
    with host(folder) as running:
        yield running


def run_on(browser: Any, picture: bytes, code: str) -> Any:
    """Run code that has a picture file in `bytes`; the page's policy forbids to fetch it."""
    return browser.run(READ.replace("PICTURE", base64.b64encode(picture).decode()) + code)


def until(browser: Any, expression: str) -> Any:
    """Wait until a JavaScript expression has a value, and return it."""
    return browser.run(AWAIT.replace("EXPRESSION", expression))


def test_a_face_gets_the_answer_of_python(browser: Any, place: Host) -> None:
    image = cv2.imread(str(ASTRONAUT))
    assert image is not None
    dark = (image * 0.4).astype(np.uint8)
    scene = np.hstack([image, cv2.flip(dark, 1)])
    browser.open(place.url)
    found = run_on(browser, cv2.imencode(".png", scene)[1].tobytes(), ASK)
    expected = Recognizer()(scene)
    assert len(found) == len(expected) == 2
    for face, truth in zip(found, expected, strict=True):
        np.testing.assert_allclose(face["box"], truth.box, atol=1)
        np.testing.assert_allclose(
            [face["probabilities"][name] for name in CLASSES], truth.probabilities, atol=0.01
        )


def show_portrait(browser: Any, url: str) -> str:
    """Open the page, choose the shipped portrait on it, and return the answer that it shows."""
    browser.open(url)
    until(browser, "document.readyState === 'complete'")
    run_on(browser, ASTRONAUT.read_bytes(), CHOOSE)
    return str(until(browser, "document.querySelector('.picture strong')?.innerText"))


def test_the_page_shows_a_picture(browser: Any, place: Host) -> None:
    assert show_portrait(browser, place.url) == "happy"


# An automated window of WebKit keeps nothing, as a private one: it has no service worker.
@pytest.mark.parametrize("browser", [firefox], indirect=True)
def test_the_page_works_offline(browser: Any, place: Host) -> None:
    browser.open(place.url)
    until(browser, "navigator.serviceWorker.controller !== null")
    place.stop()
    try:
        assert show_portrait(browser, place.url) == "happy"
    finally:
        place.start()
