"""Sources of frames: pictures, folders, patterns, video files, cameras and stream URLs.

    with open_source("clip.mp4") as source:
        for frame in source: ...

A source that cannot be opened raises SourceError at once. A later failure is a Frame with an
`error` and no image: a bad file of a folder (the next files follow), the missing rest of a video
(the last frame), a camera that stopped (frames follow if it comes back in time).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import cv2

from livefer.errors import SourceError
from livefer.formatting import printable
from livefer.media.names import (
    PICTURE_SUFFIXES,
    PIPE_TODO,
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
from livefer.media.pictures import as_image
from livefer.media.threads import newest
from livefer.results import Frame
from livefer.system.pipes import is_pipe


class Source:
    """The frames of one source, to be iterated once; leaving `with` ends its camera and thread.

    name: as in messages, without a password
    live: frames come at their own speed, and those not taken in time are skipped
    fps: nominal frames per second of a video, else None
    n_frames: as the file states it; None where that is unknown
    """

    def __init__(
        self,
        name: str,
        frames: Generator[Frame, None, None],
        live: bool = False,
        fps: float | None = None,
        n_frames: int | None = None,
    ) -> None:
        self.name = name
        self.live = live
        self.fps = fps
        self.n_frames = n_frames
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def close(self) -> None:
        """Release the file, the camera or the thread; iteration ends."""
        self._frames.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_source(source: Any, live: bool | None = None, reconnect_s: float = RECONNECT_S) -> Source:
    """Open anything that has frames; SourceError where it cannot be opened.

    source: a camera's number (0 or "0"), the URL of a stream, the path of a video, a picture or a
        folder, a pattern ("holiday/**/*.jpg"), an image (array or PIL), or a list of paths and
        images; a pipe with a video, "-" for standard input
    live: read on a thread and give the newest frame, with the number of skipped ones; a file is
        then played at its own speed. None means True for cameras and endless streams
    reconnect_s: seconds for which a camera or stream that stopped is tried again
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, int) or (isinstance(source, str) and source.isdecimal()):
        return _open_capture(f"camera {source}", int(source), live, reconnect_s)
    if isinstance(source, str) and "://" in source:
        return _open_capture(_without_password(source), source, live, reconnect_s)
    if isinstance(source, (str, Path)):
        try:
            return _open_path(Path(source), live)
        except OSError as error:  # a name too long, a folder that may not be read
            raise SourceError(
                f"{source} could not be opened ({error.strerror}): check the path"
            ) from None
    if isinstance(source, (list, tuple)):
        return _open_files(f"{len(source)} files", source)
    return _open_picture("image", source)


def _open_capture(name: str, address: str | int, live: bool | None, reconnect_s: float) -> Source:
    capture = open_address(address) if isinstance(address, str) else open_capture(address)
    if capture is None:
        todo = "check the address, and that it is sending"
        if isinstance(address, int):
            todo = 'is another program using it? "livefer doctor" lists the cameras'
        raise SourceError(f"{name} could not be opened: {todo}")
    if isinstance(address, str) and n_frames_of(capture):
        return _video(name, capture, live)

    def read(stop: Event) -> Generator[Frame, None, None]:
        return read_camera(name, capture, address, stop, reconnect_s)

    frames = read(Event()) if live is False else newest(read)
    return Source(name, frames, live is not False, fps_of(capture))


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
    if live:
        frames = newest(lambda stop: read_video(name, capture, stop))
    else:
        frames = read_video(name, capture)
    return Source(name, frames, bool(live), fps, n_frames)


def _open_files(name: str, files: Sequence[Any], errors: Sequence[tuple[str, str]] = ()) -> Source:
    has_video = any(_is_video(file) for file in files)
    n_frames = None if has_video else len(files) + len(errors)
    return Source(name, _read_files(files, errors), n_frames=n_frames)


def _read_files(
    files: Sequence[Any], errors: Sequence[tuple[str, str]]
) -> Generator[Frame, None, None]:
    for index, file in enumerate(files):
        name = str(file) if isinstance(file, (str, Path)) else f"image {index}"
        try:
            if _is_video(file):
                yield from _open_video(Path(file))
            else:
                yield Frame(name, index, 0.0, as_image(file), still=True)
        except (SourceError, ValueError) as error:
            yield Frame(name, index, 0.0, None, error=str(error), still=True)
    for index, (name, reason) in enumerate(errors, len(files)):
        yield Frame(name, index, 0.0, None, error=reason, still=True)


def _is_video(file: Any) -> bool:
    return isinstance(file, (str, Path)) and is_kind(str(file), "video")


def _without_password(url: str) -> str:
    return re.sub(r"//[^/?#]*@", "//", url)  # to the last @, as FFmpeg reads it
