"""An interrupted film goes on where it was; its rows are those of a run without a break."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analyzing import fake_recognizer
from fakes import make_scene
from numpy.typing import NDArray

from livefer.batch.analyze import Settings, find_inputs
from livefer.batch.batches import Job, PartProgress, cut, write_part
from livefer.batch.output import Output
from livefer.batch.plain_state import from_plain, to_plain
from livefer.recognizer import Recognizer
from livefer.tables.reading import read_table

N = 60


def scenes() -> list[NDArray[np.uint8]]:
    """A face that moves and changes, one that is seen for a moment, and a cut."""
    first = [
        make_scene((20 + 2 * i, 60, 100 + 25 * (i // 20)), *[(220, 150, 50)] * (18 <= i < 24))
        for i in range(40)
    ]
    return [*first, *(make_scene((200 - i, 20, 125)) for i in range(N - 40))]


class Parts:
    """Writes the part of one film, whole or up to a place."""

    def __init__(self, folder: Path, suffix: str, settings: Settings) -> None:
        self.job = Job(settings, {"livefer.model": "level"})
        self.output = Output(str(folder / "out") + ("" if suffix == "folder" else suffix))
        self.output.prepare()
        (self.batch,) = cut(find_inputs([folder / "film.mp4"]))
        self.state = self.output.state(self.batch)
        self.n_shown = 0

    def recognizer(self) -> Recognizer:
        made = fake_recognizer(self.job.settings)
        found = made.detector.detect

        def detect(image: Any) -> Any:
            self.n_shown += 1
            return found(image)

        made.detector.detect = detect  # type: ignore[method-assign]
        return made

    def write(self, most: int | None = None) -> list[PartProgress]:
        """Return the progress; after `most` frames the run is killed."""
        path = self.output.hidden(self.batch)
        part = write_part(self.recognizer(), self.batch, path, self.job, None, self.state)
        told = list(islice(part, most))
        if most is None:
            self.output.commit(self.batch, path)
        return told

    def rows(self) -> list[dict[str, Any]]:
        """Join the part to the table, and return its rows."""
        self.output.finish(self.batch.inputs)
        return list(read_table(Path(self.output.path)).rows)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.setattr("livefer.batch.batches.PIECE_S", 0.0)
    monkeypatch.setattr("livefer.batch.batches._REPORT_S", -1.0)
    monkeypatch.setattr("analyzing.time.sleep", lambda s: None)


def write_film(folder: Path) -> None:
    from videos import write_video

    folder.mkdir(exist_ok=True)
    write_video(folder / "film.mp4", scenes())


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("min_seen_s", [0.0, 0.5])
def test_interrupted_and_resumed_is_uninterrupted(
    suffix: str, min_seen_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path)
    settings = Settings(min_seen_s=min_seen_s)
    parts = Parts(tmp_path, suffix, settings)
    parts.write(21)
    begun = parts.write(14)
    assert (begun[0].share > 0, begun[0].n_frames) == (True, 0)
    parts.n_shown = 0
    last = parts.write()[-1]
    assert 0 < last.n_frames == parts.n_shown < N
    resumed = parts.rows()
    monkeypatch.setattr("livefer.batch.batches.PIECE_S", 1e9)
    whole = Parts(tmp_path, suffix, settings)
    last = whole.write()[-1]
    assert resumed == whole.rows()
    assert last.n_faces == sum(row["track_id"] is not None for row in resumed)
    tracks = {row["track_id"] for row in resumed if row["track_id"]}
    assert tracks == ({1, 3} if min_seen_s else {1, 2, 3})
    assert {row["index"] for row in resumed} == set(range(N))
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.name[0] == ".") == []


@pytest.mark.parametrize("change", ["film", "settings", "piece"])
def test_what_has_changed_begins_anew(change: str, tmp_path: Path) -> None:
    write_film(tmp_path)
    parts = Parts(tmp_path, ".csv", Settings())
    parts.write(30)
    assert parts.state.exists()
    if change == "film":
        with (tmp_path / "film.mp4").open("ab") as file:
            file.write(b"\0" * 9)
    elif change == "settings":
        parts.job = replace(parts.job, metadata={"livefer.model": "another"})
    else:
        (parts.state.parent / json.loads(parts.state.read_text())["pieces"][0]).unlink()
    parts.n_shown = 0
    parts.write()
    assert parts.n_shown == N
    assert len(parts.rows()) == N + 6


def test_the_state_holds_no_code() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    value = {(1, "a"): [array, np.float32(0.1), float("inf"), {2}, None]}
    back = from_plain(json.loads(json.dumps(to_plain(value))))
    assert list(back) == [(1, "a")]
    assert np.array_equal(back[1, "a"][0], array)
    assert back[1, "a"][1:] == [np.float32(0.1), float("inf"), {2}, None]
    with pytest.raises(TypeError, match="no part of a stream's state"):
        to_plain(Path())
    with pytest.raises(ValueError, match="no part of a stream's state"):
        from_plain(["object", "subprocess", "Popen", {"args": "true"}])
