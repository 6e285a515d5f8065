"""The SDL window, on SDL's dummy driver: its events, its end, and no display at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from fakes import LevelClassifier, SquareDetector, make_scene

from livefer.errors import LiveferError, SourceError
from livefer.live import window
from livefer.live.strip import strip_height
from livefer.live.view import LiveView
from livefer.media.sources import Source
from livefer.recognizer import Recognizer
from livefer.results import Frame

pytestmark = pytest.mark.slow

WAIT_S = 60.0
SCENE = make_scene((40, 60, 125))


@pytest.fixture(autouse=True)
def _dummy_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def make_view(frames: Generator[Frame, None, None], is_film: bool = False) -> LiveView:
    recognizer = Recognizer(LevelClassifier(), SquareDetector())  # type: ignore[arg-type]
    hold = threading.Event() if is_film else None
    return LiveView(recognizer, Source("film", frames, live=True, fps=25, hold=hold))


def endless(stop: threading.Event, image: Any = SCENE) -> Generator[Frame, None, None]:
    """A camera: the same picture again and again."""
    for index in range(1_000_000):
        yield Frame("film", index, index / 25, image)
        if stop.wait(0.01):
            return


class Script:
    """Posts one event each time the window has painted another picture."""

    def __init__(self, patch: pytest.MonkeyPatch, *events: Any) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.pictures: list[Any] = []
        self._events = list(events)
        paint = LiveView.paint

        def watched(view: LiveView, window_wh: tuple[int, int]) -> Any:
            import pygame

            canvas = paint(view, window_wh)
            if canvas is not None:
                self.sizes.append(window_wh)
                self.pictures.append(canvas)
                if self._events:
                    pygame.event.post(pygame.event.Event(*self._events.pop(0)))
            return canvas

        patch.setattr(LiveView, "paint", watched)


def key(name: str) -> tuple[int, dict[str, int]]:
    import pygame

    return pygame.KEYDOWN, {"key": getattr(pygame, f"K_{name}")}


@pytest.mark.parametrize("last", ["q", "ESCAPE", "closed", "quit"])
def test_keys_and_the_closed_window_reach_the_view(
    last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pygame

    events = {"closed": (pygame.WINDOWCLOSE, {}), "quit": (pygame.QUIT, {})}
    Script(monkeypatch, key("h"), key("m"), key("g"), events.get(last) or key(last))
    stop = threading.Event()
    view = make_view(endless(stop))
    with view:
        window.show(view)
        assert view.quit
        assert (view.help, view.mirror, view.heatmaps) == (True, True, True)
    stop.set()
    assert not pygame.display.get_init()


@pytest.mark.parametrize(
    ("key_code", "place", "name"),
    [(0x43D, "Y", "y"), (0x439, "Q", "q"), (ord("q"), "A", "q"), (0x43D, "RETURN", None)],
)
def test_a_letter_that_is_not_latin_is_that_of_its_place(
    key_code: int, place: str, name: str | None
) -> None:
    import pygame

    scancode = getattr(pygame, f"KSCAN_{place}")
    event = pygame.event.Event(pygame.KEYDOWN, key=key_code, scancode=scancode)
    pygame.display.init()
    assert window.key_name(pygame, event) == (name or pygame.key.name(key_code))
    assert window.key_name(pygame, pygame.event.Event(pygame.KEYDOWN, key=pygame.K_h)) == "h"
    pygame.display.quit()


def test_the_window_has_the_shape_of_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, key("q"))
    stop = threading.Event()
    with make_view(endless(stop)) as view:
        window.show(view)
    stop.set()
    width, height = script.sizes[0]
    assert width / (height - strip_height((width, height))) == pytest.approx(320 / 240, rel=0.01)
    assert script.pictures[0].shape == pytest.approx((height, width, 3), abs=1)


def test_the_picture_reaches_the_screen_in_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    import pygame

    colour = np.zeros((240, 320, 3), np.uint8)
    colour[:] = (30, 20, 10)  # BGR, and darker than what the detector takes for a face
    seen = []
    flip = pygame.Window.flip

    class Watched(pygame.Window):  # type: ignore[misc]
        def flip(self) -> None:
            surface = self.get_surface()
            seen.append(tuple(surface.get_at((surface.width // 2, surface.height // 2)))[:3])
            flip(self)

    monkeypatch.setattr(pygame, "Window", Watched)
    Script(monkeypatch, key("q"))
    stop = threading.Event()
    with make_view(endless(stop, colour)) as view:
        window.show(view)
    stop.set()
    assert seen[0] == (10, 20, 30)


@pytest.mark.parametrize("last", ["ESCAPE", "q", "SPACE"])
def test_the_last_frame_of_a_film_stays_until_a_key(
    last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pygame

    n_waits = []
    wait = LiveView.wait

    def waiting(view: LiveView, timeout_s: float) -> bool:
        if view.is_over:
            n_waits.append(view.running)
            if len(n_waits) == 3:
                pygame.event.post(pygame.event.Event(*key("m")))  # a key that closes nothing
            if len(n_waits) == 6:
                assert view.mirror
                pygame.event.post(pygame.event.Event(*key(last)))
        return wait(view, timeout_s)

    monkeypatch.setattr(LiveView, "wait", waiting)
    with make_view((Frame("film", i, i / 25, SCENE) for i in range(5)), True) as view:
        window.show(view)
        assert view.quit
    assert len(n_waits) >= 6
    assert not any(n_waits)
    assert not pygame.display.get_init()


def test_f_fills_the_screen_and_esc_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import pygame

    calls = []

    class Watched(pygame.Window):  # type: ignore[misc]
        def set_fullscreen(self, desktop: bool = False) -> None:
            calls.append(f"full {desktop}")

        def set_windowed(self) -> None:
            calls.append("windowed")

    monkeypatch.setattr(pygame, "Window", Watched)
    keys = [key("f"), key("h"), key("ESCAPE"), key("h"), key("f"), key("h"), key("f"), key("h")]
    Script(monkeypatch, *keys, key("ESCAPE"))
    stop = threading.Event()
    with make_view(endless(stop)) as view:
        window.show(view)
        assert view.quit
    stop.set()
    assert calls == ["full True", "windowed", "full True", "windowed"]


@pytest.mark.parametrize("n_frames", [0, 3])
def test_a_camera_that_goes_ends_the_window_with_its_reason(n_frames: int) -> None:
    import pygame

    def frames() -> Generator[Frame, None, None]:
        for index in range(n_frames):
            yield Frame("camera 0", index, index / 25, SCENE)
        yield Frame("camera 0", n_frames, 9.0, None, error="camera 0 did not come back")

    with make_view(frames()) as view, pytest.raises(SourceError, match="did not come back"):
        window.show(view)
    assert not pygame.display.get_init()


@pytest.mark.parametrize("wh", [(160, 120), (640, 480), (1920, 1080), (3840, 2160), (720, 1280)])
def test_the_first_window_fits_the_screen(wh: tuple[int, int]) -> None:
    class Screen:
        class display:
            @staticmethod
            def get_desktop_sizes() -> list[tuple[int, int]]:
                return [(1366, 768)]

    width, height = window.first_size(Screen, wh)
    assert (width, height) >= (320, 240)
    assert width <= 0.86 * 1366
    assert height <= 720


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_one_line_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LiveferError, match=r"no display .*--record.*livefer watch") as raised:
        window.open_display()
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="X11")
def test_with_a_dead_display_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SDL_VIDEODRIVER")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":9876")
    with pytest.raises(LiveferError, match="no display"):
        window.open_display()


@pytest.mark.parametrize("own", [None, "1"])
def test_x11_is_not_drawn_through_opengl_unless_the_user_says_so(
    own: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pygame

    name = "SDL_FRAMEBUFFER_ACCELERATION"
    monkeypatch.setenv(name, own or "")
    if own is None:
        monkeypatch.delenv(name)
    window.open_display()
    assert os.environ.get(name) == own
    monkeypatch.setattr(pygame.display, "get_driver", lambda: "x11")
    window.open_display()
    pygame.display.quit()
    assert os.environ[name] == (own or "0")


def test_pygame_prints_no_greeting() -> None:
    code = "from livefer.live.window import open_display; open_display()"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
