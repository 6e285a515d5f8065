"""One stream: frames in, one reply to each in order out, with tracks of its own.

A reader takes messages, a writer recognises and replies. At most two frames are in flight: one in
the pool, at work or queued, and the newest. A newer frame replaces a waiting one, which is answered
as skipped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from starlette.websockets import WebSocket, WebSocketDisconnect

from livefer.classifier import EmotionClassifier
from livefer.errors import LiveferError
from livefer.profiles.profile import Profile
from livefer.tracking.live_search import LiveSearch
from livefer.tracking.smoothing import Smoother
from livefer.tracking.stream import Owner, Stream
from livefer.tracking.tracker import KEEP_S
from livefer.web.limits import Limits, RateLimiter
from livefer.web.metrics import Metrics
from livefer.web.protocol import (
    IDLE,
    TOO_MANY,
    TOO_SLOW,
    Choices,
    Closed,
    Options,
    Refused,
    dumps,
    hello,
    options_in_effect,
    read_control,
    read_frame,
)
from livefer.web.schema import FrameError, FrameFaces, FrameSkipped
from livefer.web.workers import PictureJob, WorkerPool, make_job

_CLOSE_S = 3.0  # for a client to read what is left before the close
_MAX_STILL = 1000  # frames while the client's clock stands still


@dataclass(slots=True, eq=False)
class _Slot:
    """The place of a reply in the order: to a frame, or to a text message, known at once."""

    reply: str | None = None
    number: int = -1
    time_s: float = 0.0
    data: bytes = b""
    options: Options | None = None
    stream: Stream | None = None
    arrived_s: float = 0.0
    job: PictureJob | None = None


class Session:
    """The server's half of an accepted WebSocket.

    `run` ends when the client leaves or breaks a rule, or when `end` is called.
    """

    def __init__(
        self,
        websocket: WebSocket,
        pool: WorkerPool,
        model: EmotionClassifier,
        choices: Choices,
        limits: Limits,
        metrics: Metrics,
        options: Options,
    ) -> None:
        self._websocket = websocket
        self._pool = pool
        self._choices = choices
        self._limits = limits
        self._metrics = metrics
        self._options = options
        self._hello = hello(model, choices, limits, options)
        self._stream = self._new_stream()
        self._n_frames = 0
        self._last_recognised = -1  # the number of that frame
        self._rate = RateLimiter(limits.max_fps)
        self._slots: asyncio.Queue[_Slot] = asyncio.Queue()
        self._current: _Slot | None = None  # in the pool: at work or queued
        self._waiting: _Slot | None = None  # until the pool is done with that one
        self._moved_s, self._n_still = 0.0, 0
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, closed: Closed) -> None:
        """Make `run` close the stream with a code and a reason."""
        if not self._end.done():
            self._end.set_exception(closed)

    async def run(self) -> None:
        """Serve the stream to its end; no task outlives it."""
        self._slots.put_nowait(_Slot(dumps(self._hello)))
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                while not task.done():  # before Python 3.12 wait_for may swallow a cancellation
                    task.cancel()
                    await asyncio.wait({task}, timeout=0.05)
        ended = [one for one in (self._end, reader, writer) if one.done() and not one.cancelled()]
        error = next(iter([one.exception() for one in ended]), None)
        if isinstance(error, Closed):
            await close(self._websocket, error, self._metrics)
        elif error is not None and not isinstance(error, WebSocketDisconnect):
            raise error

    async def _read(self) -> None:
        """Take messages until the client leaves."""
        while True:
            try:
                message = await asyncio.wait_for(self._websocket.receive(), self._limits.idle_s)
            except asyncio.TimeoutError:
                raise Closed(IDLE, f"no message came for {self._limits.idle_s:g} s") from None
            if message["type"] == "websocket.disconnect":
                return
            if not self._rate.allows():
                raise Closed(
                    TOO_MANY, f"more than {self._limits.max_fps:g} frames a second came: send fewer"
                )
            if self._slots.qsize() >= self._limits.max_unsent:
                raise Closed(
                    TOO_SLOW, f"{self._slots.qsize()} replies wait to be read: read faster"
                )
            if message.get("bytes") is not None:
                self._take_frame(message["bytes"])
                # Let the writer run: from Python 3.12 on wait_for does not, where the next
                # frame is there already.
                await asyncio.sleep(0)
            else:
                await self._take_control(message["text"])

    def _take_frame(self, message: bytes) -> None:
        time_s, data = read_frame(message, self._limits.max_bytes)
        slot = _Slot(
            number=self._n_frames,
            time_s=time_s,
            data=data,
            options=self._options,
            stream=self._stream_at(time_s),
            arrived_s=time.perf_counter(),
        )
        self._n_frames += 1
        self._slots.put_nowait(slot)
        if self._waiting is not None and not self._move_up(self._waiting):
            self._skip(self._waiting)
        self._waiting = slot

    def _move_up(self, slot: _Slot) -> bool:
        """Put the waiting frame in the place of the one before; False if that has begun."""
        old = self._current
        if old is None or old.job is None:
            return False
        try:
            slot.job = self._job(slot)
        except Refused:  # the writer meets the refusal again, in its turn
            return False
        if not self._pool.replace(old.job, slot.job):
            slot.job = None
            return False
        self._skip(old)
        self._current = slot
        return True

    def _skip(self, slot: _Slot) -> None:
        slot.data = b""
        reason = "a newer frame came"
        slot.reply = dumps(
            FrameSkipped(type="skipped", number=slot.number, time_s=slot.time_s, reason=reason)
        )
        self._metrics.frames["skipped"] += 1
        if slot.job is not None:
            slot.job.answer.set_exception(Refused("skipped", ""))
            slot.job.answer.exception()  # read: asyncio logs an exception that is never read

    async def _take_control(self, text: str) -> None:
        before = self._options
        kind, now, reason = read_control(text, before, self._choices)
        if kind == "reset":
            # A new one, because a thread may be using the old one. Earlier frames keep that.
            self._stream = self._new_stream()
            self._slots.put_nowait(_Slot(dumps({"type": "reset"})))
            return
        if now.profile is not None and (now.profile, now.model) != (before.profile, before.model):
            try:
                await asyncio.to_thread(self._check_profile, now.profile, now.model)
            except LiveferError as error:
                now, reason = replace(now, profile=None), str(error)
        self._options = now
        if (now.smoothing_s, now.model) != (before.smoothing_s, before.model):
            # The same search and tracks; smoothing begins anew with the next frame.
            self._stream = replace(self._stream, smoother=Smoother(now.smoothing_s))
        if now.profile is not before.profile:
            self._stream = replace(self._stream, profile=now.profile, owner=Owner())
        self._slots.put_nowait(_Slot(dumps(options_in_effect(now, reason))))

    def _check_profile(self, profile: Profile, model: str) -> None:
        """Raise ModelError for a profile of another model; one not used before is loaded."""
        profile.check(self._pool.models.get(model))

    def _new_stream(self) -> Stream:
        options = self._options
        return Stream(LiveSearch(), Smoother(options.smoothing_s), profile=options.profile)

    def _stream_at(self, time_s: float) -> Stream:
        """Return the stream, a new one where the client's clock has stood still for long.

        While a clock stands still, no face gets old enough to be forgotten.
        """
        self._n_still += 1
        if abs(time_s - self._moved_s) >= KEEP_S:
            self._moved_s, self._n_still = time_s, 0
        elif self._n_still >= _MAX_STILL:
            self._stream, self._n_still = self._new_stream(), 0
        return self._stream

    async def _write(self) -> None:
        """Recognise and reply, in the order of arrival."""
        while True:
            slot = await self._slots.get()
            reply = slot.reply or await self._recognise(slot)
            try:
                await asyncio.wait_for(self._websocket.send_text(reply), self._limits.slow_s)
            except asyncio.TimeoutError:
                reason = f"no reply was read for {self._limits.slow_s:g} s: read faster"
                raise Closed(TOO_SLOW, reason) from None

    async def _recognise(self, slot: _Slot) -> str:
        if slot is self._waiting:
            self._waiting = None
        try:
            if slot.job is None:
                slot.job = self._job(slot)
                self._current = slot
                self._pool.submit(slot.job)
            result = await slot.job.answer
        except Refused as refused:
            if slot.reply is not None:  # skipped meanwhile
                return slot.reply
            self._metrics.frames["error"] += 1
            self._metrics.refusals[refused.code] += 1
            return dumps(
                FrameError(
                    type="error",
                    number=slot.number,
                    time_s=slot.time_s,
                    code=refused.code,
                    reason=refused.reason,
                )
            )
        finally:
            if slot is self._current:
                self._current = None
        self._last_recognised = slot.number
        self._metrics.frames["result"] += 1
        self._metrics.count_result(len(result.faces), result.timings_ms, result.n_batch)
        return dumps(
            FrameFaces(
                type="result",
                number=slot.number,
                time_s=slot.time_s,
                size_wh=result.size_wh,
                faces=result.faces,
                timings_ms=result.timings_ms,
                hint=result.hint,
            )
        )

    def _job(self, slot: _Slot) -> PictureJob:
        assert slot.options is not None
        return make_job(
            slot.data,
            self._limits.max_pixels,
            (slot.options.model, slot.options.detector),
            slot.options.heatmap,
            slot.arrived_s,
            # To the millisecond: samples of the same time replace each other, so that a clock
            # of tiny steps does not pile them up.
            round(slot.time_s, 3),
            slot.stream,
            slot.number - self._last_recognised - 1,
        )


async def close(websocket: WebSocket, closed: Closed, metrics: Metrics) -> None:
    """Close a stream with a code and a reason, and count the refusal."""
    if closed.code >= 4000:
        metrics.refusals[str(closed.code)] += 1
    # A client that only sends would never read the close.
    drain = asyncio.create_task(_drain(websocket))
    with suppress(asyncio.TimeoutError, WebSocketDisconnect, RuntimeError):  # it has left
        await asyncio.wait_for(websocket.close(closed.code, closed.reason), _CLOSE_S)
    drain.cancel()
    await asyncio.wait({drain})


async def _drain(websocket: WebSocket) -> None:
    """Take messages and drop them."""
    with suppress(RuntimeError):  # it has left
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
