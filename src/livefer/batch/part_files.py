"""Files of finished parts: what they say about themselves, and how they become one.

A part of Parquet says it in its metadata. CSV and JSON lines have no such place: what one of them
says is a line of JSON behind the rows, followed by the length of that line.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from livefer.errors import DatasetError
from livefer.system.cloud import is_url, open_file
from livefer.tables.schema import columns, parquet_schema

INPUTS = "livefer.inputs"
"""The key under which a part of Parquet names its inputs, as JSON."""

_LENGTH = 16  # bytes at the end of a text: the length of what is said
_ROWS = 20_000  # of a Parquet table that are put into one group


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part: where it is, the names of its inputs, and the errors in its rows."""

    path: str
    inputs: tuple[str, ...]
    about: dict[str, str]
    errors: tuple[str, ...]


def sign(path: Path, part: Part) -> None:
    """Write behind the rows of a text what the part says about itself, and how long that is."""
    says = {"inputs": part.inputs, "about": part.about, "errors": part.errors}
    line = json.dumps(says).encode() + b"\n"
    with path.open("ab") as file:
        file.write(line + f"{len(line):>{_LENGTH - 1}}\n".encode())


def _signature(file: BinaryIO) -> tuple[int, bytes]:
    """Return how many bytes of a part that is text are rows, and what stands behind them."""
    size = file.seek(-_LENGTH, os.SEEK_END)
    length = int(file.read(_LENGTH))
    file.seek(size - length)
    return size - length, file.read(length)


def text_part(name: str) -> Part:
    """Read what a part that is text says about itself."""
    try:
        with open(name, "rb") as file:
            says = json.loads(_signature(file)[1])
        return Part(name, tuple(says["inputs"]), says["about"], tuple(says["errors"]))
    except (OSError, ValueError, KeyError) as error:
        raise _not_a_part(name, error) from None


def parquet_part(name: str) -> Part:
    """Read what a part of Parquet says about itself, and the errors of its rows."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with open_file(name) if is_url(name) else open(name, "rb") as file:
            opened = pq.ParquetFile(file)
            errors = pc.drop_null(opened.read(["error"])["error"]).to_pylist()
            about = {
                k.decode(): v.decode() for k, v in (opened.schema_arrow.metadata or {}).items()
            }
        return Part(name, tuple(json.loads(about.pop(INPUTS))), about, tuple(errors))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _not_a_part(name, error) from None


def _not_a_part(name: str, error: Exception) -> DatasetError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DatasetError(
        f"{name} is not what livefer analyze writes ({reason}): expected a folder of its own"
    )


def has_columns(table: Path, classes: Sequence[str]) -> bool:
    """Say whether a table has just the columns of a part, so that rows can be put behind its own.

    In JSON lines each row names its columns, so there it does not matter.
    """
    if table.suffix.lower() == ".csv":
        with table.open(encoding="utf-8-sig", newline="") as file:
            return tuple(next(csv.reader(file), [])) == columns(classes)
    if table.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        return bool(pq.read_schema(table).equals(parquet_schema(classes)))
    return True


def join_text(names: Sequence[str], to: Path, has_header: bool) -> None:
    """Write the rows of parts that are text one behind the other, with one header."""
    first = b""
    with to.open("wb") as whole:
        for number, name in enumerate(names):
            with open(name, "rb") as file:
                left = _signature(file)[0]
                file.seek(0)
                if has_header:
                    header = file.readline()
                    left -= len(header)
                    if number == 0:
                        first = header
                        whole.write(header)
                    elif _cells(header) != _cells(first):
                        raise _of_another_version(name)
                while left > 0 and (data := file.read(min(left, 1 << 20))):
                    whole.write(data)
                    left -= len(data)


def _cells(header: bytes) -> bytes:
    """Return a CSV's first line without what other programs may have put around it."""
    return header.removeprefix(codecs.BOM_UTF8).strip()


def _of_another_version(name: str) -> DatasetError:
    return DatasetError(
        f"{name} has other columns than the part before it: was it begun by another version of "
        "livefer? Go on with that one, or write to another place"
    )


def join_parquet(names: Sequence[str], to: Path, more: Mapping[str, str]) -> None:
    """Write the rows of parts of Parquet one behind the other.

    more: what the file is to say about itself, beside what they say, but for their inputs
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(names[0])
    about = {k: v for k, v in (schema.metadata or {}).items() if k != INPUTS.encode()}
    schema = schema.with_metadata({**about, **{k.encode(): v.encode() for k, v in more.items()}})
    waiting: list[Any] = []
    with pq.ParquetWriter(to, schema, compression="zstd") as whole:
        for name in names:
            if pq.read_schema(name).names != schema.names:
                raise _of_another_version(name)
            for rows in pq.ParquetFile(name).iter_batches(batch_size=_ROWS):
                waiting.append(rows.cast(schema) if rows.schema != schema else rows)
                if sum(len(r) for r in waiting) >= _ROWS:
                    whole.write_table(pa.Table.from_batches(waiting, schema))
                    waiting = []
        if waiting:
            whole.write_table(pa.Table.from_batches(waiting, schema))
