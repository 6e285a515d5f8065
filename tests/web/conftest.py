"""A browser with a fake camera, and windows of it whose errors fail the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser import PATIENCE_MS, camera_picture, chromium, playwright, write_camera


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with playwright() as running:
        yield running


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_camera(tmp_path_factory.mktemp("camera") / "astronaut.mjpeg", camera_picture())


@pytest.fixture(scope="module")
def browser(driver: Any, camera: Any) -> Iterator[Any]:
    with chromium(driver, camera, "--use-fake-ui-for-media-stream") as running:
        yield running


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """Open an address in a window of its own; an error on its console fails the test."""
    contexts, errors = [], []

    def open_it(url: str, before: str = "", **window: Any) -> Any:
        context = browser.new_context(**window)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: keep_error(message, errors))
        if before:
            page.add_init_script(before)
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []


def keep_error(message: Any, errors: list[str]) -> None:
    # The browser itself logs a server that is gone or requires a token, as some tests want it.
    expected = ("WebSocket connection", "401 (Unauthorized)", "422 (Unprocessable")
    if message.type == "error" and not any(text in message.text for text in expected):
        errors.append(message.text)
