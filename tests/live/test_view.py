"""The live view: keys, sizes, errors of the source, recordings, snapshots."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import write_avi
from fakes import LevelClassifier, SquareDetector, make_face, make_scene
from numpy.typing import NDArray
from waiting import wait_until

from livefer.drawing.faces import bars_plate
from livefer.drawing.places import overlap
from livefer.errors import SourceError
from livefer.labels import CLASSES
from livefer.live.scene import Places, paint_scene
from livefer.live.session import Session
from livefer.live.strip import strip_height
from livefer.live.view import HELP, LiveView
from livefer.media.mpeg4_writer import Mpeg4Writer
from livefer.media.sources import Source, open_source
from livefer.recognizer import Recognizer
from livefer.results import Face, Frame, main_face
from livefer.send.messages import session_start
from livefer.tables.writing import open_table

pytestmark = pytest.mark.slow

SCENE = make_scene((40, 60, 125))
WAIT_S = 60.0


def make_recognizer(classifier: Any = None) -> Recognizer:
    return Recognizer(classifier or LevelClassifier(), SquareDetector(), smoothing_s=0)


def make_frames(images: Iterable[NDArray[Any]]) -> list[Frame]:
    return [Frame("film", i, i / 25, image) for i, image in enumerate(images)]


def make_source(frames: Iterable[Frame], live: bool = False) -> Source:
    return Source("film", (frame for frame in frames), live=live, fps=25)


def finish(view: LiveView) -> None:
    """Wait until the source has ended and everything is recognised."""
    assert view.join(WAIT_S)


def shown(view: LiveView, window_wh: tuple[int, int] = (640, 480)) -> NDArray[np.uint8]:
    """Return the picture without the greeting and the figures."""
    view.say("")
    view.repaint()
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        canvas = view.paint(window_wh)
        if canvas is not None:
            height, width = canvas.shape[:2]
            canvas[-height // 3 :, width // 2 :] = 0  # the figures change with time
            return canvas
        time.sleep(0.005)  # its faces may still be about to come
    raise AssertionError("nothing was painted")


@pytest.mark.parametrize(
    ("window_wh", "expected_wh"),
    [
        ((640, 480), (640, 480)),
        ((1000, 480), (640, 480)),
        ((320, 900), (320, 240)),
        ((9, 9), (9, 7)),
    ],
)
def test_the_picture_fits_the_window_and_keeps_its_shape(
    window_wh: tuple[int, int], expected_wh: tuple[int, int]
) -> None:
    with LiveView(make_recognizer(), make_source(make_frames([SCENE]))) as view:
        finish(view)
        canvas = shown(view, window_wh)
    assert (canvas.shape[1], canvas.shape[0]) == expected_wh


def test_boxes_lie_on_their_faces_at_any_size_and_mirrored() -> None:
    """The square is found at (40, 60) of 320×240; at double size its left edge is at 80."""
    with LiveView(make_recognizer(), make_source(make_frames([SCENE]))) as view:
        finish(view)
        plain = shown(view)
        view.press("m")
        mirrored = shown(view)
    row = 120 + 60  # through the middle of the square

    def edges(canvas: NDArray[np.uint8]) -> list[int]:
        is_gray = np.ptp(canvas[row].astype(int), axis=1) == 0
        return np.flatnonzero(~is_gray).tolist()

    assert min(edges(plain)) == pytest.approx(80, abs=3)
    assert max(edges(plain)) == pytest.approx(200, abs=3)
    assert min(edges(mirrored)) == pytest.approx(640 - 200, abs=3)
    assert max(edges(mirrored)) == pytest.approx(640 - 80, abs=3)


def test_nothing_is_painted_twice() -> None:
    with LiveView(make_recognizer(), make_source(make_frames([SCENE]))) as view:
        assert view.paint((640, 480)) is None or view.frame_wh is not None
        finish(view)
        shown(view)
        assert view.paint((640, 480)) is None
        assert view.paint((320, 240)) is not None
        view.press("h")
        assert view.paint((320, 240)) is not None


def test_keys() -> None:
    recognizer = make_recognizer()
    with LiveView(recognizer, make_source(make_frames([SCENE]))) as view:
        finish(view)
        pictures = [shown(view)]
        for key in ("h", "h", "m", "m"):
            view.press(key)
            pictures.append(shown(view))
        assert np.array_equal(pictures[0], pictures[2])
        assert np.array_equal(pictures[0], pictures[4])
        assert not np.array_equal(pictures[0], pictures[1])
        assert not np.array_equal(pictures[0], pictures[3])
        view.press("g")
        assert recognizer.heatmaps
        view.press("g")
        assert not recognizer.heatmaps
        view.press("x")
        assert not view.quit
        for key in ("q", "escape"):
            view.quit = False
            view.press(key)
            assert view.quit
            assert not view.running


def test_bars_do_not_lie_over_a_face_that_fills_the_picture() -> None:
    faces = [make_face((10, 10, 630, 470), track_id=1)]
    canvas = np.full((480, 640, 3), 90, np.uint8)
    assert paint_scene(canvas, faces, False, (), Places()).corner is None
    assert paint_scene(canvas, faces, False, (), Places(None)).corner is None
    small = [make_face((200, 200, 300, 300), track_id=1)]
    assert paint_scene(canvas, small, False, (), Places(None)).corner == "top-right"


def test_a_large_window_has_the_strip_under_the_picture_until_t() -> None:
    with LiveView(make_recognizer(), make_source(make_frames([SCENE] * 3))) as view:
        finish(view)
        view.say("")
        wait_until(lambda: view.paint((800, 600)) is not None)
        view.repaint()
        canvas = view.paint((800, 600))
        assert canvas is not None
        strip_h = strip_height((800, 600))
        assert canvas.shape == (600, round((600 - strip_h) * 4 / 3), 3)
        picture = canvas[: 600 - strip_h]
        assert np.array_equal(canvas[600 - strip_h :], view._strip.paint((664, strip_h), 0.08))
        view.press("t")
        without = view.paint((800, 600))
        assert without is not None
        assert without.shape == (600, 800, 3)
        small = view.paint((640, 480))
        assert small is not None
        assert small.shape == (480, 640, 3)
        assert picture.shape[0] + strip_h == 600


Place = tuple[float, float, float, float]


def scene_plates(
    faces: list[Face], wh: tuple[int, int], message: str = "", keys: Any = ()
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, Places]:
    """Return the boxes of the faces, the plate of the bars, and where the panels are."""
    canvas = np.full((wh[1], wh[0], 3), 90, np.uint8)
    status = (("recognised", "30 fps"),) * 4
    places = paint_scene(canvas, faces, False, status, Places(), message, keys)
    main = main_face(faces)
    bars = (
        None if places.corner is None or main is None else bars_plate(canvas, main, places.corner)
    )
    return np.array([face.box for face in faces], np.float32), bars, places


LONG = "judged by your own face now: P shows the difference, W saves it"


@pytest.mark.parametrize("wh", [(560, 420), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("message", ["press H for help", LONG])
@pytest.mark.parametrize(
    "shares",
    [
        [(0.35, 0.05, 0.65, 0.55)],
        [(0.3, 0.0, 0.55, 0.3)],
        [(0.1, 0.02, 0.3, 0.4), (0.4, 0.05, 0.6, 0.45)],
        [(0.02 + 0.25 * x, 0.05 + 0.5 * y, 0.2 + 0.25 * x, 0.35 + 0.5 * y)
         for x in range(4) for y in range(2)],
    ],
)  # fmt: skip
def test_messages_hide_neither_bars_nor_faces(
    shares: list[Place], message: str, wh: tuple[int, int]
) -> None:
    faces = [
        make_face((x0 * wh[0], y0 * wh[1], x1 * wh[0], y1 * wh[1]), track_id=i)
        for i, (x0, y0, x1, y1) in enumerate(shares, 1)
    ]
    boxes, bars, places = scene_plates(faces, wh, message)
    assert places.message is not None
    assert overlap(places.message[None], boxes)[0] == 0
    assert bars is None or overlap(places.message[None], bars[None])[0] == 0


@pytest.mark.parametrize("wh", [(560, 420), (1280, 720), (1920, 1080)])
def test_the_list_of_keys_fits_and_hides_no_face_where_there_is_room(wh: tuple[int, int]) -> None:
    box = (0.05 * wh[0], 0.3 * wh[1], 0.3 * wh[0], 0.75 * wh[1])
    boxes, bars, places = scene_plates([make_face(box, track_id=1)], wh, "saved", HELP)
    assert places.help is not None
    assert places.message is not None
    assert bars is not None
    hidden = np.vstack([boxes, bars[None], places.message[None]])
    assert overlap(places.help[None], hidden)[0] == 0
    assert (places.help >= 0).all()
    assert (places.help[2:] <= wh).all()


@pytest.mark.parametrize("wh", [(320, 240), (426, 240)])
def test_the_list_of_keys_fits_the_smallest_window(wh: tuple[int, int]) -> None:
    _, _, places = scene_plates([], wh, "", HELP)
    assert places.help is not None
    assert (places.help >= 0).all()
    assert (places.help[2:] <= wh).all()


def test_a_message_stays_where_it_is_while_a_face_trembles() -> None:
    canvas = np.full((420, 560, 3), 90, np.uint8)
    places, plates = Places(), []
    for shift in (0, 3, -3, 2, -1):
        face = make_face((200 + shift, 60 + shift, 380 + shift, 260 + shift), track_id=1)
        places = paint_scene(canvas.copy(), [face], False, (), places, LONG)
        assert places.message is not None
        plates.append(places.message)
    assert all(np.array_equal(plate, plates[0]) for plate in plates)


def test_labels_avoid_a_message() -> None:
    faces = [make_face((270, 40, 370, 140))]
    ways = []
    for message in ("", "saved a picture with a name"):
        canvas = np.full((480, 640, 3), 90, np.uint8)
        paint_scene(canvas, faces, False, (), Places("top-left"), message)
        ways.append(canvas)
    below = slice(145, 175)  # the label has gone there
    assert (ways[0][below, 260:380] == 90).all()
    assert (ways[1][below, 260:380] != 90).any()


def test_quitting_does_not_wait_for_a_frame() -> None:
    go_on, asked = threading.Event(), threading.Event()

    def frames() -> Generator[Frame, None, None]:
        yield from make_frames([SCENE])
        asked.set()
        assert go_on.wait(WAIT_S)

    with LiveView(make_recognizer(), make_source(frames(), live=True)) as view:
        assert asked.wait(WAIT_S)
        view.stop()
        finish(view)
        assert not go_on.is_set()
    go_on.set()


def test_help_names_every_key() -> None:
    keys = {key.strip().lower() for names, _ in HELP for key in names.split(",")}
    assert keys == {"q", "esc", "space", "enter", *"fctgmsrnepwh"}


def test_r_makes_the_stream_forget_its_faces() -> None:
    """Without the reset the one face stays number 1, and a new one gets number 2."""
    waiting, proceed = threading.Event(), threading.Event()
    empty = make_scene()

    def frames() -> Generator[Frame, None, None]:
        yield from make_frames([SCENE, SCENE])
        waiting.set()
        assert proceed.wait(WAIT_S)
        for i, image in enumerate([empty, make_scene((220, 160, 200))], 2):
            yield Frame("film", i, 100.0 + i, image)

    view = LiveView(make_recognizer(), make_source(frames()))
    with view:
        assert waiting.wait(WAIT_S)
        view.press("r")
        proceed.set()
        finish(view)
        assert view.state.result is not None
        assert [face.track_id for face in view.state.result.faces] == [1]


def test_space_freezes_the_picture_of_a_camera_while_it_is_recognised() -> None:
    with played(make_recognizer()) as (view, play):
        wait_for_face(view, "sad", None)
        assert view.paint((640, 480)) is not None
        view.press("space")
        assert view.paused
        assert message(view) == "paused: Space goes on"
        before = shown(view)
        play.level = 125
        wait_for_face(view, "happy", None)
        assert np.array_equal(shown(view), before)
        view.press("space")
        assert not view.paused
        wait_until(lambda: not np.array_equal(shown(view), before))
        view.press("space")
        view.press("n")  # an enrolment is to be seen
        assert not view.paused


def test_a_snapshot_is_of_the_frozen_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with played(make_recognizer()) as (view, play):
        wait_for_face(view, "sad", None)
        wait_until(lambda: view.paint((640, 480)) is not None)
        view.press("space")
        play.level = 125
        wait_for_face(view, "happy", None)
        view.press("s")
    (path,) = tmp_path.glob("*.png")
    image = cv2.imread(str(path))
    assert image is not None
    assert image[80, 60].mean() == pytest.approx(175, abs=9)


def write_film(path: Path, n_frames: int) -> Path:
    scenes = (make_scene((40, 60, 125), (i % 100, 150, 90)) for i in range(n_frames))
    return write_avi(path, scenes, 50)


def test_space_stops_a_film_at_its_frame(tmp_path: Path) -> None:
    film = open_source(write_film(tmp_path / "film.avi", 60), live=True)
    with LiveView(make_recognizer(), film) as view:
        wait_until(lambda: view.state.n_recognised > 5)
        view.press("space")
        time.sleep(0.1)  # for a frame that was on its way
        assert view.state.frame is not None
        index = view.state.frame.index
        assert index < 50
        time.sleep(1.5)  # longer than the rest of the film
        assert view.state.frame.index == index
        assert not view.is_over
        seen: list[int] = []
        add_frame = view.state.add_frame
        view.state.add_frame = lambda frame, now_s: (  # type: ignore[method-assign]
            seen.append(frame.index), add_frame(frame, now_s)
        )  # fmt: skip
        view.press("space")
        finish(view)
    assert seen[0] <= index + 2, "it goes on where it was"
    assert seen[-1] == 59
    assert view.is_over
    view.say("")
    assert message(view) == "end of the film: Esc closes the window"
    view.press("n")
    assert message(view) == "the film is over"


def test_c_takes_the_next_camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plays = [Screenplay(), Screenplay()]
    plays[1].level = 125
    sources = [
        Source(
            f"camera {i}",
            (replace(frame, source=f"camera {i}") for frame in play),
            live=True,
        )
        for i, play in enumerate(plays)
    ]
    free: list[tuple[int, Source] | None] = [None, (1, sources[1])]
    asked = []

    def find(number: int) -> tuple[int, Source] | None:
        asked.append(number)
        return free.pop(0)

    monkeypatch.setattr("livefer.live.view.open_next_camera", find)
    go_on = threading.Event()
    go_on.set()
    recording = SlowSink(tmp_path / "out.avi", go_on)
    with LiveView(make_recognizer(), sources[0], False, recording, camera=0) as view:
        wait_for_face(view, "sad", None)
        view.press("c")
        wait_until(lambda: message(view) == "no other camera is free")
        assert view.name == "camera 0"
        view.press("c")
        wait_for_face(view, "happy", None)
        assert view.name == message(view) == "camera 1"
        assert asked == [0, 0]
        for play in plays:
            play.over = True
        finish(view)
    times_s = [time_s for time_s, _ in recording.given]
    assert times_s == sorted(set(times_s)), "a recording goes on"
    assert view.state.n_skipped >= 0


def test_c_is_for_cameras() -> None:
    with played(make_recognizer()) as (view, _):
        view.press("c")
        assert message(view) == "C changes cameras: this is none"


class Screenplay:
    """Frames at 20 per second of level after level, each as long as the test wants it."""

    def __init__(self) -> None:
        self.level, self.over = 175, False
        self.n_faces = 1

    def __iter__(self) -> Iterator[Frame]:
        i = 0
        while not self.over:
            squares = [(40, 60, self.level), (200, 60, 75)][: self.n_faces]
            yield Frame("camera", i, i / 20, make_scene(*squares))
            i += 1


@contextmanager
def played(
    recognizer: Recognizer, recording: Mpeg4Writer | None = None
) -> Iterator[tuple[LiveView, Screenplay]]:
    play = Screenplay()
    with LiveView(recognizer, make_source(iter(play)), False, recording) as view:
        try:
            yield view, play
        finally:
            play.over = True
            finish(view)


def wait_for_face(view: LiveView, label: str, profile: str | None) -> Face:
    """Return a face of this label and profile as soon as there is one."""

    def found() -> bool:
        result = view.state.result
        return bool(result and result.faces) and (
            (result.faces[0].label, result.faces[0].profile) == (label, profile)
        )

    wait_until(found)
    assert view.state.result is not None
    return view.state.result.faces[0]


def message(view: LiveView) -> str:
    return view._message_at(time.perf_counter())


def test_n_makes_the_own_face_neutral_and_p_shows_the_difference() -> None:
    with played(make_recognizer()) as (view, play):
        wait_for_face(view, "sad", None)
        view.press("p")
        assert message(view) == "no profile yet: press N"
        view.press("n")
        face = wait_for_face(view, "neutral", "me")
        assert face.plain_probabilities is not None
        assert face.plain_probabilities.argmax() == CLASSES.index("sad")
        assert "judged by your own face now" in message(view)
        play.level = 125
        wait_for_face(view, "happy", "me")
        play.level = 175
        view.press("p")
        wait_for_face(view, "sad", None)
        view.press("p")
        wait_for_face(view, "neutral", "me")
        play.level = 50
        wait_for_face(view, "angry", "me")
        view.press("n")  # anew
        wait_for_face(view, "neutral", "me")


def test_p_switches_off_what_livefer_finds_by_itself_too() -> None:
    recognizer = make_recognizer()
    recognizer.is_profile_auto = True
    with played(recognizer) as (view, _):
        wait_for_face(view, "sad", None)
        view.press("n")
        wait_for_face(view, "neutral", "me")
        view.press("p")
        wait_for_face(view, "sad", None)
        assert not recognizer.is_profile_auto
        view.press("p")
        wait_for_face(view, "neutral", "me")
        assert recognizer.is_profile_auto


def test_n_tells_what_to_do_and_ends_without_a_face() -> None:
    with played(make_recognizer()) as (view, play):
        wait_for_face(view, "sad", None)
        play.n_faces = 2
        wait_until(lambda: len(view.state.result.faces) == 2)  # type: ignore[union-attr]
        view.press("n")
        wait_until(lambda: "several faces" in message(view))
        play.n_faces = 0
        wait_until(lambda: "no face in view" in message(view))
        view.press("n")
        assert message(view) == "no neutral face: nothing has changed"
        play.n_faces = 1
        wait_for_face(view, "sad", None)


def test_a_restless_face_gets_no_profile() -> None:
    class Restless(LevelClassifier):
        n = 0

        def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            Restless.n += len(faces)
            return super().predict(faces if Restless.n % 4 < 2 else faces // 3)

    recognizer = make_recognizer(Restless())
    with played(recognizer) as (view, _):
        view.press("e")
        wait_until(lambda: "not at rest" in message(view))
    assert recognizer.profile is None


def test_e_learns_expressions_of_which_some_are_left_out() -> None:
    recognizer = make_recognizer()
    with played(recognizer) as (view, play):
        view.press("e")
        for name in CLASSES:
            if name == "neutral":
                continue
            wait_until(lambda name=name: f"next: {name}" in message(view))
            if name == "surprise":
                break
            if name == "happy":
                play.level = 125
                wait_until(lambda: "next: sad" in message(view))
            else:
                view.press("space")
        view.press("e")  # enough
        wait_until(lambda: recognizer.profile is not None)
    assert recognizer.profile is not None
    assert set(recognizer.profile.expressions) == {"neutral", "happy"}


def test_w_writes_the_profile_and_a_recogniser_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with played(make_recognizer()) as (view, _):
        view.press("w")
        assert message(view) == "no profile yet: press N"
        view.press("n")
        wait_for_face(view, "neutral", "me")
        view.press("w")
    (path,) = tmp_path.glob("livefer-*.json")
    assert message(view) == f"saved {path.name}: use it by --profile {path.name}"
    again = Recognizer(LevelClassifier(), SquareDetector(), profile=path)  # type: ignore[arg-type]
    (face,) = again(make_scene((40, 60, 175)))
    assert (face.label, face.profile) == ("neutral", "me")


def test_a_profile_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with played(make_recognizer()) as (view, _):
        view.press("n")
        wait_for_face(view, "neutral", "me")

        def fill_up(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(Path, "write_text", fill_up)
        view.press("w")
        assert "No space left on device" in message(view)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_neutral_class_is_told() -> None:
    class Moods(LevelClassifier):
        classes = ("good", "bad")

        def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.full((len(faces), 2), 0.5, np.float32)

    with played(make_recognizer(Moods())) as (view, _):
        view.press("n")
        assert message(view) == "the model has no class neutral: it has good, bad"


def test_the_picture_says_that_a_profile_judges() -> None:
    plain = make_face((270, 140, 370, 240), track_id=1)
    mine = make_face((270, 140, 370, 240), track_id=1, profile="me")
    ways = []
    for face in (plain, mine):
        canvas = np.full((480, 640, 3), 90, np.uint8)
        paint_scene(canvas, [face], False, (), Places("top-left"))
        ways.append(canvas)
    differs = (ways[0] != ways[1]).any(axis=2)
    assert differs[-90:, :320].any()
    assert not differs[:-90].any()


class HeldClassifier(LevelClassifier):
    """Waits within the first prediction until it is let go."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.inside.set()
        assert self.go_on.wait(WAIT_S)
        return super().predict(faces)


