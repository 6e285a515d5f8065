"""Result tables read back row by row: CSV, JSON lines, Parquet, or a folder of Parquet files.

CSV and JSON lines need only Python; Parquet needs pyarrow (the `analysis` extra). What other
programs make of a CSV is read, too: ";" or a tab between cells, a comma in numbers, empty lines.
Rows come as `livefer.to_rows` makes them, with the columns that figures need: an empty cell is
None. Further columns are left out, and the optional ones may be missing. Rows of markers are no
frames, and are left out.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from livefer.errors import DatasetError, MissingExtraError
from livefer.tables.schema import FACE_COLUMNS, FRAME_COLUMNS, LIVE_COLUMNS, Type, classes_in
from livefer.tables.sidecar import read_sidecar

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
Row = dict[str, Any]
OnRead = Callable[[int, int], None]

_NEEDED = ("source", "index", "time_s", "label", "confidence", "uncertain")
_OPTIONAL = ("n_skipped", "error", "note", "track_id", "profile", "marker")
BOX = ("left", "top", "right", "bottom", "score")
"""Columns that are read only if asked for: few figures need them, and numbers take time."""
_STARTED = re.compile(r"started \d{4}-\d\d-\d\dT\S+$")  # the marker of live/session.py
_MAX_TIME_S = 1e12  # 30,000 years: a float still tells milliseconds apart
_EVERY = 4096  # rows between two calls of progress
_BAD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, csv.Error)  # odd contents


@dataclass(frozen=True)
class ResultTable:
    """A result table that is open for reading.

    classes: the class names that it has columns of
    rows: its rows, to be iterated once; a row that makes no sense raises DatasetError
    metadata: how it was made: names and values, of the file or of the one beside it
    """

    classes: tuple[str, ...]
    rows: Iterator[Row]
    metadata: dict[str, str]


def read_table(
    path: str | Path, progress: OnRead | None = None, more: Sequence[str] = ()
) -> ResultTable:
    """Open a result table. DatasetError where the path holds none.

    more: further columns to read, such as BOX; a table may lack them
    progress: called with the bytes or rows that are read, and with all there are
    """
    table = _read(Path(path), progress or (lambda done, total: None), more)
    return replace(table, rows=(row for row in table.rows if row.pop("marker") is None))


def read_markers(path: str | Path) -> list[Row]:
    """Return the rows of a live table that are markers, but for those of a session's start.

    DatasetError where the path holds no table, or no markers.
    """
    rows = _read(Path(path), lambda done, total: None, ()).rows
    markers = [r for r in rows if r["marker"] is not None and not _STARTED.match(r["marker"])]
    if not markers:
        raise DatasetError(
            f"{path} has no markers: expected a table of livefer webcam or watch, written while "
            "Enter was pressed or --markers got some"
        )
    return markers


def _read(path: Path, progress: OnRead, more: Sequence[str]) -> ResultTable:
    """Open a table with all its rows, those of markers too."""
    if is_parquet(path):
        return _read_parquet(path, progress, more)
    names = column_names(path)
    classes = _checked_classes(names, path)
    metadata = read_sidecar(path)
    if path.suffix.lower() == ".csv":
        found = _csv_rows(path, names, classes, progress, more)
    else:
        found = _jsonl_rows(path, classes, progress)
    return ResultTable(classes, found, metadata)


def is_table(path: Path) -> bool:
    """Say whether a file is a result table rather than another one of rows, by its columns."""
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() in SUFFIXES
    try:
        return {"source", "time_s"} <= set(column_names(path))
    except DatasetError:  # reading it raises the error again
        return False


def is_parquet(path: Path) -> bool:
    """Say whether a table is of Parquet: by its suffix, or because it is a folder."""
    return path.is_dir() or path.suffix.lower() == ".parquet"


def column_names(path: Path) -> list[str]:
    """Return the names of a file's columns. DatasetError where they cannot be read."""
    suffix = path.suffix.lower()
    if not path.exists():
        raise DatasetError(
            f"{path} is not there: expected a table that livefer wrote; check the path"
        )
    if not path.is_dir() and suffix not in SUFFIXES:
        raise DatasetError(
            f"{path} has no suffix of a table: expected one of {', '.join(SUFFIXES)}"
        )
    if path.is_file() and not path.stat().st_size:
        raise DatasetError(f"{path} is empty: expected a table with a header")
    if is_parquet(path):
        return list(open_parquet(path).schema.names)
    try:
        if suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return next(_filled_rows(file, separator(path)), (1, []))[1]
        with path.open("rb") as lines:
            first = json.loads(next(filter(bytes.strip, lines), b"{}"))
        return list(first) if isinstance(first, dict) else []
    except (OSError, *_BAD) as error:
        raise _not_a_table(path, 1, error) from None


