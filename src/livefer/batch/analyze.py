"""Any number of pictures and videos into results, one input after another.

    for result in livefer.analyze(["holiday/", "talk.mp4"]): ...

Every input gives at least one result: an input that cannot be read gives one with the error.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from livefer.batch.profiles import baseline_of, check_baseline, film_profile, read_baselines
from livefer.batch.recordings import Rest, recognise_video
from livefer.classifier import DEFAULT_MODEL, EmotionClassifier, shipped_models
from livefer.detection.detectors import make_detector
from livefer.detection.yunet import YUNET_FILE, yunet_path
from livefer.errors import LiveferError, SourceError
from livefer.media.names import (
    PICTURE_SUFFIXES,
    LeftOut,
    find_files,
    in_order,
    is_kind,
    is_pattern,
    is_taken,
    same_file,
    suffix_of,
)
from livefer.media.pictures import read_image
from livefer.media.pyav_reader import Span, VideoReader
from livefer.profiles.profile import Profile
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.atomic import temporary_folder
from livefer.system.cloud import download, is_url, list_files
from livefer.system.pipes import is_special
from livefer.tracking.smoothing import WINDOW_S

SETTINGS = "livefer.settings"
"""The metadata key of the settings of an analysis, as JSON."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Input:
    """A picture or video.

    name: a path of this machine, or an address that `livefer.system.cloud` reads
    error: why there is nothing to read under this name
    """

    name: str
    error: str | None = None

    @property
    def is_video(self) -> bool:
        """Whether it is a video, by its name; a GIF by its pictures."""
        return self.error is None and is_kind(self.name, "video")


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the rows depend on beside the inputs; each process makes its recogniser of it.

    model, detector, prior, smoothing_s, min_score: as for Recognizer
    every, fps, fps_of_source: the frames of videos to read, as for VideoReader
    every_frame: as for Recognizer
    landmarks: tables have columns for them
    one_person, max_faces, min_face_px: the faces that count, as for Recognizer
    min_seen_s: tables leave out tracks that are seen for fewer seconds
    profile: a person's profile, by which the largest face of each input is judged
    baseline: the part of each video from which its person's profile is learned, as in film_profile
    baselines: a CSV file with a baseline for each of some videos, as in read_baselines
    """

    model: str | None = None
    detector: str = "auto"
    prior: float | None = None
    smoothing_s: float = WINDOW_S
    every: int = 1
    fps: float | None = None
    fps_of_source: float | None = None
    every_frame: bool = False
    min_score: float | None = None
    landmarks: bool = False
    profile: str | None = None
    baseline: str | None = None
    baselines: str | None = None
    one_person: bool = False
    max_faces: int | None = None
    min_face_px: float | None = None
    min_seen_s: float = 0.0

    def __post_init__(self) -> None:
        self.span()  # raises ConfigError
        if self.baseline is not None:
            check_baseline(self.baseline)
        if self.baselines is not None:
            read_baselines(self.baselines)

    def span(self) -> Span:
        """Return the frames to read of each video."""
        return Span(every=self.every, fps=self.fps, fps_of_source=self.fps_of_source)

    def recognizer(self) -> Recognizer:
        """Return a recogniser that keeps one processor core busy."""
        model = EmotionClassifier(self.model, threads=1, prior=self.prior)
        detector = make_detector(self.detector, threads=1, min_score=self.min_score)
        return Recognizer(
            model,
            detector,
            self.smoothing_s,
            min_score=self.min_score,
            profile=self.profile,
            every_frame=self.every_frame,
            one_person=self.one_person,
            max_faces=self.max_faces,
            min_face_px=self.min_face_px,
        )

    def files(self) -> dict[str, Path]:
        """Return the files that the recogniser loads, by the names of these settings."""
        name = DEFAULT_MODEL if self.model is None else self.model
        files = {"model": shipped_models().get(name, Path(os.path.expanduser(name)))}
        if self.detector == "yunet":
            files["detector"] = yunet_path() or Path(YUNET_FILE)
        elif self.detector.lower().endswith(".onnx"):
            files["detector"] = Path(self.detector)
        if self.profile is not None:
            files["profile"] = Path(self.profile)
        if self.baselines is not None:
            files["baselines"] = Path(self.baselines)
        return files

    def metadata(self, recognizer: Recognizer) -> dict[str, str]:
        """Return the metadata of the tables; detector and every_frame must be the recogniser's."""
        # Without what is off, as in the tables of versions that did not know it.
        off: dict[str, Any] = {
            "landmarks": False,
            "profile": None,
            "baseline": None,
            "baselines": None,
        }
        off |= {"one_person": False, "max_faces": None, "min_face_px": None, "min_seen_s": 0.0}
        values: dict[str, Any] = {
            k: v for k, v in asdict(self).items() if (k, v) not in off.items()
        }
        for key, path in self.files().items():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            values[key] = f"{path.stem} {digest[:12]}"
        settings = json.dumps(values, sort_keys=True)
        about = {**recognizer.metadata(), SETTINGS: settings}
        if self.baseline is not None or self.baselines is not None:
            about["livefer.baseline"] = self.baseline or "a table of baselines"
        if self.min_seen_s:
            about["livefer.min_seen_s"] = f"{self.min_seen_s:g}"
        return about


