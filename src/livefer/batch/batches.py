"""The batches of a large run: what one process does in one go, and the part file it writes."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from livefer.batch.analyze import Input, Settings, results_of
from livefer.batch.part_files import INPUTS, Part, sign
from livefer.formatting import printable
from livefer.identity.persons import KnownTrack
from livefer.identity.tracks import TrackFaces
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.system.atomic import cannot_write
from livefer.system.cloud import is_url
from livefer.tables.writing import open_table

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
    is_done: the part has its final name
    tracks: of the part, with what their faces look like, where that was asked for
    """

    number: int
    n_inputs: int = 0
    share: float = 0.0
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
) -> Iterator[PartProgress]:
    """Write the rows of a batch to a part file; yield the progress, at least after each input.

    broken: names of inputs that must not be read, and the errors that their rows get
    """
    names = [printable(item.name) for item in batch.inputs]
    # Of a text part, the signature tells it.
    metadata = {**job.metadata, INPUTS: json.dumps(names)} if path.suffix == ".parquet" else None
    settings = job.settings
    progress, share, reported_s = PartProgress(batch.number), 0.0, time.monotonic()
    faces = TrackFaces(threads=1) if job.identify else None

    def reached(value: float) -> None:
        nonlocal share
        share = value

    with open_table(
        path, recognizer.classes, metadata, settings.landmarks, settings.min_seen_s
    ) as table:
        for item in batch.inputs:
            if broken and item.name in broken:
                item = Input(item.name, broken[item.name])
            for result in results_of(recognizer, item, settings, reached):
                if printable(result.source) != result.source:
                    result = _printable(result)
                table.write(result)
                if faces is not None:
                    faces.add(result)
                progress = _after(progress, result, share)
                if time.monotonic() > reported_s + _REPORT_S:
                    reported_s = time.monotonic()
                    yield progress
            share = 0.0
            progress = replace(progress, n_inputs=progress.n_inputs + 1, share=share)
            yield progress
    if table.n_bystanders:
        progress = replace(progress, n_bystanders=table.n_bystanders)
        yield progress
    if faces is not None:
        progress = replace(progress, tracks=tuple(faces.known(table.left_out)))
        yield progress
    if path.suffix != ".parquet":
        try:
            sign(path, Part(str(path), tuple(names), dict(job.metadata), progress.errors))
        except OSError as error:
            raise cannot_write(path, error, "is the disk full?") from None


def _after(progress: PartProgress, result: FrameResult, share: float) -> PartProgress:
    return replace(
        progress,
        share=share,
        n_frames=progress.n_frames + (result.image is not None),
        n_faces=progress.n_faces + len(result.faces),
        errors=(*progress.errors, result.error) if result.error else progress.errors,
    )


def _printable(result: FrameResult) -> FrameResult:
    error = None if result.error is None else printable(result.error)
    return replace(result, source=printable(result.source), error=error)
