"""`livefer image` and `livefer explain`: output, files, and mistakes in one line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_picture
from fakes import make_scene, use_fakes
from fileserver import serving

from livefer.assets.files import PICTURE
from livefer.cli import main

pytestmark = pytest.mark.slow

HAPPY, SAD = 125, 175
ONE = make_scene((40, 60, HAPPY))
TWO = make_scene((40, 60, HAPPY), (200, 100, SAD))
NONE = make_scene()


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


class Run:
    """Runs a command line in this process and keeps its exit code and output."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = patch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["livefer", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return int(ended.value.code or 0), out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


def read(path: Path) -> Any:
    image = cv2.imread(str(path))
    assert image is not None, path
    return image


def test_a_table_and_nothing_written(run: Run, tmp_path: Path) -> None:
    write_picture(Path("a.png"), TWO)
    code, out, err = run("image", "a.png")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if "%" in line]
    assert lines == [
        ["a.png", "1", "happy", "80%", "neutral", "20%", "40", "60", "100", "120"],
        ["2", "sad", "80%", "surprise", "20%", "200", "100", "260", "160"],
    ]
    assert "1 picture, 2 faces; model level\n" in out
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_the_address_of_a_picture_is_a_picture(run: Run, tmp_path: Path) -> None:
    png = write_picture(Path("a.png"), TWO).read_bytes()
    with serving({"/a.png": ("image/png", png), "/p": ("text/html", b"<html>")}) as url:
        code, out, _ = run("image", "--json", f"{url}/a.png?size=[1]", f"{url}/p", f"{url}/no")
        assert run("explain", f"{url}/a.png", "-o", "sheet.png")[0] == 0
    assert code == 1
    picture, *others = [json.loads(line) for line in out.splitlines()]
    assert len(picture["faces"]) == 2
    assert picture["source"] == f"{url}/a.png?size=[1]"
    assert ["web page" in other["error"] for other in others] == [True, False]


def test_uncertain_faces_are_printed_as_their_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakes.LevelClassifier.uncertain_below", 0.9)
    write_picture(Path("a.png"), ONE)
    assert "happy or neutral? 80%" in run("image", "a.png")[1]
    assert json.loads(run("image", "a.png", "--json")[1])["faces"][0]["answer"] == (
        "happy or neutral?"
    )


def test_no_face_is_an_ordinary_row(run: Run) -> None:
    write_picture(Path("a.png"), NONE)
    code, out, _ = run("image", "a.png", "--out", "out")
    assert code == 0
    assert "no face" in out
    assert np.array_equal(read(Path("out/a.png")), NONE)


def test_a_bad_file_is_a_row_and_the_others_follow(run: Run) -> None:
    write_picture(Path("a.png"), ONE)
    Path("b.jpg").write_bytes(b"not a picture")
    write_picture(Path("c.png"), ONE)
    code, out, _ = run("image", "a.png", "b.jpg", "absent.png", "c.png", "--out", "out")
    assert code == 1
    assert out.count("happy 80%") == 2
    assert out.count("cannot be read") == 2
    assert "b.jpg is damaged" in out
    assert "absent.png does not exist" in out
    assert "; annotated copies in out" in out
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]
    assert "annotated" not in run("image", "b.jpg", "absent.png", "--out", "none")[1]


def test_faces_below_the_least_score_are_left_out(run: Run) -> None:
    write_picture(Path("a.png"), ONE)
    for least, n in (("0.79", 1), ("0.81", 0)):
        found = json.loads(run("image", "a.png", "--json", "--min-score", least)[1])
        assert [face["score"] for face in found["faces"]] == [0.8] * n
    for wrong, reason in (("1.5", "0<=x<=1"), ("-1", "0<=x<=1"), ("nan", "expected a number")):
        code, out, err = run("image", "a.png", "--min-score", wrong)
        assert (code, out) == (2, "")
        assert "--min-score" in err
        assert reason in err


def test_landmarks_are_in_the_json_or_said_to_be_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(Path("a.png"), ONE)
    write_picture(Path("b.png"), ONE)
    code, out, err = run("image", "a.png", "b.png", "--json", "--landmarks")
    assert code == 0
    assert [json.loads(line)["faces"][0]["landmarks"] for line in out.splitlines()] == [None] * 2
    assert err == "SquareDetector finds no landmarks, so they stay empty; native finds them\n"
    monkeypatch.setattr("fakes.SquareDetector.has_landmarks", True, raising=False)
    assert run("image", "a.png", "--json", "--landmarks")[2] == ""
    assert "landmarks" not in run("image", "a.png", "--json")[1]
    code, out, err = run("image", "a.png", "--landmarks")
    assert (code, out) == (1, "")
    assert "--landmarks adds to the lines of JSON: add --json" in err


