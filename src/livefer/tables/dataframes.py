"""Result tables as pandas or polars frames, with the same types from every kind of file.

CSV and JSON lines say nothing about types, and both libraries guess them from the first rows, which
goes wrong where the first face comes late. Here the types come from the columns' names.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from livefer.errors import DatasetError, LiveferError
from livefer.tables.reading import column_names, is_parquet, open_parquet, separator
from livefer.tables.schema import Type, classes_in, column_types, has_landmarks, is_live

Library = Literal["pandas", "polars"]


def read_results(path: str | Path, library: Library | None = None) -> Any:
    """Return a table as a pandas or polars DataFrame, with the same types from every kind of file.

    Empty cells are missing values (NaN or NA, null). The types are str, Int64, float64 and boolean
    in pandas (before 2.3 object instead of str); String, Int64, Float64 and Boolean in polars.

    path: a .csv, .jsonl or .parquet file, or a folder of Parquet files
    library: None takes pandas, or polars where there is no pandas

    DatasetError where the path holds no result table, LiveferError where the library is missing.
    """
    path = Path(path)
    names = column_names(path)
    if "source" not in names or "time_s" not in names:
        raise DatasetError(f"{path} is not what livefer writes: expected a table of results")
    known = column_types(classes_in(names), has_landmarks(names), is_live(names))
    types = {name: known[name] for name in names if name in known}
    if library is None:
        only_polars = find_spec("pandas") is None and find_spec("polars") is not None
        library = "polars" if only_polars else "pandas"
    try:
        return _read_pandas(path, types) if library == "pandas" else _read_polars(path, types)
    except ModuleNotFoundError:
        raise LiveferError(
            f"read_results needs {library}: pip install {library} pyarrow, or read plain rows with "
            "livefer.read_table"
        ) from None


def _read_pandas(path: Path, types: dict[str, Type]) -> Any:
    import pandas as pd

    # A comparison of texts is True or False, not NA where one is missing, so that
    # (t.label != t.label.shift()).cumsum() numbers the runs of a label.
    try:
        text = pd.StringDtype(na_value=float("nan"))
    except TypeError:  # before 2.3
        text = "object"
    kinds = {str: text, int: "Int64", float: "float64", bool: "boolean"}
    dtypes = {name: kinds[kind] for name, kind in types.items()}
    if is_parquet(path):
        frame = open_parquet(path).to_table().to_pandas()
    elif path.suffix.lower() == ".csv":
        mark = separator(path)
        commas = [] if mark == "," else [name for name, kind in types.items() if kind is float]
        read_as = dtypes | dict.fromkeys(commas, "string")
        # Only an empty cell is missing: "NA" and "None" may be names of files.
        frame = pd.read_csv(path, sep=mark, dtype=read_as, keep_default_na=False, na_values=[""])
        frame = frame.dropna(how="all", ignore_index=True)
        for name in commas:
            frame[name] = frame[name].str.replace(",", ".").astype("Float64")
    else:
        frame = pd.read_json(path, lines=True, dtype=False, precise_float=True)
    return frame.astype(dtypes)


def _read_polars(path: Path, types: dict[str, Type]) -> Any:
    import polars as pl

    kinds = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}
    dtypes = {name: kinds[kind] for name, kind in types.items()}
    if is_parquet(path):
        return pl.from_arrow(open_parquet(path).to_table())
    if path.suffix.lower() == ".csv":
        mark = separator(path)
        commas = [] if mark == "," else [name for name, kind in types.items() if kind is float]
        read_as = dtypes | dict.fromkeys(commas, pl.String)
        table = pl.read_csv(path, separator=mark, schema_overrides=read_as)
        table = table.filter(~pl.all_horizontal(pl.all().is_null()))  # lines without a cell
        return table.with_columns(
            pl.col(name).str.replace(",", ".", literal=True).cast(pl.Float64) for name in commas
        )
    table = pl.read_ndjson(path, schema_overrides=dtypes)
    # polars shuffles more than 32 columns.
    return table.select(*dtypes, *(name for name in table.columns if name not in dtypes))
