"""`livefer analyze`: every input in the table once, however often and hard the run is stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import analyzing
import numpy as np
import pytest
from analyzing import fake_recognizer, run_here, write_deadly, write_pictures
from builders import write_picture
from fakes import make_scene
from waiting import wait_until

import livefer
from livefer.batch.analyze import Settings
from livefer.batch.batches import Batch, Input, cut, find_inputs
from livefer.batch.local_engine import _after_death, _Task, _Worker
from livefer.batch.output import Job, Output, write_part
from livefer.cli import main
from livefer.errors import ConfigError, LiveferError
from livefer.labels import CLASSES
from livefer.tables import schema
from livefer.tables.dataframes import read_results
from livefer.tables.reading import read_table
from livefer.tables.schema import to_rows
from livefer.tables.writing import open_table

Command = list[str]


class Run:
    """Runs `livefer analyze` in this process, without others, and keeps its exit code and words."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = patch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        self._patch.setattr(sys, "argv", ["livefer", "analyze", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        assert out == ""
        return int(ended.value.code or 0), err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Settings, "recognizer", fake_recognizer)
    monkeypatch.setattr("livefer.cli.analyze.run_local", run_here)
    monkeypatch.setattr("analyzing.time.sleep", lambda s: None)
    return Run(monkeypatch, capsys)


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Begin `livefer analyze` with fakes and processes of its own."""
    command = [sys.executable, analyzing.__file__, "analyze", *arguments]
    return subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    err = process.communicate(timeout=120)[1]
    return process.returncode, err


def sources(path: Path) -> list[str]:
    return [row["source"] for row in read_table(path).rows]


def names(inputs: list[Input]) -> list[str]:
    return [one.name for one in inputs]


def test_what_is_named_is_found_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.jpg", "b/1.PNG", "b/a/9.mp4", "b/.hidden/x.jpg", "b/.y.jpg", "b/z.doc"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    inside = [os.path.join("b", *parts) for parts in (("1.PNG",), ("2.jpg",), ("a", "9.mp4"))]
    assert names(find_inputs(["b"])) == inside
    assert names(find_inputs(["absent.jpg", "b", inside[0]])) == ["absent.jpg", *inside]
    assert names(find_inputs([Path("b") / "*.jpg"])) == [inside[1]]
    assert names(find_inputs([os.path.join("b", "**", "*")])) == inside
    Path("list.txt").write_text(f"c.jpg\n\n{inside[1]}\r\nb\n", encoding="utf-8-sig")
    assert names(find_inputs(["list.txt"])) == ["c.jpg", inside[1], inside[0], inside[2]]
    for order in ("utf-16-le", "utf-16-be"):  # as Windows PowerShell writes what > catches
        Path("list.txt").write_bytes(f"\ufeffü.jpg\r\n{inside[1]}\r\n".encode(order))
        assert names(find_inputs(["list.txt"])) == ["ü.jpg", inside[1]]
    stdin = io.TextIOWrapper(io.BytesIO(b"x\ny.jpg\0b\0"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert names(find_inputs(["-"])) == ["x\ny.jpg", *inside]
    (tmp_path / "none").mkdir()
    (empty, none) = find_inputs(["none", "*.mov"])
    assert str(empty.error).startswith("none holds no picture or video")
    assert none.error is not None
    assert none.error.startswith("*.mov matches no picture or video")


def test_a_folder_that_cannot_be_listed_is_an_input_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/b/1.jpg", "a/c/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    scandir = os.scandir

    def locked(path: Any) -> Any:
        if os.path.basename(path) == "b":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    found = find_inputs([tmp_path / "a"])
    assert names(found) == [str(tmp_path / "a" / "c" / "2.jpg"), str(tmp_path / "a" / "b")]
    assert "could not be listed (Permission denied)" in str(found[1].error)
    (alone,) = find_inputs([tmp_path / "a" / "b"])
    assert "could not be listed" in str(alone.error)
    (long,) = find_inputs(["a" * 300])
    assert long.error is None  # reading it will say so


def test_batches_are_cut_alike_whatever_is_done() -> None:
    pictures = [Input(f"{i}.jpg") for i in range(40)]
    inputs = [*pictures[:20], Input("a.mp4"), Input("b.mp4"), *pictures[20:]]
    batches = cut(inputs)
    assert [len(batch.inputs) for batch in batches] == [16, 4, 1, 1, 16, 4]
    assert [one for batch in batches for one in batch.inputs] == inputs
    assert len({batch.name for batch in batches}) == 6
    assert sorted(batch.name for batch in batches) == [batch.name for batch in batches]
    for gone in batches:
        done = frozenset(one.name for one in gone.inputs)
        assert cut(inputs, done) == [batch for batch in batches if batch != gone]
    some = cut(inputs, frozenset(["3.jpg", "a.mp4"]))
    assert [len(batch.inputs) for batch in some] == [15, 4, 1, 16, 4]
    assert max(len(b.inputs) for b in cut([Input(f"{i}.png") for i in range(40_000)])) == 40


def test_the_library_gives_results_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = write_pictures(tmp_path, 3)
    (tmp_path / "3.jpg").write_bytes(b"no picture")
    read: list[str] = []
    from livefer.media.pictures import read_image

    monkeypatch.setattr(
        "livefer.batch.analyze.read_image", lambda name: read.append(name) or read_image(name)
    )
    results = livefer.analyze(tmp_path, fake_recognizer(Settings()))
    first = next(results)
    assert (first.source, len(first.faces), first.error) == (str(pictures[0]), 0, None)
    assert read == [str(pictures[0])]
    rest = list(results)
    assert [len(result.faces) for result in rest] == [1, 2, 0]
    assert [result.index for result in (first, *rest)] == [0, 0, 0, 0]
    assert rest[-1].error is not None
    assert "3.jpg is damaged" in rest[-1].error
    assert rest[0].faces[0].track_id is None


def test_a_mistake_is_told_at_once_and_not_by_every_file(tmp_path: Path) -> None:
    for mistake in ({"every": 0}, {"fps": 0.0}, {"every": 2, "fps": 5.0}):
        with pytest.raises(ConfigError):
            livefer.analyze(tmp_path, fake_recognizer(Settings()), **mistake)


def test_why_there_is_no_face_is_said(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((40, 40, 3), np.uint8))
    (result,) = livefer.analyze(tmp_path / "a.png", fake_recognizer(Settings()))
    assert result.note == "too dark"


def test_what_nobody_expected_is_the_row_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = write_pictures(tmp_path, 2)
    recognizer = fake_recognizer(Settings())
    process, calls = recognizer.process, []

    def fail_first(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise ValueError("odd\nvery odd")
        return process(*arguments)

    monkeypatch.setattr(recognizer, "process", fail_first)
    bad, good = livefer.analyze(map(str, pictures), recognizer)
    assert bad.error == f"{pictures[0]} could not be analysed (ValueError: odd)"
    assert good.error is None
    assert "very odd" in caplog.text


def test_a_name_too_long_is_named_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    (result,) = livefer.analyze("a" * 300, fake_recognizer(Settings()))
    assert "could not be opened (File name too long)" in str(result.error)
    assert caplog.text == ""


def test_a_disk_that_is_full_in_the_end_is_no_fault_of_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, part: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livefer.batch.output.sign", fail)
    (batch,) = cut(find_inputs(write_pictures(tmp_path, 1)))
    job = Job(Settings(), {})
    with pytest.raises(LiveferError, match="No space left on device"):
        list(write_part(fake_recognizer(Settings()), batch, tmp_path / "part.csv", job))


def test_videos_pictures_and_names_that_say_nothing(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("av")
    from videos import write_video

    scenes = [make_scene((40 + 2 * i, 60, 125)) for i in range(6)]
    write_video(tmp_path / "a.mp4", scenes)
    (tmp_path / "b").write_bytes((tmp_path / "a.mp4").read_bytes())
    write_pictures(tmp_path / "pictures", 2)
    (tmp_path / "c").write_bytes((tmp_path / "pictures" / "001.png").read_bytes())
    code, err = run("a.mp4", "b", "pictures", "c", "-o", "out.csv", "--every", "2")
    assert (code, err.count("\n")) == (0, 1), err
    assert "5 files, 9 frames, 8 faces in" in err
    rows = list(csv.DictReader(Path("out.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["source"] for row in rows] == [*["a.mp4"] * 3, *["b"] * 3,
        *[os.path.join("pictures", f"00{i}.png") for i in (0, 1)], "c"]  # fmt: skip
    assert [(row["index"], row["time_s"], row["track_id"]) for row in rows[:3]] == [
        ("0", "0.0", "1"),
        ("2", "0.08", "1"),
        ("4", "0.16", "1"),
    ]
    expected = to_rows(
        livefer.analyze(["a.mp4", "b", "pictures", "c"], fake_recognizer(Settings()), every=2)
    )
    assert [float(r["confidence"] or 0) for r in rows] == [r["confidence"] or 0 for r in expected]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "folder"])
def test_a_bad_input_is_a_row_and_the_exit_code(kind: str, tmp_path: Path, run: Run) -> None:
    write_pictures(tmp_path / "in", 20)
    Path("in/bad.jpg").write_bytes(b"no")
    out = "out" if kind == "folder" else f"out.{kind}"
    code, err = run("in", "absent.png", "-o", out)
    assert code == 1
    assert "22 files, 20 frames, 19 faces in" in err
    assert "2 errors; model human; wrote out" in err
    assert "in/bad.jpg is damaged" in err.replace(os.sep, "/")
    frame = read_results(out)
    assert len(set(frame["source"])) == 22
    assert len(frame) == 22 + 6
    assert frame["error"].notna().sum() == 2
    order = list(dict.fromkeys(frame["source"]))
    assert order == names(find_inputs(["in", "absent.png"]))
    assert run("in", "absent.png", "-o", out, "--resume")[0] == 1
    assert read_results(out).equals(frame)
    left = {path.name for path in tmp_path.iterdir()} - {"in", out}
    assert left == set()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "folder"])
def test_a_finished_table_is_gone_on_with(kind: str, tmp_path: Path, run: Run) -> None:
    pictures = write_pictures(tmp_path / "in", 20)
    for picture in pictures[5:]:
        picture.rename(picture.with_suffix(".later"))
    out = "out" if kind == "folder" else f"out.{kind}"
    assert run("in", "-o", out)[0] == 0
    for picture in pictures[5:]:
        picture.with_suffix(".later").rename(picture)
    code, err = run("in", "-o", out, "--resume")
    assert code == 0
    assert "15 files (5 done before)" in err
    assert list(dict.fromkeys(read_results(out)["source"])) == names(find_inputs(["in"]))
    assert run("in", "-o", f"whole.{out}" if kind != "folder" else "whole")[0] == 0
    whole = read_results(f"whole.{out}" if kind != "folder" else "whole")
    assert read_results(out).equals(whole)


def test_gone_on_with_where_all_is_done(tmp_path: Path, run: Run) -> None:
    pictures = write_pictures(tmp_path / "in", 3)
    pictures[1].write_bytes(b"no")
    code, before = run("in", "-o", "out.csv")
    table = Path("out.csv").read_bytes()
    code_again, err = run("in", "-o", "out.csv", "--resume")
    assert (code, code_again) == (1, 1)
    assert "001.png is damaged" in before
    assert "001.png is damaged" in err
    assert "nothing to do: 3 files done before, 1 error; model human; wrote out.csv\n" in err
    assert Path("out.csv").read_bytes() == table


def test_the_first_error_ends_a_run_that_is_to_fail_fast(tmp_path: Path, run: Run) -> None:
    pictures = write_pictures(tmp_path / "in", 40)
    good = pictures[20].read_bytes()
    pictures[20].write_bytes(b"no")
    code, err = run("in", "-o", "out.csv", "--fail-fast")
    assert code == 1
    assert "020.png is damaged" in err
    assert "continue with --resume" in err
    assert not Path("out.csv").exists()
    assert len(list(Path("out.csv.parts").glob("[!.]*"))) == 1
    code, err = run("in", "-o", "out.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert "holds the finished part of another run" in err
    pictures[20].write_bytes(good)
    code, err = run("in", "-o", "out.csv", "--resume")
    assert code == 0
    assert "24 files (16 done before)" in err
    assert list(dict.fromkeys(sources(Path("out.csv")))) == names(find_inputs(["in"]))


def test_only_what_livefer_left_half_written_is_swept_away(tmp_path: Path, run: Run) -> None:
    write_pictures(tmp_path / "in", 2)
    folder = tmp_path / "out"
    folder.mkdir()
    output, batch = Output(str(folder)), Batch(3, (Input("a.jpg"),), 1.0)
    output.hidden(batch).touch()
    ours = open_table(output.hidden(batch), CLASSES)
    assert len(list(folder.iterdir())) == 2
    mine = folder / ".my-part-2.txt"
    mine.touch()
    output.sweep()
    assert list(folder.iterdir()) == [mine]
    ours._file.close()
    assert run("in", "-o", "out")[0] == 0
    assert mine.exists()


def test_other_settings_are_no_continuation(tmp_path: Path, run: Run) -> None:
    write_pictures(tmp_path / "in", 3)
    assert run("in", "-o", "out")[0] == 0
    code, err = run("in", "-o", "out", "--resume", "--every", "2")
    assert (code, err.count("\n")) == (1, 1)
    assert "was started with other settings (every 1, now 2): use the same" in err


def test_a_finished_table_is_not_mixed_with_another_analysis(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "in", 3)
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert run("in/000.png", "-o", name)[0] == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("out.*")}
    code, err = run("in", "-o", "out.parquet", "--resume", "--every", "2")
    assert (code, err.count("\n")) == (1, 1)
    assert "was started with other settings" in err
    monkeypatch.setattr(analyzing.Classifier, "classes", ("no", "yes"))
    for name in before:
        code, err = run("in", "-o", name, "--resume")
        assert (code, err.count("\n")) == (1, 1)
        assert f"{name} has the classes angry, disgust, " in err
        assert "this model no, yes" in err
    assert {path.name: path.read_bytes() for path in tmp_path.glob("out.*")} == before


def test_a_process_that_dies_without_reading_is_not_started_for_ever(tmp_path: Path) -> None:
    class Dead:
        exitcode = -9

        def join(self) -> None:
            pass

    output = Output(str(tmp_path / "out.csv"))
    batch = Batch(0, (Input("a.jpg"), Input("b.jpg")), 1.0)
    process: Any = Dead()
    connection: Any = None
    worker = _Worker(process, connection, task=_Task(batch, tmp_path / "part.csv"), n_inputs=1)
    worker.task = _after_death(worker, output)
    assert list(worker.task.broken) == ["b.jpg"]
    worker.n_inputs = 0  # another input, which may be deadly too
    worker.task = _after_death(worker, output)
    assert list(worker.task.broken) == ["b.jpg", "a.jpg"]
    with pytest.raises(LiveferError, match=r"died twice \(SIGKILL\).*a\.jpg.*--resume"):
        _after_death(worker, output)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_that_another_program_changed_gets_no_rows_behind_its_own(
    kind: str, tmp_path: Path, run: Run
) -> None:
    pandas = pytest.importorskip("pandas")
    write_pictures(tmp_path / "in", 2)
    out = f"out.{kind}"
    assert run("in/000.png", "-o", out)[0] == 0
    frame = pandas.read_csv(out) if kind == "csv" else pandas.read_parquet(out)
    if kind == "csv":  # where Parquet has other types when pandas has written it
        frame.insert(0, "mine", "x")
        frame.to_csv(out, index=False)
    else:
        frame.to_parquet(out, index=False)
    before = Path(out).read_bytes()
    code, err = run("in", "-o", out, "--resume")
    assert (code, err.count("\n")) == (1, 1)
    assert f"{out} was changed by another program" in err
    assert Path(out).read_bytes() == before
    assert not Path(f"{out}.parts").exists()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_parts_with_other_columns_are_not_put_together(
    kind: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an update that brought a column more."""
    pictures = write_pictures(tmp_path / "in", 20)
    good = pictures[18].read_bytes()
    pictures[18].write_bytes(b"no")
    out = f"out.{kind}"
    assert run("in", "-o", out, "--fail-fast")[0] == 1
    pictures[18].write_bytes(good)
    monkeypatch.setitem(schema.FRAME_COLUMNS, "more", str)
    code, err = run("in", "-o", out, "--resume")
    assert (code, err.count("\n")) == (1, 1)
    assert "has other columns than the part before it" in err
    assert {path.name for path in tmp_path.iterdir()} == {"in", f"{out}.parts"}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_without_rows_is_gone_on_with(kind: str, tmp_path: Path, run: Run) -> None:
    write_pictures(tmp_path / "in", 2)
    with open_table(f"out.{kind}", CLASSES):
        pass
    assert run("in", "-o", f"out.{kind}", "--resume")[0] == 0
    assert sources(Path(f"out.{kind}")) == ["in/000.png", "in/001.png"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("in", "-o", "out.xlsx"), "out.xlsx is no name for a table"),
        (("in", "-o", "file"), "file is a file: expected a folder"),
        (("in", "-o", "out.csv", "--every", "2", "--fps", "1"), "leave one out"),
        (("in", "-o", "out.csv", "--ray-address", "auto"), "--ray-address needs --engine ray"),
        (("in", "-o", "s3://bucket/out"), "s3://bucket/out is an address"),
        (("empty.txt", "-o", "out.csv"), "nothing to analyse"),
        (("absent.jpg", "-o", "out.csv"), "absent.jpg does not exist: check the path; nothing was"),
        (("absent.txt", "-o", "out.csv"), "the list absent.txt cannot be read"),
        (("a.csv", "-o", "a.csv"), "a.csv is an input"),
        (("in", "-o", "in"), "in/z.parquet is not what livefer analyze writes"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, run: Run
) -> None:
    write_pictures(tmp_path / "in", 1)
    Path("file").touch()
    Path("empty.txt").touch()
    Path("in/z.parquet").write_bytes(b"something else")
    code, err = run(*arguments, *(["--resume"] if arguments[-1] == "in" else []))
    assert (code, err.count("\n")) == (1, 1), err
    assert expected in err.replace(os.sep, "/")
    assert not Path("out.csv").exists()


