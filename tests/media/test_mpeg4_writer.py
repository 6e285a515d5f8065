"""Videos are complete or not there, have a steady rate, and play."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.errors import LiveferError
from livefer.media.mpeg4_writer import Mpeg4Writer
from livefer.media.names import WRITABLE_VIDEOS
from livefer.media.sources import open_source

pytestmark = pytest.mark.slow


def image_of(k: int) -> NDArray[np.uint8]:
    """An image whose gray level tells its number."""
    return np.full((48, 64, 3), 8 * (k % 32), np.uint8)


def write_frames(path: Path, times: list[float], fps: float | None = 25.0) -> Mpeg4Writer:
    with Mpeg4Writer(path, fps) as writer:
        for k, time_s in enumerate(times):
            writer.write(image_of(k), time_s)
    return writer


@pytest.mark.skipif(os.name == "nt", reason="there, names have no colon")
def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_frames(Path("12:30.mp4"), [0.0, 0.04, 0.08])
    with open_source(tmp_path / "12:30.mp4") as source:
        assert len(list(source)) == 3


def levels(path: Path) -> list[int]:
    """Return the numbers of the frames that a video shows."""
    frames = list(open_source(path))
    assert not any(frame.error for frame in frames)
    return [round(float(f.image.mean()) / 8) for f in frames if f.image is not None]


@pytest.mark.parametrize("name", ["v.mp4", "v.avi", "ü v.mov", "v.mkv"])
def test_a_video_has_its_frames_rate_and_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_frames(path, [k / 29.97 for k in range(20)], fps=29.97)
    with open_source(path) as source:
        assert source.fps == pytest.approx(29.97, abs=0.01)
    assert levels(path) == list(range(20))
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.04, 0.12, 0.16], [0, 1, 1, 2, 3]),  # a frame skipped: the one before stands
        ([5.0, 5.04, 5.08], [0, 1, 2]),  # any first time
        ([0.0, 0.0, 0.0], [0, 1, 2]),  # pictures
        ([0.0, 0.04, 0.0, 0.04], [0, 1, 2, 3]),  # a second file
        ([0.0, 0.01, 0.04, 0.05, 0.08], [0, 2, 4]),  # more frames than the video takes
        ([0.0, 0.04, 1e6, 1e6 + 0.04], [0, 1, 2, 3]),  # a time that makes no sense
    ],
)
def test_a_video_keeps_time(tmp_path: Path, times: list[float], expected: list[int]) -> None:
    writer = write_frames(tmp_path / "v.avi", times)
    assert levels(tmp_path / "v.avi") == expected
    assert writer.n_left_out == len(times) - len(set(expected))


def test_drawn_images_of_other_and_odd_sizes(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with Mpeg4Writer(path) as writer:
        for k, wh in enumerate([(65, 49), (640, 480), (10, 10)]):
            drawn: NDArray[np.uint8] = np.full((wh[1], wh[0], 3), 80, np.uint8)
            writer.write(drawn, k / 25)
    assert levels(path)[:2] == [10, 10]
    assert next(iter(open_source(path))).image.shape == (48, 64, 3)  # type: ignore[union-attr]


def test_without_an_image_there_is_no_video(tmp_path: Path) -> None:
    with Mpeg4Writer(tmp_path / "v.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["v.txt", "v.png", "v.gif", "v.webm", "v", ""])
def test_a_name_that_no_video_can_have_is_refused(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LiveferError, match=r"cannot be written as a video: expected .*\.mp4"):
        Mpeg4Writer(tmp_path / name, 25)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", WRITABLE_VIDEOS)
def test_every_kind_of_video_can_be_played(suffix: str, tmp_path: Path) -> None:
    write_frames(tmp_path / f"v{suffix}", [k / 25 for k in range(25)])
    assert len(list(open_source(tmp_path / f"v{suffix}"))) in range(24, 27)


def test_an_interrupted_video_can_be_played(tmp_path: Path) -> None:
    def work() -> None:
        with Mpeg4Writer(tmp_path / "v.mp4", 25) as writer:
            for k in range(10):
                writer.write(image_of(k), k / 25)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert levels(tmp_path / "v.mp4") == list(range(10))


def test_cv2_reads_what_was_written(tmp_path: Path) -> None:
    write_frames(tmp_path / "v.mp4", [k / 25 for k in range(50)])
    capture = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 50
    capture.release()


def test_a_video_that_could_not_be_written_keeps_its_temporary_name(tmp_path: Path) -> None:
    """OpenCV reports no full disk; the file that it leaves cannot be opened."""
    writer = Mpeg4Writer(tmp_path / "v.mp4", 25)
    for k in range(10):
        writer.write(image_of(k), k / 25)
    assert writer._writer is not None
    writer._writer.release()
    writer._part.write_bytes(writer._part.read_bytes()[:1000])
    with pytest.raises(LiveferError, match="is the disk full"):
        writer.close()
    writer.close()
    assert not (tmp_path / "v.mp4").exists()
    assert writer._part.exists()


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LiveferError, match="choose another name"):
        Mpeg4Writer(tmp_path / "caf\udce9.mp4")
    assert list(tmp_path.iterdir()) == []
