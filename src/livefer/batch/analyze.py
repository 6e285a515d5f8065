"""Pictures and videos of any number into results, one after the other, lazily.

for result in livefer.analyze(["holiday/", "talk.mp4"]): ...

Every input gives at least one result: what cannot be read gives one with its error.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livefer.batch.batches import Input, find_inputs
from livefer.batch.recordings import recognise_video
from livefer.classifier import DEFAULT_MODEL, EmotionClassifier, shipped_models
from livefer.detection.yunet import YUNET_FILE, yunet_path
from livefer.errors import ConfigError, LiveferError, SourceError
from livefer.media.names import PICTURE_SUFFIXES, suffix_of
from livefer.media.pictures import decode_image, read_image
from livefer.media.pyav_reader import VideoReader
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.cloud import download, is_url, read_bytes
from livefer.version import __version__

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the rows depend on, beside the inputs; a recogniser for each process is made of it.

    model, detector, prior, smoothing_s: as for Recognizer
    every, fps: which frames of videos are looked at, as for VideoReader
    """

    model: str | None = None
    detector: str = "auto"
    prior: float | None = None
    smoothing_s: float = 0.33
    every: int = 1
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1 or (self.fps is not None and self.fps <= 0):
            raise ConfigError(f"expected every ≥ 1 and fps > 0, got {self.every} and {self.fps}")
        if self.every > 1 and self.fps is not None:
            raise ConfigError("every and fps say the same in two ways: leave one out")

    def recognizer(self) -> Recognizer:
        """Return a recogniser that keeps one processor core busy."""
        model = EmotionClassifier(self.model, threads=1, prior=self.prior)
        return Recognizer(model, self.detector, self.smoothing_s)

    def files(self) -> dict[str, Path]:
        """Return the files that the recogniser is made of, by the names of these settings."""
        name = DEFAULT_MODEL if self.model is None else self.model
        files = {"model": shipped_models().get(name, Path(name).expanduser())}
        if self.detector == "yunet":
            files["detector"] = yunet_path() or Path(YUNET_FILE)
        elif self.detector.lower().endswith(".onnx"):
            files["detector"] = Path(self.detector)
        return files

    def about(self) -> dict[str, str]:
        """Return what tables say about how they were made; "auto" is no detector here."""
        says: dict[str, Any] = asdict(self)
        for key, path in self.files().items():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            says[key] = f"{path.stem} {digest[:12]}"
        return {
            "livefer.version": __version__,
            "livefer.model": self.files()["model"].stem,
            "livefer.settings": json.dumps(says, sort_keys=True),
        }


def analyze(
    paths: str | Path | Iterable[str | Path],
    recognizer: Recognizer | None = None,
    every: int = 1,
    fps: float | None = None,
) -> Iterator[FrameResult]:
    """Yield a result for each picture and each frame of each video.

    Pictures are found at once, and read when their turn comes. What cannot be read is a result with
    its error. Frames of videos have track ids that count from 1 in each video. Videos need the
    `video` extra.

    paths: files, folders, patterns, lists (.txt), addresses such as s3://bucket/folder; any mix
    recognizer: None makes one with the shipped model
    every: of videos, look at each n-th frame
    fps: of videos, look at so many frames a second, at most; not together with `every`
    """
    inputs = find_inputs([paths] if isinstance(paths, (str, Path)) else paths)
    settings = Settings(every=every, fps=fps)
    return _analyze(recognizer or Recognizer(), inputs, settings)


def _analyze(
    recognizer: Recognizer, inputs: list[Input], settings: Settings
) -> Iterator[FrameResult]:
    for one in inputs:
        yield from results_of(recognizer, one, settings)


def results_of(
    recognizer: Recognizer,
    one: Input,
    settings: Settings,
    reached: Callable[[float], None] | None = None,
) -> Generator[FrameResult, None, None]:
    """Yield the results of one picture or video.

    reached: called with what share of a video is done, 0 to 1, where its length is known
    """
    index, time_s, error = 0, 0.0, one.error
    if error is None:
        try:
            for result in _read(recognizer, one, settings, reached or (lambda share: None)):
                index, time_s = result.index + 1, result.time_s
                yield result
        except LiveferError as reason:
            error = str(reason)
        except Exception as reason:  # noqa: BLE001  # one file of many: the others follow
            _log.exception("%s", one.name)
            what = (str(reason).strip() or "no reason given").splitlines()[0]
            error = f"{one.name} could not be analysed ({type(reason).__name__}: {what})"
    if error is not None:
        yield FrameResult(one.name, index, time_s, None, error=error)


def _read(
    recognizer: Recognizer, one: Input, settings: Settings, reached: Callable[[float], None]
) -> Iterator[FrameResult]:
    if not one.is_video:
        try:
            yield _picture(recognizer, one.name)
            return
        except SourceError:
            is_there = is_url(one.name) or os.path.isfile(one.name)
            if suffix_of(one.name) in PICTURE_SUFFIXES or not is_there:
                raise  # and a name that says nothing may be a video's
    yield from _video(recognizer, one.name, settings, reached)


def _picture(recognizer: Recognizer, name: str) -> FrameResult:
    image = decode_image(read_bytes(name), name) if is_url(name) else read_image(name)
    return recognizer.process(Frame(name, 0, 0.0, image, still=True))


def _video(
    recognizer: Recognizer, name: str, settings: Settings, reached: Callable[[float], None]
) -> Iterator[FrameResult]:
    with _here(name) as path:
        try:
            with VideoReader(path, every=settings.every, fps=settings.fps) as reader:
                reader.name = name
                whole_s = reader.info.duration_s
                for result in recognise_video(recognizer, reader):
                    if whole_s:
                        reached(min(result.time_s / whole_s, 1.0))
                    yield result
        except SourceError as error:
            raise SourceError(str(error).replace(path, name)) from None


@contextmanager
def _here(name: str) -> Iterator[str]:
    """Give the path of a video on this machine: its own, or a copy for as long as needed."""
    if not is_url(name):
        yield name
        return
    with tempfile.TemporaryDirectory(prefix="livefer-") as folder:
        path = Path(folder) / f"video{suffix_of(name)}"
        download(name, path)
        yield str(path)
