"""Tables that were written are read back; what is no table raises an error of one line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fakes import make_face
from tablerows import make_row, make_rows, write_csv

from livefer.errors import DatasetError
from livefer.labels import CLASSES
from livefer.results import FrameResult
from livefer.summary.summarize import summarize
from livefer.tables.reading import read_table
from livefer.tables.schema import to_rows
from livefer.tables.writing import open_table

ROWS = [
    *make_rows(["happy", "sad?", ""]),
    make_row(0.3, "fear", 2, n_skipped=4),
    make_row(0.4, error='cut, "short"\nhere'),
]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    schema = pa.Table.from_pylist(ROWS).schema.with_metadata({"livefer_model": "fer2013"})
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def write_folder(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.mkdir()
    write_parquet(path / "part-0.parquet", rows[:2])
    write_parquet(path / "part-1.parquet", rows[2:])
    return path


WRITERS = {"t.csv": write_csv, "t.jsonl": write_jsonl, "t.parquet": write_parquet,
           "t": write_folder}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_table_gives_the_same_figures(tmp_path: Path, name: str) -> None:
    table = read_table(WRITERS[name](tmp_path / name, ROWS))
    assert table.classes == CLASSES
    expected = summarize(ROWS, CLASSES).to_dict()
    assert summarize(table.rows, table.classes).to_dict() == expected
    if name == "t.parquet":
        assert table.metadata == {"livefer_model": "fer2013"}


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    if name == "t.parquet":
        pytest.importorskip("pyarrow")
    box = (1.0, 2.0, 31.0, 42.0)
    results = []
    for index in range(5):
        faces = (make_face(box, "happy", track_id=1), make_face(box, "sad", uncertain=True))
        results.append(FrameResult("ü.mp4", index, index / 10, None, faces[: index % 3]))
    with open_table(tmp_path / name, CLASSES) as file:
        for result in results:
            file.write(result)
    table = read_table(tmp_path / name)
    rows = list(table.rows)
    assert [row["label"] for row in rows] == [None, "happy", "happy", "sad", None, "happy"]
    assert [row["track_id"] for row in rows] == [None, 1, 1, None, None, 1]
    assert [row["uncertain"] for row in rows] == [None, False, False, True, None, False]
    assert rows[1]["happy"] == pytest.approx(0.9)
    for row, expected in zip(rows, to_rows(results), strict=True):
        assert row == {name: expected[name] for name in row}


def test_a_table_that_pandas_wrote_is_read(tmp_path: Path) -> None:
    """Whole numbers with gaps become 1.0 there, and truth is spelt with a capital."""
    odd = [{**row, "uncertain": row["uncertain"] and "True"} for row in ROWS]
    odd = [{**row, "track_id": row["track_id"] and float(row["track_id"])} for row in odd]
    table = read_table(write_csv(tmp_path / "t.csv", odd))
    expected = summarize(ROWS, CLASSES).to_dict()
    assert summarize(table.rows, CLASSES).to_dict() == expected


def test_whole_numbers_that_became_fractions_are_whole_again(tmp_path: Path) -> None:
    rows = [{**row, "track_id": row["track_id"] and 1.0} for row in ROWS[:2]]
    table = read_table(write_jsonl(tmp_path / "t.jsonl", rows))
    assert [repr(row["track_id"]) for row in table.rows] == ["1", "1"]


def test_progress_is_reported(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", make_rows(["happy"] * 5000))
    reported: list[tuple[int, int]] = []
    table = read_table(path, lambda done, total: reported.append((done, total)))
    assert sum(1 for _ in table.rows) == 5000
    assert reported
    assert all(0 < done <= total == path.stat().st_size for done, total in reported)


def test_what_is_no_table_raises_an_error(tmp_path: Path) -> None:
    cases = {
        "missing.csv": (None, "is not there"),
        "t.txt": ("x", "no suffix of a table"),
        "other.csv": ("a,b\n1,2\n", "has no"),
        "empty.csv": ("", "is empty"),
        "empty.jsonl": ("", "is empty"),
        "list.jsonl": ("[1]\n", "has no"),
        "broken.jsonl": ("{\n", "row 1 is not what livefer writes"),
        "noise.parquet": ("noise", "is not what livefer writes"),
    }
    for name, (text, words) in cases.items():
        path = tmp_path / name
        if text is not None:
            path.write_text(text, encoding="utf-8")
        if path.suffix == ".parquet":
            pytest.importorskip("pyarrow")
        with pytest.raises(DatasetError, match=words) as raised:
            read_table(path)
        assert "\n" not in str(raised.value)


def test_of_a_folder_only_its_parquet_files_are_the_table(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DatasetError, match=r"without \.parquet files"):
        read_table(tmp_path)
    folder = tmp_path / "t"
    (folder / "day=1").mkdir(parents=True)
    (folder / "_old").mkdir()
    with open_table(tmp_path / "a.parquet", CLASSES) as table:
        table.write(FrameResult("a.mp4", 0, 0.0, None, (make_face((0, 0, 9, 9)),)))
    shutil.copy(tmp_path / "a.parquet", folder / "day=1")
    (folder / "summary.json").write_text("{}")
    (folder / ".b.parquet").write_text("not yet whole")
    (folder / "_old" / "c.parquet").write_text("not this either")
    assert list(read_table(folder).rows) == list(read_table(tmp_path / "a.parquet").rows)
    (folder / "d.parquet").write_text("broken")
    with pytest.raises(DatasetError, match="is not what livefer writes"):
        list(read_table(folder).rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_s": None}, "without source, index or time_s"),
        ({"time_s": "nan"}, "time_s is nan"),
        ({"time_s": "1e300"}, "time_s is 1e"),
        ({"index": "inf"}, "infinity"),
        ({"label": "bored"}, '"bored" is not a class'),
        ({"happy": None}, "a face without happy"),
        ({"confidence": "high"}, "high"),
        ({"uncertain": "perhaps"}, "perhaps"),
    ],
)
def test_the_error_names_a_row_that_makes_no_sense(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    rows = [*make_rows(["happy", "sad"]), make_row(0.2, "happy") | change]
    table = read_table(write_csv(tmp_path / "t.csv", rows))
    with pytest.raises(DatasetError, match=f"row 4 .*{words}"):
        list(table.rows)


def test_the_error_names_a_line_that_is_cut_off(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", ROWS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match="row 5 is not"):
        list(read_table(path).rows)


def as_spreadsheet(path: Path, between: str, decimal: str, empty: str) -> None:
    """Write a table again as another program does."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    text = {"source", "label", "second_label", "answer", "error", "note", "uncertain"}
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=between)
        writer.writerow(header)
        for row in rows:
            cells = zip(header, row, strict=True)
            writer.writerow(c if name in text else c.replace(".", decimal) for name, c in cells)
            file.write(empty)
        file.write(empty)


