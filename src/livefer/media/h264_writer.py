"""Writes H.264 videos that browsers play, with the times and the sound of their source.

Needs PyAV (the `video` extra). Knows nothing of faces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.errors import ConfigError, LiveferError, OutputError
from livefer.media.names import WRITABLE_VIDEOS, file_name
from livefer.media.pyav_reader import VideoInfo, load_av, open_media
from livefer.system.atomic import PartialFile, cannot_write
from livefer.system.machine import thread_limit

if TYPE_CHECKING:
    from av import AudioStream, Packet

_MP4 = {".mp4", ".m4v", ".mov", ".3gp"}
_UNORDERED = {".avi", ".wmv"}  # hold decoding times only: no frame may wait for another
_COPIED = {"aac", "mp3", "mp3float", "opus", "flac"}  # browsers play these; others become AAC
_CLOCK = 10_000  # ticks a second, at least
_SOUND_GAP_S = 0.05  # a longer pause in the sound is kept; a shorter one is an uneven clock
_BT601 = 6


class H264Writer:
    """An H.264 video as large as its first image; it gets its name when it is closed.

    Every image is shown from its own time on, to within a tick of the source's clock. Of an odd
    width or height the last pixel is cut off: H.264 has even ones only.

    All sound tracks are kept.

    hint: what the video lacks of its source's sound, and why, or None
    """

    def __init__(
        self,
        path: str | Path,
        info: VideoInfo,
        audio_from: str | Path | None = None,
        start_s: float = 0.0,
        crf: int = 21,
    ) -> None:
        """Check the name; OutputError where no file can be written there, though others could.

        info: of the source video
        audio_from: the file to take the sound from
        start_s: time in the source at which this video begins
        crf: x264's measure of quality, 0 to 51; lower is better
        """
        self.path = Path(path)
        self._suffix = self.path.suffix.lower()
        if self._suffix not in WRITABLE_VIDEOS:
            raise ConfigError(
                f"{path} is no name for a video: expected one that ends in "
                f"{', '.join(WRITABLE_VIDEOS)}"
            )
        self._av = load_av()
        self.info, self._crf, self._start_s = info, crf, start_s
        # AVI has a steady rate, and fills the pauses of a finer one with empty frames.
        self._time_base = 1 / info.fps if self._suffix == ".avi" else _time_base(info)
        self._audio_from = str(audio_from) if audio_from and info.has_audio else None
        self._partial = PartialFile(self.path)
        self._container: Any = None
        self._stream: Any = None
        self._sounds: list[_Sound] = []
        self._size_wh = (0, 0)
        self._last_tick = -1
        self._is_closed = False
        self.hint: str | None = None

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Write an image.

        image: (H, W, 3) uint8 BGR; resized to the size of the first one
        time_s: seconds in the source; increases from image to image
        """
        try:
            if self._container is None:
                self._open(image)
            width, height = self._size_wh
            if image.shape[0] // 2 * 2 == height and image.shape[1] // 2 * 2 == width:
                image = image[:height, :width]
            else:
                image = np.asarray(cv2.resize(image, self._size_wh), np.uint8)
            planes = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2YUV_I420)
            picture = self._av.VideoFrame.from_ndarray(planes, "yuv420p")
            self._last_tick = max(self._tick(time_s - self._start_s), self._last_tick + 1)
            picture.pts, picture.time_base = self._last_tick, self._time_base
            self._mux_sound(float(self._last_tick * self._time_base))
            self._container.mux(self._stream.encode(picture))
        except (self._av.error.FFmpegError, OSError) as error:
            raise cannot_write(self.path, error) from None

    def _open(self, image: NDArray[np.uint8]) -> None:
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        if min(height, width) < 16:
            raise OutputError(
                f"{self.path} cannot be written: expected images of at least 16x16 pixels, got "
                f"{image.shape[1]}x{image.shape[0]}"
            )
        self._size_wh = (width, height)
        flags = {"movflags": "+faststart"} if self._suffix in _MP4 else {}
        if self._suffix == ".avi":  # else a sound that begins before the images delays them
            flags = {"avoid_negative_ts": "disabled"}
        self._container = self._av.open(file_name(self._partial.part), "w", options=flags)
        try:
            stream = self._container.add_stream("libx264", rate=self.info.fps)
        except (self._av.error.FFmpegError, ValueError):
            raise LiveferError(
                "this PyAV has no H.264 encoder (libx264): install the one from PyPI, pip install "
                "--force-reinstall av"
            ) from None
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        context.options = {"preset": "veryfast", "crf": str(self._crf)}
        if self._suffix in _UNORDERED:
            context.options |= {"bf": "0"}
        context.thread_count = thread_limit() or 0  # 0: x264 counts the cores
        # As OpenCV converts: BT.601, 16 to 235. FFmpeg's own conversion comes out darker.
        context.color_primaries, context.color_trc, context.colorspace = 1, 1, _BT601
        context.color_range = 1
        self._stream = stream
        if self._audio_from is not None:
            self._open_sounds(self._audio_from)

    def _open_sounds(self, path: str) -> None:
        """Open each sound track of the source."""
        try:
            with open_media(self._av, path) as source:
                n_tracks = len(source.streams.audio)
        except self._av.error.FFmpegError as error:
            self.hint = f"{self.path} has no sound: {error}"
            return
        for track in range(n_tracks):
            self._open_sound(path, track, f" track {track + 1}" if n_tracks > 1 else "")

    def _open_sound(self, path: str, track: int, name: str) -> None:
        begin_s = self.info.begin_s + self._start_s
        try:
            self._sounds.append(_Sound(self._av, self._container, path, track, begin_s))
        except (self._av.error.FFmpegError, ValueError) as error:
            self._add_hint(f"{self.path} has no sound{name}: {error}")

    def _add_hint(self, hint: str) -> None:
        self.hint = hint if self.hint is None else f"{self.hint}; {hint}"

    def _tick(self, time_s: float) -> int:
        """Return the tick of a time, without the rounding of a source's clock of milliseconds."""
        if self._time_base != self.info.time_base:
            steady_s = round(time_s * self.info.fps) / self.info.fps
            if abs(steady_s - time_s) <= self.info.time_base:
                return round(steady_s / self._time_base)
        return round(time_s / self._time_base)

    def _mux_sound(self, until_s: float) -> None:
        """Write the sound up to a time, so that it lies beside its images in the file."""
        self._sounds = [sound for sound in self._sounds if self._is_muxed(sound, until_s)]

    def _is_muxed(self, sound: _Sound, until_s: float) -> bool:
        try:
            for packet in sound.packets(until_s):
                self._container.mux(packet)
        except self._av.error.FFmpegError as error:
            self._add_hint(f"{self.path} has no sound after {until_s:.1f} s: {error}")
            return False
        return True

    def close(self, whole: bool = False) -> None:
        """End the file and give it its name; a second call does nothing.

        whole: write all of the sound, not only that of the images
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._container is not None:
                try:
                    if self._stream is not None:
                        self._end(whole)
                finally:
                    self._container.close()
                if self._stream is not None:
                    self._partial.keep()
        except (self._av.error.FFmpegError, OSError) as error:
            raise cannot_write(self.path, error) from None
        finally:
            self._partial.discard()

    def _end(self, whole: bool) -> None:
        end_s = float(self._last_tick * self._time_base + 1 / self.info.fps)
        self._mux_sound(math.inf if whole else end_s)
        self._container.mux(self._stream.encode(None))
        for sound in self._sounds:
            self._container.mux(sound.end())

    def __enter__(self) -> H264Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Sound:
    """A sound track of a file from a time on: its own packets, or AAC where browsers need it."""

    def __init__(self, av: Any, container: Any, path: str, track: int, begin_s: float) -> None:
        self._av = av
        self._input = open_media(av, path)
        source = self._input.streams.audio[track]
        if source.codec_context is None:
            self._input.close()
            raise ValueError("its source has it in an unknown encoding")
        self._begin = round(begin_s / source.time_base)
        self._source = source
        self._resampler: Any = None
        self._stream: Any = None
        if source.codec_context.name in _COPIED or container.format.name == "matroska":
            with suppress(ValueError):  # which this kind of file cannot hold
                self._stream = container.add_stream_from_template(source)
        if self._stream is None:
            self._stream = container.add_stream("aac", rate=source.rate)
            layout = "mono" if source.layout.nb_channels == 1 else "stereo"
            self._stream.layout, self._stream.format = layout, "fltp"
            self._resampler = av.AudioResampler("fltp", layout, source.rate)
        for key in {"language", "title"} & source.metadata.keys():
            self._stream.metadata[key] = source.metadata[key]
        self._coming = self._converted() if self._resampler else self._copied()
        self._next: Packet[AudioStream] | None = None

    def packets(self, until_s: float) -> Iterator[Packet[AudioStream]]:
        """Yield the sound before a time, in seconds since the first image of the video."""
        while True:
            if self._next is None:
                self._next = next(self._coming, None)
            packet = self._next
            if packet is None:
                return
            if packet.pts is not None and float(packet.pts * packet.time_base) >= until_s:
                return
            self._next = None
            yield packet

    def end(self) -> list[Packet[AudioStream]]:
        """Close the source; return the last packets of the encoder."""
        rest = list(self._stream.encode(None)) if self._resampler else []
        self._input.close()
        return rest

    def _read(self) -> Iterator[Packet[AudioStream]]:
        for packet in self._input.demux(self._source):
            if packet.size and packet.pts is not None:
                yield packet

    def _copied(self) -> Iterator[Packet[AudioStream]]:
        for packet in self._read():
            packet.pts -= self._begin
            if packet.dts is not None:
                packet.dts -= self._begin
            # The packet just before the first one is kept: decoders need it.
            if packet.pts + (packet.duration or 0) < 0:
                continue
            packet.stream = self._stream
            yield packet

    def _converted(self) -> Iterator[Packet[AudioStream]]:
        rate, at = self._source.rate, 0
        for packet in self._read():
            try:
                frames = packet.decode()
            except self._av.error.FFmpegError:  # a damaged packet is left out
                continue
            for frame in frames:
                begin_s = float((frame.pts - self._begin) * frame.time_base)
                if begin_s < 0:
                    continue
                if begin_s > at / rate + _SOUND_GAP_S:
                    at = round(begin_s * rate)
                frame.pts, frame.time_base = at, Fraction(1, rate)
                at += frame.samples
                for part in self._resampler.resample(frame):
                    yield from self._stream.encode(part)


def _time_base(info: VideoInfo) -> Fraction:
    """Return a time base that represents every source timestamp exactly."""
    if info.time_base <= Fraction(1, _CLOCK):
        return info.time_base
    return Fraction(1, info.fps.numerator * -(-_CLOCK // info.fps.numerator))
