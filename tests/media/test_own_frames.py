"""Frames of a program: whatever it holds is a picture or a stream, and nothing is lost."""

from __future__ import annotations

import io
import re
import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_picture
from fileserver import serving
from numpy.typing import NDArray

from livefer.errors import SourceError
from livefer.media.own_frames import FPS, OwnFrames
from livefer.media.sources import Source, open_source
from livefer.results import Frame


def picture(value: int = 0) -> NDArray[np.uint8]:
    image = np.full((48, 64, 3), 30, np.uint8)
    image[:, :32] = value
    return image


def encoded(value: int = 0, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, picture(value))[1].tobytes()


def values(frames: Any) -> list[int]:
    return [int(frame.image[0, 0, 0]) for frame in frames if frame.image is not None]


class Repeatable:
    """An iterable that is no iterator."""

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (picture(v) for v in (10, 20, 30))


IMAGES = [picture(v) for v in (10, 20, 30)]


@pytest.mark.parametrize(
    "given",
    [
        lambda: (image for image in IMAGES),
        lambda: IMAGES,
        lambda: tuple(IMAGES),
        lambda: iter(IMAGES),
        lambda: map(np.copy, IMAGES),
        lambda: deque(IMAGES),
        lambda: np.stack(IMAGES),
        Repeatable,
        lambda: (encoded(v) for v in (10, 20, 30)),
    ],
)
def test_any_iterable_of_images_is_one_stream(given: Any) -> None:
    with open_source(given()) as source:
        assert not source.live
        frames = list(source)
    assert values(frames) == [10, 20, 30]
    assert [f.index for f in frames] == [0, 1, 2]
    assert [f.time_s for f in frames] == [0, 1 / FPS, 2 / FPS]
    assert {(f.source, f.still, f.error) for f in frames} == {("frames", False, None)}


@pytest.mark.parametrize("number", [float, int, np.float32, np.int64])
@pytest.mark.parametrize("collection", [list, iter, tuple])
def test_pairs_keep_their_times(number: Any, collection: Any) -> None:
    pairs = [(number(2), IMAGES[0]), (number(4), encoded(20)), [number(4), IMAGES[2]]]
    frames = list(open_source(collection(pairs)))
    assert values(frames) == [10, 20, 30]
    assert [f.time_s for f in frames] == [2, 4, 4]
    assert not any(f.still for f in frames)


@pytest.mark.parametrize("times", [(1.0, 0.5), (0.0, float("nan")), (float("inf"),)])
def test_times_rise(times: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected times in seconds that rise"):
        list(open_source((time_s, picture()) for time_s in times))


def test_an_image_that_is_none_is_an_error_among_others() -> None:
    given = [picture(10), None, "absent.jpg", picture(40) / 255, object(), b"no", picture(20)]
    frames = list(open_source(iter(given)))
    assert values(frames) == [10, 20]
    errors = [frame.error for frame in frames if frame.image is None]
    assert len(frames) == len(given)
    for error, says in zip(
        errors, ("got None", r"absent.jpg does", "uint8", "got object", "damaged"), strict=True
    ):
        assert says in str(error)


def test_cuts_are_found_unless_the_stream_is_live() -> None:
    ramp = np.tile(np.linspace(0, 200, 64, dtype=np.uint8)[None, :, None], (48, 1, 3))
    images = [ramp] * 3 + [ramp[:, ::-1]] * 3
    assert [f.index for f in open_source(iter(images)) if f.is_cut] == [3]
    own = OwnFrames(is_live=True)
    frames = [own.frame(image) for image in images]
    assert not any(f.is_cut for f in frames)
    assert frames[0].time_s == 0
    assert [f.time_s for f in frames] == sorted(f.time_s for f in frames)


def test_a_live_stream_gives_the_newest_frame_and_counts_the_others() -> None:
    with open_source((picture(10) for _ in range(20)), live=True) as source:
        assert source.live
        frames = list(source)
    assert sum(1 + f.n_skipped for f in frames) == 20
    assert "livefer-capture" not in [thread.name for thread in threading.enumerate()]


def test_leaving_early_leaves_the_rest_to_the_program() -> None:
    images = iter(IMAGES)
    with open_source(images) as source:
        next(iter(source))
    assert len(list(images)) == 2


def test_frames_of_several_streams_keep_what_they_say() -> None:
    frames = [Frame("door", 5, 0.5, picture(10)), Frame("hall", 9, 0.6, picture(20), note="x")]
    assert list(open_source(iter(frames))) == frames
    assert list(open_source(frames)) == frames
    with Source("mine", frames, live=True) as source:
        assert open_source(source) is source
        assert list(source) == frames


def test_paths_of_any_iterable_are_files(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / f"{v}.png", picture(v)) for v in (10, 20, 30)]
    assert sorted(values(open_source(tmp_path.glob("*.png")))) == [10, 20, 30]
    for given in (iter(paths), deque(map(str, paths)), np.array([str(path) for path in paths])):
        frames = list(open_source(given))
        assert values(frames) == [10, 20, 30]
        assert [f.source for f in frames] == [str(path) for path in paths]
        assert all(f.still for f in frames)


