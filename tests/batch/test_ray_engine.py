"""The rows that two workers of Ray write are those that this process makes."""

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

import livefer
from livefer.batch.analyze import find_inputs
from livefer.batch.output import Output
from livefer.batch.ray_engine import _Attempts, _unpack
from livefer.media.pictures import read_image
from livefer.tables.dataframes import read_results
from livefer.tables.schema import to_rows

pytestmark = pytest.mark.slow

SHIPPED = Path(livefer.__file__).parent / "assets" / "astronaut.jpg"


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
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out", "out.csv", "out.csv.json"}
