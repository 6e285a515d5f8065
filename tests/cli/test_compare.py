"""`livefer compare`: what it prints and writes, and what it says of bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tablerows import make_rows, write_csv
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError, DatasetError


def run(*words: str | Path, code: int = 0) -> Any:
    runner = CliRunner(env={"COLUMNS": "120"})
    result = runner.invoke(app, ["compare", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == code
    return result


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    first = make_rows((["happy"] * 30 + ["neutral"] * 30) * 10)
    second = make_rows((["happy"] * 24 + ["neutral"] * 36) * 10)
    return write_csv(tmp_path / "a.csv", first), write_csv(tmp_path / "b.csv", second)


def test_two_tables(tables: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out, figures, plot = tmp_path / "k.csv", tmp_path / "k.json", tmp_path / "k.png"
    said = run(*tables, "--out", out, "--json", figures, "--plot", plot)
    assert "a.csv and b.csv · 1 film · 1:00 min compared" in said.stdout
    assert "95 %, by a bootstrap of 12 spans of 5 s" in said.stdout
    with out.open(encoding="utf-8") as file:
        rows = {row["label"]: row for row in csv.DictReader(file)}
    assert float(rows["all"]["kappa"]) == pytest.approx(0.8)
    assert float(rows["all"]["low"]) < 0.8 < float(rows["all"]["high"])
    assert (rows["happy"]["first_s"], rows["happy"]["second_s"]) == ("30.0", "24.0")
    found = json.loads(figures.read_text())
    assert found["seconds"][3][4] == pytest.approx(6.0)
    assert found["first"] == str(tables[0])
    assert plot.stat().st_size > 5000


def test_a_coding_on_either_side(tables: tuple[Path, Path], tmp_path: Path) -> None:
    coding = tmp_path / "coding.txt"
    lines = [f"face\t\t{6 * i:.1f}\t{6 * i + 3:.1f}\t3.0\tsmile" for i in range(10)]
    coding.write_text("\n".join(lines) + "\n")
    words = ("--label", "smile=happy", "--rest", "neutral")
    assert "all       1.00" in run(tables[0], coding, *words).stdout
    assert "all       1.00" in run(coding, tables[0], *words).stdout
    later = run(tables[1], coding, *words, "--shift", "0.3").stdout
    assert "here B is taken 0.3 s later" in later
    coding.write_text(
        "".join(f"face\t\t{6 * i + 1}.0\t{6 * i + 4}.0\t3.0\tsmile\n" for i in range(10))
    )
    for most, has_words in (("1", True), ("2", False)):
        said = run(tables[0], coding, *words, "--max-shift", most).stdout
        assert "best agreement where B is taken 1 s later: kappa 1.00" in said
        assert ("the largest shift that was tried" in said) == has_words


def test_what_cannot_be_compared_is_named(tables: tuple[Path, Path], tmp_path: Path) -> None:
    names = ("pictures.csv", "empty.csv", "header.csv", "points.tsv", "empty.txt", "a.eaf", "a.png")
    pictures, empty, header, points, text, elan, picture = (tmp_path / name for name in names)
    write_csv(pictures, [row for i in range(3) for row in make_rows(["happy"], source=f"{i}.jpg")])
    write_csv(header, make_rows(["happy"]))
    header.write_text(header.read_text().splitlines()[0] + "\n")
    points.write_text("onset\ttrial_type\n0\thappy\n")
    empty.touch()
    text.touch()
    elan.write_text("<ANNOTATION_DOCUMENT/>")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    for other, complaint in (
        (pictures, "pictures only"),
        (empty, "empty.csv is empty"),
        (header, "header.csv has no rows"),
        (points, "points in time only"),
        (text, "empty.txt has no rows"),
        (elan, "ELAN's own file: export"),
        (picture, "a.png is no text"),
    ):
        for words in ((tables[0], other), (other, tables[0])):
            with pytest.raises(DatasetError, match=complaint):
                run(*words)


def test_bad_input_is_one_line(tables: tuple[Path, Path], tmp_path: Path) -> None:
    events = tmp_path / "e.tsv"
    events.write_text("onset\tduration\ttrial_type\n0\t1\thappy\n")
    for words, complaint in (
        ((events, events), "one of them has to be"),
        ((*tables, "--rest", "neutral"), "are for a coding"),
        ((tables[0], events, "--label", "smile"), "expected WORD=CLASS"),
        ((tables[0], events, "--label", "smile=glad"), "glad is no class"),
        ((*tables, "--shift", "soon"), "expected seconds, or auto"),
        ((*tables, "--plot", tmp_path / "k.jpg"), "ends in .png"),
    ):
        with pytest.raises((ConfigError, DatasetError), match=complaint):
            run(*words)
