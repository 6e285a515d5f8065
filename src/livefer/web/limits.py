"""What one visitor may ask of the server, and how often."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server; beyond each of them lies a refusal with a reason.

    max_clients: streams open at the same time
    max_bytes, max_pixels: of one frame of a stream, without its time, and as its header says
    max_fps: frames a second over a stream; for a moment twice as many may come
    idle_s: a stream that sends nothing for so long is closed, and so is a connection without a
        request and an upload that stands still
    upload_s: an upload that takes longer is refused: who trickles keeps one of `max_images` places
    slow_s: a stream that does not take a reply for so long is closed
    max_unsent: and one that sends on while so many of its replies wait
    max_image_bytes, max_image_pixels: of a picture by itself
    max_images: pictures by themselves that are recognised or uploaded at the same time
    """

    max_clients: int = 32
    max_bytes: int = 2 * 1024 * 1024
    max_pixels: int = 9_000_000
    max_fps: float = 60.0
    idle_s: float = 60.0
    upload_s: float = 300.0
    slow_s: float = 5.0
    max_unsent: int = 256
    max_image_bytes: int = 16 * 1024 * 1024
    max_image_pixels: int = 64_000_000
    max_images: int = 8


class RateLimiter:
    """Lets `per_s` events a second through, and those of two seconds at once (token bucket)."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = self._left = max(2 * per_s, 1.0)
        self._at = time.monotonic()

    def allows(self) -> bool:
        """Count an event; say whether it is one too many."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
