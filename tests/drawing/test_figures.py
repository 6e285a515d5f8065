"""Figures by matplotlib: the check for it."""

from __future__ import annotations

import pytest

from livefer.drawing import figures
from livefer.errors import MissingExtraError


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"livefer\[analysis\]"):
        figures.require_matplotlib()
