"""Columns, their types, and the rows of a frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from calmgladwild import CLASSES, LANDMARKS, RESULTS, make_face, make_result

from livefer.errors import ConfigError
from livefer.tables.schema import (
    LANDMARK_COLUMNS,
    SCHEMA_VERSION,
    classes_in,
    column_types,
    columns,
    has_landmarks,
    rows_of,
    to_rows,
)

ROOT = Path(__file__).parents[2]


def test_rows_of_a_frame_with_faces() -> None:
    first, second = rows_of(RESULTS[0], CLASSES)
    assert first == {
        **{"source": 'a "b", c.mp4', "index": 0, "time_s": 0.0, "n_skipped": 0, "error": None},
        **{"note": None, "schema": 1},
        **{"track_id": 1, "left": 1.0, "top": 2.0, "right": 31.0, "bottom": 42.0, "score": 0.9},
        **{"label": "glad", "second_label": "wild", "confidence": 0.6, "uncertain": False},
        **{"answer": "glad", "profile": None},
        **{"why": None, "sharpness": None, "brightness": None},
        **{"calm": 0.2, "glad": 0.6, "wild": 0.2},
        **{"raw_calm": 0.125, "raw_glad": 0.25, "raw_wild": 0.625},
    }
    assert (second["track_id"], second["label"], second["uncertain"]) == (2, "wild", True)
    assert second["answer"] == "wild or glad?"


def test_landmarks_are_ten_columns_on_request() -> None:
    result = make_result(0, make_face(1, landmarks=LANDMARKS), make_face(2))
    found, without = rows_of(result, CLASSES, landmarks=True)
    (empty,) = rows_of(make_result(1), CLASSES, landmarks=True)
    assert tuple(found) == tuple(empty) == columns(CLASSES, landmarks=True)
    assert [found[name] for name in LANDMARK_COLUMNS] == [
        *(10.0, 12.0, 20.0, 12.0, 15.0, 20.0, 11.0, 30.0, 19.0, 30.5)
    ]
    assert LANDMARK_COLUMNS[:3] == ("right_eye_x", "right_eye_y", "left_eye_x")
    assert {row[name] for row in (without, empty) for name in LANDMARK_COLUMNS} == {None}
    assert has_landmarks(list(found))
    plain = rows_of(result, CLASSES)
    assert not has_landmarks(list(plain[0]))
    assert plain[0] == {name: value for name, value in found.items() if name in plain[0]}
    types = column_types(CLASSES, landmarks=True)
    assert {types[name] for name in LANDMARK_COLUMNS} == {float}


def test_rows_of_frames_without_faces() -> None:
    (empty,) = rows_of(RESULTS[1], CLASSES)
    assert [name for name, value in empty.items() if value is not None] == [
        *("source", "index", "time_s", "n_skipped", "schema")
    ]
    (broken,) = rows_of(RESULTS[3], CLASSES)
    assert (broken["error"], broken["track_id"], broken["glad"]) == ("cut, short", None, None)


def test_rows_are_plain_data_of_the_columns_and_their_types() -> None:
    found = list(to_rows(RESULTS, CLASSES))
    assert json.loads(json.dumps(found)) == found
    types = column_types(CLASSES)
    for row in found:
        assert tuple(row) == columns(CLASSES) == tuple(types)
        assert {type(row[name]) for name in row} <= {str, int, float, bool, type(None)}
        assert all(type(v) is types[name] for name, v in row.items() if v is not None)
        assert row["schema"] == SCHEMA_VERSION
    assert not any(isinstance(v, np.generic) for row in found for v in row.values())


def test_classes_are_columns_with_a_raw_one() -> None:
    assert classes_in(columns(CLASSES)) == CLASSES
    assert classes_in(["source", "raw_glad", "glad", "calm", "raw_wild"]) == ("glad",)


def test_a_class_cannot_be_called_like_a_column() -> None:
    for name in ("label", "schema", "raw_b"):
        with pytest.raises(ConfigError, match=f"a class called {name}"):
            columns((name, "b"))


def test_the_page_about_tables_has_every_column() -> None:
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    names = columns(CLASSES, landmarks=True, live=True)
    known = [name for name in names if name.removeprefix("raw_") not in CLASSES]
    assert [name for name in known if f"`{name}`" not in page] == []
    assert f"version {SCHEMA_VERSION} of the schema" in page
