"""Results show themselves in notebooks, as small pictures."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import make_face
from numpy.typing import NDArray

from livefer.drawing.faces import draw_faces
from livefer.labels import colour_bgr
from livefer.results import FrameResult


def decoded(png: bytes | None) -> NDArray[np.uint8]:
    assert png is not None
    assert png.startswith(b"\x89PNG")
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_a_result_is_its_annotated_picture() -> None:
    image = np.full((120, 160, 3), 90, np.uint8)
    faces = (make_face((20, 30, 60, 70), "happy"),)
    shown = decoded(FrameResult("a.png", 0, 0.0, image, faces)._repr_png_())
    assert np.array_equal(shown, draw_faces(image, faces, bars=True))


@pytest.mark.parametrize(("wh", "shown_wh"), [((1600, 900), (640, 360)), ((3, 2000), (1, 640))])
def test_a_large_picture_is_shown_small(wh: tuple[int, int], shown_wh: tuple[int, int]) -> None:
    result = FrameResult("a.png", 0, 0.0, np.zeros((wh[1], wh[0], 3), np.uint8))
    assert decoded(result._repr_png_()).shape == (shown_wh[1], shown_wh[0], 3)


def test_a_result_without_an_image_is_text() -> None:
    result = FrameResult("a.png", 3, 1.5, None, error="a.png is empty")
    assert result._repr_png_() is None
    assert repr(result) == "<FrameResult a.png, frame 3, 1.50 s: a.png is empty>"


def test_a_face_is_its_crop_and_a_bar_for_each_class() -> None:
    crop = np.full((48, 48), 200, np.uint8)
    face = replace(make_face((0, 0, 9, 9), "happy", 0.75, track_id=2), crop=crop)
    shown = decoded(face._repr_png_())
    assert (shown == 200).all(axis=2).sum() == 144 * 144
    happy = (shown == colour_bgr("happy", face.classes)).all(axis=2)
    assert np.ptp(np.nonzero(happy.any(axis=0))[0]) == pytest.approx(0.75 * 120, abs=3)
    assert repr(face) == "<Face #2 happy 75% at (0, 0, 9, 9)>"
    alone = decoded(replace(face, crop=None)._repr_png_())
    assert alone.shape[1] < shown.shape[1]
    assert not (alone == 200).all(axis=2).any()


@pytest.mark.parametrize("n", [2, 20])
def test_a_face_has_room_for_any_number_of_classes(n: int) -> None:
    classes = tuple(f"class {i}" for i in range(n))
    face = make_face((0, 0, 9, 9), classes[0], classes=classes)
    shown = decoded(face._repr_png_())
    ground = (shown == shown[0, 0]).all(axis=2)
    assert ground[-6:].all()
    assert ground[:, -6:].all()


def test_results_load_what_draws_when_they_are_shown() -> None:
    code = "import sys, livefer; livefer.Face, livefer.FrameResult; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"cv2", "livefer.drawing.notebooks"} & set(ended.stdout.split())
