"""What results are written to: tables, as CSV, JSON lines or Parquet.

Every sink is a context manager with `write`. It fills a file of a temporary name beside `path` and
renames it when closed, also when left by Ctrl-C or an error, so that `path` is always whole.

A table has one row for each face. A frame without a face has one row in which everything of a face
is empty (null in JSON), and so has a file or frame that could not be read, with its `error`:

    source, index, time_s   the file, camera or URL; the frame's number in it; its seconds
    n_skipped               frames left out since the frame before, by live reading or damage
    error                   why there is no image, else empty
    note                    what is known of the image, else empty: "damaged", "too dark", "too
                            bright", "blank", or "cut" where a new shot begins
    track_id                who: counts from 1 in each source; empty in pictures
    left, top, right, bottom  the face's box in pixels
    score                   the detector's certainty, 0–1
    label, second_label     the most probable class and the next
    confidence              the smoothed probability of `label`
    uncertain               true or false: the label is not to be relied on
    answer                  what to print for the face: "happy", "fear or sad?", "unclear"
    <class> …               smoothed probabilities, a column for each class by its name
    raw_<class> …           probabilities of this frame alone
    schema                  1: the version of what this page says; docs/tables.md has the types
"""

from __future__ import annotations

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from livefer.errors import ConfigError, LiveferError, MissingExtraError
from livefer.results import Face, FrameResult

SCHEMA_VERSION = 1
"""Grows when a column gets another name, type or meaning; a column more does not count."""

Type = type[str] | type[int] | type[float] | type[bool]
FRAME_COLUMNS: dict[str, Type] = {
    **{"source": str, "index": int, "time_s": float, "n_skipped": int},
    **{"error": str, "note": str},
}
FACE_COLUMNS: dict[str, Type] = {
    **{"track_id": int, "left": float, "top": float, "right": float, "bottom": float},
    **{"score": float, "label": str, "second_label": str, "confidence": float},
    **{"uncertain": bool, "answer": str},
}
_ROW_GROUP, _ROW_BATCH = 5_000, 500  # rows of a Parquet table that wait: packed, and plain


def columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a table's columns for a model with these classes."""
    raw = (f"raw_{name}" for name in classes)
    names = (*FRAME_COLUMNS, *FACE_COLUMNS, *classes, *raw, "schema")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"a class called {', '.join(twice)} would be the second column of that name in a "
            "table: rename the class"
        )
    return names


def column_types(classes: Sequence[str]) -> dict[str, Type]:
    """Return what each column holds; all but source, index, time_s, n_skipped, schema may be empty.

    classes: of the model whose probabilities the table has
    """
    known = {**FRAME_COLUMNS, **FACE_COLUMNS, "schema": int}
    return {name: known.get(name, float) for name in columns(classes)}


def parquet_schema(classes: Sequence[str]) -> Any:
    """Return the columns and types of a Parquet table, as pyarrow has them."""
    import pyarrow as pa

    arrow = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return pa.schema([(name, arrow[kind]) for name, kind in column_types(classes).items()])


