"""`livefer analyze`: every input is in the table once, and a run continues where it stopped."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import analyzing
import cv2
import pytest
from analyzing import fake_recognizer, names, run_here, sources, write_pictures
from fakes import make_scene
from fileserver import serving
from squares import Quick

import livefer
from livefer.batch.analyze import Settings, find_inputs
from livefer.cli import load_command, main
from livefer.labels import CLASSES
from livefer.recognizer import Recognizer
from livefer.tables import schema
from livefer.tables.dataframes import read_results
from livefer.tables.schema import to_rows
from livefer.tables.writing import open_table


class Run:
    """Runs `livefer analyze` in this process alone; returns the exit code and stderr."""

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


def test_videos_pictures_and_names_without_a_suffix(tmp_path: Path, run: Run) -> None:
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
    assert "2 errors; model level; wrote out" in err
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
    assert left == ({f"{out}.json"} if kind in ("csv", "jsonl") else set())


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "folder"])
def test_a_finished_table_is_continued(kind: str, tmp_path: Path, run: Run) -> None:
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


def test_where_all_is_done_nothing_changes(tmp_path: Path, run: Run) -> None:
    pictures = write_pictures(tmp_path / "in", 3)
    pictures[1].write_bytes(b"no")
    code, before = run("in", "-o", "out.csv")
    table = Path("out.csv").read_bytes()
    code_again, err = run("in", "-o", "out.csv", "--resume")
    assert (code, code_again) == (1, 1)
    assert "001.png is damaged" in before
    assert "001.png is damaged" in err
    assert "nothing to do: 3 files done before, 1 error; model level; wrote out.csv\n" in err
    assert Path("out.csv").read_bytes() == table


def test_the_first_error_ends_a_run_with_fail_fast(tmp_path: Path, run: Run) -> None:
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
    assert "holds what another run has finished" in err
    pictures[20].write_bytes(good)
    code, err = run("in", "-o", "out.csv", "--resume")
    assert code == 0
    assert "24 files (16 done before)" in err
    assert list(dict.fromkeys(sources(Path("out.csv")))) == names(find_inputs(["in"]))


def test_a_run_with_other_settings_is_not_continued(tmp_path: Path, run: Run) -> None:
    write_pictures(tmp_path / "in", 3)
    assert run("in", "-o", "out")[0] == 0
    code, err = run("in", "-o", "out", "--resume", "--every", "2")
    assert (code, err.count("\n")) == (1, 1)
    assert "was started with other settings (every 1, now 2): use the same" in err
    code, err = run("in", "-o", "out", "--resume", "--fps-of-source", "10")
    assert (code, err.count("\n")) == (1, 1)
    assert "was started with other settings (fps_of_source None, now 10" in err
    code, err = run("in", "-o", "out", "--resume", "--min-score", "0.5")
    assert (code, err.count("\n")) == (1, 1)
    assert "was started with other settings (min_score None, now 0.5" in err


def test_two_ways_to_search_are_not_mixed(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "in", 3)
    quick = type("Named", (Quick,), {"name": "quick"})

    def recognizer(settings: Settings) -> Recognizer:
        classifier: Any = analyzing.Classifier()
        return Recognizer(classifier, quick(), every_frame=settings.every_frame)

    monkeypatch.setattr(Settings, "recognizer", recognizer)
    assert run("in", "-o", "out")[0] == 0
    code, err = run("in", "-o", "out", "--resume", "--every-frame")
    assert (code, err.count("\n")) == (1, 1)
    assert "was started with other settings (every_frame False, now True): use the same" in err
    assert run("in", "-o", "out", "--resume")[0] == 0
    # Another detector searches every frame in any case.
    monkeypatch.setattr(Settings, "recognizer", fake_recognizer)
    assert run("in", "-o", "slow")[0] == 0
    assert run("in", "-o", "slow", "--resume", "--every-frame")[0] == 0


def test_a_setting_that_an_earlier_version_lacked_was_none(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "in", 3)
    dumps = json.dumps
    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", lambda o, **k: dumps(_without(o, "fps_of_source"), **k))
        assert run("in", "-o", "out")[0] == 0
    assert run("in", "-o", "out", "--resume")[0] == 0


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "folder"])
def test_tables_with_and_without_landmarks_are_not_mixed(
    kind: str, tmp_path: Path, run: Run
) -> None:
    write_pictures(tmp_path / "in", 3)
    for options, others in (((), ("--landmarks",)), (("--landmarks",), ())):
        out = f"out{len(options)}" + ("" if kind == "folder" else f".{kind}")
        code, err = run("in/001.png", "-o", out, *options)
        assert code == 0
        assert err.count("squares finds no landmarks, so they stay empty") == len(options)
        before = read_results(out)
        assert schema.has_landmarks(list(before.columns)) == bool(options)
        code, err = run("in", "-o", out, "--resume", *others)
        assert code == 1
        assert "write to another place" in err
        assert "landmarks" in err
        assert read_results(out).equals(before)
        assert run("in", "-o", out, "--resume", *options)[0] == 0
        assert len(set(read_results(out)["source"])) == 3


def _without(values: Any, key: str) -> Any:
    return {k: v for k, v in values.items() if k != key} if isinstance(values, dict) else values


def test_a_finished_table_is_not_mixed_with_another_analysis(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "in", 3)
    names = ("out.csv", "out.jsonl", "out.parquet")
    for name in names:
        assert run("in/000.png", "-o", name)[0] == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("out.*")}
    for name in names:
        code, err = run("in", "-o", name, "--resume", "--every", "2")
        assert (code, err.count("\n")) == (1, 1)
        assert "was started with other settings" in err
    monkeypatch.setattr(analyzing.Classifier, "classes", ("no", "yes"))
    for name in names:
        code, err = run("in", "-o", name, "--resume")
        assert (code, err.count("\n")) == (1, 1)
        assert f"{name} has the classes angry, disgust, " in err
        assert "this model no, yes" in err
    assert {path.name: path.read_bytes() for path in tmp_path.glob("out.*")} == before


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_that_another_program_changed_gets_no_more_rows(
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
def test_parts_with_other_columns_are_not_joined(
    kind: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an update with one more column."""
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
def test_a_table_without_rows_is_continued(kind: str, tmp_path: Path, run: Run) -> None:
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


