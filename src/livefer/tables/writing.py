"""Result tables as CSV, JSON lines or Parquet: one small writer each, over one base.

    with open_table("clip.parquet", recognizer.classes) as table:
        for result in recognizer.stream("clip.mp4"):
            table.write(result)

A writer fills a file of a temporary name beside `path` and renames it when it is closed, also by
Ctrl-C or an error, so that the file at `path` is always whole. `tables/schema.py` has the columns.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livefer.errors import ConfigError, MissingExtraError
from livefer.results import FrameResult, Marker
from livefer.system.atomic import STDOUT, Sink
from livefer.tables.bystanders import Bystanders
from livefer.tables.schema import SCHEMA_VERSION, columns, parquet_schema, row_of_marker, rows_of
from livefer.tables.sidecar import SCHEMA, drop_sidecar, write_sidecar

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")
_ROW_GROUP, _ROW_BATCH = 5_000, 500  # rows of a Parquet table that wait: packed, and plain


def open_table(
    path: str | Path,
    classes: Sequence[str],
    metadata: Mapping[str, str] | None = None,
    landmarks: bool = False,
    min_seen_s: float = 0.0,
    live: bool = False,
    kind: str | None = None,
) -> TableSink:
    """Open a result table for writing, of the kind that its suffix names.

    classes: of the model whose results are written; they are columns
    metadata: how the table was made, as `Recognizer.metadata`; Parquet has a place for it, CSV and
        JSON lines get a file beside them, such as clip.csv.json
    landmarks: with columns for them
    min_seen_s: leave out the faces of tracks that are seen for fewer seconds
    live: with the time of the clock and markers, for live sources
    kind: the suffix of standard output, whose name, "-", has none

    ConfigError for another suffix, LiveferError where the file cannot be written, and
    MissingExtraError for Parquet without pyarrow.
    """
    suffix = kind or Path(path).suffix.lower()
    if suffix == ".csv":
        return CsvSink(path, classes, metadata, landmarks, min_seen_s, live)
    if suffix == ".jsonl":
        return JsonlSink(path, classes, metadata, landmarks, min_seen_s, live)
    if suffix == ".parquet":
        return ParquetSink(path, classes, metadata, landmarks, min_seen_s, live)
    raise ConfigError(
        f"{path} is no name for a table: expected one that ends in {', '.join(TABLE_SUFFIXES)}"
    )


class TableSink(Sink):
    """A table that is being written, one frame after another; arguments as of `open_table`.

    n_faces: written so far
    """

    holds_metadata = False  # whether the format has a place for them

    def __init__(
        self,
        path: str | Path,
        classes: Sequence[str],
        metadata: Mapping[str, str] | None = None,
        landmarks: bool = False,
        min_seen_s: float = 0.0,
        live: bool = False,
    ) -> None:
        self._classes, self._landmarks, self._live = classes, landmarks, live
        # Before there is a file: wrong classes leave none.
        self._columns = columns(classes, landmarks, live)
        self._about = {SCHEMA: str(SCHEMA_VERSION), **metadata} if metadata else {}
        self._bystanders = Bystanders(min_seen_s) if min_seen_s > 0 else None
        self.n_faces = 0
        super().__init__(path)

    def write(self, result: FrameResult) -> None:
        """Write the rows of one frame."""
        done = [result] if self._bystanders is None else self._bystanders.add(result)
        for one in done:
            self._write_frame(one)

    def _write_frame(self, result: FrameResult) -> None:
        self.n_faces += len(result.faces)
        self._write_rows(rows_of(result, self._classes, self._landmarks, self._live))

    def mark(self, marker: Marker, result: FrameResult) -> None:
        """Write the row of a marker; only a live table has a place for it.

        result: the newest one of the source
        """
        self._write_rows([row_of_marker(marker, result, self._classes, self._landmarks)])

    @property
    def n_bystanders(self) -> int:
        """Tracks that were left out so far, because they were seen for too short a time."""
        return len(self.left_out)

    @property
    def left_out(self) -> frozenset[tuple[str, int]]:
        """Source and number of these tracks."""
        return frozenset(() if self._bystanders is None else self._bystanders.left_out)

    def close(self) -> None:
        """End the file and give it its name, and write its metadata beside it."""
        if self._bystanders is not None and not self._is_broken:
            for one in self._bystanders.end():
                self._write_frame(one)
        super().close()
        if not self.holds_metadata and not self._is_broken and self.path.is_file():
            if self._about:
                write_sidecar(self.path, self._about)
            else:
                drop_sidecar(self.path)

    @abstractmethod
    def _write_rows(self, rows: list[dict[str, Any]]) -> None: ...


class TextSink(TableSink):
    """A table as text."""

    def __init__(self, path: str | Path, classes: Sequence[str], *more: Any) -> None:
        super().__init__(path, classes, *more)
        self._file = self._partial.open_text()

    def _push(self) -> None:
        """Let the rows of a live table reach its file: a session may last for days."""
        if self._live:
            self._file.flush()

    def _end_file(self) -> None:
        self._file.close()


class CsvSink(TextSink):
    """A table as CSV: UTF-8, a header, a line feed after each row."""

    def __init__(self, path: str | Path, classes: Sequence[str], *more: Any) -> None:
        super().__init__(path, classes, *more)
        self._text = io.StringIO()
        # The csv module quotes a cell that holds a character of the line terminator: with both of
        # them here, a name with either is read back unchanged.
        self._csv = csv.DictWriter(self._text, self._columns, lineterminator="\r\n")
        self._csv.writeheader()
        self._end_row()
        self._write_text()

    def _write_rows(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
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
            self._push()
        self._text.seek(0)
        self._text.truncate()


class JsonlSink(TextSink):
    """A table as JSON lines: one object with all columns for each row."""

    def _write_rows(self, rows: list[dict[str, Any]]) -> None:
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        with self._writing():
            self._file.write("".join(f"{line}\n" for line in lines))
            self._push()


class ParquetSink(TableSink):
    """A table as Parquet, compressed with Zstandard; its memory does not grow with its rows."""

    holds_metadata = True

    def __init__(self, path: str | Path, classes: Sequence[str], *more: Any) -> None:
        try:
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            raise MissingExtraError("writing Parquet", "analysis") from None
        is_stdout = str(path) == STDOUT
        if is_stdout and sys.stdout.isatty():
            raise ConfigError("Parquet is no text for a terminal: send it to a file or a pipe")
        super().__init__(path, classes, *more)
        about = self._about or {SCHEMA: str(SCHEMA_VERSION)}
        self._schema = parquet_schema(classes, self._landmarks, self._live).with_metadata(about)
        where = sys.stdout.buffer if is_stdout else self._part
        self._file = pq.ParquetWriter(where, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._n_packed = 0

    def _write_rows(self, rows: list[dict[str, Any]]) -> None:
        self._rows += rows
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