def test_frames_are_shown_while_recognition_works_and_the_skipped_are_counted() -> None:
    classifier = HeldClassifier()
    levels = (100, 125, 150, 175, 200)
    passed = threading.Event()

    def frames() -> Generator[Frame, None, None]:
        pictures = [make_scene((40, 60, level)) for level in levels]
        for frame in make_frames(pictures):
            yield frame
            assert classifier.inside.wait(WAIT_S)  # the first is being recognised from here on
        passed.set()

    with LiveView(make_recognizer(classifier), make_source(frames(), live=True)) as view:
        assert passed.wait(WAIT_S)
        assert shown(view)[180, 140].tolist() == pytest.approx([200, 200, 200], abs=5)
        assert view.state.n_recognised == 0
        classifier.go_on.set()
        finish(view)
    state = view.state
    assert (state.n_recognised, state.n_skipped) == (2, 3)
    assert state.result is not None
    assert [face.label for face in state.result.faces] == ["surprise"]


def test_a_window_of_another_size_is_painted_at_once() -> None:
    """Also while the faces of the newest frame are about to come."""
    view = LiveView(make_recognizer(), make_source([]))
    first, second = make_frames([SCENE, SCENE])
    view.state.add_frame(first, time.perf_counter())
    view.state.add_result(make_recognizer().process(first), time.perf_counter())
    shown(view)
    view.state.add_frame(second, time.perf_counter() + WAIT_S)
    assert view.paint((640, 480)) is None
    canvas = view.paint((320, 240))
    assert canvas is not None
    assert canvas.shape == (240, 320, 3)