@pytest.mark.parametrize(("between", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", ",")])
@pytest.mark.parametrize("empty", ["", "\r\n", "  \n", "cells"])
def test_a_csv_of_another_program(tmp_path: Path, between: str, decimal: str, empty: str) -> None:
    path = write_csv(tmp_path / "t.csv", ROWS)
    expected = summarize(read_table(path).rows, CLASSES).to_dict()
    n_columns = path.read_text(encoding="utf-8").partition("\n")[0].count(",")
    empty = f"{between * n_columns}\n" if empty == "cells" else empty
    as_spreadsheet(path, between, decimal, empty)
    table = read_table(path)
    assert table.classes == CLASSES
    assert summarize(table.rows, table.classes).to_dict() == expected


def test_empty_lines_of_json_are_no_rows(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", ROWS)
    text = path.read_text(encoding="utf-8").replace("\n", "\n \n")
    path.write_text(f"\n{text}", encoding="utf-8")
    assert len(list(read_table(path).rows)) == len(ROWS)


def test_the_row_of_an_error_counts_empty_lines(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", ROWS[:2])
    with path.open("a", encoding="utf-8") as file:
        file.write("\n\nonly;one\n")
    with pytest.raises(DatasetError, match=r"row 6 is not what livefer writes"):
        list(read_table(path).rows)
