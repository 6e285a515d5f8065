"""Tables and videos that are whole or not there."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from calmgladwild import CLASSES, RESULTS, make_result
from numpy.typing import NDArray

from livefer.errors import ConfigError, LiveferError
from livefer.live.recorder import SUFFIXES, VideoSink
from livefer.media.sources import open_source
from livefer.tables import reading as tables
from livefer.tables.writing import CsvSink, JsonlSink, columns, rows

Sink = type[CsvSink] | type[JsonlSink]


def read_table(path: Path) -> list[dict[str, Any]]:
    """Read CSV or JSON lines back into the same plain values."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]

    def value(name: str, cell: str) -> Any:
        if cell == "":
            return None
        if name in ("source", "error", "label", "second_label"):
            return cell
        return json.loads(cell)

    with path.open(encoding="utf-8", newline="") as file:
        return [{k: value(k, v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize(("sink", "name"), [(CsvSink, "t.csv"), (JsonlSink, "t.jsonl")])
def test_written_is_read_and_both_kinds_say_the_same(tmp_path: Path, sink: Sink, name: str) -> None:
    path = tmp_path / "new folder" / name
    with sink(path, CLASSES) as table:
        for result in RESULTS:
            table.write(result)
        assert not path.exists()
    expected = [row for result in RESULTS for row in rows(result, CLASSES)]
    assert read_table(path) == expected
    assert list(read_table(path)[0]) == list(columns(CLASSES))
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_rows() -> None:
    first, second = rows(RESULTS[0], CLASSES)
    assert first == {
        **{"source": 'a "b", c.mp4', "index": 0, "time_s": 0.0, "n_skipped": 0, "error": None},
        **{"note": None, "schema": 1},
        **{"track_id": 1, "left": 1.0, "top": 2.0, "right": 31.0, "bottom": 42.0, "score": 0.9},
        **{"label": "glad", "second_label": "wild", "confidence": 0.6, "uncertain": False},
        **{"calm": 0.2, "glad": 0.6, "wild": 0.2},
        **{"raw_calm": 0.125, "raw_glad": 0.25, "raw_wild": 0.625},
    }
    assert (second["track_id"], second["label"], second["uncertain"]) == (2, "wild", True)
    (nobody,) = rows(RESULTS[1], CLASSES)
    assert [name for name, value in nobody.items() if value is not None] == [
        *("source", "index", "time_s", "n_skipped", "schema")
    ]
    (broken,) = rows(RESULTS[3], CLASSES)
    assert (broken["error"], broken["track_id"], broken["glad"]) == ("cut, short", None, None)


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


def test_the_table_before_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    sink = CsvSink(path, CLASSES)
    sink.write(RESULTS[0])
    assert path.read_text() == "old"
    sink.close()
    sink.close()
    assert len(read_table(path)) == 2


def test_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a class called label"):
        CsvSink(tmp_path / "t.csv", ("label", "b"))
    (tmp_path / "file").touch()
    with pytest.raises(LiveferError, match="cannot be written"):
        JsonlSink(tmp_path / "file" / "t.jsonl", CLASSES)


class Full:
    """A file on a disk that is full."""

    def write(self, text: str) -> None:
        raise OSError(28, "No space left on device")

    close = flush = lambda self: None


@pytest.mark.parametrize(("sink", "name"), [(CsvSink, "t.csv"), (JsonlSink, "t.jsonl")])
def test_on_a_full_disk_the_table_before_stays(tmp_path: Path, sink: Sink, name: str) -> None:
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
def test_a_source_whose_name_is_no_text_has_its_row(tmp_path: Path, sink: Sink, name: str) -> None:
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
    assert [row["source"] for row in tables.read_table(path).rows] == [name, 'a "b", c.mp4']
    assert path.read_bytes().endswith(b",1\n")
    assert path.read_bytes().count(b"\r\n") == (letter == "\r\n")


# Video


def write_frames(path: Path, times: list[float], fps: float | None = 25.0) -> VideoSink:
    with VideoSink(path, fps) as sink:
        for k, time_s in enumerate(times):
            sink.write(make_result(k, time_s=time_s))
    return sink


@pytest.mark.skipif(os.name == "nt", reason="there, names have no colon")
def test_a_time_in_a_videos_name_is_no_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_frames(Path("12:30.mp4"), [0.0, 0.04, 0.08])
    with open_source(tmp_path / "12:30.mp4") as source:
        assert len(list(source)) == 3


def levels(path: Path) -> list[int]:
    """Return which frames a video shows, one after the other."""
    frames = list(open_source(path))
    assert not any(frame.error for frame in frames)
    return [round(float(f.image.mean()) / 8) for f in frames if f.image is not None]


@pytest.mark.parametrize("name", ["v.mp4", "v.avi", "ü v.mov", "v.mkv"])
def test_a_video_has_its_frames_rate_and_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_frames(path, [k / 29.97 for k in range(20)], fps=29.97)
    with open_source(path) as source:
        assert source.fps == pytest.approx(29.97, abs=0.01)
    assert levels(path) == list(range(20))
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.04, 0.12, 0.16], [0, 1, 1, 2, 3]),  # a frame skipped: the one before stands
        ([5.0, 5.04, 5.08], [0, 1, 2]),  # any first time
        ([0.0, 0.0, 0.0], [0, 1, 2]),  # pictures
        ([0.0, 0.04, 0.0, 0.04], [0, 1, 2, 3]),  # a second file
        ([0.0, 0.01, 0.04, 0.05, 0.08], [0, 2, 4]),  # more frames than the video takes
        ([0.0, 0.04, 1e6, 1e6 + 0.04], [0, 1, 2, 3]),  # a time out of its mind
    ],
)
def test_a_video_keeps_time(tmp_path: Path, times: list[float], expected: list[int]) -> None:
    sink = write_frames(tmp_path / "v.avi", times)
    assert levels(tmp_path / "v.avi") == expected
    assert sink.n_left_out == len(times) - len(set(expected))


