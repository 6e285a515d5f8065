"""Where commands write their tables: files, or standard output."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from livefer.errors import ConfigError
from livefer.formatting import printable
from livefer.system.atomic import STDOUT


@dataclass(frozen=True, slots=True)
class TableName:
    """A table to write: a file, or standard output, and its kind (".csv")."""

    path: Path
    kind: str


def table_names(csv: Path | None, jsonl: Path | None, parquet: Path | None) -> list[TableName]:
    """Return the tables to write, once their names are checked."""
    tables = []
    for path, suffix in ((csv, ".csv"), (jsonl, ".jsonl"), (parquet, ".parquet")):
        if path is None:
            continue
        if str(path) != STDOUT and (path.suffix.lower() != suffix or path.is_dir()):
            raise ConfigError(
                f"--{suffix[1:]} {path}: expected the name of a file ending in {suffix}, or - for "
                "standard output"
            )
        tables.append(TableName(path, suffix))
    if sum(is_stdout(table) for table in tables) > 1:
        raise ConfigError("two tables go to standard output: name a file for one of them")
    return tables


def is_stdout(table: TableName) -> bool:
    """Say whether a table goes to standard output."""
    return str(table.path) == STDOUT


def files_of(tables: Sequence[TableName]) -> list[Path]:
    """Return the paths of the tables that are files."""
    return [table.path for table in tables if not is_stdout(table)]


def words_for(path: Path | str) -> str:
    """Return the name of an output as it is printed."""
    return "standard output" if str(path) == STDOUT else printable(str(path))


def print_file(path: Path) -> None:
    """Send a file's bytes to standard output."""
    sys.stdout.flush()
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
