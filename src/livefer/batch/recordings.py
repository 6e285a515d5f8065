"""Footage, recognised as fast as the machine can: reading, recognising and encoding side by side.

    for result in recognise_video(recognizer, VideoReader("clip.mp4")): ...

One thread decodes ahead, the caller's recognises, and an AnnotatedVideo draws and encodes in a
third. Between them are short queues, so that memory does not grow with the footage.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from threading import Event

from livefer.drawing.faces import draw_faces
from livefer.media.h264_writer import H264Writer
from livefer.media.pyav_reader import VideoInfo, VideoReader
from livefer.media.threads import Taker, ahead
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult

BATCH = 8
"""So many frames' faces go through the network in one call."""

_WAITING_BYTES = 64 << 20  # of frames between two threads: 2 of 4K, and never more than 16


def recognise_video(
    recognizer: Recognizer, video: VideoReader, stop: Event | None = None
) -> Generator[FrameResult, None, None]:
    """Yield a result for each frame of a video.

    stop: once it is set, the batch at hand is recognised and then a result says where it stopped
    """
    stop = stop or Event()
    stream = recognizer.new_stream()
    index, time_s = 0, 0.0
    has_ended = False
    n_waiting = _n_waiting(video.info)
    with closing(ahead(_until(stop, video), n_waiting)) as frames:
        while chunk := list(islice(frames, min(BATCH, n_waiting))):
            for result in recognizer.process_many(chunk, [stream] * len(chunk)):
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


class AnnotatedVideo:
    """A video of results with their faces drawn, drawn and encoded in a thread of its own.

    The thread ends the file, too: FFmpeg crashes where another one closes it meanwhile.
    """

    def __init__(self, writer: H264Writer, hurry: Event | None = None) -> None:
        """hurry: once it is set, what waits to be encoded is left out."""
        self._writer = writer
        self._hurry = hurry or Event()
        self._is_whole = False
        n_waiting = _n_waiting(writer.info)
        self._encoder = Taker(self._encode, n_waiting, "livefer-encode", self._end)

    def write(self, result: FrameResult) -> None:
        """Hand a result over; one without an image is left out. Raises what went wrong before."""
        if result.image is not None and not self._encoder.put(result):
            self.close()

    def _encode(self, result: FrameResult) -> None:
        assert result.image is not None
        if not self._hurry.is_set():
            self._writer.write(draw_faces(result.image, result.faces), result.time_s)

    def _end(self) -> None:
        self._writer.close(self._is_whole and not self._hurry.is_set())

    def close(self, whole: bool = False) -> None:
        """Encode what is left and end the file; `whole` as in H264Writer.close."""
        self._is_whole = whole
        self._encoder.close()
        if self._encoder.failure is not None:
            raise self._encoder.failure

    def __enter__(self) -> AnnotatedVideo:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _n_waiting(info: VideoInfo) -> int:
    width, height = info.wh  # both 0 where a damaged file does not say
    return min(max(_WAITING_BYTES // max(3 * width * height, 1), 2), 2 * BATCH)
