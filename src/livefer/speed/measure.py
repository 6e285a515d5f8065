"""Measurements of the live road without a window: stages, frames a second, latency.

Each measurement recognises a stream live and paints its faces. Tests pass a clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from threading import Event

import numpy as np

from livefer.errors import SourceError
from livefer.live.scene import Places, Status, fitted, paint_scene
from livefer.live.view import FIRST_HEIGHT
from livefer.media.sources import open_source
from livefer.media.threads import newest
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.speed.made_frames import FPS, Scene
from livefer.speed.result import STAGES, Live, Rate, Stages, Timing

_N_WARM = 10  # frames: after them the first whole search is over and all faces are found
_N_LEAST = 3
_STATUS: Status = (("recognised", "30 fps"), ("latency", "10 ms"))
_BLOCK_S = 0.1  # length of a turn when two things are compared

Clock = Callable[[], float]


def measure_stages(
    recognizer: Recognizer, scene: Scene, seconds: float, clock: Clock = time.perf_counter
) -> Stages:
    """Measure the stages of made frames, frame after frame without a pause."""
    measured = _Measured(recognizer, clock)
    for index in _while(seconds, clock):
        began = clock()
        frame = scene.frame(index)
        measured.add(frame, 1000 * (clock() - began))
    return measured.stages()


def measure_rate(
    recognizer: Recognizer, scene: Scene, seconds: float, clock: Clock = time.perf_counter
) -> Rate:
    """Measure frames a second of recognition alone, without making or painting frames."""
    stream = recognizer.new_stream(live=True)
    spent_s, found = [], []
    for index in _while(seconds, clock):
        frame = scene.frame(index)
        began = clock()
        result = recognizer.process(frame, stream)
        spent_s.append(clock() - began)
        found.append(len(result.faces))
    n_warm = _n_warm(len(found))
    counts = np.array(found[n_warm:])
    return Rate(
        scene.size_wh,
        scene.n_faces,
        len(counts),
        len(counts) / max(sum(spent_s[n_warm:]), 1e-9),
        float(counts.mean()),
        float((counts == scene.n_faces).mean()),
    )


def measure_live(
    recognizer: Recognizer,
    read: Callable[[Event], Iterator[Frame]],
    seconds: float,
    clock: Clock = time.perf_counter,
) -> tuple[Live, Stages]:
    """Measure a stream at its own speed, read on a thread of its own.

    read: as in livefer.media.threads.newest; a frame with an error ends the measurement
    """
    arrived_s: dict[int, float] = {}
    capture_ms: dict[int, float] = {}

    def stamped(stop: Event) -> Generator[Frame, None, None]:
        with closing(read(stop)) as frames:  # type: ignore[type-var]
            while True:
                began = clock()
                frame = next(frames, None)
                if frame is None:
                    return
                arrived_s[frame.index] = clock()
                capture_ms[frame.index] = 1000 * (arrived_s[frame.index] - began)
                yield frame

    measured = _Measured(recognizer, clock)
    latency_ms, frames = [], []
    began_cpu_s = time.process_time()
    with closing(newest(stamped)) as stream:
        for frame in stream:
            if frame.error is not None:
                raise SourceError(frame.error)
            measured.add(frame, capture_ms[frame.index])
            frames.append(replace(frame, image=None))  # the images of minutes would fill the memory
            latency_ms.append(1000 * (clock() - arrived_s[frame.index]))
            if len(frames) == 1:  # a camera's first frame comes late, and the first search is slow
                began_s, began_cpu_s = clock(), time.process_time()
            elif clock() - began_s >= seconds and len(frames) > _N_LEAST:
                break
    if len(frames) < 2:
        raise SourceError(f"expected a stream of frames, got {len(frames)}: take another source")
    spent_s = max(clock() - began_s, 1e-9)
    cores_used = (time.process_time() - began_cpu_s) / spent_s
    n_warm = _n_warm(len(frames))
    kept = frames[n_warm:]
    n_skipped = sum(frame.n_skipped for frame in kept)
    arrivals = arrived_s[frames[-1].index] - arrived_s[frames[0].index]
    fps = (frames[-1].index - frames[0].index) / max(arrivals, 1e-9)
    stages = measured.stages()
    timing = Timing.of(latency_ms[n_warm:])
    live = Live(stages.source, stages.size_wh, fps, len(kept), n_skipped, timing, cores_used)
    return live, stages


def read_made(scene: Scene, stop: Event) -> Generator[Frame, None, None]:
    """Yield prepared frames at 30 a second until `stop` is set, whether they are taken or not."""
    frames = _there_and_back(scene)
    started = time.monotonic()
    for frame in frames:
        if stop.wait(max(0.0, started + frame.time_s - time.monotonic())):
            return
        yield frame


def open_camera(number: int) -> Callable[[Event], Generator[Frame, None, None]]:
    """Open a camera and return its reader; raise SourceError if it cannot be opened."""
    source = open_source(number, live=False)

    def read(stop: Event) -> Generator[Frame, None, None]:
        with source:
            for frame in source:
                if frame.error is not None:  # a measurement does not wait for its return
                    raise SourceError(
                        f"{source.name} stopped after {frame.index} frames: is it still "
                        "connected, and does no other program use it?"
                    )
                if stop.is_set():
                    return
                yield frame

    return read


def compare(
    ours: Callable[[], object],
    other: Callable[[], object],
    seconds: float,
    clock: Clock = time.perf_counter,
) -> tuple[float, float]:
    """Return the milliseconds a call of each takes: the median of turns, ours and other in turn."""
    turns: tuple[list[float], list[float]] = ([], [])
    ended_s = clock() + seconds
    block_s = min(_BLOCK_S, seconds / 4)
    while clock() < ended_s or not turns[0]:
        for call, times_ms in zip((ours, other), turns, strict=True):
            call()  # warms the caches, and lets the other one's threads stop spinning
            n_calls, began = 0, clock()
            while not n_calls or clock() - began < block_s:
                call()
                n_calls += 1
            times_ms.append(1000 * (clock() - began) / n_calls)
    return float(np.median(turns[0])), float(np.median(turns[1]))


def following(recognizer: Recognizer, scene: Scene) -> Callable[[], FrameResult]:
    """Return a function that recognises a scene's next frame, live; all frames are made before."""
    stream = recognizer.new_stream(live=True)
    frames = _there_and_back(scene)
    return lambda: recognizer.process(next(frames), stream)


