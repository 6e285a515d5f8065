"""`livefer evaluate --photos` and `livefer crop`: photographs of one's own, from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from builders import write_folders, write_picture
from commands import Run, words
from portrait import pasted, portrait

import livefer as lib
from livefer.data.dataset import read_dataset

pytestmark = pytest.mark.slow


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A happy woman five times, of which one is called sad; and a wall."""
    folder = tmp_path / "photos"
    for i in range(4):
        write_picture(folder / "Smiling" / f"P{i}_a.jpg", pasted(40 * i, 10, 3 * i))
    write_picture(folder / "sad" / "P1_b.png", portrait())
    write_picture(folder / "sad" / "P2_b.png", 0 * portrait() + 90)
    (folder / "info.csv").write_text("who,age\nP0,20\nP1,30\nP2,40\nP3,50\n")
    return folder


def test_photographs_are_recognised_as_by_image(livefer: Run, photos: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ended = livefer("evaluate", "--photos", photos, "--detector", "haar", "--json", report)
    assert ended.code == 0
    assert ended.out.startswith(f"human on {photos} · 6 photographs\n")
    assert "detector haar: a face in 5 (83.3 %," in ended.out
    assert words(ended.out, "happy")[:4] == ["happy", "4", "100.0", "%"]
    assert words(ended.out, "all")[:4] == ["all", "6", "66.7", "%"]
    assert "no face: sad/P2_b.png" in ended.err
    found = json.loads(report.read_text())
    assert found["detectors"][0]["n_photos"] == 6
    assert found["per_class"]["happy"]["recall_95"] == pytest.approx([0.51, 1], abs=0.001)
    (mistake,) = found["photos"]["mistakes"]
    (face,) = lib.Recognizer(detector="haar")(photos / "sad" / "P1_b.png")
    assert mistake == {"file": "sad/P1_b.png", "true": "sad", "taken_for": face.label,
                       "confidence": pytest.approx(face.confidence, abs=1e-4)}  # fmt: skip
    assert found["prior"] == lib.EmotionClassifier().prior


def test_groups_and_pictures(livefer: Run, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    report, plots = tmp_path / "report.json", tmp_path / "plots"
    ended = livefer(
        "evaluate", "--photos", photos, "--detector", "haar", "--by", photos / "info.csv",
        "--cut", "age=35", "--json", report, "--plots", plots, "--against", "fer2013",
    )  # fmt: skip
    assert ended.code == 0
    young, old = json.loads(report.read_text())["groups"]["age"].values()
    assert (young["n_images"], young["accuracy"], young["n_missed"]) == (3, 2 / 3, 0)
    assert (old["n_images"], old["accuracy"], old["n_missed"]) == (2, 1, 1)
    assert words(ended.out, "under 35")[:4] == ["under", "35", "3", "0"]
    assert "against fer2013" in ended.out
    sheet = cv2.imread(str(plots / "mistakes.jpg"))
    assert sheet is not None
    assert (plots / "confusion.png").is_file()


def test_detectors_side_by_side(livefer: Run, photos: Path) -> None:
    twice = ["--detector", "haar"] * 2
    ended = livefer("evaluate", "--photos", photos, *twice)
    assert ended.code == 0
    first, second = (row for row in ended.out.splitlines() if row.startswith("haar "))
    assert first == second
    assert first.split()[1:5] == ["83.3", "%", "0", "80.0"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "expected either --data DIR"),
        (("--photos", "PHOTOS", "--data", "PHOTOS"), "expected either --data DIR"),
        (("--photos", "PHOTOS", "--split", "val"), "are for --data"),
        (("--data", "PHOTOS", "--detector", "haar"), "--detector is for --photos"),
        (("--photos", "PHOTOS", "--cut", "age=3"), "--by FILE.CSV"),
        (("--photos", "PHOTOS", "--by", "PHOTOS"), "is no file"),
        (("--photos", "PHOTOS", "--by", "INFO", "--cut", "age"), "as in age=25,35"),
        (("--photos", "PHOTOS", "--by", "INFO", "--cut", "size=3"), "no column size"),
        (("--photos", "PHOTOS", "--detector", "eyes"), "unknown detector"),
        (("--photos", "nowhere"), "is no folder"),
    ],
)
def test_mistakes_are_one_line(
    livefer: Run, photos: Path, arguments: tuple[str, ...], part: str
) -> None:
    places = {"PHOTOS": str(photos), "INFO": str(photos / "info.csv")}
    ended = livefer("evaluate", *(places.get(a, a) for a in arguments))
    assert ended.code == 1
    assert part in ended.err.splitlines()[-1]


