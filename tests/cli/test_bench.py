"""`livefer bench`: by a known clock, the figures are known."""

from __future__ import annotations

import json
import re
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from fakes import make_face

from livefer.assets.files import PICTURE
from livefer.cli import main
from livefer.detection.haar import HaarDetector
from livefer.errors import LiveferError, SourceError
from livefer.results import Frame, FrameResult
from livefer.speed.benchmark import SIZES_WH, benchmark, shipped_portrait
from livefer.speed.made_frames import GRIDS, Scene
from livefer.speed.measure import (
    compare,
    measure_live,
    measure_rate,
    measure_stages,
    open_camera,
    read_made,
)
from livefer.speed.result import (
    STAGES,
    Benchmark,
    Comparison,
    Live,
    Rate,
    Stages,
    Timing,
    advise,
)
from livefer.system.machine import Machine, cold_start, describe

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs" / "bench.md"


class Clock:
    """A clock that stands still unless something takes time."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def take(self, ms: float) -> None:
        self.now_s += ms / 1000


class Recognizer:
    """Takes 7 ms for a frame, 6 of them in stages, and the extra time of that frame."""

    def __init__(self, clock: Clock, extra_ms: dict[int, float] | None = None) -> None:
        self.clock, self.extra_ms = clock, extra_ms or {}
        self.indices: list[int] = []

    def new_stream(self, live: bool = False) -> object:
        assert live
        return self

    def process(self, frame: Frame, stream: object) -> FrameResult:
        assert stream is self
        self.indices.append(frame.index)
        extra = self.extra_ms.get(frame.index, 0.0)
        self.clock.take(7 + extra)
        faces = (make_face((10, 10, 50, 50)),) * (1 + frame.index % 2)
        timings = {"detect": 3 + extra, "crop": 0.5, "classify": 2.0, "track": 0.5}
        return FrameResult(frame.source, frame.index, frame.time_s, frame.image, faces,
                           timings_ms=timings)  # fmt: skip


class Frames:
    """Makes a frame in a millisecond; it is of 2 faces."""

    size_wh, n_faces = (64, 48), 2

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def frame(self, index: int) -> Frame:
        self.clock.take(1)
        return Frame("made", index, index / 30, np.zeros((48, 64, 3), np.uint8))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock; painting a frame takes two milliseconds of it."""
    clock = Clock()
    monkeypatch.setattr("livefer.speed.measure.paint_scene", lambda *_: clock.take(2))
    return clock


