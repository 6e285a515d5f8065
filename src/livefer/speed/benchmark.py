"""All measurements of `livefer bench`.

Frames are made from the shipped picture, so no camera is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from livefer.assets.files import PICTURE
from livefer.classifier import shipped_models
from livefer.faces.crops import crop_faces
from livefer.media.pictures import read_image
from livefer.recognizer import Recognizer
from livefer.speed.made_frames import GRIDS, Portrait, Scene
from livefer.speed.measure import (
    compare,
    following,
    measure_live,
    measure_rate,
    measure_stages,
    open_camera,
    read_made,
)
from livefer.speed.result import Benchmark, Comparison, advise
from livefer.system.machine import cold_start, describe

SIZES_WH = ((640, 480), (1280, 720), (1920, 1080))

# Shares of the time for each measurement. Starting processes takes extra time.
_LIVE, _STAGES, _RATES, _MODELS, _DETECTORS = 0.15, 0.2, 0.5, 0.05, 0.1
_COLD_RUNS, _ENOUGH_S = 3, 5.0  # fewer runs where less time is given

Progress = Callable[[str, int, int], None]
"""Takes the name of the measurement that begins, the number of finished ones, and their total."""


def benchmark(
    model: str | None = None,
    detector: str = "auto",
    prior: float | None = None,
    seconds: float = 15.0,
    camera: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Benchmark:
    """Measure everything.

    model, detector, prior: as in livefer.Recognizer
    seconds: length of the measurements; loading and starting processes takes extra time
    camera: number of a camera that takes the place of made frames in the live measurement
    """
    machine = describe()
    recognizer = Recognizer(model, detector, prior=prior)
    portrait = shipped_portrait()
    sizes = [(size_wh, n_faces) for size_wh in SIZES_WH for n_faces in GRIDS]
    total, done = 4 + len(sizes), 0

    def begin(what: str) -> None:
        nonlocal done
        progress(what, done, total)
        done += 1

    one_face = Scene(portrait, SIZES_WH[0], 1)
    if camera is None:
        begin("a live stream")
        live, _ = measure_live(recognizer, lambda stop: read_made(one_face, stop), _LIVE * seconds)
        begin("the stages of a frame")
        stages = measure_stages(recognizer, one_face, _STAGES * seconds)
    else:
        begin(f"camera {camera}")
        done += 1
        read = open_camera(camera)
        live, stages = measure_live(recognizer, read, (_LIVE + _STAGES) * seconds)
    rates = []
    for size_wh, n_faces in sizes:
        begin(f"{size_wh[0]}x{size_wh[1]}, {n_faces} face{'s' if n_faces > 1 else ''}")
        scene = Scene(portrait, size_wh, n_faces)
        rates.append(measure_rate(recognizer, scene, _RATES * seconds / len(sizes)))
    begin("what could be faster")
    comparisons = (
        *_compare_models(recognizer, model, portrait, _MODELS * seconds),
        *_compare_detectors(recognizer, one_face, _DETECTORS * seconds),
    )
    begin("a fresh process")
    n_runs = _COLD_RUNS if seconds >= _ENOUGH_S else 1
    cold = cold_start(PICTURE, model, detector, prior, n_runs)
    name = _name(recognizer)
    return Benchmark(
        machine=machine,
        model=recognizer.classifier.name,
        detector=name,
        prior=recognizer.classifier.prior,
        seconds=seconds,
        stages=stages,
        rates=tuple(rates),
        live=live,
        cold=cold,
        comparisons=comparisons,
        advice=advise(machine, stages, rates, live, comparisons),
    )


def shipped_portrait() -> Portrait:
    """Return the shipped picture as a portrait for scenes."""
    return Portrait(read_image(PICTURE), (118, 9, 330, 221), (0, 232, 512, 512))


def _compare_models(
    recognizer: Recognizer, model: str | None, portrait: Portrait, seconds: float
) -> list[Comparison]:
    """Compare a shipped model with its other form: float32 or 8 bits."""
    ours = recognizer.classifier
    name = ours.name.removesuffix("-float")
    name = f"{name}-float" if name == ours.name else name
    shipped = shipped_models()
    if name not in shipped or model not in (None, *shipped):
        return []
    other = Recognizer(name, recognizer.detector).classifier
    head = np.array([portrait.head], np.float32)
    faces = crop_faces(portrait.image, head, scale=0.5, size=ours.input_size)
    times_ms = compare(lambda: ours.predict(faces), lambda: other.predict(faces), seconds)
    return [Comparison("model", ours.name, name, *times_ms)]


def _compare_detectors(recognizer: Recognizer, scene: Scene, seconds: float) -> list[Comparison]:
    """Compare a shipped detector with the other one: native or Haar."""
    ours = _name(recognizer)
    other = {"haar": "native", "native": "haar"}.get(ours)
    if other is None:
        return []
    others = Recognizer(recognizer.classifier, other)
    times_ms = compare(following(recognizer, scene), following(others, scene), seconds)
    return [Comparison("detector", ours, other, *times_ms)]


def _name(recognizer: Recognizer) -> str:
    return str(getattr(recognizer.detector, "name", type(recognizer.detector).__name__))
