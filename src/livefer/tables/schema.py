"""What a result table holds: its columns, their types, and the rows of a frame.

A table has one row for each face. A frame without a face has one row in which every column of a
face is empty (null in JSON), and so has a file or frame that could not be read, with its `error`:

    source, index, time_s   the file, camera or URL; the frame's number in it; its seconds
    n_skipped               frames left out since the frame before, by live reading or damage
    error                   why there is no image, else empty
    note                    what is known of the image, else empty: "damaged", "too dark", "too
                            bright", "blank", "cut" where a new shot begins, or "at an assumed
                            rate"
    track_id                the person: counts from 1 in each source; empty in pictures
    left, top, right, bottom  the face's box in pixels
    score                   the detector's certainty, 0–1
    label, second_label     the most probable class and the next
    confidence              the smoothed probability of `label`
    uncertain               true or false: the label is not to be relied on
    answer                  the text to print for the face: "happy", "fear or sad?", "unclear"
    profile                 the name of the person's profile that judged the face, else empty
    why                     why it is uncertain: confidence, small, cut off, dark, blurred
    sharpness, brightness   fine contrast over coarse, and mean gray level, of the face
    <class> …               smoothed probabilities, a column for each class by its name
    raw_<class> …           probabilities of this frame alone
    captured_s, marker      of live tables: LIVE_COLUMNS
    right_eye_x …           on request, the landmarks in pixels: LANDMARK_COLUMNS
    schema                  1: the version of this description; docs/tables.md has the types
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from livefer.errors import ConfigError
from livefer.formatting import printable
from livefer.labels import CLASSES
from livefer.results import LANDMARKS, Face, FrameResult, Marker

SCHEMA_VERSION = 1
"""Grows when a column gets another name, type or meaning, but not when a column is added."""

Type = type[str] | type[int] | type[float] | type[bool]
FRAME_COLUMNS: dict[str, Type] = {
    **{"source": str, "index": int, "time_s": float, "n_skipped": int},
    **{"error": str, "note": str},
}
FACE_COLUMNS: dict[str, Type] = {
    **{"track_id": int, "left": float, "top": float, "right": float, "bottom": float},
    **{"score": float, "label": str, "second_label": str, "confidence": float},
    **{"uncertain": bool, "answer": str, "profile": str},
    **{"why": str, "sharpness": float, "brightness": float},
}
LANDMARK_COLUMNS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
"""The columns of the landmarks, which only tables have for which they were asked for."""

LIVE_COLUMNS: dict[str, Type] = {"captured_s": float, "marker": str}
"""The columns that only tables of live sources have: the time of the clock, and moments to find.

A row with a marker is no frame: all its other columns but source, index and times are empty.
"""

STARTED, STARTED_S = "livefer.started", "livefer.started_s"
"""The metadata keys of a live session's start: by the calendar, and by the clock of captured_s."""

_RAW = "raw_"


def columns(classes: Sequence[str], landmarks: bool = False, live: bool = False) -> tuple[str, ...]:
    """Return the names of a table's columns for a model with these classes.

    landmarks: with columns for them
    live: with LIVE_COLUMNS

    ConfigError where a class has the name of another column.
    """
    raw = (f"{_RAW}{name}" for name in classes)
    points = LANDMARK_COLUMNS if landmarks else ()
    of_live = LIVE_COLUMNS if live else ()
    names = (*FRAME_COLUMNS, *FACE_COLUMNS, *classes, *raw, *of_live, *points, "schema")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"a class called {', '.join(twice)} would be the second column of that name in a "
            "table: rename the class"
        )
    return names


def column_types(
    classes: Sequence[str], landmarks: bool = False, live: bool = False
) -> dict[str, Type]:
    """Return the type of each column of a table for a model with these classes.

    All but source, index, time_s, n_skipped and schema may be empty.
    """
    known = {**FRAME_COLUMNS, **FACE_COLUMNS, **LIVE_COLUMNS, "schema": int}
    return {name: known.get(name, float) for name in columns(classes, landmarks, live)}


def classes_in(names: Sequence[str]) -> tuple[str, ...]:
    """Return the classes of a table with columns of these names: those with a raw_ column, too."""
    return tuple(name for name in names if f"{_RAW}{name}" in names)


def has_landmarks(names: Sequence[str]) -> bool:
    """Say whether a table with columns of these names has those of the landmarks."""
    return set(LANDMARK_COLUMNS) <= set(names)


def is_live(names: Sequence[str]) -> bool:
    """Say whether a table with columns of these names has those of live sources."""
    return set(LIVE_COLUMNS) <= set(names)


def parquet_schema(classes: Sequence[str], landmarks: bool = False, live: bool = False) -> Any:
    """Return the columns and types of a Parquet table as a `pyarrow.Schema`."""
    return arrow_schema(column_types(classes, landmarks, live))


def arrow_schema(types: Mapping[str, Type]) -> Any:
    """Return columns of these types as a `pyarrow.Schema`."""
    import pyarrow as pa

    arrow = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return pa.schema([(name, arrow[kind]) for name, kind in types.items()])


def to_rows(
    results: Iterable[FrameResult], classes: Sequence[str] = CLASSES, landmarks: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as plain data: one for each face, one for a frame without a face.

    classes: of the model that made the results; they are columns of every row
    landmarks: with columns for them
    """
    for result in results:
        yield from rows_of(result, classes, landmarks)


def rows_of(
    result: FrameResult, classes: Sequence[str], landmarks: bool = False, live: bool = False
) -> list[dict[str, Any]]:
    """Return the rows of one frame: one for each face, or one without a face."""
    frame = {**result.to_dict(), "schema": SCHEMA_VERSION}
    empty = {name: frame.get(name) for name in columns(classes, landmarks, live)}
    return [empty | _face_cells(face, landmarks) for face in result.faces] or [empty]


def row_of_marker(
    marker: Marker, result: FrameResult, classes: Sequence[str], landmarks: bool = False
) -> dict[str, Any]:
    """Return the row of a marker in a live table.

    result: the newest one of the source, which tells how its times lie to those of the clock
    """
    time_s = result.time_s
    if result.captured_s is not None:
        time_s += marker.captured_s - result.captured_s
    frame = FrameResult(result.source, result.index, time_s, None, captured_s=marker.captured_s)
    (row,) = rows_of(frame, classes, landmarks, live=True)
    return row | {"marker": printable(marker.text)}


def _face_cells(face: Face, landmarks: bool) -> dict[str, Any]:
    cells = face.to_dict(landmarks)
    box = dict(zip(("left", "top", "right", "bottom"), cells.pop("box"), strict=True))
    smoothed = cells.pop("probabilities")
    raw = {f"{_RAW}{name}": value for name, value in cells.pop("raw_probabilities").items()}
    points = (cells.pop("landmarks", None) or {}).values()
    cells.pop("plain_probabilities", None)
    places = dict(zip(LANDMARK_COLUMNS, (v for point in points for v in point), strict=False))
    return {**cells, **box, **smoothed, **raw, **places}
