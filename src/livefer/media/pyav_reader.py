"""Reads video files with their exact times, with PyAV (the `video` extra). Knows nothing of faces.

    with VideoReader("clip.mp4") as video:
        for frame in video: ...

A file is read once, from beginning to end, with one frame at a time in memory. Damaged frames are
skipped; a damaged or incomplete file ends with a Frame that has an error and no image.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import TYPE_CHECKING, Any

from livefer.errors import ConfigError, MissingExtraError, SourceError
from livefer.media.cuts import CutDetector
from livefer.media.decoding import LostFrames, gray, upright
from livefer.media.names import PIPE_TODO, check_file, file_name, no_frame
from livefer.results import Frame
from livefer.system.pipes import is_pipe, open_pipe

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream

_TIMEOUTS_S = (10.0, 5.0)  # of addresses: to open, and to read
_FPS_UNKNOWN = Fraction(30)  # of files without a rate
_MAX_WAITING = 2000  # packets kept since the last key frame before the start; more are decoded
_NO_TIMES = 0x80  # FFmpeg's flag of a format that is nothing but encoded pictures
_LEAST_S = 0.001  # between two frames that a stream sends at once
_MAX_REORDERED = 32  # packets; a decoder holds 16 frames back at most
_GEN_PTS = 1  # FFmpeg's flag: guess the presentation times that a file does not state
# Its guess is right where a frame waits for one other at most, and B-frames are known as such.
_GUESSED = {"mpeg1video", "mpeg2video", "mpeg4"}
_HIDING = {"vp8", "mpeg4", "msmpeg4v3", "theora"}  # not every packet of these shows a picture


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file states about itself.

    wh: width and height in pixels as stored, before stretching and rotation
    fps: mean frames per second, exact: 29.97 is 30000/1001
    time_base: seconds of one tick of the file's clock
    duration_s, n_frames: None where the file does not state them
    begin_s: time of the first frame on the file's clock
    aspect: width of a pixel divided by its height, as stored
    has_times: whether frames have times; else those of a rate, or of the clock if it is live
    is_fps_assumed: the file has neither times nor a rate
    """

    wh: tuple[int, int]
    fps: Fraction
    time_base: Fraction
    duration_s: float | None
    n_frames: int | None
    begin_s: float
    aspect: Fraction
    has_audio: bool
    has_times: bool = True
    is_fps_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The frames of a video to read.

    start_s, end_s: seconds from the first frame; the frame at the end is not read; None: to the end
    every: of those frames, every n-th one
    fps: of those frames, at most this many a second; not together with `every`
    fps_of_source: frames a second of files without times of their own, such as .h264 and .mjpeg;
        None: what the encoding states, else 25
    """

    start_s: float = 0.0
    end_s: float | None = None
    every: int = 1
    fps: float | None = None
    fps_of_source: float | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for values that no video has."""
        if self.every < 1 or (self.fps is not None and self.fps <= 0):
            raise ConfigError(f"expected every ≥ 1 and fps > 0, got {self.every} and {self.fps}")
        if self.fps_of_source is not None and not _is_plausible(self.fps_of_source):
            raise ConfigError(f"expected fps_of_source from 0.1 to 480, got {self.fps_of_source:g}")
        if self.every > 1 and self.fps is not None:
            raise ConfigError("every and fps set the same thing in two ways: leave one out")
        if self.start_s < 0:
            raise ConfigError(f"expected a start from 0 s on, got {self.start_s:g} s")
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ConfigError(
                f"expected an end after the start, got {self.start_s:g} s to {self.end_s:g} s"
            )


def load_av() -> ModuleType:
    """Import PyAV; MissingExtraError where it is not installed."""
    try:
        import av
        import av.error
    except ModuleNotFoundError:
        raise MissingExtraError("reading video with its times", "video") from None
    return av


def open_media(av: Any, path: str) -> Any:
    """Open a file for reading, whatever bytes its tags have."""
    # From version 19 on, PyAV reads any tag and refuses this option.
    tags = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
    if "://" in path:
        return av.open(path, timeout=_TIMEOUTS_S, **tags)
    return av.open(file_name(path), **tags)