def test_a_window_wakes_up_for_a_frame_and_for_its_faces() -> None:
    classifier = HeldClassifier()
    with LiveView(make_recognizer(classifier), make_source(make_frames([SCENE]))) as view:
        assert view.wait(WAIT_S)
        assert view.state.frame is not None
        assert view.state.result is None
        classifier.go_on.set()
        assert view.wait(WAIT_S)
        assert view.state.result is not None


def test_a_file_without_a_window_is_recognised_whole(tmp_path: Path) -> None:
    source = make_source(make_frames([SCENE] * 30), live=False)
    with LiveView(make_recognizer(), source) as view:
        finish(view)
    assert (view.state.n_recognised, view.state.n_skipped) == (30, 0)


def test_trouble_is_shown_until_frames_come_again() -> None:
    shown_while = threading.Event()
    waiting = threading.Event()

    def frames() -> Generator[Frame, None, None]:
        yield Frame("film", 0, 0.0, SCENE)
        yield Frame("film", 1, 0.1, None, error="film stopped: trying again")
        waiting.set()
        assert shown_while.wait(WAIT_S)
        yield Frame("film", 1, 0.2, SCENE)

    with LiveView(make_recognizer(), make_source(frames())) as view:
        assert waiting.wait(WAIT_S)
        troubled = shown(view)
        shown_while.set()
        finish(view)
        assert not np.array_equal(shown(view), troubled)
        assert not view.running


