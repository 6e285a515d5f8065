"""One stream: its frames in, one reply for each of them in order out, its own tracks.

A reader takes what comes, a writer recognises and replies. Two frames are in flight at most: one at
work or in the engine's queue, and the newest. An older one that still waits is answered as skipped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from livefer.tracking.live_search import LiveSearch
from livefer.tracking.smoothing import Smoother
from livefer.tracking.stream import Stream
from livefer.tracking.tracker import KEEP_S
from livefer.web.limits import Limits, RateLimiter
from livefer.web.metrics import Metrics
from livefer.web.protocol import (
    IDLE,
    TOO_MANY,
    TOO_SLOW,
    Closed,
    Model,
    Options,
    Refused,
    dumps,
    hello,
    options_message,
    read_control,
    read_frame,
)
from livefer.web.workers import Engine, Job, make_job

_CLOSE_S = 3.0  # for a client to take the rest before its close
_MAX_STILL = 1000  # frames while the client's clock does not move on


@dataclass(slots=True, eq=False)
class _Slot:
    """A reply to come: of a frame, or of a control message, which is known at once."""

    reply: str | None = None
    number: int = -1
    time_s: float = 0.0
    data: bytes = b""
    options: Options | None = None
    stream: Stream | None = None
    arrived_s: float = 0.0
    job: Job | None = None


class Session:
    """An accepted WebSocket; `run` ends when the client goes, breaks a rule, or `end` is called."""

    def __init__(
        self,
        websocket: WebSocket,
        engine: Engine,
        model: Model,
        limits: Limits,
        metrics: Metrics,
        options: Options,
    ) -> None:
        self._websocket = websocket
        self._engine = engine
        self._model = model
        self._limits = limits
        self._metrics = metrics
        self._options = options
        self._stream = Stream(LiveSearch(), Smoother(options.smoothing_s))
        self._n_frames = 0
        self._last_seen = -1  # the number of the frame that was recognised last
        self._rate = RateLimiter(limits.max_fps)
        self._slots: asyncio.Queue[_Slot] = asyncio.Queue()
        self._current: _Slot | None = None  # with the engine: at work, or in its queue
        self._waiting: _Slot | None = None  # for the one before it to be done
        self._moved_s, self._n_still = 0.0, 0
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, closed: Closed) -> None:
        """Let `run` close the stream with this code and reason."""
        if not self._end.done():
            self._end.set_exception(closed)

    async def run(self) -> None:
        """Serve the stream to its end; nothing of it is left behind."""
        self._slots.put_nowait(_Slot(hello(self._model, self._limits, self._options)))
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
        """Take messages until the client goes."""
        while True:
            try:
                message = await asyncio.wait_for(self._websocket.receive(), self._limits.idle_s)
            except asyncio.TimeoutError:
                raise Closed(IDLE, f"nothing came for {self._limits.idle_s:g} s") from None
            if message["type"] == "websocket.disconnect":
                return
            if not self._rate.allows():
                raise Closed(
                    TOO_MANY, f"more than {self._limits.max_fps:g} frames a second came: send fewer"
                )
            if self._slots.qsize() >= self._limits.max_unsent:
                raise Closed(TOO_SLOW, f"{self._slots.qsize()} replies wait: read faster")
            if message.get("bytes") is not None:
                self._take_frame(message["bytes"])
                # The writer's turn, for whom it may be: from Python 3.12 on wait_for gives none
                # where the next frame is there already.
                await asyncio.sleep(0)
            else:
                self._take_control(message["text"])

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
        """Give the waiting frame the place of the one before, if nobody has begun with that."""
        old = self._current
        if old is None or old.job is None:
            return False
        try:
            slot.job = self._job(slot)
        except Refused:  # the writer finds out again, in its turn
            return False
        if not self._engine.replace(old.job, slot.job):
            slot.job = None
            return False
        self._skip(old)
        self._current = slot
        return True

    def _skip(self, slot: _Slot) -> None:
        slot.data = b""
        slot.reply = _reply("skipped", slot, {"reason": "a newer frame came"})
        self._metrics.frames["skipped"] += 1
        if slot.job is not None:
            slot.job.answer.set_exception(Refused("skipped", ""))
            slot.job.answer.exception()  # seen: the writer may never come to ask

    def _take_control(self, text: str) -> None:
        kind, self._options, reason = read_control(text, self._options, self._model.detectors)
        if kind == "reset":
            # A new one: the old one may be in use in a thread. Frames that came earlier keep it.
            self._stream = Stream(LiveSearch(), Smoother(self._options.smoothing_s))
            self._slots.put_nowait(_Slot(dumps({"type": "reset"})))
        else:
            if self._options.smoothing_s != self._stream.smoother.window_s:
                # The same faces, smoothed anew from the next frame on.
                smoother = Smoother(self._options.smoothing_s)
                self._stream = replace(self._stream, smoother=smoother)
            self._slots.put_nowait(_Slot(options_message(self._options, reason)))

    def _stream_at(self, time_s: float) -> Stream:
        """Return the stream; a new one where the client's clock stands still for very long.

        By a clock that does not move, no face is ever old enough to be forgotten.
        """
        self._n_still += 1
        if abs(time_s - self._moved_s) >= KEEP_S:
            self._moved_s, self._n_still = time_s, 0
        elif self._n_still >= _MAX_STILL:
            self._stream = Stream(LiveSearch(), Smoother(self._options.smoothing_s))
            self._n_still = 0
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
                self._engine.submit(slot.job)
            seen = await slot.job.answer
        except Refused as refused:
            if slot.reply is not None:  # skipped meanwhile
                return slot.reply
            self._metrics.frames["error"] += 1
            self._metrics.refusals[refused.code] += 1
            return _reply("error", slot, {"code": refused.code, "reason": refused.reason})
        finally:
            if slot is self._current:
                self._current = None
        self._last_seen = slot.number
        self._metrics.frames["result"] += 1
        self._metrics.count_seen(len(seen.faces), seen.timings_ms, seen.n_batch)
        found = {
            "size_wh": seen.size_wh,
            "faces": seen.faces,
            "timings_ms": seen.timings_ms,
            "hint": seen.hint,
        }
        return _reply("result", slot, found)

    def _job(self, slot: _Slot) -> Job:
        assert slot.options is not None
        return make_job(
            slot.data,
            self._limits.max_pixels,
            slot.options.detector,
            slot.options.heatmap,
            slot.arrived_s,
            # To the millisecond: a frame of the same time replaces the one before, so that a
            # clock of tiny steps does not pile up samples.
            round(slot.time_s, 3),
            slot.stream,
            slot.number - self._last_seen - 1,
        )


async def close(websocket: WebSocket, closed: Closed, metrics: Metrics) -> None:
    """Close a stream with a code and a reason, and count the refusal."""
    if closed.code >= 4000:
        metrics.refusals[str(closed.code)] += 1
    # A client that only sends would never come to read why it has to go.
    drain = asyncio.create_task(_drain(websocket))
    with suppress(asyncio.TimeoutError, WebSocketDisconnect, RuntimeError):  # already gone
        await asyncio.wait_for(websocket.close(closed.code, closed.reason), _CLOSE_S)
    drain.cancel()
    await asyncio.wait({drain})


async def _drain(websocket: WebSocket) -> None:
    """Take messages and forget them."""
    with suppress(RuntimeError):  # already gone
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass


def _reply(kind: str, slot: _Slot, found: dict[str, Any]) -> str:
    return dumps({"type": kind, "number": slot.number, "time_s": slot.time_s, **found})
