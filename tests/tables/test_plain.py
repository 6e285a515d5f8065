"""Plain tables: what is written is what other programs read."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from livefer.errors import ConfigError, LiveferError
from livefer.tables.plain import csv_text, keys_of, read_plain, write_plain
from livefer.tables.schema import Type

TYPES: dict[str, Type] = {"source": str, "n": int, "share": float, "complete": bool}
ROWS: list[dict[str, Any]] = [
    {"source": 'a, "b"\nc\r.mp4', "n": 3, "share": 0.25, "complete": True},
    {"source": "ü.mp4", "n": None, "share": None, "complete": False},
]


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_pandas_reads_what_is_written(tmp_path: Path, suffix: str) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "new" / f"t.{suffix}"
    write_plain(path, ROWS, TYPES, {"livefer.table": "clip.csv"})
    frame = getattr(pd, f"read_{suffix}")(path)
    assert list(frame.columns) == list(TYPES)
    for row, (_, found) in zip(ROWS, frame.iterrows(), strict=True):
        assert found["source"] == row["source"]
        assert found["complete"] == row["complete"]
        for name in ("n", "share"):
            assert found[name] == row[name] or (row[name] is None and pd.isna(found[name]))


def test_parquet_has_types_and_metadata_without_a_single_row(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write_plain(tmp_path / "t.parquet", [], TYPES, {"livefer.table": "clip.csv"})
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert [str(kind) for kind in schema.types] == ["string", "int64", "double", "bool"]
    assert schema.metadata[b"livefer.table"] == b"clip.csv"


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    assert csv_text([], TYPES) == "source,n,share,complete\n"
    write_plain(tmp_path / "t.json", [], TYPES)
    assert json.loads((tmp_path / "t.json").read_text()) == []


def test_csv_is_as_result_tables_are(tmp_path: Path) -> None:
    write_plain(tmp_path / "t.csv", ROWS, TYPES)
    data = (tmp_path / "t.csv").read_bytes()
    assert data.startswith(b"source,n,share,complete\n")
    assert data.endswith(b",,,false\n")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == [r["source"] for r in ROWS]


def test_another_suffix_and_a_place_that_cannot_be_written_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.csv, \.json, \.parquet"):
        write_plain(tmp_path / "t.xlsx", ROWS, TYPES)
    (tmp_path / "file").touch()
    with pytest.raises(LiveferError, match="cannot be written"):
        write_plain(tmp_path / "file" / "t.csv", ROWS, TYPES)


def test_missing_cells_are_left_out_and_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\na;b\n1;n/a\n\n ;x\n2\n", encoding="utf-8-sig")
    assert list(read_plain(path)) == [(3, {"a": "1"}), (5, {"b": "x"}), (6, {"a": "2"})]


def test_a_file_has_its_path_and_all_ends_of_it_as_names() -> None:
    assert keys_of("./a/b.c/x.mp4") == [
        *("a/b.c/x.mp4", "a/b.c/x", "b.c/x.mp4", "b.c/x", "x.mp4", "x"),
    ]
    assert keys_of(r"a\x.mp4") == ["a/x.mp4", "a/x", "x.mp4", "x"]
