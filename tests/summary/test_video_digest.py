"""Timelines and reports of videos, collected during recognition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from fakes import make_face

from livefer.errors import DatasetError, LiveferError
from livefer.labels import CLASSES
from livefer.results import FrameResult
from livefer.summary.summarize import summarize
from livefer.summary.video_digest import VideoDigest, write_report, write_timelines
from livefer.tables.schema import to_rows

GONE = FrameResult("gone.mp4", 0, 0.0, None, error="gone.mp4 is not there")


def walk(n_frames: int = 30) -> list[FrameResult]:
    """Results of one person who walks by, happy and then sad."""
    results = []
    for index in range(n_frames):
        box = (20.0 + index, 20.0, 80.0 + index, 80.0)
        faces = (make_face(box, "happy" if index < 20 else "sad", track_id=1),)
        image = np.full((120, 160, 3), 7 * index, np.uint8)
        results.append(FrameResult("a/clip.mp4", index, index / 10, image, faces))
    return results


def test_a_report_has_figures_faces_and_errors(tmp_path: Path) -> None:
    digest = VideoDigest()
    for result in (*walk(), GONE):
        digest.add(result)
    plot, report = tmp_path / "p.png", tmp_path / "r.html"
    assert digest.write(plot, report, {"model": "m"}) == [plot, report]
    page = report.read_text(encoding="utf-8")
    assert "<h1>clip.mp4</h1>" in page
    assert "gone.mp4 is not there" in page
    assert page.count("data:image/jpeg;base64,") == 3, "beside the name, happy and sad"
    assert page.count("data:image/png;base64,") == 1, "in the timeline"
    assert sorted(tmp_path.iterdir()) == [plot, report]


def test_its_figures_are_those_of_the_table() -> None:
    digest = VideoDigest(CLASSES)
    for result in walk():
        digest.add(result)
    assert digest.summary().to_dict() == summarize(to_rows(walk()), CLASSES).to_dict()


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    digest = VideoDigest()
    for result in walk(3):
        digest.add(result)
    assert digest.write() == []
    assert digest.write(report=tmp_path / "r.html") == [tmp_path / "r.html"]
    assert digest.write(plot=str(tmp_path / "p.svg")) == [tmp_path / "p.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.svg", "r.html"]


def test_without_a_frame_there_is_a_report_but_no_picture(tmp_path: Path) -> None:
    digest = VideoDigest()
    digest.add(GONE)
    assert digest.write(tmp_path / "p.png", tmp_path / "r.html", {}) == [tmp_path / "r.html"]
    with pytest.raises(DatasetError, match=r"p\.png cannot be drawn: there is no video"):
        write_timelines(tmp_path / "p.png", digest.summary())


def test_no_picture_replaces_another(tmp_path: Path) -> None:
    digest = VideoDigest()
    for name in ("a-3.mp4", "b/a.mp4", "c/a.mp4"):
        for index in range(2):
            digest.add(FrameResult(name, index, index / 10, np.zeros((9, 9, 3), np.uint8)))
    written = digest.write(tmp_path / "p.png")
    assert len(set(written)) == 3
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LiveferError, match=r"r\.html cannot be written"):
        write_report(tmp_path / "file" / "r.html", summarize([], CLASSES), "title", {})
