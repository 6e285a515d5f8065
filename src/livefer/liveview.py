"""What a live window shows: a source while it is being recognised, and the picture of it.

Knows nothing about windows. Capture, recognition and display run side by side: what is recognised
is always the newest frame, and the newest frame is painted, with its own faces if they come soon
and with the newest there are if not.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import cv2

from livefer.capture import Frame, newest
from livefer.drawing import draw_faces
from livefer.errors import SourceError
from livefer.livepicture import Status, fitted, paint_scene, turned
from livefer.recognizer import Recognizer
from livefer.recording import Recorder, VideoSink
from livefer.results import FrameResult
from livefer.sources import Source
from livefer.text import Corner, Image, paint_panel
from livefer.words import without_middle

HELP = (
    ("Q, Esc", "quit"),
    ("R", "reset the smoothing"),
    ("G", "heat map: where the network looks"),
    ("S", "snapshot into the current folder"),
    ("M", "mirror"),
    ("H", "this help"),
)
FIRST_HEIGHT = 720
"""Of the window in pixels, where the screen has room for it."""
_MESSAGE_S, _STATUS_S = 3.0, 0.5
_JOIN_S = 3.0  # a camera that hangs is not waited for longer
# A frame waits so long for its own faces, where they seldom take longer; else it is shown with the
# newest there are.
_PROMPT_S, _N_LATENCIES = 0.02, 9
_NAME_LETTERS = 32  # of a source's name in a message: an address may have hundreds


class LiveView:
    """A source while it is being recognised, and the picture of it.

    Entering `with` starts reading; leaving it ends the threads and closes source and recording.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        source: Source,
        mirror: bool = False,
        recording: VideoSink | None = None,
    ) -> None:
        self.mirror = mirror
        self.help = False
        self.quit = False
        self.n_recognised = 0
        self.n_skipped = 0
        self._recognizer = recognizer
        self._source = source
        self._recorder = Recorder(recording, waits=not source.live) if recording else None
        self._frame: Frame | None = None
        self._result: FrameResult | None = None
        self._trouble: str | None = None  # why no frames come, as long as none come
        self._failure: BaseException | None = None
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=300)
        self._latencies_s: deque[float] = deque([0.0], maxlen=_N_LATENCIES)
        self._shown, self._recognised = _Rate(), _Rate()
        self._message = "press H for help"
        self._message_until_s = time.perf_counter() + 2 * _MESSAGE_S
        self._status: Status = ()
        self._status_until_s = 0.0
        self._corner: Corner | None = "top-right"
        self._own: FrameResult | None = None  # the newest with an image
        self._painted: tuple[Any, ...] = (None, None)  # picture, result, and how it was painted
        self._stopping = Event()
        self._news = Event()
        self._thread = Thread(target=self._recognise, name="livefer-recognise", daemon=True)

    def __enter__(self) -> LiveView:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        try:
            self._thread.join(_JOIN_S)
        except KeyboardInterrupt:  # a second Ctrl-C costs no recording
            self._thread.join(_JOIN_S)
        if self._recorder:
            self._recorder.close()

    @property
    def latency_ms(self) -> float:
        """Time from the arrival of the frame that was recognised last to its faces."""
        return 1000 * self._latencies_s[-1]

    @property
    def frame_wh(self) -> tuple[int, int] | None:
        """Width and height of the frames; None before the first."""
        image = self._frame.image if self._frame else None
        return None if image is None else (image.shape[1], image.shape[0])

    @property
    def running(self) -> bool:
        """Say whether more is to come; raise the error that ended the source, if one did."""
        if self._recorder and self._recorder.failure is not None:
            raise self._recorder.failure
        if self.quit or self._thread.is_alive():
            return not self.quit
        if self._failure is not None:
            raise self._failure
        if self._trouble is not None:
            raise SourceError(self._trouble)
        return False

    def press(self, key: str) -> None:
        """Do what a key means; key: its name in small letters."""
        if key in ("q", "escape"):
            self.quit = True
        elif key == "h":
            self.help = not self.help
        elif key == "m":
            self.mirror = not self.mirror
        elif key == "g":
            self._recognizer.heatmaps = not self._recognizer.heatmaps
            self._say(f"heat map {'on' if self._recognizer.heatmaps else 'off'}")
        elif key == "r":
            self._recognizer.reset()
            self._say("smoothing reset")
        elif key == "s":
            self._say(self._snapshot())

    def wait(self, timeout_s: float) -> None:
        """Wait until something has come that may be painted, but no longer than the timeout."""
        self._news.wait(timeout_s)
        self._news.clear()

    def paint(self, window_wh: tuple[int, int]) -> Image | None:
        """Return the newest frame as large as fits the window, or None when nothing has changed.

        While the newest frame's own faces are about to come, it is the newest that has them.
        """
        now_s = time.perf_counter()
        picture, result = self._newest(now_s)
        if picture is None or picture.image is None:
            return None
        message, trouble = self._message if now_s < self._message_until_s else "", self._trouble
        if trouble is not None:
            name = self._source.name
            message = trouble.replace(name, without_middle(name, _NAME_LETTERS))
        status, heatmaps = self._status_lines(now_s), self._recognizer.heatmaps
        state = (picture, result, window_wh, message, status, heatmaps, self.help, self.mirror)
        if state == self._painted:
            return None
        if self._painted[0] is None or self._painted[0].index != picture.index:
            self._shown.tick(now_s)
        self._painted = state

        found = result.faces if result else ()
        canvas, faces = fitted(picture.image, found, window_wh, self.mirror)
        self._corner = paint_scene(canvas, faces, heatmaps, status, self._corner, message)
        paint_panel(canvas, HELP if self.help else [], "centre", opacity=0.92)
        return canvas

    def _status_lines(self, now_s: float) -> Status:
        """Return the figures; new ones only twice a second, so that they can be read."""
        if now_s >= self._status_until_s:
            self._status_until_s = now_s + _STATUS_S
            self._status = (
                ("model", self._recognizer.classifier.name),
                ("shown", f"{self._shown.per_s(now_s):.0f} fps"),
                ("recognised", f"{self._recognised.per_s(now_s):.0f} fps"),
                ("latency", f"{self.latency_ms:.0f} ms"),
                ("skipped", f"{self.n_skipped}"),
            )
        return self._status

    def _say(self, message: str) -> None:
        self._message, self._message_until_s = message, time.perf_counter() + _MESSAGE_S

    def _snapshot(self) -> str:
        """Write the picture in the source's own size, under a new name; return what to tell."""
        own = self._own
        picture = own or self._frame
        if picture is None or picture.image is None:
            return "no picture yet"
        name = f"livefer-{datetime.now():%Y%m%d-%H%M%S}"
        path = Path(f"{name}.png")
        n = 1
        while path.exists():
            n += 1
            path = Path(f"{name}-{n}.png")
        found = own.faces if own else ()
        image, faces = turned(picture.image, found, 1.0, self.mirror)
        image = draw_faces(image, faces, self._recognizer.heatmaps, bars=True)
        try:
            path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)  # half a picture, where the disk is full
            return f"{path} cannot be written: {error.strerror}"
        return f"saved {path}"

    def _read(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the source's frames, and keep the newest for the window."""
        with self._source as frames:
            for frame in frames:
                self._trouble = frame.error
                if frame.image is not None:
                    self._arrivals.append((frame.index, time.perf_counter()))
                    self._frame = frame
                    self._news.set()
                yield frame

    def _recognise(self) -> None:
        try:
            live = self._source.live
            frames = newest(self._read, self._stopping) if live else self._read(self._stopping)
            source = Source(self._source.name, frames, live)
            with closing(self._recognizer.stream(source)) as results:
                for result in results:
                    self._take(result)
                    if self._stopping.is_set():
                        break
        except BaseException as error:  # noqa: BLE001  # raised again in `running`
            self._failure = error

    def _take(self, result: FrameResult) -> None:
        self._result = result
        if result.image is None:
            return
        now_s = time.perf_counter()
        self._latencies_s.append(now_s - self._arrived_s(result.index, now_s))
        self._recognised.tick(now_s)
        self.n_recognised += 1
        self.n_skipped = result.index + 1 - self.n_recognised
        self._own = result
        self._news.set()
        if self._recorder:
            self._recorder.put(result, self.mirror, self._recognizer.heatmaps, self._status)

    def _newest(self, now_s: float) -> tuple[Frame | FrameResult | None, FrameResult | None]:
        """Return what is to be painted: a picture, and faces, its own if they come soon."""
        frame, own = self._frame, self._own
        if own is not None and (frame is None or own.index >= frame.index):
            return own, own
        waited_s = now_s - self._arrived_s(frame.index, now_s) if frame else 0.0
        if waited_s >= _PROMPT_S or self._usual_s() >= _PROMPT_S:
            return frame, self._result
        painted: Frame | FrameResult | None = self._painted[0]
        if own is not None and (painted is None or own.index > painted.index):
            return own, own
        return painted, self._painted[1]

    def _usual_s(self) -> float:
        """Return how long faces take of late: the median."""
        return median(tuple(self._latencies_s))

    def _arrived_s(self, index: int, default: float) -> float:
        """Return when a frame came."""
        arrivals = tuple(self._arrivals)  # at once: another thread appends to it
        return next((s for i, s in reversed(arrivals) if i == index), default)


class _Rate:
    """How often something happens: events per second over the last two seconds."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque()

    def tick(self, now_s: float) -> None:
        self._times_s.append(now_s)
        while now_s - self._times_s[0] > 2:
            self._times_s.popleft()

    def per_s(self, now_s: float) -> float:
        times_s = [time_s for time_s in tuple(self._times_s) if now_s - time_s <= 2]
        spent_s = times_s[-1] - times_s[0] if times_s else 0.0
        return (len(times_s) - 1) / spent_s if spent_s > 0 else 0.0