def analyze(
    paths: str | Path | Iterable[str | Path],
    recognizer: Recognizer | None = None,
    every: int = 1,
    fps: float | None = None,
    fps_of_source: float | None = None,
) -> Iterator[FrameResult]:
    """Yield a result for each picture, and for each frame of each video.

    All inputs are found at once; each is read when its turn comes. An input that cannot be read
    gives a result with the error. Track ids start at 1 in each video. Videos need the `video`
    extra.

    paths: files, folders, patterns, lists (.txt), addresses such as s3://bucket/folder; any mix
    recognizer: None makes one with the shipped model
    every: read every n-th frame of videos
    fps: read at most this many frames a second of videos; not together with `every`
    fps_of_source: frames a second of videos without times of their own, such as .h264 and .mjpeg;
        None: what the encoding states, else 25
    """
    inputs = find_inputs([paths] if isinstance(paths, (str, os.PathLike)) else paths)
    settings = Settings(every=every, fps=fps, fps_of_source=fps_of_source)
    return _analyze(recognizer or Recognizer(), inputs, settings)


def _analyze(
    recognizer: Recognizer, inputs: list[Input], settings: Settings
) -> Iterator[FrameResult]:
    for item in inputs:
        yield from results_of(recognizer, item, settings)


# Finding inputs


def find_inputs(paths: Iterable[str | Path], left_out: LeftOut | None = None) -> list[Input]:
    """Return every picture and video that the paths stand for, each once, in order.

    A file stands for itself, a folder for the pictures and videos in it and below it, a pattern for
    those that match it, both in the order of `livefer.media.names`. A .txt file is a list of such
    paths, one a line or, as `find -print0` writes them, each followed by a zero byte; "-" is such a
    list from standard input. A path that stands for nothing is an input with an error.

    left_out: gets what the folders and patterns hold beside them
    """
    found: dict[str, Input] = {}
    others = LeftOut()
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            raise ValueError(
                f"expected paths and addresses, got {type(path).__name__}: Recognizer().stream "
                "takes pictures in memory"
            )
        for item in _find(str(path), others):
            found.setdefault(same_file(item.name), item)
    if left_out is not None:
        others.files = {file for file in others.files if same_file(file) not in found}
        left_out.add(others)
    return list(found.values())


def _find(path: str, left_out: LeftOut) -> Iterator[Input]:
    if path == "-":
        yield from _find_listed(sys.stdin.buffer.read(), left_out)
    elif suffix_of(path) == ".txt" and not is_url(path) and not os.path.isdir(path):
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SourceError(
                f"the list {path} cannot be read ({error.strerror}): check the path"
            ) from None
        yield from _find_listed(data, left_out)
    else:
        yield from _find_one(path, left_out)


def _find_listed(data: bytes, left_out: LeftOut) -> Iterator[Input]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # Windows PowerShell's >
        text = data.decode("utf-16", errors="replace")
    else:
        text = os.fsdecode(data.removeprefix(codecs.BOM_UTF8))
    for line in text.split("\0" if "\0" in text else "\n"):
        if path := line.strip("\r"):
            yield from _find_one(path, left_out)


def _find_one(path: str, left_out: LeftOut) -> Iterator[Input]:
    if is_url(path):
        yield from _find_at(path, left_out)
        return
    found = find_files(path, "picture or video", below=True)
    if found is None:
        error = f"{path} is a pipe or a device: expected a file; livefer video reads pipes"
        yield Input(path, error if is_special(path) else None)
        return
    left_out.add(found.left_out)
    yield from (Input(file) for file in found.files)
    yield from (Input(name, error) for name, error in found.errors)


