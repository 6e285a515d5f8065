"""Faces in copies that are to be shared cannot be recognised, and the rest stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import make_face
from numpy.typing import NDArray

from livefer.drawing.hiding import Hiding, Way, hide_boxes
from livefer.results import FrameResult

NOISE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
BOX = (40.0, 30.0, 90.0, 80.0)


def detail(image: NDArray[Any]) -> float:
    """The mean difference of neighbouring pixels within the box."""
    inside = image[30:80, 40:90].astype(float)
    return float(np.abs(np.diff(inside, axis=1)).mean())


@pytest.mark.parametrize("way", ["blur", "pixelate"])
def test_a_face_has_a_few_colours_left_and_the_rest_stays(way: Way) -> None:
    before = NOISE.copy()
    hidden = hide_boxes(NOISE, [BOX], way)
    assert np.array_equal(before, NOISE)
    assert detail(hidden) < 0.05 * detail(NOISE)
    assert np.array_equal(hidden[:, :28], NOISE[:, :28])
    assert not np.array_equal(hidden[22], NOISE[22]), "hair and chin, too"
    if way == "pixelate":
        assert len(np.unique(hidden[30:80, 40:90].reshape(-1, 3), axis=0)) <= 36


def test_a_box_outside_the_picture_hides_what_is_inside() -> None:
    hidden = hide_boxes(NOISE, [(-40, -40, 20, 20), (500, 500, 600, 600)], "blur")
    assert not np.array_equal(hidden[:10, :10], NOISE[:10, :10])
    assert np.array_equal(hidden[60:], NOISE[60:])


def test_a_lost_face_stays_hidden_for_half_a_second_and_until_a_cut() -> None:
    def frame(time_s: float, n_faces: int = 0, note: str | None = None) -> FrameResult:
        faces = (make_face(BOX, track_id=1),) * n_faces
        return FrameResult("a", 0, time_s, NOISE, faces, note=note)

    hiding = Hiding("blur")
    assert detail(hiding.hidden(frame(0.0, 1))) < 0.05 * detail(NOISE)
    assert detail(hiding.hidden(frame(0.4))) < 0.05 * detail(NOISE)
    assert np.array_equal(hiding.hidden(frame(0.6)), NOISE)
    hiding.hidden(frame(1.0, 1))
    assert np.array_equal(hiding.hidden(frame(1.1, note="cut")), NOISE)
    still = FrameResult("a", 0, 0.0, NOISE, (make_face(BOX),))
    assert detail(hiding.hidden(still)) < 0.05 * detail(NOISE)
