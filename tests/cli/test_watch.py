"""`livefer watch`: videos that are played at their own speed as cameras, without a window."""

from __future__ import annotations

import csv
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import write_avi
from commands import Run
from fakes import make_face, make_scene, use_fakes
from mjpegserver import serving
from waiting import wait_until

from livefer.cli.watch import Changes
from livefer.results import FrameResult

pytestmark = pytest.mark.slow

SCENE = make_scene((40, 60, 125))


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)


def write_video(name: str, n_frames: int = 12) -> None:
    write_avi(name, [SCENE] * n_frames)


def rows_of(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(name).read_text(encoding="utf-8"))))


def test_a_video_gives_lines_a_table_and_an_account(livefer: Run) -> None:
    write_video("in.avi")
    ended = livefer("watch", "in.avi", "--csv", "t.csv", "--send", "udp://127.0.0.1:9")
    assert ended.code == 0
    (line,) = ended.out.splitlines()
    assert line.split()[1:] == ["s", "#1", "happy", "80%"]
    rows = rows_of("t.csv")
    assert rows[0]["marker"].startswith("started ")
    done, sent = ended.err.splitlines()
    n_frames = len(rows) - 1
    n_skipped = sum(int(row["n_skipped"]) for row in rows)
    assert done == (
        f"{n_frames} frame{'s' * (n_frames > 1)} recognised, {n_skipped} skipped; model level; "
        "wrote t.csv"
    )
    assert sent.startswith(f"sent {n_frames} message")


def test_a_row_has_the_time_of_day(livefer: Run) -> None:
    """started + (captured_s − started_s), of the marker at the top of the table."""
    write_video("in.avi")
    before = datetime.now(timezone.utc)
    ended = livefer("watch", "in.avi", "-q", "--jsonl", "-")
    after = datetime.now(timezone.utc)
    assert ended.err == ""
    first, *rows = map(json.loads, ended.out.splitlines())
    started = datetime.fromisoformat(first["marker"].removeprefix("started "))
    times = [started + timedelta(seconds=row["captured_s"] - first["captured_s"]) for row in rows]
    assert len(times) == len(rows) > 0
    assert before <= started < times[0] <= times[-1] <= after
    seconds = [row["captured_s"] - row["time_s"] for row in rows]
    assert seconds == pytest.approx([seconds[0]] * len(rows), abs=0.2)


def test_a_table_on_standard_output_stands_there_alone(livefer: Run) -> None:
    write_video("in.avi")
    ended = livefer("watch", "in.avi", "--csv", "-")
    assert ended.code == 0
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert {row["source"] for row in rows} == {"in.avi"}
    assert rows[-1]["label"] == "happy"
    change, done = ended.err.splitlines()
    assert "#1 happy" in change
    assert done.endswith("; wrote standard output")


def test_parquet_has_the_start_in_its_metadata(livefer: Run) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write_video("in.avi")
    assert livefer("watch", "in.avi", "-q", "--parquet", "t.parquet", "--offset", "-0.1").code == 0
    table = pq.read_table("t.parquet")
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    first, second, *_ = table.to_pylist()
    assert first["marker"] == f"started {about['livefer.started']}"
    assert first["captured_s"] == float(about["livefer.started_s"])
    assert about["livefer.offset_s"] == "-0.1"
    assert second["time_s"] == pytest.approx(-0.1, abs=1e-3) or second["n_skipped"]


@contextmanager
def interrupted(number: signal.Signals, when: Callable[[], bool]) -> Iterator[None]:
    """Send this process a signal as soon as something is so, by another thread."""

    def wait() -> None:
        wait_until(when)
        signal.raise_signal(number)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def unfinished() -> str:
    """Return what the table holds that is being written."""
    return "".join(path.read_text(encoding="utf-8") for path in Path().glob(".t.*.part.csv"))


