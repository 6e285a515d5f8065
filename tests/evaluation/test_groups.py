"""Tables about pictures: which row belongs to which picture, what groups its columns make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from livefer.errors import ConfigError, DatasetError
from livefer.evaluation.groups import MISSING, Column, measure_groups, read_columns
from livefer.evaluation.metrics import wilson_interval

FILES = ("happy/P07_1.jpg", "happy/p8.jpg", "sad/P07_2.jpg", "sad/9/1.jpg", "sad/010 b.png")


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "info.csv"
    path.write_text(text, encoding=encoding)
    return path


def members(columns: list[Column]) -> dict[str, dict[str, list[int]]]:
    """Return the rows of each group of each column."""
    return {c.name: {k: np.flatnonzero(v).tolist() for k, v in c.groups.items()} for c in columns}


def test_a_row_names_a_picture_by_its_file_its_beginning_or_its_folder(tmp_path: Path) -> None:
    table = write(tmp_path, "who,sex\nP07,f\nP8,m\n009,f\n10,m\n77,x\n")
    found = members(read_columns(table, FILES))
    assert found["sex"] == {"f": [0, 2, 3], "m": [1, 4]}
    assert found["who"] == {"009": [3], "10": [4], "P07": [0, 2], "P8": [1]}


def test_the_whole_name_goes_before_its_beginning(tmp_path: Path) -> None:
    table = write(tmp_path, "file,sex\nP07,f\nhappy/P07_1.jpg,m\np07_2,n\nP8.jpg,n\n")
    found = members(read_columns(table, FILES))
    assert found == {"sex": {"m": [0], "n": [1, 2], MISSING: [3, 4]},
                     "file": {"P8.jpg": [1], "happy/P07_1.jpg": [0], "p07_2": [2],
                              MISSING: [3, 4]}}  # fmt: skip


def test_numbers_are_cut_into_three_groups_or_where_it_is_said(tmp_path: Path) -> None:
    files = [f"{i}.jpg" for i in range(9)]
    rows = "".join(f"{i};{20 + 5 * i};{i % 3};{i / 2}\n" for i in range(9))
    table = write(tmp_path, f"id;age;site;hours\n{rows}".replace(".", ","), "utf-8-sig")
    found = members(read_columns(table, files, {"hours": [1.25]}))
    ages = {"under 35": [0, 1, 2], "35–44": [3, 4], "45 and over": [5, 6, 7, 8]}
    assert found["age"] == ages
    assert found["site"] == {"0": [0, 3, 6], "1": [1, 4, 7], "2": [2, 5, 8]}
    assert found["hours"] == {"under 1.25": [0, 1, 2], "1.25 and over": [3, 4, 5, 6, 7, 8]}
    assert "id" not in found  # it tells apart each picture
    found = members(read_columns(table, files, {"age": [30, 25]}))
    assert list(found["age"]) == ["under 25", "25–29", "30 and over"]


def test_cells_without_a_value_are_a_group_of_their_own(tmp_path: Path) -> None:
    table = write(tmp_path, "id,age\np07,30\nP8,NA\n9,\n10,60\n")
    (column,) = [c for c in read_columns(table, FILES, {"age": [40]}) if c.name == "age"]
    groups = {k: np.flatnonzero(v).tolist() for k, v in column.groups.items()}
    assert groups == {"under 40": [0, 2], "40 and over": [4], MISSING: [1, 3]}


@pytest.mark.parametrize(
    ("text", "cuts", "reason"),
    [
        ("id\nP07\n", {}, "has 1 columns"),
        ("", {}, "has 0 columns"),
        ("id,sex\n", {}, "a header and no rows"),
        ("id,sex\nQ1,f\n", {}, 'none of the pictures.*"happy/P07_1.jpg" or "P07_1", got "q1"'),
        ("id,sex\n7,f\n07,m\n", {}, 'line 3: "07" has a row already'),
        ("id,sex\nP07,f\n", {"age": [3]}, "no column age: it has id, sex"),
        ("id,sex\nP07,f\n", {"sex": [3]}, "column sex does not hold numbers"),
    ],
)
def test_tables_that_do_not_fit(
    tmp_path: Path, text: str, cuts: dict[str, list[float]], reason: str
) -> None:
    with pytest.raises((DatasetError, ConfigError), match=reason):
        read_columns(write(tmp_path, text), FILES, cuts)


def test_another_encoding_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="save as CSV UTF-8"):
        read_columns(write(tmp_path, "id,städte\nP07,f\n", "latin-1"), FILES)


def test_a_group_counts_its_own_pictures() -> None:
    column = Column("sex", {"f": np.array([1, 1, 1, 0, 1], bool), "m": ~np.ones(5, bool)})
    right, targets = np.array([1, 0, 1, 1], bool), np.array([0, 0, 1, 1])
    group, empty = measure_groups(column, right, targets, ("happy", "sad"))  # the fifth has no face
    assert (group.right.n_images, group.n_missed, group.right.value) == (3, 1, 2 / 3)
    assert (group.right.low, group.right.high) == wilson_interval(2, 3)
    assert group.per_class["happy"].value == 0.5
    assert group.to_dict()["per_class"]["sad"]["recall"] == 1
    assert empty.to_dict()["accuracy"] is None