def test_baselines_of_two_films_and_of_none_are_named(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("av")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "clip.mp4").touch()
    people = tmp_path / "people.csv"
    people.write_text("file,baseline\nclip.mp4,auto\nother.mp4,auto\n")
    code, err = run("a", "b", "-o", "t.csv", "--baselines", "people.csv")
    assert code == 1
    assert "clip.mp4 of people.csv is a/clip.mp4 and b/clip.mp4: give more of the path" in err
    _, err = run("a", "-o", "t.csv", "--baselines", "people.csv")
    assert "people.csv names 1 film not to be analysed: other.mp4" in err


def test_the_page_in_docs_names_every_option_and_no_other() -> None:
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
def test_a_name_that_is_no_utf8_has_its_rows(kind: str, tmp_path: Path, run: Run) -> None:
    (picture,) = write_pictures(tmp_path / "in", 1)
    os.rename(os.fsencode(picture), os.fsencode(picture.parent) + b"/caf\xe9.png")
    for _ in range(2):
        assert run("in", "-o", f"out.{kind}", "--resume")[0] == 0
        assert sources(Path(f"out.{kind}")) == ["in/caf\\xe9.png"]


@pytest.mark.parametrize("out", ["faces.csv", "faces.parquet", "faces"])
def test_no_table_holds_the_password_of_an_address(out: str, run: Run) -> None:
    png = cv2.imencode(".png", make_scene((40, 60, 125)))[1].tobytes()
    with serving({"/a.png": ("image/png", png), "/b.png": ("image/png", png)}) as address:
        secret = address.replace("http://", "http://me:pass-word@")
        code, err = run(f"{secret}/a.png", f"{secret}/no.png", "-o", out)
        assert (code, "pass-word" in err) == (1, False)
        code, err = run(f"{secret}/a.png", f"{secret}/b.png", "-o", out, "--resume")
        assert "1 file (1 done before)" in err or "2 done before" in err, err
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"pass-word" in path.read_bytes()]