def test_several_sources_have_their_names_in_the_lines(livefer: Run) -> None:
    with (
        serving([SCENE] * 2000, 0.05) as one,
        serving([SCENE] * 2000, 0.05) as other,
        interrupted(
            signal.SIGINT, lambda: all(f"\n{url},1," in unfinished() for url in (one, other))
        ),
    ):
        ended = livefer("watch", one, other, "--csv", "t.csv")
    assert ended.code == 0
    assert {row["source"] for row in rows_of("t.csv")} == {one, other}
    assert {line.split()[2] for line in ended.out.splitlines()} == {one, other}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("absent.mp4",), "absent.mp4 does not exist"),
        (("99",), "camera 99 could not be opened"),
        (("a.png",), 'a.png does not move: "livefer image"'),
        (("in.avi", "--csv", "t.txt"), "--csv t.txt: expected the name of a file ending in .csv"),
        (("in.avi", "--csv", "-", "--jsonl", "-"), "two tables go to standard output"),
        (("in.avi", "--send", "ftp://x"), "--send ftp://x: expected udp://HOST:PORT"),
        (("in.avi", "--markers", "udp://127.0.0.1:9"), "--markers has no place for markers"),
        (("in.avi", "--landmarks"), "--landmarks adds columns to a table"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], expected: str, livefer: Run) -> None:
    write_video("in.avi")
    cv2.imwrite("a.png", SCENE)
    ended = livefer("watch", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert expected in ended.err
    assert ended.err.count("\n") == 1


def test_a_receiver_that_is_not_there_leaves_an_older_table_alone(livefer: Run) -> None:
    pytest.importorskip("paho.mqtt.client")
    write_video("in.avi")
    Path("t.csv").write_text("old")
    ended = livefer("watch", "in.avi", "--csv", "t.csv", "--send", "mqtt://127.0.0.1:1/a")
    assert ended.code == 1
    assert "no broker answers there" in ended.err
    assert Path("t.csv").read_text() == "old"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_that_stands_still_ends_in_order(number: signal.Signals, livefer: Run) -> None:
    """No frame comes for a minute when the signal arrives, and a marker is in the table."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stimulus:
        stimulus.bind(("127.0.0.1", 0))
        port = stimulus.getsockname()[1]

        def is_marked() -> bool:
            if ",8," in unfinished():  # the last frame
                stimulus.sendto(b"go", ("127.0.0.1", port + 1))
            return ",go,1\n" in unfinished()

        with serving([SCENE] * 9, 0.05, stands_s=60) as url, interrupted(number, is_marked):
            markers = f"udp://127.0.0.1:{port + 1}"
            ended = livefer("watch", url, "--csv", "t.csv", "--markers", markers)
    assert ended.code == 0
    assert ended.err.endswith("wrote t.csv\n")
    assert rows_of("t.csv")[-1]["marker"] == "go"
    assert list(Path().glob(".t.*")) == []


def test_a_reader_that_has_had_enough_ends_the_command_quietly() -> None:
    write_video("in.avi", 100)
    with subprocess.Popen(
        [sys.executable, "-m", "livefer", "watch", "in.avi", "-q", "--csv", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("source,index")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_lines_are_of_changes_only() -> None:
    changes = Changes(names=True)

    def lines(time_s: float, *labels: str, source: str = "door") -> list[str]:
        faces = tuple(make_face((0, 0, 9, 9), label, track_id=i) for i, label in enumerate(labels))
        image = np.zeros((9, 9, 3), np.uint8)
        return changes.lines(FrameResult(source, 0, time_s, image, faces))

    assert lines(0.0, "happy") == ["    0.00 s  door  #0 happy 90%"]
    assert lines(0.1, "happy") == []
    assert lines(0.15, "happy", source="hall") == ["    0.15 s  hall  #0 happy 90%"]
    assert lines(0.2, "happy", "sad") == ["    0.20 s  door  #1 sad 90%"]
    assert lines(0.3, "sad") == ["    0.30 s  door  #0 sad 90%", "    0.30 s  door  #1 gone"]
    assert changes.lines(FrameResult("door", 1, 0.4, None, error="gone")) == []
    assert lines(0.5, "sad") == []
