"""Reads result tables back, row by row: CSV, JSON lines, Parquet, or a folder of Parquet files.

CSV and JSON lines need nothing but Python; Parquet needs pyarrow (the `analysis` extra). Rows come
as `livefer.tables.writing.rows` made them: what is empty is None. Only columns that figures are
made of are looked at; a table may have more, and the optional ones may be missing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from livefer.errors import DatasetError, MissingExtraError

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
Row = dict[str, Any]
Progress = Callable[[int, int], None]

_MAX_TIME_S = 1e12  # 30,000 years: a float still tells milliseconds apart
_EVERY = 4096  # rows between two calls of progress
_BAD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, csv.Error)  # odd contents


@dataclass(frozen=True)
class Table:
    """A result table that is open for reading: the classes it has, and its rows, to be read once.

    metadata: what the file says about itself; empty but for Parquet
    """

    classes: tuple[str, ...]
    rows: Iterator[Row]
    metadata: dict[str, str]


def read_table(path: str | Path, progress: Progress | None = None) -> Table:
    """Open a result table.

    progress: called with what is done and the whole, in bytes or rows
    """
    path = Path(path)
    progress = progress or (lambda done, total: None)
    if path.is_dir():
        return _read_parquet(path, progress)
    if not path.is_file():
        raise DatasetError(f"{path} is not there: expected a table that livefer wrote")
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    readers |= {".jsonl": _read_jsonl, ".ndjson": _read_jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DatasetError(
            f"{path} has no suffix of a table: expected one of {', '.join(SUFFIXES)}"
        )
    return reader(path, progress)


def classes_of(columns: Sequence[str], path: Path) -> tuple[str, ...]:
    """Return the classes of a table with these columns: those that have a raw_ column, too."""
    missing = [name for name in _COLUMNS if name not in columns and name not in _OPTIONAL]
    classes = tuple(name for name in columns if f"raw_{name}" in columns)
    if missing or not classes:
        lacks = f"columns {', '.join(missing)}" if missing else "columns of probabilities"
        lacks = lacks if len(missing) != 1 else f"column {missing[0]}"
        raise DatasetError(
            f"{path} has no {lacks}: expected a table that livefer wrote, with one row for each "
            "face"
        )
    return classes


def _read_csv(path: Path, progress: Progress) -> Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, *_BAD) as error:
        raise _not_a_table(path, 1, error) from None
    classes = classes_of(header, path)
    parsers = [float if name in classes else _COLUMNS.get(name) for name in header]
    size = path.stat().st_size

    def rows() -> Iterator[Row]:
        number = 1
        with path.open("rb") as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            try:
                for number, cells in enumerate(csv.reader(file), 1):
                    if number == 1:
                        continue
                    if len(cells) != len(header):
                        raise ValueError(f"{len(cells)} cells instead of {len(header)}")
                    row: Row = {
                        name: parse(cell) if cell else None
                        for name, parse, cell in zip(header, parsers, cells, strict=True)
                        if parse is not None
                    }
                    yield _checked(row, classes)
                    if number % _EVERY == 0:
                        progress(raw.tell(), size)
            except _BAD as error:
                raise _not_a_table(path, number, error) from None

    return Table(classes, rows(), {})


def _read_jsonl(path: Path, progress: Progress) -> Table:
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline() or b"{}")
    except (OSError, *_BAD) as error:
        raise _not_a_table(path, 1, error) from None
    classes = classes_of(list(first) if isinstance(first, dict) else [], path)
    size = path.stat().st_size

    def rows() -> Iterator[Row]:
        number = 1
        with path.open("rb") as file:
            try:
                for number, line in enumerate(file, 1):
                    yield _checked(json.loads(line), classes)
                    if number % _EVERY == 0:
                        progress(file.tell(), size)
            except _BAD as error:
                raise _not_a_table(path, number, error) from None

    return Table(classes, rows(), {})


def open_parquet(path: Path) -> Any:
    """Open a Parquet file, or those in a folder and below it, as a `pyarrow.dataset.Dataset`.

    Whatever else lies in the folder is left alone, as are names that begin with "." or "_".
    """
    try:
        import pyarrow as pa
        import pyarrow.dataset as ds
    except ModuleNotFoundError:
        raise MissingExtraError("reading Parquet", "analysis") from None
    try:
        if not path.is_dir():  # what is in its folders' names is no column
            return ds.dataset(path, format="parquet")
        files = [
            file.as_posix()
            for file in sorted(path.rglob("*.parquet"))
            if file.is_file() and not any(n[0] in "._" for n in file.relative_to(path).parts)
        ]
        if not files:
            raise DatasetError(
                f"{path} is a folder without .parquet files: expected one that livefer analyze "
                "wrote (of pictures and videos that makes the table)"
            )
        base = path.as_posix()
        return ds.dataset(files, format="parquet", partitioning="hive", partition_base_dir=base)
    except (pa.ArrowException, OSError) as error:
        raise _not_a_table(path, None, error) from None


def _read_parquet(path: Path, progress: Progress) -> Table:
    table = open_parquet(path)
    import pyarrow as pa

    classes = classes_of(table.schema.names, path)
    try:
        n_rows = table.count_rows()
    except (pa.ArrowException, OSError) as error:
        raise _not_a_table(path, None, error) from None
    wanted = [name for name in table.schema.names if name in {*_COLUMNS, *classes}]
    metadata = {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in (table.schema.metadata or {}).items()
        if key not in (b"ARROW:schema", b"pandas")
    }

    def rows() -> Iterator[Row]:
        number = 0
        try:
            for batch in table.to_batches(columns=wanted, batch_size=_EVERY):
                for row in batch.to_pylist():
                    number += 1
                    yield _checked(row, classes)
                progress(number, n_rows)
        except (pa.ArrowException, OSError, *_BAD) as error:
            raise _not_a_table(path, number, error) from None

    return Table(classes, rows(), metadata)


def _whole(cell: str) -> int:
    """Return a whole number, also where another program has written it as 3.0."""
    return int(cell) if cell.isdigit() else int(float(cell))


_COLUMNS: dict[str, Callable[[str], Any]] = {
    "source": str,
    "index": _whole,
    "time_s": float,
    "n_skipped": _whole,
    "error": str,
    "track_id": _whole,
    "label": str,
    "confidence": float,
    "uncertain": lambda cell: {"true": True, "false": False}[cell.lower()],
    "note": str,
}
_OPTIONAL = {"n_skipped", "error", "track_id", "note"}


def _checked(row: Row, classes: tuple[str, ...]) -> Row:
    """Return a row with every column that figures need; ValueError where one makes no sense."""
    for name in _OPTIONAL:
        row.setdefault(name, None)
    if row["source"] is None or row["index"] is None or row["time_s"] is None:
        raise ValueError("a row without source, index or time_s")
    if not abs(row["time_s"]) < _MAX_TIME_S:  # nan too
        raise ValueError(f"time_s is {row['time_s']}")
    if row["label"] is not None:
        if row["label"] not in classes:
            raise ValueError(f'"{row["label"]}" is not a class of this table')
        empty = [name for name in ("confidence", "uncertain", *classes) if row[name] is None]
        if empty:
            raise ValueError(f"a face without {', '.join(empty)}")
        if isinstance(row["track_id"], float):  # as pandas has whole numbers with gaps
            row["track_id"] = int(row["track_id"])
    return row


def _not_a_table(path: Path, row: int | None, error: Exception) -> DatasetError:
    """Return the error for a place at which a table cannot be read."""
    where = str(path) if row is None else f"{path}, row {row}"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, KeyError):
        reason = f"unexpected or missing: {reason}"
    return DatasetError(f"{where} is not what livefer writes ({reason})")
