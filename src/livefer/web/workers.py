"""Recognition off the event loop: a few threads, and what waits together is recognised together.

Each thread owns its detectors; the network is shared. What comes back is plain data.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.detection.detectors import Detector
from livefer.media.opencv_reader import Frame
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.system.machine import n_cores
from livefer.tracking.stream import Stream
from livefer.web.images import check_size, decode
from livefer.web.protocol import Refused, face_dict, hint_for

MAX_BATCH = 8
_BATCH_PIXELS = 16_000_000  # of all pictures that a thread has decoded at the same time
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in one picture, as plain data.

    timings_ms: wait, decode, detect, crop, classify, track and total, from arrival on
    n_batch: how many pictures were recognised together
    """

    size_wh: tuple[int, int]
    faces: list[dict[str, Any]]
    timings_ms: dict[str, float]
    hint: str | None
    n_batch: int


@dataclass(slots=True, eq=False)
class Job:
    """A picture to be recognised, and its answer to come: Seen, or the exception Refused.

    arrived_s: by time.perf_counter
    stream: that it is a frame of; None for a picture by itself
    n_skipped: of the stream's frames, since the one recognised before
    """

    data: bytes
    n_pixels: int
    detector: str
    heatmap: bool
    arrived_s: float
    time_s: float
    stream: Stream | None
    answer: asyncio.Future[Seen]
    n_skipped: int = 0
    alone: bool = False


def make_job(
    data: bytes,
    max_pixels: int,
    detector: str,
    heatmap: bool = False,
    arrived_s: float | None = None,
    time_s: float = 0.0,
    stream: Stream | None = None,
    n_skipped: int = 0,
) -> Job:
    """Return a job for a picture, or raise Refused; on the event loop that waits for its answer."""
    return Job(
        data,
        check_size(data, max_pixels),
        detector,
        heatmap,
        time.perf_counter() if arrived_s is None else arrived_s,
        time_s,
        stream,
        asyncio.get_running_loop().create_future(),
        n_skipped,
    )