def separator(path: Path) -> str:
    """Return what stands between the cells of a CSV: ",", or ";" or a tab of a spreadsheet.

    The first one in the header, because the first column of a result table has none in its name.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(filter(str.strip, file), "")
    return min((mark for mark in ",;\t" if mark in header), key=header.index, default=",")


def _filled_rows(file: TextIO, between: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row that is not empty."""
    rows = csv.reader(file, delimiter=between)
    return ((number, cells) for number, cells in enumerate(rows, 1) if any(map(str.strip, cells)))


def open_parquet(path: Path) -> Any:
    """Open a Parquet file, or those in a folder and below it, as a `pyarrow.dataset.Dataset`.

    Other files in the folder are left out, as are names that begin with "." or "_".
    """
    try:
        import pyarrow as pa
        import pyarrow.dataset as ds
    except ModuleNotFoundError:
        raise MissingExtraError("reading Parquet", "analysis") from None
    try:
        if not path.is_dir():  # a folder's name as in "label=calm" is no column
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


def _checked_classes(names: Sequence[str], path: Path) -> tuple[str, ...]:
    missing = [name for name in _NEEDED if name not in names]
    classes = classes_in(names)
    if missing or not classes:
        lacks = f"columns {', '.join(missing)}" if missing else "columns of probabilities"
        lacks = lacks if len(missing) != 1 else f"column {missing[0]}"
        raise DatasetError(
            f"{path} has no {lacks}: expected a table that livefer wrote, with one row for each "
            "face"
        )
    return classes


def _csv_rows(
    path: Path,
    names: Sequence[str],
    classes: Sequence[str],
    progress: OnRead,
    more: Sequence[str],
) -> Iterator[Row]:
    known = {**FRAME_COLUMNS, **FACE_COLUMNS, **LIVE_COLUMNS}
    types = {name: known[name] for name in (*_NEEDED, *_OPTIONAL, *more)} | dict.fromkeys(
        classes, float
    )
    parsers = [_PARSERS[types[name]] if name in types else None for name in names]
    number, size, between = 1, path.stat().st_size, separator(path)
    with path.open("rb") as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
        try:
            rows = _filled_rows(file, between)
            next(rows, None)  # the header
            for number, cells in rows:
                if len(cells) != len(names):
                    raise ValueError(f"{len(cells)} cells instead of {len(names)}")
                row: Row = {
                    name: parse(cell) if cell else None
                    for name, parse, cell in zip(names, parsers, cells, strict=True)
                    if parse is not None
                }
                yield _checked(row, classes)
                if number % _EVERY == 0:
                    progress(raw.tell(), size)
        except _BAD as error:
            raise _not_a_table(path, number, error) from None


def _jsonl_rows(path: Path, classes: Sequence[str], progress: OnRead) -> Iterator[Row]:
    number, size = 1, path.stat().st_size
    with path.open("rb") as file:
        try:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                yield _checked(json.loads(line), classes)
                if number % _EVERY == 0:
                    progress(file.tell(), size)
        except _BAD as error:
            raise _not_a_table(path, number, error) from None


def _read_parquet(path: Path, progress: OnRead, more: Sequence[str]) -> ResultTable:
    table = open_parquet(path)
    import pyarrow as pa

    names = table.schema.names
    classes = _checked_classes(names, path)
    try:
        n_rows = table.count_rows()
    except (pa.ArrowException, OSError) as error:
        raise _not_a_table(path, None, error) from None
    wanted = [name for name in names if name in {*_NEEDED, *_OPTIONAL, *more, *classes}]
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

    return ResultTable(classes, rows(), metadata)


def _whole(cell: str) -> int:
    """Return a whole number, also where another program has written it as 3.0."""
    return int(cell) if cell.isdigit() else int(_number(cell))


def _number(cell: str) -> float:
    """Return a number, also where a spreadsheet has written it as 0,5."""
    return float(cell.replace(",", "."))


def _truth(cell: str) -> bool:
    return {"true": True, "false": False}[cell.lower()]


_PARSERS: dict[Type, Callable[[str], Any]] = {
    str: str,
    int: _whole,
    float: _number,
    bool: _truth,
}


def _checked(row: Row, classes: Sequence[str]) -> Row:
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
        if isinstance(row["track_id"], float):  # as pandas writes whole numbers with gaps
            row["track_id"] = int(row["track_id"])
    return row


def _not_a_table(path: Path, row: int | None, error: Exception) -> DatasetError:
    """Return the error for the place at which a table cannot be read."""
    where = str(path) if row is None else f"{path}, row {row}"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, KeyError):
        reason = f"unexpected or missing: {reason}"
    return DatasetError(f"{where} is not what livefer writes ({reason})")
