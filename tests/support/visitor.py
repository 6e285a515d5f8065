"""What a visitor does on the page."""

from __future__ import annotations

import base64
import time
from typing import Any

from browser import PATIENCE_MS


def start(page: Any) -> Any:
    """Start the camera, and wait for a face."""
    press_start(page)
    page.wait_for_selector(".card")
    return page


def press_start(page: Any) -> None:
    """Start the camera by its button; it starts by itself where it was allowed before."""
    page.wait_for_selector(
        "#notice-action:visible, .stage.running, #notice-title:text('Waiting for the camera')"
    )
    # Not page.click, which waits for the button: it goes where the camera was allowed before.
    page.evaluate(
        "{const button = document.querySelector('#notice-action');"
        " if (button.offsetParent) button.click();}"
    )


def until(page: Any, expression: str) -> None:
    """Wait until a JavaScript expression is true; the page's policy forbids wait_for_function."""
    ends = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < ends, expression
        page.wait_for_timeout(50)


def download(page: Any, button: str) -> str:
    with page.expect_download() as found:
        page.click(button)
    return str(found.value.path().read_text(encoding="utf-8"))


def drop_picture(page: Any, data: bytes) -> None:
    """Drop a JPEG on the page, as the file one.jpg."""
    drop_files(page, ("one.jpg", "image/jpeg", data))


def drop_files(page: Any, *files: tuple[str, str, bytes]) -> None:
    """Drop files on the page: the name, the media type and the content of each."""
    drop = """(files) => {
        const dropped = new DataTransfer();
        for (const [name, type, data] of files) {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            dropped.items.add(new File([bytes], name, {type}));
        }
        document.querySelector('#stage').dispatchEvent(
            new DragEvent('drop', {dataTransfer: dropped, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(drop, [[*about, base64.b64encode(data).decode()] for *about, data in files])
