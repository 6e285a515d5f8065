"""Lab Streaming Layer: a stream of probabilities and one of markers."""

from __future__ import annotations

import math
import time
from typing import Any

from livefer.errors import LiveferError, MissingExtraError
from livefer.formatting import printable
from livefer.results import FrameResult, Marker, main_face
from livefer.send.messages import SessionStart
from livefer.version import __version__


class LslSender:
    """Two outlets: NAME has a sample for each frame, NAME-markers has the markers.

    A sample is the main face's probability of each class and its track; NaN without a face. Its
    time is that of the frame, by LSL's clock.
    """

    def __init__(self, name: str, stream: str, start: SessionStart) -> None:
        try:
            import pylsl
        except ModuleNotFoundError:
            raise MissingExtraError("--send lsl://", "send") from None
        except (RuntimeError, OSError) as error:  # its native library
            reason = str(error).strip().splitlines()[0]
            raise LiveferError(f"pylsl does not load ({reason}): install liblsl") from None
        self.name = name
        self._clock_s = pylsl.local_clock
        self._n_classes = len(start.classes)
        info = pylsl.StreamInfo(
            *(stream, "Expression", self._n_classes + 1, pylsl.IRREGULAR_RATE, "float32"),
            source_id=f"livefer-{stream}",
        )
        channels = info.desc().append_child("channels")
        for label in (*start.classes, "track"):
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", "id" if label == "track" else "probability")
        _describe(info, start)
        self._faces = pylsl.StreamOutlet(info)
        of_markers = pylsl.StreamInfo(
            *(f"{stream}-markers", "Markers", 1, pylsl.IRREGULAR_RATE, "string"),
            source_id=f"livefer-{stream}-markers",
        )
        _describe(of_markers, start)
        self._markers = pylsl.StreamOutlet(of_markers)

    def send(self, result: FrameResult) -> None:
        """Send the faces of one frame."""
        main = main_face(result.faces)
        sample = [math.nan] * (self._n_classes + 1)
        if main is not None:
            sample = [*map(float, main.probabilities), float(main.track_id or 0)]
        self._faces.push_sample(sample, self._time_s(result.captured_s))

    def mark(self, marker: Marker) -> None:
        """Send a marker."""
        self._markers.push_sample([printable(marker.text)], self._time_s(marker.captured_s))

    def close(self) -> None:
        """End both streams."""
        del self._faces, self._markers

    def _time_s(self, captured_s: float | None) -> float:
        """Return a time of `time.monotonic()` by LSL's clock; None is now."""
        ago_s = 0.0 if captured_s is None else time.monotonic() - captured_s
        return float(self._clock_s()) - ago_s


def _describe(info: Any, start: SessionStart) -> None:
    """Put into a stream's description what made it, and when the session began."""
    about = info.desc()
    about.append_child_value("manufacturer", f"livefer {__version__}")
    about.append_child_value("model", start.model)
    about.append_child_value("started", start.iso)
