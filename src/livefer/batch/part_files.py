"""Part files: the signature of each, and how they are joined to one table.

The signature holds the names of the inputs, the metadata of the table and the errors in the rows. A
Parquet file has it in its metadata. CSV and JSON lines have it as a line of JSON after the rows,
followed by the length of that line.
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
"""The metadata key of the inputs' names in a Parquet part, as JSON."""

_LENGTH = 16  # bytes at the end of a text part: the length of its signature
_ROWS = 20_000  # of a row group of a Parquet table


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part.

    path: a path or an address
    inputs: their names
    metadata: of the table
    errors: in the rows
    """

    path: str
    inputs: tuple[str, ...]
    metadata: dict[str, str]
    errors: tuple[str, ...]


def sign(path: Path, part: Part) -> None:
    """Append the signature to a text part that has all its rows."""
    signature = {"inputs": part.inputs, "about": part.metadata, "errors": part.errors}
    line = json.dumps(signature).encode() + b"\n"
    with path.open("ab") as file:
        file.write(line + f"{len(line):>{_LENGTH - 1}}\n".encode())


def _signature(file: BinaryIO) -> tuple[int, bytes]:
    """Return the number of bytes of a text part that are rows, and its signature."""
    size = file.seek(-_LENGTH, os.SEEK_END)
    length = int(file.read(_LENGTH))
    file.seek(size - length)
    return size - length, file.read(length)


def text_part(name: str) -> Part:
    """Read the signature of a CSV or JSON lines part; DatasetError where it has none."""
    try:
        with open(name, "rb") as file:
            signature = json.loads(_signature(file)[1])
        inputs, errors = tuple(signature["inputs"]), tuple(signature["errors"])
        return Part(name, inputs, signature["about"], errors)
    except (OSError, ValueError, KeyError) as error:
        raise _not_a_part(name, error) from None


def parquet_part(name: str) -> Part:
    """Read the signature of a Parquet part; DatasetError where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with open_file(name) if is_url(name) else open(name, "rb") as file:
            opened = pq.ParquetFile(file)
            errors = pc.drop_null(opened.read(["error"])["error"]).to_pylist()
            metadata = {
                k.decode(): v.decode() for k, v in (opened.schema_arrow.metadata or {}).items()
            }
        return Part(name, tuple(json.loads(metadata.pop(INPUTS))), metadata, tuple(errors))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _not_a_part(name, error) from None


def _not_a_part(name: str, error: Exception) -> DatasetError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DatasetError(
        f"{name} is not what livefer analyze writes ({reason}): expected a folder of its own"
    )


def has_columns(table: Path, classes: Sequence[str], landmarks: bool) -> bool:
    """Say whether a table has exactly the columns of a part, so that rows can be appended.

    Always so in JSON lines, where each row names its columns.
    """
    if table.suffix.lower() == ".csv":
        with table.open(encoding="utf-8-sig", newline="") as file:
            return tuple(next(csv.reader(file), [])) == columns(classes, landmarks)
    if table.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        return bool(pq.read_schema(table).equals(parquet_schema(classes, landmarks)))
    return True


def join_text(names: Sequence[str], to: Path, has_header: bool) -> None:
    """Join text parts.

    has_header: the first line of each part is a header, of which one is written
    """
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
    """Return the first line of a CSV without a byte order mark and spaces around it."""
    return header.removeprefix(codecs.BOM_UTF8).strip()


def _of_another_version(name: str) -> DatasetError:
    return DatasetError(
        f"{name} has other columns than the part before it: was it written by another version of "
        "livefer? Continue with that version, or write to another place"
    )


def join_parquet(names: Sequence[str], to: Path, more: Mapping[str, str]) -> None:
    """Join Parquet parts.

    more: metadata of the table, beside that of the parts, of which the names of inputs are left out
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(names[0])
    metadata = {k: v for k, v in (schema.metadata or {}).items() if k != INPUTS.encode()}
    schema = schema.with_metadata({**metadata, **{k.encode(): v.encode() for k, v in more.items()}})
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
