"""What Python's road says in small cases, for the road in JavaScript to say the same.

    python tests/support/roadvectors.py

writes tests/vectors anew, one file for each module of src/livefer/web/page/road. Arrays of bytes
stand in base64; numbers have six digits.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.assets.files import PICTURE
from livefer.classifier import EmotionClassifier, without_prior
from livefer.detection.detections import Detections
from livefer.detection.native import NativeDetector, cut_square
from livefer.errors import LiveferError
from livefer.faces import quality
from livefer.faces.crops import crop_faces
from livefer.labels import CLASSES
from livefer.profiles.moments import profile_of_moments
from livefer.profiles.profile import Profile
from livefer.profiles.resting import resting_profile
from livefer.profiles.running import RunningProfile
from livefer.results import Face, Frame
from livefer.tracking.live_search import LiveSearch
from livefer.tracking.motion import block_means, changed_blocks, match_template, template_of
from livefer.tracking.smoothing import Smoother, steady_place, window_weights
from livefer.tracking.tracker import Tracker
from livefer.web.device import device_files

FOLDER = Path(__file__).parents[1] / "vectors"

Pixels = NDArray[np.uint8]


class _Model(EmotionClassifier):
    """What profiles ask of a model."""

    def __init__(self) -> None:
        self.name, self.classes, self.prior = "human", CLASSES, 0.5
        self.__dict__["sha256"] = "5b0f" * 16  # a cached property


MODEL = _Model()


def picture() -> Pixels:
    """Return the shipped picture in (120, 150, 3) BGR; the face is at 55, 14, 87, 55."""
    image = cv2.imread(str(PICTURE))
    assert image is not None
    return np.asarray(cv2.resize(image[:410], (150, 120), interpolation=cv2.INTER_AREA), np.uint8)


def rolled(x: int, y: int) -> Pixels:
    """Return the picture moved right and down; what leaves at one side comes back at the other."""
    return np.roll(picture(), (y, x), axis=(0, 1))


def noise(*shape: int, seed: int = 0) -> Pixels:
    """Return bytes of no meaning."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _bytes(array: NDArray[Any]) -> str:
    assert array.dtype == np.uint8
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _numbers(array: Any) -> Any:
    return np.round(np.asarray(array, np.float64), 6).tolist()


def rules() -> dict[str, Any]:
    card = device_files([]).card
    rgb = picture()[:, :, ::-1]
    return {
        "rules": card["rules"],
        "detector": card["detector"],
        "model": {"name": "human", "sha256": MODEL.sha256, "prior": 0.5, "classes": CLASSES},
        "picture": {"width": 150, "height": 120, "rgb": _bytes(rgb)},
    }


def crops() -> list[dict[str, Any]]:
    boxes = [
        (55.2, 14.1, 87.6, 55.3, 12, 1.12, -0.01),  # several samples for each pixel
        (58.0, 20.0, 86.5, 49.0, 30, 1.0, 0.0),
        (60.3, 22.2, 80.1, 42.6, 48, 1.0, 0.0),  # enlarged
        (-20.4, -9.0, 31.0, 44.0, 24, 1.12, -0.01),  # beyond a corner,
        (120.0, 80.5, 170.2, 141.0, 24, 1.0, 0.05),  # beyond another one,
        (200.0, 10.0, 230.0, 40.0, 8, 1.0, 0.0),  # and outside
        (4.0, 3.0, 143.0, 119.0, 2, 1.0, 0.0),  # only some of the pixels
        (70.2, 30.3, 70.5, 30.6, 4, 1.0, 0.0),  # less than a pixel
    ]
    return [
        {
            "box": box,
            "size": size,
            "scale": scale,
            "shift_y": shift_y,
            "gray": _bytes(crop_faces(picture(), np.array([box]), scale, shift_y, size)[0]),
        }
        for *box, size, scale, shift_y in boxes
    ]