def test_a_folder_without_splits_is_measured_whole(
    livefer: Run, pets: Path, tmp_path: Path
) -> None:
    data = write_folders(tmp_path / "all", {"cat": 20, "dog": 20})
    ended = livefer("evaluate", "--data", data)
    assert ended.out.startswith(f"fer2013 on all of {data} · 40 images")
    assert "has no splits, so all of it was measured" in ended.err
    assert "4 images" in livefer("evaluate", "--data", data, "--split", "val").out
    assert "without twins" not in ended.out


def test_what_a_model_was_trained_on_is_not_measured(
    livefer: Run, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_folders(tmp_path / "all", {"cat": 20, "dog": 20})
    config = {"config": json.dumps({"data": str(data)})}
    monkeypatch.setattr("livefer.cli.measured.EmotionClassifier.metadata", config)
    ended = livefer("evaluate", "--data", data)
    assert ended.out.startswith(f"fer2013 on val of {data} · 4 images")


def test_heads_are_no_faces(livefer: Run, tmp_path: Path) -> None:
    for i in range(4):
        write_picture(tmp_path / "heads" / "happy" / f"{i}.png", portrait(120 + i))
    line = "4 of 4 pictures are not faces that fill the frame"
    assert line in livefer("evaluate", "--data", tmp_path / "heads").err
    ended = livefer("data", tmp_path / "heads")
    assert line in ended.out
    assert ended.code == 0


def test_crop_keeps_folders_and_names(livefer: Run, photos: Path, tmp_path: Path) -> None:
    write_picture(photos / "sad" / "P1_b.jpg", portrait(300))
    write_picture(photos / "sad" / "small.jpg", cv2.resize(portrait(), (80, 80)))
    (photos / "sad" / "broken.jpg").write_bytes(b"no picture")
    faces = tmp_path / "faces"
    ended = livefer("crop", photos, "-o", faces, "--detector", "haar")
    assert ended.code == 1
    assert "broken.jpg is damaged" in ended.err
    lines = ended.out.splitlines()
    assert "no face: sad/P2_b.png" in lines
    assert lines[-1].startswith(f"{len(list(faces.rglob('*.png')))} faces of 9 photographs in")
    assert {path.name for path in (faces / "Smiling").iterdir()} == {
        f"P{i}_a.png" for i in range(4)
    }
    assert {"P1_b.png", "P1_b-2.png"} <= {path.name for path in (faces / "sad").iterdir()}
    (photos / "sad" / "broken.jpg").unlink()
    assert livefer("crop", photos, "-o", faces, "--detector", "haar").code == 0
    data = read_dataset(faces)
    assert data.classes == ("Smiling", "sad")
    assert not data.unreadable


@pytest.mark.parametrize("out", ["PHOTOS/faces", "PHOTOS/.."])
def test_crop_does_not_feed_itself(livefer: Run, photos: Path, out: str) -> None:
    ended = livefer("crop", photos, "-o", out.replace("PHOTOS", str(photos)))
    assert ended.code == 1
    assert "lie in one another" in ended.err


def test_crop_without_a_face_fails(livefer: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png", 0 * portrait() + 90)
    ended = livefer("crop", tmp_path / "photos", "-o", tmp_path / "faces", "--detector", "haar")
    assert (ended.code, ended.out.splitlines()[0]) == (1, "no face: a.png")
    (tmp_path / "empty").mkdir()
    ended = livefer("crop", tmp_path / "empty", "-o", tmp_path / "faces")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("empty holds no picture (it is empty): check the path\n")
    ended = livefer("crop", tmp_path / "nothing", "-o", tmp_path / "faces")
    assert "is no folder: expected one of photographs" in ended.err
