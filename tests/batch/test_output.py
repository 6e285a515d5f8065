"""Parts have places and names of their own; files of other programs stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from livefer.batch.analyze import Input
from livefer.batch.batches import Batch
from livefer.batch.output import Output
from livefer.labels import CLASSES
from livefer.tables.writing import open_table


def test_only_unfinished_parts_are_swept_away(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    output, batch = Output(str(folder)), Batch(3, (Input("a.jpg"),), 1.0)
    output.hidden(batch).touch()
    ours = open_table(output.hidden(batch), CLASSES)
    assert len(list(folder.iterdir())) == 2
    mine = folder / ".my-part-2.txt"
    mine.touch()
    output.sweep()
    assert list(folder.iterdir()) == [mine]
    ours._file.close()


def test_a_part_at_an_address_with_options_has_a_name_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads: list[str] = []
    monkeypatch.setattr("livefer.batch.output.upload", lambda path, url: uploads.append(url))
    output = Output("s3://bucket/faces?region=eu-west-1")
    batch = Batch(7, (Input("a.jpg"),), 1.0)
    output.put(batch, Path("part"))
    assert uploads == [f"s3://bucket/faces/{batch.name}.parquet?region=eu-west-1"]
