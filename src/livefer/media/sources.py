"""Sources of frames: pictures, folders, patterns, videos, cameras, addresses, and a program's own.

    with open_source("clip.mp4") as source:
        for frame in source: ...

A source that cannot be opened raises SourceError at once. A later failure is a Frame with an
`error` and no image: a bad file of a folder (the next files follow), the missing rest of a video
(the last frame), a camera that stopped (frames follow if it comes back in time).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np

from livefer.errors import SourceError
from livefer.faces.pil import is_pil
from livefer.formatting import printable, without_passwords
from livefer.media.cameras import camera_number, camera_numbers, why_not_opened
from livefer.media.names import (
    PICTURE_SUFFIXES,
    PIPE_TODO,
    VIDEO_SUFFIXES,
    check_file,
    find_files,
    is_kind,
    suffix_of,
)
from livefer.media.opencv_reader import (
    RECONNECT_S,
    fps_of,
    n_frames_of,
    open_address,
    open_capture,
    open_pipe,
    open_video,
    read_camera,
    read_video,
)
from livefer.media.own_frames import NAME, OwnFrames, bgr_of, is_pair
from livefer.media.pictures import as_image, is_picture, name_of
from livefer.media.threads import newest, side_by_side
from livefer.results import Frame
from livefer.system import web_files
from livefer.system.cloud import is_url
from livefer.system.pipes import is_pipe
from livefer.system.web_files import is_web


class Source:
    """The frames of one source, to be iterated once; leaving `with` ends its camera and thread.

        source = livefer.Source("door", frames_of(my_camera), live=True)
        for result in recognizer.stream(source): ...

    name: as in messages, without a password
    live: frames come at their own speed, and those not taken in time are skipped
    fps: nominal frames per second of a video, else None
    n_frames: as the file states it; None where that is unknown
    hold: set while a film that is played live is to stand still; None of all other sources
    """

    def __init__(
        self,
        name: str,
        frames: Iterable[Frame],
        live: bool = False,
        fps: float | None = None,
        n_frames: int | None = None,
        hold: Event | None = None,
    ) -> None:
        """Take frames of your own; a generator of them is closed with the source.

        frames: in order, with rising times; those of one `Frame.source` are one stream of people
        live: search for new faces only now and then, and follow known ones in between
        hold: an event that makes the frames stand still while it is set
        """
        self.name = name
        self.live = live
        self.fps = fps
        self.n_frames = n_frames
        self.hold = hold
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def close(self) -> None:
        """Release the file, the camera or the thread; iteration ends."""
        if isinstance(self._frames, Generator):
            self._frames.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_source(source: Any, live: bool | None = None, reconnect_s: float = RECONNECT_S) -> Source:
    """Open anything that has frames; SourceError where it cannot be opened.

    source: a camera's number (0 or "0"), the URL of a stream or a picture, the path of a video, a
        picture or a folder, a pattern ("holiday/**/*.jpg"), or an image as `as_image` takes it; a
        list of all these, one after another, cameras and streams side by side; or any iterable of
        nothing but images or pairs (time in seconds, image), which are one stream;
        a pipe with a video, "-" for standard input
    live: read on a thread and give the newest frame, with the number of skipped ones; a file is
        then played at its own speed. None means True for cameras and endless streams
    reconnect_s: seconds for which a camera or stream that stopped is tried again
    """
    if isinstance(source, Source):
        return source
    number = camera_number(source)
    if number is not None:
        return _open_capture(f"camera {number}", number, live, reconnect_s)
    if isinstance(source, str) and is_url(source):
        return _open_address(source, live, reconnect_s)
    if isinstance(source, (str, os.PathLike)):
        try:
            return _open_path(Path(source), live)
        except OSError as error:  # a name too long, a folder that may not be read
            raise SourceError(
                f"{source} could not be opened ({error.strerror}): check the path"
            ) from None
    if isinstance(source, (list, tuple)):
        if source and all(map(_may_be_live, source)):
            return _open_together(source, live, reconnect_s)
        if source and all(isinstance(item, np.ndarray) or is_pil(item) for item in source):
            return _open_iterable(source, bool(live))
        return _open_files(f"{len(source)} files", source)
    if not is_picture(source) and _is_iterable(source):
        return _open_iterable(source, bool(live))
    return _open_picture(name_of(source, "image"), source)


def in_bgr(source: Any) -> Any:
    """Return what a program gives to open_source, whose arrays are RGB, with these as BGR."""
    if not isinstance(source, Source):
        return bgr_of(source)
    frames = bgr_of(source._frames)
    return Source(source.name, frames, source.live, source.fps, source.n_frames)


def _open_address(url: str, live: bool | None, reconnect_s: float) -> Source:
    suffix = suffix_of(url)
    may_be_picture = suffix in PICTURE_SUFFIXES
    if is_web(url) and suffix not in VIDEO_SUFFIXES and not may_be_picture:
        may_be_picture = web_files.is_picture(url)
    name = without_passwords(url)
    if not may_be_picture:
        return _open_capture(name, url, live, reconnect_s)
    try:
        return _open_picture(name, url)
    except SourceError as error:
        try:  # many cameras call their stream .jpg
            return _open_capture(name, url, live, reconnect_s)
        except SourceError:
            raise error from None


def _may_be_live(item: Any) -> bool:
    """Say whether an item of a list may be an endless stream; nothing is opened for that."""
    if isinstance(item, str) and is_url(item):
        return suffix_of(item) not in (PICTURE_SUFFIXES | VIDEO_SUFFIXES) - {".mjpg", ".mjpeg"}
    return camera_number(item) is not None


def _open_together(items: Sequence[Any], live: bool | None, reconnect_s: float) -> Source:
    """Open cameras and streams, whose frames come side by side; one that fails is an error."""
    opened: list[Source] = []
    failures: list[SourceError] = []
    for item in items:
        name = name_of(item, f"camera {item}")
        try:
            opened.append(open_source(item, live, reconnect_s))
        except SourceError as error:
            failures.append(error)
            opened.append(Source(name, [Frame(name, 0, 0.0, None, error=str(error))]))
    if len(failures) == len(items):
        raise failures[0]
    is_live = any(source.live for source in opened)
    frames = side_by_side(opened) if is_live else _in_turn(opened)
    return Source(f"{len(items)} streams", frames, is_live)


def _in_turn(sources: Sequence[Source]) -> Generator[Frame, None, None]:
    for source in sources:
        with source:
            yield from source


def _open_capture(name: str, address: str | int, live: bool | None, reconnect_s: float) -> Source:
    capture = open_address(address) if isinstance(address, str) else open_capture(address)
    if capture is None:
        todo = "check the address, and that it is sending"
        if isinstance(address, int):
            why = why_not_opened(address)
            todo = f'{why}{" " if why[-1] == "?" else "; "}"livefer doctor" lists the cameras'
        raise SourceError(f"{name} could not be opened: {todo}")
    if isinstance(address, str) and n_frames_of(capture):
        return _video(name, capture, live)

    def read(stop: Event) -> Generator[Frame, None, None]:
        return read_camera(name, capture, address, stop, reconnect_s)

    frames = read(Event()) if live is False else newest(read)
    return Source(name, frames, live is not False, fps_of(capture))


def open_next_camera(number: int, reconnect_s: float = RECONNECT_S) -> tuple[int, Source] | None:
    """Open the next camera after this one that is free; None where there is no other.

    returns: its number, and its source; after the last camera comes the first again
    """
    others = [other for other in camera_numbers() if other != number]
    for other in sorted(others, key=lambda other: (other < number, other)):
        with suppress(SourceError):
            return other, open_source(other, True, reconnect_s)
    return None


def _open_path(path: Path, live: bool | None) -> Source:
    if is_pipe(path) and suffix_of(str(path)) not in PICTURE_SUFFIXES:
        return _open_pipe(path, live)
    found = find_files(path, "picture or video")
    if found is not None:
        if not found.files:
            raise SourceError(found.errors[0][1])
        return _open_files(str(path), found.files, found.errors)
    if _is_video(path):
        return _open_video(path, live)
    try:
        return _open_picture(str(path), path)
    except SourceError:
        # A file with any other suffix may be a video.
        if suffix_of(str(path)) in PICTURE_SUFFIXES or not path.is_file():
            raise
        return _open_video(path, live)


def _open_picture(name: str, image: Any) -> Source:
    frame = Frame(name, 0, 0.0, as_image(image), still=True)
    return Source(name, (frame for frame in [frame]), n_frames=1)


def _open_video(path: Path, live: bool | None = False) -> Source:
    check_file(path)
    if printable(str(path)) != str(path):
        raise SourceError(
            f"{path} has bytes in its name that are no UTF-8, and OpenCV cannot open it: rename it"
        )
    capture = open_video(path, bool(live))
    if capture is None:
        raise SourceError(
            f"{path} could not be opened as a video: it is damaged, incomplete or of an unknown "
            "kind; copy it again, or convert it to an MP4 with H.264"
        )
    return _video(str(path), capture, live)


def _open_pipe(path: Path, live: bool | None) -> Source:
    capture = open_pipe(path)
    if capture is None:
        raise SourceError(f"{path} sends no video that can be read from a pipe: {PIPE_TODO}")
    return _video(str(path), capture, live)


def _video(name: str, capture: cv2.VideoCapture, live: bool | None) -> Source:
    fps, n_frames = fps_of(capture), n_frames_of(capture)
    if not live:
        return Source(name, read_video(name, capture), False, fps, n_frames)
    hold = Event()
    frames = newest(lambda stop: read_video(name, capture, stop, hold))
    return Source(name, frames, True, fps, n_frames, hold)


def _open_files(name: str, files: Sequence[Any], errors: Sequence[tuple[str, str]] = ()) -> Source:
    n_frames = len(files) + len(errors) if all(map(_is_still, files)) else None
    return Source(name, _read_files(files, errors), n_frames=n_frames)


def _open_iterable(items: Iterable[Any], is_live: bool) -> Source:
    """Open an iterator: its paths one after another, its images as one stream."""
    if is_live:
        return Source(NAME, newest(lambda stop: _read_files(items, (), OwnFrames(True))), True)
    return Source(NAME, _read_files(items, (), OwnFrames(False)))


def _read_files(
    items: Iterable[Any], errors: Sequence[tuple[str, str]], own: OwnFrames | None = None
) -> Generator[Frame, None, None]:
    """Yield the frames of each item; one that cannot be read is a frame with its error.

    own: makes the frames of images in memory, which otherwise are pictures by themselves
    """
    number = 0  # of the next picture or video
    pairs = own or OwnFrames(is_live=False)
    for item in items:
        if isinstance(item, Frame):
            yield item
        elif is_pair(item):
            yield pairs.frame(item)
        elif own is not None and not _is_file(item):
            yield own.frame(item)
        else:
            last = number
            for frame in _frames_of(item, number):
                last = frame.index if frame.still else last
                yield frame
            number = last + 1
    for index, (name, reason) in enumerate(errors, number):
        yield Frame(name, index, 0.0, None, error=reason, still=True)


def _frames_of(item: Any, number: int) -> Iterator[Frame]:
    """Yield the frames of an item of a list; its pictures are numbered from `number` on."""
    name = name_of(item, f"image {number}")
    try:
        if is_picture(item):
            yield Frame(name, number, 0.0, as_image(item), still=True)
            return
        with open_source(item, live=False) as source:
            for frame in source:
                yield replace(frame, index=number + frame.index) if frame.still else frame
    except (SourceError, ValueError) as error:
        yield Frame(name, number, 0.0, None, error=str(error), still=True)


def _is_iterable(source: Any) -> bool:
    try:
        iter(source)
    except TypeError:
        return False
    return True


def _is_file(item: Any) -> bool:
    """Say whether an item is opened by itself: a path, an address, a camera or an open file."""
    return (
        isinstance(item, (str, os.PathLike))
        or hasattr(item, "read")
        or isinstance(item, (int, np.integer))
    )


def _is_still(item: Any) -> bool:
    """Say whether an item is one picture, by its name or kind."""
    if isinstance(item, (str, os.PathLike)):
        return is_kind(os.fspath(item), "picture")
    return is_picture(item)


def _is_video(path: Path) -> bool:
    return is_kind(str(path), "video")
