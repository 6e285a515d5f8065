"""A GIF with one picture is a picture, one with several is a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

av = pytest.importorskip("av")

import cv2
import numpy as np
from videos import face_picture

import livefer
from livefer.cli.files import find
from livefer.errors import SourceError
from livefer.media.names import find_files, is_kind, n_gif_pictures
from livefer.media.pictures import read_image
from livefer.media.sources import open_source

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a still GIF and a moving one."""
    picture = np.asarray(cv2.resize(face_picture(), (320, 320)), np.uint8)
    for name, n in (("still.gif", 1), ("moving.GIF", 3)):
        with av.open(str(tmp_path / name), "w", "gif") as file:
            video: Any = file.add_stream("gif", rate=10)
            video.width, video.height, video.pix_fmt = 320, 320, "rgb8"
            for i in range(n):
                shown = np.ascontiguousarray(picture[:, :: 1 - 2 * (i % 2)])
                frame = av.VideoFrame.from_ndarray(shown, "bgr24").reformat(format="rgb8")
                frame.pts, frame.time_base = i, Fraction(1, 10)
                file.mux(video.encode(frame))
            file.mux(video.encode(None))
    return tmp_path


def test_the_pictures_of_a_gif_are_counted(folder: Path) -> None:
    still, moving = ((folder / name).read_bytes() for name in ("still.gif", "moving.GIF"))
    assert [n_gif_pictures(data) for data in (still, moving)] == [1, 2]
    assert n_gif_pictures(b"") == n_gif_pictures(b"\xff\xd8\xff") == 0
    for data in (still, moving):
        for end in (6, 10, 11, 13, 20, 800, 1000):
            assert n_gif_pictures(data[:end]) in (0, 1)


def test_a_still_gif_is_a_picture_in_every_way_in(folder: Path) -> None:
    path = folder / "still.gif"
    assert read_image(path).shape == (320, 320, 3)
    assert [frame.still for frame in open_source(path)] == [True]
    recognizer = livefer.Recognizer(detector="haar")
    (face,) = recognizer(path)
    assert (face.label, face.track_id) == ("happy", None)
    (result,) = livefer.analyze(path, recognizer)
    assert [face.track_id for face in result.faces] == [None]
    for kind, name in (("picture", "still.gif"), ("video", "moving.GIF")):
        found = find_files(folder, kind)  # type: ignore[arg-type]
        assert found is not None
        assert [Path(file).name for file in found.files] == [name]


def test_a_moving_gif_is_a_video(folder: Path) -> None:
    path = folder / "moving.GIF"
    assert [frame.still for frame in open_source(path)] == [False] * 3
    with pytest.raises(SourceError, match="is a video, not a picture"):
        read_image(path)
    assert is_kind(str(path), "video")
    assert not is_kind(str(folder / "absent.gif"), "picture")


def test_commands_name_each_other(folder: Path) -> None:
    still, moving = str(folder / "still.gif"), str(folder / "moving.GIF")
    assert [error for _, error in find([still], "picture")[0]] == [None]
    assert [error for _, error in find([moving], "video")[0]] == [None]
    (((_, error),), _) = find([still], "video")
    assert '"livefer image" reads pictures' in str(error)
    (((_, error),), _) = find([moving], "picture")
    assert '"livefer video" reads videos' in str(error)
