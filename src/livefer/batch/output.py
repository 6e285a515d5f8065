"""The output of a large run: part files, one for each finished batch, and the table they make.

A part is written under a hidden name and renamed when it is whole; the names of the inputs whose
rows it has are inside it. So the parts that are there say what is done, whenever a run ended, and
the next one goes on with the rest. A folder as output is made of its parts; of a single file, they
lie beside it until all are there and are then put one behind the other.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from livefer.batch.analyze import Settings, results_of
from livefer.batch.batches import Batch, Input
from livefer.batch.part_files import (
    INPUTS,
    Part,
    has_columns,
    join_parquet,
    join_text,
    parquet_part,
    sign,
    text_part,
)
from livefer.errors import ConfigError, MissingExtraError
from livefer.formatting import printable
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.system.atomic import cannot_write, replacing
from livefer.system.cloud import is_url, list_files, upload
from livefer.tables.reading import read_table
from livefer.tables.writing import TABLE_SUFFIXES, open_table

_HIDDEN = ".part-????????-????????????.*"  # Output.hidden, and no file of somebody else's
_NEWS_S = 0.5  # between two messages from within a video


@dataclass(frozen=True)
class Job:
    """What every process is told: all that the rows depend on, and what the parts say of it.

    about: what tables say about how they were made
    """

    settings: Settings
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class News:
    """How far a batch is.

    number: of the batch
    share: of the input that is being worked on, 0 to 1
    is_done: its part is where it belongs
    """

    number: int
    n_inputs: int = 0
    share: float = 0.0
    n_frames: int = 0
    n_faces: int = 0
    errors: tuple[str, ...] = ()
    is_done: bool = False


def write_part(
    recognizer: Recognizer,
    batch: Batch,
    path: Path,
    job: Job,
    broken: Mapping[str, str] | None = None,
) -> Iterator[News]:
    """Write the rows of a batch, and yield how far it is: at least once for each input.

    broken: names of inputs that must not be touched, and the errors that their rows are to have
    """
    names = [one.name for one in batch.inputs]
    about = {**job.about, INPUTS: json.dumps(names)}
    news, share, said_s = News(batch.number), 0.0, time.monotonic()

    def reached(value: float) -> None:
        nonlocal share
        share = value

    with open_table(path, recognizer.classes, about) as table:
        for one in batch.inputs:
            if broken and one.name in broken:
                one = Input(one.name, broken[one.name])
            for result in results_of(recognizer, one, job.settings, reached):
                if not result.source.isprintable():
                    result = _printable(result)
                table.write(result)
                news = replace(
                    news,
                    share=share,
                    n_frames=news.n_frames + (result.image is not None),
                    n_faces=news.n_faces + len(result.faces),
                    errors=(*news.errors, result.error) if result.error else news.errors,
                )
                if time.monotonic() > said_s + _NEWS_S:
                    said_s = time.monotonic()
                    yield news
            share = 0.0
            news = replace(news, n_inputs=news.n_inputs + 1, share=share)
            yield news
    if path.suffix != ".parquet":
        try:
            sign(path, Part(str(path), tuple(names), dict(job.about), news.errors))
        except OSError as error:
            raise cannot_write(path, error, "is the disk full?") from None


class Output:
    """Where the rows go: a table in one file, or a folder of Parquet files.

    path: a name that ends in .csv, .jsonl or .parquet, or a folder, existing or new; a folder may
        be an address, as in s3://bucket/folder
    """

    def __init__(self, path: str) -> None:
        suffix = "" if is_url(path) else Path(path).suffix.lower()
        is_folder = is_url(path) or Path(path).is_dir() or not suffix
        if not is_folder and suffix not in TABLE_SUFFIXES:
            raise ConfigError(
                f"{path} is no name for a table: expected a folder, or a name that ends in "
                f"{', '.join(TABLE_SUFFIXES)}"
            )
        if is_folder and not is_url(path) and Path(path).is_file():
            raise ConfigError(f"{path} is a file: expected a folder, or a name ending in .csv")
        self.path = path
        self.table = None if is_folder else Path(path)
        self.folder = path if is_folder else f"{path}.parts"
        self.suffix = ".parquet" if is_folder else suffix
        if self.suffix == ".parquet" and find_spec("pyarrow") is None:
            raise MissingExtraError("writing Parquet", "analysis")

    def prepare(self) -> None:
        """Make the folder of the parts, without what an interrupted run left half written."""
        if is_url(self.folder):
            return
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
            self.sweep()
        except OSError as error:
            raise cannot_write(Path(self.folder), error) from None

    def sweep(self) -> None:
        """Remove what was left half written; nobody may be writing."""
        if not is_url(self.folder):
            for name in (_HIDDEN, f".{_HIDDEN}"):  # the second as a table that is written has it
                for path in Path(self.folder).glob(name):
                    path.unlink()

    def hidden(self, batch: Batch) -> Path:
        """Return where a part may be written before it is whole; each time another name."""
        return Path(self.folder) / f".{batch.name}.{uuid4().hex[:8]}{self.suffix}"

    def commit(self, batch: Batch, hidden: Path) -> None:
        """Give a part that is whole its name."""
        hidden.replace(self._place(batch))

    def _place(self, batch: Batch) -> Path:
        return Path(self.folder) / f"{batch.name}{self.suffix}"

    def put(self, batch: Batch, path: Path) -> None:
        """Bring a part that is whole to its place, from anywhere on any machine."""
        if is_url(self.folder):
            address, mark, options = self.folder.partition("?")
            upload(path, f"{address.rstrip('/')}/{batch.name}{self.suffix}{mark}{options}")
            return
        with replacing(self._place(batch)) as part:
            shutil.copyfile(path, part)

    def has_parts(self) -> bool:
        """Say whether a run has left finished parts."""
        return bool(self._names())

    def classes(self) -> tuple[str, ...] | None:
        """Return the classes of a table that was put together; None where there is none yet."""
        if self.table is None or not self.table.is_file() or self._names():
            return None
        classes = read_table(self.table).classes
        if not has_columns(self.table, classes):
            raise ConfigError(
                f"{self.path} was changed by another program: its columns or their types are not "
                "those that livefer writes, so no rows can be put behind its own; write to "
                "another place"
            )
        return classes

    def parts(self) -> list[Part]:
        """Return what is finished; a table that was put together counts as one part."""
        names = self._names()
        if not names and self.table is not None and self.table.is_file():
            sources: dict[str, None] = {}
            errors = []
            table = read_table(self.table)
            for row in table.rows:
                sources[row["source"]] = None
                errors += [row["error"]] if row["error"] else []
            if not sources:
                return []
            return [Part(self.path, tuple(sources), table.metadata, tuple(errors))]
        read = parquet_part if self.suffix == ".parquet" else text_part
        return [read(name) for name in names]

    def _names(self) -> list[str]:
        if is_url(self.folder):
            names = list_files(self.folder) or []
        elif Path(self.folder).is_dir():
            names = sorted(str(p) for p in Path(self.folder).iterdir() if p.name[0] != ".")
        else:
            return []
        return [name for name in names if name.partition("?")[0].endswith(self.suffix)]

    def adopt(self, parts: Sequence[Part]) -> list[Part]:
        """Make a part of a table that was put together, so that more can be put behind it."""
        if self.table is None or [part.path for part in parts] != [self.path]:
            return list(parts)
        (whole,) = parts
        batch = Batch(0, tuple(map(Input, whole.inputs)), 0.0)
        hidden = self.hidden(batch)
        if self.suffix == ".parquet":
            join_parquet([self.path], hidden, {INPUTS: json.dumps(whole.inputs)})
        else:
            shutil.copyfile(self.table, hidden)
            sign(hidden, whole)
        self.commit(batch, hidden)
        return self.parts()

    def finish(self, inputs: Sequence[Input]) -> None:
        """Put a table together from its parts, in the order of the inputs."""
        if self.table is None or not Path(self.folder).is_dir():
            return
        places = {printable(one.name): place for place, one in enumerate(inputs)}
        last = len(places)
        parts = sorted(
            self.parts(), key=lambda p: (places.get(printable(p.inputs[0]), last), p.path)
        )
        names = [part.path for part in parts]
        todo = f"make room; its parts are in {self.folder}, and --resume puts them together"
        with replacing(self.table, todo=todo) as whole:
            if self.suffix == ".parquet":
                join_parquet(names, whole, {})
            else:
                join_text(names, whole, has_header=self.suffix == ".csv")
        shutil.rmtree(self.folder)


def _printable(result: FrameResult) -> FrameResult:
    error = None if result.error is None else printable(result.error)
    return replace(result, source=printable(result.source), error=error)
