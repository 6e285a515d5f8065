"""How fast `livefer video` is against its parts, and whether its memory grows with the footage.

    python bench/video.py speed  --out bench/results/video.json
    python bench/video.py memory --out bench/results/video_memory.json

speed: made-up videos (the shipped face, moving, once and four times) are decoded, searched,
classified, drawn and encoded, each part alone on frames that lie in memory, and then by the whole
pipeline with an annotated copy and a table, with a table alone, and with a table while every frame
is searched (`livefer video --every-frame`); in turns, and the medians count. The parts use as many
threads as they like, as they do in the pipeline. What comes out, 1 being the best but for the
second:

    of_slowest           the pipeline's rate over that of its slowest part alone, on all cores
    of_slowest_per_core  over that of the slowest part on one core (by its processor time)
    of_cores             processor time of the parts over that of all cores in the meantime
    of_cpu               processor time of the parts over that of the pipeline: other work on the
                         machine does not change it, while the other three need a quiet machine

memory: a video of two hours (180,000 frames, the same ten seconds 720 times), every ninth frame
recognised, drawn and written; resident memory after 1,000 and after 20,000 recognised frames.
The detector of this one names a place without looking, so that it takes minutes, not hours.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from lib.common import PICTURE, arguments, machine_line, run, write_json
from lib.processes import memory_mib

from livefer.batch.recordings import AnnotatedVideo, recognise_video
from livefer.drawing.faces import draw_faces
from livefer.faces.crops import crop_faces
from livefer.media.h264_writer import H264Writer
from livefer.media.pictures import read_image
from livefer.media.pyav_reader import VideoInfo, VideoReader
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult
from livefer.system.machine import describe
from livefer.tables.writing import open_table

FPS = Fraction(30)
VIDEOS = [(wh, n_faces) for wh in ((640, 480), (1280, 720)) for n_faces in (1, 4)]
Image = Any


def face_at(canvas: Image, face: Image, left: int, top: int, side: int) -> None:
    canvas[top : top + side, left : left + side] = cv2.resize(face, (side, side))


def make_frames(wh: tuple[int, int], n_faces: int, n_frames: int) -> list[Image]:
    """Frames in which the shipped face moves slowly in front of a still, soft ground."""
    picture = read_image(PICTURE)
    height, width = picture.shape[:2]
    (box,) = Recognizer(detector="haar")(picture)[:1]
    left, top, right, bottom = box.box
    reach = 0.4 * (right - left)
    face = picture[
        max(0, int(top - reach)) : min(height, int(bottom + reach)),
        max(0, int(left - reach)) : min(width, int(right + reach)),
    ]
    ground = cv2.GaussianBlur(cv2.resize(picture, wh), (0, 0), 25)
    side = min(wh[1] // 2, 220) if n_faces == 1 else min(wh[1] // 2 - 20, 200)
    frames = []
    for i in range(n_frames):
        canvas = ground.copy()
        for number in range(n_faces):
            x = (number % 2) * wh[0] // 2 + 20 + round(15 * np.sin(i / 9 + number))
            y = (number // 2) * wh[1] // 2 + 10 + round(8 * np.cos(i / 7 + number))
            face_at(canvas, face, max(x, 0), max(y, 0), side)
        frames.append(canvas)
    return frames


def info_of(wh: tuple[int, int]) -> VideoInfo:
    return VideoInfo(wh, FPS, Fraction(1, 30_000), None, None, 0.0, Fraction(1), False)


def write(path: Path, images: Iterable[Image], wh: tuple[int, int]) -> Path:
    with H264Writer(path, info_of(wh)) as writer:
        for i, image in enumerate(images):
            writer.write(image, i / 30)
    return path


def timed(work: Callable[[], Any], n_frames: int) -> tuple[float, float]:
    """Return milliseconds a frame, by the clock and of all threads' processor time."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return (
        1000 * (time.perf_counter() - began) / n_frames,
        1000 * (time.process_time() - cpu) / n_frames,
    )


def whole_pipeline(recognizer: Recognizer, source: Path, folder: Path, draws: bool) -> None:
    with ExitStack() as stack:
        video = stack.enter_context(VideoReader(source))
        sinks: list[Any] = [open_table(folder / "table.csv", recognizer.classes)]
        if draws:
            sinks.append(AnnotatedVideo(H264Writer(folder / "copy.mp4", video.info)))
        for sink in sinks:
            stack.enter_context(sink)
        for result in recognise_video(recognizer, video):
            for sink in sinks:
                sink.write(result)


