"""`livefer webcam`: a video file as the camera, on SDL's dummy driver, and without a display."""

from __future__ import annotations

import csv
import io
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest
from builders import write_avi
from fakes import make_scene, use_fakes

from livefer.cli import main
from livefer.live.view import LiveView

pytestmark = pytest.mark.slow

SCENE = make_scene((40, 60, 125))


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_fakes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere there is always a display")
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def run(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    patch.setattr(sys, "argv", ["livefer", "webcam", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert out == ""
    return int(ended.value.code or 0), err


def write_video(path: Path, n_frames: int = 12) -> Path:
    return write_avi(path, [SCENE] * n_frames)


def read_video(path: Path) -> list[Any]:
    film, images = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        images.append(read[1])
    film.release()
    return images


def close_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """Let somebody press Esc when the film is over."""
    wait = LiveView.wait

    def waiting(view: LiveView, timeout_s: float) -> bool:
        if view.is_over:
            view.press("escape")
        return wait(view, timeout_s)

    patch.setattr(LiveView, "wait", waiting)


def test_a_video_is_shown_to_its_end_and_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(Path("in.avi"))
    close_at_the_end(monkeypatch)
    code, err = run(monkeypatch, capsys, "--source", "in.avi", "--record", "out.avi", "--mirror")
    assert code == 0
    assert "recognised" in err
    assert "wrote out.avi" in err
    assert 1 <= len(read_video(Path("out.avi"))) <= 13
    assert sorted(path.name for path in Path().iterdir()) == ["in.avi", "out.avi"]


def test_without_a_display_every_frame_is_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_display: None
) -> None:
    write_video(Path("in.avi"))
    code, err = run(monkeypatch, capsys, "--source", "in.avi", "--record", "out.avi")
    assert code == 0
    assert err.splitlines() == [
        "there is no display: recording only, Ctrl-C ends it",
        "12 frames recognised, 0 skipped; model level; wrote out.avi",
    ]
    images = read_video(Path("out.avi"))
    assert len(images) == 12
    assert abs(images[5].astype(int) - SCENE).max() > 100


HANG_UP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows knows none


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, HANG_UP])
def test_ctrl_c_or_a_request_to_terminate_ends_in_order(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_display: None,
    number: signal.Signals,
) -> None:
    def interrupt(seconds: float) -> None:
        signal.raise_signal(number)

    write_video(Path("in.avi"), 100)
    monkeypatch.setattr("livefer.cli.webcam.time", SimpleNamespace(sleep=interrupt))
    code, err = run(monkeypatch, capsys, "--source", "in.avi", "--record", "out.avi")
    assert code == 0
    assert "recognised" in err
    assert not list(Path().glob(".*part*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--source", "99"), "camera 99 could not be opened"),
        (("--source", "absent.mp4"), "absent.mp4 does not exist"),
        (("--source", "a.png"), 'a.png does not move: "livefer image"'),
        (("--source", "in.avi", "--record", "in.avi/out.mp4"), "cannot be written"),
        (("--source", "in.avi", "--record", "./in.avi"), "in.avi is an input"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_video(Path("in.avi"))
    cv2.imwrite("a.png", SCENE)
    code, err = run(monkeypatch, capsys, *arguments)
    assert code == 1
    assert expected in err
    assert err.count("\n") == 1


def test_without_a_display_a_wrong_path_is_still_the_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_display: None
) -> None:
    code, err = run(monkeypatch, capsys, "--source", "absent.mp4")
    assert (code, err) == (1, "livefer: absent.mp4 does not exist: check the path\n")


def test_no_display_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_display: None
) -> None:
    write_video(Path("in.avi"))
    code, err = run(monkeypatch, capsys, "--source", "in.avi")
    assert code == 1
    assert "there is no display" in err
    assert err.count("\n") == 1


def test_a_camera_that_fails_ends_with_its_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from livefer.media.sources import Source
    from livefer.results import Frame

    def camera(source: str, live: bool | None) -> Source:
        frames = [Frame("camera 0", 0, 0.0, SCENE), Frame("camera 0", 1, 9.0, None, error="gone")]
        return Source("camera 0", (frame for frame in frames), live=True)

    monkeypatch.setattr("livefer.cli.webcam.open_source", camera)
    assert run(monkeypatch, capsys) == (1, "livefer: gone\n")
    recorded = run(monkeypatch, capsys, "--record", "out.avi")
    assert recorded == (1, "wrote out.avi\nlivefer: gone\n")
    assert len(read_video(Path("out.avi"))) == 1


def test_an_earlier_file_is_not_reported_as_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_display: None
) -> None:
    from livefer.media.sources import Source

    Path("out.avi").write_text("old")
    nothing = Source("camera 0", (frame for frame in ()), live=True)
    monkeypatch.setattr("livefer.cli.webcam.open_source", lambda source, live: nothing)
    code, err = run(monkeypatch, capsys, "--record", "out.avi")
    assert (code, err.splitlines()[-1]) == (0, "0 frames recognised, 0 skipped; model level")
    assert Path("out.avi").read_text() == "old"


def test_a_table_has_every_frame_of_the_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(Path("in.avi"))
    close_at_the_end(monkeypatch)
    arguments = ("--source", "in.avi", "--csv", "t.csv", "--send", "udp://127.0.0.1:9")
    code, err = run(monkeypatch, capsys, *arguments)
    assert code == 0
    done, sent = err.splitlines()
    n_frames = int(done.split()[0])
    assert done.endswith("; model level; wrote t.csv")
    assert sent.startswith(f"sent {n_frames} message")
    began, *rows = csv.DictReader(io.StringIO(Path("t.csv").read_text()))
    assert began["marker"].startswith("started ")
    assert [row["label"] for row in rows] == ["happy"] * n_frames
    assert all(float(row["captured_s"]) > float(began["captured_s"]) for row in rows)


def test_a_camera_that_fails_leaves_its_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from livefer.media.sources import Source
    from livefer.results import Frame

    frames = [Frame("camera 0", 0, 0.0, SCENE), Frame("camera 0", 1, 9.0, None, error="gone")]
    camera = Source("camera 0", (frame for frame in frames), live=True)
    monkeypatch.setattr("livefer.cli.webcam.open_source", lambda source, live: camera)
    ended = run(monkeypatch, capsys, "--csv", "t.csv")
    assert ended == (1, "wrote t.csv\nlivefer: gone\n")
    rows = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    assert [row["error"] for row in rows] == ["", "", "gone"]
