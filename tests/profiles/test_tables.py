"""A finished table judged anew: the main face of each video by its own resting face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tablerows import make_row, write_csv
from typer.testing import CliRunner

from livefer.cli import app
from livefer.errors import ConfigError
from livefer.labels import CLASSES
from livefer.profiles.tables import MainFaces, seconds_in

Row = dict[str, Any]


def face(time_s: float, smiles: bool, track_id: int = 1, **more: Any) -> Row:
    """Return a face that is neutral, or so faint a smile that it counts as neutral, too."""
    row = make_row(time_s, "neutral", track_id, confidence=0.7 if smiles else 0.94, **more)
    rest = (0.3 if smiles else 0.06) - (0.25 if smiles else 0.01)
    for name in CLASSES:
        if name != "neutral":
            row[name] = (0.25 if smiles else 0.01) if name == "happy" else rest / 5
    return row


def film(source: str = "p1.mp4", n_smiles: int = 20) -> list[Row]:
    smiles = [False] * 40 + [True] * n_smiles
    return [face(i / 10, each, source=source) for i, each in enumerate(smiles)]


def labels(rows: list[Row], track_id: int = 1) -> list[str]:
    return [row["label"] for row in rows if row["track_id"] == track_id]


@pytest.mark.parametrize("span_s", [(0.0, 3.0), None])
def test_faint_smiles_are_seen(span_s: tuple[float, float] | None) -> None:
    faces = MainFaces(film(), CLASSES)
    made = faces.profile_of("p1.mp4", span_s)
    assert made is not None
    rows = list(faces.judged(film(), {"p1.mp4": made}))
    assert labels(rows) == ["neutral"] * 40 + ["happy"] * 20
    for row in rows:
        assert sum(row[name] for name in CLASSES) == pytest.approx(1)
        assert row["confidence"] == pytest.approx(row[row["label"]])


def test_a_bystander_is_judged_plainly_and_other_films_too() -> None:
    rows = film() + film("p2.mp4")
    beside = [face(row["time_s"], True, 2, source="p1.mp4") for row in film()[50:]]
    rows = sorted(rows + beside, key=lambda row: (row["source"], row["index"]))
    faces = MainFaces(rows, CLASSES)
    made = faces.profile_of("p1.mp4", (0.0, 3.0))
    assert made is not None
    judged = list(faces.judged(rows, {"p1.mp4": made}))
    assert len(judged) == len(rows)
    of_first = [row for row in judged if row["source"] == "p1.mp4"]
    assert labels(of_first, 1)[-1] == "happy"
    assert set(labels(of_first, 2)) == {"neutral"}
    assert {row["label"] for row in judged if row["source"] != "p1.mp4"} == {"neutral"}


def test_what_cannot_be_is_refused() -> None:
    faces = MainFaces(film(), CLASSES)
    with pytest.raises(ConfigError, match="no face is seen from 20 to 30 s"):
        faces.profile_of("p1.mp4", (20.0, 30.0))
    with pytest.raises(ConfigError, match=r"judged this table already \(ada\)"):
        MainFaces([face(0.0, False, profile="ada")], CLASSES)
    with pytest.raises(ConfigError, match='no class "neutral"'):
        MainFaces([], ("calm", "wild"))
    for words in ("7", "5-2", "a-b", "1-2-3"):
        with pytest.raises(ConfigError, match="is no baseline"):
            seconds_in(words)


def test_summarize_takes_a_baseline(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "t.csv", film() + film("p2.mp4", 0))

    def run(*options: str) -> Any:
        result = CliRunner().invoke(app, ["summarize", str(table), *options])
        return result.exit_code, result.stdout.splitlines(), result.stderr

    before, after = (run("--windows", "2", *more)[1] for more in ((), ("--baseline", "0-3")))
    column = before[0].split(",").index("share_happy")
    assert [line.split(",")[column] for line in before[1:4]] == ["0.0", "0.0", "0.0"]
    assert [line.split(",")[column] for line in after[1:4]] == ["0.0", "0.0", "1.0"]
    code, _, err = run("--baseline", "5-5.9")
    assert code == 1
    assert "p2.mp4 was judged plainly: no face is seen from 5 to 5.9 s" in err
    code, _, err = run("--baseline", "2-6")
    assert code == 1
    assert "p1.mp4 was judged plainly: from 2 to 6 s the face is at rest for" in err