class VideoReader:
    """The frames of a video file, to be iterated once.

    index and time_s count from the first frame of the file, wherever reading begins. n_skipped
    counts damaged frames, not those that `every` or `fps` leave out. A cut in a frame that is left
    out is reported with the next frame.

    name: the source of the frames
    is_pipe: it can be read once only
    info: what the file states
    """

    def __init__(
        self,
        path: str | Path,
        start_s: float = 0.0,
        end_s: float | None = None,
        every: int = 1,
        fps: float | None = None,
        fps_of_source: float | None = None,
        stop: Event | None = None,
    ) -> None:
        """Open a file; SourceError where it is missing or no video.

        path: "-" is standard input
        start_s, end_s, every, fps, fps_of_source: the frames to read, as in Span
        stop: setting it ends a pipe
        """
        Span(start_s, end_s, every, fps, fps_of_source)  # raises ConfigError
        self._av = load_av()
        self.name = str(path)
        self.is_pipe = is_pipe(self.name)
        self._stop = stop
        self._pipe: Any = None
        self._start_s, self._end_s = start_s, math.inf if end_s is None else end_s
        self._every, self._step_s = every, None if fps is None else 1 / fps
        self._container = self._open(self.name)
        videos = self._container.streams.video
        # A cover picture is a stream of its own in music files.
        streams = [s for s in videos if not s.disposition & s.disposition.attached_pic]
        if not streams:
            self.close()
            raise SourceError(f"{path} has no moving picture: expected a video")
        self._stream = streams[0]
        if self._stream.codec_context is None:
            self.close()
            raise SourceError(f"{path} has an unknown encoding: convert it to an MP4 with H.264")
        # With more threads, their number decides which frames of a damaged file are read. One is
        # enough: recognising a frame takes several times as long as decoding it.
        self._stream.codec_context.thread_count = 1
        if self._stream.codec_context.name not in _GUESSED or self._container.format.name == "asf":
            self._container.flags &= ~_GEN_PTS
        self._fps_of_source = fps_of_source
        self._is_timeless = bool(int(self._container.format.flags) & _NO_TIMES)
        # A size is what files have, also those behind an address.
        self._is_live = "://" in self.name and self._container.size <= 0
        self._has_times, self._began_s = False, 0.0
        self._n_lost = self._n_lost_last = self._n_dropped = 0
        self._reached_s = 0.0
        self._broken: str | None = None
        self._demuxed = self._demux()
        self._head: list[Packet[VideoStream]] = []
        self._leading: set[int] = set()
        self._begin_pts = None if self._is_timeless else self._read_head()
        self.info = self._describe()

    def _open(self, name: str) -> Any:
        if "://" not in name:
            check_file(name)
        try:
            if self.is_pipe:
                self._pipe = open_pipe(name, self._stop)
                return self._av.open(self._pipe, "r")
            return open_media(self._av, name)
        except (self._av.error.FFmpegError, OSError) as error:
            if self._pipe is not None:
                self._pipe.close()
                raise SourceError(
                    f"{name} sends no video that can be read from a pipe ({_reason(error)}): "
                    f"{PIPE_TODO}"
                ) from None
            if "://" in name:
                raise SourceError(
                    f"{name} could not be opened ({_reason(error)}): check the address, and that "
                    "it is sending"
                ) from None
            raise SourceError(
                f"{name} could not be opened as a video ({_reason(error)}): it is damaged, "
                "incomplete or of an unknown kind; copy it again, or convert it to an MP4 with "
                "H.264"
            ) from None

    def _describe(self) -> VideoInfo:
        stream, container = self._stream, self._container
        rates = [stream.average_rate, stream.guessed_rate, stream.base_rate]
        stated = [self._fps_of_source, stream.codec_context.framerate] if self._is_timeless else []
        fps = next((r for r in (*stated, *rates) if r and _is_plausible(r)), _FPS_UNKNOWN)
        duration_s = None if container.duration is None else container.duration / 1e6
        if stream.duration is not None:
            duration_s = float(stream.duration * stream.time_base)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return VideoInfo(
            wh=(stream.width, stream.height),
            fps=Fraction(fps).limit_denominator(100_000),
            # Of a clock, to the millisecond.
            time_base=Fraction(1, 1000) if self._is_clocked else stream.time_base,
            duration_s=duration_s if duration_s and duration_s > 0 else None,
            n_frames=stream.frames or None,
            begin_s=float((self._begin_pts or stream.start_time or 0) * stream.time_base),
            aspect=aspect,
            has_audio=bool(container.streams.audio),
            has_times=not self._is_timeless,
            is_fps_assumed=self._is_timeless
            and not self._is_live
            and not any(r and _is_plausible(r) for r in stated),
        )

    @property
    def _is_clocked(self) -> bool:
        return self._is_timeless and self._is_live and self._fps_of_source is None

    def _read_head(self) -> int | None:
        """Read to the first frame that is shown; return its time in ticks, None if unknown.

        A recording may begin between two key frames, an edit list hide the first frames, and an
        open group begin with frames that need the group before it (`_leading`).
        """
        key_pts = begin_pts = None
        n_since_key = 0
        for packet in self._demuxed:
            self._head.append(packet)
            if packet.pts is None or len(self._head) > _MAX_WAITING:
                break
            if packet.is_keyframe and key_pts is None:
                key_pts = packet.pts
            if key_pts is None or packet.pts < key_pts:
                self._leading.add(packet.pts)
            elif not packet.is_discard:
                begin_pts = packet.pts if begin_pts is None else min(packet.pts, begin_pts)
            n_since_key += key_pts is not None
            is_later = packet.dts is not None and begin_pts is not None and packet.dts >= begin_pts
            if is_later or (begin_pts is not None and n_since_key > _MAX_REORDERED):
                break  # what follows is shown later
        if key_pts is None:
            self._leading.clear()
        return begin_pts

    def close(self) -> None:
        """Close the file; no iteration may be in progress."""
        self._container.close()
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Generator[Frame, None, None]:
        n_frames, time_s, n_lost = 0, 0.0, 0
        n_read, due_s = 0, self._start_s
        cuts, is_cut = CutDetector(), False
        for index, time_s, picture, n_bad in self._decode():
            n_frames = index + 1
            if time_s >= self._end_s:
                return
            n_lost += n_bad
            if time_s < self._start_s - 1e-6:
                continue
            n_read += 1
            try:
                is_cut |= cuts.update(gray(picture))
                if self._step_s is not None:
                    if time_s < due_s - 1e-6:
                        continue
                    due_s += self._step_s * (math.floor((time_s - due_s) / self._step_s + 1e-6) + 1)
                elif (n_read - 1) % self._every:
                    continue
                image = upright(picture, float(self.info.aspect))
            except self._av.error.FFmpegError:  # its colours may be damaged, too
                n_lost, self._n_lost = n_lost + 1, self._n_lost + 1
                continue
            note = "damaged" if picture.is_corrupt else None
            assumed = self.info.is_fps_assumed
            yield Frame(self.name, index, time_s, image, n_lost, None, False, note, is_cut, assumed)
            n_lost, is_cut = 0, False
        error = self._what_is_missing(n_frames, time_s, n_read)
        if error:
            yield Frame(self.name, n_frames, time_s, None, n_lost + self._n_lost_last, error=error)

    def _what_is_missing(self, n_frames: int, time_s: float, n_read: int) -> str | None:
        """Return the error of a file that was read to its end, or None."""
        if n_frames == 0:
            return no_frame(self.name)
        whole_s = self._container.duration / 1e6 if self._container.duration else 0.0
        if self.info.n_frames and self._container.format.name == "avi":
            # Of an incomplete one, FFmpeg calculates the duration from the size of the file.
            whole_s = max(whole_s, float(self.info.n_frames * self.info.time_base))
        ends_early = whole_s - self._reached_s > max(0.5, 1.5 / float(self.info.fps))
        if ends_early or self._broken:
            reason = f" ({self._broken})" if self._broken else ""
            if self._is_live:
                return f"{self.name} stopped after {n_frames} frames, at {time_s:.1f} s{reason}"
            return (
                f"{self.name} ends after {n_frames} frames, at {time_s:.1f} of {whole_s:.1f} s: "
                f"the rest is damaged or missing{reason}"
            )
        if self._n_lost:
            return f"{self.name} is damaged: {self._n_lost} frames could not be read"
        if n_read == 0:
            return f"{self.name} ends at {time_s:.1f} s: there is nothing after the start"
        return None

    def _decode(self) -> Iterator[tuple[int, float, VideoFrame, int]]:
        """Yield index, seconds, frame and the number of damaged frames before it.

        Begins with the last key frame before the start.
        """
        seconds = float(self.info.time_base)
        index, time_s = -1, 0.0
        is_hiding = self._stream.codec_context.name in _HIDING
        # Program streams hold few times.
        is_guessed = self._is_timeless or self._container.format.name == "mpeg"
        lost = LostFrames(not (is_hiding or is_guessed), self._leading)
        for packet in chain(self._packets(), [None]):
            lost.add(packet)
            try:
                pictures = self._stream.decode(packet)
            except self._av.error.FFmpegError:
                lost.fail()
                continue
            for picture in pictures:
                n_bad = lost.before(picture.pts)
                stamp = picture.dts if picture.pts is None else picture.pts
                stamp = None if self._is_timeless else stamp
                if self._begin_pts is None:
                    self._begin_pts = stamp
                next_s = self._next_s(None if index < 0 else time_s, n_bad)
                if stamp is None or self._begin_pts is None:
                    time_s = next_s
                else:
                    stamp_s = (stamp - self._begin_pts) * seconds
                    self._has_times |= index >= 0 and stamp_s > time_s
                    time_s = max(stamp_s, 0.0) if index < 0 or stamp_s > time_s else next_s
                index = (self._n_dropped if index < 0 else index + 1) + n_bad
                self._n_lost += n_bad
                yield index, time_s, picture, n_bad
        self._n_lost_last = lost.at_end()
        self._n_lost += self._n_lost_last

    def _next_s(self, time_s: float | None, n_bad: int) -> float:
        """Return the time of a frame without one: by the clock if it is live, else by the rate."""
        if time_s is None:
            self._began_s = time.monotonic()
            return 0.0
        if self._is_live and not self._has_times and self._fps_of_source is None:
            return max(time.monotonic() - self._began_s, time_s + _LEAST_S)
        return time_s + (1 + n_bad) / float(self.info.fps)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets to decode; count those before them that the start does not need."""
        waiting: list[Packet[VideoStream]] = []
        is_before, last_dts = self._start_s > 0, -math.inf
        for packet in chain(self._head, self._demuxed):
            if not is_before:
                yield packet
                continue
            goes_back = packet.dts is not None and packet.dts < last_dts  # two files, joined
            last_dts = last_dts if packet.dts is None else packet.dts
            is_all = goes_back or len(waiting) > _MAX_WAITING
            if packet.pts is None or self._begin_pts is None or is_all:
                is_before = False
            else:
                time_s = (packet.pts - self._begin_pts) * float(self.info.time_base)
                if packet.is_keyframe and time_s <= self._start_s:
                    self._n_dropped += sum(map(self._is_shown, waiting))
                    waiting.clear()
                elif waiting and packet.pts < (waiting[0].pts or 0):
                    # Shown before the key frame, and cannot be decoded without dropped packets.
                    self._n_dropped += self._is_shown(packet)
                    continue
                is_before = time_s < self._start_s
            waiting.append(packet)
            if not is_before:
                yield from waiting
                waiting.clear()
        yield from waiting

    def _is_shown(self, packet: Packet[VideoStream]) -> bool:
        return not packet.is_discard and packet.pts not in self._leading

    def _demux(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the video; note how far the packets of all streams reach."""
        try:
            for packet in self._container.demux():
                stamp = packet.dts if packet.pts is None else packet.pts
                if not packet.size:  # flushes the decoder, which _decode does itself
                    continue
                if stamp is not None and packet.time_base is not None:
                    end_s = float((stamp + (packet.duration or 0)) * packet.time_base)
                    self._reached_s = max(self._reached_s, end_s)
                if packet.stream_index == self._stream.index:
                    yield packet
        except self._av.error.FFmpegError as error:
            # FFmpeg's code for a server that closes a stream of unknown length: how it ends.
            if not (self._is_live and error.errno == errno.EIO):
                self._broken = _reason(error)


def _is_plausible(fps: float | Fraction) -> bool:
    return 0.1 <= fps <= 480


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
