"""Annotations of ELAN and BORIS as rows of events: onset, duration, trial_type.

ELAN: File, Export As, Tab-delimited Text, with or without column headers. BORIS: Observations,
Export events, as tabular or aggregated events, CSV or TSV. The columns show which it is.
https://www.mpi.nl/tools/elan/docs/manual/, https://www.boris.unito.it/user_guide/export_events/
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from livefer.errors import DatasetError
from livefer.formatting import short_name
from livefer.tables.plain import csv_errors, read_plain

Rows = Iterator[tuple[int, dict[str, str]]]
_Lines = list[tuple[int, list[str]]]

_PROGRAMS = {".eaf": "ELAN", ".boris": "BORIS"}
_HEADER_WITHIN = 60  # lines: BORIS writes what it knows of the observation before the header
_CLOCK = re.compile(r"\d+:\d\d:\d\d([.,:]\d+)?")
_NUMBER = re.compile(r"\d+([.,]\d+)?")
_ELAN_OTHERS = ("tier", "participant", "begin time", "end time", "duration", "annotator", "file")


def event_rows_of(path: Path) -> Rows:
    """Yield the line and the cells of each event: onset, duration, trial_type, tier, file.

    A file of another program, with columns as in BIDS, is read as it is. DatasetError where the
    file cannot be read.
    """
    if (program := _PROGRAMS.get(path.suffix.lower())) is not None:
        raise DatasetError(f"{path} is {program}'s own file: export its annotations as text")
    lines = _first_lines(path)
    for number, (_, cells) in enumerate(lines):
        names = [cell.casefold() for cell in cells]
        if "behavior" in names and "start (s)" in names:
            return _boris_spans(path, cells, number)
        if "behavior" in names and "time" in names:
            return _boris_points(path, cells, number)
        if any(name.startswith("begin time") for name in names):
            return _elan(path, cells, number)
    if path.suffix.lower() == ".txt" or not _has_names(lines):
        return _elan_without_header(path)
    return read_plain(path)


def _has_names(lines: _Lines) -> bool:
    return bool(lines) and not any(_CLOCK.fullmatch(cell) for cell in lines[0][1])


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line that is neither empty nor a remark."""
    with csv_errors(path), path.open(encoding="utf-8-sig", newline="") as file:
        kept = (line for line in file if not line.startswith(("#", '"#')))
        first = next((line for line in kept if any(m in line for m in ",;\t")), "")
        mark = min((m for m in ",;\t" if m in first), key=first.index, default="\t")
        file.seek(0)
        table = csv.reader(file, delimiter=mark)
        for cells in table:
            cells = [cell.strip() for cell in cells]
            if any(cells) and not cells[0].startswith("#"):
                yield table.line_num, cells


def _first_lines(path: Path) -> _Lines:
    return list(islice(_lines(path), _HEADER_WITHIN))


def _rows(path: Path, header: Sequence[str], place: int) -> Rows:
    """Yield the rows below a header that is the place-th line, by the names of the columns."""
    names = [name.casefold() for name in header]
    for line, cells in islice(_lines(path), place + 1, None):
        yield line, dict(zip(names, cells, strict=False))


def _elan(path: Path, header: Sequence[str], place: int) -> Rows:
    names = [name.casefold() for name in header]
    onset, end = _elan_times(names, "begin time"), _elan_times(names, "end time")
    if onset is None or end is None:
        raise DatasetError(
            f"{path} has no times that can be read: export it from ELAN with begin and end time as "
            "ss.msec"
        )
    labels = [n for n in names if not n.startswith(_ELAN_OTHERS)]
    for line, row in _rows(path, header, place):
        start_s, end_s = (_elan_seconds(row[name], name, path, line) for name in (onset, end))
        for label in labels:
            if "tier" in row or row.get(label):
                tier = row.get("tier", header[names.index(label)])
                yield line, _event(start_s, end_s, row.get(label) or tier, tier)


def _elan_times(names: Sequence[str], kind: str) -> str | None:
    """Return the column of a time, in the unit that is exact and easiest to read."""
    for unit in ("ss.msec", "hh:mm:ss.ms", "msec"):
        for name in names:
            if name.startswith(kind) and name.endswith(unit):
                return name
    return None


