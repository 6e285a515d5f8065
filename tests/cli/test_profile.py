"""`livefer profile`, and films and tables judged by a person's own resting face."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

from fakes import make_scene, use_fakes
from videos import write_video

from livefer.batch.analyze import Settings, find_inputs, results_of
from livefer.batch.profiles import read_baselines
from livefer.cli import main
from livefer.errors import ConfigError
from livefer.profiles.profile import Profile
from livefer.recognizer import Recognizer

ANGRY, HAPPY = 50, 125  # gray levels of fakes.LevelClassifier
FPS = 25


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["livefer", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(ended.value.code or 0), out, err

    return run


def picture(name: str, level: int | None) -> str:
    scene = make_scene(*([(20, 20, level)] if level else []))
    cv2.imwrite(name, scene)
    return name


def film(name: str, *levels: int, seconds: float = 1.0) -> str:
    """Write a film with a part for each level."""
    scenes = [make_scene((20, 20, level)) for level in levels for _ in range(int(seconds * FPS))]
    write_video(Path(name), scenes, fps=FPS)
    return name


def labels(name: str) -> list[str]:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return [row["label"] for row in csv.DictReader(file)]


def test_pictures_become_a_profile(run: Any) -> None:
    rest, smile = picture("rest.png", ANGRY), picture("smile.png", HAPPY)
    code, out, _ = run(
        "profile", "--neutral", rest, "--expression", f"smiling={smile}", "-o", "ada.json"
    )
    assert code == 0
    assert out.splitlines()[2].split()[:5] == ["rest.png", "neutral", "1", "angry", "80%"]
    assert "neutral 100%" in out
    assert "wrote ada.json: ada, for the model level" in out
    made = Profile.load("ada.json")
    assert made.name == "ada"
    assert set(made.expressions) == {"neutral", "happy"}
    (face,) = Recognizer(profile="ada.json")(cv2.imread(rest))
    assert (face.label, face.profile) == ("neutral", "ada")


def test_a_folder_and_a_part_of_a_film_count_too(run: Any) -> None:
    Path("resting").mkdir()
    for i in range(3):
        picture(f"resting/{i}.png", ANGRY)
    film("film.mp4", HAPPY, ANGRY, HAPPY)
    arguments = ("--neutral", "resting", "--neutral", "film.mp4@1.1-1.9", "-o", "ada.json")
    code, out, _ = run("profile", *arguments, "--name", "Ada")
    assert code == 0
    assert "20 of 20" in out
    assert Profile.load("ada.json").expressions["neutral"].n == 4
    assert Profile.load("ada.json").name == "Ada"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["--neutral", "rest.png", "--neutral", "smile.png"],
            r"looks (happy|angry) beside",
        ),
        (["--neutral", "nobody.png"], r"nobody\.png shows no face"),
        (["--neutral", "film.mp4"], r"at rest for \d+% of the time only, and looks"),
        (["--neutral", "missing.png"], r"missing\.png does not exist"),
        (["--neutral", "film.mp4@3-1"], "3-1 is no baseline"),
        (["--neutral", "rest.png", "--expression", "smile.png"], "expected CLASS=PATH"),
        (["--neutral", "rest.png", "--expression", "glad=smile.png"], 'has no class "glad"'),
    ],
)
def test_what_is_no_resting_face_is_refused(run: Any, arguments: list[str], reason: str) -> None:
    picture("rest.png", ANGRY)
    picture("smile.png", HAPPY)
    picture("nobody.png", None)
    film("film.mp4", ANGRY, HAPPY)
    code, _, err = run("profile", *arguments, "-o", "ada.json")
    assert code == 1
    assert re.search(reason, err)
    assert not Path("ada.json").exists()


def test_a_film_is_judged_by_its_own_baseline(run: Any) -> None:
    film("p1.mp4", ANGRY, HAPPY, ANGRY, seconds=3)
    code, _, err = run("video", "p1.mp4", "--csv", "t.csv", "--baseline", "0-1")
    assert code == 0
    assert "p1.mp4: profile from 0-1 s: 25 of 25 frames with a face, at rest in 100%; " in err
    assert "p1.mp4@0-1 looks angry (80%): check that the face is at rest" in err
    found = labels("t.csv")
    assert set(found[:70]) == set(found[165:]) == {"neutral"}
    assert set(found[90:145]) == {"happy"}
    with Path("t.csv").open(encoding="utf-8", newline="") as file:
        assert {row["profile"] for row in csv.DictReader(file)} == {"p1"}


def test_a_film_without_a_resting_face_is_judged_plainly_and_named(run: Any) -> None:
    film("p1.mp4", ANGRY, HAPPY)
    code, _, err = run("video", "p1.mp4", "--csv", "t.csv", "--baseline", "0-2")
    assert code == 1
    assert "p1.mp4 was judged without a profile: in p1.mp4@0-2 the face is at rest for" in err
    assert set(labels("t.csv")) == {"angry", "happy"}


def test_somebody_who_is_never_at_rest_is_judged_plainly(run: Any) -> None:
    film("p1.mp4", ANGRY, HAPPY, ANGRY, seconds=3)
    code, _, err = run("video", "p1.mp4", "--csv", "t.csv", "--baseline", "auto")
    assert code == 0
    assert "p1.mp4 was judged without a profile: the face is hardly ever at rest" in err
    assert set(labels("t.csv")) == {"angry", "happy"}


def test_a_baseline_and_a_profile_exclude_each_other(run: Any) -> None:
    film("p1.mp4", ANGRY)
    picture("rest.png", ANGRY)
    run("profile", "--neutral", "rest.png", "-o", "ada.json")
    options = ("--baseline", "0-1", "--profile", "ada.json")
    for command in (("video", "p1.mp4", "--csv"), ("analyze", "p1.mp4", "-o")):
        code, _, err = run(*command, "t.csv", *options)
        assert code == 1
        assert "leave one out" in err or "choose one" in err


def test_each_film_has_the_baseline_of_its_line() -> None:
    """As `livefer analyze --baselines` does in each of its processes."""
    for name in ("p1.mp4", "p2.mp4", "p3.mp4"):
        film(name, HAPPY, ANGRY)
    Path("people.csv").write_text(
        "file,start,end,condition\n p1.mp4,1,2,a\n\np2,0,0:02,b\np3.mp4,,,c\n",
        encoding="utf-8",
    )
    settings = Settings(baselines="people.csv")
    found: dict[str, list[str]] = {}
    errors = []
    for item in find_inputs(["p1.mp4", "p2.mp4", "p3.mp4"]):
        for result in results_of(Recognizer(), item, settings):
            found.setdefault(result.source, []).extend(face.label for face in result.faces)
            errors += [result.error] if result.error else []
    assert found["p1.mp4"][-1] == "neutral"
    assert found["p3.mp4"][-1] == "angry"
    (error,) = errors
    assert error.startswith("p2.mp4 was judged without a profile: in p2.mp4@0-0:02 the face is at")
    assert set(found["p2.mp4"]) == {"happy", "angry"}


def test_a_table_of_baselines_may_name_profiles_and_is_checked() -> None:
    table = Path("people.csv")
    table.write_text("file,baseline\na.mp4,auto\nb.mp4,ada.json\nc.mp4,1:00-1:10\n", "utf-8")
    assert read_baselines(str(table)) == {
        "a.mp4": "auto", "b.mp4": "ada.json", "c.mp4": "1:00-1:10"
    }  # fmt: skip
    Path("bad.csv").write_text("file,start,end\na.mp4,5,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.csv, line 2: 5-2 is no baseline"):
        read_baselines("bad.csv")
    Path("twice.csv").write_text("file,baseline\na.mp4,auto\na.mp4,0-1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"twice\.csv, line 3: two baselines: a\.mp4"):
        read_baselines("twice.csv")
    Path("other.csv").write_text("film,start\na.mp4,5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected the columns file, start and end"):
        Settings(baselines="other.csv")


def test_image_takes_a_profile(run: Any) -> None:
    rest = picture("rest.png", ANGRY)
    run("profile", "--neutral", rest, "-o", "ada.json")
    _, out, _ = run("image", rest, "--json", "--profile", "ada.json")
    (face,) = json.loads(out)["faces"]
    assert (face["label"], face["profile"]) == ("neutral", "ada")
    assert np.isclose(face["plain_probabilities"]["angry"], 0.8)
    code, _, err = run("image", rest, "--profile", rest)
    assert code == 1
    assert "rest.png" in err
