"""Frames of pictures, folders, videos and cameras: failures are reported, nothing is lost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_avi
from numpy.typing import NDArray

from livefer.errors import SourceError
from livefer.media import opencv_reader as capture
from livefer.media import sources
from livefer.media.pictures import read_image
from livefer.media.sources import open_source
from livefer.results import Frame

pytestmark = pytest.mark.slow

FPS = 25.0


def picture(value: int = 0, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A picture whose left half has a gray level, so that frames can be told apart."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[:, : width // 2] = value
    return image


def number_of(image: NDArray[np.uint8] | None) -> int:
    assert image is not None
    return round(float(image[:, 5 : image.shape[1] // 2 - 5].mean()) / 8)


def write_picture(path: Path, image: NDArray[np.uint8] | None = None) -> Path:
    ok, data = cv2.imencode(path.suffix, picture() if image is None else image)
    assert ok
    path.write_bytes(data.tobytes())
    return path


def write_video(path: Path, n_frames: int = 20, fps: float = FPS) -> Path:
    return write_avi(path, [picture(8 * (k % 32)) for k in range(n_frames)], fps)


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def damage(path: Path, frame: int) -> Path:
    """Overwrite one JPEG of an AVI with zeros."""
    data = bytearray(path.read_bytes())
    at = 0
    for _ in range(frame + 1):
        at = data.find(b"\xff\xd8\xff", at + 1)
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    return path


def capture_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "livefer-capture"]


class FakeCamera:
    """Behaves like cv2.VideoCapture; gives `n_frames` frames and then nothing."""

    def __init__(self, n_frames: int, pause_s: float = 0.0) -> None:
        self.left = n_frames
        self.pause_s = pause_s
        self.released = False

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        time.sleep(self.pause_s)
        if self.left <= 0 or self.released:
            return False, None
        self.left -= 1
        return True, picture()

    def get(self, _: int) -> float:
        return 0.0

    def getBackendName(self) -> str:  # OpenCV's name
        return "FAKE"

    def release(self) -> None:
        self.released = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[FakeCamera | None]:
    """The results of opening a camera, one after another; None: it cannot be opened."""
    queue: list[FakeCamera | None] = []

    def fake_open(_: str | int) -> Any:
        return queue.pop(0) if queue else None

    monkeypatch.setattr(capture, "open_capture", fake_open)
    monkeypatch.setattr(sources, "open_capture", fake_open)
    monkeypatch.setattr(capture, "_RETRY_S", 0.01)
    return queue


# Folders, globs, lists


def test_a_folder_gives_its_pictures_in_natural_order_and_bad_ones_as_errors(
    tmp_path: Path,
) -> None:
    for k in (2, 10, 1):
        write_picture(tmp_path / f"{k}.png", picture(8 * k))
    (tmp_path / "3.jpg").write_bytes(b"nonsense")
    (tmp_path / "notes.txt").write_text("no picture")
    with open_source(tmp_path) as source:
        assert source.n_frames == 4
        frames = list(source)
    assert [Path(f.source).name for f in frames] == ["1.png", "2.png", "3.jpg", "10.png"]
    assert [f.index for f in frames] == [0, 1, 2, 3]
    assert all(f.still for f in frames)
    assert [f.error is None for f in frames] == [True, True, False, True]
    assert [number_of(f.image) for f in frames if f.error is None] == [1, 2, 10]
    assert "3.jpg" in str(frames[2].error)


def test_globs_and_lists_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    paths = [write_picture(tmp_path / "a.png"), write_picture(tmp_path / "sub" / "b.png")]
    for given in (str(tmp_path / "**" / "*.png"), paths, [str(path) for path in paths]):
        assert [f.source for f in open_source(given)] == [str(path) for path in paths]


def test_a_list_may_mix_pictures_videos_arrays_and_mistakes(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", 5)
    png = write_picture(tmp_path / "a.png")
    frames = list(
        open_source([png, video, tmp_path / "absent.png", picture(), tmp_path / "no.avi"])
    )
    assert [f.still for f in frames] == [True, *[False] * 5, True, True, True]
    assert [f.index for f in frames] == [0, 0, 1, 2, 3, 4, 2, 3, 4]
    assert [f.error is not None for f in frames] == [False] * 6 + [True, False, True]


def test_a_picture_with_brackets_in_its_name_is_no_glob(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "me [1].png")
    assert [f.source for f in open_source(str(path))] == [str(path)]


@pytest.mark.parametrize("suffix", [".m2ts", ".vob"])
def test_suffixes_of_camcorders_and_discs_are_those_of_videos(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / "v.avi", 5).rename(tmp_path / f"v{suffix}")
    write_picture(tmp_path / "w.png")
    assert len(list(open_source(tmp_path))) == 6


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    for folder, name in (("holiday [2024]", "a.png"), ("m²", "1²3.png")):
        (tmp_path / folder).mkdir()
        path = write_picture(tmp_path / folder / name)
        assert [f.source for f in open_source(tmp_path / folder)] == [str(path)]


@pytest.mark.skipif(os.name == "nt", reason="there, names have no colon")
def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "v.mp4", 5).rename(tmp_path / "2024-05-01T12:30.mp4")
    monkeypatch.chdir(tmp_path)
    frames = list(open_source("2024-05-01T12:30.mp4"))
    assert [number_of(f.image) for f in frames] == list(range(5))
    assert {f.source for f in frames} == {"2024-05-01T12:30.mp4"}


@pytest.mark.skipif(os.name == "nt", reason="there, names are text")
def test_a_video_whose_name_is_no_utf8_is_named(tmp_path: Path) -> None:
    """OpenCV would end the process."""
    path = write_video(tmp_path / "a.avi").rename(tmp_path / "caf\udce9.avi")
    with pytest.raises(SourceError, match="rename it"):
        open_source(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "no picture or video"),
        ("a" * 300, "could not be opened .*: check the path"),
        ("*.jpg", "no picture or video"),
        ("absent.mp4", "check the path"),
        ("absent", "check the path"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "could not be opened as a video"),
        ("text", "could not be opened as a video"),
        ("text.jpg", "damaged, or no picture"),
    ],
)
def test_a_source_that_cannot_be_opened_is_one_error_at_once(
    tmp_path: Path, name: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if name.startswith("text"):
        path.write_bytes(b"hello " * 1000)
    elif name.startswith("empty"):
        path.touch()
    with pytest.raises(SourceError, match=says) as caught:
        open_source(path)
    assert str(path) in str(caught.value)
    assert capfd.readouterr().err == ""


# Videos


def test_a_video_gives_every_frame_with_its_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 20)
    with open_source(path) as source:
        assert (source.fps, source.n_frames, source.live) == (FPS, 20, False)
        frames = list(source)
    assert [number_of(f.image) for f in frames] == list(range(20))
    assert [f.index for f in frames] == list(range(20))
    assert [f.time_s for f in frames] == pytest.approx([k / FPS for k in range(20)])
    assert not any(f.still or f.error or f.n_skipped for f in frames)


def test_a_video_where_a_picture_is_expected_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 2)
    with pytest.raises(SourceError, match=r"v\.avi is a video, not a picture: .*stream"):
        read_image(path)


def test_times_advance_by_the_rate_where_the_file_has_none(tmp_path: Path) -> None:
    class Timeless(FakeCamera):
        def get(self, what: int) -> float:
            return {cv2.CAP_PROP_FPS: 10.0, cv2.CAP_PROP_POS_MSEC: -1.0}.get(what, 0.0)

    frames = list(capture.read_video("v", Timeless(4)))  # type: ignore[arg-type]
    assert [f.time_s for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_the_rate_of_a_raw_file_is_an_assumption(tmp_path: Path) -> None:
    jpegs = [cv2.imencode(".jpg", picture(8 * k))[1].tobytes() for k in range(5)]
    (tmp_path / "v.mjpeg").write_bytes(b"".join(jpegs))
    assert [f.is_fps_assumed for f in open_source(tmp_path / "v.mjpeg")] == [True] * 5
    path = write_video(tmp_path / "v.avi", 5)
    assert not any(f.is_fps_assumed for f in open_source(path))


def test_a_video_cut_short_gives_its_frames_and_an_error(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "v.avi", 50), 0.7)
    frames = list(open_source(path))
    assert 15 < len(frames) < 45
    assert [number_of(f.image) for f in frames[:10]] == list(range(10))
    assert [f.error for f in frames[:-1]] == [None] * (len(frames) - 1)
    last = frames[-1]
    assert last.image is None
    assert f"{path} ends after {len(frames) - 1} of 50 frames" in str(last.error)
    assert last.index == len(frames) - 1


def test_a_damaged_frame_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "v.avi", 20), 7)
    *frames, last = open_source(path)
    assert [f.index for f in frames] == [k for k in range(20) if k != 7]
    assert [number_of(f.image) for f in frames] == [f.index for f in frames]
    assert [f.n_skipped for f in frames] == [int(f.index == 8) for f in frames]
    assert [f.time_s for f in frames] == pytest.approx([f.index / FPS for f in frames])
    assert last.error == f"{path} is damaged: 1 of 20 frames could not be read"


def test_a_video_without_frames_has_an_error() -> None:
    (frame,) = capture.read_video("v", FakeCamera(0))  # type: ignore[arg-type]
    assert (frame.image, frame.error) == (None, "v has no frame that can be read")


# Live


def test_cuts_are_detected_in_files_and_streams_but_not_in_cameras() -> None:
    """A lamp switched on beside a camera, or a hand before it, makes no new persons."""
    ramp = np.tile(np.linspace(0, 200, 64, dtype=np.uint8)[None, :, None], (48, 1, 3))
    views = [ramp] * 5 + [ramp[:, ::-1]] * 5

    class Views(FakeCamera):
        def read(self) -> tuple[bool, Any]:
            ok, _ = super().read()
            return ok, views[9 - self.left]

    def cuts_of(frames: Generator[Frame, None, None]) -> list[int]:
        with closing(frames):
            return [frame.index for frame in islice(frames, 10) if frame.is_cut]

    stop = threading.Event()
    fake: Any = Views(10)
    assert cuts_of(capture.read_video("v", fake)) == [5]
    assert cuts_of(capture.read_camera("url", Views(10), "rtsp://a", stop)) == [5]  # type: ignore[arg-type]
    assert cuts_of(capture.read_camera("camera 0", Views(10), 0, stop)) == []  # type: ignore[arg-type]


def test_a_file_played_live_accounts_for_all_its_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 12, fps=100)
    with open_source(path, live=True) as source:
        assert source.live
        frames = list(source)
    assert frames[-1].index == 11
    assert len(frames) + sum(f.n_skipped for f in frames) == 12
    assert capture_threads() == []


def test_leaving_early_ends_the_thread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 30, fps=0.2)  # the second frame comes after 5 s
    with open_source(path, live=True) as source:
        for _ in source:
            assert len(capture_threads()) == 1
            break
    assert capture_threads() == []
    assert list(source) == []


def test_a_camera_that_cannot_be_opened(
    cameras: list[FakeCamera | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "why_not_opened", lambda number: "is another program using it?")
    for given in (0, "0", np.int64(0)):
        with pytest.raises(SourceError) as caught:
            open_source(given)
        assert str(caught.value) == (
            "camera 0 could not be opened: is another program using it? "
            '"livefer doctor" lists the cameras'
        )


def test_a_number_that_is_no_camera_is_named() -> None:
    with pytest.raises(SourceError, match="camera 99999999999 could not be opened"):
        open_source("99999999999")
    with pytest.raises(SourceError, match="² does not exist"):
        open_source("²")


@pytest.mark.skipif(os.name == "nt", reason="there, cameras have no path")
def test_a_camera_is_no_picture() -> None:
    """As /dev/video0: reading such a device need never end."""
    for open_it in (open_source, read_image):
        with pytest.raises(SourceError, match="/dev/null is a device: give a camera by its number"):
            open_it("/dev/null")


@pytest.mark.parametrize("password", ["secret", "se@cret"])
def test_passwords_do_not_show(cameras: list[FakeCamera | None], password: str) -> None:
    with pytest.raises(SourceError, match=r"^rtsp://door/1\?to=a@b could not be opened"):
        open_source(f"rtsp://me:{password}@door/1?to=a@b")


@pytest.mark.parametrize("live", [None, False])
def test_a_camera_that_comes_back_continues(
    cameras: list[FakeCamera | None], live: bool | None
) -> None:
    first, second = FakeCamera(3, 0.02), FakeCamera(2, 0.02)
    cameras += [first, None, second]
    with open_source(0, live, reconnect_s=0.2) as source:
        assert source.live is (live is None)
        frames = list(source)
    errors = [f for f in frames if f.error]
    assert sum(1 + f.n_skipped for f in frames if f.image is not None) == 5
    assert [f.index for f in errors] == [3, 5, 5]
    assert "camera 0 stopped after 3 frames: trying again for 0.2 s" in str(errors[0].error)
    assert "did not come back in 0.2 s" in str(errors[2].error)
    assert frames[-1] is errors[2]
    assert [f.time_s for f in frames] == sorted(f.time_s for f in frames)
    assert first.released
    assert second.released
    assert capture_threads() == []


def test_leaving_while_a_camera_is_tried_again_ends_the_thread(
    cameras: list[FakeCamera | None],
) -> None:
    cameras.append(FakeCamera(1))
    with open_source(0, reconnect_s=600) as source:
        for frame in source:
            if frame.error:
                break
    assert capture_threads() == []


def test_opening_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = getattr(cv2.utils, "logging", cv2)
    level = log.getLogLevel()
    before = dict(os.environ)
    with open_source(write_video(tmp_path / "v.avi", 3)):
        pass
    assert log.getLogLevel() == level
    assert dict(os.environ) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_gives_every_frame_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    for data, n_frames in ((write_video(tmp_path / "v.avi", 20).read_bytes(), 20), (b"no", 0)):
        os.mkfifo(path)
        thread = threading.Thread(target=path.write_bytes, args=(data,))
        thread.start()
        if n_frames:
            frames = list(open_source(path))
            assert [number_of(f.image) for f in frames] == list(range(n_frames))
        else:
            with pytest.raises(SourceError, match=r"sends no video .* such as MPEG-TS or Matroska"):
                open_source(path)
        thread.join()
        path.unlink()