def _there_and_back(scene: Scene) -> Iterator[Frame]:
    """Make frames of a scene; return an endless iterator over them in which no face jumps."""
    made = [scene.frame(index) for index in range(60)]
    made += made[-2:0:-1]
    return (replace(made[i % len(made)], index=i, time_s=i / FPS) for i in count())


class _Measured:
    """Times of the stages of one stream's frames."""

    def __init__(self, recognizer: Recognizer, clock: Clock) -> None:
        self._recognizer = recognizer
        self._stream = recognizer.new_stream(live=True)
        self._clock = clock
        self._times_ms: list[dict[str, float]] = []
        self._n_faces: list[int] = []
        self._frame: Frame | None = None
        self._places = Places()

    def add(self, frame: Frame, capture_ms: float) -> None:
        """Recognise a frame, paint its faces as the window does, and keep the times."""
        began = self._clock()
        result = self._recognizer.process(frame, self._stream)
        recognised = self._clock()
        if frame.image is not None:
            height, width = frame.image.shape[:2]
            window_wh = (round(width * FIRST_HEIGHT / height), FIRST_HEIGHT)
            canvas, faces = fitted(frame.image, result.faces, window_wh, mirror=False)
            self._places = paint_scene(canvas, faces, False, _STATUS, self._places)
        painted = self._clock()
        named = {name: result.timings_ms[name] for name in ("detect", "crop", "classify", "track")}
        other = 1000 * (recognised - began) - sum(named.values())
        self._times_ms.append(
            {
                "capture": capture_ms,
                **named,
                "other": max(0.0, other),
                "draw": 1000 * (painted - recognised),
                "sum": 1000 * (painted - began),
            }
        )
        self._n_faces.append(len(result.faces))
        self._frame = frame

    def stages(self) -> Stages:
        """Return the stages, without those of the first frames."""
        n_warm = _n_warm(len(self._times_ms))
        kept = self._times_ms[n_warm:]
        assert self._frame is not None
        assert self._frame.image is not None
        height, width = self._frame.image.shape[:2]
        ms = {name: Timing.of([times[name] for times in kept]) for name in STAGES}
        n_faces = float(np.mean(self._n_faces[n_warm:]))
        return Stages(self._frame.source, (width, height), len(kept), n_faces, ms)


def _while(seconds: float, clock: Clock) -> Iterator[int]:
    """Count up until the time is over, at least to the smallest number of frames."""
    ended_s = clock() + seconds
    for index in count():
        if index >= 2 * _N_LEAST and clock() >= ended_s:
            return
        yield index


def _n_warm(n_frames: int) -> int:
    """Return the number of first frames that do not count."""
    return min(_N_WARM, n_frames // 2)