def test_folders_and_patterns(run: Run) -> None:
    for name in ("d/2.png", "d/1.jpg", "d/.hidden.png", "d/deeper/3.png"):
        write_picture(Path(name), ONE)
    Path("d/notes.txt").write_text("not a picture", encoding="utf-8")

    def sources(*arguments: str) -> list[str]:
        out = run("image", "--json", *arguments)[1]
        return [Path(json.loads(line)["source"]).as_posix() for line in out.splitlines()]

    assert sources("d") == ["d/1.jpg", "d/2.png"]
    assert sources("d/*.png") == ["d/2.png"]
    assert sources("d/**/*") == ["d/1.jpg", "d/2.png", "d/deeper/3.png"]


def test_copies_are_refused_where_the_next_run_would_read_them(run: Run) -> None:
    for name in ("d/1.png", "d/2.png"):
        write_picture(Path(name), ONE)
    for where in (["d"], ["d/*.png"], ["d", "d/1.png", "d/2.png"]):
        code, out, err = run("image", *where, "--out", "d")
        assert (code, out) == (1, "")
        assert "expected another folder" in err
    assert sorted(path.name for path in Path("d").iterdir()) == ["1.png", "2.png"]
    code, out, _ = run("image", "d/1.png", "--out", "d")
    assert code == 0
    assert f"; annotated copy: {Path('d/1-2.png')}" in out


def test_in_a_pipe_no_name_is_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = f"{'long' * 40}.png"
    write_picture(Path(name), ONE)
    assert name in run("image", name)[1]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(run: Run) -> None:
    write_picture(Path("a [1].png"), ONE)
    assert run("image", "a [1].png")[0] == 0


def test_json_is_one_line_a_picture_and_nothing_else(run: Run) -> None:
    write_picture(Path("a.png"), TWO)
    write_picture(Path("ü.png"), NONE)
    code, out, _ = run("image", "a.png", "ü.png", "absent.png", "--json", "--out", "out")
    assert code == 1
    first, second, third = (json.loads(line) for line in out.splitlines())
    assert [face["label"] for face in first["faces"]] == ["happy", "sad"]
    assert first["faces"][0]["probabilities"]["happy"] == pytest.approx(0.8)
    assert Path(first["output"]) == Path("out/a.png")
    assert (second["source"], second["faces"], second["error"]) == ("ü.png", [], None)
    assert "does not exist" in third["error"]
    assert {one["model"] for one in (first, second, third)} == {"level"}


def test_copies_are_drawn_in_the_pictures_own_size(run: Run) -> None:
    write_picture(Path("a.png"), ONE)
    assert run("image", "a.png", "--out", "new/out")[0] == 0
    plain = read(Path("new/out/a.png"))
    assert plain.shape == ONE.shape
    assert (plain != ONE).any()
    assert run("image", "a.png", "--out", "cam", "--cam")[0] == 0
    inside = (slice(70, 110), slice(50, 90))
    assert np.array_equal(plain[inside], ONE[inside])
    assert (read(Path("cam/a.png"))[inside] != ONE[inside]).any()


def test_equal_names_get_numbers_and_inputs_are_never_replaced(run: Run) -> None:
    for name in ("a/x.png", "b/x.png", "out/x.png", "out/x-2.png"):
        write_picture(Path(name), ONE)
    before = Path("out/x.png").read_bytes()
    code, _, _ = run("image", "a/x.png", "b/x.png", "out/x.png", "out/x-2.png", "--out", "out")
    assert code == 0
    assert Path("out/x.png").read_bytes() == Path("out/x-2.png").read_bytes() == before
    names = {path.name for path in Path("out").iterdir()}
    assert names == {"x.png", "x-2.png", "x-3.png", "x-4.png", "x-5.png", "x-2-2.png"}


