"""Photographs in class folders: which are taken, and that a face is cut as the road cuts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_faces, write_folders, write_picture
from fakes import SquareDetector, make_scene
from portrait import pasted, portrait

from livefer import Recognizer
from livefer.data.dataset import read_dataset
from livefer.data.framing import framing_note
from livefer.data.photos import cut_face, read_photos
from livefer.detection.haar import HaarDetector
from livefer.errors import DatasetError
from livefer.labels import CLASSES


class Watching:
    """A network that keeps what it is shown."""

    classes = CLASSES
    input_size, crop_scale, uncertain_below, name = 48, 1.1, 0.5, "watching"

    def predict(self, faces: Any) -> Any:
        self.faces = faces
        return np.full((len(faces), 7), 1 / 7, np.float32)


def test_a_face_is_cut_as_the_road_cuts_it() -> None:
    network: Any = Watching()
    image, detector = pasted(60, 20, 5), HaarDetector()
    (face,) = Recognizer(network, detector)(image)
    cut = cut_face(image, detector, network.crop_scale)
    assert cut is not None
    np.testing.assert_array_equal(cut.pixels, network.faces[0])
    np.testing.assert_array_equal(cut.square, face.crop_box)
    assert (cut.n_faces, cut.is_readable) == (1, True)
    assert cut_face(np.zeros((90, 90, 3), np.uint8), detector) is None


def test_of_several_faces_the_largest_counts(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_picture(photos / "Happiness" / "a" / "2.png", make_scene((20, 60, 50), (200, 110, 200)))
    write_picture(photos / "Happiness" / "b.png", make_scene())
    write_picture(photos / "sad" / "10.png", make_scene((20, 60, 120)))
    write_picture(photos / "sad" / "9.png", make_scene((20, 60, 50)))
    write_picture(photos / "bored" / "1.png", make_scene((20, 60, 50)))
    (photos / "sad" / "broken.jpg").write_bytes(b"no picture")
    (photos / "sad" / "notes.txt").write_bytes(b"text")
    found = read_photos(photos, CLASSES, SquareDetector())
    assert found.classes == ("happy", "sad")
    assert found.split.files == ("Happiness/a/2.png", "sad/9.png", "sad/10.png")
    assert found.split.targets.tolist() == [0, 1, 1]
    assert found.n_faces.tolist() == [2, 1, 1]
    assert found.split.faces[0].mean() > 150  # the larger square is the brighter one
    assert found.missed.files == ("Happiness/b.png",)
    assert [file for file, _ in found.unreadable] == ["sad/broken.jpg"]
    reasons = dict(found.ignored)
    assert "no class of the model" in reasons[str(photos / "bored")]
    assert reasons[str(photos / "sad")] == "1 other file: .txt 1"


def test_without_photographs_or_faces_it_is_one_line(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "smirk" / "1.png", make_scene((20, 60, 50)))
    with pytest.raises(DatasetError, match=r"expected angry, .*; it has smirk"):
        read_photos(tmp_path / "photos", CLASSES, SquareDetector())
    with pytest.raises(DatasetError, match="is no folder"):
        read_photos(tmp_path / "nowhere", CLASSES, SquareDetector())
    write_picture(tmp_path / "photos" / "sad" / "1.png", make_scene())
    with pytest.raises(DatasetError, match="no face was found in 1 photograph of"):
        read_photos(tmp_path / "photos", CLASSES, SquareDetector())


def test_pictures_that_are_not_faces_are_counted(tmp_path: Path) -> None:
    for i in range(3):
        write_picture(tmp_path / "heads" / "sad" / f"{i}.png", portrait(200 + i))
    write_picture(tmp_path / "heads" / "sad" / "wide.png", make_faces(1, side_px=60)[0][:40])
    tight = cut_face(portrait(), HaarDetector())
    assert tight is not None
    write_picture(tmp_path / "heads" / "sad" / "face.png", np.kron(tight.pixels, np.ones((3, 3))))
    note = framing_note(read_dataset(tmp_path / "heads"), HaarDetector())
    assert note is not None
    assert note.startswith("4 of 5 pictures are not faces that fill the frame")
    assert f"livefer crop {tmp_path / 'heads'} -o FACES" in note


def test_small_faces_and_an_odd_one_are_no_fault(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", {"sad": 30})
    write_picture(data / "sad" / "head.png", portrait(200))
    assert framing_note(read_dataset(data), HaarDetector()) is None
    for i in range(5):
        write_picture(data / "sad" / f"head{i}.png", portrait(200 + i))
    assert framing_note(read_dataset(data), HaarDetector()) is not None
