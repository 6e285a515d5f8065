"""Tables of every kind that are whole or not there."""

from __future__ import annotations

import csv
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from calmgladwild import CLASSES, RESULTS, make_face, make_result

from livefer.errors import ConfigError, LiveferError, MissingExtraError
from livefer.tables import reading
from livefer.tables.schema import SCHEMA_VERSION, column_types, columns, rows_of, to_rows
from livefer.tables.writing import CsvSink, JsonlSink, open_table

Sink = type[CsvSink] | type[JsonlSink]


def read_table(path: Path) -> list[dict[str, Any]]:
    """Read CSV or JSON lines back into the same plain values."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]

    def value(name: str, cell: str) -> Any:
        if cell == "":
            return None
        if name in ("source", "error", "label", "second_label", "answer"):
            return cell
        return json.loads(cell)

    with path.open(encoding="utf-8", newline="") as file:
        return [{k: value(k, v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize(("sink", "name"), [(CsvSink, "t.csv"), (JsonlSink, "t.jsonl")])
def test_what_is_written_is_read_and_both_kinds_hold_the_same(
    tmp_path: Path, sink: Sink, name: str
) -> None:
    path = tmp_path / "new folder" / name
    with sink(path, CLASSES) as table:
        for result in RESULTS:
            table.write(result)
        assert not path.exists()
    expected = [row for result in RESULTS for row in rows_of(result, CLASSES)]
    assert read_table(path) == expected
    assert list(read_table(path)[0]) == list(columns(CLASSES))
    assert [p.name for p in path.parent.iterdir()] == [name]


@pytest.mark.parametrize(("sink", "name"), [(CsvSink, "t.csv"), (JsonlSink, "t.jsonl")])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_table_is_whole(
    tmp_path: Path, sink: Sink, name: str, reason: type[BaseException]
) -> None:
    def work() -> None:
        with sink(tmp_path / name, CLASSES) as table:
            table.write(RESULTS[0])
            table.write(RESULTS[1])
            raise reason

    with pytest.raises(reason):
        work()
    assert len(read_table(tmp_path / name)) == 3
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_empty_csv_has_its_header(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "t.csv", CLASSES):
        pass
    assert (tmp_path / "t.csv").read_text() == ",".join(columns(CLASSES)) + "\n"


def test_an_old_table_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    sink = CsvSink(path, CLASSES)
    sink.write(RESULTS[0])
    assert path.read_text() == "old"
    sink.close()
    sink.close()
    assert len(read_table(path)) == 2


def test_mistakes_raise_at_once(tmp_path: Path) -> None:
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        if name == "t.parquet":
            pytest.importorskip("pyarrow")
        with pytest.raises(ConfigError, match="a class called label"):
            open_table(tmp_path / name, ("label", "b"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"t\.xlsx is no name for a table"):
        open_table(tmp_path / "t.xlsx", CLASSES)
    (tmp_path / "file").touch()
    with pytest.raises(LiveferError, match="cannot be written"):
        JsonlSink(tmp_path / "file" / "t.jsonl", CLASSES)


class Full:
    """A file on a disk that is full."""

    def write(self, text: str) -> None:
        raise OSError(28, "No space left on device")

    close = flush = lambda self: None


@pytest.mark.parametrize(("sink", "name"), [(CsvSink, "t.csv"), (JsonlSink, "t.jsonl")])
def test_on_a_full_disk_the_old_table_stays(tmp_path: Path, sink: Sink, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    with sink(path, CLASSES) as table:
        table.write(RESULTS[0])
        table._file.close()
        table._file = Full()  # type: ignore[assignment]
        with pytest.raises(LiveferError, match=r"No space left on device.*is the disk full"):
            table.write(RESULTS[1])
    assert path.read_text() == "old"


@pytest.mark.parametrize(("sink", "name"), [(CsvSink, "t.csv"), (JsonlSink, "t.jsonl")])
def test_a_source_with_a_name_that_is_no_text_has_its_row(
    tmp_path: Path, sink: Sink, name: str
) -> None:
    with sink(tmp_path / name, CLASSES) as table:
        table.write(make_result(0, source="caf\udce9.mp4", error="caf\udce9.mp4 is empty"))
    (row,) = read_table(tmp_path / name)
    assert (row["source"], row["error"]) == ("caf\\xe9.mp4", "caf\\xe9.mp4 is empty")


@pytest.mark.parametrize("letter", ["\r", "\n", "\r\n", ",", '"'])
def test_a_name_that_could_end_a_row_is_read_back(tmp_path: Path, letter: str) -> None:
    path, name = tmp_path / "t.csv", f"a{letter}b.jpg"
    with CsvSink(path, CLASSES) as table:
        table.write(make_result(0, source=name))
        table.write(make_result(1))
    assert [row["source"] for row in reading.read_table(path).rows] == [name, 'a "b", c.mp4']
    assert path.read_bytes().endswith(b",1\n")
    assert path.read_bytes().count(b"\r\n") == (letter == "\r\n")


def test_parquet_has_the_rows_the_types_and_the_version(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    with open_table(tmp_path / "t.parquet", CLASSES, {"livefer.model": "level"}) as file:
        for result in RESULTS:
            file.write(result)
        assert not file.path.exists()
    table = pq.read_table(tmp_path / "t.parquet")
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
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("livefer.tables.writing._ROW_GROUP", 4)
    with open_table(tmp_path / "t.parquet", CLASSES) as table:
        for i in range(10):
            table.write(make_result(i, make_face()))
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 4, 2]
    assert file.read().column("index").to_pylist() == list(range(10))


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_parquet_table_is_whole(tmp_path: Path, reason: type[BaseException]) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"

    def work() -> None:
        with open_table(path, CLASSES) as table:
            table.write(RESULTS[0])
            raise reason

    with pytest.raises(reason):
        work()
    assert pq.read_table(path).num_rows == 2
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    with pytest.raises(MissingExtraError, match=r"livefer\[analysis\]") as raised:
        open_table(tmp_path / "t.parquet", CLASSES)
    again = pickle.loads(pickle.dumps(raised.value))  # as from another process
    assert str(again) == str(raised.value)
    assert list(tmp_path.iterdir()) == []