def test_a_format_that_cannot_be_written_becomes_png(run: Run) -> None:
    write_picture(Path("a.ppm"), ONE)
    assert run("image", "a.ppm", "--out", "out")[0] == 0
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("image", "absent.jpg"), "absent.jpg does not exist"),
        (("image", "empty"), "empty holds no picture"),
        (("image", "*.nothing"), "matches no picture"),
        (("image", "clip.mp4"), "clip.mp4 is a video"),
        (("image", "text.txt"), "no picture that OpenCV reads"),
        (("image", "a.png", "--out", "text.txt"), "--out text.txt is a file"),
        (("image", "a.png", "--out", "new.jpg"), "--out new.jpg is a picture's name"),
        (("image", "a.png", "--json", "a.json"), "write --json > a.json"),
        (("image", "a.png", "--cam"), "--out DIR"),
        (("explain", "absent.jpg", "-o", "x.png"), "absent.jpg does not exist"),
        (("explain", "none.png", "-o", "x.png"), "no face was found in none.png"),
        (
            ("explain", "a.png", "-o", "x.png", "--face", "2"),
            "a.png has 1 face: there is no --face 2",
        ),
        (("explain", "a.png", "-o", "./a.png"), "a.png is an input: choose another name"),
        (("image", "a" * 300), "could not be opened (File name too long)"),
        (("explain", "a.png", "-o", "a" * 300 + ".png"), "cannot be read or written (File name"),
        (("explain", "a.png", "-o", "x.txt"), "is not a picture's name"),
        (("explain", "a.png", "-o", "empty"), "is not a picture's name"),
        (("explain", "a.png", "-o", "text.txt/x.png"), "cannot be written"),
    ],
)
def test_a_mistake_is_one_line(run: Run, arguments: tuple[str, ...], expected: str) -> None:
    write_picture(Path("a.png"), ONE)
    write_picture(Path("none.png"), NONE)
    Path("empty").mkdir()
    Path("clip.mp4").write_bytes(b"")
    Path("text.txt").write_text("text", encoding="utf-8")
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("livefer: ")
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (("--model", "absent.onnx"), "absent.onnx"),
        (("--model", "a.png"), "a.png is not an ONNX model"),
        (
            ("--model", "a.safetensors"),
            "a.safetensors is a checkpoint, not a model",
        ),
        (("--detector", "magic"), "magic"),
    ],
)
def test_a_wrong_model_or_detector_is_one_line(
    option: tuple[str, str], expected: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from livefer.classifier import EmotionClassifier
    from livefer.detection.detectors import make_detector

    name, real = (
        ("EmotionClassifier", EmotionClassifier)
        if option[0] == "--model"
        else ("make_detector", make_detector)
    )
    monkeypatch.setattr(f"livefer.recognizer.{name}", real)
    write_picture(Path("a.png"), ONE)
    Path("a.safetensors").write_bytes(b"a checkpoint")
    code, out, err = run("image", "a.png", *option)
    assert (code, out) == (1, "")
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("face", "label"), [((), "sad"), (("--face", "1"), "happy")])
def test_explain_takes_the_largest_face_or_the_one_named(
    face: tuple[str, ...], label: str, run: Run
) -> None:
    scene = make_scene((40, 60, HAPPY))
    scene[100:190, 200:290] = SAD
    write_picture(Path("a.png"), scene)
    code, out, _ = run("explain", "a.png", "-o", "sub/x.png", *face)
    assert code == 0
    assert out == f"{label} 80%; model level; wrote sub/x.png\n"
    sheet = read(Path("sub/x.png"))
    assert sheet.shape[1] > 3 * sheet.shape[0] / 4 > 300


def test_the_heat_map_of_the_label_is_that_of_an_overlay(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from livefer import EmotionClassifier, Recognizer
    from livefer.drawing.sheet import explanation_sheet

    monkeypatch.setattr("livefer.recognizer.EmotionClassifier", EmotionClassifier)
    given: list[Any] = []

    def keep(picture: Any, crop: Any, face: Any, heatmaps: Any, name: str) -> Any:
        given.extend([face, heatmaps])
        return explanation_sheet(picture, crop, face, heatmaps, name)

    monkeypatch.setattr("livefer.cli.explain.explanation_sheet", keep)
    scene = make_scene((40, 60, HAPPY))
    scene[60:90, 40:70] -= 40  # one eye is darker
    write_picture(Path("a.png"), scene)
    assert run("explain", "a.png", "-o", "x.png")[0] == 0
    face, heatmaps = given
    (expected,) = Recognizer(heatmaps=True)(Path("a.png"))
    assert face.label == expected.label
    np.testing.assert_allclose(heatmaps[face.class_id], expected.heatmap, atol=1e-4)


@pytest.mark.skipif(os.name == "nt", reason="there, names are text")
def test_names_and_terminals_of_any_kind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("[2024] caf\udce9")
    write_picture(Path("a.png"), ONE)
    folder.mkdir()
    Path("a.png").rename(folder / "b\udce9.png")
    code, out, err = run("image", str(folder))
    assert (code, err) == (0, "")
    assert "b\\xe9.png" in out
    code, out, _ = run("image", str(folder), "--json")
    assert json.loads(out)["source"] == "[2024] caf\\xe9/b\\xe9.png"
    assert run("explain", str(folder / "b\udce9.png"), "-o", "x.png")[0] == 0
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    write_picture(Path("Zoë.png"), ONE)
    assert run("image", "Zoë.png")[0] == 0
    sys.stdout.flush()
    assert b"Zo?.png" in written.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_full_disk_at_the_other_end_is_one_line(more: tuple[str, ...]) -> None:
    picture = PICTURE
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "livefer", "image", str(picture), *more],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=buffered,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("livefer: no space left")
    assert "Traceback" not in ended.stderr


def test_no_output_holds_the_password_of_an_address(run: Run) -> None:
    png = cv2.imencode(".png", ONE)[1].tobytes()
    content = {"/a.png": ("image/png", png), "/bad.png": ("image/png", b"none")}
    with serving(content) as address:
        secret = address.replace("http://", "http://me:word@")
        code, out, err = run("image", f"{secret}/a.png", f"{secret}/bad.png", "--json")
        assert code == 1
        records = [json.loads(line) for line in out.splitlines()]
        assert [record["source"] for record in records] == [
            f"{address}/a.png",
            f"{address}/bad.png",
        ]
        assert "word" not in out + err
        code, out, err = run("image", f"{secret}/a.png", f"{secret}/no.png")
        assert (code, "word" in out + err) == (1, False)
