"""Reading, recognising and encoding in parallel give the same as one after the other."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

pytest.importorskip("av")

import numpy as np
from fakes import LevelClassifier, SquareDetector, make_scene
from squares import Quick
from videos import read_streams, write_video
from waiting import wait_until

from livefer.batch.analyze import analyze
from livefer.batch.recordings import AnnotatedVideo, VideoJob, VideoProgress, recognise_video
from livefer.errors import LiveferError
from livefer.media.h264_writer import H264Writer
from livefer.media.pyav_reader import Span, VideoReader
from livefer.media.sources import Source, open_source
from livefer.recognizer import Recognizer
from livefer.results import FrameResult
from livefer.summary.video_digest import VideoDigest
from livefer.system.interrupts import StopRequested
from livefer.tables.reading import read_table
from livefer.tables.writing import open_table

pytestmark = pytest.mark.slow


@pytest.fixture
def recognizer() -> Recognizer:
    return Recognizer(LevelClassifier(), SquareDetector())  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    wait_until(lambda: threading.active_count() == before)


def scene(step: int) -> Any:
    """Two squares that pass each other."""
    return make_scene((10 + 4 * step, 20, 125), (240 - 4 * step, 150, 200))


def plain(results: Any) -> list[dict[str, Any]]:
    return [result.to_dict() for result in results]


def test_in_parallel_is_as_one_by_one(tmp_path: Path, recognizer: Recognizer) -> None:
    path = write_video(tmp_path / "in.mp4", [scene(i) for i in range(21)])
    stream = recognizer.new_stream()
    with VideoReader(path) as video:
        expected = [recognizer.process(frame, stream) for frame in video]
    with VideoReader(path) as video:
        found = list(recognise_video(recognizer, video))
    assert plain(found) == plain(expected)
    assert [face.track_id for face in found[20].faces] == [1, 2]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(found, expected, strict=True))


def test_after_a_cut_track_ids_are_new(tmp_path: Path, recognizer: Recognizer) -> None:
    """In the same place before and after the cut: without it, this would be one person."""
    with VideoReader(write_shots(tmp_path / "in.mp4")) as video:
        results = list(recognise_video(recognizer, video))
    ids = [[face.track_id for face in result.faces] for result in results]
    assert ids[:11] == [[1]] * 11
    assert all(one and one[0] == 2 for one in ids[11:17])
    assert [one[0] for one in ids[17:22]] == [max(ids[16]) + 1] * 5
    assert [r.index for r in results if r.note == "cut"] == [11, 17]


@pytest.mark.parametrize("every", [1, 2])
def test_a_cut_is_searched_at_once_and_all_else_every_tenth_of_a_second(
    tmp_path: Path, every: int
) -> None:
    path, detector = write_shots(tmp_path / "in.mp4", fps=30), Quick()
    recognizer = Recognizer(LevelClassifier(), detector)  # type: ignore[arg-type]
    detector.calls.clear()  # its trial
    with VideoReader(path, every=every) as video:
        results = list(recognise_video(recognizer, video))
    indices = [r.index for r in results]
    assert indices == list(range(0, 25, every))
    # Cuts are at 11 and 17; at 22, in black, the face is lost.
    searched = [0, 3, 6, 9, 11, 14, 17, 20, 22] if every == 1 else [0, 4, 8, 12, 16, 18, 22]
    assert detector.calls.count("all") == len(searched)
    assert all(r.faces for r in results if r.index < 22)
    recognizer = Recognizer(LevelClassifier(), detector, every_frame=True)  # type: ignore[arg-type]
    detector.calls.clear()
    with VideoReader(path, every=every) as video:
        whole = list(recognise_video(recognizer, video))
    assert detector.calls.count("all") == len(indices)
    assert summarised(whole) == summarised(results)


def test_every_way_to_recognise_a_video_gives_the_same(
    tmp_path: Path, recognizer: Recognizer
) -> None:
    path = write_shots(tmp_path / "in.mp4")
    with VideoReader(path) as video:
        expected = summarised(recognise_video(recognizer, video))
    notes = [note for _, _, note in expected]
    assert (notes.count("cut"), notes.count("too dark")) == (2, 3)
    assert summarised(analyze(path, recognizer)) == expected
    assert summarised(recognizer.stream(path)) == expected
    played = Source("in.mp4", (frame for frame in open_source(path)), live=True)
    assert summarised(recognizer.stream(played)) == expected


def summarised(results: Iterable[FrameResult]) -> list[tuple[int, list[int | None], str | None]]:
    return [(r.index, [face.track_id for face in r.faces], r.note) for r in results]


def write_shots(path: Path, **more: Any) -> Path:
    """Two shots in turn, with a square in the same place, and black frames at the end."""
    before = [make_scene((100, 90, 125))] * 11
    behind = np.full((240, 320, 3), 245, np.uint8)
    behind[:30] = 10  # the ground must not touch the square
    behind[:, :90] = behind[:, 170:] = 10
    behind[80:90] = behind[150:] = 10
    behind[90:150, 100:160] = 75
    behind[200:, :] = np.linspace(0, 39, 320, dtype=np.uint8)[None, :, None]
    behind[:, 300:] = 35
    black = np.zeros((240, 320, 3), np.uint8)
    return write_video(path, [*before, *[behind] * 6, *before[:5], *[black] * 3], **more)


def test_a_frame_without_a_face_has_the_reason_if_it_is_visible(
    tmp_path: Path, recognizer: Recognizer
) -> None:
    black, gray = np.zeros((240, 320, 3), np.uint8), np.full((240, 320, 3), 35, np.uint8)
    path = write_video(tmp_path / "in.mp4", [scene(0), black, gray, scene(0)])
    with VideoReader(path) as video:
        results = list(recognise_video(recognizer, video))
    assert [(len(r.faces), r.note) for r in results] == [
        *((2, None), (0, "too dark"), (0, "blank"), (2, None))
    ]


def test_a_video_without_a_stated_size_has_no_frame(tmp_path: Path, recognizer: Recognizer) -> None:
    """The first packets of a recording: the stream is announced, and no picture of it is there."""
    whole = write_video(tmp_path / "in.ts", [scene(0)] * 5)
    (tmp_path / "head.ts").write_bytes(whole.read_bytes()[: 3 * 188])
    with VideoReader(tmp_path / "head.ts") as video:
        assert video.info.wh == (0, 0)
        (result,) = recognise_video(recognizer, video)
    assert result.error is not None
    assert "has no frame that can be read" in result.error


def test_stopping_ends_with_a_result_with_an_error(tmp_path: Path, recognizer: Recognizer) -> None:
    path = write_video(tmp_path / "in.mp4", [scene(0)] * 60)
    stop, results = Event(), []
    with VideoReader(path) as video:
        for result in recognise_video(recognizer, video, stop):
            results.append(result)
            if len(results) == 3:
                stop.set()
    assert 3 < len(results) < 60
    assert [r.index for r in results] == list(range(len(results)))
    assert all(r.image is not None for r in results[:-1])
    assert "stopped on request after" in str(results[-1].error)


def test_leaving_early_ends_the_threads(tmp_path: Path, recognizer: Recognizer) -> None:
    path = write_video(tmp_path / "in.mp4", [scene(0)] * 60)
    with VideoReader(path) as video:
        results = recognise_video(recognizer, video)
        assert next(results).index == 0
        results.close()


def test_the_annotated_video_shows_the_faces_at_their_times(
    tmp_path: Path, recognizer: Recognizer
) -> None:
    path = write_video(tmp_path / "in.mp4", [scene(i) for i in range(20)], 10, sound="aac")
    with (
        VideoReader(path, every=3) as video,
        AnnotatedVideo(H264Writer(tmp_path / "out.mp4", video.info, path)) as annotated,
    ):
        results = list(recognise_video(recognizer, video))
        for result in results:
            annotated.write(result)
        annotated.write(FrameResult("in.mp4", 20, 2.0, None, error="nothing there"))
        annotated.close(whole=True)
    copy = read_streams(tmp_path / "out.mp4")
    assert [float(t) for t in copy["times"]] == pytest.approx([r.time_s for r in results])
    assert copy["sound"] == ["aac"]
    for image, result in zip(copy["images"], results, strict=True):
        changed = np.abs(image.astype(int) - result.image).max(axis=2) > 60
        assert changed.sum() > 500  # boxes and labels


def test_an_error_of_the_encoder_is_raised_by_the_next_write(
    tmp_path: Path, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "in.mp4", [scene(0)] * 3)
    with VideoReader(path) as video:
        info, result = video.info, next(recognise_video(recognizer, video))

    def fail(*_: Any) -> None:
        raise LiveferError("the disk is full")

    monkeypatch.setattr(H264Writer, "write", fail)
    annotated = AnnotatedVideo(H264Writer(tmp_path / "out.mp4", info))

    def write_all() -> None:
        for _ in range(100):
            annotated.write(result)

    with pytest.raises(LiveferError, match="the disk is full"):
        write_all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


@pytest.fixture
def slow_encoder(monkeypatch: pytest.MonkeyPatch) -> tuple[Event, Event]:
    """Set when the first frame is about to be encoded, and waited for before any is."""
    begun, go_on, write = Event(), Event(), H264Writer.write

    def slow(self: H264Writer, *given: Any) -> None:
        begun.set()
        assert go_on.wait(60)
        write(self, *given)

    monkeypatch.setattr(H264Writer, "write", slow)
    return begun, go_on


def annotate(folder: Path, recognizer: Recognizer, hurry: Event | None = None) -> AnnotatedVideo:
    """Hand twelve frames to a video `out.mp4`."""
    path = write_video(folder / "in.mp4", [scene(0)] * 12)
    with VideoReader(path) as video:
        annotated = AnnotatedVideo(H264Writer(folder / "out.mp4", video.info), hurry)
        for result in recognise_video(recognizer, video):
            annotated.write(result)
    return annotated


def test_in_a_hurry_waiting_frames_are_left_out_and_the_file_is_whole(
    tmp_path: Path, recognizer: Recognizer, slow_encoder: tuple[Event, Event]
) -> None:
    (begun, go_on), hurry = slow_encoder, Event()
    annotated = annotate(tmp_path, recognizer, hurry)
    assert begun.wait(60)
    hurry.set()
    go_on.set()
    annotated.close()
    assert len(read_streams(tmp_path / "out.mp4")["times"]) == 1


def test_ctrl_c_while_a_video_ends_does_not_take_the_file_from_its_encoder(
    tmp_path: Path, recognizer: Recognizer, slow_encoder: tuple[Event, Event]
) -> None:
    begun, go_on = slow_encoder
    annotated = annotate(tmp_path, recognizer)
    assert begun.wait(60)
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        annotated.close()
    assert not (tmp_path / "out.mp4").exists()
    go_on.set()
    annotated.close()
    assert len(read_streams(tmp_path / "out.mp4")["times"]) == 12


def test_a_job_recognises_videos_into_tables_digest_and_copies(
    tmp_path: Path, recognizer: Recognizer
) -> None:
    path = str(write_video(tmp_path / "in.mp4", [scene(i) for i in range(20)], sound="aac"))
    absent = str(tmp_path / "absent.mp4")
    digest, shown = VideoDigest(recognizer.classes), list[VideoProgress]()
    with open_table(tmp_path / "t.csv", recognizer.classes) as table:
        job = VideoJob(recognizer, [table], digest, Span(end_s=0.6, every=2))
        job.run(path, copy=tmp_path / "copy.mp4", show=shown.append)
        job.run(absent)
        job.add_error("none.mp4", "none.mp4 is a folder")
    totals = job.totals
    assert (totals.n_videos, totals.n_frames, totals.n_faces, totals.n_tracks) == (1, 8, 16, 2)
    assert totals.copies == [tmp_path / "copy.mp4"]
    assert totals.errors == [
        f"{absent} could not be opened (No such file or directory): check the path",
        "none.mp4 is a folder",
    ]
    assert str(totals).startswith("8 frames (0.6 s of footage), 16 faces, 2 tracks in ")
    rows = list(read_table(tmp_path / "t.csv").rows)
    assert [row["index"] for row in rows[:-2:2]] == list(range(0, 15, 2))
    assert [row["error"] for row in rows[-2:]] == totals.errors
    assert [progress.n_frames for progress in shown] == list(range(1, 9))
    assert (shown[-1].done_s, shown[-1].whole_s) == (0.56, 0.6)
    assert len(read_streams(tmp_path / "copy.mp4")["times"]) == 8
    assert [source.source for source in digest.summary().sources] == [path]


def test_a_stopped_job_ends_the_video_with_an_error(tmp_path: Path, recognizer: Recognizer) -> None:
    path = str(write_video(tmp_path / "in.mp4", [scene(0)] * 60))
    requested = StopRequested()
    job = VideoJob(recognizer, requested=requested)
    job.run(path, tmp_path / "copy.mp4", lambda progress: requested.stop.set())
    (error,) = job.totals.errors
    assert error.startswith("stopped on request after 8 frames")
    assert len(read_streams(tmp_path / "copy.mp4")["times"]) == 8
