"""What the server sends, schema "1": the types of its messages, published as OpenAPI.

Every body and every message of a stream is built as one of these typed dicts, so that a type
checker holds what is sent to what is published. docs/api.md explains them to authors of clients.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from typing_extensions import NotRequired, TypedDict  # pydantic reads typing's from Python 3.12 on

from livefer.web.device import SCHEMA as SCHEMA


def _about(text: str) -> Any:
    """Return the published description of a field."""
    return Field(description=text)


class Face(TypedDict):
    """A face: its place, its expression, and how certain both are.

    Boxes are [left, top, right, bottom] in pixels of the picture. `probabilities` are smoothed
    over the track in a stream, and equal to `raw_probabilities` in a single picture.
    """

    track_id: Annotated[int | None, _about("counts from 1 within a stream; null in a picture")]
    box: Annotated[list[float], _about("the detector's box")]
    score: Annotated[float, _about("the detector's certainty that this is a face, 0 to 1")]
    label: Annotated[str, _about("the most probable class")]
    second_label: Annotated[str, _about("the most probable of the other classes")]
    confidence: Annotated[float, _about("the probability of `label`")]
    uncertain: Annotated[bool, _about("true: do not rely on `label`")]
    answer: Annotated[str, _about('the text to print: "happy", "fear or sad?" or "unclear"')]
    profile: Annotated[str | None, _about("the name of the profile that judged the face, or null")]
    why: Annotated[
        str | None,
        _about('"confidence", "small", "cut off", "dark" or "blurred" if uncertain, else null'),
    ]
    sharpness: Annotated[float, _about("fine contrast over coarse; blurred below 0.05")]
    brightness: Annotated[float, _about("mean gray level of the face, 0 to 255")]
    probabilities: Annotated[dict[str, float], _about("by class; they sum to 1")]
    raw_probabilities: Annotated[dict[str, float], _about("by class, of this picture alone")]
    plain_probabilities: NotRequired[
        Annotated[dict[str, float], _about("only with a profile: what `probabilities` are without")]
    ]
    heatmap_png: NotRequired[
        Annotated[str, _about("only with cam=1: where the network looked, a gray PNG in base64")]
    ]
    heatmap_box: NotRequired[
        Annotated[list[float], _about("only with cam=1: the square that the heat map covers")]
    ]


class Faces(TypedDict):
    """The faces of a picture, from left to right; the list may be empty."""

    schema: Annotated[str, _about("the schema's version")]
    size_wh: Annotated[list[int], _about("width and height of the upright picture")]
    faces: list[Face]
    timings_ms: Annotated[dict[str, float], _about("milliseconds by stage")]
    model: Annotated[str, _about("the model that answered")]
    hint: Annotated[str | None, _about("what to change about the picture, if anything")]


class ImageLimits(TypedDict):
    """The largest single picture that the server takes."""

    max_bytes: int
    max_pixels: int


class ModelCard(TypedDict):
    """The model, its classes and its own description."""

    schema: Annotated[str, _about("the schema's version")]
    name: str
    version: Annotated[str, _about("of livefer")]
    models: Annotated[list[str], _about("the models that a client may choose, the default first")]
    classes: list[str]
    colours: Annotated[dict[str, str], _about("by class, as #rrggbb")]
    detector: Annotated[str, _about("the detector in use")]
    detectors: Annotated[list[str], _about("the detectors that a stream may choose")]
    uncertain_below: Annotated[float, _about("a lower confidence makes a face uncertain")]
    prior: Annotated[float, _about("share of the class frequencies in training taken out")]
    card: Annotated[dict[str, Any], _about("the metadata of the model's file")]
    limits: ImageLimits


class Expression(TypedDict):
    """How one expression of a person looks to a model; the numbers are in the order of classes."""

    log_probabilities: Annotated[list[float], _about("the means over its frames")]
    spread: Annotated[list[float], _about("their standard deviations")]
    n: Annotated[int, _about("number of frames")]


class Profile(TypedDict):
    """A person's profile, as in the files of `livefer profile`."""

    livefer_profile: Annotated[int, _about("the format's version")]
    name: Annotated[str, _about("of the person")]
    model: str
    model_sha256: str
    prior: float
    classes: list[str]
    expressions: Annotated[dict[str, Expression], _about('by class; "neutral" is one of them')]
    livefer_version: str


