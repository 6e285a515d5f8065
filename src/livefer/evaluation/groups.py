"""A table about pictures or participants → groups of pictures, and a model's accuracy in each."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.errors import ConfigError, DatasetError
from livefer.evaluation.report import Share, share_of
from livefer.tables.plain import csv_errors
from livefer.tables.reading import separator

MISSING = "not given"
_NOTHING = ("", "na", "n/a", "nan", "none", "null", "-", "?")  # cells without a value
_MOST_NUMBERS = 6  # different ones in a column, each of which is a group of its own

Cuts = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The groups of one column of a table.

    groups: (N,) bool for each label, in order: which pictures are in it
    """

    name: str
    groups: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class GroupScores:
    """The accuracy in one group: of all of its pictures, and of those of each class.

    n_missed: photographs of the group without a face, which are in no share
    """

    label: str
    right: Share
    per_class: dict[str, Share]
    n_missed: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        shares = {name: share for name, share in self.per_class.items() if share.n_images}
        return {
            "n_images": self.right.n_images,
            "n_missed": self.n_missed,
            **self.right.to_dict("accuracy"),
            "per_class": {
                name: {"n_images": share.n_images, **share.to_dict("recall")}
                for name, share in shares.items()
            },
        }


def read_columns(path: Path, files: Sequence[str], cuts: Cuts | None = None) -> list[Column]:
    """Read the groups of pictures from a CSV with a header, a row for each picture or participant.

    The first column names them: by a picture's path in its folder, its file name without or with
    the suffix, the beginning of that name (P07 of P07_happy_2.jpg), or a folder that it is in.
    Upper and lower case are alike, and so are 7 and 007. Each other column makes groups, and so
    does the first where it names several pictures at once. A column of many numbers is cut into
    three groups of about equal size.

    files: of N pictures
    cuts: of columns of numbers, where a new group begins

    Raises DatasetError where the table cannot be read or has none of the pictures, and ConfigError
    for a cut of a column that is not there or has no numbers.
    """
    header, rows = _read(path)
    if unknown := [name for name in cuts or {} if name not in header]:
        raise ConfigError(f"{path} has no column {unknown[0]}: it has {', '.join(header)}")
    found = [next((rows[key] for key in _keys(file) if key in rows), None) for file in files]
    if not any(found):
        raise DatasetError(
            f"{path} has none of the pictures: expected one in its column {header[0]}, such as "
            f'"{files[0]}" or "{PurePosixPath(files[0]).stem}", got "{next(iter(rows), "")}"'
        )
    columns = []
    for i, name in enumerate(header):
        cells = [row[i] if row else "" for row in found]
        cells = ["" if cell.casefold() in _NOTHING else cell for cell in cells]
        groups = _groups(cells, (cuts or {}).get(name), i == 0, f"{path}, column {name}")
        if max(map(np.count_nonzero, groups.values())) > 1:
            columns.append(Column(name, groups))
    return columns


def measure_groups(
    column: Column, right: NDArray[np.bool_], targets: NDArray[np.int64], classes: Sequence[str]
) -> list[GroupScores]:
    """Return the accuracy in each group of a column.

    right: (M,) bool, which answers are right; the first M of the column's N pictures have one
    targets: (M,) int64, indices into classes
    """
    found = []
    for label, rows in column.groups.items():
        seen, n_missed = rows[: len(right)], int(rows[len(right) :].sum())
        per_class = {name: share_of(right[seen & (targets == i)]) for i, name in enumerate(classes)}
        found.append(GroupScores(label, share_of(right[seen]), per_class, n_missed))
    return found


def _read(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Return the header, and the cells of each row by its first one."""
    rows: dict[str, list[str]] = {}
    with csv_errors(path):
        mark = separator(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, delimiter=mark)
            header = [name.strip() for name in next(table, [])]
            for cells in table:
                cells = [cell.strip() for cell in cells]
                if not any(cells):
                    continue
                if (key := _plain(cells[0])) in rows:
                    raise DatasetError(
                        f'{path}, line {table.line_num}: "{cells[0]}" has a row already: expected '
                        "one for each picture or participant"
                    )
                rows[key] = (cells + [""] * len(header))[: len(header)]
    if len(header) < 2:
        raise DatasetError(
            f"{path} has {len(header)} columns: expected one that names the pictures or "
            "participants, and one for each kind of group"
        )
    if not rows:
        raise DatasetError(
            f"{path} has a header and no rows: expected one for each picture or participant"
        )
    return header, rows


def _keys(file: str) -> Iterator[str]:
    """Yield the names under which a table may know a picture."""
    path = PurePosixPath(file)
    names = [file, path.name, path.stem]
    names += [path.stem[: m.start()] for m in reversed([*re.finditer(r"[\W_]+", path.stem)])]
    return map(_plain, [*names, *(parent.name for parent in path.parents)])


def _plain(text: str) -> str:
    return text.lstrip("0") or "0" if text.isdecimal() else text.casefold()


def _groups(
    cells: Sequence[str], cuts: Sequence[float] | None, is_name: bool, where: str
) -> dict[str, NDArray[np.bool_]]:
    """Return which cells each group has, by its label; those without a value come last.

    is_name: numbers name participants, and are no quantities
    """
    values = np.array([_number(cell) for cell in cells])
    given = np.array([cell != "" for cell in cells])
    is_numeric = not is_name and bool(given.any() and np.isfinite(values[given]).all())
    if cuts is not None and not is_numeric:
        raise ConfigError(f"{where} does not hold numbers: it cannot be cut at {cuts[0]:g}")
    groups: dict[str, NDArray[np.bool_]] = {}
    distinct = np.unique(values[given])
    if is_numeric and (cuts is not None or len(distinct) > _MOST_NUMBERS):
        if cuts is None:
            cuts = np.quantile(values[given], [1 / 3, 2 / 3], method="nearest").tolist()
        edges = [-math.inf, *sorted(set(cuts)), math.inf]
        are_whole = not np.any(values[given] % 1)
        for low, high in pairwise(edges):
            groups[_between(low, high, are_whole)] = given & (values >= low) & (values < high)
    else:
        labels = np.array(cells)
        names = sorted(set(labels[given].tolist()), key=lambda name: (_number(name), name))
        groups = {name: labels == name for name in names}
    groups[MISSING] = ~given
    return {name: rows for name, rows in groups.items() if rows.any()}


def _number(cell: str) -> float:
    """Return the number that a cell holds, with a point or a comma; inf for other text."""
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        return math.inf
    return math.inf if math.isnan(value) else value


def _between(low: float, high: float, are_whole: bool) -> str:
    if low == -math.inf:
        return f"under {high:g}"
    if high == math.inf:
        return f"{low:g} and over"
    if are_whole and low % 1 == high % 1 == 0:
        return f"{low:g}–{high - 1:g}" if high > low + 1 else f"{low:g}"
    return f"{low:g} to under {high:g}"
