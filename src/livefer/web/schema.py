"""What GET and POST answer, written down for the OpenAPI description.

The answers themselves are built in protocol.py; tests hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Face:
    """A face: where it is, what it shows, and how sure that is.

    Boxes are [left, top, right, bottom] in pixels of the picture. `probabilities` are smoothed
    over the track in a stream, and equal to `raw_probabilities` in a picture by itself.
    """

    track_id: int | None
    box: list[float]
    score: float
    label: str
    second_label: str
    confidence: float
    uncertain: bool
    answer: str
    probabilities: dict[str, float]
    raw_probabilities: dict[str, float]
    heatmap_png: str = field(default="", metadata={"description": "only with cam=1"})
    heatmap_box: list[float] = field(default_factory=list)


@dataclass
class Faces:
    """The faces of one picture, from left to right; none is an answer too."""

    schema: str
    size_wh: list[int]
    faces: list[Face]
    timings_ms: dict[str, float]
    model: str
    hint: str | None


@dataclass
class ImageLimits:
    """What a picture by itself may measure."""

    max_bytes: int
    max_pixels: int


@dataclass
class ModelCard:
    """The model, its classes and what it says about itself."""

    schema: str
    name: str
    version: str
    classes: list[str]
    colours: dict[str, str]
    detector: str
    detectors: list[str]
    uncertain_below: float
    card: dict[str, Any]
    limits: ImageLimits


@dataclass
class Health:
    """The server answers."""

    status: str


@dataclass
class Reason:
    """A code for programs, and a sentence for people."""

    code: str
    reason: str


@dataclass
class Error:
    """Why a request is refused."""

    error: Reason


_FACE = {
    "track_id": None,
    "box": [183.4, 60.1, 310.2, 186.9],
    "score": 0.87,
    "label": "happy",
    "second_label": "neutral",
    "confidence": 0.97,
    "uncertain": False,
    "answer": "happy",
    "probabilities": {"angry": 0.001, "disgust": 0.0, "fear": 0.002, "happy": 0.97,
                      "neutral": 0.02, "sad": 0.002, "surprise": 0.005},
    "raw_probabilities": {"angry": 0.001, "disgust": 0.0, "fear": 0.002, "happy": 0.97,
                          "neutral": 0.02, "sad": 0.002, "surprise": 0.005},
}  # fmt: skip
FACES_EXAMPLE = {
    "schema": "1",
    "size_wh": [512, 512],
    "faces": [_FACE],
    "timings_ms": {"wait": 0.1, "decode": 3.2, "detect": 38.0, "classify": 9.5, "track": 0.0,
                   "total": 51.1},
    "model": "human",
    "hint": None,
}  # fmt: skip
MODEL_EXAMPLE = {
    "schema": "1",
    "name": "human",
    "version": "0.1.0",
    "classes": ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
    "colours": {"angry": "#dc2e16", "happy": "#f9e22a"},
    "detector": "yunet",
    "detectors": ["yunet", "haar"],
    "uncertain_below": 0.592,
    "card": {"network": "ResNet-18, width 32, stem stride 1", "training_data": "fer2013"},
    "limits": {"max_bytes": 16777216, "max_pixels": 64000000},
}
ERROR_EXAMPLE = {
    "error": {
        "code": "too_many_pixels",
        "reason": "the picture has 20000x20000 pixels, at most 64000000 are taken: scale it",
    }
}
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "A JPEG, PNG or WebP picture: as the body, or as the field `image` of a form.",
    "content": {
        **{name: {"schema": {"type": "string", "format": "binary"}} for name in PICTURE_TYPES},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "string", "format": "binary"}},
            }
        },
    },
}
DESCRIPTION = """\
Faces and their expressions in pictures, and live in a stream.

**One picture**

    curl --data-binary @photo.jpg -H "Content-Type: image/jpeg" http://127.0.0.1:8000/v1/faces

**A stream** is the WebSocket `/v1/stream`. The server says `hello` with classes, limits and
options. The client sends each frame as one binary message: 8 bytes little-endian float64, the
capture time in seconds, then a JPEG, WebP or PNG. For each frame comes exactly one JSON reply, in
order:

    {"type":"result","number":0,"time_s":1.5,"size_wh":[640,480],"faces":[...],
     "timings_ms":{...},"hint":null}
    {"type":"skipped","number":1,"time_s":1.6,"reason":"a newer frame came"}
    {"type":"error","number":2,"time_s":1.7,"code":"damaged","reason":"..."}

As text the client may send, with any subset of the options, and is answered with those in effect:

    {"type":"options","smoothing_s":0.33,"heatmap":false,"detector":"haar"}
    {"type":"reset"}

After a reset everybody is a stranger again. Close codes: 1001 the server goes away, 4400 bad
message, 4401 token, 4403 origin, 4408 idle, 4413 too large, 4429 too many, 4430 reads too slowly;
the reason says more.

Where the server has a token, send `Authorization: Bearer TOKEN` or `?token=TOKEN`.
Nothing that is sent is stored.
"""
