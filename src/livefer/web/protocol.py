"""The messages between server and client: built, read and refused.

schema.py holds their types. Knows nothing of sockets.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.faces.quality import too_small
from livefer.formatting import printable
from livefer.labels import colour_hex
from livefer.profiles.moments import OWN_NAME
from livefer.profiles.profile import MOST_LETTERS, Profile
from livefer.results import Face, FrameResult
from livefer.version import __version__
from livefer.web import schema
from livefer.web.limits import Limits

MAX_IN_FLIGHT = 2
MAX_SMOOTHING_S = 3.0
MAX_TEXT = 16_384  # a profile of seven expressions has 1,800
GOING_AWAY, BROKEN = 1001, 1011
BAD_MESSAGE, BAD_TOKEN, FOREIGN, IDLE = 4400, 4401, 4403, 4408
TOO_LARGE, TOO_MANY, TOO_SLOW = 4413, 4429, 4430
ERROR_STATUS = {
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
    "no_profile": 422,
    "too_many": 429,
    "internal": 500,
    "going_away": 503,
    "skipped": 503,
}
"""The HTTP status of each error code."""

_MAX_TIME_S = 1e12  # 30,000 years: a float still resolves milliseconds
_MAX_HEATMAP_PX = 96


class Refused(Exception):
    """The refusal of one picture or request; a stream goes on after it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.status = code, reason, ERROR_STATUS[code]


class Closed(Exception):
    """The end of a stream, with the close code and the reason that its client gets."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:120].decode(errors="ignore")  # a close holds 123 bytes


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a stream, which its client may set."""

    smoothing_s: float
    model: str
    detector: str
    heatmap: bool = False
    profile: Profile | None = None

    def to_dict(self) -> schema.StreamOptions:
        """Return the options as they are sent."""
        return {
            "smoothing_s": self.smoothing_s,
            "model": self.model,
            "detector": self.detector,
            "heatmap": self.heatmap,
            "profile": None if self.profile is None else self.profile.name,
        }


@dataclass(frozen=True, slots=True)
class Choices:
    """What clients may choose: names of models and of detectors, the defaults first."""

    models: tuple[str, ...]
    detectors: tuple[str, ...]


def model_card(model: EmotionClassifier, choices: Choices, limits: Limits) -> schema.ModelCard:
    """Return the body of GET /v1/model."""
    return {
        "schema": schema.SCHEMA,
        "name": model.name,
        "version": __version__,
        "models": list(choices.models),
        "classes": list(model.classes),
        "colours": _colours(model),
        "detector": choices.detectors[0],
        "detectors": list(choices.detectors),
        "uncertain_below": model.uncertain_below,
        "prior": model.prior,
        "card": {key: _parsed(value) for key, value in sorted(model.metadata.items())},
        "limits": {
            "max_bytes": limits.max_image_bytes,
            "max_pixels": limits.max_image_pixels,
        },
    }


def hello(
    model: EmotionClassifier, choices: Choices, limits: Limits, options: Options
) -> schema.Hello:
    """Return the first message of a stream; model: that of the options."""
    return {
        "type": "hello",
        "schema": schema.SCHEMA,
        "version": __version__,
        "model": model.name,
        "models": list(choices.models),
        "detector": options.detector,
        "detectors": list(choices.detectors),
        "classes": list(model.classes),
        "colours": _colours(model),
        "uncertain_below": model.uncertain_below,
        "prior": model.prior,
        "limits": {
            "max_bytes": limits.max_bytes,
            "max_pixels": limits.max_pixels,
            "max_fps": limits.max_fps,
            "idle_s": limits.idle_s,
            "max_in_flight": MAX_IN_FLIGHT,
        },
        "options": options.to_dict(),
    }


def _colours(model: EmotionClassifier) -> dict[str, str]:
    """Return the colours of a model's classes as #rrggbb."""
    return {name: colour_hex(name, model.classes) for name in model.classes}


def read_frame(message: bytes, max_bytes: int) -> tuple[float, bytes]:
    """Return capture time and picture of a binary message, or close the stream."""
    if len(message) <= 8:
        raise Closed(
            BAD_MESSAGE,
            f"expected a frame, 8 bytes of time and then a picture; {len(message)} bytes came",
        )
    if len(message) - 8 > max_bytes:
        raise Closed(TOO_LARGE, f"a frame has {len(message) - 8} bytes, the limit is {max_bytes}")
    (time_s,) = struct.unpack_from("<d", message)
    if not abs(time_s) < _MAX_TIME_S:  # nan too
        raise Closed(BAD_MESSAGE, "a frame's time is not a number (little-endian float64)")
    return time_s, message[8:]