def test_the_page_in_docs_names_every_option_and_no_other() -> None:
    from livefer.cli import load_command

    page = Path(__file__).parents[2] / "docs" / "analyze.md"
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")))
    known = {
        name for one in load_command("analyze").params for name in one.opts if name.startswith("--")
    }
    of_others = {"--address", "--runtime-env-json", "--no-deps"}
    shared = {"--model", "--detector", "--prior", "--out", "--help"}
    assert named - of_others - {"--out"} <= known
    assert known - shared <= named


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_name_that_is_no_text_has_its_rows(kind: str, tmp_path: Path, run: Run) -> None:
    (picture,) = write_pictures(tmp_path / "in", 1)
    os.rename(os.fsencode(picture), os.fsencode(picture.parent) + b"/caf\xe9.png")
    for _ in range(2):
        assert run("in", "-o", f"out.{kind}", "--resume")[0] == 0
        assert sources(Path(f"out.{kind}")) == ["in/caf\\xe9.png"]


def test_the_rows_do_not_depend_on_how_many_processes_there_are(tmp_path: Path) -> None:
    """And a file that a process dies of costs nothing but itself."""
    pictures = write_pictures(tmp_path / "in", 36)
    deadly = write_deadly(pictures[20].with_name("020a.png"))
    one = start("in", "-o", "one.jsonl", "--workers", "1", cwd=tmp_path)
    code, err = finish(one)
    assert code == 1
    assert f"{deadly.name} could not be analysed: the process that read it died" in err
    three = start("in", "-o", "three.jsonl", "--workers", "3", cwd=tmp_path)
    assert finish(three)[0] == 1
    rows = (tmp_path / "one.jsonl").read_text()
    assert (tmp_path / "three.jsonl").read_text() == rows
    read = [json.loads(line) for line in rows.splitlines()]
    assert sum(row["error"] is not None for row in read) == 1
    assert len({row["source"] for row in read}) == 37
    assert {path.name for path in tmp_path.iterdir()} == {"in", "one.jsonl", "three.jsonl"}


