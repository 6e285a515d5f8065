"""Exports of ELAN and BORIS are read as events; the files here are made by hand, as they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from livefer.errors import DatasetError
from livefer.summary.events import read_events

ELAN_HEADER = (
    "Tier\tParticipant\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tBegin Time - msec\t"
    "End Time - hh:mm:ss.ms\tEnd Time - ss.msec\tEnd Time - msec\tDuration - ss.msec\tAnnotation\n"
)
ELAN_LINES = (
    "face\tAda\t00:00:01.250\t1.25\t1250\t00:00:03.500\t3.5\t3500\t2.25\tsmile\n"
    "face\tAda\t01:00:00.000\t3600.0\t3600000\t01:00:00.040\t3600.04\t3600040\t0.04\tfrown\n"
)
BORIS_TABULAR = (
    "Observation id,Observation date,Description,Media duration (s),FPS,Subject,Behavior,"
    "Behavioral category,Modifiers,Behavior type,Time,Media file name,Comment\n"
    "o1,2026-01-01,,60,25,Ada,smile,face,,START,1.25,C:\\films\\ada.mp4,\n"
    "o1,2026-01-01,,60,25,Ada,blink,face,,POINT,2,C:\\films\\ada.mp4,\n"
    "o1,2026-01-01,,60,25,Bo,smile,face,,START,2.5,C:\\films\\ada.mp4,\n"
    "o1,2026-01-01,,60,25,Ada,smile,face,,STOP,3.5,C:\\films\\ada.mp4,\n"
    "o1,2026-01-01,,60,25,Bo,smile,face,,STOP,4,C:\\films\\ada.mp4,\n"
)
BORIS_AGGREGATED = (
    "Observation id\tObservation date\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\t"
    "Duration (s)\tMedia file name\n"
    "o1\t2026-01-01\tAda\tsmile\tSTATE\t1.25\t3.5\t2.25\tfilms/ada.mp4\n"
    "o1\t2026-01-01\tAda\tblink\tPOINT\t2\t2\tNA\tfilms/ada.mp4\n"
)


def spans(path: Path) -> list[tuple[float, float | None, str | None, str | None]]:
    return [(e.onset_s, e.duration_s, e.trial_type, e.tier) for e in read_events(path)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_elan_with_column_headers(tmp_path: Path) -> None:
    path = write(tmp_path / "e.txt", ELAN_HEADER + ELAN_LINES)
    assert spans(path) == [(1.25, 2.25, "smile", "face"), (3600.0, 0.04, "frown", "face")]


def test_elan_without_column_headers(tmp_path: Path) -> None:
    assert spans(write(tmp_path / "e.txt", ELAN_LINES)) == [
        (1.25, 2.25, "smile", "face"),
        (3600.0, 0.04, "frown", "face"),
    ]
    seconds = "happy\t\t0.5\t2.0\t1.5\t\n"
    assert spans(write(tmp_path / "s.txt", seconds)) == [(0.5, 1.5, "happy", "happy")]


def test_elan_with_a_column_for_each_tier_and_lines_on_the_film(tmp_path: Path) -> None:
    text = (
        '"#file:///films/ada.eaf"\n'
        "Begin Time - hh:mm:ss.ms\tEnd Time - hh:mm:ss.ms\tHappy\tSad\n"
        "00:00:01.000\t00:00:02.000\tx\t\n00:00:02.000\t00:00:02.500\t\ty\n"
    )
    assert spans(write(tmp_path / "e.txt", text)) == [
        (1.0, 1.0, "x", "Happy"),
        (2.0, 0.5, "y", "Sad"),
    ]
    msec = "Begin Time - msec\tEnd Time - msec\tHappy\n1000\t2500\tx\n"
    assert spans(write(tmp_path / "m.txt", msec)) == [(1.0, 1.5, "x", "Happy")]


def test_boris_tabular_events_pair_start_and_stop(tmp_path: Path) -> None:
    events = read_events(write(tmp_path / "b.csv", BORIS_TABULAR))
    assert [(e.onset_s, e.duration_s, e.trial_type, e.tier) for e in events] == [
        (1.25, 2.25, "smile", "Ada"),
        (2.0, 0.0, "blink", "Ada"),
        (2.5, 1.5, "smile", "Bo"),
    ]
    assert {e.source for e in events} == {"ada.mp4"}, "the folder is another machine's"


def test_boris_aggregated_events_and_the_older_export(tmp_path: Path) -> None:
    assert spans(write(tmp_path / "a.tsv", BORIS_AGGREGATED)) == [
        (1.25, 2.25, "smile", "Ada"),
        (2.0, 0.0, "blink", "Ada"),
    ]
    older = (
        "Observation id\to1\n\nMedia file(s)\nPlayer #1\tada.mp4\n\n"
        "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tModifiers\tComment\tStatus\n"
        "1.25\tada.mp4\t60\t25\tAda\tsmile\t\t\tSTART\n00:00:03.500\tada.mp4\t60\t25\tAda\tsmile\t"
        "\t\tSTOP\n"
    )
    assert spans(write(tmp_path / "o.tsv", older)) == [(1.25, 2.25, "smile", "Ada")]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("b.csv", BORIS_TABULAR.replace("STOP,4", "STOP,x"), "line 6: x is no time"),
        ("b.csv", BORIS_TABULAR.replace("Bo,smile,face,,STOP", "Bo,grin,face,,STOP"),
         "grin stops before it has started"),
        ("b.csv", "".join(BORIS_TABULAR.splitlines(True)[:-1]), "never stopped"),
        ("a.tsv", BORIS_AGGREGATED.replace("1.25", "soon"), "soon to 3.5 are no seconds"),
        ("e.txt", ELAN_HEADER + ELAN_LINES.replace("1.25", "one"), "one is no time of ELAN"),
        ("e.txt", "face\tsmile\n", "line 1 is no event"),
        ("e.txt", "Begin Time - hh:mm:ss:ff\tEnd Time - hh:mm:ss:ff\tA\n1\t2\tx\n", "as ss.msec"),
        ("e.csv", "a,b\n1,2\n", "no onset"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    with pytest.raises(DatasetError, match=complaint):
        read_events(write(tmp_path / name, text))