def test_drawn_images_of_other_and_odd_sizes(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with VideoSink(path) as sink:
        for k, wh in enumerate([(65, 49), (640, 480), (10, 10)]):
            drawn: NDArray[np.uint8] = np.full((wh[1], wh[0], 3), 80, np.uint8)
            sink.write(make_result(k), drawn)
    assert levels(path)[:2] == [10, 10]
    assert next(iter(open_source(path))).image.shape == (48, 64, 3)  # type: ignore[union-attr]


def test_without_an_image_there_is_no_video(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "v.mp4") as sink:
        sink.write(RESULTS[3])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["v.txt", "v.png", "v.gif", "v.webm", "v", ""])
def test_a_name_no_video_can_have(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LiveferError, match=r"cannot be written as a video: expected .*\.mp4"):
        VideoSink(tmp_path / name, 25)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_video_can_be_played(suffix: str, tmp_path: Path) -> None:
    write_frames(tmp_path / f"v{suffix}", [k / 25 for k in range(25)])
    assert len(list(open_source(tmp_path / f"v{suffix}"))) in range(24, 27)


def test_an_interrupted_video_can_be_played(tmp_path: Path) -> None:
    def work() -> None:
        with VideoSink(tmp_path / "v.mp4", 25) as sink:
            for k in range(10):
                sink.write(make_result(k))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert levels(tmp_path / "v.mp4") == list(range(10))


def test_cv2_reads_what_was_written(tmp_path: Path) -> None:
    write_frames(tmp_path / "v.mp4", [k / 25 for k in range(50)])
    capture = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 50
    capture.release()


def test_a_video_that_could_not_be_written_whole_is_not_called_whole(tmp_path: Path) -> None:
    """OpenCV says nothing when the disk is full: what it leaves cannot be opened."""
    sink = VideoSink(tmp_path / "v.mp4", 25)
    for k in range(10):
        sink.write(make_result(k))
    assert sink._writer is not None
    sink._writer.release()
    sink._part.write_bytes(sink._part.read_bytes()[:1000])
    with pytest.raises(LiveferError, match="is the disk full"):
        sink.close()
    sink.close()
    assert not (tmp_path / "v.mp4").exists()
    assert sink._part.exists()


def test_a_video_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LiveferError, match="choose another name"):
        VideoSink(tmp_path / "caf\udce9.mp4")
    assert list(tmp_path.iterdir()) == []
