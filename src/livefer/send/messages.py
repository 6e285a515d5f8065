"""The JSON messages that receivers get: `docs/send.md` describes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from livefer.formatting import printable
from livefer.results import FrameResult, Marker
from livefer.version import __version__


@dataclass(frozen=True, slots=True)
class SessionStart:
    """When a live session began, by two clocks that were read at once, and who answers in it.

    started: by the calendar, in UTC
    started_s: by `time.monotonic()`
    offset_s: what is added to the times of frames
    """

    started: datetime
    started_s: float
    classes: tuple[str, ...]
    model: str
    offset_s: float = 0.0

    @property
    def iso(self) -> str:
        """The calendar's time as ISO 8601 with microseconds."""
        return self.started.isoformat(timespec="microseconds")


def message_of(item: FrameResult | Marker | SessionStart) -> str:
    """Return a result, a marker or the start of a session as one line of JSON."""
    if isinstance(item, FrameResult):
        message = {"type": "result", **item.to_dict()}
    elif isinstance(item, Marker):
        text, captured_s = printable(item.text), round(item.captured_s, 4)
        message = {"type": "marker", "text": text, "captured_s": captured_s}
    else:
        message = {
            "type": "session",
            "started": item.iso,
            "started_s": round(item.started_s, 4),
            "offset_s": item.offset_s,
            "version": __version__,
            "model": item.model,
            "classes": item.classes,
        }
    return json.dumps(message, ensure_ascii=False)


def session_start(
    clock_s: float, classes: Sequence[str], model: str, offset_s: float = 0.0
) -> SessionStart:
    """Return the start of a session that begins now; clock_s: now, by `time.monotonic()`."""
    return SessionStart(datetime.now(timezone.utc), clock_s, tuple(classes), model, offset_s)
