"""Made-up footage: tiny videos of any rate, turn, sound and damage, written with PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import livefer

Image = NDArray[np.uint8]


def write_video(
    path: Path,
    images: Iterable[Image],
    fps: Fraction | int = 25,
    ticks: Sequence[int] | None = None,
    codec: str = "libx264",
    sound: str | None = None,
    sound_s: float | None = None,
    degrees: int = 0,
    options: dict[str, str] | None = None,
    movflags: str = "",
    aspect: Fraction | int = 1,
) -> Path:
    """Write images as a video.

    ticks: the time of each image in 1 / fps; None: one after the other
    sound: codec of a tone that goes with it, of sound_s seconds, by default as long as the images
    aspect: width of a pixel by its height
    degrees: that a player is told to turn the pictures by, counter-clockwise
    """
    images = list(images)
    ticks = range(len(images)) if ticks is None else ticks
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as file:
        video: Any = file.add_stream(codec, rate=fps)
        video.width, video.height = (images[0].shape[1], images[0].shape[0]) if images else (64, 48)
        if aspect != 1:
            video.codec_context.sample_aspect_ratio = Fraction(aspect)
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        x264 = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
        video.options = {**x264, **(options or {})}
        if degrees:
            video.set_display_rotation(degrees)
        tone = _tone(file, sound, sound_s or len(images) / float(fps)) if sound else []
        for image, tick in zip(images, ticks, strict=True):
            planes = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = tick, 1 / Fraction(fps)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        file.mux(tone)
    return path


def _tone(file: Any, codec: str, seconds: float) -> list[Any]:
    stream = file.add_stream(codec, rate=48_000)
    stream.layout = "mono"
    times = np.arange(round(seconds * 48_000)) / 48_000
    samples = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    return [*stream.encode(frame), *stream.encode(None)]


def grays(n: int, wh: tuple[int, int] = (96, 64)) -> list[Image]:
    """Images that tell their number by their gray level, n up to 40; all of one shot."""
    ramp = np.linspace(0, 40, wh[0], dtype=np.uint8)
    return [np.full((wh[1], wh[0], 3), 5 * i, np.uint8) + ramp[None, :, None] for i in range(n)]


def number_of(image: Image) -> int:
    """Return the number that `grays` gave to an image."""
    return round((float(image.mean()) - 19.5) / 5)


def face_picture() -> Image:
    """The shipped picture: one face."""
    picture = cv2.imread(str(Path(livefer.__file__).parent / "assets" / "astronaut.jpg"))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def read_streams(path: Path) -> dict[str, Any]:
    """Return what a file says about its streams, and the times of its pictures."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        found: dict[str, Any] = {
            "codec": video.codec_context.name,
            "pixels": video.codec_context.pix_fmt,
            "wh": (video.width, video.height),
            "fps": video.average_rate,
            "sound": [s.codec_context.name for s in file.streams.audio],
        }
        pictures = list(file.decode(video=0))
        found["times"] = [Fraction(p.pts) * p.time_base for p in pictures]
        found["images"] = [p.to_ndarray(format="bgr24") for p in pictures]
    return found


def read_sound(path: Path) -> list[bytes]:
    """Return the packets of a file's sound."""
    with av.open(str(path)) as file:
        return [bytes(p) for p in file.demux(audio=0) if p.size]
