"""Result tables as plain rows and as data frames: written by name, read back with their types.

    with open_table("clip.parquet", recognizer.classes) as table: table.write(result)
    frame = read_results("clip.parquet")

CSV and JSON lines say nothing about types; read_results knows them from the columns' names, so that
all three kinds give the same frame.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from livefer.errors import ConfigError, DatasetError, LiveferError
from livefer.labels import CLASSES
from livefer.results import FrameResult
from livefer.tables.reading import open_parquet
from livefer.tables.writing import (
    FACE_COLUMNS,
    FRAME_COLUMNS,
    CsvSink,
    JsonlSink,
    ParquetSink,
    TableSink,
    Type,
    column_types,
    rows,
)
from livefer.tables.writing import SCHEMA_VERSION as SCHEMA_VERSION  # part of this module's names

Library = Literal["pandas", "polars"]
TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")


def to_rows(
    results: Iterable[FrameResult], classes: Sequence[str] = CLASSES
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table: one for each face, one for a frame without a face.

    classes: of the model that made the results; they are columns of every row
    """
    for result in results:
        yield from rows(result, classes)


def open_table(
    path: str | Path, classes: Sequence[str], metadata: Mapping[str, str] | None = None
) -> TableSink:
    """Return a table of the kind that the name says, to be written.

    metadata: what a Parquet file is to say about itself, beside the version of its schema
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        return CsvSink(path, classes)
    if suffix == ".jsonl":
        return JsonlSink(path, classes)
    if suffix == ".parquet":
        return ParquetSink(path, classes, metadata)
    raise ConfigError(
        f"{path} is no name for a table: expected one that ends in {', '.join(TABLE_SUFFIXES)}"
    )


def read_results(path: str | Path, library: Library | None = None) -> Any:
    """Return a table as a pandas or polars DataFrame, with the same types from every kind of file.

    What is empty is missing (NA, null). The types of pandas are string, Int64, float64 and boolean.

    library: None takes pandas, or polars where there is no pandas
    """
    path = Path(path)
    names = _names(path)
    classes = tuple(name for name in names if f"raw_{name}" in names)
    known = {**FRAME_COLUMNS, **FACE_COLUMNS, **column_types(classes)}
    types = {name: known[name] for name in names if name in known}
    if library is None:
        library = "polars" if find_spec("pandas") is None else "pandas"
    try:
        return _read_pandas(path, types) if library == "pandas" else _read_polars(path, types)
    except ModuleNotFoundError:
        raise LiveferError(
            f"read_results needs {library}: pip install {library} pyarrow, or read plain rows with "
            "livefer.tables.reading.read_table"
        ) from None


def _names(path: Path) -> list[str]:
    """Return the names of a table's columns."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet" or path.is_dir():
            return open_parquet(path).schema.names  # type: ignore[no-any-return]
        with path.open(encoding="utf-8-sig", newline="") as file:
            if suffix == ".csv":
                names = next(csv.reader(file), [])
            else:
                names = list(json.loads(file.readline() or "{}"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): check the path") from None
    except (ValueError, TypeError, csv.Error):
        names = []
    if "source" not in names or "time_s" not in names:
        raise DatasetError(f"{path} is not what livefer writes: expected a table of results")
    return names


def _read_pandas(path: Path, types: dict[str, Type]) -> Any:
    import pandas as pd

    kinds = {str: "string", int: "Int64", float: "float64", bool: "boolean"}
    dtypes = {name: kinds[kind] for name, kind in types.items()}
    suffix = path.suffix.lower()
    if suffix == ".csv":
        # Only what is empty is missing: "NA" and "None" may be names of files.
        return pd.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=[""])
    if suffix == ".parquet" or path.is_dir():
        frame = open_parquet(path).to_table().to_pandas()
    else:
        frame = pd.read_json(path, lines=True, dtype=False, precise_float=True)
    return frame.astype(dtypes)


def _read_polars(path: Path, types: dict[str, Type]) -> Any:
    import polars as pl

    kinds = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}
    dtypes = {name: kinds[kind] for name, kind in types.items()}
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return pl.read_csv(path, schema_overrides=dtypes)
    if suffix == ".parquet" or path.is_dir():
        return pl.from_arrow(open_parquet(path).to_table())
    return pl.read_ndjson(path, schema_overrides=dtypes)
