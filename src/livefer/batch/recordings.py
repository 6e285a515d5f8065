"""Recorded videos, recognised as fast as the machine can.

    for result in recognise_video(recognizer, VideoReader("clip.mp4")): ...

A thread decodes ahead, the caller's thread recognises, and an `AnnotatedVideo` draws and encodes on
a third one. The queues between them are short: memory does not grow with the length of a video.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Event

from livefer.drawing.faces import paint_faces
from livefer.drawing.hiding import Hiding, Way
from livefer.drawing.labels import Labelling
from livefer.errors import LiveferError, OutputError, SourceError
from livefer.formatting import count, length
from livefer.identity.tracks import TrackFaces
from livefer.media.h264_writer import H264Writer
from livefer.media.pyav_reader import Span, VideoInfo, VideoReader
from livefer.media.threads import Taker, ahead
from livefer.profiles.profile import Profile
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.summary.video_digest import VideoDigest
from livefer.system.atomic import noting
from livefer.system.interrupts import StopRequested
from livefer.tables.holds import Holds
from livefer.tables.writing import TableSink
from livefer.tracking.stream import Stream

BATCH = 8
"""Frames whose faces go through the network in one call."""

_WAITING_BYTES = 64 << 20  # of frames between two threads: 2 of 4K, and never more than 16


@dataclass(frozen=True, slots=True)
class Rest:
    """A place between two frames of a video, from which its recognition can go on.

    n_frames: read before it
    index, time_s: that an error has which follows at once
    stream: the state after those frames; None at the beginning
    """

    n_frames: int = 0
    index: int = 0
    time_s: float = 0.0
    stream: Stream | None = None


def recognise_video(
    recognizer: Recognizer,
    video: VideoReader,
    stop: Event | None = None,
    profile: Profile | None = None,
    rest: Rest | None = None,
    at_rest: Callable[[Rest], None] | None = None,
) -> Generator[FrameResult, None, None]:
    """Yield a result for each frame of a video.

    stop: once it is set, the batch at work is finished, and a last result has an error that says
        where the video was stopped
    profile: of the person in this video; None takes the recogniser's
    rest: go on there: the frames before are decoded, but have no results
    at_rest: called between two batches, when the caller has all results before
    """
    stop, rest = stop or Event(), rest or Rest()
    stream = recognizer.new_stream(profile=profile)
    if rest.stream is not None:
        stream = replace(rest.stream, profile=stream.profile)
    n_frames, index, time_s = rest.n_frames, rest.index, rest.time_s
    has_ended = False
    n_waiting = _n_waiting(video.info)
    following = islice(_until(stop, video), n_frames, None)
    with closing(ahead(following, n_waiting)) as frames:
        while chunk := list(islice(frames, min(BATCH, n_waiting))):
            for result in recognizer.process_many(chunk, [stream] * len(chunk)):
                index, time_s = result.index + 1, result.time_s
                has_ended = result.error is not None
                yield result
            n_frames += len(chunk)
            if at_rest is not None:
                at_rest(Rest(n_frames, index, time_s, stream))
            if stop.is_set():
                break
    if stop.is_set() and not has_ended:
        error = f"stopped on request after {index} frames, at {time_s:.1f} s"
        yield FrameResult(video.name, index, time_s, None, error=error)


def _until(stop: Event, video: VideoReader) -> Iterator[Frame]:
    for frame in video:
        yield frame
        if stop.is_set():
            return


class AnnotatedVideo:
    """A video of results with their faces drawn, which a thread of its own draws and encodes.

    That thread closes the file, too: FFmpeg crashes if another one closes it meanwhile.

    error: why this video cannot be written, although others could be; what follows is left out
    """

    def __init__(
        self, writer: H264Writer, hurry: Event | None = None, hide: Way | None = None
    ) -> None:
        """Begin a video.

        hurry: once it is set, frames that wait to be encoded are left out
        hide: make faces unrecognisable in this way
        """
        self._writer = writer
        self._hiding = None if hide is None else Hiding(hide)
        self._hurry = hurry or Event()
        self._is_whole = False
        self._labelling: Labelling | None = None
        n_waiting = _n_waiting(writer.info)
        self._encoder = Taker(self._encode, n_waiting, "livefer-encode", self._end)

    def write(self, result: FrameResult) -> None:
        """Hand a result over; a result without an image is left out.

        LiveferError where no video can be written any more, as on a full disk.
        """
        if result.image is not None and not self._encoder.put(result):
            self.close()

    @property
    def error(self) -> str | None:
        failure = self._encoder.failure
        return str(failure) if isinstance(failure, OutputError) else None

    def _encode(self, result: FrameResult) -> None:
        assert result.image is not None
        if not self._hurry.is_set():
            hiding = self._hiding
            image = result.image.copy() if hiding is None else hiding.hidden(result)
            self._labelling = paint_faces(image, result.faces, before=self._labelling)
            self._writer.write(image, result.time_s)

    def _end(self) -> None:
        self._writer.close(self._is_whole and not self._hurry.is_set())

    def close(self, whole: bool = False) -> None:
        """Encode the frames that wait and close the file; whole: as in H264Writer.close."""
        self._is_whole = whole
        self._encoder.close()
        if self._encoder.failure is not None and self.error is None:
            raise self._encoder.failure

    def __enter__(self) -> AnnotatedVideo:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _n_waiting(info: VideoInfo) -> int:
    width, height = info.wh  # both 0 where a damaged file does not say
    return min(max(_WAITING_BYTES // max(3 * width * height, 1), 2), 2 * BATCH)


@dataclass
class VideoTotals:
    """The counts of a job, over all its videos; as text, a line with its speed.

    footage_s: seconds of video that the frames stand for
    errors: of videos that could not be read to their end, and notes on the copies
    hints: what the copies lack for a good reason
    copies: the annotated videos that were written
    n_timeless, n_fps_assumed: videos without times, and those of them without a rate
    """

    n_videos: int = 0
    n_frames: int = 0
    n_faces: int = 0
    n_tracks: int = 0
    footage_s: float = 0.0
    began_s: float = field(default_factory=time.monotonic)
    errors: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    n_timeless: int = 0
    n_fps_assumed: int = 0

    def __str__(self) -> str:
        took_s = max(time.monotonic() - self.began_s, 1e-3)
        videos = "" if self.n_videos == 1 else f"{self.n_videos} videos, "
        assumed = ""
        if self.n_fps_assumed:
            which = "" if self.n_videos == 1 else f" for {self.n_fps_assumed} of them"
            assumed = f"; 25 frames/s assumed{which}, --fps-of-source sets it"
        return (
            f"{videos}{count(self.n_frames, 'frame')} ({length(self.footage_s)} of footage), "
            f"{count(self.n_faces, 'face')}, {count(self.n_tracks, 'track')} in "
            f"{length(took_s)}: {self.n_frames / took_s:.1f} frames/s{assumed}"
        )


@dataclass(frozen=True, slots=True)
class VideoProgress:
    """How much of a video is done.

    done_s, whole_s: seconds of the video; whole_s is None where the file does not say
    took_s: seconds since its first frame was asked for
    """

    done_s: float
    whole_s: float | None
    n_frames: int
    took_s: float


@dataclass(frozen=True)
class VideoJob:
    """Recognises videos into tables, a digest and annotated copies.

        recognizer = livefer.Recognizer()
        with livefer.open_table("faces.csv", recognizer.classes) as table:
            job = VideoJob(recognizer, [table])
            job.run("clip.mp4", copy=Path("annotated.mp4"))
        print(job.totals)

    tables, digest: get the results of all videos
    span: the frames of each video to read
    profile_of: gives the profile of the person in a video by its path, and words on it for `totals`
    hide: makes faces unrecognisable in the copies, in this way
    faces: gets the results of all videos, too, to find out whose tracks they show
    requested: ends a video early, with an error in its last row; copies and tables stay complete
    totals: counts so far
    """

    recognizer: Recognizer
    tables: Sequence[TableSink] = ()
    digest: VideoDigest | None = None
    span: Span = field(default_factory=Span)
    profile_of: Callable[[str], tuple[Profile | None, str]] | None = None
    requested: StopRequested = field(default_factory=StopRequested)
    hide: Way | None = None
    faces: TrackFaces | None = None
    totals: VideoTotals = field(default_factory=VideoTotals)

    def run(
        self,
        path: str,
        copy: Path | None = None,
        show: Callable[[VideoProgress], None] | None = None,
    ) -> None:
        """Recognise a video. A video that cannot be read gets a row with the error.

        copy: an annotated copy to write, with the sound
        show: called after each frame

        A copy that cannot be written is one of the errors in `totals`. LiveferError where a table
        cannot be written, or no copy could be, as on a full disk.
        """
        errors = self.totals.errors
        try:
            with ExitStack() as stack:
                stop = self.requested.stop
                reader = stack.enter_context(VideoReader(path, **asdict(self.span), stop=stop))
                self._count(reader.info)
                annotated = writer = None
                if copy is not None:
                    sound = None if reader.is_pipe else reader.name
                    if reader.is_pipe and reader.info.has_audio:
                        hint = f"{copy} has no sound: its source is a pipe, to be read once"
                        self.totals.hints.append(hint)
                    with noting(errors):
                        writer = H264Writer(copy, reader.info, sound, self.span.start_s)
                        hurry = self.requested.hurry
                        annotated = stack.enter_context(AnnotatedVideo(writer, hurry, self.hide))
                if annotated is None and copy is not None and not self._has_other_outputs:
                    return
                profile = self._profile_of(path)
                show = show or (lambda progress: None)
                n_frames = self._recognise(reader, annotated, show, profile)
                if annotated is not None and writer is not None:
                    is_whole = self.span.end_s is None and not self.requested.stop.is_set()
                    annotated.close(is_whole)
                    if annotated.error is not None:
                        errors.append(annotated.error)
                    elif n_frames and writer.path.exists():
                        self.totals.copies.append(writer.path)
                    errors += [writer.hint] if writer.hint else []
        except SourceError as error:
            self.add_error(path, str(error))

    def _profile_of(self, path: str) -> Profile | None:
        """Return the profile of the person in a video; without one its rows are judged plainly."""
        if self.profile_of is None:
            return None
        try:
            profile, words = self.profile_of(path)
        except LiveferError as error:
            self.totals.errors.append(f"{path} was judged without a profile: {error}")
            return None
        self.totals.hints.append(words)
        return profile

    def _count(self, info: VideoInfo) -> None:
        self.totals.n_videos += 1
        self.totals.n_timeless += not info.has_times
        self.totals.n_fps_assumed += info.is_fps_assumed

    @property
    def _has_other_outputs(self) -> bool:
        return bool(self.tables) or self.digest is not None

    def add_error(self, path: str, error: str) -> None:
        """Write the row of a video that cannot be read."""
        self._write(FrameResult(path, 0, 0.0, None, error=error))

    def _recognise(
        self,
        reader: VideoReader,
        annotated: AnnotatedVideo | None,
        show: Callable[[VideoProgress], None],
        profile: Profile | None,
    ) -> int:
        """Recognise a video, and return the number of its frames."""
        span, began_s, n_frames, time_s = self.span, time.monotonic(), 0, self.span.start_s
        ends_s = [end_s for end_s in (span.end_s, reader.info.duration_s) if end_s is not None]
        whole_s = min(ends_s) - span.start_s if ends_s else None
        tracks, holds = set[int | None](), Holds[None]()
        stop = self.requested.stop
        with closing(recognise_video(self.recognizer, reader, stop, profile)) as results:
            for result in results:
                self._write(result)
                if annotated is not None:
                    annotated.write(result)
                    if annotated.error is not None and not self._has_other_outputs:
                        break  # nothing else is made of this video
                tracks.update(face.track_id for face in result.faces)
                time_s = result.time_s
                if result.image is not None:
                    n_frames += 1
                    self.totals.footage_s += sum(one.hold_s for one in holds.add(time_s, None))
                took_s = max(time.monotonic() - began_s, 1e-3)
                show(VideoProgress(time_s - span.start_s, whole_s, n_frames, took_s))
        self.totals.n_tracks += len(tracks)
        self.totals.footage_s += sum(one.hold_s for one in holds.end())
        return n_frames

    def _write(self, result: FrameResult) -> None:
        for table in self.tables:
            table.write(result)
        if self.digest is not None:
            self.digest.add(result)
        if self.faces is not None:
            self.faces.add(result)
        self.totals.n_frames += result.image is not None
        self.totals.n_faces += len(result.faces)
        self.totals.errors += [result.error] if result.error else []
