"""People's votes on each image, as shares: FER+'s table, or your own.

Reads a CSV with a `file` column (as in Split.files) and a column for each class; other columns are
other answers. Microsoft's fer2013new.csv has no `file` column: its rows are those of fer2013.csv.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livefer.data.dataset import Split
from livefer.errors import DatasetError
from livefer.labels import VOTE_NAMES

_NOT_VOTES = ("file", "usage", "image name")


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The votes on the images of one split, in its order.

    shares: (N, C) float32, the distribution of the votes on classes; zeros without any
    weight: (N,) float32, the share of an image's votes that are on classes; 0 without votes
    majority: (N,) int64, the class with more votes than any other answer; -1 where another answer
        has the most ("not a face"), where two answers are level, and without votes
    agreed: (N,) bool, whether the majority has more than half of the votes, not counting answers
        with a single vote: the images of the published figures on FER+
    """

    shares: NDArray[np.float32]
    weight: NDArray[np.float32]
    majority: NDArray[np.int64]
    agreed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.weight)


def read_votes(path: str | Path, split: Split, classes: tuple[str, ...]) -> Votes:
    """Read the votes on the images of a split; an image without a row has none.

    Raises DatasetError where the table cannot be read, lacks a class, or has none of the images.

    FER+: Barsoum et al. 2016, https://arxiv.org/abs/1608.01041
    """
    path = Path(os.path.expanduser(path))
    answers, rows = _read_table(path)
    named = [VOTE_NAMES.get(answer, answer) for answer in answers]
    if missing := [name for name in classes if name not in named]:
        raise DatasetError(
            f"{path} has no column for {', '.join(missing)}: expected one for each class, "
            f"got {', '.join(answers)}"
        )
    counts = np.zeros((len(split), len(answers)), np.float32)
    n_found = 0
    for i, file in enumerate(split.files):
        if (row := rows.get(file)) is not None:
            counts[i] = row
            n_found += 1
    if not n_found:
        raise DatasetError(
            f"{path} has votes on {len(rows)} images, none of them of the {split.name} split "
            f'(the first there is "{split.files[0]}", in the table "{next(iter(rows), "")}")'
        )
    columns = [named.index(name) for name in classes]
    on_classes, total = counts[:, columns].sum(axis=1), counts.sum(axis=1)
    top = counts.max(axis=1)
    alone = (counts == top[:, None]).sum(axis=1) == 1
    class_of = np.full(len(answers), -1, np.int64)
    class_of[columns] = np.arange(len(classes))
    majority = np.where(alone & (top > 0), class_of[counts.argmax(axis=1)], -1)
    agreeing = np.where(counts > 1, counts, 0).sum(axis=1)
    return Votes(
        shares=counts[:, columns] / np.maximum(on_classes, 1e-6)[:, None],
        weight=on_classes / np.maximum(total, 1e-6),
        majority=majority,
        agreed=(majority >= 0) & (top > 1) & (2 * top > agreeing),
    )


def voted_on(split: Split, votes: Votes) -> Split:
    """Return the images with votes on a class; the majority are their targets, -1 for none."""
    rows = np.flatnonzero(votes.weight > 0)
    files = tuple(split.files[i] for i in rows)
    return Split(split.name, split.faces[rows], votes.majority[rows], files)


def _read_table(path: Path) -> tuple[list[str], dict[str, NDArray[np.float32]]]:
    """Return the names of the answers, and the votes on each image by its file."""
    rows: dict[str, NDArray[np.float32]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file)
            header = [name.strip() for name in next(table, [])]
            lower = [name.lower() for name in header]
            if "file" not in lower and "image name" not in lower:
                raise DatasetError(
                    f'{path} is not a table of votes: expected a column "file" and one for each '
                    f"class, its first line has {', '.join(header)[:80] or 'nothing'}"
                )
            columns = [i for i, name in enumerate(lower) if name not in _NOT_VOTES]
            for row in filter(None, table):
                cells = row + [""] * (len(header) - len(row))
                key = cells[lower.index("file")] if "file" in lower else f"line {table.line_num}"
                rows[key] = _numbers([cells[i] for i in columns])
                if not np.isfinite(rows[key]).all() or (rows[key] < 0).any():
                    raise DatasetError(
                        f"{path}, line {table.line_num}: votes are numbers from 0 up, "
                        f"got {', '.join(row)[:80]}"
                    )
    except FileNotFoundError:
        raise DatasetError(
            f"{path} does not exist: expected a table of votes, FER+'s fer2013new.csv or your own"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read as a table of votes: {error}") from None
    return [header[i] for i in columns], rows


def _numbers(values: list[str]) -> NDArray[np.float32]:
    """Return the numbers, or one nan if a value is not a number."""
    try:
        return np.array(values, np.float32)
    except ValueError:
        return np.array([np.nan], np.float32)
