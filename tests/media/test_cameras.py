"""Cameras by number, and what is said of one that does not open."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livefer.errors import SourceError
from livefer.media import cameras, sources
from livefer.media.cameras import camera_number, why_not_opened
from livefer.media.sources import open_source


@pytest.mark.parametrize(
    ("given", "number"),
    [(0, 0), (2, 2), ("3", 3), (np.int64(1), 1), (np.uint8(1), 1), (np.array(1), 1)],
)
def test_a_camera_has_a_number_of_any_integer_type(given: Any, number: int) -> None:
    assert camera_number(given) == number


@pytest.mark.parametrize("given", ["", "a.mp4", "-", "-x", "0.5", 0.5, None, b"0", Path("0"), [0]])
def test_anything_else_is_no_camera(given: Any) -> None:
    assert camera_number(given) is None


@pytest.mark.parametrize("given", [-1, -2, -99, np.int64(-1), "-1", np.array(-3)])
def test_a_number_below_0_is_an_error_before_opencv_crashes(given: Any) -> None:
    with pytest.raises(SourceError, match=rf"camera {int(given)} does not exist: .* count from 0"):
        open_source(given)


@pytest.mark.parametrize("given", [True, False, np.bool_(True)])
def test_true_is_no_camera(given: Any) -> None:
    with pytest.raises(SourceError, match=rf"{given} is no source: expected the number"):
        open_source(given)


@pytest.mark.parametrize(
    ("error", "mode", "says"),
    [
        (errno.ENOENT, 0o660, 'there is no /dev/video1: .* "--device /dev/video1" to docker run'),
        (errno.EPERM, 0o660, 'may not be opened here: .* "--device /dev/video1"'),
        (errno.EACCES, 0o660, r'"sudo usermod -aG \w+ \$USER" .*"--group-add 0"'),
        (errno.EACCES, 0o600, "only its owner may"),
        (errno.ENODEV, 0o660, "does not open .*: connect the camera again"),
        (errno.EBUSY, 0o660, "is another program using it?"),
        (None, 0o660, "is another program using it?"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="there, cameras have no path")
def test_the_reason_on_linux(
    error: int | None, mode: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str, flags: int) -> int:
        if error is not None:
            raise OSError(error, os.strerror(error))
        return os.dup(0)

    monkeypatch.setattr(cameras.sys, "platform", "linux")
    monkeypatch.setattr(cameras.os, "open", fails)
    monkeypatch.setattr(cameras.os, "stat", lambda _: SimpleNamespace(st_mode=mode, st_gid=0))
    assert re.search(says, why_not_opened(1))


@pytest.mark.parametrize(
    ("system", "says"),
    [("darwin", "Privacy & Security > Camera"), ("win32", "Privacy > Camera"), ("aix", "another")],
)
def test_the_reason_elsewhere(system: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras.sys, "platform", system)
    assert says in why_not_opened(0)


def test_the_next_camera_is_the_first_after_this_one_that_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[int] = []

    def open_it(number: int, live: bool, reconnect_s: float) -> sources.Source:
        tried.append(number)
        if number != 1:
            raise SourceError("in use")
        return sources.Source(f"camera {number}", [], live=live)

    monkeypatch.setattr(sources, "camera_numbers", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(sources, "open_source", open_it)
    found = sources.open_next_camera(2)
    assert found is not None
    assert (found[0], found[1].name) == (1, "camera 1")
    assert tried == [3, 0, 1]
    assert sources.open_next_camera(1) is None
    assert tried[3:] == [2, 3, 0]
