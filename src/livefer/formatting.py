"""Times, durations, counts and names as text for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def clock(time_s: float) -> str:
    """Return a point in time as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds_of(text: str) -> float:
    """Return the seconds of a time as people write it: "90", "1:30" or "0:01:30.5".

    ValueError for any other text.
    """
    parts = [float(part) for part in text.split(":")]
    fits = all(0 <= part < 1e9 for part in parts) and all(part < 60 for part in parts[1:])
    if not fits or len(parts) > 3:
        raise ValueError(f"{text} is not a time")
    return sum(part * 60.0**power for power, part in enumerate(reversed(parts)))


def length(seconds: float) -> str:
    """Return a duration as 0.04 s, 3.2 s, 48 s, 2:05 min or 1:02:03 h."""
    if seconds < 0.095:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{clock(seconds)} {'min' if seconds < 3599.5 else 'h'}"


def count(n: int, what: str) -> str:
    """Return a number with its noun: "1 person", "3 people", "2,000 frames"."""
    plural = {"person": "people", "copy": "copies"}.get(what, f"{what}s")
    return f"{n:,} {what if n == 1 else plural}"


def short_name(source: str) -> str:
    """Return the name of a file without its folder; addresses and cameras stay as they are."""
    return source if "://" in source else Path(source).name or source


def short_names(sources: Iterable[str]) -> dict[str, str]:
    """Return the shortest name of each file that is no other one's: with folders where needed."""
    names = {source: short_name(source) for source in sources}
    for n_folders in range(1, 50):
        often = Counter(names.values())
        alike = [source for source, name in names.items() if often[name] > 1]
        if not alike:
            break
        for source in alike:
            names[source] = "/".join(Path(source).parts[-1 - n_folders :])
    return names


def without_middle(text: str, most: int) -> str:
    """Return a text of at most `most` letters: of a longer one the beginning and the end."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - 1) // 2 :]}"


def printable(text: str) -> str:
    """Return a name or a line as it may be shown or written.

    Bytes of it that are not UTF-8 become \\xe9 and the like, and addresses have no passwords.
    """
    text = without_passwords(text)
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # half of a surrogate pair, as names on Windows may have
        return text.encode(errors="backslashreplace").decode()


def without_passwords(text: str) -> str:
    """Return an address, or a line with some, without the names and passwords in front of hosts."""
    return re.sub(r"://[^/?#\s]*@", "://", text)  # to the last @, as FFmpeg reads it
