"""Results with three made-up classes, for tests of tables and videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from livefer.results import Face, FrameResult

CLASSES = ("calm", "glad", "wild")


LANDMARKS = np.array([[10, 12.04], [20, 12], [15, 20], [11, 30], [19, 30.5]], np.float32)


def make_face(track_id: int | None = 1, best: int = 1, **more: Any) -> Face:
    probabilities = np.full(3, 0.2, np.float32)
    probabilities[best] = 0.6
    return Face(
        box=(1.0, 2.0, 31.0, 42.0),
        score=0.9,
        probabilities=probabilities,
        raw_probabilities=np.array([0.125, 0.25, 0.625], np.float32),
        classes=CLASSES,
        class_id=best,
        uncertain=best == 2,
        crop_box=(0.0, 0.0, 40.0, 40.0),
        track_id=track_id,
        **more,
    )


def make_result(index: int = 0, *faces: Face, **more: Any) -> FrameResult:
    image = np.full((48, 64, 3), 8 * (index % 32), np.uint8)
    fields = {"source": 'a "b", c.mp4', "index": index, "time_s": index / 25, "image": image}
    return FrameResult(**{**fields, "faces": faces, **more})


RESULTS = [
    make_result(0, make_face(1), make_face(2, best=2)),
    make_result(1),
    make_result(2, make_face(None), n_skipped=3, source="ü\nnew line.jpg"),
    make_result(3, image=None, error="cut, short"),
]