def _find_at(url: str, left_out: LeftOut) -> Iterator[Input]:
    if is_pattern(url.partition("?")[0]):
        yield Input(url, f"{url}: patterns are for this machine's files; name the folder instead")
        return
    if is_taken(url, "picture or video"):
        yield Input(url)
        return
    try:
        files = list_files(url)
    except SourceError as error:
        yield Input(url, str(error))
        return
    if files is None:
        yield Input(url)
        return
    found = in_order(file for file in files if is_taken(file, "picture or video"))
    others = LeftOut(files=set(files).difference(found))
    left_out.add(others)
    yield from (Input(file) for file in found)
    if not found:
        nothing = others or "it is empty"
        yield Input(url, f"{url} holds no picture or video ({nothing}): check the address")


# From an input to its results


@dataclass(frozen=True, slots=True)
class Course:
    """How the reading of a video goes: where it begins, and what is called meanwhile.

    reached: called with the share of a video that is done, 0 to 1, if its length is known
    rest, at_rest: as for recognise_video
    """

    reached: Callable[[float], None] = lambda share: None
    rest: Rest = field(default_factory=Rest)
    at_rest: Callable[[Rest], None] | None = None


def results_of(
    recognizer: Recognizer,
    item: Input,
    settings: Settings,
    course: Course | None = None,
) -> Generator[FrameResult, None, None]:
    """Yield the results of one picture or video."""
    course = course or Course()
    index, time_s, error = course.rest.index, course.rest.time_s, item.error
    if error is None:
        try:
            for result in _read(recognizer, item, settings, course):
                index, time_s = result.index + 1, result.time_s
                yield result
        except LiveferError as reason:
            error = str(reason)
        except Exception as reason:  # noqa: BLE001  # one file of many: the others follow
            _log.exception("%s", item.name)
            what = (str(reason).strip() or "no reason given").splitlines()[0]
            error = f"{item.name} could not be analysed ({type(reason).__name__}: {what})"
    if error is not None:
        yield FrameResult(item.name, index, time_s, None, error=error)


def _read(
    recognizer: Recognizer, item: Input, settings: Settings, course: Course
) -> Iterator[FrameResult]:
    if not item.is_video:
        try:
            yield _picture(recognizer, item.name)
            return
        except SourceError:
            exists = is_url(item.name) or os.path.isfile(item.name)
            if suffix_of(item.name) in PICTURE_SUFFIXES or not exists:
                raise  # a file with any other suffix may be a video
    yield from _video(recognizer, item.name, settings, course)


def _picture(recognizer: Recognizer, name: str) -> FrameResult:
    return recognizer.process(Frame(name, 0, 0.0, read_image(name), still=True))


def _video(
    recognizer: Recognizer, name: str, settings: Settings, course: Course
) -> Iterator[FrameResult]:
    with _on_this_machine(name) as path:
        profile, problem = _profile_of(recognizer, name, path, settings)
        try:
            with VideoReader(path, **asdict(settings.span())) as reader:
                reader.name = name
                whole_s = reader.info.duration_s
                rest, at_rest = course.rest, course.at_rest
                for result in recognise_video(recognizer, reader, None, profile, rest, at_rest):
                    if whole_s:
                        course.reached(min(result.time_s / whole_s, 1.0))
                    yield result
        except SourceError as error:
            raise SourceError(str(error).replace(path, name)) from None
        if problem is not None:
            raise SourceError(f"{name} was judged without a profile: {problem}")


def _profile_of(
    recognizer: Recognizer, name: str, path: str, settings: Settings
) -> tuple[Profile | None, str | None]:
    """Return the profile of the person in a video, and why there is none although there should."""
    baseline = settings.baseline
    try:
        if settings.baselines is not None:
            baseline = baseline_of(name, read_baselines(settings.baselines))
        if baseline is None:
            return None, None
        return film_profile(recognizer, path, baseline)[0], None
    except LiveferError as error:
        return None, str(error).replace(path, name)


@contextmanager
def _on_this_machine(name: str) -> Iterator[str]:
    """Give a path of this machine for a video: its own, or that of a copy that is removed again."""
    if not is_url(name):
        yield name
        return
    with temporary_folder() as folder:
        path = folder / f"video{suffix_of(name)}"
        download(name, path)
        yield str(path)
