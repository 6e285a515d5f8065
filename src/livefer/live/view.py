"""The live view: a source while it is recognised, and the picture of it. Knows no windows.

Capture, recognition and display run side by side. Recognition takes the newest frame; the display
paints the newest frame, with its own faces if they come soon, else with the newest faces.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np

from livefer.drawing.faces import draw_faces
from livefer.drawing.text import Image
from livefer.errors import SourceError
from livefer.formatting import without_middle
from livefer.live.own_face import OwnFace
from livefer.live.recorder import Recorder
from livefer.live.scene import Places, fitted, paint_scene, turned
from livefer.live.session import Session
from livefer.live.state import LiveState
from livefer.live.strip import Strip, strip_height
from livefer.media.mpeg4_writer import Mpeg4Writer
from livefer.media.sources import Source, open_next_camera
from livefer.media.threads import newest
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult

HELP = (
    ("Q, Esc", "quit"),
    ("Space", "pause, and go on"),
    ("F", "full screen"),
    ("C", "next camera"),
    ("T", "strip of the last 30 seconds"),
    ("G", "heat map: where the network looks"),
    ("M", "mirror"),
    ("S", "save a snapshot"),
    ("R", "reset the smoothing"),
    ("N", "my neutral face: hold still for 2 s"),
    ("E", "my other expressions, too"),
    ("P", "without my profile, and with it"),
    ("W", "write my profile"),
    ("Enter", "mark this moment in the table"),
    ("H", "this help"),
)
FIRST_HEIGHT = 720
"""First height of the window in pixels, where the screen has room for it."""
_MESSAGE_S = 3.0
_NO_TABLE = "no table to mark this moment in: start with --csv OUT.CSV"
_STEP_S = 1 / 30  # between the last frame of a camera and the first one of the next
_JOIN_S = 3.0  # the longest wait for a camera that hangs
_CLOSING = ("q", "escape", "space")  # at the end of a film; Esc and Q always do
_NAME_LETTERS = 32  # of a source's name in a message: an address may have hundreds

_Shown = tuple[Frame | FrameResult | None, FrameResult | None]
"""A picture, and the result whose faces are painted on it."""


class LiveView:
    """A source while it is recognised, and the picture of it.

    Entering `with` starts reading; leaving it ends the threads and closes source and recording.

    state: the newest frame, its faces, and the figures
    mirror, help: whether the picture is mirrored, and whether the keys are listed on it
    full_screen: whether the window is to fill the screen
    has_strip: whether large windows show the last 30 seconds under the picture
    quit: True as soon as the user wants to leave
    """

    def __init__(
        self,
        recognizer: Recognizer,
        source: Source,
        mirror: bool = False,
        recording: Mpeg4Writer | None = None,
        camera: int | None = None,
        session: Session | None = None,
    ) -> None:
        """Take what is to be shown.

        camera: the number of the source, where it is a camera: others can follow it
        session: gets every result, and the markers of the Enter key; stays open at the end
        """
        self.state = LiveState()
        self.mirror = mirror
        self.help = False
        self.full_screen = False
        self.quit = False
        self.has_strip = True
        self._strip = Strip(recognizer.classes)
        self._recognizer = recognizer
        self._source = source
        self._recorder = Recorder(recording, waits=not source.live) if recording else None
        self._session = session
        self._own_face = OwnFace(recognizer, self.say)
        self._camera = camera
        self._next: tuple[int, Source] | None = None  # a camera that takes the source's place
        self._searching: Thread | None = None
        self._frozen: _Shown | None = None  # what a camera showed when it was paused
        self._failure: BaseException | None = None
        self._message = ""
        self._message_until_s = 0.0
        self._places = Places()
        self._painted: tuple[Any, ...] | None = None  # all that the last picture depended on
        self._stopping = Event()
        self._leaving = Event()  # the source
        self._news = Event()
        self._thread = Thread(target=self._recognise, name="livefer-recognise", daemon=True)

    def __enter__(self) -> LiveView:
        self.say("press H for help", 2 * _MESSAGE_S)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._thread.join(_JOIN_S)
        if self._next is not None:
            self._next[1].close()
        if self._recorder:
            self._recorder.close()

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    @property
    def paused(self) -> bool:
        """Whether a film stands still, or the picture of a camera."""
        hold = self._source.hold
        return self._frozen is not None if hold is None else hold.is_set()

    @property
    def is_over(self) -> bool:
        """Whether a film has come to its end in order: its last frame stays until a key."""
        is_film = self._source.hold is not None and self.state.frame is not None
        has_ended = self._failure is None and self.state.trouble is None
        return is_film and has_ended and not (self.quit or self._thread.is_alive())

    @property
    def heatmaps(self) -> bool:
        """Whether faces are covered with heat maps of where the network looks."""
        return self._recognizer.heatmaps

    @property
    def frame_wh(self) -> tuple[int, int] | None:
        """Width and height of the frames; None before the first."""
        image = self.state.frame.image if self.state.frame else None
        return None if image is None else (image.shape[1], image.shape[0])

    @property
    def running(self) -> bool:
        """Whether more is to come; raises the error that ended the source or the recording."""
        if self._recorder and self._recorder.failure is not None:
            raise self._recorder.failure
        if self.quit or self._thread.is_alive():
            return not self.quit
        if self._failure is not None:
            raise self._failure
        if self.state.trouble is not None:
            raise SourceError(self.state.trouble)
        return False

    def stop(self) -> None:
        """End recognition after the frame at work; returns at once."""
        self._stopping.set()
        self._leaving.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until recognition has ended, at most `timeout_s`; return whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def press(self, key: str) -> None:
        """Do what a key means; key: its name in small letters."""
        if key == "escape" and self.full_screen:
            self.full_screen = False
        elif key in ("q", "escape") or (self.is_over and key in _CLOSING):
            self.quit = True
        elif key == "f":
            self.full_screen = not self.full_screen
        elif key == "t":
            self.has_strip = not self.has_strip
        elif key == "c":
            self._change_camera()
        elif key == "h":
            self.help = not self.help
        elif key == "m":
            self.mirror = not self.mirror
        elif key == "g":
            self._recognizer.heatmaps = not self._recognizer.heatmaps
            self.say(f"heat map {'on' if self.heatmaps else 'off'}")
        elif key == "r":
            self._recognizer.reset()
            self._strip.clear()
            self.say("smoothing reset")
        elif key == "s":
            self.say(self.snapshot())
        elif key in ("return", "enter"):
            self.say(self._mark())
        elif key in ("n", "e", "space"):
            self._enrol_or_pause(key)
        elif key == "p":
            self._own_face.switch()
        elif key == "w":
            self._own_face.save(_new_name(".json"))

    def _enrol_or_pause(self, key: str) -> None:
        """Do what a key means that belongs to an enrolment while one is running."""
        if self._own_face.interrupt(goes_on=key == "space"):
            return
        if key == "space":
            self._pause(not self.paused)
            self.say("")  # so that a pause is told at once
        elif self.is_over:
            self.say("the film is over")
        else:
            self._pause(False)
            self._own_face.begin(has_others=key == "e")

    def _pause(self, on: bool) -> None:
        """Let a film stand still, or the picture of a camera, which is recognised nevertheless."""
        hold = self._source.hold
        if hold is None:
            self._frozen = self.state.painted if on and self.state.painted[0] else None
        elif on:
            hold.set()
        else:
            hold.clear()
        self._news.set()

    def _change_camera(self) -> None:
        """Begin the search for another camera, on a thread of its own: opening one takes long."""
        if self._camera is None:
            self.say("C changes cameras: this is none")
        elif self._searching is None or not self._searching.is_alive():
            self.say("looking for another camera", 10 * _MESSAGE_S)
            self._searching = Thread(target=self._find_camera, name="livefer-camera", daemon=True)
            self._searching.start()

    def _find_camera(self) -> None:
        assert self._camera is not None
        found = open_next_camera(self._camera)
        if found is None:
            self.say("no other camera is free")
        elif self._stopping.is_set():
            found[1].close()
        else:
            self._next = found
            self._leaving.set()

    def _mark(self) -> str:
        if self._session is None or not self._session.keeps_markers:
            return _NO_TABLE
        self._session.mark(f"key {self._session.n_markers + 1}")
        return f"marked: key {self._session.n_markers}"

    def say(self, message: str, seconds: float = _MESSAGE_S) -> None:
        """Show a message at the top of the picture for some seconds."""
        self._message, self._message_until_s = message, time.perf_counter() + seconds

    def wait(self, timeout_s: float) -> bool:
        """Wait for a new frame or new faces, at most `timeout_s`; return whether one came."""
        came = self._news.wait(timeout_s)
        self._news.clear()
        return came

    def repaint(self) -> None:
        """Let the next `paint` return a picture even if nothing has changed."""
        self._painted = None

    def paint(self, window_wh: tuple[int, int]) -> Image | None:
        """Return the picture to show, or None when it would be the same as the last one.

        window_wh: width and height of the window; the picture is as large as fits
        returns: (H, W, 3) uint8 BGR
        """
        now_s = time.perf_counter()
        picture, result = self._frozen or self.state.choose(now_s)
        if picture is None or picture.image is None:
            return None
        message, figures = self._message_at(now_s), self.state.update_figures(now_s)
        shown = (
            picture,
            result,
            window_wh,
            message,
            figures,
            self.heatmaps,
            self.help,
            self.mirror,
            self.has_strip,
        )
        if shown == self._painted:
            return None
        self._painted = shown
        self.state.note_painted(picture, result, now_s)

        found = result.faces if result else ()
        strip_h = strip_height(window_wh) if self.has_strip else 0
        picture_wh = window_wh[0], window_wh[1] - strip_h
        canvas, faces = fitted(picture.image, found, picture_wh, self.mirror)
        keys = HELP if self.help else ()
        self._places = paint_scene(
            canvas, faces, self.heatmaps, figures, self._places, message, keys
        )
        if strip_h:
            strip = self._strip.paint((canvas.shape[1], strip_h), picture.time_s)
            canvas = np.vstack([canvas, strip])
        return canvas

    def snapshot(self) -> str:
        """Write the newest picture in the source's size under a new name; return a message."""
        labelled = self.state.labelled
        picture: Frame | FrameResult | None = labelled or self.state.frame
        if self._frozen is not None:
            picture, labelled = self._frozen
        if picture is None or picture.image is None:
            return "no picture yet"
        found = labelled.faces if labelled else ()
        image, faces = turned(picture.image, found, 1.0, self.mirror)
        image = draw_faces(image, faces, self.heatmaps, bars=True)
        path = _new_name(".png")
        try:
            path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)  # half a picture, where the disk is full
            return f"{path} cannot be written: {error.strerror}"
        return f"saved {path}"

    def _message_at(self, now_s: float) -> str:
        trouble = self.state.trouble
        if trouble is not None:
            name = self._source.name
            return trouble.replace(name, without_middle(name, _NAME_LETTERS))
        if self._own_face.prompt:
            return self._own_face.prompt
        if self._message and now_s < self._message_until_s:
            return self._message
        if self.is_over:
            return "end of the film: Esc closes the window"
        return "paused: Space goes on" if self.paused else ""

    def _read(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the source's frames, and show each of them to the state.

        Those of another camera go on where the one before ended.
        """
        before = self.state.frame
        with self._source as frames:
            for frame in frames:
                if before is not None:
                    index, time_s = before.index + 1 + frame.index, before.time_s + frame.time_s
                    frame = replace(frame, index=index, time_s=time_s + _STEP_S)
                self.state.add_frame(frame, time.perf_counter())
                if frame.image is not None:
                    self._news.set()
                yield frame

    def _recognise(self) -> None:
        try:
            self._recognise_source()
            while self._next is not None:
                self._leaving = Event()
                if self._stopping.is_set():
                    break
                (self._camera, self._source), self._next = self._next, None
                self._frozen = None
                self.say(self._source.name)
                self._recognise_source()
        except BaseException as error:  # noqa: BLE001  # raised again in `running`
            self._failure = error

    def _recognise_source(self) -> None:
        live = self._source.live
        frames = newest(self._read, self._leaving) if live else self._read(self._leaving)
        source = Source(self._source.name, frames, live)
        with closing(self._recognizer.stream(source)) as results:
            for result in results:
                self._take(result)
                if self._leaving.is_set():
                    break

    def _take(self, result: FrameResult) -> None:
        if self._session is not None:
            self._session.write(result)
        self.state.add_result(result, time.perf_counter())
        if result.image is None:
            return
        self._own_face.add(result)
        self._strip.add(result)
        self._news.set()
        if self._recorder:
            self._recorder.put(result, self.mirror, self.heatmaps, self.state.figures)


def _new_name(suffix: str) -> Path:
    """Return a name for a snapshot or a profile that no file has yet."""
    name = f"livefer-{datetime.now():%Y%m%d-%H%M%S}"
    path = Path(f"{name}{suffix}")
    n = 1
    while path.exists():
        n += 1
        path = Path(f"{name}-{n}{suffix}")
    return path
