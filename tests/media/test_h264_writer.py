"""Videos are written with the times and the sound of their source, and browsers play them."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

av = pytest.importorskip("av")

import numpy as np
from videos import face_picture, grays, number_of, read_sound, read_streams, write_video

from livefer.errors import ConfigError, LiveferError
from livefer.media.h264_writer import H264Writer
from livefer.media.names import WRITABLE_VIDEOS
from livefer.media.pyav_reader import VideoReader

pytestmark = pytest.mark.slow

NTSC = Fraction(30000, 1001)


def rewrite(
    source: Path, path: Path, whole: bool = True, start_s: float = 0.0, **more: Any
) -> dict[str, Any]:
    """Copy a video with H264Writer, and read the copy."""
    with VideoReader(source, start_s, **more) as video:
        with H264Writer(path, video.info, source, start_s) as writer:
            for frame in video:
                assert frame.image is not None
                writer.write(frame.image, frame.time_s)
            writer.close(whole)
        assert writer.hint is None
    return read_streams(path)


@pytest.mark.parametrize("fps", [NTSC, Fraction(24000, 1001), Fraction(25)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_copy_has_the_times_of_its_source(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    source = write_video(tmp_path / f"in{suffix}", grays(12), fps)
    copy = rewrite(source, tmp_path / "out.mp4")
    assert copy["times"] == [i / fps for i in range(12)]  # exactly, from milliseconds too
    assert copy["fps"] == fps
    assert [number_of(image) for image in copy["images"]] == list(range(12))


def test_a_variable_rate_is_kept(tmp_path: Path) -> None:
    ticks = [0, 1, 5, 6, 30, 70]
    source = write_video(tmp_path / "in.mp4", grays(6), 25, ticks)
    assert rewrite(source, tmp_path / "a.mp4")["times"] == [Fraction(t, 25) for t in ticks]
    assert rewrite(source, tmp_path / "b.mov", every=2)["times"] == [
        0,
        Fraction(1, 5),
        Fraction(6, 5),
    ]
    late = rewrite(source, tmp_path / "c.mp4", start_s=0.2)["times"]
    assert late == [0, Fraction(1, 25), 1, Fraction(65, 25)]


def test_browsers_play_a_copy(tmp_path: Path) -> None:
    """H.264, 4:2:0, even sides, the index in front, and the colours of the images."""
    picture = face_picture()[:301, :403]
    source = write_video(tmp_path / "in.mkv", [picture[:300, :402]] * 3)
    path = tmp_path / "new folder" / "out.mp4"
    with VideoReader(source) as video, H264Writer(path, video.info) as writer:
        for frame in video:
            writer.write(picture, frame.time_s)
    copy = read_streams(path)
    assert (copy["codec"], copy["pixels"], copy["wh"]) == ("h264", "yuv420p", (402, 300))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.color_primaries) == (6, 1, 1)
    expected = picture[:300, :402].astype(float).mean(axis=(0, 1))
    assert copy["images"][1].astype(float).mean(axis=(0, 1)) == pytest.approx(expected, abs=2)
    assert [p.name for p in path.parent.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("suffix", "sound", "expected"),
    [(".mp4", "aac", "aac"), (".mkv", "pcm_s16le", "aac"), (".mkv", "libopus", "opus")],
)
def test_a_copy_has_the_sound(tmp_path: Path, suffix: str, sound: str, expected: str) -> None:
    source = write_video(tmp_path / f"in{suffix}", grays(30), sound=sound)
    copy = rewrite(source, tmp_path / "out.mp4")
    assert [name.removeprefix("lib") for name in copy["sound"]] == [expected]
    packets = read_sound(tmp_path / "out.mp4")
    if sound == "aac":
        assert packets == read_sound(source)
    with av.open(str(tmp_path / "out.mp4")) as file:
        samples = [frame.to_ndarray() for frame in file.decode(audio=0)]
    n_samples = sum(s.shape[-1] for s in samples)
    assert n_samples / 48_000 == pytest.approx(1.2, abs=0.05)
    assert max(float(np.abs(s).max()) for s in samples) > 0.1


@pytest.mark.skipif(os.name == "nt", reason="there, names have no colon")
def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "in.mp4", grays(5), sound="aac").rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    with (
        VideoReader("12:30.mp4") as video,
        H264Writer("12:31.mp4", video.info, "12:30.mp4") as writer,
    ):
        for frame in video:
            assert frame.image is not None
            writer.write(frame.image, frame.time_s)
        writer.close(whole=True)
    assert len(read_streams(tmp_path / "12:31.mp4")["times"]) == 5
    assert read_sound(tmp_path / "12:31.mp4") == read_sound(tmp_path / "12:30.mp4")


def test_sound_of_an_unknown_encoding_is_left_out_with_a_hint(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", grays(5), sound="aac")
    source.write_bytes(source.read_bytes().replace(b"A_AAC", b"A_ZZZ"))
    with VideoReader(source) as video:
        with H264Writer(tmp_path / "out.mp4", video.info, source) as writer:
            for frame in video:
                assert frame.image is not None
                writer.write(frame.image, frame.time_s)
        assert "out.mp4 has no sound: its source has it in an unknown encoding" in str(writer.hint)
    written = read_streams(tmp_path / "out.mp4")
    assert (len(written["times"]), written["sound"]) == (5, [])


def test_a_span_has_its_own_sound(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", grays(30), sound="aac")
    rewrite(source, tmp_path / "out.mp4", whole=False, start_s=0.4, end_s=0.8)
    with av.open(str(tmp_path / "out.mp4")) as file:
        sound = file.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(0.4, abs=0.05)
    inner = read_sound(tmp_path / "out.mp4")
    whole = read_sound(source)
    first = whole.index(inner[0])
    assert whole[first : first + len(inner)] == inner
    assert first * 1024 / 48_000 == pytest.approx(0.4, abs=0.05)


def test_only_a_whole_video_has_sound_after_its_last_frame(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", grays(10), sound="aac", sound_s=1.5)
    rewrite(source, tmp_path / "whole.mp4")
    rewrite(source, tmp_path / "part.mp4", whole=False)
    assert read_sound(tmp_path / "whole.mp4") == read_sound(source)
    assert len(read_sound(tmp_path / "part.mp4")) == pytest.approx(0.4 * 48_000 / 1024, abs=2)


def test_an_interrupted_video_plays_and_one_without_images_is_not_there(
    tmp_path: Path,
) -> None:
    source = write_video(tmp_path / "in.mp4", grays(10), sound="aac")

    def work(path: Path, n_frames: int) -> None:
        with VideoReader(source) as video, H264Writer(path, video.info, source) as writer:
            for frame in list(video)[:n_frames]:
                assert frame.image is not None
                writer.write(frame.image, frame.time_s)
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "five.mp4", 5)
    assert len(read_streams(tmp_path / "five.mp4")["times"]) == 5
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "none.mp4", 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["five.mp4", "in.mp4"]


def test_a_video_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", grays(2))
    with VideoReader(source) as video:
        info = video.info
    with pytest.raises(ConfigError, match=r"out\.webm is no name for a video"):
        H264Writer(tmp_path / "out.webm", info)
    (tmp_path / "file").write_text("")
    with pytest.raises(LiveferError, match="choose another place"):
        H264Writer(tmp_path / "file" / "out.mp4", info)

    class NoX264:
        def open(self, *arguments: Any, **more: Any) -> Any:
            return SimpleNamespace(add_stream=self.add_stream, close=lambda: None)

        def add_stream(self, *arguments: Any, **more: Any) -> None:
            raise ValueError("unknown encoder")

        def __getattr__(self, name: str) -> Any:
            return getattr(av, name)

    (tmp_path / "out.mp4").write_text("old")
    with H264Writer(tmp_path / "out.mp4", info) as writer:
        writer._av = NoX264()  # type: ignore[assignment]
        with pytest.raises(LiveferError, match=r"has no H\.264 encoder"):
            writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
    assert (tmp_path / "out.mp4").read_text() == "old"
    with (
        H264Writer(tmp_path / "small.mp4", info) as writer,
        pytest.raises(LiveferError, match="at least 16x16"),
    ):
        writer.write(np.zeros((8, 8, 3), np.uint8), 0.0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codecs", [("aac", "aac"), ("pcm_s16le", "aac", "libopus")])
def test_every_sound_track_is_kept(tmp_path: Path, suffix: str, codecs: tuple[str, ...]) -> None:
    """As of a film in two languages."""
    source = two_tracks(tmp_path / "in.mkv", codecs)
    copy = rewrite(source, tmp_path / f"out{suffix}")
    assert len(copy["sound"]) == len(codecs)
    with av.open(str(tmp_path / f"out{suffix}")) as file:
        names = [s.metadata.get("language") for s in file.streams.audio]
        lengths = [
            sum(p.duration for p in file.demux(s) if p.size) * s.time_base
            for s in file.streams.audio[:1]
        ]
    assert names == ["eng", "fra", "deu"][: len(codecs)]
    assert float(lengths[0]) == pytest.approx(1.2, abs=0.1)


def test_a_sound_track_of_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    source = two_tracks(tmp_path / "in.mkv", ("aac", "flac"))
    data = source.read_bytes()
    assert data.count(b"A_FLAC") == 1
    source.write_bytes(data.replace(b"A_FLAC", b"A_XXXX"))
    with VideoReader(source) as video, H264Writer(tmp_path / "o.mp4", video.info, source) as copy:
        for frame in video:
            assert frame.image is not None
            copy.write(frame.image, frame.time_s)
    assert "o.mp4 has no sound track 2: its source has it in an unknown" in str(copy.hint)
    assert read_streams(tmp_path / "o.mp4")["sound"] == ["aac"]


def two_tracks(path: Path, codecs: tuple[str, ...]) -> Path:
    """Write a video with a sound track for each codec, each in a language."""
    parts = [
        write_video(path.with_name(f"{i}.mkv"), grays(30), sound=codec)
        for i, codec in enumerate(codecs)
    ]
    with av.open(str(path), "w") as file:
        inputs = [av.open(str(part)) for part in parts]
        sources = [inputs[0].streams.video[0], *(one.streams.audio[0] for one in inputs)]
        streams = [file.add_stream_from_template(source) for source in sources]
        for stream, language in zip(streams[1:], ["eng", "fra", "deu"], strict=False):
            stream.metadata["language"] = language
        for number, (source, stream) in enumerate(zip(sources, streams, strict=True)):
            for packet in (inputs[0] if number == 0 else inputs[number - 1]).demux(source):
                if packet.size:
                    packet.stream = stream
                    file.mux(packet)
            if number == 0:  # read twice
                inputs[0].seek(0)
        for one in inputs:
            one.close()
    return path


@pytest.mark.parametrize("suffix", WRITABLE_VIDEOS)
@pytest.mark.parametrize("sound", ["aac", "mp3"])
def test_every_kind_of_video_that_webcam_records_is_written(
    tmp_path: Path, suffix: str, sound: str
) -> None:
    ticks = [0, 1, 2, 5, 9, *range(20, 45)]
    source = write_video(tmp_path / "in.mkv", grays(30), 25, ticks, sound=sound)
    copy = rewrite(source, tmp_path / f"out{suffix}")
    assert len(copy["sound"]) == 1
    with VideoReader(tmp_path / f"out{suffix}") as video:
        frames = list(video)
    assert [f.error for f in frames if f.error] == []
    assert [f.time_s for f in frames] == pytest.approx([t / 25 for t in ticks], abs=2e-3)
