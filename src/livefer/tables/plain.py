"""Plain tables: any columns; read from CSV or TSV as text, written as CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livefer.errors import ConfigError, DatasetError, MissingExtraError
from livefer.system.atomic import replacing
from livefer.tables.reading import separator
from livefer.tables.schema import Type, arrow_schema
from livefer.tables.sidecar import drop_sidecar, how_made, write_sidecar

PLAIN_SUFFIXES = (".csv", ".json", ".parquet")
_MISSING = {"", "n/a"}  # the second one is BIDS's


def read_plain(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of each row that is not empty, by column name.

    Cells that are empty or "n/a" are left out. DatasetError where the file cannot be read.
    """
    names: list[str] = []
    with csv_errors(path):
        mark = separator(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, delimiter=mark)
            for cells in table:
                cells = [cell.strip() for cell in cells]
                if not any(cells):
                    continue
                if not names:
                    names = cells
                    continue
                if len(cells) > len(names):
                    raise DatasetError(
                        f"{path}, line {table.line_num}: {len(cells)} cells in "
                        f"{len(names)} columns: expected a header with a name for each"
                    )
                row = zip(names, cells, strict=False)
                yield table.line_num, {n: c for n, c in row if c.lower() not in _MISSING}


@contextmanager
def csv_errors(path: Path) -> Iterator[None]:
    """Turn the errors of reading a person's CSV into a DatasetError."""
    try:
        yield
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist: expected a CSV with a header") from None
    except UnicodeDecodeError:
        raise DatasetError(
            f"{path} is no text in UTF-8: expected a CSV, which spreadsheets save as CSV UTF-8"
        ) from None
    except (OSError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read as a CSV: {error}") from None


def keys_of(source: str) -> list[str]:
    """Return the names by which a table may mean a file: its path, or the end of it.

    "films/a/clip.mp4" is "films/a/clip.mp4", "a/clip.mp4" and "clip.mp4", each without ".mp4", too.
    """
    parts = key_of(source).split("/")
    ends = ["/".join(parts[i:]) for i in range(len(parts))]
    return list(dict.fromkeys(name for end in ends for name in (end, os.path.splitext(end)[0])))


def key_of(name: str) -> str:
    """Return a file's name in a table as `keys_of` spells it."""
    return name.replace("\\", "/").removeprefix("./")


def sources_by_key(sources: Iterable[str]) -> dict[str, list[str]]:
    """Return the files that each name may mean; a whole path means that file only."""
    found: dict[str, list[str]] = {}
    sources = list(sources)
    for source in sources:
        for key in keys_of(source):
            found.setdefault(key, []).append(source)
    return found | {key_of(source): [source] for source in sources}


def check_plain_name(path: Path) -> None:
    """Raise ConfigError where no plain table can be written under this name."""
    if path.suffix.lower() not in PLAIN_SUFFIXES or path.is_dir():
        raise ConfigError(
            f"{path} is no name for a table of figures: expected one that ends in "
            f"{', '.join(PLAIN_SUFFIXES)}"
        )


def write_plain(
    path: str | Path,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, Type],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write rows as a CSV, JSON or Parquet file, by its suffix.

    types: of the columns, which may be empty (None) in any row
    metadata: of a Parquet file; a CSV or JSON file gets another one beside it, FILE.json, where
        they tell how the rows were made

    ConfigError for another suffix, OutputError where the file cannot be written, and
    MissingExtraError for Parquet without pyarrow.
    """
    path = Path(path)
    check_plain_name(path)
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            raise MissingExtraError("writing Parquet", "analysis") from None
        schema = arrow_schema(types).with_metadata(dict(metadata or {}))
        with replacing(path) as part:
            pq.write_table(pa.Table.from_pylist(list(rows), schema), part, compression="zstd")
        return
    if path.suffix.lower() == ".csv":
        text = csv_text(rows, types)
    else:
        lines = (json.dumps({name: row.get(name) for name in types}) for row in rows)
        text = "[\n" + ",\n".join(lines) + "\n]\n"
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    if metadata and how_made(metadata):
        write_sidecar(path, metadata)
    else:
        drop_sidecar(path)


def csv_text(rows: Iterable[Mapping[str, Any]], types: Mapping[str, Type]) -> str:
    """Return rows as a CSV with a header; truth is true or false, and what is missing is empty."""
    text = io.StringIO()
    # With "\r" and "\n" here, the csv module quotes names that hold either.
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(types)
    for row in rows:
        cells = (row.get(name) for name in types)
        table.writerow(str(cell).lower() if isinstance(cell, bool) else cell for cell in cells)
    return text.getvalue().replace("\r\n", "\n")
