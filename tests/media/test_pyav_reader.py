"""Videos are read with their exact times, damaged ones as far as possible."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from mjpegserver import serving
from needs import missing

av = pytest.importorskip("av")

import cv2
import numpy as np
from videos import face_picture, grays, number_of, read_streams, write_video

import livefer.media.pyav_reader
from livefer.errors import ConfigError, SourceError
from livefer.media.decoding import squared
from livefer.media.h264_writer import H264Writer
from livefer.media.opencv_reader import quiet
from livefer.media.pyav_reader import VideoReader
from livefer.media.sources import open_source
from livefer.results import Frame

pytestmark = pytest.mark.slow

NTSC = Fraction(30000, 1001)


def read(path: Path, **more: Any) -> list[Frame]:
    with VideoReader(path, **more) as video:
        return list(video)


def seen(frames: list[Frame]) -> list[tuple[int, float, int]]:
    """Index, time and number of each frame that has an image."""
    return [
        (f.index, round(f.time_s, 6), number_of(f.image)) for f in frames if f.image is not None
    ]


@pytest.mark.parametrize("fps", [NTSC, Fraction(24000, 1001), Fraction(25), Fraction(12)])
def test_a_steady_rate_is_read_exactly(tmp_path: Path, fps: Fraction) -> None:
    path = write_video(tmp_path / "in.mp4", grays(8), fps)
    with VideoReader(path) as video:
        assert video.info.fps == fps
        assert video.info.wh == (96, 64)
        assert video.info.n_frames == 8
        assert video.info.duration_s == pytest.approx(float(8 / fps))
        assert seen(list(video)) == [(i, round(float(i / fps), 6), i) for i in range(8)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_variable_rate_keeps_its_times_which_count_from_the_first_frame(
    tmp_path: Path, suffix: str
) -> None:
    ticks = [50, 51, 55, 56, 80, 120]
    path = write_video(tmp_path / f"in{suffix}", grays(6), 25, ticks)
    assert seen(read(path)) == [(i, (t - 50) / 25, i) for i, t in enumerate(ticks)]


@pytest.mark.parametrize("suffix", [".avi", ".mjpeg", ".h264"])
def test_files_without_times_get_those_of_their_rate(tmp_path: Path, suffix: str) -> None:
    codec = "libx264" if suffix == ".h264" else "mjpeg"
    path = write_video(tmp_path / f"in{suffix}", grays(5), 25, codec=codec)
    frames = read(path)
    assert [f.index for f in frames] == [0, 1, 2, 3, 4]
    assert [f.time_s for f in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_rotated_video_is_read_upright_as_by_opencv(tmp_path: Path, degrees: int) -> None:
    if not hasattr(av.VideoStream, "set_display_rotation"):
        missing("this PyAV cannot write videos that are to be turned: a newer one can")
    picture = cv2.resize(face_picture(), (128, 96))
    path = write_video(tmp_path / "in.mp4", [picture] * 2, degrees=degrees)
    with quiet():
        capture = cv2.VideoCapture(str(path))
    ok, expected = capture.read()
    capture.release()
    assert ok
    image = read(path)[0].image
    assert image is not None
    assert image.shape == expected.shape == ((96, 128, 3) if degrees == 180 else (128, 96, 3))
    assert np.abs(image.astype(int) - expected).mean() < 3
    assert np.abs(image.astype(int) - cv2.rotate(expected, cv2.ROTATE_180)).mean() > 20


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(8, 9)])
@pytest.mark.parametrize("degrees", [0, 90])
def test_pixels_that_are_not_square_are_stretched(
    tmp_path: Path, aspect: Fraction, degrees: int
) -> None:
    if degrees and not hasattr(av.VideoStream, "set_display_rotation"):
        missing("this PyAV cannot write videos that are to be turned: a newer one can")
    picture = cv2.resize(face_picture(), (144, 96))
    path = write_video(tmp_path / "in.mp4", [picture] * 2, aspect=aspect, degrees=degrees)
    shape = (96, 205, 3) if aspect > 1 else (108, 144, 3)
    if degrees:
        shape = (shape[1], shape[0], 3)
    image = read(path)[0].image
    with open_source(path) as frames:
        by_opencv = next(iter(frames)).image
    assert image is not None
    assert by_opencv is not None
    assert image.shape == by_opencv.shape == shape
    assert np.abs(image.astype(int) - by_opencv).mean() < 3
    copy = tmp_path / "out.mp4"
    with VideoReader(path) as reader, H264Writer(copy, reader.info) as writer:
        writer.write(image, 0.0)
    with VideoReader(copy) as reader:  # which is as it looked, and not stretched again
        assert reader.info.aspect == 1
        assert reader.info.wh == (shape[1] // 2 * 2, shape[0] // 2 * 2)


def test_an_implausible_aspect_changes_nothing() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    for aspect in (0.0, 0.01, 1.0, 1.001, 100.0):
        assert squared(image, aspect) is image


def parts_of(frames: list[Frame], start_s: float, end_s: float) -> list[Frame]:
    return [f for f in frames if start_s - 1e-6 <= f.time_s < end_s]


@pytest.mark.parametrize("options", [{"g": "5", "bf": "2"}, {"g": "100", "bf": "0"}])
@pytest.mark.parametrize("span", [(0.0, 0.4), (0.5, 1.0), (0.2, 0.2001), (1.0, 9.0), (0.21, 0.35)])
def test_a_span_has_the_frames_of_the_whole(
    tmp_path: Path, options: dict[str, str], span: tuple[float, float]
) -> None:
    ticks = [0, 1, 2, 4, 5, *range(8, 33)]
    path = write_video(tmp_path / "in.mp4", grays(30), 25, ticks, options=options)
    part = read(path, start_s=span[0], end_s=span[1])
    assert seen(part) == seen(parts_of(read(path), *span))
    assert part


def test_a_rest_that_is_not_read_is_no_error_but_a_start_after_the_end_is(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "in.mp4", grays(10))
    assert all(f.error is None for f in read(path, end_s=0.1))
    (last,) = read(path, start_s=5.0)
    assert last.image is None
    assert "ends at 0.4 s" in str(last.error)


def test_every_nth_frame_and_so_many_a_second(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", grays(25), 25)
    assert [f.index for f in read(path, every=10)] == [0, 10, 20]
    assert [f.index for f in read(path, every=10, start_s=0.2)] == [5, 15]
    assert [f.index for f in read(path, fps=5)] == [0, 5, 10, 15, 20]
    assert [f.index for f in read(path, fps=5, start_s=0.12)] == [3, 8, 13, 18, 23]
    assert [f.index for f in read(path, fps=100)] == list(range(25))
    assert all(f.n_skipped == 0 for f in read(path, every=3))
    irregular = write_video(tmp_path / "vfr.mp4", grays(5), 10, [0, 1, 17, 18, 31])
    assert [f.index for f in read(irregular, fps=1)] == [0, 2, 4]


@pytest.mark.parametrize(
    "more",
    [{"every": 0}, {"fps": 0}, {"every": 2, "fps": 1}, {"start_s": -1}, {"start_s": 2, "end_s": 2}],
)
def test_an_impossible_span_is_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    path = write_video(tmp_path / "in.mp4", grays(2))
    with pytest.raises(ConfigError, match=r"expected|in two ways"):
        VideoReader(path, **more)


def noisy(n: int) -> list[Any]:
    """Frames that are hard to compress: half of the file is half of the time."""
    generator = np.random.default_rng(0)
    return [generator.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(n)]


@pytest.mark.parametrize(("suffix", "movflags"), [(".mp4", "faststart"), (".mkv", ""), (".ts", "")])
def test_a_video_cut_short_is_read_up_to_there(tmp_path: Path, suffix: str, movflags: str) -> None:
    whole = write_video(
        tmp_path / f"in{suffix}", noisy(50), sound="aac", options={"g": "5"}, movflags=movflags
    )
    n_whole = len([f for f in read(whole) if f.image is not None])
    assert n_whole == 50
    assert all(f.error is None for f in read(whole))
    cut = tmp_path / f"cut{suffix}"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    frames = read(cut)
    n_read = len([f for f in frames if f.image is not None])
    assert 15 <= n_read <= 35
    if suffix == ".ts":  # a stream has no length of which something could be missing
        return
    assert [f.image is None for f in frames].index(True) == len(frames) - 1
    assert "of 2.0 s: the rest is damaged or missing" in str(frames[-1].error)
    assert frames[-1].index == n_read
    assert frames[-1].time_s == frames[-2].time_s


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_an_avi_cut_short_has_an_error(tmp_path: Path, codec: str) -> None:
    whole = write_video(tmp_path / "in.avi", noisy(50), codec=codec)
    assert len(read(whole)) == 50
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    *frames, last = read(cut)
    assert 15 <= len(frames) <= 35
    assert "of 2.0 s: the rest is damaged or missing" in str(last.error)


def test_tags_need_not_be_text(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", grays(5), sound="aac")
    data = path.read_bytes()
    assert data.count(b"Lavf") == 1  # who wrote it
    path.write_bytes(data.replace(b"Lavf", b"L\xe9vf"))
    frames = read(path)
    assert len(frames) == 5
    with VideoReader(path) as video, H264Writer(tmp_path / "out.mp4", video.info, path) as copy:
        for frame in video:
            assert frame.image is not None
            copy.write(frame.image, frame.time_s)
    assert read_streams(tmp_path / "out.mp4")


def test_a_damaged_middle_is_skipped_and_reported(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "in.mp4", noisy(40), options={"g": "4"}, movflags="faststart")
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = bytes(9000)
    (tmp_path / "bad.mp4").write_bytes(data)
    frames = read(tmp_path / "bad.mp4")
    good = [f for f in frames if f.image is not None and f.note != "damaged"]
    assert 25 <= len(good) < 40
    assert good[-1].index == 39
    assert good[-1].time_s == pytest.approx(39 / 25)
    told = [f for f in frames if f.note == "damaged"]
    n_lost = sum(f.n_skipped for f in frames)
    assert len(good) + len(told) + n_lost == 40
    assert bool(n_lost) is (frames[-1].error is not None)
    assert told or n_lost


def test_what_is_read_of_a_damaged_file_does_not_depend_on_the_number_of_cores(
    tmp_path: Path,
) -> None:
    """Decoders with several threads replace missing parts with those of other frames."""
    picture = cv2.resize(face_picture(), (640, 480))
    images = [picture[2 * i : 2 * i + 240, 3 * i : 3 * i + 320] for i in range(60)]
    options = {"g": "12", "bf": "2"}
    path = write_video(tmp_path / "in.mp4", images, options=options, movflags="faststart")
    data = bytearray(path.read_bytes())
    middle, n = len(data) // 2, len(data) // 20
    data[middle : middle + n] = bytes(n)
    path.write_bytes(data)

    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.codec_context.thread_count = 1
        expected = []
        for packet in file.demux(stream):
            with suppress(av.error.FFmpegError):
                expected += [p.to_ndarray(format="bgr24") for p in stream.decode(packet)]
    found = [frame.image for frame in read(path) if frame.image is not None]
    assert len(found) == len(expected)
    assert all(map(np.array_equal, found, expected))

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    by_opencv = [image for ok, image in (capture.read() for _ in images) if ok]
    streamed = [frame.image for frame in open_source(path) if frame.image is not None]
    assert len(streamed) == len(by_opencv)
    assert all(map(np.array_equal, streamed, by_opencv))


@pytest.mark.parametrize(
    ("name", "codec", "n_joined"),
    [("a.ts", "libx264", 3), ("a.mpg", "mpeg2video", 1), ("a.mpg", "mpeg2video", 2)],
)
def test_a_clock_that_goes_back_or_stands_is_no_damage(
    tmp_path: Path, name: str, codec: str, n_joined: int
) -> None:
    """Of recordings that were joined, and of MPEG-2's B-frames, whose times are guessed."""
    path = write_video(tmp_path / name, 3 * grays(30), codec=codec, options={"bf": "2"})
    path.write_bytes(path.read_bytes() * n_joined)
    frames = read(path)
    assert [f.error for f in frames if f.error] == []
    assert [f.index for f in frames] == list(range(90 * n_joined))
    assert sum(f.n_skipped for f in frames) == 0
    steps = np.diff([f.time_s for f in frames])
    assert steps == pytest.approx(0.04)


