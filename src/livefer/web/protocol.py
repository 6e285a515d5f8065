"""The messages between server and page, schema "1": built, read and refused.

docs/api.md describes them for those who write a client. Knows nothing about sockets.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np

from livefer.faces.quality import too_small
from livefer.labels import colour_hex
from livefer.results import Face, FrameResult
from livefer.version import __version__
from livefer.web.limits import Limits

SCHEMA = "1"
MAX_IN_FLIGHT = 2
MAX_SMOOTHING_S = 3.0
MAX_TEXT = 4096
GOING_AWAY, BAD_MESSAGE, BAD_TOKEN, FOREIGN, IDLE = 1001, 4400, 4401, 4403, 4408
TOO_LARGE, TOO_MANY, TOO_SLOW = 4413, 4429, 4430

_MAX_TIME_S = 1e12  # 30,000 years: a float still tells milliseconds apart
_MAX_HEATMAP_PX = 96
_STATUS = {
    "bad_request": 400,
    "token": 401,
    "origin": 403,
    "host": 403,
    "upload_idle": 408,
    "too_large": 413,
    "too_many_pixels": 413,
    "unknown_format": 415,
    "damaged": 422,
    "bad_parameter": 422,
    "too_many": 429,
    "internal": 500,
    "going_away": 503,
    "skipped": 503,
}


class Refused(Exception):
    """One picture or request that is not taken; a stream goes on after it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.status = code, reason, _STATUS[code]


class Closed(Exception):
    """The end of a stream, with the close code and the sentence that its client gets."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:120].decode(errors="ignore")  # 123 bytes fit into a close


@dataclass(frozen=True, slots=True)
class Options:
    """What a client may set for its stream."""

    smoothing_s: float
    detector: str
    heatmap: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """What the server tells about its model and detectors."""

    name: str
    classes: tuple[str, ...]
    detector: str
    detectors: tuple[str, ...]
    uncertain_below: float
    metadata: dict[str, str]

    @property
    def colours(self) -> dict[str, str]:
        """The classes' colours as #rrggbb."""
        return {name: colour_hex(name, self.classes) for name in self.classes}

    def to_dict(self, limits: Limits) -> dict[str, Any]:
        """Return the body of GET /v1/model."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": __version__,
            "classes": list(self.classes),
            "colours": self.colours,
            "detector": self.detector,
            "detectors": list(self.detectors),
            "uncertain_below": self.uncertain_below,
            "card": {key: _plain(value) for key, value in sorted(self.metadata.items())},
            "limits": {
                "max_bytes": limits.max_image_bytes,
                "max_pixels": limits.max_image_pixels,
            },
        }


def hello(model: Model, limits: Limits, options: Options) -> str:
    """Return the first message of a stream."""
    return dumps(
        {
            "type": "hello",
            "schema": SCHEMA,
            "version": __version__,
            "model": model.name,
            "detector": model.detector,
            "detectors": list(model.detectors),
            "classes": list(model.classes),
            "colours": model.colours,
            "uncertain_below": model.uncertain_below,
            "limits": {
                "max_bytes": limits.max_bytes,
                "max_pixels": limits.max_pixels,
                "max_fps": limits.max_fps,
                "idle_s": limits.idle_s,
                "max_in_flight": MAX_IN_FLIGHT,
            },
            "options": asdict(options),
        }
    )


def read_frame(message: bytes, max_bytes: int) -> tuple[float, bytes]:
    """Return capture time and picture of a binary message, or close the stream."""
    if len(message) <= 8:
        raise Closed(
            BAD_MESSAGE,
            f"a frame is 8 bytes of time and then a picture, {len(message)} bytes came",
        )
    if len(message) - 8 > max_bytes:
        raise Closed(
            TOO_LARGE, f"a frame of {len(message) - 8} bytes came, at most {max_bytes} are taken"
        )
    (time_s,) = struct.unpack_from("<d", message)
    if not abs(time_s) < _MAX_TIME_S:  # nan too
        raise Closed(BAD_MESSAGE, "a frame's time is no number of seconds (little-endian float64)")
    return time_s, message[8:]


def read_control(
    text: str, options: Options, detectors: Collection[str]
) -> tuple[str, Options, str | None]:
    """Read a text message, or close the stream.

    returns: "options" or "reset", the options in effect then, and why a wish was not granted
    """
    message = _loads(text)
    kind = message.pop("type", None)
    if kind == "reset" and not message:
        return "reset", options, None
    if kind != "options":
        raise Closed(BAD_MESSAGE, 'expected a message of type "options" or "reset"')
    reason = None
    for key, value in message.items():
        if key == "smoothing_s" and _is_number(value) and 0 <= value <= MAX_SMOOTHING_S:
            options = replace(options, smoothing_s=float(value))
        elif key == "heatmap" and isinstance(value, bool):
            options = replace(options, heatmap=value)
        elif key == "detector" and isinstance(value, str) and value in detectors:
            options = replace(options, detector=value)
        elif key == "detector" and value == "yunet":
            reason = "the server has no YuNet: livefer download yunet brings it"
        else:
            raise Closed(
                BAD_MESSAGE,
                "options are smoothing_s (0 to 3), heatmap (true or false) and detector "
                f"({' or '.join(detectors)})",
            )
    return "options", options, reason


def options_message(options: Options, reason: str | None) -> str:
    """Return the answer to an options message."""
    more = {} if reason is None else {"reason": reason}
    return dumps({"type": "options", "options": asdict(options), **more})


def face_dict(face: Face, heatmap: bool) -> dict[str, Any]:
    """Return a face as plain data, where asked for with its heat map and the box that it covers."""
    found = face.to_dict()
    if heatmap and face.heatmap is not None:
        left, top, right, bottom = face.crop_box
        side = int(np.clip(round(right - left), 8, _MAX_HEATMAP_PX))
        gray = (255 * np.clip(face.heatmap, 0, 1)).astype(np.uint8)
        png = cv2.imencode(".png", cv2.resize(gray, (side, side)))[1]
        found["heatmap_png"] = base64.b64encode(png.tobytes()).decode()
        found["heatmap_box"] = [round(v, 1) for v in (left, top, right, bottom)]
    return found


def hint_for(result: FrameResult) -> str | None:
    """Return what a visitor could mend about the picture, by `livefer.faces.quality`.

    result: of a picture or a camera's frame, whose note says nothing but why there is no face
    """
    if not result.faces:
        return result.note or "no face"
    boxes = [face.box for face in result.faces]
    return "face too small" if too_small(boxes).all() else None


def error_dict(code: str, reason: str) -> dict[str, Any]:
    """Return the body of a refused request."""
    return {"error": {"code": code, "reason": reason}}


def dumps(message: dict[str, Any]) -> str:
    """Return a message as JSON without spaces."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def _loads(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise Closed(TOO_LARGE, f"a text of {len(text)} characters came, {MAX_TEXT} are taken")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Closed(BAD_MESSAGE, "expected a JSON object as text, or a frame as bytes")
    return message


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: str) -> Any:
    """Return a field of the model's card, JSON objects and lists as what they are."""
    if not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
