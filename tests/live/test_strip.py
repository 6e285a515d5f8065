"""The strip of the last 30 seconds: what it shows, forgets and leaves empty, and who has one."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import make_face
from numpy.typing import NDArray

from livefer.labels import CLASSES, colour_bgr
from livefer.live import strip
from livefer.live.strip import Strip, strip_height
from livefer.results import FrameResult

WH = (900, 120)
LAYOUT = strip._layout(WH, CLASSES)


def seen(
    time_s: float, label: str | None = "happy", share: float = 0.9, track_id: int = 1, **more: bool
) -> FrameResult:
    faces = (
        []
        if label is None
        else [make_face((9, 9, 90, 90), label, share, track_id=track_id, **more)]
    )
    return FrameResult("camera 0", round(25 * time_s), time_s, None, tuple(faces))


def filled(image: NDArray[np.uint8], name: str, ago_s: float) -> float:
    """Return how high a class's lane is filled at a time, as a share of the lane."""
    x = round(LAYOUT.right - (LAYOUT.right - LAYOUT.left) * ago_s / 30)
    base = int(LAYOUT.base(CLASSES.index(name)))
    column = image[base - round(LAYOUT.high) : base, x].astype(int)
    colour = np.array(colour_bgr(name, CLASSES))
    near = np.abs(column - colour).sum(1) < 90
    return float(near.sum() / LAYOUT.high)


def test_a_lane_is_as_high_as_its_probability_was() -> None:
    one = Strip(CLASSES)
    for i in range(250):
        one.add(seen(i / 25, "happy" if i < 125 else "sad", 0.9))
    image = one.paint(WH, 9.96)
    assert image.shape == (120, 900, 3)
    assert filled(image, "happy", 8) == pytest.approx(0.9, abs=0.15)
    assert filled(image, "happy", 2) == 0
    assert filled(image, "sad", 2) == pytest.approx(0.9, abs=0.15)
    assert filled(image, "sad", 8) == 0
    assert filled(image, "happy", 15) == 0, "before the first frame"


def test_what_is_older_than_the_span_is_forgotten() -> None:
    one = Strip(CLASSES)
    for i in range(2000):
        one.add(seen(i / 25))
    assert 260 <= len(one._samples) <= 265, "every third frame of 31.5 seconds"
    one.clear()
    assert (one.paint(WH, 90.0) == strip._ground(LAYOUT, CLASSES)).all()


def test_a_time_without_the_face_stays_empty_but_a_moment_does_not() -> None:
    one = Strip(CLASSES)
    for i in range(200):
        time_s = i / 10
        is_gone = 5 < time_s < 10 or 14 < time_s < 14.8
        one.add(seen(time_s, None if is_gone else "happy"))
    image = one.paint(WH, 20.0)
    assert filled(image, "happy", 20 - 7.5) == 0
    assert filled(image, "happy", 20 - 14.4) > 0.7
    assert filled(image, "happy", 20 - 12) > 0.7


def test_an_uncertain_face_is_dim_and_another_face_has_its_number() -> None:
    pictures = []
    for more in ({"uncertain": False}, {"uncertain": True}, {"track_id": 2}):
        one = Strip(CLASSES)
        for i in range(100):
            one.add(seen(i / 10, **({} if i < 50 else more)))  # type: ignore[arg-type]
        pictures.append(one.paint(WH, 10.0))
    plain, dim, other = pictures
    assert filled(dim, "happy", 7.5) > 0.7
    assert filled(dim, "happy", 2.5) == 0
    assert dim[int(LAYOUT.base(3)) - 4, -100].max() > 60, "dim, but there"
    half = round(LAYOUT.right - (LAYOUT.right - LAYOUT.left) / 6)
    assert (plain[: LAYOUT.size, half : half + 30] != other[: LAYOUT.size, half : half + 30]).any()


def test_the_picture_changes_ten_times_a_second() -> None:
    one = Strip(CLASSES)
    one.add(seen(0.0))
    first = one.paint(WH, 0.0)
    one.add(seen(0.05, track_id=2))
    assert one.paint(WH, 0.05) is first
    assert one.paint(WH, 0.1) is not first
    assert one.paint((800, 120), 0.1).shape == (120, 800, 3)


@pytest.mark.parametrize("n_classes", [2, 30])
def test_it_takes_any_classes(n_classes: int) -> None:
    classes = tuple(f"class {i}" for i in range(n_classes))
    one = Strip(classes)
    face = make_face((9, 9, 90, 90), classes[0], classes=classes, track_id=1)
    one.add(FrameResult("camera 0", 0, 0.0, None, (face,)))
    assert one.paint(WH, 1.0).shape == (120, 900, 3)


@pytest.mark.parametrize(
    ("window_wh", "has_one"),
    [((560, 420), False), ((640, 480), False), ((960, 867), True), ((1920, 1080), True),
     ((400, 900), False), ((320, 240), False)],
)  # fmt: skip
def test_small_windows_have_none(window_wh: tuple[int, int], has_one: bool) -> None:
    assert (strip_height(window_wh) > 0) == has_one