def test_a_span_after_a_seam_has_the_frames_of_the_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", grays(30), options={"bf": "2"})
    path.write_bytes(path.read_bytes() * 3)
    whole = seen(read(path))
    assert seen(read(path, start_s=3)) == whole[75:]


@pytest.mark.parametrize("what", ["gray", "upright"])
def test_a_frame_with_damaged_colours_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As in ProRes, where each frame states how to convert it."""
    path = write_video(tmp_path / "in.mp4", grays(6))
    convert = getattr(livefer.media.pyav_reader, what)

    def damaged(picture: av.VideoFrame, *more: float) -> Any:
        if picture.time == 2 / 25:
            raise av.error.OSError(95, "Operation not supported")
        return convert(picture, *more)

    monkeypatch.setattr(livefer.media.pyav_reader, what, damaged)
    *frames, last = read(path)
    assert [(f.index, f.n_skipped) for f in frames] == [(0, 0), (1, 0), (3, 1), (4, 0), (5, 0)]
    assert "is damaged: 1 frames could not be read" in str(last.error)


def test_a_file_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    def error_of(path: Path) -> str:
        with pytest.raises(SourceError) as caught:
            VideoReader(path)
        return str(caught.value)

    assert "check the path" in error_of(tmp_path / "nothing.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert "is empty (0 bytes)" in error_of(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("no video at all, just words " * 30)
    assert "could not be opened as a video" in error_of(tmp_path / "text.mp4")
    whole = write_video(tmp_path / "whole.mp4", grays(10))  # what it has is listed at its end
    (tmp_path / "headless.mp4").write_bytes(whole.read_bytes()[:-900])
    assert "could not be opened as a video" in error_of(tmp_path / "headless.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=48_000)
        stream.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        silence.sample_rate = 48_000
        file.mux(stream.encode(silence))
        file.mux(stream.encode(None))
    assert "no moving picture" in error_of(tmp_path / "sound.mp4")
    known = write_video(tmp_path / "known.avi", grays(2), codec="mpeg4").read_bytes()
    (tmp_path / "odd.avi").write_bytes(known.replace(b"FMP4", b"Zz9x"))
    assert "has an unknown encoding" in error_of(tmp_path / "odd.avi")


def test_a_video_without_frames_has_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mkv", [], sound="aac", sound_s=0.2)
    (frame,) = read(path)
    assert (frame.index, frame.image) == (0, None)
    assert "has no frame that can be read" in str(frame.error)


# Files and streams without times


@pytest.mark.parametrize("name", ["in.mjpeg", "in.mjpg"])
def test_a_raw_file_has_25_frames_a_second_unless_somebody_says_otherwise(
    tmp_path: Path, name: str
) -> None:
    source = write_video(tmp_path / "in.mkv", grays(10), codec="mjpeg")
    path = copy_packets(source, tmp_path / name, form="mjpeg")
    frames = read(path)
    assert [f.time_s for f in frames] == pytest.approx([i / 25 for i in range(10)])
    assert all(f.is_fps_assumed for f in frames)
    frames = read(path, fps_of_source=5)
    assert [f.time_s for f in frames] == pytest.approx([i / 5 for i in range(10)])
    assert not any(f.is_fps_assumed for f in frames)
    part = read(path, fps_of_source=5, start_s=0.5, end_s=1.3)
    assert seen(part) == seen(parts_of(frames, 0.5, 1.3))


def test_a_raw_file_may_state_its_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.h264", grays(10), 5, options={"bf": "2"})
    frames = read(path)
    assert [f.time_s for f in frames] == pytest.approx([i / 5 for i in range(10)])
    assert not any(f.is_fps_assumed for f in frames)
    assert [f.time_s for f in read(path, fps_of_source=50)][:3] == pytest.approx([0, 0.02, 0.04])


def test_a_rate_is_for_files_without_times_only(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", grays(5))
    assert seen(read(path, fps_of_source=5)) == seen(read(path))


def test_a_live_stream_without_times_has_those_of_the_clock() -> None:
    with serving(grays(8), pause_s=0.2) as address:
        frames = read(address)  # type: ignore[arg-type]
        part = read(address, end_s=0.7)  # type: ignore[arg-type]
        rated = read(address, fps_of_source=5)  # type: ignore[arg-type]
    assert [f.index for f in frames] == list(range(8))
    assert all(np.diff([f.time_s for f in frames]) > 0)
    assert frames[-1].time_s > 0.8  # one of 25 frames a second would be 0.28
    assert not any(f.is_fps_assumed for f in frames)
    assert len(part) < 8
    assert [f.time_s for f in rated] == pytest.approx([i / 5 for i in range(8)])


# Times of any container


def check_whole(path: Path, n_frames: int) -> None:
    """Every frame is read once, in order, at a steady 25 frames a second, without an error."""
    frames = read(path)
    assert [f.error for f in frames if f.error] == []
    assert [f.index for f in frames] == list(range(n_frames))
    assert sum(f.n_skipped for f in frames) == 0
    assert [f.time_s for f in frames] == pytest.approx([i / 25 for i in range(n_frames)], abs=1e-3)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        *((s, "libx264") for s in (".avi", ".wmv", ".flv", ".mov", ".ts", ".mpg", ".mkv", ".h264")),
        *((s, "mpeg4") for s in (".avi", ".asf", ".mkv", ".mpg")),
        *((s, "mpeg2video") for s in (".avi", ".ts", ".mpg", ".m2v")),
        *((s, "libx265") for s in (".mkv", ".hevc")),
    ],
)
def test_b_frames_are_no_damage_in_any_container(tmp_path: Path, suffix: str, codec: str) -> None:
    """AVI, ASF and program streams hold decoding times, or few times, or none."""
    options = {"bf": "2", "g": "12"}
    options |= (
        {"preset": "ultrafast", "x265-params": "log-level=none"} if codec == "libx265" else {}
    )
    path = write_video(tmp_path / f"in{suffix}", grays(30), codec=codec, options=options)
    check_whole(path, 30)
    part = read(path, start_s=0.8)
    assert seen(part) == seen(parts_of(read(path), 0.8, 9.0))
    assert [number for _, _, number in seen(read(path))] == list(range(30))


@pytest.mark.parametrize("options", [{"bf": "4", "b-pyramid": "normal"}, {"bf": "3", "g": "250"}])
@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_deep_b_frames_in_avi_are_no_damage(
    tmp_path: Path, n: int, options: dict[str, str]
) -> None:
    check_whole(write_video(tmp_path / "in.avi", grays(n), options=options), n)


@pytest.mark.parametrize("suffix", [".webm", ".ivf", ".avi", ".mp4"])
def test_hidden_frames_of_vp9_are_no_damage(tmp_path: Path, suffix: str) -> None:
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5"}
    path = write_video(tmp_path / f"in{suffix}", noisy(30), codec="libvpx-vp9", options=options)
    check_whole(path, 30)


def test_damage_in_an_avi_with_b_frames_is_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.avi", noisy(40), options={"g": "4", "bf": "2"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    frames = read(path)
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    assert all(np.diff([f.time_s for f in frames if f.image is not None]) > 0)
    told = [f for f in frames if f.note == "damaged"]
    assert told or frames[-1].error


def copy_packets(
    source: Path, path: Path, first: int = 0, shift: int = 0, form: str | None = None
) -> Path:
    """Copy a video's packets from a number on, with all times shifted by so many 1/25 s."""
    with av.open(str(source)) as old, av.open(str(path), "w", form) as new:
        video = old.streams.video[0]
        stream = new.add_stream_from_template(video)
        ticks = round(shift / 25 / video.time_base)
        for number, packet in enumerate(old.demux(video)):
            if number >= first and packet.size:
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = stream
                new.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("shift", [-5, -17, 50])
