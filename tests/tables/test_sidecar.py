"""A CSV and JSON lines tell beside them how they were made, Parquet in itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import LevelClassifier

from livefer.detection.whole_picture import WholePictureDetector
from livefer.labels import CLASSES
from livefer.recognizer import Recognizer
from livefer.tables.plain import write_plain
from livefer.tables.reading import read_table
from livefer.tables.sidecar import HOW_MADE, how_made, read_sidecar, sidecar_of
from livefer.tables.writing import open_table


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_table_tells_how_it_was_made(tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"t.{suffix}"
    recognizer = Recognizer(detector="haar", smoothing_s=0.5, one_person=True, min_face_px=20)
    with open_table(path, recognizer.classes, recognizer.metadata()) as table:
        for result in recognizer.stream("src/livefer/assets/astronaut.jpg"):
            table.write(result)
    about = read_table(path).metadata
    assert about == {"livefer.schema": "1", **recognizer.metadata()}
    assert len(about["livefer.model_sha256"]) == 64
    assert about["livefer.detector"] == "haar"
    assert about["livefer.smoothing_s"] == "0.5"
    assert about["livefer.faces"] == "the main one, from 20 px"
    assert sidecar_of(path).exists() == (suffix != "parquet")


def test_a_table_without_metadata_drops_what_told_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with open_table(path, CLASSES, {"livefer.model": "old"}):
        pass
    assert read_sidecar(path)["livefer.model"] == "old"
    with open_table(path, CLASSES):
        pass
    assert not sidecar_of(path).exists()
    sidecar_of(path).write_text('{"mine": 1}')
    with open_table(path, CLASSES):
        pass
    assert sidecar_of(path).read_text() == '{"mine": 1}', "another program's file"
    assert read_sidecar(path) == {}


def test_rows_of_figures_keep_it(tmp_path: Path) -> None:
    about = {"livefer.schema": "1", "livefer.table": "t.csv", "livefer.model": "human"}
    write_plain(tmp_path / "a.csv", [{"a": 1}], {"a": int}, about)
    assert json.loads((tmp_path / "a.csv.json").read_text()) == about
    write_plain(tmp_path / "b.csv", [{"a": 1}], {"a": int}, {"livefer.table": "t.csv"})
    assert not (tmp_path / "b.csv.json").exists(), "nothing is known"
    write_plain(tmp_path / "a.csv", [], {"n": int})
    assert not (tmp_path / "a.csv.json").exists(), "it was of the earlier table"


def test_a_report_has_words_for_all_of_it() -> None:
    recognizer = Recognizer(LevelClassifier(), WholePictureDetector(), max_faces=2)  # type: ignore[arg-type]
    about = recognizer.metadata()
    assert set(about) <= set(HOW_MADE)
    assert how_made(about)["faces that count"] == "the 2 largest"