def _elan_seconds(text: str, column: str, path: Path, line: int) -> float:
    try:
        if column.endswith("- msec"):
            return float(text) / 1000
        return _clock_seconds(text) if ":" in text else float(text.replace(",", "."))
    except ValueError:
        raise DatasetError(f"{path}, line {line}: {text} is no time of ELAN") from None


def _elan_without_header(path: Path) -> Rows:
    """Yield events of lines that hold a tier, perhaps a participant, times and a value."""
    for line, cells in _lines(path):
        clocks = [_clock_seconds(cell) for cell in cells if _CLOCK.fullmatch(cell)]
        numbers = [float(c.replace(",", ".")) for c in cells[1:-1] if _NUMBER.fullmatch(c)]
        times = clocks or numbers
        if len(times) not in (2, 3) or times[1] < times[0]:
            raise DatasetError(
                f"{path}, line {line} is no event: expected the columns onset, duration and "
                "trial_type, or an export of ELAN or BORIS; from ELAN, export column headers, too"
            )
        is_last_a_time = bool(_CLOCK.fullmatch(cells[-1]) or not cells[-1])
        yield line, _event(times[0], times[1], cells[0] if is_last_a_time else cells[-1], cells[0])


def _clock_seconds(text: str) -> float:
    hours, minutes, seconds = text.replace(",", ".").split(":")[:3]
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _event(start_s: float, end_s: float, label: str, tier: str) -> dict[str, str]:
    times = {"onset": f"{start_s:.4f}", "duration": f"{end_s - start_s:.4f}"}
    return {**times, "trial_type": label, "tier": tier}


def _boris_spans(path: Path, header: Sequence[str], place: int) -> Rows:
    """Yield BORIS's aggregated events: a line for each, with its start and its end."""
    for line, row in _rows(path, header, place):
        start, stop = row.get("start (s)", ""), row.get("stop (s)", "")
        try:
            start_s = float(start.replace(",", "."))
            # A point event has no end in some versions.
            end_s = float(stop.replace(",", ".")) if stop not in ("", "NA") else start_s
        except ValueError:
            raise DatasetError(f"{path}, line {line}: {start} to {stop} are no seconds") from None
        yield line, _event(start_s, end_s, row["behavior"], row.get("subject", "")) | _file(row)


def _boris_points(path: Path, header: Sequence[str], place: int) -> Rows:
    """Yield BORIS's tabular events: a state has a line for its START and one for its STOP."""
    began: dict[tuple[str, ...], tuple[int, float]] = {}
    found: list[tuple[float, int, dict[str, str]]] = []
    for line, row in _rows(path, header, place):
        kind = row.get("behavior type", row.get("status", "")).upper()
        text = row.get("time", "")
        try:
            time_s = _clock_seconds(text) if ":" in text else float(text.replace(",", "."))
        except ValueError:
            raise DatasetError(f"{path}, line {line}: {text} is no time") from None
        names = ("observation id", "subject", "behavior", "modifiers")
        key = tuple(row.get(name, "") for name in names)
        label, more = row["behavior"], _file(row)
        if kind == "START":
            began[key] = line, time_s
        elif kind == "STOP" and key in began:
            first, start_s = began.pop(key)
            found.append((start_s, first, _event(start_s, time_s, label, key[1]) | more))
        elif kind == "STOP":
            raise DatasetError(f"{path}, line {line}: {label} stops before it has started")
        else:
            found.append((time_s, line, _event(time_s, time_s, label, key[1]) | more))
    if began:
        line, _ = next(iter(began.values()))
        raise DatasetError(
            f"{path}, line {line}: this state is never stopped: let BORIS fix unpaired events"
        )
    for _, line, cells in sorted(found, key=lambda one: one[:2]):
        yield line, cells


def _file(row: dict[str, str]) -> dict[str, str]:
    """Return the video of a line of BORIS by its name; its folder is another machine's."""
    name = row.get("media file name") or row.get("media file path") or row.get("media file") or ""
    name = name.split(";")[0].replace("\\", "/")
    return {"file": short_name(name)} if name else {}
