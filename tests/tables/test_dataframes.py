"""Every kind of table gives the same data frame, with the same types, in pandas and polars."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

from calmgladwild import CLASSES, LANDMARKS, RESULTS, make_face, make_result

from livefer.errors import DatasetError, LiveferError
from livefer.summary.summarize import summarize
from livefer.tables.dataframes import Library, read_results
from livefer.tables.reading import read_table
from livefer.tables.schema import column_types, columns, to_rows
from livefer.tables.writing import open_table

KINDS = ("csv", "jsonl", "parquet")
LIBRARIES: tuple[Library, ...] = ("pandas", "polars")


def write(path: Path, results: list[Any] = RESULTS, landmarks: bool = False) -> Path:
    with open_table(path, CLASSES, {"livefer.model": "level"}, landmarks) as table:
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


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [RESULTS, RESULTS[1:2] * 150 + RESULTS, RESULTS[3:], []])
def test_all_kinds_give_the_same_rows_and_types(
    tmp_path: Path, library: Library, kind: str, part: list[Any]
) -> None:
    """Also with late faces or none, where the first rows do not show the types."""
    pytest.importorskip(library)
    if kind == "jsonl" and not part:
        return  # a file without a line has no columns
    frame = read_results(write(tmp_path / f"t.{kind}", part), library)
    assert plain(frame) == list(to_rows(part, CLASSES))
    assert list(frame.columns) == list(columns(CLASSES))
    names = {
        "pandas": {str: "str", int: "Int64", float: "float64", bool: "boolean"},
        "polars": {str: "String", int: "Int64", float: "Float64", bool: "Boolean"},
    }[library]
    types = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    assert types == {name: names[kind] for name, kind in column_types(CLASSES).items()}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_found", [True, False])
def test_landmarks_are_numbers_also_where_there_are_none(
    tmp_path: Path, library: Library, kind: str, is_found: bool
) -> None:
    pytest.importorskip(library)
    late = [make_result(200, make_face(landmarks=LANDMARKS))] if is_found else []
    results = [*RESULTS[1:2] * 150, *RESULTS, *late]
    path = write(tmp_path / f"t.{kind}", results, landmarks=True)
    frame = read_results(path, library)
    assert plain(frame) == list(to_rows(results, CLASSES, landmarks=True))
    assert list(frame.columns) == list(columns(CLASSES, landmarks=True))
    types = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    assert types["right_eye_x"] == types["left_mouth_y"] == types["score"]
    rows = list(read_table(path).rows)
    figures = ("source", "index", "label", "confidence", *CLASSES)
    without = list(read_table(write(tmp_path / f"without.{kind}", results)).rows)
    assert [[row[n] for n in figures] for row in rows] == [
        [row[n] for n in figures] for row in without
    ]
    assert summarize(rows, CLASSES).to_dict() == summarize(without, CLASSES).to_dict()


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


def test_names_that_look_like_missing_values_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    results = [make_result(i, source=name) for i, name in enumerate(("NA", "None", "nan", "1"))]
    for kind in KINDS:
        frame = read_results(write(tmp_path / f"t.{kind}", results), "pandas")
        assert list(frame["source"]) == ["NA", "None", "nan", "1"]


def test_polars_is_used_only_without_pandas(
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
    with pytest.raises(LiveferError, match="pip install polars"):
        read_results(path)
    monkeypatch.setattr("livefer.tables.dataframes.find_spec", lambda name: None)
    with pytest.raises(LiveferError, match="pip install pandas"):
        read_results(path)


def test_what_is_no_table_raises_an_error_of_one_line(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("mark", [",", ";"])
def test_a_csv_of_a_spreadsheet(tmp_path: Path, library: Library, mark: str) -> None:
    pytest.importorskip(library)
    path = write(tmp_path / "t.csv")
    expected = read_results(path, library)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    floats = {name for name, kind in column_types(CLASSES).items() if kind is float}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=mark)
        writer.writerow(header)
        for row in rows:
            cells = zip(header, row, strict=True)
            comma = "." if mark == "," else ","
            writer.writerow(c.replace(".", comma) if name in floats else c for name, c in cells)
        file.write("\n\n")
    found = read_results(path, library)
    assert found.equals(expected)
    assert list(found.dtypes) == list(expected.dtypes)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_the_idiom_that_numbers_runs_of_a_label_works(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pandas")
    t = read_results(write(tmp_path / f"t.{suffix}"), "pandas")
    runs = (t.label != t.label.shift()).cumsum()
    labels = [None if text != text else text for text in t["label"]]
    expected, number = [], 0
    for before, label in zip([None, *labels], labels, strict=False):
        number += label is None or label != before
        expected.append(number)
    assert runs.tolist() == expected
    assert None in labels, "frames without a face are there, too"
    assert t.groupby(runs)["label"].first().notna().sum() == len({*expected}) - labels.count(None)
