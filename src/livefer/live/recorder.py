"""The recording of a live view: a video of what was shown."""

from __future__ import annotations

from livefer.live.scene import Places, Status, fitted, paint_scene
from livefer.media.mpeg4_writer import Mpeg4Writer
from livefer.media.threads import Taker
from livefer.results import FrameResult

_MAX_SIDE = 1920  # a frame of 4K takes 60 ms to encode, this 17
_N_WAITING = 8


class Recorder:
    """Writes what a live view shows, on a thread of its own: encoding holds nothing up.

    What comes while too many wait is left out, and the image before stands for it.
    """

    def __init__(self, video: Mpeg4Writer, waits: bool) -> None:
        """waits: leave nothing out; `put` waits instead."""
        self._video = video
        self._waits = waits
        self._places = Places()
        self._writer = Taker(self._write, _N_WAITING, "livefer-record")

    @property
    def failure(self) -> BaseException | None:
        """What ended the recording early."""
        return self._writer.failure

    def put(self, result: FrameResult, mirror: bool, heatmaps: bool, status: Status) -> None:
        """Take a result to be painted and written, if there is room."""
        self._writer.put((result, mirror, heatmaps, status), self._waits)

    def close(self) -> None:
        """Write what waits, and close the video; what comes after that is left out."""
        self._writer.close()
        self._video.close()

    def _write(self, item: tuple[FrameResult, bool, bool, Status]) -> None:
        result, mirror, heatmaps, status = item
        assert result.image is not None
        height, width = result.image.shape[:2]
        limits_wh = (min(width, _MAX_SIDE), min(height, _MAX_SIDE))
        image, faces = fitted(result.image, result.faces, limits_wh, mirror)
        self._places = paint_scene(image, faces, heatmaps, status, self._places)
        self._video.write(image, result.time_s)