@pytest.fixture(scope="module")
def measured() -> Benchmark:
    """A short measurement with the shipped model, of two small sizes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("livefer.speed.benchmark.SIZES_WH", ((320, 240), (480, 270)))
        return benchmark(seconds=0.2)


def run(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    patch.setattr(sys, "argv", ["livefer", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_percentiles_of_known_times() -> None:
    assert Timing.of([float(n) for n in range(100, -1, -1)]) == Timing(101, 50, 95, 50)
    assert Timing.of([4.0]) == Timing(1, 4, 4, 4)
    assert Timing.of([1.0, 2.0]).p50 == 1.5


def test_stages_by_a_known_clock(clock: Clock) -> None:
    """10 frames are not counted, however long they take; of the others one in ten is slow."""
    extra = dict.fromkeys(range(10), 1000.0) | dict.fromkeys(range(19, 999, 10), 20.0)
    recognizer = Recognizer(clock, extra)
    stages = measure_stages(recognizer, Frames(clock), 11.295, clock)  # type: ignore[arg-type]
    assert recognizer.indices == list(range(stages.n_frames + 10))
    assert stages.n_frames == 100
    assert (stages.source, stages.size_wh, stages.n_faces) == ("made", (64, 48), 1.5)
    assert tuple(stages.ms) == STAGES
    expected = {
        "capture": (1, 1, 1),
        "detect": (3, 23, 5),
        "crop": (0.5, 0.5, 0.5),
        "classify": (2, 2, 2),
        "track": (0.5, 0.5, 0.5),
        "other": (1, 1, 1),
        "draw": (2, 2, 2),
        "sum": (9, 29, 11),
    }
    for name, figures in expected.items():
        timing = stages.ms[name]
        assert (timing.p50, timing.p95, timing.mean) == pytest.approx(figures), name
        assert timing.n == 100
    assert stages.share("detect") == pytest.approx(5 / 11)


def test_frames_a_second_by_a_known_clock(clock: Clock) -> None:
    recognizer = Recognizer(clock, dict.fromkeys(range(10), 500.0) | {11: 90.0})
    rate = measure_rate(recognizer, Frames(clock), 6.0, clock)  # type: ignore[arg-type]
    n = len(recognizer.indices) - 10
    assert rate.n_frames == n > 50
    assert rate.fps == pytest.approx(n / (n * 0.007 + 0.09))
    assert rate.n_found == pytest.approx(1.5, abs=0.02)
    assert rate.all_found == pytest.approx(0.5, abs=0.02)


def test_no_time_is_too_short(clock: Clock) -> None:
    recognizer = Recognizer(clock)
    assert measure_rate(recognizer, Frames(clock), 0.0, clock).n_frames == 3  # type: ignore[arg-type]
    assert measure_stages(recognizer, Frames(clock), 0.0, clock).n_frames == 3  # type: ignore[arg-type]


def test_compared_models_take_turns() -> None:
    clock, calls = Clock(), []

    def call(name: str, ms: float) -> None:
        calls.append(name)
        clock.take(ms)

    times_ms = compare(lambda: call("a", 2), lambda: call("b", 5), 2.0, clock)
    assert times_ms == pytest.approx((2, 5))
    turns = re.findall(r"a+|b+", "".join(calls))
    assert len(turns) >= 4
    assert [turn[0] for turn in turns] == ["a", "b"] * (len(turns) // 2)


def read_some(n_frames: int, error_at: int | None = None) -> Iterator[Frame]:
    for index in range(n_frames):
        if index == error_at:
            yield Frame("camera 0", index, 0.0, None, error="camera 0 stopped")
        yield Frame("camera 0", index, index / 30, np.zeros((48, 64, 3), np.uint8))


def test_a_live_stream_is_counted_whole() -> None:
    recognizer = Recognizer(Clock())

    def read(stop: Event) -> Iterator[Frame]:
        for frame in read_some(200):
            yield frame
            while not recognizer.indices:  # else all may have come before one is taken
                stop.wait(0.001)

    live, stages = measure_live(recognizer, read, 60.0)  # type: ignore[arg-type]
    seen = recognizer.indices
    n_warm = min(10, len(seen) // 2)
    assert seen[-1] == 199
    assert live.n_frames == len(seen) - n_warm
    assert live.n_frames + live.n_skipped == 199 - (seen[n_warm - 1] if n_warm else -1)
    assert (live.source, live.size_wh) == ("camera 0", (64, 48))
    assert 0 < live.latency_ms.p50 <= live.latency_ms.p95
    assert live.latency_ms.n == stages.n_frames == live.n_frames


def test_pictures_of_a_long_stream_are_not_kept() -> None:
    """Those of a minute would be gigabytes."""
    recognizer, made, n_alive = Recognizer(Clock()), [], 0

    def read(stop: Event) -> Iterator[Frame]:
        nonlocal n_alive
        for frame in read_some(20):
            assert frame.image is not None
            made.append(weakref.ref(frame.image))
            yield frame
            while recognizer.indices[-1:] != [frame.index]:
                stop.wait(0.001)
        n_alive = sum(image() is not None for image in made)

    measure_live(recognizer, read, 60.0)  # type: ignore[arg-type]
    assert len(recognizer.indices) == 20
    assert n_alive < 10


def test_made_frames_come_on_their_own_time() -> None:
    stop = Event()
    frames = read_made(Scene(shipped_portrait(), (64, 48), 1), stop)
    assert [next(frames).time_s for _ in range(3)] == [0, 1 / 30, 2 / 30]
    stop.set()
    assert list(frames) == []


@pytest.mark.parametrize("error_at", [0, 5])
def test_a_camera_that_stops_ends_the_measurement(error_at: int) -> None:
    with pytest.raises(SourceError, match="camera 0 stopped"):
        measure_live(Recognizer(Clock()), lambda stop: read_some(20, error_at), 60.0)  # type: ignore[arg-type]


def test_as_many_faces_are_found_as_a_scene_has() -> None:
    detector, portrait = HaarDetector(), shipped_portrait()
    for n_faces in GRIDS:
        scene = Scene(portrait, SIZES_WH[0], n_faces)
        image = scene.frame(17).image
        assert image is not None
        assert image.shape == (480, 640, 3)
        assert len(detector.detect(image)[0]) == n_faces


@pytest.mark.parametrize("n_faces", GRIDS)
def test_a_scene_moves_and_stays_inside(n_faces: int) -> None:
    scene = Scene(shipped_portrait(), (160, 90), n_faces)
    images = [scene.frame(index).image for index in range(0, 600, 4)]  # the grain is the same
    changes = [np.abs(a.astype(int) - images[0]).mean() for a in images[1:]]  # type: ignore[union-attr]
    assert max(changes) > 3
    assert np.array_equal(images[0], Scene(shipped_portrait(), (160, 90), n_faces).frame(0).image)
    assert scene.frame(45).time_s == 1.5


def test_a_measurement_holds_together(measured: Benchmark) -> None:
    stages, live, cold = measured.stages, measured.live, measured.cold
    assert (measured.model, measured.detector) == ("human", "native")
    assert stages.n_faces == 1
    for timing in (*stages.ms.values(), live.latency_ms):
        assert 0 <= timing.p50 <= timing.p95
    parts = ("detect", "crop", "classify", "track", "other", "draw")
    assert sum(stages.ms[name].mean for name in parts) == pytest.approx(stages.ms["sum"].mean)
    assert {(rate.size_wh, rate.n_faces) for rate in measured.rates} == {
        (size_wh, n) for size_wh in ((320, 240), (480, 270)) for n in GRIDS
    }
    for rate in measured.rates:
        assert rate.n_frames >= 3
        assert rate.fps > 0
    assert 0 < cold.import_s < cold.load_s < cold.result_s
    compared = {(c.what, c.ours, c.other) for c in measured.comparisons}
    assert compared == {("model", "human", "human-float"), ("detector", "native", "haar")}


def test_table_and_json_have_the_same_figures(
    measured: Benchmark, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(
        "livefer.cli.bench.benchmark", lambda *args: given.append(args[:5]) or measured
    )
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(monkeypatch, capsys, "--json", "--prior", "0.5", "--camera", "2")
    assert (code, err) == (0, "")
    assert given == [(None, "auto", 0.5, 15.0, 2)]
    data = json.loads(out)
    assert data == measured.to_dict()

    code, out, err = run(monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for name, figures in data["stages"]["ms"].items():
        row = re.search(rf"^{name} +([\d.]+) +([\d.]+) +([\d.]+)", out, re.MULTILINE)
        assert row, name
        shown = [float(text) for text in row.groups()]
        assert shown == pytest.approx([figures[k] for k in ("p50", "p95", "mean")], abs=0.006)
    for n_faces in GRIDS:
        row = re.search(rf"^ +{n_faces}((?: +[\d.]+)+)$", out, re.MULTILINE)
        assert row, n_faces
        rates = [rate for rate in data["rates"] if rate["n_faces"] == n_faces]
        figures = [x for rate in rates for x in (rate["fps"], rate["n_found"])]
        assert [float(text) for text in row[1].split()] == pytest.approx(figures, abs=0.56)
    cold = data["cold_start"]
    row = re.search(r"with Recognizer (\d\.\d{3}) s$", out, re.MULTILINE)
    assert row
    assert float(row[1]) == pytest.approx(cold["load_s"], abs=0.0006)  # JSON rounds, too
    assert f"frames skipped          {data['live']['n_skipped']}\n" in out
    told = " ".join(out.split())
    for line in data["advice"]:
        assert line in told
    assert data["machine"]["processor"] in out
    for name in ("python", "livefer", "onnxruntime", "opencv", "numpy"):
        assert f"{name} {data['machine']['versions'][name]}" in told


def test_every_key_is_documented(measured: Benchmark) -> None:
    def keys(data: Any) -> set[str]:
        if isinstance(data, dict):
            return set(data).union(*map(keys, data.values()))
        return set().union(*map(keys, data)) if isinstance(data, list) else set()

    text = DOCS.read_text(encoding="utf-8")
    found = keys(measured.to_dict())
    assert {"schema", "p95", "peak_mib", "ours_ms"} < found
    assert [key for key in sorted(found) if f"`{key}`" not in text] == []


def test_progress_is_one_line_on_a_terminal(
    measured: Benchmark, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(*args: Any) -> Benchmark:
        args[-1]("640x480, 2 faces", 3, 16)
        return measured

    monkeypatch.setattr("livefer.cli.bench.benchmark", slow)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    code, out, err = run(monkeypatch, capsys, "--json")
    assert code == 0
    assert json.loads(out) == measured.to_dict()
    assert "3/16" in err
    assert "640x480, 2 faces" in err


class Camera:
    """Gives pictures until it is released."""

    def __init__(self) -> None:
        self.released = False
        self.n_read = 0

    def read(self) -> tuple[bool, Any]:
        Event().wait(0.001)
        self.n_read += 1
        return not self.released, np.full((120, 160, 3), self.n_read % 200, np.uint8)

    def get(self, _: int) -> float:
        return 0.0

    def getBackendName(self) -> str:  # OpenCV's name
        return "FAKE"

    def release(self) -> None:
        self.released = True


def test_a_camera_is_measured(
    measured: Benchmark, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    camera, steps = Camera(), []
    monkeypatch.setattr("livefer.media.sources.open_capture", lambda address: camera)
    monkeypatch.setattr("livefer.speed.benchmark.SIZES_WH", ((320, 240),))
    monkeypatch.setattr("livefer.speed.benchmark.GRIDS", (1, 2))
    monkeypatch.setattr("livefer.speed.benchmark.cold_start", lambda *_: measured.cold)
    found = benchmark(
        detector="haar", seconds=0.1, camera=0, progress=lambda *step: steps.append(step)
    )
    assert camera.released
    for part in (found.live, found.stages):
        assert (part.source, part.size_wh) == ("camera 0", (160, 120))
    assert found.stages.n_faces == 0
    assert found.live.n_frames + found.live.n_skipped <= camera.n_read
    done = [step[1] for step in steps]
    assert done == sorted(set(done))
    assert {step[2] for step in steps} == {done[-1] + 1}

    monkeypatch.setattr("livefer.cli.bench.benchmark", lambda *_: found)
    assert "frames of camera 0" in run(monkeypatch, capsys)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--camera", "7"), 1, "livefer: camera 7 could not be opened"),
        (("--model", "none-such"), 1, 'livefer: model "none-such" is neither'),
        (("--detector", "none-such"), 1, 'livefer: unknown detector "none-such"'),
        (("--seconds", "0"), 2, "'--seconds'"),
        (("--seconds", "nan"), 2, "'--seconds'"),
        (("--camera", "-1"), 2, "'--camera'"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("livefer.media.sources.open_capture", lambda address: None)
    ended, out, err = run(monkeypatch, capsys, *arguments)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
    if code == 1:
        assert err.count("\n") == 1


def test_a_camera_without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera()
    monkeypatch.setattr(camera, "read", lambda: (False, None))
    monkeypatch.setattr("livefer.media.sources.open_capture", lambda address: camera)
    with pytest.raises(SourceError, match="camera 3 stopped after 0 frames: is it still"):
        measure_live(Recognizer(Clock()), open_camera(3), 1.0)  # type: ignore[arg-type]
    assert camera.released


def test_the_error_of_a_fresh_process_is_shown() -> None:
    with pytest.raises(LiveferError, match='unknown detector "none-such"') as caught:
        cold_start(PICTURE, None, "none-such", None, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process's peak is its own")
def test_memory_is_that_of_the_fresh_process() -> None:
    """On Linux, ru_maxrss would be at least the memory of this process."""
    ballast = np.ones(300 << 20, np.uint8)
    peak_mib = cold_start(PICTURE, None, "haar", None, 1).peak_mib
    assert peak_mib is not None
    assert 20 < peak_mib < ballast.nbytes / 2**20


def test_the_machine_is_described() -> None:
    machine = describe()
    assert machine.processor
    assert machine.n_cores >= 1
    assert set(machine.versions) == {"python", "livefer", "onnxruntime", "opencv", "numpy"}


def _machine(n_cores: int = 4, load: float | None = 0.1) -> Machine:
    return Machine("A processor", n_cores, "Linux", load, {})


def _stages(detect: float = 1.0, classify: float = 1.0) -> Stages:
    times = dict.fromkeys(STAGES, 1.0) | {"detect": detect, "classify": classify}
    times["sum"] = sum(times.values()) - times["capture"] - 1
    ms = {name: Timing.of([value]) for name, value in times.items()}
    return Stages("made frames", (640, 480), 1, 1.0, ms)


def _rate(size_wh: tuple[int, int], fps: float, n_faces: int = 1, found: float = 1.0) -> Rate:
    return Rate(size_wh, n_faces, 100, fps, found * n_faces, float(found == 1))


LIVE = Live("made frames", (640, 480), 30.0, 90, 0, Timing.of([5.0]), 0.3)
QUIET: dict[str, Any] = {
    "machine": _machine(),
    "stages": _stages(),
    "rates": [_rate((640, 480), 200), _rate((1280, 720), 150)],
    "live": LIVE,
    "comparisons": [
        Comparison("model", "fer2013", "fer2013-float", 1.0, 1.1),
        Comparison("detector", "haar", "native", 1.0, 0.95),
    ],
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"machine": _machine(load=None)}, None),
        ({"machine": _machine(load=2.5)}, "the load in the minute before was 2.5 on 4 cores"),
        ({"machine": _machine(1)}, "the machine has one core"),
        ({"live": replace(LIVE, n_skipped=10)}, "10% of the frames at 30 fps were skipped"),
        (
            {"comparisons": [Comparison("model", "human", "human-float", 2.0, 1.25)]},
            "int8 is slower than float on this processor (2.00 against 1.25 ms a face): "
            "--model human-float",
        ),
        (
            {"comparisons": [Comparison("model", "human-float", "human", 2.0, 1.0)]},
            "float is slower than int8 on this processor (2.00 against 1.00 ms a face): "
            "--model human",
        ),
        (
            {"comparisons": [Comparison("detector", "native", "haar", 3.0, 1.0)]},
            "haar is faster than native here (1.00 against 3.00 ms a frame), "
            "but finds fewer faces: --detector haar",
        ),
        ({"stages": _stages(detect=6.0)}, "the detector takes 55% of a frame's time"),
        ({"stages": _stages(classify=8.0)}, "a smaller model would change most"),
        (
            {"rates": [_rate((640, 480), 200), _rate((1920, 1080), 80)]},
            "a 1920x1080 frame takes 2.5 times as long as 640x480",
        ),
        (
            {"rates": [_rate((640, 480), 200, n_faces=8, found=0.75)]},
            "at 640x480, 6.0 of 8 faces were found",
        ),
    ],
)
def test_advice_is_given_where_it_is_true(changed: dict[str, Any], said: str | None) -> None:
    lines = advise(**{**QUIET, **changed})
    assert len(lines) == (said is not None)
    if said is not None:
        assert said in lines[0]
