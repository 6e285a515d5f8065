"""The output of a large run: a part file for each finished batch, and the table made of them.

A part has a hidden name until it is complete, and holds the names of the inputs whose rows it has.
So the parts tell what is done, however a run ended, and the next run continues with the rest. If
the output is a folder, it consists of its parts. If it is a single file, the parts lie in a folder
beside it until all are finished; then they are joined.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from livefer.batch.analyze import Input
from livefer.batch.batches import Batch
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
from livefer.media.names import same_file
from livefer.system.atomic import cannot_write, replacing
from livefer.system.cloud import is_url, list_files, upload
from livefer.tables.reading import column_names, read_table
from livefer.tables.schema import SCHEMA_VERSION, has_landmarks
from livefer.tables.sidecar import SCHEMA, drop_sidecar, write_sidecar
from livefer.tables.writing import TABLE_SUFFIXES

_HIDDEN = ".part-????????-????????????.*"  # matches Output.hidden, and no other program's files
_STATE = ".unfinished."  # of a film


class Output:
    """Where the rows are written: a table in one file, or a folder of Parquet files.

    path: a name that ends in .csv, .jsonl or .parquet, or a folder, existing or new; a folder may
        be an address, as in s3://bucket/folder
    table: the file; None for a folder
    folder: of the parts
    suffix: of the parts
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
        """Make the folder of the parts, and remove unfinished ones, but for the films' states."""
        if is_url(self.folder):
            return
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
            self.sweep(but=_STATE)
        except OSError as error:
            raise cannot_write(Path(self.folder), error) from None

    def sweep(self, but: str | None = None) -> None:
        """Remove unfinished parts; no process may be writing.

        but: what the names of those hold that stay
        """
        if not is_url(self.folder):
            for name in (_HIDDEN, f".{_HIDDEN}"):  # the second: temporary names of the tables
                for path in Path(self.folder).glob(name):
                    if but is None or but not in path.name:
                        path.unlink()

    def state(self, batch: Batch) -> Path:
        """Return the name of the state of a batch's film, which does not depend on the others."""
        digest = batch.name.rpartition("-")[2]
        return Path(self.folder) / f".part-00000000-{digest}{_STATE}json"

    def hidden(self, batch: Batch) -> Path:
        """Return a hidden name for a part that is not complete; another one with each call."""
        return Path(self.folder) / f".{batch.name}.{os.urandom(4).hex()}{self.suffix}"

    def commit(self, batch: Batch, hidden: Path) -> None:
        """Give a complete part its final name."""
        hidden.replace(self._place(batch))
        state = self.state(batch)
        for path in state.parent.glob(f"{state.stem}.*"):
            path.unlink()

    def _place(self, batch: Batch) -> Path:
        return Path(self.folder) / f"{batch.name}{self.suffix}"

    def put(self, batch: Batch, path: Path) -> None:
        """Copy a complete part to its place, from any folder of any machine."""
        if is_url(self.folder):
            address, mark, options = self.folder.partition("?")
            upload(path, f"{address.rstrip('/')}/{batch.name}{self.suffix}{mark}{options}")
            return
        with replacing(self._place(batch)) as part:
            shutil.copyfile(path, part)

    def has_parts(self) -> bool:
        """Say whether there are parts of an earlier run, the beginnings of films included."""
        return bool(self._names()) or any(self._states())

    def _states(self) -> Iterator[Path]:
        if not is_url(self.folder):
            yield from Path(self.folder).glob(f"{_HIDDEN.removesuffix('.*')}{_STATE}json")

    def content(self) -> tuple[tuple[str, ...], bool] | None:
        """Return the classes of the finished table, and whether it has landmarks.

        None where there is none yet.
        """
        if self.table is None or not self.table.is_file() or self._names():
            return None
        classes = read_table(self.table).classes
        landmarks = has_landmarks(column_names(self.table))
        if not has_columns(self.table, classes, landmarks):
            raise ConfigError(
                f"{self.path} was changed by another program: its columns or their types are not "
                "those that livefer writes, so that no rows can be added; write to another place"
            )
        return classes, landmarks

    def parts(self) -> list[Part]:
        """Return the finished parts; a finished table counts as one part."""
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
        """Turn a finished table into a part again, so that other parts can follow it."""
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
        """Join the parts to the table, in the order of the inputs."""
        if self.table is None or not Path(self.folder).is_dir():
            return
        places = {same_file(printable(item.name)): place for place, item in enumerate(inputs)}
        last = len(places)

        def place(part: Part) -> tuple[int, str]:
            return places.get(same_file(printable(part.inputs[0])), last), part.path

        parts = sorted(self.parts(), key=place)
        names = [part.path for part in parts]
        todo = f"make room; its parts are in {self.folder}, and --resume joins them"
        with replacing(self.table, todo=todo) as whole:
            if self.suffix == ".parquet":
                join_parquet(names, whole, {})
            else:
                join_text(names, whole, has_header=self.suffix == ".csv")
        if self.suffix != ".parquet" and parts[0].metadata:
            write_sidecar(self.table, {SCHEMA: str(SCHEMA_VERSION), **parts[0].metadata})
        elif self.suffix != ".parquet":
            drop_sidecar(self.table)
        shutil.rmtree(self.folder)