def read_control(text: str, options: Options, choices: Choices) -> tuple[str, Options, str | None]:
    """Read a text message, or close the stream.

    returns: "options" or "reset", the options in effect, and the reason for an option refused
    """
    message = _loads(text)
    kind = message.pop("type", None)
    if kind == "reset" and not message:
        return "reset", options, None
    if kind != "options":
        raise Closed(BAD_MESSAGE, 'expected {"type": "options", ...} or {"type": "reset"}')
    reason = None
    for name, value in message.items():
        if name == "smoothing_s":
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= MAX_SMOOTHING_S:  # nan neither
                raise _bad_option(name, f"a number from 0 to {MAX_SMOOTHING_S:g}")
            options = replace(options, smoothing_s=float(value))
        elif name == "heatmap":
            if not isinstance(value, bool):
                raise _bad_option(name, "true or false")
            options = replace(options, heatmap=value)
        elif name == "detector":
            if value == "yunet" and value not in choices.detectors:
                reason = 'the server has no YuNet: "livefer download yunet" installs it'
            elif isinstance(value, str) and value in choices.detectors:
                options = replace(options, detector=value)
            else:
                raise _bad_option(name, " or ".join(choices.detectors))
        elif name == "model":
            if not isinstance(value, str) or value not in choices.models:
                raise _bad_option(name, " or ".join(choices.models))
            options = replace(options, model=value)
        elif name == "profile":
            try:
                options = replace(options, profile=None if value is None else Profile.of(value))
            except ValueError as error:
                reason = f"this is not a profile of livefer ({error})"
        else:
            raise Closed(
                BAD_MESSAGE,
                f'unknown option "{name[:20]}": expected smoothing_s, heatmap, detector, model or '
                "profile",
            )
    return "options", options, reason


def read_moments(body: bytes, classes: Sequence[str]) -> tuple[dict[str, NDArray[np.float32]], str]:
    """Return what a person showed, by expression probabilities (n, C), and their name."""
    try:
        message = json.loads(body)
        name = message.pop("name", OWN_NAME)
        if set(message) != {"answers"} or not isinstance(name, str) or len(name) > MOST_LETTERS:
            raise ValueError
        answers = {
            expression: np.array([[frame[c] for c in classes] for frame in frames], np.float32)
            for expression, frames in message["answers"].items()
        }
        for rows in answers.values():
            if rows.ndim > 2 or not ((rows >= 0) & (rows <= 1)).all():
                raise ValueError
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, OverflowError):
        raise Refused(
            "bad_request",
            'expected {"answers": {"neutral": [...]}}, with the raw_probabilities of a face in '
            f"each frame: {', '.join(classes)}",
        ) from None
    return answers, printable(name)


def options_in_effect(options: Options, reason: str | None) -> schema.OptionsInEffect:
    """Return the answer to an options message."""
    found: schema.OptionsInEffect = {"type": "options", "options": options.to_dict()}
    if reason is not None:
        found["reason"] = reason
    return found


def face_dict(face: Face, heatmap: bool) -> schema.Face:
    """Return a face as it is sent, on demand with its heat map and the box that this covers."""
    found = cast(schema.Face, face.to_dict())
    if heatmap and face.heatmap is not None:
        left, top, right, bottom = face.crop_box
        side = int(np.clip(round(right - left), 8, _MAX_HEATMAP_PX))
        gray = (255 * np.clip(face.heatmap, 0, 1)).astype(np.uint8)
        png = cv2.imencode(".png", cv2.resize(gray, (side, side)))[1]
        found["heatmap_png"] = base64.b64encode(png.tobytes()).decode()
        found["heatmap_box"] = [round(v, 1) for v in (left, top, right, bottom)]
    return found


def hint_for(result: FrameResult) -> str | None:
    """Return what to change about the picture, by `livefer.faces.quality`; None if nothing.

    result: of a picture or a camera's frame; its note can only be the reason for no face
    """
    if not result.faces:
        return result.note or "no face"
    boxes = [face.box for face in result.faces]
    return "face too small" if too_small(boxes).all() else None


def error_dict(code: str, reason: str) -> schema.Error:
    """Return the body of a refused request."""
    return {"error": {"code": code, "reason": reason}}


def dumps(message: schema.StreamMessage) -> str:
    """Return a message as JSON without spaces."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def _loads(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise Closed(TOO_LARGE, f"a text has {len(text)} characters, the limit is {MAX_TEXT}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Closed(BAD_MESSAGE, "expected a JSON object as text, or a frame as bytes")
    return message


def _bad_option(name: str, expected: str) -> Closed:
    return Closed(BAD_MESSAGE, f"option {name}: expected {expected}")


def _parsed(value: str) -> Any:
    """Return a metadata field: JSON objects and lists parsed, other text as it is."""
    if not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