def test_a_long_address_leaves_room_for_what_is_wrong_with_it() -> None:
    address = f"rtsp://camera/{'key' * 100}"
    pictures = []
    for reason in ("trying again", "is it on?"):
        error = Frame(address, 1, 0.1, None, error=f"{address} stopped: {reason}")
        source = Source(address, iter([*make_frames([SCENE]), error]), live=True)
        with LiveView(make_recognizer(), source) as view:
            finish(view)
        pictures.append(shown(view))
    assert not np.array_equal(*pictures)


def test_a_source_that_ends_in_trouble_raises_it() -> None:
    frames = [*make_frames([SCENE]), Frame("film", 1, 0.1, None, error="film is gone")]
    with LiveView(make_recognizer(), make_source(frames)) as view:
        finish(view)
        with pytest.raises(SourceError, match="film is gone"):
            _ = view.running


def test_what_recognition_raises_comes_out() -> None:
    class Broken(LevelClassifier):
        def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            raise RuntimeError("broken network")

    with LiveView(make_recognizer(Broken()), make_source(make_frames([SCENE]))) as view:
        finish(view)
        with pytest.raises(RuntimeError, match="broken network"):
            _ = view.running


def test_a_recording_has_every_recognised_frame_and_what_was_drawn(tmp_path: Path) -> None:
    path = tmp_path / "out.avi"
    recording = Mpeg4Writer(path, 25)
    with LiveView(
        make_recognizer(), make_source(make_frames([SCENE] * 12)), False, recording
    ) as view:
        finish(view)
        assert not path.exists()
    film = cv2.VideoCapture(str(path))
    images = []
    while (read := film.read())[0]:
        images.append(read[1])
    film.release()
    assert len(images) == 12
    assert np.abs(images[3].astype(int) - SCENE).max() > 100  # the box and the chart are in it


