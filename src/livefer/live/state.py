"""The state of a live view: the newest frame, its faces, rates, latency, and what to paint next.

Knows nothing about threads, windows or pictures. Every time is passed in, in seconds of one clock.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from livefer.live.scene import Status
from livefer.results import Frame, FrameResult

PROMPT_S = 0.02
"""A frame waits this long for its own faces, if faces usually come sooner than that."""
_FIGURES_S = 0.5  # between two readings of the figures: faster ones cannot be read
_N_LATENCIES = 9


class LiveState:
    """The newest frame and the newest result of a source, and which of them to paint.

    Three threads may share a state: one adds frames, one adds results, one chooses what to paint.

    frame: the newest frame that has an image
    result: the newest result, of whichever frame
    labelled: the newest result that has an image
    trouble: why no frames come; None while they come
    painted: the picture that was painted last, and the result whose faces it shows
    figures: rates, latency and skipped frames as they were painted last; empty before
    """

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.result: FrameResult | None = None
        self.labelled: FrameResult | None = None
        self.trouble: str | None = None
        self.painted: tuple[Frame | FrameResult | None, FrameResult | None] = (None, None)
        self.figures: Status = ()
        self.n_recognised = 0
        self.n_skipped = 0
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=300)
        self._latencies_s: deque[float] = deque([0.0], maxlen=_N_LATENCIES)
        self._rate_painted, self._rate_recognised = Rate(), Rate()
        self._figures_until_s = 0.0

    @property
    def latency_s(self) -> float:
        """Time from the arrival of the frame that was recognised last to its faces."""
        return self._latencies_s[-1]

    def add_frame(self, frame: Frame, now_s: float) -> None:
        """Take the source's next frame, or its error."""
        self.trouble = frame.error
        if frame.image is not None:
            self._arrivals.append((frame.index, now_s))
            self.frame = frame

    def add_result(self, result: FrameResult, now_s: float) -> None:
        """Take the next result. A result without an image (an error) counts as no frame."""
        self.result = result
        if result.image is None:
            return
        self._latencies_s.append(now_s - self._arrived_s(result.index, now_s))
        self._rate_recognised.tick(now_s)
        self.n_recognised += 1
        self.n_skipped = result.index + 1 - self.n_recognised
        self.labelled = result

    def choose(self, now_s: float) -> tuple[Frame | FrameResult | None, FrameResult | None]:
        """Return the picture to paint, and the result whose faces belong on it.

        That is the newest frame with its own faces. While these are about to come, it is the newest
        frame that has its faces; where they take long, the newest frame with the newest faces.
        """
        frame, labelled = self.frame, self.labelled
        if labelled is not None and (frame is None or labelled.index >= frame.index):
            return labelled, labelled
        waited_s = now_s - self._arrived_s(frame.index, now_s) if frame else 0.0
        if waited_s >= PROMPT_S or median(tuple(self._latencies_s)) >= PROMPT_S:
            is_same = frame and self.result and self.result.source == frame.source
            return frame, self.result if is_same else None
        picture = self.painted[0]
        if labelled is not None and (picture is None or labelled.index > picture.index):
            return labelled, labelled
        return self.painted

    def note_painted(
        self, picture: Frame | FrameResult, result: FrameResult | None, now_s: float
    ) -> None:
        """Remember what is on the screen from now on."""
        before = self.painted[0]
        if before is None or before.index != picture.index:
            self._rate_painted.tick(now_s)
        self.painted = (picture, result)

    def update_figures(self, now_s: float) -> Status:
        """Return rates, latency and skipped frames as text; new figures every half second."""
        if now_s >= self._figures_until_s:
            self._figures_until_s = now_s + _FIGURES_S
            self.figures = (
                ("shown", f"{self._rate_painted.per_s(now_s):.0f} fps"),
                ("recognised", f"{self._rate_recognised.per_s(now_s):.0f} fps"),
                ("latency", f"{1000 * self.latency_s:.0f} ms"),
                ("skipped", f"{self.n_skipped}"),
            )
        return self.figures

    def _arrived_s(self, index: int, default: float) -> float:
        """Return when a frame arrived."""
        arrivals = tuple(self._arrivals)  # in one step: another thread appends to it
        return next((s for i, s in reversed(arrivals) if i == index), default)


class Rate:
    """Events per second over the last two seconds."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque()

    def tick(self, now_s: float) -> None:
        """Count an event."""
        self._times_s.append(now_s)
        while now_s - self._times_s[0] > 2:
            self._times_s.popleft()

    def per_s(self, now_s: float) -> float:
        """Return the rate; 0 where fewer than two events lie in the last two seconds."""
        times_s = [time_s for time_s in tuple(self._times_s) if now_s - time_s <= 2]
        spent_s = times_s[-1] - times_s[0] if times_s else 0.0
        return (len(times_s) - 1) / spent_s if spent_s > 0 else 0.0
