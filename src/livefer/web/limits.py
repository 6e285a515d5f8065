"""The limits of a server: sizes, rates, durations and numbers of clients."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a server; beyond each of them it refuses with a reason.

    max_clients: streams open at the same time
    max_bytes: size of a stream's frame, without its time
    max_pixels: width times height of a stream's frame, as its header has them
    max_fps: frames a second of a stream; a burst may have those of two seconds
    idle_s: seconds without a message until a stream is closed; and without a request until a
        connection is, and without progress until an upload is refused
    upload_s: duration of an upload, which holds one of the `max_images` places
    slow_s: seconds that a stream's client may take to read a reply
    max_unsent: replies of a stream that wait to be read
    max_image_bytes, max_image_pixels: of a single picture
    max_images: single pictures that are uploaded or recognised at the same time
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
    """A token bucket: `per_s` events a second, and bursts of two seconds' events."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = self._left = max(2 * per_s, 1.0)
        self._at = time.monotonic()

    def allows(self) -> bool:
        """Count an event; return False if it is one too many."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