class SlowSink(Mpeg4Writer):
    """Takes its time, and notes what it was given."""

    def __init__(self, path: Path, go_on: threading.Event) -> None:
        super().__init__(path, 25)
        self.go_on = go_on
        self.given: list[tuple[float, tuple[int, ...]]] = []

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        assert self.go_on.wait(WAIT_S)
        self.given.append((time_s, image.shape))
        super().write(image, time_s)


@pytest.mark.parametrize("live", [False, True])
def test_recording_holds_up_recognition_of_files_alone(live: bool, tmp_path: Path) -> None:
    go_on, all_read = threading.Event(), threading.Event()
    sink = SlowSink(tmp_path / "out.avi", go_on)

    def frames() -> Generator[Frame, None, None]:
        for frame in make_frames([SCENE] * 40):
            yield frame
            while live and view.state.n_recognised <= frame.index:  # none is skipped
                time.sleep(0.001)
        all_read.set()

    view = LiveView(make_recognizer(), make_source(frames(), live=live), False, sink)
    with view:
        if live:
            assert all_read.wait(WAIT_S)  # though nothing can be written
        else:
            assert not all_read.wait(0.3)
        go_on.set()
        finish(view)
    times_s = [time_s for time_s, _ in sink.given]
    assert times_s == sorted(set(times_s))
    assert len(times_s) == 40 if not live else 8 <= len(times_s) <= 9
    assert (tmp_path / "out.avi").exists()