def pictures() -> dict[str, Any]:
    sizes = [(50, 40), (37, 29), (32, 18), (75, 61)]
    cam = np.random.default_rng(3).normal(0, 1, (6, 6)).astype(np.float32)
    squares = [(70.0, 30.0, 40.0, 32), (75.3, 34.6, 9.2, 48), (3.0, 110.0, 25.5, 24)]
    return {
        "shrunk": [
            {"wh": wh, "bgr": _bytes(cv2.resize(picture(), wh, interpolation=cv2.INTER_AREA))}
            for wh in sizes
        ],
        "squares": [
            {
                "middle": (x, y),
                "half": half,
                "side": side,
                "bgr": _bytes(cut_square(picture(), np.array([x, y]), half, side)),
            }
            for x, y, half, side in squares
        ],
        "heatmaps": [
            {
                "cam": _numbers(one),
                "heat": _bytes((255 * _heat(one)).astype(np.uint8)),
            }
            for one in (cam, -np.abs(cam))
        ],
    }


def _heat(cam: NDArray[np.float32]) -> NDArray[np.float32]:
    model = _Model()
    model.input_size = 48
    return model.heatmap(cam)


class _Cells:
    """A network whose answer depends on the size of the picture alone."""

    def __init__(self) -> None:
        self.by_size: dict[str, dict[str, Any]] = {}

    def run(self, names: list[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        height, width = feeds["image"].shape[1:3]
        rng = np.random.default_rng(width * height)
        answers = []
        for stride in (8, 16, 32):
            shape = (15, height // stride, width // stride)
            cells = np.round(rng.normal(0, 0.4, shape), 3).astype(np.float32)
            cells[0] -= 2.5
            cells[3:5] += 1.2
            if width < 160:  # faces: small ones that are doubtful, and others
                cells[0].flat[:: 23 if stride == 8 else 7] += 2.6 if stride == 8 else 4.2
            elif stride == 32:  # the face in the second look
                cells[0, 2, 2] = 1.5
                cells[1:5, 2, 2] = 0, 0, np.log(2.4), np.log(2.5)
            answers.append(cells[None])
        self.by_size[f"{width}x{height}"] = {
            name: {"dims": cells.shape, "data": _numbers(cells[0, :5]).copy()}
            for name, cells in zip(names, answers, strict=True)
        }
        return answers


def detector() -> dict[str, Any]:
    network = _Cells()
    kind = NativeDetector.__new__(NativeDetector)
    kind._session = network
    image = np.ascontiguousarray(picture()[:, :120])  # padded to 128 by 128
    cases = []
    for threshold in (0.5, 0.2):
        found = kind.find(image, threshold)
        cases.append({"threshold": threshold, "boxes": _found(found)})
    near = np.array([(60, 14, 87, 55), (0, 0, 10, 10)], np.float32)
    return {
        "width": 120,
        "find": cases,
        "detect": _found(kind.detect(image)),
        "near": {"boxes": near.tolist(), "found": _found(kind.detect_near(image, near))},
        "cells": network.by_size,
    }


def _found(found: Detections) -> list[dict[str, Any]]:
    return [
        {"box": _numbers(box), "score": round(float(score), 6)}
        for box, score in zip(found.boxes, found.scores, strict=True)
    ]


def motion() -> dict[str, Any]:
    box = np.array([55.2, 14.1, 87.6, 55.3], np.float32)
    template = template_of(picture(), box)
    moves = [(0, 0), (3, -2), (-4, 5), (40, 30)]
    matches = [match_template(rolled(*move), box, template) for move in moves]
    lighter = cv2.convertScaleAbs(picture(), alpha=1.0, beta=10)
    flat = np.full_like(template, 9)
    assert match_template(picture(), box, flat) is None
    before = block_means(cv2.cvtColor(picture(), cv2.COLOR_BGR2GRAY))
    changed = [
        bool(changed_blocks(before, block_means(cv2.cvtColor(now, cv2.COLOR_BGR2GRAY))).any())
        for now in (picture(), lighter, rolled(3, -2))
    ]
    return {
        "box": box.tolist(),
        "template": _bytes(template),
        "matches": [
            {"move": move, "box": None if found is None else _numbers(found)}
            for move, found in zip(moves, matches, strict=True)
        ],
        "blocks": _bytes(before.astype(np.uint8)),
        "changed": dict(zip(("same", "lighter", "moved"), changed, strict=True)),
    }


def search() -> dict[str, Any]:
    """A face that moves, flickers and goes; then nothing, and a change of light."""
    calls: list[str] = []
    frames: list[dict[str, Any]] = []
    live = LiveSearch()
    for i in range(60):
        time_s = round(i / 30 if i < 45 else i / 30 + 6 * (i >= 52), 4)
        x, y = (i % 20, i % 7) if i < 30 else (0, 0)
        image = rolled(x, y)
        if i >= 30:
            image = np.full_like(image, 60 if i < 40 else 80)
            image[:40, :40] = 200 if i >= 43 else 60
        is_seen = i < 24 and i % 9 != 3
        box = np.array([[55 + x, 14 + y, 87 + x, 55 + y]], np.float32)
        calls.clear()
        found = live.find(Frame("", i, time_s, image), _Scripted(calls, box, is_seen, i < 20))
        frames.append(
            {
                "time_s": time_s,
                "move": (x, y),
                "flat": None if i < 30 else (60 if i < 40 else 80, 200 if i >= 43 else 60),
                "detect": _found(Detections(box, np.full(1, 0.8, np.float32))) if is_seen else [],
                "near": 0.55 if i < 20 else 0,
                "calls": list(calls),
                "found": _found(found),
            }
        )
    return {"frames": frames}


class _Scripted:
    """A detector that sees one box, or not, and remembers its calls."""

    crop_scale, crop_shift_y = 1.0, 0.0

    def __init__(
        self, calls: list[str], box: NDArray[np.float32], is_seen: bool, is_near: bool
    ) -> None:
        self.calls, self.box, self.is_seen, self.is_near = calls, box, is_seen, is_near

    def detect(self, image: NDArray[Any]) -> Detections:
        self.calls.append("all")
        n = int(self.is_seen)
        return Detections(self.box[:n], np.full(n, 0.8, np.float32))

    def detect_near(self, image: NDArray[Any], boxes: NDArray[np.float32]) -> Detections:
        self.calls.append("near")
        score = 0.55 if self.is_near else 0.0
        place = self.box if self.is_near else boxes
        return Detections(np.repeat(place[:1], len(boxes), 0), np.full(len(boxes), score, "f4"))


def tracker() -> dict[str, Any]:
    """Two faces that cross and hide, one that is lost for long, and clocks that jump back."""
    rng = np.random.default_rng(5)
    tracks = Tracker()
    frames = []
    for i in range(90):
        time_s = i / 15
        if i >= 70:
            time_s -= 0.5
        if i >= 80:
            time_s -= 3
        centres = [(100 + 6 * i, 200), (600 - 6 * i, 215)]
        if 38 <= i < 46 or 52 <= i < 80:
            del centres[i % 2 if i < 46 else 1]
        boxes = np.array([(x - 45, y - 50, x + 45, y + 50) for x, y in centres], np.float32)
        boxes += rng.normal(0, 2, boxes.shape).astype(np.float32)
        boxes = np.round(boxes[rng.permutation(len(boxes))], 2)
        ids = [track.track_id for track in tracks.match(boxes, time_s)]
        frames.append({"time_s": time_s, "boxes": _numbers(boxes), "ids": ids})
    return {"frames": frames}


def smoothing() -> dict[str, Any]:
    rng = np.random.default_rng(6)
    times = np.cumsum(rng.uniform(0.01, 0.12, 12))
    places = np.cumsum(rng.normal(0, 2, (12, 3)), axis=0) + np.array([100, 80, 60])
    return {
        "weights": [
            {"times": _numbers(times[:n]), "window_s": window_s,
             "weights": _numbers(window_weights(np.round(times[:n], 6).tolist(), window_s))}
            for n in (1, 2, 5, 12) for window_s in (0.0, 0.05, 0.33, 5.0)
        ],
        "places": [
            {"times": _numbers(times[:n]), "places": _numbers(places[:n]), "within_s": within_s,
             "place": _numbers(steady_place(
                 np.round(times[:n], 6).tolist(), list(np.round(places[:n], 6)), within_s))}
            for n in (1, 2, 3, 12) for within_s in (0.0, 0.2)
        ],
        "films": [_smoothed(window_s) for window_s in (0.33, 0.0)],
    }  # fmt: skip


def _smoothed(window_s: float) -> dict[str, Any]:
    """Two faces of four classes, the second with pauses; maps that come and go."""
    rng = np.random.default_rng(7)
    smoother, tracks = Smoother(window_s), Tracker()
    frames = []
    for i in range(40):
        time_s = round(i / 30 + (0.6 if i >= 30 else 0) - (2.2 if i >= 36 else 0), 4)
        boxes = np.array([(50 + i, 50, 150 + i, 160), (300, 80 - i, 380, 170 - i)], np.float32)
        boxes = boxes[: 1 if 12 <= i < 15 else 2]
        boxes = np.round(boxes + rng.normal(0, 1.5, boxes.shape), 2).astype(np.float32)
        found = tracks.match(boxes, time_s)
        ids = [track.track_id for track in found]
        odds = np.exp(rng.normal(0, 1.0, (len(ids), 4)))
        raw = np.round(odds / odds.sum(axis=1, keepdims=True), 4).astype(np.float32)
        cams = None
        if i % 5:
            cams = np.round(rng.normal(0, 1, (len(ids), 4, 1, 2)), 3).astype(np.float32)
        steady = smoother.steady_boxes(boxes, found)
        views = smoother.views(ids, time_s)
        smoothed = smoother.add(ids, time_s, raw, cams)
        frames.append(
            {
                "time_s": time_s,
                "boxes": _numbers(boxes),
                "raw": _numbers(raw),
                "cams": None if cams is None else _numbers(cams.reshape(len(ids), -1)),
                "steady": _numbers(steady),
                "views": [list(one) for one in views],
                "probabilities": _numbers(smoothed.probabilities),
                "maps": None if smoothed.cams is None
                else _numbers(smoothed.cams.reshape(len(ids), -1)),
                "class_ids": smoothed.class_ids.tolist(),
            }
        )  # fmt: skip
    return {"window_s": window_s, "frames": frames}


def answers(n: int, seed: int, neutral: float) -> NDArray[np.float32]:
    """Return probabilities (n, 7) of a face that is about so neutral."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 0.8, (n, 7))
    logits[:, CLASSES.index("neutral")] += neutral
    odds = np.exp(logits)
    return np.round(odds / odds.sum(axis=1, keepdims=True), 4).astype(np.float32)


def profiles() -> dict[str, Any]:
    calm, happy = answers(12, 0, 4.0), answers(9, 1, 0.0)
    happy[:, CLASSES.index("happy")] += 2
    happy /= happy.sum(axis=1, keepdims=True)
    happy = np.round(happy, 4)
    judged = np.concatenate([answers(20, 2, 1.0), calm[:3], happy[:3]])
    made = []
    for held in (
        {"neutral": calm},
        {"neutral": calm, "happy": happy},
        {"neutral": calm[:4]},
        {"happy": happy},
        {"neutral": answers(20, 3, 0.5)},
        {"calm": calm},
    ):
        case: dict[str, Any] = {"answers": {name: _numbers(rows) for name, rows in held.items()}}
        try:
            file = profile_of_moments(MODEL, held, "me").to_dict()
            case |= {"file": file, "judged": _numbers(Profile.of(file).judge(judged))}
        except LiveferError as error:
            case["error"] = str(error)
        made.append(case)
    damaged = Profile.make(MODEL, {"neutral": calm}, "me").to_dict()
    return {"rows": _numbers(judged), "made": made, "damaged": _damaged(damaged),
            "resting": _resting(), "running": _running()}  # fmt: skip


def _damaged(file: dict[str, Any]) -> list[dict[str, Any]]:
    neutral = file["expressions"]["neutral"]
    changes = [
        {"livefer_profile": 2},
        {"expressions": {}},
        {"expressions": {"neutral": {**neutral, "n": 0}}},
        {"expressions": {"neutral": {**neutral, "spread": [0.1]}}},
        {"name": "a" * 300},
    ]
    return [{"file": {**file, **one}, "error": _why_damaged({**file, **one})} for one in changes]


def _why_damaged(file: dict[str, Any]) -> str:
    try:
        Profile.of(file)
    except ValueError as error:
        return str(error)
    raise AssertionError("a damaged profile was read")


def _resting() -> list[dict[str, Any]]:
    films = [
        answers(80, 10, 2.0),
        np.concatenate([answers(60, 11, -1.0), answers(25, 12, 4.0)]),
        np.roll(answers(80, 13, 4.0), -1, axis=1),  # smiles all the time
        answers(15, 14, 3.0),
    ]
    found = [resting_profile(MODEL, film, "auto") for film in films]
    return [
        {"answers": _numbers(film), "profile": None if one is None else one.to_dict()}
        for film, one in zip(films, found, strict=True)
    ]


def _running() -> dict[str, Any]:
    rows = answers(160, 15, 1.5)
    running = RunningProfile(MODEL)
    known = []
    for i, row in enumerate(rows):
        running.add(1 if i < 150 else 2, i * 0.2, row)
        known.append(None if running.profile is None else
                     _numbers(running.profile.expressions["neutral"].mean))  # fmt: skip
    return {"answers": _numbers(rows), "known": known}


def qualities() -> dict[str, Any]:
    face = crop_faces(picture(), np.array([(55.2, 14.1, 87.6, 55.3)]), size=48)[0]
    faces = [face, cv2.GaussianBlur(face, (0, 0), 3), (face // 8 + 10).astype(np.uint8),
             noise(48, 48), np.full((48, 48), 128, np.uint8)]  # fmt: skip
    squares = [(10, 10, 40, 40), (-20, 10, 30, 60), (140, 100, 190, 150), (200, 0, 220, 20)]
    boxes = np.array([(0, 0, 40, 15.9), (0, 0, 40, 16), (5, 5, 20, 50), (0, 0, 60, 60)], np.float32)
    images = [(0, 1), (0, 12), (241, 20), (120, 256)]  # added, and by what the picture is divided
    return {
        "faces": [
            _readability(one, box, square)
            for one in faces
            for box, square in zip(boxes[:4], squares[::-1], strict=True)
        ],
        "outside": [
            {"square": one, "share": round(float(quality.share_outside([one], (120, 150))[0]), 6)}
            for one in squares
        ],
        "images": [
            {"add": add, "divide": divide, "why": _why(add, divide)} for add, divide in images
        ],
    }


def _readability(
    face: Pixels, box: NDArray[np.float32], square: tuple[int, int, int, int]
) -> dict[str, Any]:
    found = quality.readability(face[None], box[None], [square], (120, 150))
    return {
        "gray": _bytes(face),
        "box": box.tolist(),
        "square": square,
        "why": found.why[0],
        "sharpness": round(float(found.sharpness[0]), 6),
        "brightness": round(float(found.brightness[0]), 4),
    }


def _why(add: int, divide: int) -> str | None:
    return quality.why_no_face((picture() // np.uint16(divide) + add).astype(np.uint8))


def results() -> dict[str, Any]:
    rows = [
        (0.1, 0.05, 0.05, 0.6, 0.11, 0.05, 0.04),
        (0.14, 0.141, 0.15, 0.142, 0.143, 0.151, 0.133),
        (0.3, 0.1, 0.32, 0.05, 0.11, 0.08, 0.04),
    ]
    cases = []
    for row in rows:
        for class_id in sorted({int(np.argmax(row)), 0}):
            for why in (None, "confidence"):
                p = np.array(row, np.float32)
                box, square = (1.26, 2.04, 30.5, 40.9), (0.0, 0.0, 48.0, 48.0)
                face = Face(box, 0.87654, p, p, CLASSES, class_id, bool(why), square, 3)
                face = replace(face, why=why, sharpness=0.123456, brightness=99.96)
                cases.append({"row": row, "class_id": class_id, "face": face.to_dict()})
    frequencies = [0.08, 0.0001, 0.04, 0.28, 0.3, 0.15, 0.1]
    prior = without_prior(np.array(rows, np.float32), frequencies, 0.5)
    return {"cases": cases, "frequencies": frequencies, "prior": _numbers(prior)}


VECTORS: dict[str, Callable[[], Any]] = {
    "rules": rules,
    "crops": crops,
    "pictures": pictures,
    "detector": detector,
    "motion": motion,
    "search": search,
    "tracker": tracker,
    "smoothing": smoothing,
    "profile": profiles,
    "quality": qualities,
    "results": results,
}
"""The vectors, by the module of the road that has to meet them."""


def as_text(name: str) -> str:
    """Return the content of a file of vectors."""
    return json.dumps(VECTORS[name](), separators=(",", ":"), allow_nan=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for vector in VECTORS:
        (FOLDER / f"{vector}.json").write_text(as_text(vector), encoding="utf-8")
