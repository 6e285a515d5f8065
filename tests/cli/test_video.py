"""`livefer video`: footage in, tables and annotated copies out, even if the run is interrupted."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

import numpy as np
from fakes import SquareDetector, make_scene, use_fakes
from squares import Quick, scene
from videos import read_streams, write_video
from waiting import wait_until

from livefer.cli import main
from livefer.detection.detections import Detections
from livefer.media.h264_writer import H264Writer
from livefer.recognizer import Recognizer
from livefer.tables.schema import to_rows

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)


def run(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    patch.setattr(sys, "argv", ["livefer", "video", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return int(ended.value.code or 0), err


def clip(name: str, n_frames: int = 12, **more: Any) -> Path:
    """A square that is happy, one that is surprised, and they pass each other."""
    steps = [5 * (i % 40) for i in range(n_frames)]
    scenes = [make_scene((10 + x, 20, 125), (250 - x, 150, 200)) for x in steps]
    return write_video(Path(name), scenes, **more)


def read_csv(name: str) -> list[dict[str, str]]:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_has_a_row_for_each_face_with_times_and_persons(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mp4", fps=10)
    code, err = run(monkeypatch, capsys, "in.mp4", "--csv", "new/out.csv")
    assert code == 0
    rows = read_csv("new/out.csv")
    assert [(r["index"], r["time_s"], r["track_id"], r["label"]) for r in rows[:4]] == [
        ("0", "0.0", "1", "surprise"),
        ("0", "0.0", "2", "happy"),
        ("1", "0.1", "1", "surprise"),
        ("1", "0.1", "2", "happy"),
    ]
    assert len(rows) == 24
    assert {r["source"] for r in rows} == {"in.mp4"}
    assert "12 frames (1.2 s of footage), 24 faces, 2 tracks" in err
    assert "wrote new/out.csv" in err


def test_one_person_is_one_track_across_cuts_and_absences(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person, other = [make_scene((10, 20, 125))] * 10, [make_scene((250, 150, 200))] * 10
    nobody = [make_scene()] * 30
    write_video(Path("in.mp4"), [*person, *nobody, *other, *person], fps=10)
    assert run(monkeypatch, capsys, "in.mp4", "--csv", "all.csv")[0] == 0
    assert len({r["track_id"] for r in read_csv("all.csv")} - {""}) > 2
    code, _ = run(monkeypatch, capsys, "in.mp4", "--csv", "one.csv", "--one-person")
    rows = read_csv("one.csv")
    assert code == 0
    assert len(rows) == 60
    assert [r["track_id"] for r in rows] == ["1"] * 10 + [""] * 30 + ["1"] * 20


def test_bystanders_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    squares = [(10, 20, 125), (250, 150, 55)]
    scenes = [make_scene(*squares[: 2 if 5 <= i < 8 else 1], wh=(960, 640)) for i in range(30)]
    write_video(Path("in.mp4"), scenes, fps=10)
    for option, name in (("--csv", "o.csv"), ("--report", "o.html")):
        code, err = run(monkeypatch, capsys, "in.mp4", option, name, "--min-seen", "1")
        assert code == 0
        assert "30 faces, 1 track in" in err
        assert "1 short track left out" in err
    assert [r["track_id"] for r in read_csv("o.csv")] == ["1"] * 30
    about = json.loads(Path("o.csv.json").read_text())
    assert about["livefer.min_seen_s"] == "1"
    assert run(monkeypatch, capsys, "in.mp4", "--csv", "m.csv", "--max-faces", "1")[0] == 0
    assert len(read_csv("m.csv")) == 30
    assert run(monkeypatch, capsys, "in.mp4", "--csv", "s.csv", "--min-face", "999")[0] == 0
    assert {r["track_id"] for r in read_csv("s.csv")} == {""}


def test_all_outputs_of_one_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    clip("in.mp4", sound="aac")
    names = {"--csv": "o.csv", "--jsonl": "o.jsonl", "--parquet": "o.parquet", "--out": "o.mp4"}
    arguments = [word for pair in names.items() for word in pair]
    assert run(monkeypatch, capsys, "in.mp4", *arguments)[0] == 0
    table = pq.read_table("o.parquet")
    assert len(read_csv("o.csv")) == table.num_rows == len(Path("o.jsonl").read_text().splitlines())
    assert table.schema.metadata[b"livefer.model"] == b"level"
    copy, source = read_streams(Path("o.mp4")), read_streams(Path("in.mp4"))
    assert copy["times"] == source["times"]
    assert copy["sound"] == ["aac"]
    assert (copy["codec"], copy["pixels"]) == ("h264", "yuv420p")
    beside = ["o.csv.json", "o.jsonl.json"]
    assert sorted(p.name for p in Path().iterdir()) == sorted(["in.mp4", *names.values(), *beside])
    assert json.loads(Path(beside[0]).read_text())["livefer.model"] == "level"


def test_a_table_says_how_often_its_video_was_searched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write_video(Path("in.mp4"), [scene((100 + 4 * i, 200)) for i in range(12)], fps=30)
    detector = Quick()
    monkeypatch.setattr("livefer.recognizer.make_detector", lambda name, **more: detector)
    ways = (([], 4, b"every tenth of a second"), (["--every-frame"], 12, b"every frame"))
    for options, n, words in ways:
        detector.calls.clear()
        arguments = ("in.mp4", "--parquet", "o.parquet", "--report", "o.html", *options)
        assert run(monkeypatch, capsys, *arguments)[0] == 0
        assert detector.calls.count("all") == n
        assert pq.read_schema("o.parquet").metadata[b"livefer.search"] == words
        assert re.search(f"searched for faces.*{words.decode()}", Path("o.html").read_text(), re.S)


def test_landmarks_are_columns_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def detect(self: Any, image: Any) -> Detections:
        boxes, scores = squares(self, image)
        return Detections(boxes, scores, np.stack([boxes[:, :2]] * 5, axis=1))

    clip("in.mp4", 3)
    arguments = ("in.mp4", "--csv", "o.csv", "--jsonl", "o.jsonl", "--landmarks")
    code, err = run(monkeypatch, capsys, *arguments, "--report", "o.html")
    assert code == 0
    assert err.count("finds no landmarks, so they stay empty") == 1
    assert {row["nose_x"] for row in read_csv("o.csv")} == {""}
    squares = SquareDetector.detect
    monkeypatch.setattr(SquareDetector, "detect", detect)
    monkeypatch.setattr(SquareDetector, "has_landmarks", True, raising=False)
    code, err = run(monkeypatch, capsys, *arguments)
    assert (code, "landmarks" in err) == (0, False)
    rows = read_csv("o.csv")
    assert [row["left_mouth_y"] for row in rows] == [row["top"] for row in rows]
    lines = [json.loads(line) for line in Path("o.jsonl").read_text("utf-8").splitlines()]
    assert [line["nose_x"] for line in lines] == [line["left"] for line in lines]
    assert run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv")[0] == 0
    assert "nose_x" not in read_csv("o.csv")[0]


def test_faces_below_the_least_score_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mp4", 3)
    for least, n in (("0.8", 6), ("0.9", 0)):
        arguments = ("--csv", "o.csv", "--report", "o.html", "--min-score", least)
        code, err = run(monkeypatch, capsys, "in.mp4", *arguments)
        assert (code, f"{n} faces" in err) == (0, True)
        page = Path("o.html").read_text("utf-8")
        assert f"<dt>faces of a score from</dt><dd>{least}</dd>" in page


def test_a_part_and_a_sample(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mp4", 25, fps=10)
    part = ("--start", "0:00:01", "--end", "2")
    assert run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv", *part, "--every", "4")[0] == 0
    assert [r["index"] for r in read_csv("o.csv")[::2]] == ["10", "14", "18"]
    assert run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv", *part, "--fps", "5")[0] == 0
    assert [r["time_s"] for r in read_csv("o.csv")[::2]] == ["1.0", "1.2", "1.4", "1.6", "1.8"]


def test_an_assumed_rate_is_in_the_table_and_in_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mjpeg", 5, codec="mjpeg")
    code, err = run(monkeypatch, capsys, "in.mjpeg", "--csv", "o.csv")
    assert code == 0
    assert "25 frames/s assumed, --fps-of-source sets it" in err.splitlines()[-1]
    assert {r["note"] for r in read_csv("o.csv")} == {"at an assumed rate"}
    arguments = ("--csv", "o.csv", "--fps-of-source", "5")
    code, err = run(monkeypatch, capsys, "in.mjpeg", *arguments)
    assert (code, "assumed" in err) == (0, False)
    assert [r["time_s"] for r in read_csv("o.csv")[::2]] == ["0.0", "0.2", "0.4", "0.6", "0.8"]
    assert {r["note"] for r in read_csv("o.csv")} == {""}
    clip("in.mp4")
    _, err = run(monkeypatch, capsys, "in.mp4", *arguments)
    assert "--fps-of-source changed nothing: every video has its own times" in err
    _, err = run(monkeypatch, capsys, "in.mp4", "in.mjpeg", "--csv", "o.csv")
    assert "25 frames/s assumed for 1 of them" in err


def test_a_bad_input_is_a_row_the_others_follow_and_the_exit_code_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    noise = np.random.default_rng(0)
    noisy = [noise.integers(0, 14, (240, 320, 3), np.uint8) for _ in range(50)]
    whole = write_video(Path("whole.mp4"), noisy, options={"g": "5"}, movflags="faststart")
    data = whole.read_bytes()
    Path("in/a.mp4").write_bytes(data[: len(data) // 2])
    Path("in/b.mp4").write_bytes(b"")
    clip("in/c.mp4")
    Path("in/notes.txt").write_text("not a video")
    code, err = run(
        monkeypatch, capsys, "in", "gone.mp4", "p.jpg", "--csv", "o.csv", "--out", "copies"
    )
    assert code == 1
    rows = read_csv("o.csv")
    errors = {r["source"]: r["error"] for r in rows if r["error"]}
    assert list(errors) == ["in/a.mp4", "in/b.mp4", "gone.mp4", "p.jpg"]
    assert "the rest is damaged or missing" in errors["in/a.mp4"]
    assert "is empty (0 bytes)" in errors["in/b.mp4"]
    assert "does not exist" in errors["gone.mp4"] or "could not be opened" in errors["gone.mp4"]
    assert 'livefer image" reads pictures' in errors["p.jpg"]
    assert all(text in err for text in errors.values())
    first = [r for r in rows if r["source"] == "in/a.mp4"]
    assert 15 <= len(first) <= 45
    assert first[-1]["error"]
    assert first[-1]["time_s"] == first[-2]["time_s"]
    assert {r["track_id"] for r in rows if r["source"] == "in/c.mp4"} == {"1", "2"}
    assert sorted(p.name for p in Path("copies").iterdir()) == ["a.mp4", "c.mp4"]
    assert len(read_streams(Path("copies/a.mp4"))["times"]) == len(first) - 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["tlak.mp4"], "livefer: tlak.mp4 does not exist: check the path; nothing was written"),
        (["tlak.mp4", "no/*.mp4"], "none of 2 inputs exists: tlak.mp4 does not exist"),
        (["p.jpg"], 'p.jpg is a picture: "livefer image" reads pictures; nothing was written'),
    ],
)
def test_a_wrong_name_does_not_cost_the_earlier_table(
    names: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("talk.csv").write_text("hours of work", encoding="utf-8")
    code, err = run(monkeypatch, capsys, *names, "--csv", "talk.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert expected in err
    assert Path("talk.csv").read_text(encoding="utf-8") == "hours of work"


def test_copies_never_replace_inputs_or_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other").mkdir()
    clip("a.mp4", 2), clip("other/a.mp4", 3)
    before = Path("a.mp4").read_bytes()
    assert run(monkeypatch, capsys, "a.mp4", "other/a.mp4", "--out", ".")[0] == 0
    assert Path("a.mp4").read_bytes() == before
    assert len(read_streams(Path("a-2.mp4"))["times"]) == 2
    assert len(read_streams(Path("a-3.mp4"))["times"]) == 3


def test_an_earlier_copy_is_not_reported_as_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mp4", 2)
    Path("out.mp4").write_text("old")
    code, err = run(monkeypatch, capsys, "in.mp4", "--start", "60", "--out", "out.mp4")
    assert (code, Path("out.mp4").read_text()) == (1, "old")
    assert "there is nothing after the start" in err
    assert "wrote nothing" in err


def test_an_input_named_twice_is_done_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("a.mp4", 2), clip("b.mp4", 3)
    words = ("a.mp4", "*.mp4", "--csv", "out.csv", "--out", "copies")
    assert run(monkeypatch, capsys, *words)[0] == 0
    assert [r["source"] for r in read_csv("out.csv")] == ["a.mp4"] * 4 + ["b.mp4"] * 6
    assert sorted(p.name for p in Path("copies").iterdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("n_presses", "name"), [(1, "SIGINT"), (3, "SIGINT"), (1, "SIGTERM"), (2, "SIGHUP")]
)
def test_ctrl_c_leaves_a_valid_table_and_a_playable_video(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], n_presses: int, name: str
) -> None:
    """So do SIGTERM and SIGHUP, once or several times."""
    number = getattr(signal, name, None) or pytest.skip(f"this system has no {name}")
    clip("in.mp4", 200, options={"g": "10"}, sound="aac")
    clip("next.mp4", 2)
    before = signal.getsignal(signal.SIGINT)
    press_in_second_batch(monkeypatch, n_presses, number=number)
    code, err = run(monkeypatch, capsys, "in.mp4", "next.mp4", "--csv", "o.csv", "--out", "copies")
    assert code == 128 + number
    assert "stopped on request after 16 frames" in err
    rows = read_csv("o.csv")
    assert "stopped on request" in rows[-1]["error"]
    assert len({r["index"] for r in rows if not r["error"]}) == 16
    assert len(read_streams(Path("copies/in.mp4"))["times"]) == 16
    assert {r["source"] for r in rows} == {"in.mp4"}
    assert signal.getsignal(signal.SIGINT) is before
    wait_until(lambda: threading.active_count() == 1)


def test_a_second_ctrl_c_drops_the_waiting_frames_and_files_are_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mp4", 200, options={"g": "10"}, sound="aac")
    monkeypatch.setattr("livefer.system.interrupts._ONE_PRESS_S", 0.0)
    encoded, write = threading.Event(), H264Writer.write

    def noted(self: H264Writer, *given: Any) -> None:
        write(self, *given)
        encoded.set()

    monkeypatch.setattr(H264Writer, "write", noted)
    press_in_second_batch(monkeypatch, 2, encoded)
    words = ("in.mp4", "--csv", "o.csv", "--out", "o.mp4", "--report", "o.html")
    code, err = run(monkeypatch, capsys, *words)
    assert code == 130
    assert err.splitlines()[1].endswith("; model level; wrote o.csv, o.mp4")
    assert sorted({int(r["index"]) for r in read_csv("o.csv")}) == list(range(17))
    assert 1 <= len(read_streams(Path("o.mp4"))["times"]) <= 16
    assert not list(Path().glob(".*"))
    wait_until(lambda: threading.active_count() == 1)


def press_in_second_batch(
    monkeypatch: pytest.MonkeyPatch,
    n_presses: int,
    begun: threading.Event | None = None,
    number: int = signal.SIGINT,
) -> None:
    """Send a signal, by default that of Ctrl-C; `begun`: not before it is set."""
    n_calls, process_many = 0, Recognizer.process_many

    def interrupted(self: Recognizer, *given: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        assert n_calls < 2 or begun is None or begun.wait(60)
        for _ in range(n_presses if n_calls == 2 else 0):
            os.kill(os.getpid(), number)
        return process_many(self, *given)

    monkeypatch.setattr(Recognizer, "process_many", interrupted)


def test_a_video_without_a_face_has_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(Path("in.mp4"), [np.zeros((240, 320, 3), np.uint8)] * 4)
    code, err = run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv")
    assert code == 0
    assert "4 frames (0.2 s of footage), 0 faces, 0 tracks" in err
    assert [(r["note"], r["track_id"], r["error"]) for r in read_csv("o.csv")] == [
        ("too dark", "", "")
    ] * 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in.mp4"], "nothing to write"),
        (["in.mp4", "--csv", "o.txt"], "ending in .csv"),
        (["in.mp4", "--parquet", "o.csv"], "ending in .parquet"),
        (["in.mp4", "--out", "o.webm"], "expected a folder, or a name that ends in .mp4"),
        (["in.mp4", "--out", "in.mp4"], "in.mp4 is an input"),
        (["in.mp4", "--out", "o.mp4", "--landmarks"], "add --csv, --jsonl or --parquet"),
        (["in.mp4", "b.mp4", "--out", "o.mp4"], "one file for 2 videos"),
        (["in.mp4", "--csv", "o.csv", "--every", "2", "--fps", "3"], "leave one out"),
        (["in.mp4", "--csv", "o.csv", "--start", "soon"], "--start soon is not a time"),
        (["in.mp4", "--csv", "o.csv", "--start", "1:75"], "--start 1:75 is not a time"),
        (
            ["in.mp4", "--csv", "o.csv", "--start", "3", "--end", "2"],
            "expected an end after the start",
        ),
        (["in.mp4", "--csv", "in.mp4/o.csv"], "choose another place"),
    ],
)
def test_a_mistake_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    clip("in.mp4", 2)
    code, err = run(monkeypatch, capsys, *arguments)
    assert code == 1
    assert words in err
    assert err.startswith("livefer: ")
    assert err.count("\n") == 1
    assert [p.name for p in Path().iterdir()] == ["in.mp4"]


def test_without_pyav_an_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip("in.mp4", 2)
    monkeypatch.setitem(sys.modules, "av", None)
    code, err = run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv")
    assert code == 1
    assert 'pip install "livefer[video]"' in err


def test_the_table_is_what_the_library_gives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from livefer.batch.recordings import recognise_video
    from livefer.media.pyav_reader import VideoReader

    clip("in.mp4", 5)
    run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv")
    recognizer = Recognizer(None, "haar")  # the fakes
    with VideoReader("in.mp4") as video:
        expected = list(to_rows(recognise_video(recognizer, video)))
    assert [(r["index"], r["track_id"], r["confidence"]) for r in read_csv("o.csv")] == [
        (str(r["index"]), str(r["track_id"]), str(r["confidence"])) for r in expected
    ]


def test_a_folder_may_have_any_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("clips [a]").mkdir()
    clip("clips [a]/in.mp4", 2)
    assert run(monkeypatch, capsys, "clips [a]", "--csv", "o.csv")[0] == 0
    assert {row["source"] for row in read_csv("o.csv")} == {os.path.join("clips [a]", "in.mp4")}


@pytest.mark.skipif(os.name == "nt", reason="there, names are text")
def test_a_name_that_is_no_utf8_has_its_rows_and_its_faces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    Path(clip("in.mp4", 2)).rename("caf\udce9.mp4")
    code, err = run(
        monkeypatch, capsys, "caf\udce9.mp4", "--csv", "o.csv", "--report", "o.html", "--out", "o"
    )
    assert code == 0, err
    assert {row["source"] for row in read_csv("o.csv")} == {"caf\\xe9.mp4"}
    assert "Key frames" in Path("o.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("--plot", "file/p.png"), ("--report", "file/r.html")])
def test_an_output_that_cannot_be_written_is_an_error_before_hours_of_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    pytest.importorskip("matplotlib")
    Path("in.mp4").touch()
    Path("file").touch()
    code, err = run(monkeypatch, capsys, "in.mp4", *words)
    assert (code, err.count("\n")) == (1, 1)
    assert f"{Path(words[1])} cannot be written (" in err


def test_a_timeline_and_a_report_are_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    clip("in.mp4", fps=10)
    words = ("in.mp4", "--plot", "out/p.pdf", "--report", "out/r.html", "--every", "2")
    code, err = run(monkeypatch, capsys, *words)
    assert code == 0
    assert f"wrote {Path('out/p.pdf')}, {Path('out/r.html')}" in err
    page = Path("out/r.html").read_text(encoding="utf-8")
    for text in ("track 2", "surprise", "1 of 2 frames", "level", "SquareDetector"):
        assert text in page, text


# Pipes


def feed(path: Path, data: bytes) -> threading.Thread:
    """Write bytes into a new pipe on a thread."""
    os.mkfifo(path)

    def write() -> None:
        with suppress(BrokenPipeError):
            path.write_bytes(data)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".avi"])
def test_a_video_may_come_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    source = clip(f"in{suffix}", 30, sound="aac", options={"bf": "2"})
    thread = feed(Path("pipe"), source.read_bytes())
    outputs = ("--csv", "o.csv", "--plot", "o.png", "--out", "o.mp4")
    code, err = run(monkeypatch, capsys, "pipe", *outputs)
    thread.join()
    assert code == 0, err
    rows = read_csv("o.csv")
    assert [r["index"] for r in rows[::2]] == [str(i) for i in range(30)]
    assert {r["source"] for r in rows} == {"pipe"}
    assert "o.mp4 has no sound: its source is a pipe" in err
    assert len(read_streams(Path("o.mp4"))["times"]) == 30


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_sends_no_video_is_one_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, data in enumerate((b"", b"no video at all " * 900)):
        thread = feed(Path(f"pipe{number}"), data)
        code, err = run(monkeypatch, capsys, f"pipe{number}", "--csv", "o.csv")
        thread.join()
        assert code == 1
        assert "sends no video that can be read from a pipe" in err
        assert "such as MPEG-TS or Matroska" in err
        assert len(read_csv("o.csv")) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_ctrl_c_ends_the_waiting_for_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = clip("in.ts", 60)
    thread = feed(Path("pipe"), source.read_bytes())
    stalled = os.open("pipe", os.O_RDWR)  # the pipe does not end before this is closed
    press_in_second_batch(monkeypatch, 1)
    code, err = run(monkeypatch, capsys, "pipe", "--csv", "o.csv")
    os.close(stalled)
    thread.join()
    assert code == 130
    assert "stopped on request" in err
    assert 16 <= len({r["index"] for r in read_csv("o.csv") if not r["error"]}) < 60


@pytest.mark.parametrize("option", ["--blur", "--pixelate"])
def test_a_copy_hides_the_faces(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    image = make_scene((100, 60, 200))
    image[60:120, 100:160] = rng.integers(60, 256, (60, 60, 3))
    write_video(Path("in.mp4"), [image] * 3)
    assert run(monkeypatch, capsys, "in.mp4", "--out", "o.mp4", option)[0] == 0
    shown = read_images("o.mp4")[1]
    inside = np.abs(np.diff(shown[65:115, 105:155].astype(float), axis=1)).mean()
    before = np.abs(np.diff(image[65:115, 105:155].astype(float), axis=1)).mean()
    assert inside < 0.2 * before
    code, err = run(monkeypatch, capsys, "in.mp4", "--csv", "o.csv", option)
    assert (code, "add --out" in err) == (1, True)
    words = ("in.mp4", "--out", "o.mp4", option, "--one-person")
    code, err = run(monkeypatch, capsys, *words)
    assert (code, "hides every face" in err) == (1, True)


def read_images(name: str) -> list[np.ndarray[Any, Any]]:
    import cv2

    video = cv2.VideoCapture(name)
    images = []
    while (read := video.read())[0]:
        images.append(read[1])
    return images