def test_a_large_picture_is_recorded_smaller(tmp_path: Path) -> None:
    go_on = threading.Event()
    go_on.set()
    sink = SlowSink(tmp_path / "out.avi", go_on)
    images = [cv2.resize(SCENE, (2560, 1920)), SCENE]
    with LiveView(make_recognizer(), make_source(make_frames(images)), False, sink) as view:
        finish(view)
    assert sink.given == [(0.0, (1440, 1920, 3)), (0.04, (240, 320, 3))]


def test_what_recording_raises_comes_out(tmp_path: Path) -> None:
    class Broken(Mpeg4Writer):
        def write(self, image: NDArray[np.uint8], time_s: float) -> None:
            raise RuntimeError("broken video")

    sink = Broken(tmp_path / "out.avi", 25)
    with LiveView(make_recognizer(), make_source(make_frames([SCENE] * 20)), False, sink) as view:
        finish(view)
    with pytest.raises(RuntimeError, match="broken video"):
        _ = view.running


def test_snapshots_never_replace_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    view = LiveView(make_recognizer(), make_source(make_frames([SCENE])))
    assert view.snapshot() == "no picture yet"
    with view:
        finish(view)
        messages = [view.snapshot() for _ in range(3)]
    files = sorted(tmp_path.glob("livefer-*.png"))
    assert len(files) == 3
    assert sorted(messages) == sorted(f"saved {path.name}" for path in files)
    image = cv2.imread(str(files[0]))
    assert image is not None
    assert image.shape == SCENE.shape


