"""Names of web sites, as browsers spell them."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")

from livefer.web.security import origin_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("text", "browsers_say"),
    [
        ("https://Example.org/", "https://example.org"),
        ("https://example.org:443", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_site_is_named_as_browsers_do(text: str, browsers_say: str) -> None:
    assert origin_of(text) == browsers_say
