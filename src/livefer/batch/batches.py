"""The batches of a large run: what one process does in one go, and the part file it writes."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from livefer.batch.analyze import Course, Input, Settings, results_of
from livefer.batch.part_files import INPUTS, Part, join_parquet, join_text, sign
from livefer.batch.recordings import Rest
from livefer.batch.unfinished import PIECE_S, Unfinished
from livefer.formatting import printable
from livefer.identity.persons import KnownTrack
from livefer.identity.tracks import TrackFaces
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.system.atomic import cannot_write
from livefer.system.cloud import is_url
from livefer.tables.bystanders import Bystanders
from livefer.tables.writing import TableSink, open_table

# Pictures of a batch. A process that is killed loses a batch; every batch is a file.
_FEWEST, _MOST = 16, 256
_N_BATCHES = 1000  # of the sizes between the two
_FRAME_BYTES = 15_000  # of a video: an estimate of its work before it is opened
_REPORT_S = 0.5  # between two reports from within a video


@dataclass(frozen=True, slots=True)
class Batch:
    """The inputs that one process does in one go: some pictures, or one video.

    number: increases with the place of the inputs among all inputs
    work: estimated, in pictures
    """

    number: int
    inputs: tuple[Input, ...]
    work: float

    @property
    def name(self) -> str:
        """The name of its part file: the number, and a digest of the inputs."""
        names = "\0".join(item.name for item in self.inputs)
        digest = hashlib.sha256(names.encode(errors="surrogatepass")).hexdigest()
        return f"part-{self.number:08}-{digest[:12]}"


@dataclass(frozen=True)
class Job:
    """What all batches of a run share.

    metadata: of the tables
    identify: describe the face of each track of the videos
    """

    settings: Settings
    metadata: Mapping[str, str]
    identify: bool = False


@dataclass(frozen=True, slots=True)
class PartProgress:
    """How much of a part is written.

    number: of the batch
    n_inputs, n_frames, n_faces, errors, n_bystanders: done and met so far
    share: of the input at work, 0 to 1
    share_before: what an interrupted run had done of it, in which frames and faces do not count
    is_done: the part has its final name
    tracks: of the part, with what their faces look like, where that was asked for
    """

    number: int
    n_inputs: int = 0
    share: float = 0.0
    share_before: float = 0.0
    n_frames: int = 0
    n_faces: int = 0
    errors: tuple[str, ...] = ()
    n_bystanders: int = 0
    is_done: bool = False
    tracks: tuple[KnownTrack, ...] = ()


def cut(inputs: Sequence[Input], done: frozenset[str] = frozenset()) -> list[Batch]:
    """Return the batches of the inputs that are not done yet.

    The places of the cuts depend on the inputs alone: a run that is resumed makes the batches that
    it would have made otherwise.

    done: names of inputs
    """
    n_each = min(max(len(inputs) // _N_BATCHES, _FEWEST), _MOST)
    groups: list[tuple[Input, ...]] = []
    for is_video, run in groupby(inputs, key=lambda item: item.is_video):
        members, n = tuple(run), 1 if is_video else n_each
        groups += [members[i : i + n] for i in range(0, len(members), n)]
    batches = []
    for number, group in enumerate(groups):
        left = tuple(item for item in group if item.name not in done)
        if left:
            batches.append(Batch(number, left, sum(map(_work_of, left))))
    return batches


def _work_of(item: Input) -> float:
    if not item.is_video or is_url(item.name):
        return 1.0
    try:
        return max(1.0, os.path.getsize(item.name) / _FRAME_BYTES)
    except OSError:  # its row will have the error
        return 1.0


def write_part(
    recognizer: Recognizer,
    batch: Batch,
    path: Path,
    job: Job,
    broken: Mapping[str, str] | None = None,
    state: Path | None = None,
) -> Iterator[PartProgress]:
    """Write the rows of a batch to a part file; yield the progress, at least after each input.

    broken: names of inputs that must not be read, and the errors that their rows get
    state: where the state of an unfinished film lies and is kept; None keeps none
    """
    # Faces are known only where the whole film is seen in this run.
    is_whole = bool(broken) or state is None or job.identify
    film = None if is_whole or state is None else _film(batch, job, state)
    faces = TrackFaces(threads=1) if job.identify else None
    rows = _Rows(recognizer.classes, batch, path, job, film)
    course, share, reported_s = Course(), 0.0, time.monotonic()
    progress = PartProgress(batch.number)

    def reached(value: float) -> None:
        nonlocal share
        share = value

    if film is not None:
        course, share = Course(rest=film.rest), film.share
        progress = replace(progress, share=share, share_before=share, errors=film.errors)
        yield progress
    course = replace(course, reached=reached, at_rest=lambda rest: rows.rest(rest, progress))
    with closing(rows):
        for item in batch.inputs:
            if broken and item.name in broken:
                item = Input(item.name, broken[item.name])
            for result in results_of(recognizer, item, job.settings, course):
                if printable(result.source) != result.source:
                    result = _printable(result)
                rows.write(result)
                if faces is not None:
                    faces.add(result)
                progress = _after(progress, result, share, rows.n_faces)
                if time.monotonic() > reported_s + _REPORT_S:
                    reported_s = time.monotonic()
                    yield progress
            share = 0.0
            progress = replace(progress, n_inputs=progress.n_inputs + 1, share=share)
            yield progress
        rows.end(progress.errors)
    if rows.bystanders is not None:
        n_short = len(rows.bystanders.left_out)
        progress = replace(progress, n_faces=rows.n_faces, n_bystanders=n_short)
        yield progress
    if faces is not None:
        left_out = () if rows.bystanders is None else rows.bystanders.left_out
        yield replace(progress, tracks=tuple(faces.known(left_out)))


def _film(batch: Batch, job: Job, state: Path) -> Unfinished | None:
    """Return what is done of a batch's film; None where it is none of this machine."""
    film = batch.inputs[0]
    if not film.is_video or is_url(film.name):
        return None
    try:
        return Unfinished.of(state, film.name, job.metadata, job.settings.min_seen_s)
    except OSError:  # its row will have the error
        return None