def test_a_snapshot_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with LiveView(make_recognizer(), make_source(make_frames([SCENE]))) as view:
        finish(view)

        def fill_up(path: Path, data: bytes) -> None:
            with path.open("wb") as file:
                file.write(data[:100])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", fill_up)
        assert "cannot be written: No space left on device" in view.snapshot()
    assert list(folder.iterdir()) == []


def test_enter_marks_the_moment_for_tables_and_receivers(tmp_path: Path) -> None:
    start = session_start(time.monotonic(), CLASSES, "level")
    with (
        Session(start, [open_table(tmp_path / "t.jsonl", CLASSES, live=True)]) as session,
        LiveView(make_recognizer(), make_source(make_frames([SCENE] * 3)), session=session) as view,
    ):
        finish(view)
        view.press("return")
        assert message(view) == "marked: key 1"
        view.press("return")
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [row["marker"] for row in rows if row["label"] is None][1:] == ["key 1", "key 2"]
    assert [row["index"] for row in rows if row["label"] is not None] == [0, 1, 2]


def test_enter_without_a_table_says_what_to_do() -> None:
    with LiveView(make_recognizer(), make_source(make_frames([SCENE]))) as view:
        view.press("return")
        assert message(view) == "no table to mark this moment in: start with --csv OUT.CSV"
        finish(view)
