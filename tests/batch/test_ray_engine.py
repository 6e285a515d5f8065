"""Files by address, and Ray: the rows that two of its workers write are those of this process."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest
from needs import missing

pa = pytest.importorskip("pyarrow")

from builders import write_picture
from fakes import make_scene

import livefer
from livefer.batch.batches import Batch, Input, find_inputs
from livefer.batch.output import Output
from livefer.batch.ray_engine import _Attempts, _unpack
from livefer.errors import SourceError
from livefer.media.pictures import read_image
from livefer.system.cloud import download, list_files, read_bytes, upload
from livefer.tables.dataframes import read_results
from livefer.tables.schema import to_rows

SHIPPED = Path(livefer.__file__).parent / "assets" / "astronaut.jpg"


@pytest.fixture(params=["file", "local"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a folder, of a kind that pyarrow knows, or only fsspec."""
    if request.param == "local":
        pytest.importorskip("fsspec")
    return f"{request.param}://{(tmp_path / 'in').as_posix()}"


def test_files_by_address(address: str, tmp_path: Path) -> None:
    for name in ("b.jpg", "a/x.png", ".hidden/y.png", ".z.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    assert list_files(address) == [f"{address}/a/x.png", f"{address}/b.jpg"]
    assert list_files(f"{address}/b.jpg") is None
    assert read_bytes(f"{address}/a/x.png") == b"a/x.png"
    download(f"{address}/b.jpg", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"b.jpg"
    upload(tmp_path / "copy", f"{address}/new/c.jpg")
    assert [path.name for path in (tmp_path / "in" / "new").iterdir()] == ["c.jpg"]
    assert read_bytes(f"{address}/new/c.jpg") == b"b.jpg"
    with pytest.raises(SourceError, match=r"absent\.jpg could not be opened"):
        read_bytes(f"{address}/absent.jpg")


def test_an_address_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(SourceError, match="cannot be read: pyarrow says"):
        read_bytes("nowhere://x/a.jpg")


def test_results_of_addresses(address: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", make_scene())
    (tmp_path / "in" / "b.jpg").write_bytes(b"no")
    results = list(livefer.analyze([address, f"{address}/*.jpg", f"{address}/c.png"]))
    assert [result.source for result in results] == [
        f"{address}/{name}" for name in ("a.png", "b.jpg", "*.jpg", "c.png")
    ]
    assert [result.error is None for result in results] == [True, False, False, False]
    assert "patterns are for this machine's files" in (results[2].error or "")


def test_a_video_by_address(address: str, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from videos import write_video

    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "a.mp4", [make_scene((40, 60, 125))] * 3)
    (tmp_path / "in" / "b.mp4").write_bytes(b"no")
    results = list(livefer.analyze(address))
    assert [(r.source, r.index) for r in results] == [
        *[(f"{address}/a.mp4", i) for i in range(3)],
        (f"{address}/b.mp4", 0),
    ]
    assert f"{address}/b.mp4 could not be opened as a video" in (results[3].error or "")


def test_parts_at_an_address_with_options_have_names_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads: list[str] = []
    monkeypatch.setattr("livefer.batch.output.upload", lambda path, url: uploads.append(url))
    output = Output("s3://bucket/faces?region=eu-west-1")
    batch = Batch(7, (Input("a.jpg"),), 1.0)
    output.put(batch, Path("part"))
    assert uploads == [f"s3://bucket/faces/{batch.name}.parquet?region=eu-west-1"]


def test_a_model_and_a_detector_of_one_name_are_two_files(tmp_path: Path) -> None:
    files = {"model": ("best.onnx", b"model"), "detector": ("best.onnx", b"detector")}
    paths = _unpack(files, tmp_path)
    assert {key: Path(path).read_bytes() for key, path in paths.items()} == {
        "model": b"model",
        "detector": b"detector",
    }
    assert {Path(path).name for path in paths.values()} == {"best.onnx"}


def test_an_input_is_broken_when_two_careful_attempts_ended_at_it() -> None:
    attempts = _Attempts()
    assert attempts.begin(7) == (False, [])
    assert attempts.begin(8) == (False, [])
    assert attempts.begin(7) == (True, [])
    attempts.reach(7, 3)
    assert attempts.begin(7) == (True, [])
    attempts.reach(7, 2)
    assert attempts.begin(7) == (True, [])
    attempts.reach(7, 3)
    assert attempts.begin(7) == (True, [3])
    attempts.reach(7, 5)
    assert attempts.begin(7) == (True, [3])
    attempts.reach(7, 5)
    assert attempts.begin(7) == (True, [3, 5])
    assert attempts.begin(8) == (True, [])


def test_ray_writes_the_rows_that_this_process_makes(tmp_path: Path) -> None:
    """Pictures, a video, a bad file and addresses, by two workers, in a table and a data set."""
    if find_spec("ray") is None:
        missing('ray is not installed: pip install "livefer[ray]"')
    pytest.importorskip("av")
    from videos import face_picture, write_video

    picture = read_image(SHIPPED)
    folder = tmp_path / "in"
    for i in range(18):
        write_picture(folder / f"{i:02}.jpg", cv2.resize(picture, (200 + 5 * i, 200)))
    (folder / "bad.jpg").write_bytes(b"no")
    video = cv2.resize(face_picture(), (256, 256))
    write_video(folder / "z.mp4", [video[:, i:] for i in (0, 0, 2, 2)][:2])
    paths = ["in", f"file://{(folder / '00.jpg').as_posix()}", "absent.png"]
    common = ["--engine", "ray", "--workers", "2"]
    command = [sys.executable, "-m", "livefer", "analyze", *paths, *common, "-o"]
    for out in (f"file://{(tmp_path / 'out').as_posix()}", "out.csv"):
        ended = subprocess.run(
            [*command, out], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
        assert ended.returncode == 1, ended.stderr
        assert f"2 errors; model human; wrote {out}" in ended.stderr
        assert "Traceback" not in ended.stderr

    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        expected = list(to_rows(livefer.analyze(paths, every=1)))
        n_inputs = len(find_inputs(paths))
    finally:
        os.chdir(here)
    assert n_inputs == 22
    assert sum(row["label"] is not None for row in expected) > 10
    rows = [
        {name: None if value != value else value for name, value in row.items()}
        for row in pa.Table.from_pandas(read_results(tmp_path / "out")).to_pylist()
    ]
    assert rows == expected
    assert read_results(tmp_path / "out.csv").equals(read_results(tmp_path / "out"))
    assert len(Output(str(tmp_path / "out")).parts()) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out", "out.csv"}
