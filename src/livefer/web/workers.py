"""Recognition off the event loop: a few threads, which recognise waiting pictures in batches.

Each thread owns its detectors; all share the network. Results are plain data.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Condition, Thread

from livefer.detection.detectors import Detector
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.machine import n_cores
from livefer.tracking.stream import Stream
from livefer.web import schema
from livefer.web.images import check_size, decode
from livefer.web.models import Models
from livefer.web.protocol import Refused, face_dict, hint_for

MAX_BATCH = 8
_BATCH_PIXELS = 16_000_000  # of all the pictures of a batch, which are in memory together
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PictureResult:
    """The faces of one picture, as plain data.

    timings_ms: wait, decode, detect, crop, classify, track and total, from arrival on
    n_batch: number of pictures in the same batch
    """

    size_wh: list[int]
    faces: list[schema.Face]
    timings_ms: dict[str, float]
    hint: str | None
    n_batch: int


Road = tuple[str, str]
"""The names of the model and the detector for a picture."""


@dataclass(slots=True, eq=False)
class PictureJob:
    """A picture to recognise, and the future of its result; the future may raise Refused.

    road: names of the model and the detector
    arrived_s: by time.perf_counter
    stream: the frame's; None for a single picture
    n_skipped: the stream's frames skipped since the last one recognised
    alone: not to be batched with others
    """

    data: bytes
    n_pixels: int
    road: Road
    heatmap: bool
    arrived_s: float
    time_s: float
    stream: Stream | None
    answer: asyncio.Future[PictureResult]
    n_skipped: int = 0
    alone: bool = False


def make_job(
    data: bytes,
    max_pixels: int,
    road: Road,
    heatmap: bool = False,
    arrived_s: float | None = None,
    time_s: float = 0.0,
    stream: Stream | None = None,
    n_skipped: int = 0,
) -> PictureJob:
    """Return the job of a picture, or raise Refused. Call it on the event loop that awaits it."""
    return PictureJob(
        data,
        check_size(data, max_pixels),
        road,
        heatmap,
        time.perf_counter() if arrived_s is None else arrived_s,
        time_s,
        stream,
        asyncio.get_running_loop().create_future(),
        n_skipped,
    )


def n_workers() -> int:
    """Return the number of a server's threads: one for two cores, and at most 4."""
    return min(4, max(1, n_cores() // 2))


def cores_each() -> int:
    """Return the processor cores that are there for each of a server's threads."""
    return max(1, n_cores() // n_workers())


class WorkerPool:
    """Threads that recognise pictures, each with a Recognizer of its own for each road."""

    def __init__(
        self,
        models: Models,
        detectors: Mapping[str, Callable[[], Detector]],
        n_threads: int | None = None,
        min_score: float | None = None,
    ) -> None:
        """Set the pool up.

        detectors: a function that makes the detector, by name
        n_threads: None is `n_workers()`
        min_score: as for Recognizer
        """
        self.models = models
        self.detectors = detectors
        self.n_threads = n_threads or n_workers()
        self.min_score = min_score
        self._jobs: deque[PictureJob] = deque()
        self._changed = Condition()
        self._running = False
        self._threads: list[Thread] = []

    @property
    def n_waiting(self) -> int:
        """Number of pictures that no thread has taken yet."""
        return len(self._jobs)

    def start(self) -> None:
        """Start the threads."""
        self._running = True
        self._threads = [
            Thread(target=self._work, name=f"livefer-worker-{i}") for i in range(self.n_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Refuse the waiting pictures, and wait until each thread has finished its batch."""
        with self._changed:
            self._running = False
            left, self._jobs = list(self._jobs), deque()
            self._changed.notify_all()
        for job in left:
            _answer(job, Refused("going_away", "the server is stopping"))
        for thread in self._threads:
            thread.join()
        self._threads = []

    def submit(self, job: PictureJob) -> None:
        """Queue a job; a stream may have one at a time, because a thread uses it."""
        with self._changed:
            if not self._running:
                raise Refused("going_away", "the server is stopping")
            self._jobs.append(job)
            self._changed.notify()

    def replace(self, old: PictureJob, new: PictureJob) -> bool:
        """Put a newer frame in the place of a waiting one; return False if that has begun."""
        with self._changed:
            if old not in self._jobs:
                return False
            self._jobs[self._jobs.index(old)] = new
        return True

    def _work(self) -> None:
        recognizers: dict[Road, Recognizer] = {}
        while jobs := self._take():
            self._try(jobs, recognizers)

    def _try(self, jobs: list[PictureJob], recognizers: dict[Road, Recognizer]) -> None:
        """Answer every job of a batch, whose road is the same."""
        road = jobs[0].road
        try:
            if road not in recognizers:
                recognizers[road] = self._recognizer(road, recognizers)
            _recognise(recognizers[road], jobs)
        except Exception:  # noqa: BLE001  # a border: every client gets an answer
            _log.exception("recognition failed")
            if len(jobs) > 1:  # one picture must not fail the others
                self._put_back(jobs)
            else:
                _answer(jobs[0], Refused("internal", "recognition failed on the server"))

    def _recognizer(self, road: Road, others: Mapping[Road, Recognizer]) -> Recognizer:
        """Return a new recogniser, with the detector of a thread's other ones if it is theirs."""
        model, detector = road
        known = [one.detector for (_, name), one in others.items() if name == detector]
        made = known[0] if known else self.detectors[detector]()
        return Recognizer(self.models.get(model), made, min_score=self.min_score)

    def _put_back(self, jobs: list[PictureJob]) -> None:
        """Queue jobs again, to be done one by one."""
        with self._changed:
            for job in jobs:
                job.alone = True
            self._jobs.extendleft(reversed(jobs))

    def _take(self) -> list[PictureJob]:
        """Wait for jobs; return a batch of them, or none when the pool stops."""
        with self._changed:
            while self._running:
                # A cancelled job is one whose client has left.
                waiting = [job for job in self._jobs if not job.answer.cancelled()]
                batch = _first_batch(waiting, min(MAX_BATCH, -(-len(waiting) // self.n_threads)))
                self._jobs = deque(waiting[len(batch) :])
                if batch:
                    return batch
                self._changed.wait()
        return []


def _first_batch(waiting: list[PictureJob], most: int) -> list[PictureJob]:
    """Return the first jobs that one call of the network may take, `most` of them or fewer."""
    batch: list[PictureJob] = []
    n_pixels = 0
    for job in waiting:
        n_pixels += job.n_pixels
        if batch and not (
            len(batch) < most
            and n_pixels <= _BATCH_PIXELS
            and job.road == batch[0].road
            and not (job.alone or batch[0].alone)
        ):
            break
        batch.append(job)
    return batch


def _recognise(recognizer: Recognizer, jobs: list[PictureJob]) -> None:
    """Answer a batch of jobs: decode each, then one call of the network for all."""
    began_s = time.perf_counter()
    frames: list[Frame] = []
    ready: list[tuple[PictureJob, float]] = []
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
        _answer(job, _picture_result(job, result, wait_ms, decode_ms, len(jobs)))


def _picture_result(
    job: PictureJob, result: FrameResult, wait_ms: float, decode_ms: float, n_batch: int
) -> PictureResult:
    assert result.image is not None
    height, width = result.image.shape[:2]
    faces = [face_dict(face, job.heatmap) for face in result.faces]
    timings_ms = {"wait": wait_ms, "decode": decode_ms, **result.timings_ms}
    timings_ms["total"] = 1000 * (time.perf_counter() - job.arrived_s)
    return PictureResult(
        size_wh=[width, height],
        faces=faces,
        timings_ms={name: round(value, 2) for name, value in timings_ms.items()},
        hint=hint_for(result),
        n_batch=n_batch,
    )


def _answer(job: PictureJob, answer: PictureResult | Refused) -> None:
    """Hand an answer to the event loop, unless its client has left."""

    def deliver() -> None:
        if job.answer.done():
            return
        if isinstance(answer, Refused):
            job.answer.set_exception(answer)
        else:
            job.answer.set_result(answer)

    try:
        job.answer.get_loop().call_soon_threadsafe(deliver)
    except RuntimeError:  # the loop is closed
        _log.debug("an answer came after the end of the server")
