"""Votes: FER+'s table, tables of users, and images without a majority."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import make_faces, make_split

from livefer.data.dataset import Split
from livefer.data.votes import read_votes, voted_on
from livefer.errors import DatasetError
from livefer.labels import CLASSES

FERPLUS = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_ferplus_becomes_shares_of_our_classes(tmp_path: Path) -> None:
    split = make_split([3, 0, 4, 4, 5])
    table = write(
        tmp_path / "votes.csv",
        f"file,{FERPLUS}",
        "val/0.png,0,9,1,0,0,0,0,0,0,0",
        "val/2.png,1,0,0,0,0,0,0,0,0,9",
        "val/1.png,4,0,0,0,4,0,0,2,0,0",
        "val/3.png,0,0,0,2.5,0,0,0,2.5,0,0",
        "elsewhere.png,0,0,0,0,0,0,0,0,0,10",
    )
    votes = read_votes(table, split, CLASSES)
    happy, surprise, neutral, angry = (CLASSES.index(c) for c in
                                       ("happy", "surprise", "neutral", "angry"))  # fmt: skip
    assert votes.shares[0, happy] == pytest.approx(0.9)
    assert votes.shares[0, surprise] == pytest.approx(0.1)
    assert votes.shares[1, [neutral, angry]].tolist() == [0.5, 0.5]
    assert votes.shares[2, neutral] == 1
    np.testing.assert_allclose(votes.weight, [1, 0.8, 0.1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(votes.shares.sum(axis=1), [1, 1, 1, 1, 0], atol=1e-6)
    assert votes.majority.tolist() == [happy, -1, -1, -1, -1]  # tie, no face, tie, no votes
    assert votes.agreed.tolist() == [True, False, False, False, False]
    seen = voted_on(split, votes)
    assert seen.files == tuple(f"val/{i}.png" for i in range(4))
    assert seen.targets.tolist() == [happy, -1, -1, -1]


@pytest.mark.parametrize(
    ("counts", "agreed"),
    [
        ("5,4,0,0,0,0,0,1,0,0", True),  # 5 of the 9 that are left without the single one
        ("5,3,2,0,0,0,0,0,0,0", False),  # a half is not more than a half
        ("4,2,0,0,0,0,0,0,4,0", False),
        ("0,0,0,0,0,0,0,6,4,0", False),  # contempt is none of our classes
        ("1,0,0,0,0,0,0,0,0,0", False),  # a single vote is no majority
    ],
)
def test_more_than_half_agree(tmp_path: Path, counts: str, agreed: bool) -> None:
    table = write(tmp_path / "votes.csv", f"file,{FERPLUS}", f"val/0.png,{counts}")
    assert read_votes(table, make_split([4]), CLASSES).agreed.tolist() == [agreed]


def test_own_classes_and_other_answers(tmp_path: Path) -> None:
    table = write(tmp_path / "v.csv", "left,file,right,dunno", "1,val/0.png,3,2")
    votes = read_votes(table, make_split([0]), ("right", "left"))
    assert votes.shares.tolist() == [[0.75, 0.25]]
    assert votes.weight[0] == pytest.approx(4 / 6)
    assert votes.majority.tolist() == [0]


def test_microsofts_table_shares_the_rows_of_fer2013csv(tmp_path: Path) -> None:
    table = write(
        tmp_path / "fer2013new.csv",
        f"Usage,Image name,{FERPLUS}",
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",
        "PublicTest,,0,0,0,0,0,0,0,0,0,10",
        "PublicTest,fer0000002.png,0,10,0,0,0,0,0,0,0,0",
    )
    split = Split("val", make_faces(2), np.array([0, 3]), ("line 2", "line 4"))
    votes = read_votes(table, split, CLASSES)
    assert votes.majority.tolist() == [CLASSES.index("neutral"), CLASSES.index("happy")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,b", "1,2"], 'expected a column "file"'),
        ([f"file,{FERPLUS}", "val/0.png,1,x,0,0,0,0,0,0,0,0"], "line 2: votes are numbers"),
        ([f"file,{FERPLUS}", "val/0.png,1,-1,0,0,0,0,0,0,0,0"], "line 2: votes are numbers"),
        ([f"file,{FERPLUS}", "val/0.png,1"], "line 2: votes are numbers"),
        ([f"{FERPLUS},file", "1"], "line 2: votes are numbers"),
        (["file", "val/0.png"], "no column for angry, disgust, fear"),
        (["file,neutral", "val/0.png,1"], "no column for angry, disgust, fear"),
        ([f"file,{FERPLUS}", "other.png,1,0,0,0,0,0,0,0,0,0"], "none of them of the val split"),
        ([], "not a table of votes"),
    ],
)
def test_tables_that_do_not_fit(tmp_path: Path, lines: list[str], message: str) -> None:
    table = write(tmp_path / "votes.csv", *lines)
    with pytest.raises(DatasetError, match=message):
        read_votes(table, make_split([3]), CLASSES)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.csv does not exist: expected a table"):
        read_votes(tmp_path / "none.csv", make_split([3]), CLASSES)
