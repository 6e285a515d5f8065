"""Footage, recognised as fast as the machine can: reading, recognising and encoding side by side.

    for result in recognise_video(recognizer, VideoReader("clip.mp4")): ...

One thread decodes ahead, the caller's recognises, and an AnnotatedVideo draws and encodes in a
third. Between them are short queues, so that memory does not grow with the footage.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

from livefer.drawing.faces import draw_faces
from livefer.media.cuts import why_no_face
from livefer.media.h264_writer import VideoWriter
from livefer.media.opencv_reader import Frame
from livefer.media.pyav_reader import VideoInfo, VideoReader
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.tracking.stream import Stream

BATCH = 8
"""So many frames' faces go through the network in one call."""

_WAITING_BYTES = 64 << 20  # of frames between two threads: 2 of 4K, and never more than 16
_POLL_S = 0.2  # between two looks at whether to stop
T = TypeVar("T")


def recognise_video(
    recognizer: Recognizer, video: VideoReader, stop: Event | None = None
) -> Generator[FrameResult, None, None]:
    """Yield a result for each frame of a video; behind a cut nobody is known.

    A frame without a face has a note where the reason can be seen.

    stop: once it is set, the batch at hand is recognised and then a result says where it stopped
    """
    stop = stop or Event()
    stream = recognizer.new_stream()
    index, time_s = 0, 0.0
    has_ended = False
    n_waiting = _n_waiting(video.info)
    with closing(ahead(_until(stop, video), n_waiting)) as frames:
        while chunk := list(islice(frames, min(BATCH, n_waiting))):
            for result in _recognise(recognizer, stream, chunk):
                index, time_s = result.index + 1, result.time_s
                has_ended = result.error is not None
                yield result
            if stop.is_set():
                break
    if stop.is_set() and not has_ended:
        error = f"stopped on request after {index} frames, at {time_s:.1f} s"
        yield FrameResult(video.name, index, time_s, None, error=error)


def _until(stop: Event, video: VideoReader) -> Iterator[Frame]:
    for frame in video:
        yield frame
        if stop.is_set():
            return


def _recognise(
    recognizer: Recognizer, stream: Stream, frames: list[Frame]
) -> Iterator[FrameResult]:
    """Yield the results of frames that go through the network together."""
    for result in recognizer.process_many(frames, [stream] * len(frames)):
        if result.image is not None and not result.faces and result.note in (None, "cut"):
            result = replace(result, note=why_no_face(result.image) or result.note)
        yield result


def ahead(items: Iterable[T], n: int) -> Generator[T, None, None]:
    """Yield the items while a thread gets the next n ready; closing it ends the thread."""
    queue: Queue[tuple[T] | None] = Queue(n)
    stop, ended = Event(), Event()
    failure: BaseException | None = None

    def run() -> None:
        nonlocal failure
        try:
            for item in items:
                if not _put(queue, (item,), stop):
                    return
        except Exception as error:  # noqa: BLE001  # raised again where the items are taken
            failure = error
        finally:
            _put(queue, None, stop)
            ended.set()

    Thread(target=run, name="livefer-ahead", daemon=True).start()
    try:
        while (item := _get(queue)) is not None:
            yield item[0]
        if failure is not None:
            raise failure
    finally:
        stop.set()
        _wait(ended)


class AnnotatedVideo:
    """A video of results with their faces drawn, drawn and encoded in a thread of its own.

    The thread ends the file, too: FFmpeg crashes where another one closes it meanwhile.
    """

    def __init__(self, writer: VideoWriter, hurry: Event | None = None) -> None:
        """hurry: once it is set, what waits to be encoded is left out."""
        self._writer = writer
        self._hurry = hurry or Event()
        self._is_whole = False
        self._queue: Queue[FrameResult | None] = Queue(_n_waiting(writer.info))
        self._failure: Exception | None = None
        self._ended = Event()
        Thread(target=self._run, name="livefer-encode", daemon=True).start()

    def write(self, result: FrameResult) -> None:
        """Hand a result over; one without an image is left out. Raises what went wrong before."""
        if result.image is not None and not _put(self._queue, result, self._ended):
            self.close()

    def _run(self) -> None:
        try:
            try:
                while (result := self._queue.get()) is not None and not self._hurry.is_set():
                    assert result.image is not None
                    self._writer.write(draw_faces(result.image, result.faces), result.time_s)
            finally:
                self._writer.close(self._is_whole and not self._hurry.is_set())
        except Exception as error:  # noqa: BLE001  # raised again by write and close
            self._failure = error
        finally:
            self._ended.set()

    def close(self, whole: bool = False) -> None:
        """Encode what is left and end the file; `whole` as in VideoWriter.close."""
        self._is_whole = whole
        _put(self._queue, None, self._ended)
        _wait(self._ended)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> AnnotatedVideo:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _n_waiting(info: VideoInfo) -> int:
    width, height = info.wh  # both 0 where a damaged file does not say
    return min(max(_WAITING_BYTES // max(3 * width * height, 1), 2), 2 * BATCH)


def _put(queue: Queue[T], item: T, ended: Event) -> bool:
    """Wait for room; False where nobody will take the item."""
    while not ended.is_set():
        with suppress(Full):
            queue.put(item, timeout=_POLL_S)
            return True
    return False


def _get(queue: Queue[T]) -> T:
    while True:  # with a limit, so that Ctrl-C gets through on Windows
        with suppress(Empty):
            return queue.get(timeout=_POLL_S)


def _wait(ended: Event) -> None:
    # Not by joining: before Python 3.13, a thread counts as ended where Ctrl-C ends its join.
    while not ended.wait(_POLL_S):
        pass
