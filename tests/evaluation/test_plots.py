"""Figures of a report and of a data set are drawn and written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_split
from reports import CLASSES, TARGETS, make_report

from livefer.data.dataset import Dataset
from livefer.drawing.figures import save_picture
from livefer.errors import LiveferError
from livefer.evaluation import plots
from livefer.evaluation.report import measure

pytestmark = pytest.mark.slow


def pictures() -> dict[str, object]:
    data = Dataset(
        Path("x"), CLASSES, {"val": make_split(TARGETS), "test": make_split([1])}, (), ""
    )
    report = make_report()
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1, 1], 90).astype(np.float32)
    certain = measure(probabilities, make_split([0] * 90), CLASSES, uncertain_below=0.6)
    return {
        "confusion": lambda: plots.confusion_picture(report, "a model"),
        "reliability": lambda: plots.reliability_picture(report, "a model"),
        "risk_coverage": lambda: plots.risk_coverage_picture(report, "a model"),
        "its own limit": lambda: plots.risk_coverage_picture(certain, "a model"),
        "dataset": lambda: plots.dataset_picture(data, "some data"),
    }


@pytest.mark.parametrize("name", sorted(pictures()))
def test_pictures_are_drawn(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    path = tmp_path / "new" / "picture.png"
    save_picture(pictures()[name](), path)  # type: ignore[operator]
    image = cv2.imread(str(path))
    assert image is not None
    assert image.std() > 10
    assert [p.name for p in path.parent.iterdir()] == ["picture.png"]


def test_a_picture_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    figure = plots.confusion_picture(make_report(), "a model")
    (tmp_path / "a").write_bytes(b"a file where a folder would be needed")
    for path in (tmp_path / "picture.nonsense", tmp_path / "a" / "b.png"):
        with pytest.raises(LiveferError, match=path.name):
            save_picture(figure, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
