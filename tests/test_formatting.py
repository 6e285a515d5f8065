"""Times, lengths, counts and names as people read them."""

from __future__ import annotations

import pytest

from livefer.formatting import (
    clock,
    count,
    length,
    printable,
    seconds_of,
    short_name,
    without_middle,
)


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3723, "1:02:03")],
)
def test_clock(time_s: float, text: str) -> None:
    assert clock(time_s) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("1:02:03", 3723), ("100:00", 6000)],
)
def test_seconds_of(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["soon", "", "1:75", "1:2:3:4", "-1", "nan", "1e9", "1:-1"])
def test_no_seconds_of_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|could not convert"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.04 s"), (0.1, "0.1 s"), (9.9, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"),
     (59.6, "1:00 min"), (3599.6, "1:00:00 h"), (7205, "2:00:05 h")],
)  # fmt: skip
def test_length(seconds: float, text: str) -> None:
    assert length(seconds) == text


def test_count() -> None:
    assert [count(n, "person") for n in (0, 1, 2)] == ["0 people", "1 person", "2 people"]
    assert count(12_000, "frame") == "12,000 frames"


def test_short_name() -> None:
    assert short_name("a/b c.mp4") == "b c.mp4"
    assert short_name("rtsp://x/y") == "rtsp://x/y"
    assert short_name("0") == "0"


def test_without_middle() -> None:
    assert without_middle("0123456789", 10) == "0123456789"
    assert [without_middle("0123456789", most) for most in (9, 8, 2)] == [
        "0123…6789",
        "0123…789",
        "0…",
    ]


def test_printable() -> None:
    assert printable("Zoë 𝄞.jpg") == "Zoë 𝄞.jpg"
    assert printable("caf\udce9.jpg") == "caf\\xe9.jpg"
    assert printable("\ud83d.jpg") == "\\ud83d.jpg"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:word@host/a@b.jpg", "http://host/a@b.jpg"),
        ("rtsp://me:w@rd@host:554/door could not be opened", "rtsp://host:554/door could not be o"),
        ("of s3://bucket/a.mp4 and me@host: a//b@c", "of s3://bucket/a.mp4 and me@host: a//b@c"),
    ],
)
def test_what_is_shown_has_no_passwords(text: str, shown: str) -> None:
    assert printable(text).startswith(shown)