class _Rows:
    """The rows of a part while they are written; those of a long film in pieces.

    n_faces: written in this run, without those that are held back
    """

    def __init__(
        self, classes: Sequence[str], batch: Batch, path: Path, job: Job, film: Unfinished | None
    ) -> None:
        self._classes, self._path, self._job, self._film = classes, path, job, film
        self.n_faces = 0
        self._names = tuple(printable(item.name) for item in batch.inputs)
        least_s = job.settings.min_seen_s
        self.bystanders = Bystanders(least_s) if least_s and film is None else None
        if film is not None:
            self.bystanders = film.bystanders
        self._table = self._open()

    def _open(self) -> TableSink:
        path = self._film.next_piece(self._path.suffix) if self._film else self._path
        # A text part has it in its signature.
        metadata = None
        if path.suffix == ".parquet":
            metadata = {**self._job.metadata, INPUTS: json.dumps(self._names)}
        self._began_s = time.monotonic()
        return open_table(path, self._classes, metadata, self._job.settings.landmarks)

    def write(self, result: FrameResult) -> None:
        self._write([result] if self.bystanders is None else self.bystanders.add(result))

    def _write(self, results: Sequence[FrameResult]) -> None:
        for result in results:
            self._table.write(result)
            self.n_faces += len(result.faces)

    def rest(self, rest: Rest, progress: PartProgress) -> None:
        """End a piece, if there is one to end."""
        if self._film is not None and time.monotonic() >= self._began_s + PIECE_S:
            self._table.close()
            self._sign(self._table.path, progress.errors)
            self._film.save(self._table.path, rest, progress.share, progress.errors)
            self._table = self._open()

    def end(self, errors: Sequence[str]) -> None:
        """Write what waits, and make the part of its pieces."""
        self._write([] if self.bystanders is None else self.bystanders.end())
        self._table.close()
        if self._film is not None:
            self._join(self._film.pieces)
        self._sign(self._path, errors)

    def _join(self, pieces: Sequence[Path]) -> None:
        last = self._table.path
        if not pieces:
            last.replace(self._path)
            return
        self._sign(last, ())
        names = list(map(str, (*pieces, last)))
        if self._path.suffix == ".parquet":
            join_parquet(names, self._path, {INPUTS: json.dumps(self._names)})
        else:
            join_text(names, self._path, has_header=self._path.suffix == ".csv")

    def _sign(self, path: Path, errors: Sequence[str]) -> None:
        if path.suffix == ".parquet":
            return
        try:
            sign(path, Part(str(path), self._names, dict(self._job.metadata), tuple(errors)))
        except OSError as error:
            raise cannot_write(path, error, "is the disk full?") from None

    def close(self) -> None:
        self._table.close()


def _after(progress: PartProgress, result: FrameResult, share: float, n_faces: int) -> PartProgress:
    return replace(
        progress,
        share=share,
        n_frames=progress.n_frames + (result.image is not None),
        n_faces=n_faces,
        errors=(*progress.errors, result.error) if result.error else progress.errors,
    )


def _printable(result: FrameResult) -> FrameResult:
    error = None if result.error is None else printable(result.error)
    return replace(result, source=printable(result.source), error=error)