class Moments(TypedDict):
    """What a person showed the camera, for a profile."""

    name: NotRequired[Annotated[str, _about('of the person; "me" if left out')]]
    answers: Annotated[
        dict[str, list[dict[str, float]]],
        _about("by the expression that was held: `raw_probabilities` of the face in each frame"),
    ]


class Health(TypedDict):
    """The server answers."""

    status: str


class Reason(TypedDict):
    """A code for programs, and a sentence for people."""

    code: str
    reason: str


class Error(TypedDict):
    """Why the server refused a request."""

    error: Reason


class StreamLimits(TypedDict):
    """The bounds of a stream."""

    max_bytes: int
    max_pixels: int
    max_fps: float
    idle_s: float
    max_in_flight: int


class StreamOptions(TypedDict):
    """The options of a stream, all of them."""

    smoothing_s: float
    model: str
    detector: str
    heatmap: bool
    profile: Annotated[str | None, _about("the name of the profile in use, or null")]


class Hello(TypedDict):
    """The first message of a stream."""

    type: Literal["hello"]
    schema: str
    version: str
    model: str
    models: list[str]
    detector: str
    detectors: list[str]
    classes: list[str]
    colours: dict[str, str]
    uncertain_below: float
    prior: float
    limits: StreamLimits
    options: StreamOptions


class FrameFaces(TypedDict):
    """The faces of a frame, in the order of their tracks."""

    type: Literal["result"]
    number: int
    time_s: float
    size_wh: list[int]
    faces: list[Face]
    timings_ms: dict[str, float]
    hint: str | None


class FrameSkipped(TypedDict):
    """A frame that a newer one replaced."""

    type: Literal["skipped"]
    number: int
    time_s: float
    reason: str


class FrameError(TypedDict):
    """A frame that could not be recognised; the stream goes on."""

    type: Literal["error"]
    number: int
    time_s: float
    code: str
    reason: str


class OptionsInEffect(TypedDict):
    """The answer to an options message; `reason` is there where an option was refused."""

    type: Literal["options"]
    options: StreamOptions
    reason: NotRequired[str]


class ResetDone(TypedDict):
    """The answer to a reset."""

    type: Literal["reset"]


StreamMessage = Hello | FrameFaces | FrameSkipped | FrameError | OptionsInEffect | ResetDone

FACES_EXAMPLE: Faces = {
    "schema": SCHEMA,
    "size_wh": [512, 512],
    "faces": [
        {
            "track_id": None,
            "box": [183.4, 60.1, 310.2, 186.9],
            "score": 0.87,
            "label": "happy",
            "second_label": "neutral",
            "confidence": 0.97,
            "uncertain": False,
            "answer": "happy",
            "profile": None,
            "why": None,
            "sharpness": 0.21,
            "brightness": 118.4,
            "probabilities": {"angry": 0.001, "disgust": 0.0, "fear": 0.002, "happy": 0.97,
                              "neutral": 0.02, "sad": 0.002, "surprise": 0.005},
            "raw_probabilities": {"angry": 0.001, "disgust": 0.0, "fear": 0.002, "happy": 0.97,
                                  "neutral": 0.02, "sad": 0.002, "surprise": 0.005},
        }
    ],
    "timings_ms": {"wait": 0.1, "decode": 3.2, "detect": 38.0, "crop": 0.3, "classify": 9.5,
                   "track": 0.0, "total": 51.1},
    "model": "human",
    "hint": None,
}  # fmt: skip
MODEL_EXAMPLE: ModelCard = {
    "schema": SCHEMA,
    "name": "human",
    "version": "0.1.0",
    "models": ["human", "fer2013"],
    "classes": ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
    "colours": {"angry": "#dc2e16", "disgust": "#32af5b", "fear": "#dc65d7", "happy": "#f9e22a",
                "neutral": "#a0a0a0", "sad": "#2262f6", "surprise": "#4efafa"},
    "detector": "native",
    "detectors": ["native", "haar", "none"],
    "uncertain_below": 0.592,
    "prior": 0.5,
    "card": {"network": "ResNet-18, width 32, stem stride 1",
             "training_data": "fer2013, train split"},
    "limits": {"max_bytes": 16777216, "max_pixels": 64000000},
}  # fmt: skip
PROFILE_EXAMPLE: Profile = {
    "livefer_profile": 1,
    "name": "me",
    "model": "human",
    "model_sha256": "5b0f" * 16,
    "prior": 0.5,
    "classes": ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
    "expressions": {
        "neutral": {
            "log_probabilities": [-5.1, -6.2, -5.8, -4.9, -0.1, -3.2, -5.5],
            "spread": [0.3, 0.4, 0.3, 0.4, 0.0, 0.3, 0.4],
            "n": 38,
        }
    },
    "livefer_version": "0.1.0",
}
ERROR_EXAMPLE: Error = {
    "error": {
        "code": "too_many_pixels",
        "reason": "the picture has 20000x20000 pixels, the limit is 64000000: scale it",
    }
}