@pytest.mark.parametrize("out", ["out.csv", "out"])
def test_nothing_is_lost_or_doubled_by_being_killed(out: str, tmp_path: Path) -> None:
    """Killed when a part is finished, then at random moments, until a run gets to its end."""
    write_pictures(tmp_path / "in", 60)
    (tmp_path / "in" / "030.png").write_bytes(b"no")
    began_s = time.monotonic()
    whole = start("in", "-o", f"whole.{out}" if "." in out else "whole", cwd=tmp_path)
    assert finish(whole)[0] == 1
    took_s = time.monotonic() - began_s

    generator = random.Random(out)
    parts = tmp_path / (f"{out}.parts" if "." in out else out)
    killed = start("in", "-o", out, "--workers", "2", cwd=tmp_path)
    while not list(parts.glob("[!.]*")):
        assert killed.poll() is None
        time.sleep(0.01)
    n_kills, code = 0, None
    while code is None:
        if n_kills:
            killed = start("in", "-o", out, "--workers", "2", "--resume", cwd=tmp_path)
        if n_kills < 3:
            time.sleep(generator.uniform(0.0, took_s) if n_kills else 0.0)
            killed.send_signal(signal.SIGKILL)
        code, err = finish(killed)
        code = None if code == -signal.SIGKILL else code
        n_kills += 1
    assert code == 1
    assert "done before" in err
    if out == "out.csv":
        assert (tmp_path / out).read_bytes() == (tmp_path / f"whole.{out}").read_bytes()
    else:
        assert read_results(tmp_path / out).equals(read_results(tmp_path / "whole"))
        assert [p.name for p in sorted((tmp_path / out).iterdir())] == [
            p.name for p in sorted((tmp_path / "whole").iterdir())
        ]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_run_ends_its_processes_and_says_how_to_go_on(
    name: str, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "in", 60)
    process = start("in", "-o", "out.csv", "--workers", "2", cwd=tmp_path)
    wait_until(lambda: list((tmp_path / "out.csv.parts").glob("[!.]*")))
    for _ in range(2):  # a terminal that closes sends two
        process.send_signal(getattr(signal, name))
    code, err = finish(process)
    assert code == 128 + getattr(signal, name)
    assert "go on with --resume" in err
    assert "Traceback" not in err