def measure(
    wh: tuple[int, int], n_faces: int, detector: str, n: int, rounds: int
) -> dict[str, Any]:
    recognizer = Recognizer(detector=detector)
    each = Recognizer(recognizer.classifier, recognizer.detector, every_frame=True)
    scale, shift_y = recognizer.detector.crop_scale, recognizer.detector.crop_shift_y
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write(folder / "in.mp4", make_frames(wh, n_faces, n), wh)
        with VideoReader(source) as video:
            images = [frame.image for frame in video if frame.image is not None]
        stream = recognizer.new_stream()
        frames = [Frame("in", i, i / 30, image) for i, image in enumerate(images)]
        results = [recognizer.process(frame, stream) for frame in frames]
        boxes = [np.array([f.box for f in r.faces], np.float32).reshape(-1, 4) for r in results]
        drawn = [draw_faces(r.image, r.faces) for r in results if r.image is not None]
        crops = [
            crop_faces(image, found, scale * recognizer.classifier.crop_scale, shift_y)
            for image, found in zip(images, boxes, strict=True)
        ]
        batches = [np.concatenate(crops[i : i + 8]) for i in range(0, n, 8)]

        def decode() -> None:
            with VideoReader(source) as video:
                for _ in video:
                    pass

        def search() -> None:
            stream = recognizer.new_stream()
            for frame in frames:
                stream.find(frame, recognizer.detector)

        parts: dict[str, Callable[[], Any]] = {
            "decode": decode,
            "search": search,
            "classify": lambda: [recognizer.classifier.predict(batch) for batch in batches],
            "draw": lambda: [draw_faces(r.image, r.faces) for r in results if r.image is not None],
            "encode": lambda: write(folder / "again.mp4", drawn, wh),
        }
        pipelines: dict[str, Callable[[], Any]] = {
            "pipeline": lambda: whole_pipeline(recognizer, source, folder, True),
            "table": lambda: whole_pipeline(recognizer, source, folder, False),
            "table_every_frame": lambda: whole_pipeline(each, source, folder, False),
        }
        runs: dict[str, list[tuple[float, float]]] = {part: [] for part in parts | pipelines}
        for _ in range(rounds):
            for part, work in (parts | pipelines).items():
                runs[part].append(timed(work, n))
    ms = {part: statistics.median(wall for wall, _ in run) for part, run in runs.items()}
    cpu = {part: statistics.median(cpu for _, cpu in run) for part, run in runs.items()}
    alone = {part: ms[part] for part in parts}
    slowest = max(alone, key=lambda part: alone[part])
    of_parts = sum(cpu[part] for part in alone)
    n_found = sum(len(found) for found in boxes) / n
    return {
        "wh": list(wh),
        "faces": n_faces,
        "faces_found": round(n_found, 2),
        "detector": Path(detector).stem,
        "ms_a_frame": {part: round(value, 2) for part, value in ms.items()},
        "cpu_ms_a_frame": {part: round(value, 2) for part, value in cpu.items()},
        "frames_per_s": {part: round(1000 / ms[part], 1) for part in pipelines},
        "faces_per_s": round(1000 * n_found / ms["pipeline"], 1),
        "slowest": slowest,
        "of_slowest": round(alone[slowest] / ms["pipeline"], 3),
        "of_slowest_per_core": round(cpu[slowest] / ms["pipeline"], 3),
        "of_cores": round(of_parts / (ms["pipeline"] * (os.cpu_count() or 1)), 3),
        "of_cpu": round(of_parts / cpu["pipeline"], 3),
    }


class Named:
    """Names one place without looking."""

    crop_scale, crop_shift_y = 1.0, 0.0

    def detect(self, image: Image) -> tuple[Any, Any]:
        return np.array([[40, 20, 120, 100]], np.float32), np.array([0.9], np.float32)


def two_hours(folder: Path) -> Path:
    """Write ten seconds 720 times, 25 frames a second: the packets are copied."""
    short, path = folder / "short.mp4", folder / "long.mp4"
    wh = (160, 120)
    frames = make_frames((640, 480), 1, 250)
    images = [np.asarray(cv2.resize(frame, wh), np.uint8) for frame in frames]
    with av.open(str(short), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25, options={"bf": "0", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = *wh, "yuv420p"
        for i, image in enumerate(images):
            picture = av.VideoFrame.from_ndarray(image, "bgr24")
            picture.pts = i
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    with av.open(str(path), "w") as file:
        copy: Any = None
        for turn in range(720):
            with av.open(str(short)) as given:
                source = given.streams.video[0]
                copy = copy or file.add_stream_from_template(source)
                step = round(turn * 10 / source.time_base)
                for packet in given.demux(source):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + step, packet.dts + step
                        packet.stream = copy
                        file.mux(packet)
    return path


def resident_mb() -> float:
    """Return the memory in use now, in millions of bytes (Linux)."""
    return memory_mib() * 2**20 / 1e6


def memory() -> dict[str, Any]:
    recognizer = Recognizer(detector=Named())
    marks: dict[int, float] = {}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        source = two_hours(Path(name))
        with (
            VideoReader(source, every=9) as video,
            open_table(Path(name) / "t.csv", recognizer.classes) as table,
            open_table(Path(name) / "t.parquet", recognizer.classes) as parquet,
            AnnotatedVideo(H264Writer(Path(name) / "copy.mp4", video.info)) as copy,
        ):
            last: FrameResult | None = None
            for n, result in enumerate(islice(recognise_video(recognizer, video), 20_000), 1):
                table.write(result)
                parquet.write(result)
                copy.write(result)
                last = result
                if n in (1_000, 5_000, 10_000, 15_000, 20_000):
                    marks[n] = round(resident_mb(), 1)
                    print(f"{n} frames, {result.time_s:.0f} s: {marks[n]} MB", flush=True)
    assert last is not None
    return {
        "frames_recognised": n,
        "footage_s": round(last.time_s, 2),
        "resident_mb": marks,
        "growth": round(marks[20_000] / marks[1_000] - 1, 4),
        "took_s": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    """Measure one or the other, and write it."""
    parser = arguments(__doc__)
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--videos", type=int, default=len(VIDEOS), help="only the first of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--detectors", default="haar")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    machine = describe()
    about = {
        "machine": machine_line(machine.to_dict()),
        "load_before": [round(load, 1) for load in os.getloadavg()],
        "python": machine.versions["python"],
        "opencv": cv2.__version__,
        "av": av.__version__,
    }
    if args.what == "memory":
        found: Any = memory()
    else:
        found = []
        for detector in args.detectors.split(","):
            for wh, n_faces in VIDEOS[: args.videos]:
                found.append(measure(wh, n_faces, detector, args.frames, args.rounds))
                print(found[-1], flush=True)
    about["load_after"] = [round(load, 1) for load in os.getloadavg()]
    write_json(args.out, {"about": about, args.what: found})


if __name__ == "__main__":
    run(main)
