"""A session hands results and markers to its tables and receivers, with times of one clock."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from fakes import make_face

from livefer.errors import LiveferError
from livefer.labels import CLASSES
from livefer.live.session import Session
from livefer.results import FrameResult, Marker
from livefer.send.messages import SessionStart
from livefer.tables.dataframes import read_results
from livefer.tables.reading import read_table
from livefer.tables.writing import TableSink, open_table

BEGAN = datetime(2026, 11, 30, 15, 0, tzinfo=timezone.utc)
START = SessionStart(BEGAN, 100.0, CLASSES, "human")
FACE = make_face((10, 10, 60, 60), track_id=1)


def result(index: int, captured_s: float, source: str = "camera 0") -> FrameResult:
    faces = (FACE,) if index % 2 == 0 else ()
    return FrameResult(source, index, captured_s - 102, None, faces, captured_s=captured_s)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(path: Path, start: SessionStart = START) -> None:
    table = open_table(path, CLASSES, live=True)
    with Session(start, [table]) as session:
        session.mark(Marker("early", 101.0))
        session.write(result(0, 102.0))
        session.write(result(1, 102.25))
        session.mark(Marker("go", 102.5))
        session.write(result(2, 102.75))
        assert session.n_markers == 2


NAMES = ("index", "time_s", "captured_s", "marker", "label")


def test_rows_of_frames_and_markers_have_times_of_one_clock(tmp_path: Path) -> None:
    run(tmp_path / "t.csv")
    found = [tuple(row[name] for name in NAMES) for row in rows_of(tmp_path / "t.csv")]
    assert found == [
        ("0", "-2.0", "100.0", "started 2026-11-30T15:00:00.000000+00:00", ""),
        ("0", "-1.0", "101.0", "early", ""),
        ("0", "0.0", "102.0", "", "happy"),
        ("1", "0.25", "102.25", "", ""),
        ("1", "0.5", "102.5", "go", ""),
        ("2", "0.75", "102.75", "", "happy"),
    ]


def test_an_offset_moves_frames_and_not_markers(tmp_path: Path) -> None:
    run(tmp_path / "t.csv", replace(START, offset_s=-0.125))
    found = [tuple(row[name] for name in NAMES[:4]) for row in rows_of(tmp_path / "t.csv")]
    assert found[2:] == [
        ("0", "-0.125", "101.875", ""),
        ("1", "0.125", "102.125", ""),
        ("1", "0.5", "102.5", "go"),
        ("2", "0.625", "102.625", ""),
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_markers_are_in_data_frames_and_no_frames_in_figures(tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"t.{kind}"
    run(path)
    assert [row["index"] for row in read_table(path).rows] == [0, 1, 2]
    pytest.importorskip("pandas")
    frame = read_results(path, "pandas")
    assert list(frame[frame.marker.notna()].time_s) == [-2.0, -1.0, 0.5]
    assert str(frame.dtypes["captured_s"]) == "float64"
    assert frame.dtypes["marker"] == frame.dtypes["source"]


def test_each_camera_has_the_marker_in_its_own_time(tmp_path: Path) -> None:
    table = open_table(tmp_path / "t.csv", CLASSES, live=True)
    with Session(START, [table]) as session:
        session.write(result(0, 102.0))
        session.write(replace(result(0, 103.0, "camera 1"), time_s=0.0))
        session.mark(Marker("go", 104.0))
    found = [(row["source"], row["time_s"]) for row in rows_of(tmp_path / "t.csv") if row["marker"]]
    assert found[-2:] == [("camera 0", "2.0"), ("camera 1", "1.0")]


class Watched:
    """A sender that keeps what it gets."""

    name = "test://here"

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def send(self, result: FrameResult) -> None:
        self.taken.append((result.index, result.captured_s))

    def mark(self, marker: Marker) -> None:
        self.taken.append(marker.text)

    def close(self) -> None:
        self.taken.append("closed")


def test_receivers_get_the_same() -> None:
    sender = Watched()
    session = Session(replace(START, offset_s=1.0), senders=[sender])
    with session:
        session.write(result(0, 102.0))
        session.mark(Marker("go", 102.5))
    assert sender.taken == [(0, 103.0), "go", "closed"]
    assert session.lines() == ["sent 2 messages to test://here"]


def test_a_marker_that_cannot_be_written_is_the_error_of_the_next_result(tmp_path: Path) -> None:
    class Full(TableSink):
        def _write_rows(self, rows: list[dict[str, Any]]) -> None:
            if rows[0].get("marker") == "go":
                raise LiveferError("the disk is full")

        def _end_file(self) -> None:
            """Do nothing."""

    with Session(START, [Full(tmp_path / "t.csv", CLASSES, live=True)]) as session:
        session.write(result(0, 102.0))
        session.mark(Marker("go", 102.5))
        with pytest.raises(LiveferError, match="the disk is full"):
            session.write(result(1, 103.0))
