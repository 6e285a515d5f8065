"""The sheet of `livefer explain` has room for any model's classes."""

from __future__ import annotations

import numpy as np
from fakes import make_face, make_scene

from livefer.drawing.sheet import explanation_sheet


def test_a_sheet_holds_any_number_of_classes() -> None:
    picture = make_scene((40, 60, 125))
    for n in (2, 7, 8, 20):
        classes = tuple(f"class {i}" for i in range(n))
        face = make_face((-20, -20, 60, 60), classes[0], classes=classes)
        maps = [np.ones((48, 48), np.float32)] * n
        crop = np.zeros((48, 48), np.uint8)
        sheet = explanation_sheet(picture, crop, face, maps, "a long name" * 20)
        grounds = (sheet == sheet[0, 0]).all(axis=2)
        assert 0.05 < grounds.mean() < 0.6, n