def rows(result: FrameResult, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return a frame's rows of a table: one for each face, or one without a face."""
    frame = {**result.to_dict(), "schema": SCHEMA_VERSION}
    empty = {name: frame.get(name) for name in columns(classes)}
    return [empty | _face_cells(face) for face in result.faces] or [empty]


def _face_cells(face: Face) -> dict[str, Any]:
    cells = face.to_dict()
    box = dict(zip(("left", "top", "right", "bottom"), cells.pop("box"), strict=True))
    smoothed = cells.pop("probabilities")
    raw = {f"raw_{name}": value for name, value in cells.pop("raw_probabilities").items()}
    return {**cells, **box, **smoothed, **raw}


class Sink(ABC):
    """A file that appears under its name when it is closed."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._is_broken = False
        self._part = self.path.with_name(f".{self.path.stem}.{os.getpid()}.part{self.path.suffix}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        except OSError as error:
            raise LiveferError(
                f"{self.path} cannot be written ({error.strerror}): choose another place"
            ) from None

    @abstractmethod
    def _end_file(self) -> None: ...

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep what cannot be written whole from the file's name, as on a full disk."""
        try:
            yield
        except OSError as error:
            self._is_broken = True
            raise LiveferError(
                f"{self.path} cannot be written ({error.strerror or error}): is the disk full? "
                f"What was written is in {self._part}"
            ) from None

    def close(self) -> None:
        """End the file and give it its name; a second call does nothing."""
        if self._is_broken:
            with suppress(OSError, LiveferError):
                self._end_file()
            return
        with self._writing():
            self._end_file()
        if not self._part.exists():
            return
        try:
            self._part.replace(self.path)
        except OSError as error:
            raise LiveferError(
                f"{self.path} could not be replaced ({error.strerror}): is it open in another "
                f"program? What was written is in {self._part}"
            ) from None

    def __enter__(self: SinkT) -> SinkT:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


SinkT = TypeVar("SinkT", bound=Sink)


class CsvSink(Sink):
    """A table as CSV: UTF-8, a header, a line feed after each row."""

    def __init__(self, path: str | Path, classes: Sequence[str]) -> None:
        self._classes = classes
        names = columns(classes)
        super().__init__(path)
        self._file = self._part.open("w", encoding="utf-8", newline="")
        self._text = io.StringIO()
        # What ends its rows is what the writer puts in quotes where it is in a name: so both.
        self._csv = csv.DictWriter(self._text, names, lineterminator="\r\n")
        self._csv.writeheader()
        self._end_row()
        self._write_text()

    def write(self, result: FrameResult) -> None:
        """Write the rows of one frame."""
        for row in rows(result, self._classes):
            if row["uncertain"] is not None:
                row["uncertain"] = str(row["uncertain"]).lower()
            self._csv.writerow(row)
            self._end_row()
        self._write_text()

    def _end_row(self) -> None:
        self._text.seek(self._text.tell() - 2)
        self._text.write("\n")
        self._text.truncate()

    def _write_text(self) -> None:
        """Write whole rows in one call, so that Ctrl-C cannot leave half of one."""
        with self._writing():
            self._file.write(self._text.getvalue())
        self._text.seek(0)
        self._text.truncate()

    def _end_file(self) -> None:
        self._file.close()


class JsonlSink(Sink):
    """A table as JSON lines: one object with all columns for each row."""

    def __init__(self, path: str | Path, classes: Sequence[str]) -> None:
        self._classes = classes
        columns(classes)
        super().__init__(path)
        self._file = self._part.open("w", encoding="utf-8", newline="\n")

    def write(self, result: FrameResult) -> None:
        """Write the rows of one frame."""
        lines = (json.dumps(row, ensure_ascii=False) for row in rows(result, self._classes))
        with self._writing():
            self._file.write("".join(f"{line}\n" for line in lines))

    def _end_file(self) -> None:
        self._file.close()


class ParquetSink(Sink):
    """A table as Parquet, compressed with Zstandard; its memory does not grow with its rows."""

    def __init__(
        self, path: str | Path, classes: Sequence[str], metadata: Mapping[str, str] | None = None
    ) -> None:
        """metadata: what else the file is to say about itself, beside the version of its schema."""
        try:
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            raise MissingExtraError("writing Parquet", "analysis") from None
        self._classes = classes
        about = {"livefer.schema": str(SCHEMA_VERSION), **(metadata or {})}
        self._schema = parquet_schema(classes).with_metadata(about)
        super().__init__(path)
        self._file = pq.ParquetWriter(self._part, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._n_packed = 0

    def write(self, result: FrameResult) -> None:
        """Write the rows of one frame."""
        self._rows += rows(result, self._classes)
        if len(self._rows) >= min(_ROW_BATCH, _ROW_GROUP):
            self._pack()
        if self._n_packed >= _ROW_GROUP:
            self._write_group()

    def _pack(self) -> None:
        """Turn the waiting rows into columns, which take a tenth of the memory."""
        import pyarrow as pa

        waiting, self._rows = self._rows, []
        self._batches.append(pa.RecordBatch.from_pylist(waiting, self._schema))
        self._n_packed += len(waiting)

    def _write_group(self) -> None:
        import pyarrow as pa

        batches, self._batches, self._n_packed = self._batches, [], 0
        with self._writing():
            self._file.write_table(pa.Table.from_batches(batches), row_group_size=_ROW_GROUP)

    def _end_file(self) -> None:
        if self._rows:
            self._pack()
        if self._batches:
            self._write_group()
        self._file.close()


TableSink = CsvSink | JsonlSink | ParquetSink
