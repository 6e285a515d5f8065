"""CSV, JSON lines and Parquet say the same, and pandas and polars read the same types from them."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

import numpy as np
import pyarrow.parquet as pq
from calmgladwild import CLASSES, RESULTS, make_face, make_result

from livefer.errors import ConfigError, DatasetError, LiveferError, MissingExtraError
from livefer.tables.dataframes import SCHEMA_VERSION, Library, open_table, read_results, to_rows
from livefer.tables.reading import read_table
from livefer.tables.writing import column_types, columns

KINDS = ("csv", "jsonl", "parquet")
LIBRARIES: tuple[Library, ...] = ("pandas", "polars")


def write(path: Path, results: list[Any] = RESULTS) -> Path:
    with open_table(path, CLASSES, {"livefer.model": "level"}) as table:
        for result in results:
            table.write(result)
        assert not path.exists()
    return path


def plain(frame: Any) -> list[dict[str, Any]]:
    """Return a frame's rows with None for what is missing."""
    if hasattr(frame, "to_dicts"):
        return list(frame.to_dicts())
    import pandas as pd

    records = frame.astype(object).to_dict("records")
    return [{k: None if v is pd.NA or v != v else v for k, v in row.items()} for row in records]


def test_parquet_has_the_rows_the_types_and_the_version(tmp_path: Path) -> None:
    table = pq.read_table(write(tmp_path / "t.parquet"))
    assert table.to_pylist() == list(to_rows(RESULTS, CLASSES))
    kinds = {str: "string", int: "int64", float: "double", bool: "bool"}
    assert {f.name: str(f.type) for f in table.schema} == {
        name: kinds[kind] for name, kind in column_types(CLASSES).items()
    }
    metadata = table.schema.metadata
    assert metadata[b"livefer.schema"] == str(SCHEMA_VERSION).encode()
    assert metadata[b"livefer.model"] == b"level"
    assert {row["schema"] for row in table.to_pylist()} == {SCHEMA_VERSION}


def test_parquet_does_not_keep_its_rows_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livefer.tables.writing._ROW_GROUP", 4)
    results = [make_result(i, make_face()) for i in range(10)]
    file = pq.ParquetFile(write(tmp_path / "t.parquet", results))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 4, 2]
    assert file.read().column("index").to_pylist() == list(range(10))


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_parquet_table_is_whole(tmp_path: Path, reason: type[BaseException]) -> None:
    path = tmp_path / "t.parquet"

    def work() -> None:
        with open_table(path, CLASSES) as table:
            table.write(RESULTS[0])
            raise reason

    with pytest.raises(reason):
        work()
    assert pq.read_table(path).num_rows == 2
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [RESULTS, RESULTS[1:2] * 150 + RESULTS, RESULTS[3:], []])
def test_all_kinds_give_the_same_rows_and_types(
    tmp_path: Path, library: Library, kind: str, part: list[Any]
) -> None:
    """Also where the first faces come late, or never: then there is nothing to guess types from."""
    pytest.importorskip(library)
    if kind == "jsonl" and not part:
        return  # a file without a line has no columns
    frame = read_results(write(tmp_path / f"t.{kind}", part), library)
    assert plain(frame) == list(to_rows(part, CLASSES))
    assert list(frame.columns) == list(columns(CLASSES))
    names = {
        "pandas": {str: "string", int: "Int64", float: "float64", bool: "boolean"},
        "polars": {str: "String", int: "Int64", float: "Float64", bool: "Boolean"},
    }[library]
    types = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    assert types == {name: names[kind] for name, kind in column_types(CLASSES).items()}


@pytest.mark.parametrize("library", LIBRARIES)
def test_parquet_needs_no_help(tmp_path: Path, library: Library) -> None:
    frames = pytest.importorskip(library)
    frame = frames.read_parquet(write(tmp_path / "t.parquet"))
    assert list(frame["track_id"].dropna() if library == "pandas" else frame["track_id"][:2]) == [
        1,
        2,
    ]
    assert frame["confidence"].mean() == pytest.approx(0.6)


@pytest.mark.parametrize("folder", ["source=cam1", "index=5", "label=calm"])
def test_a_folder_called_like_a_column_changes_no_row(tmp_path: Path, folder: str) -> None:
    pytest.importorskip("pandas")
    path = write(tmp_path / folder / "t.parquet")
    expected = list(to_rows(RESULTS, CLASSES))
    assert plain(read_results(path)) == expected
    rows = list(read_table(path).rows)
    assert [(r["source"], r["index"], r["label"]) for r in rows] == [
        (r["source"], r["index"], r["label"]) for r in expected
    ]


def test_names_that_look_like_nothing_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    results = [make_result(i, source=name) for i, name in enumerate(("NA", "None", "nan", "1"))]
    for kind in KINDS:
        frame = read_results(write(tmp_path / f"t.{kind}", results), "pandas")
        assert list(frame["source"]) == ["NA", "None", "nan", "1"]


def test_what_is_written_is_what_summaries_read(tmp_path: Path) -> None:
    for kind in KINDS:
        table = read_table(write(tmp_path / f"t.{kind}"))
        found = list(table.rows)
        assert table.classes == CLASSES
        for row, expected in zip(found, to_rows(RESULTS, CLASSES), strict=True):
            assert row == {name: expected[name] for name in row}


def test_pandas_is_taken_where_it_is_there_and_polars_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "t.csv")
    pytest.importorskip("pandas")
    assert type(read_results(path)).__module__.startswith("pandas")
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setattr(
        "livefer.tables.dataframes.find_spec", lambda name: None if name == "pandas" else name
    )
    pytest.importorskip("polars")
    assert type(read_results(path)).__module__.startswith("polars")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(LiveferError, match="pip install"):
        read_results(path)


def test_what_is_wrong_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"t\.xlsx is no name for a table"):
        open_table(tmp_path / "t.xlsx", CLASSES)
    with pytest.raises(DatasetError, match="check the path"):
        read_results(tmp_path / "no.csv")
    for name, text in (
        ("a.csv", "a,b\n1,2\n"),
        ("a.jsonl", "[1, 2]\n"),
        ("b.jsonl", "{oh\n"),
        ("c.csv", "x" * 200_000),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DatasetError, match="is not what livefer writes"):
            read_results(tmp_path / name)
    (tmp_path / "a.parquet").write_bytes(b"PAR1, but not really")
    with pytest.raises(DatasetError, match="is not what livefer writes"):
        read_results(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"livefer\[analysis\]") as raised:
        open_table(tmp_path / "t.parquet", CLASSES)
    again = pickle.loads(pickle.dumps(raised.value))  # as from another process
    assert str(again) == str(raised.value)


def test_rows_are_plain_data() -> None:
    found = list(to_rows(RESULTS, CLASSES))
    assert json.loads(json.dumps(found)) == found
    assert not any(isinstance(v, np.generic) for row in found for v in row.values())