_REFUSED = {"model": Error, "content": {"application/json": {"example": ERROR_EXAMPLE}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {**_REFUSED, "description": description}
    for status, description in {
        400: "The body is not a picture or a form",
        401: "The token is missing or wrong",
        403: "A foreign web site, or a foreign name of this server",
        408: "The upload stood still, or took too long",
        413: "Too many bytes or pixels",
        415: "Not a JPEG, PNG or WebP",
        422: "The picture is damaged, or a parameter is wrong",
        429: "Too many pictures at the same time",
        500: "Recognition failed: see the server's log",
        503: "The server is stopping",
    }.items()
}
"""The refusals of OpenAPI, by status."""

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
PROFILE_BODY: dict[str, Any] = {
    "required": True,
    "description": "Frames in which a person held an expression, those of `neutral` at least: "
    '`{"answers": {"neutral": [...]}}`, each frame the `raw_probabilities` of the face.',
    "content": {"application/json": {"schema": TypeAdapter(Moments).json_schema()}},
}
DESCRIPTION = """\
Faces and their expressions in pictures, and live in a stream.

**One picture**

    curl --data-binary @photo.jpg -H "Content-Type: image/jpeg" http://127.0.0.1:8000/v1/faces

**A stream** is the WebSocket `/v1/stream`. The server opens it with a `hello`: classes, limits and
options. The client sends each frame as one binary message: the capture time in seconds as 8 bytes
of little-endian float64, then a JPEG, WebP or PNG. The server answers each frame with exactly one
JSON message, in order:

    {"type":"result","number":0,"time_s":1.5,"size_wh":[640,480],"faces":[...],
     "timings_ms":{...},"hint":null}
    {"type":"skipped","number":1,"time_s":1.6,"reason":"a newer frame came"}
    {"type":"error","number":2,"time_s":1.7,"code":"damaged","reason":"..."}

Text messages set any subset of the options, or reset the stream. The server answers with the
options in effect, or with the reset:

    {"type":"options","smoothing_s":0.33,"heatmap":false,"detector":"haar","model":"human",
     "profile":null}
    {"type":"reset"}

A reset forgets all tracks. Close codes: 1001 server stops, 1011 model cannot be loaded, 4400 bad
message, 4401 token, 4403 origin, 4408 idle, 4413 too large, 4429 too many, 4430 replies not read;
each comes with a reason.

**A profile** makes a stream judge its largest face by the person's own resting face. `POST
/v1/profile` makes one of two seconds' answers, and the client keeps it: it is the option `profile`
of a stream.

`?model=fer2013` chooses another model for a picture, a stream or the card; `GET /v1/model` lists
them. A server with a token needs `Authorization: Bearer TOKEN` or `?token=TOKEN`.
The server stores nothing that it receives.
"""