class Engine:
    """Threads with a Recognizer each; `start` and `stop` frame its life."""

    def __init__(
        self,
        classifier: EmotionClassifier,
        detectors: Mapping[str, Callable[[], Detector]],
        n_threads: int | None = None,
    ) -> None:
        """Take what makes each detector, by name; n_threads: None is one for two cores, up to 4."""
        self.classifier = classifier
        self.detectors = detectors
        self.n_threads = n_threads or min(4, max(1, n_cores() // 2))
        self._jobs: deque[Job] = deque()
        self._changed = Condition()
        self._running = False
        self._threads: list[Thread] = []

    @property
    def n_waiting(self) -> int:
        """How many pictures no thread has taken yet."""
        return len(self._jobs)

    def start(self) -> None:
        """Start the threads."""
        self._running = True
        self._threads = [
            Thread(target=self._work, name=f"livefer-engine-{i}") for i in range(self.n_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each thread finish what it has begun, and wait for it; what waits is refused."""
        with self._changed:
            self._running = False
            left, self._jobs = list(self._jobs), deque()
            self._changed.notify_all()
        for job in left:
            _answer(job, Refused("going_away", "the server is going away"))
        for thread in self._threads:
            thread.join()
        self._threads = []

    def submit(self, job: Job) -> None:
        """Queue a job: of a stream one at a time: a thread uses it."""
        with self._changed:
            if not self._running:
                raise Refused("going_away", "the server is going away")
            self._jobs.append(job)
            self._changed.notify()

    def replace(self, old: Job, new: Job) -> bool:
        """Let a newer frame have the place of one that still waits; False where none does."""
        with self._changed:
            if old not in self._jobs:
                return False
            self._jobs[self._jobs.index(old)] = new
        return True

    def _work(self) -> None:
        recognizers: dict[str, Recognizer] = {}
        while jobs := self._take():
            self._try(jobs, recognizers)

    def _try(self, jobs: list[Job], recognizers: dict[str, Recognizer]) -> None:
        """Answer jobs of one detector, whatever happens."""
        name = jobs[0].detector
        try:
            if name not in recognizers:
                recognizers[name] = Recognizer(self.classifier, self.detectors[name]())
            _recognise(recognizers[name], jobs)
        except Exception:  # noqa: BLE001  # a border: whoever sent this gets an answer
            _log.exception("recognition failed")
            if len(jobs) > 1:  # the others' pictures are not to suffer from one
                self._put_back(jobs)
            else:
                _answer(jobs[0], Refused("internal", "recognition failed on the server"))

    def _put_back(self, jobs: list[Job]) -> None:
        """Have jobs done again, one by one."""
        with self._changed:
            for job in jobs:
                job.alone = True
            self._jobs.extendleft(reversed(jobs))

    def _take(self) -> list[Job]:
        """Wait for jobs; return some with the same detector, none where it is time to end."""
        with self._changed:
            while self._running:
                # Whoever has left meanwhile does not want to know any more.
                waiting = [job for job in self._jobs if not job.answer.cancelled()]
                share = min(MAX_BATCH, -(-len(waiting) // self.n_threads))
                taken: list[Job] = []
                n_pixels = 0
                for job in waiting:
                    n_pixels += job.n_pixels
                    if taken and not (
                        len(taken) < share
                        and n_pixels <= _BATCH_PIXELS
                        and job.detector == taken[0].detector
                        and not (job.alone or taken[0].alone)
                    ):
                        break
                    taken.append(job)
                self._jobs = deque(waiting[len(taken) :])
                if taken:
                    return taken
                self._changed.wait()
        return []


def _recognise(recognizer: Recognizer, jobs: list[Job]) -> None:
    """Answer jobs that wait together: decode each, then one call of the network for all."""
    began_s = time.perf_counter()
    frames: list[Frame] = []
    ready: list[tuple[Job, float]] = []
    for job in jobs:
        start_s = time.perf_counter()
        try:
            image = decode(job.data)
        except Refused as refused:
            _answer(job, refused)
            continue
        frames.append(Frame("", 0, job.time_s, image, job.n_skipped, still=job.stream is None))
        ready.append((job, 1000 * (time.perf_counter() - start_s)))
    streams, heatmaps = [job.stream for job, _ in ready], any(job.heatmap for job, _ in ready)
    results = recognizer.process_many(frames, streams, heatmaps=heatmaps)
    for (job, decode_ms), result in zip(ready, results, strict=True):
        wait_ms = 1000 * (began_s - job.arrived_s)
        _answer(job, _seen(job, result, wait_ms, decode_ms, len(jobs)))


def _seen(job: Job, result: FrameResult, wait_ms: float, decode_ms: float, n_batch: int) -> Seen:
    assert result.image is not None
    height, width = result.image.shape[:2]
    faces = [face_dict(face, job.heatmap) for face in result.faces]
    timings_ms = {"wait": wait_ms, "decode": decode_ms, **result.timings_ms}
    timings_ms["total"] = 1000 * (time.perf_counter() - job.arrived_s)
    return Seen(
        size_wh=(width, height),
        faces=faces,
        timings_ms={name: round(value, 2) for name, value in timings_ms.items()},
        hint=hint_for(result.faces, _luma(result.image)),
        n_batch=n_batch,
    )


def _luma(image: NDArray[np.uint8]) -> float:
    """Return the mean luma of an image (H, W, 3) uint8 BGR, 0-255, from one pixel of 64."""
    few = np.ascontiguousarray(image[::8, ::8])
    return float(cv2.cvtColor(few, cv2.COLOR_BGR2GRAY).mean())


def _answer(job: Job, answer: Seen | Refused) -> None:
    """Hand an answer to the event loop, if somebody there still waits for it."""

    def deliver() -> None:
        if job.answer.done():
            return
        if isinstance(answer, Refused):
            job.answer.set_exception(answer)
        else:
            job.answer.set_result(answer)

    try:
        job.answer.get_loop().call_soon_threadsafe(deliver)
    except RuntimeError:  # the loop is closed: nobody waits
        _log.debug("an answer came after the server's end")
