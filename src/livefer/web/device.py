"""What a browser needs to compute by itself: models, the detector, and livefer.json.

The road in JavaScript (web/page/road) has no tuned numbers of its own: it reads them there.
Imports no web framework.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livefer import classifier as classifiers
from livefer import labels, results
from livefer.classifier import EmotionClassifier
from livefer.detection import cells, native
from livefer.detection.native import NativeDetector
from livefer.errors import ModelError
from livefer.faces import boxes, crops, quality, views
from livefer.labels import colour_hex
from livefer.profiles import moments, profile, resting, running
from livefer.tracking import (
    live_search,
    motion,
    periodic_search,
    smoothing,
    tracker,
    whole_search,
)
from livefer.version import __version__

SCHEMA = "1"
"""The version of the schema of replies; it changes when a client written for it would break."""
FORMAT = 1
"""The version of livefer.json; it changes when an older road could not read it."""

# How ONNX names the file of a tensor outside the model: StringStringEntryProto("location", name).
_LOCATION = re.compile(rb"\n\x08location\x12([\x01-\x7f])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DeviceFiles:
    """A folder for browsers, without its page.

    card: the content of livefer.json
    files: what else it holds, by path
    """

    card: dict[str, Any]
    files: dict[str, Path]


def device_files(models: Sequence[EmotionClassifier], runtime: Path | None = None) -> DeviceFiles:
    """Return what a browser needs for some models, the default first.

    runtime: the folder of ONNX Runtime Web's files
    """
    files: dict[str, Path] = {}
    cards = []
    for model in models:
        weights = external_files(model.path)
        found = {f"models/{path.name}": path for path in (model.path, *weights)}
        if clash := [name for name in found if files.get(name, found[name]) != found[name]]:
            raise ModelError(f"two different files are called {clash[0]}: rename one")
        files |= found
        cards.append(_model_card(model, weights))
    files["models/detector.onnx"] = native.SHIPPED
    if runtime is not None:
        files |= {f"runtime/{path.name}": path for path in sorted(runtime.iterdir())}
    card = {
        "livefer_page": FORMAT,
        "version": __version__,
        "schema": SCHEMA,
        "models": cards,
        "detector": _detector_card(),
        "rules": _rules(),
        "sizes": {name: path.stat().st_size for name, path in files.items()},
    }
    return DeviceFiles(card, files)


def external_files(model: Path) -> list[Path]:
    """Return the files beside a model that hold its weights; none where they are inside."""
    data = model.read_bytes()
    names = {data[m.end() : m.end() + m[1][0]] for m in _LOCATION.finditer(data)}
    return [model.parent / name.decode() for name in sorted(names)]


def _model_card(model: EmotionClassifier, weights: Sequence[Path]) -> dict[str, Any]:
    return {
        "name": model.name,
        "file": f"models/{model.path.name}",
        "weights": [{"path": path.name, "file": f"models/{path.name}"} for path in weights],
        "classes": list(model.classes),
        "colours": {name: colour_hex(name, model.classes) for name in model.classes},
        "input_size": model.input_size,
        "crop_scale": model.crop_scale,
        "uncertain_below": model.uncertain_below,
        "prior": model.prior,
        "frequencies": model.frequencies,
        "sha256": model.sha256,
    }


def _detector_card() -> dict[str, Any]:
    kind = NativeDetector
    return {
        "name": kind.name,
        "file": "models/detector.onnx",
        "strides_px": list(cells.STRIDES_PX),
        "crop_scale": kind.crop_scale,
        "crop_shift_y": kind.crop_shift_y,
        "side_px": kind.side_px,
        "threshold": kind.threshold,
        "known_threshold": kind.known_threshold,
        "least": native._LEAST,
        "certain": native._CERTAIN,
        "doubt": native._DOUBT,
        "again_px": native._AGAIN_PX,
        "again_side_px": native._AGAIN_SIDE_PX,
        "again_iou": native._AGAIN_IOU,
        "max_overlap": cells._MAX_OVERLAP,
        "near_iou": cells._NEAR_IOU,
    }


def _rules() -> dict[str, Any]:
    """Return the numbers of the road, by the module that decides them."""
    return {
        "classifier": {
            "batch": classifiers._BATCH,
            "least_frequency": classifiers._LEAST_FREQUENCY,
        },
        "crops": {"max_samples": crops._MAX_SAMPLES},
        "views": {"shifts": views._SHIFTS.astype(float).tolist()},
        "quality": {
            "min_face_px": quality.MIN_FACE_PX,
            "min_sharpness": quality.MIN_SHARPNESS,
            "max_outside": quality.MAX_OUTSIDE,
            "max_dark_mean": quality.MAX_DARK_MEAN,
            "max_dark_deviation": quality.MAX_DARK_DEVIATION,
            "max_dark": quality._MAX_DARK,
            "min_bright": quality._MIN_BRIGHT,
            "flat": quality.FLAT,
            "thumb_wh": list(quality._THUMB_WH),
            "thumb_samples": quality._THUMB_SAMPLES,
            "min_contrast": quality._MIN_CONTRAST,
            "too_dark": quality.TOO_DARK,
            "too_bright": quality.TOO_BRIGHT,
            "blank": quality.BLANK,
            "small": quality.SMALL,
            "cut_off": quality.CUT_OFF,
            "dark": quality.DARK,
            "blurred": quality.BLURRED,
        },
        "motion": {
            "template_px": motion._TEMPLATE_PX,
            "window_px": motion._WINDOW_PX,
            "min_correlation": motion._MIN_CORRELATION,
            "min_contrast": motion._MIN_CONTRAST,
            "block_px": motion.BLOCK_PX,
            "change": motion._CHANGE,
        },
        "search": {
            "search_s": periodic_search.SEARCH_S,
            "still_s": periodic_search._STILL_S,
            "hold_s": whole_search.HOLD_S,
            "inside": whole_search._INSIDE,
            "same_face": boxes.SAME_FACE,
            "max_pause_s": live_search._MAX_PAUSE_S,
        },
        "tracker": {
            "keep_s": tracker.KEEP_S,
            "motion_s": tracker._MOTION_S,
            "reach": tracker._REACH,
            "reach_per_s": tracker._REACH_PER_S,
            "hidden": tracker._HIDDEN,
            "max_growth": tracker._MAX_GROWTH,
        },
        "smoothing": {
            "window_s": smoothing.WINDOW_S,
            "steady_s": smoothing._STEADY_S,
            "tremble": smoothing._TREMBLE,
        },
        "labels": {"lead": labels._LEAD},
        "answers": {"least_sign": results._LEAST_SIGN},
        "profile": {
            "format": profile._FORMAT,
            "neutral": profile.NEUTRAL,
            "rest": profile.REST,
            "edge": profile.EDGE,
            "own": profile.OWN,
            "known": profile.KNOWN,
            "temperature": profile.TEMPERATURE,
            "least": profile._LEAST,
            "least_shared": profile._LEAST_SHARED,
            "least_rest": profile.LEAST_REST,
            "least_frames": moments.LEAST_FRAMES,
            "own_name": moments.OWN_NAME,
            "most_letters": profile.MOST_LETTERS,
        },
        "enrolment": {
            "hold_s": moments.HOLD_S,
            "ready_s": moments.READY_S,
            "least_frames": moments.LEAST_FRAMES,
            "gap_s": moments.GAP_S,
            "rival": moments.RIVAL,
        },
        "resting": {
            "calmest": resting._CALMEST,
            "least_frames": resting._LEAST_FRAMES,
            "least_resting": resting._LEAST_RESTING,
            "most_else": resting._MOST_ELSE,
        },
        "running": {
            "auto": running.AUTO,
            "every_s": running._EVERY_S,
            "enough_s": running._ENOUGH_S,
            "again_s": running._AGAIN_S,
            "most": running._MOST,
        },
    }