def test_frames_that_an_edit_list_hides_do_not_count(
    tmp_path: Path, suffix: str, shift: int
) -> None:
    whole = write_video(tmp_path / "in.mp4", grays(30), options={"bf": "2", "g": "12"})
    path = copy_packets(whole, tmp_path / f"out{suffix}", shift=shift)
    check_whole(path, min(30 + shift, 30))
    assert number_of(read(path)[0].image) == max(-shift, 0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".flv"])
@pytest.mark.parametrize("first", [5, 10])
def test_a_recording_may_begin_anywhere(tmp_path: Path, suffix: str, first: int) -> None:
    """Between two key frames, or with frames that need the group before."""
    options = {"bf": "2", "x264-params": "open-gop=1:keyint=12"}
    whole = write_video(tmp_path / "in.ts", grays(36), options=options)
    frames = read(copy_packets(whole, tmp_path / f"out{suffix}", first))
    assert [f.error for f in frames if f.error] == []
    numbers = [number_of(f.image) for f in frames]
    assert numbers == list(range(numbers[0], 36))
    assert numbers[0] >= first
    check_whole(tmp_path / f"out{suffix}", len(numbers))
    part = read(tmp_path / f"out{suffix}", start_s=0.6)
    assert seen(part) == seen(parts_of(frames, 0.6, 9.0))


def test_a_late_start_is_no_missing_end(tmp_path: Path) -> None:
    """Matroska's duration counts from 0, not from the first frame."""
    whole = write_video(tmp_path / "in.mp4", grays(30))
    check_whole(copy_packets(whole, tmp_path / "out.mkv", shift=100), 30)
