"""Faces that are seen for a moment only stay out of a table, and no frame is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livefer.labels import CLASSES
from livefer.results import Face, FrameResult
from livefer.summary.summarize import Summarizer
from livefer.tables.bystanders import Bystanders
from livefer.tables.reading import read_table
from livefer.tables.schema import to_rows
from livefer.tables.writing import open_table


def frame(
    index: int, track_ids: Sequence[int], source: str = "a.mp4", fps: float = 10
) -> FrameResult:
    share = np.full(len(CLASSES), 1 / len(CLASSES), np.float32)
    box = (0.0, 0.0, 30.0, 30.0)
    faces = [Face(box, 0.9, share, share, CLASSES, 0, False, box, i) for i in track_ids]
    image = np.zeros((4, 4, 3), np.uint8)
    return FrameResult(source, index, index / fps, image, tuple(faces))


def kept(results: Sequence[FrameResult]) -> list[tuple[int, list[int | None]]]:
    return [(r.index, [face.track_id for face in r.faces]) for r in results]


def test_frames_wait_until_it_is_known_who_stays() -> None:
    filter_ = Bystanders(0.5)
    done = []
    for index in range(30):
        done += filter_.add(frame(index, [1] if index < 5 or index > 8 else [1, 2]))
        assert index >= 5 or not done, "0.5 s are not over"
    done += filter_.end()
    assert kept(done) == [(index, [1]) for index in range(30)]
    assert len(filter_.left_out) == 1
    assert all(result.image is None for result in done)


def test_the_time_seen_counts_not_the_time_from_the_first_to_the_last_frame() -> None:
    filter_ = Bystanders(0.5)
    done = [r for i in range(40) for r in filter_.add(frame(i, [7] if i % 13 == 0 else []))]
    done += filter_.end()
    assert kept(done) == [(index, []) for index in range(40)]


@pytest.mark.parametrize("fps", [0.2, 0.5, 10, 30])
def test_who_is_seen_for_too_short_a_time_is_so_in_the_summary_too(fps: float) -> None:
    least_s = 4.5 / fps
    results = [frame(i, [1, *([2] * (i < 4)), *([3] * (i < 5))], fps=fps) for i in range(40)]
    gap = [frame(i + 400, [1, *([4] * (i < 4)), *([5] * (i < 5))], fps=fps) for i in range(40)]
    summarizer = Summarizer(CLASSES, min_seen_s=least_s)
    for row in to_rows([*results, *gap]):
        summarizer.add(row)
    (video,) = summarizer.summary().sources
    bystanders = Bystanders(least_s)
    for result in [*results, *gap]:
        bystanders.add(result)
    bystanders.end()
    assert bystanders.left_out == {("a.mp4", p.track_id) for p in video.bystanders}
    assert bystanders.left_out == {("a.mp4", 2), ("a.mp4", 4)}


def test_an_error_keeps_its_place() -> None:
    filter_ = Bystanders(0.5)
    error = FrameResult("a.mp4", 3, 0.3, None, error="damaged")
    done = filter_.add(replace(error, index=0))
    for index in range(1, 20):
        done += filter_.add(replace(error, index=index) if index == 3 else frame(index, [1]))
    done += filter_.end()
    assert [r.index for r in done] == list(range(20))
    assert [len(r.faces) for r in done] == [0, 1, 1, 0, *[1] * 16]


def test_the_last_frame_of_a_source_counts_and_each_source_has_its_own_tracks() -> None:
    filter_ = Bystanders(0.5)
    done = [r for i in range(5) for r in filter_.add(frame(i, [1]))]
    done += [r for i in range(4) for r in filter_.add(frame(i, [1], "b.mp4"))]
    done += filter_.end()
    assert [len(r.faces) for r in done] == [1] * 5 + [0] * 4


def test_a_table_leaves_them_out_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with open_table(path, CLASSES, min_seen_s=1.0) as table:
        for index in range(20):
            table.write(frame(index, [1, 2] if index < 5 else [1]))
    rows = list(read_table(path).rows)
    assert [row["track_id"] for row in rows] == [1] * 20
    assert table.n_bystanders == 1
