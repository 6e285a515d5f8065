"""Waiting for what another thread is about to do."""

from __future__ import annotations

import time
from typing import Any


def wait_until(condition: Any) -> None:
    """Wait until something is so, at most for a time that no machine needs."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
