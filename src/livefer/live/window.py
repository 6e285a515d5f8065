"""The live window: SDL through pygame-ce, thin around a `LiveView`."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any

from livefer.errors import LiveferError
from livefer.live.strip import SHARE, strip_height
from livefer.live.view import FIRST_HEIGHT, LiveView

_MIN_WH = (320, 240)
_NO_LETTER = 1 << 30  # SDL's SDLK_SCANCODE_MASK: keys from here on have no character
_LEAST_S = 1 / 75  # between two pictures: no screen needs more
_WAIT_S = 0.01  # for a frame or its faces, before keys are read again
_BACKGROUND_RGB = (20, 22, 24)


def open_display() -> Any:
    """Start SDL's video and return pygame; LiveferError where there is no display."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # or the import prints a greeting
    os.environ.setdefault("SDL_WINDOWS_DPI_AWARENESS", "permonitorv2")
    import pygame

    chosen = os.environ.get("SDL_VIDEODRIVER")
    # Checked first: without a server, SDL and its libraries complain on stderr.
    if sys.platform != "linux" or chosen or _has_server():
        try:
            pygame.display.init()
        except pygame.error:
            pass
        else:
            if pygame.display.get_driver() == "x11":
                # Without a GPU, a picture takes 9 ms through OpenGL instead of 0.1
                # (docs/experiments/speed.md#2026-11-28-the-window-itself). On other systems SDL's
                # own choice is right.
                os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
            if chosen or pygame.display.get_driver() not in ("dummy", "offscreen"):
                return pygame
            pygame.display.quit()
    raise LiveferError(
        "there is no display to open a window on: record a video with --record out.mp4, or let "
        '"livefer watch" recognise without one'
    )


def _has_server() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(view: LiveView) -> None:
    """Show a view in a window until it is closed, or a camera ends."""
    pygame = open_display()
    try:
        while view.frame_wh is None:
            if not view.running:
                return
            time.sleep(0.01)
        window = pygame.Window(
            "", first_size(pygame, view.frame_wh), resizable=True, allow_high_dpi=True
        )
        window.minimum_size = _MIN_WH
        painted_s, is_full = -math.inf, False
        while view.running or view.is_over:
            title = f"livefer: {view.name}"
            if window.title != title:
                window.title = title
            if view.full_screen != is_full:
                is_full = view.full_screen
                if is_full:
                    window.set_fullscreen(desktop=True)
                else:
                    window.set_windowed()
                view.repaint()
            uncovered = False
            for event in pygame.event.get():
                if event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
                    view.quit = True
                elif event.type == pygame.KEYDOWN:
                    view.press(key_name(pygame, event))
                elif event.type == pygame.WINDOWEXPOSED:
                    uncovered = True
            surface = window.get_surface()  # in real pixels, also where the desktop is scaled
            now_s = time.perf_counter()
            canvas = view.paint(surface.get_size())
            if canvas is not None:
                painted_s = now_s
                height, width = canvas.shape[:2]
                picture = pygame.image.frombuffer(canvas, (width, height), "BGR")
                if surface.get_size() != (width, height):
                    surface.fill(_BACKGROUND_RGB)
                surface.blit(
                    picture, ((surface.width - width) // 2, (surface.height - height) // 2)
                )
            if canvas is not None or uncovered:
                window.flip()
            view.wait(_WAIT_S)
            time.sleep(max(0.0, painted_s + _LEAST_S - time.perf_counter()))
        window.destroy()
    finally:
        pygame.display.quit()


def key_name(pygame: Any, event: Any) -> str:
    """Return the name of a key; for a letter that is not Latin, the name on a US keyboard."""
    place = getattr(event, "scancode", 0) - pygame.KSCAN_A
    if 128 <= event.key < _NO_LETTER and 0 <= place < 26:
        return chr(ord("a") + place)
    return str(pygame.key.name(event.key))


def first_size(pygame: Any, frame_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the window's first size: a picture 720 high, or smaller where the screen is.

    Below it the strip has room, where the window is large enough for one.
    """
    screen_w, screen_h = (0.85 * side for side in pygame.display.get_desktop_sizes()[0])
    for strip in (SHARE, 0.0):
        most_h = min(FIRST_HEIGHT, screen_h * (1 - strip))
        scale = min(most_h / frame_wh[1], screen_w / frame_wh[0])
        width, height = round(frame_wh[0] * scale), round(frame_wh[1] * scale / (1 - strip))
        if strip_height((width, height)):
            break
    return max(_MIN_WH[0], width), max(_MIN_WH[1], height)
