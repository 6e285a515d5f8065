"""Make the page's icons as PNG from icon.svg.

    python scripts/page_icons.py

Needs Chromium, and Playwright of the extra "dev".
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGE = Path(__file__).parents[1] / "src" / "livefer" / "web" / "page"
CHROMIUM = os.environ.get("LIVEFER_CHROMIUM", "/usr/bin/chromium")
BACKGROUND = "#1c2330"
SAFE = 0.8
"""Of the side: what a phone that cuts icons round or square leaves ("maskable")."""


def main() -> None:
    """Write icon-192.png, icon-512.png, and icon-full.png, whose background fills the square."""
    svg = (PAGE / "icon.svg").read_text(encoding="utf-8")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, side, share in (("192", 192, 1.0), ("512", 512, 1.0), ("full", 512, SAFE)):
            page = browser.new_page(viewport={"width": side, "height": side})
            background = BACKGROUND if share < 1 else "transparent"
            style = (
                f"body {{margin: 0; height: {side}px; background: {background}}}"
                f"body {{display: grid; place-items: center}} svg {{width: {share:.0%}}}"
            )
            page.set_content(f"<style>{style}</style>{svg}")
            page.screenshot(path=PAGE / f"icon-{name}.png", omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