def test_a_list_may_hold_folders_and_patterns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for v in (10, 20):
            write_picture(tmp_path / name / f"{v}.png", picture(v))
    given = [tmp_path / "a", picture(30), str(tmp_path / "b" / "*.png"), tmp_path / "c"]
    frames = list(open_source(given))
    assert values(frames) == [10, 20, 30, 10, 20]
    assert [f.index for f in frames] == list(range(6))
    assert "c does not exist" in str(frames[-1].error)


def test_bytes_and_open_files_are_pictures(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture(10))
    data = path.read_bytes()
    with path.open("rb") as file, path.open(encoding="latin-1") as text:
        for given, name in (
            *((data, "image"), (bytearray(data), "image"), (memoryview(data), "image")),
            *((np.fromfile(path, np.uint8), "image"), (io.BytesIO(data), "image")),
            *((file, str(path)), (file, str(path)), (text, str(path))),
        ):
            (frame,) = open_source(given)
            assert (values([frame]), frame.still, frame.source) == ([10], True, name)
    (frame,) = open_source([data])
    assert frame.source == "image 0"


def test_a_file_that_was_just_written_is_read_from_its_beginning() -> None:
    file = io.BytesIO()
    file.write(encoded(10))
    assert values(open_source(file)) == [10]


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    for given, says in (
        (b"", "image is empty|picture is empty"),
        (b"nonsense", "the picture is damaged, or no picture"),
        (io.StringIO("text"), 'opened with "rb", got str'),
        (object(), "got object"),
        (0.5, "got float"),
        ([0.5], "got float"),
        (None, "got None"),
    ):
        try:
            (frame,) = open_source(given)
            error = str(frame.error)
        except (SourceError, ValueError) as raised:
            error = str(raised)
        assert re.search(says, error)
    with (tmp_path / "a").open("wb") as file, pytest.raises(SourceError, match="a could not be"):
        open_source(file)


def test_the_address_of_a_picture_is_a_picture() -> None:
    jpeg = encoded(200, ".jpg")
    answers = {"/a.jpg": ("image/jpeg", jpeg), "/photo": ("image/jpeg", jpeg)}
    with serving(answers) as url:
        for name in ("a.jpg", "a.jpg?size=3", "photo", "photo?id=3"):
            (frame,) = open_source(f"{url}/{name}")
            assert (frame.still, frame.source) == (True, f"{url}/{name}")
        assert len([f for f in open_source([f"{url}/a.jpg", f"{url}/b.jpg"]) if f.error]) == 1
        with pytest.raises(SourceError, match=r"b\.jpg could not be read \(.*404"):
            open_source(f"{url}/b.jpg")


def test_a_list_of_streams_gives_frames_of_all_side_by_side() -> None:
    streams = {"/a": encoded(10, ".jpg"), "/b.jpg": encoded(200, ".jpg")}
    with serving({}, streams) as url:
        with open_source([f"{url}/a", f"{url}/none", f"{url}/a?b"]) as source:
            assert source.live
            frames = list(islice(source, 12))
        assert {f.source for f in frames} == {f"{url}/a", f"{url}/none", f"{url}/a?b"}
        (failed,) = [f for f in frames if f.error]
        assert "none could not be opened" in str(failed.error)
        with open_source(f"{url}/b.jpg") as source:  # a stream that is called like a picture
            assert source.live
            assert abs(values(islice(source, 1))[0] - 200) < 5
        with pytest.raises(SourceError, match="none could not be opened"):
            open_source([f"{url}/none", f"{url}/nothing"])
    names = [thread.name for thread in threading.enumerate()]
    assert not any("livefer" in name for name in names)
