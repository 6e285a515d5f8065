"""Every input has its rows once, however often and hard a run is stopped."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from analyzing import finish, start, write_deadly, write_pictures
from waiting import wait_until

from livefer.batch.analyze import Input
from livefer.batch.batches import Batch
from livefer.batch.local_engine import _after_death, _Task, _Worker
from livefer.batch.output import Output
from livefer.errors import LiveferError
from livefer.tables.dataframes import read_results

pytestmark = pytest.mark.slow


def test_a_process_that_dies_without_reading_is_not_started_for_ever(tmp_path: Path) -> None:
    class Dead:
        exitcode = -9

        def join(self) -> None:
            pass

    output = Output(str(tmp_path / "out.csv"))
    batch = Batch(0, (Input("a.jpg"), Input("b.jpg")), 1.0)
    process: Any = Dead()
    connection: Any = None
    task = _Task(batch, tmp_path / "part.csv", output.state(batch))
    worker = _Worker(process, connection, task=task, n_inputs=1)
    worker.task = _after_death(worker, output)
    assert list(worker.task.broken) == ["b.jpg"]
    worker.n_inputs = 0  # another input, which may be deadly too
    worker.task = _after_death(worker, output)
    assert list(worker.task.broken) == ["b.jpg", "a.jpg"]
    with pytest.raises(LiveferError, match=r"died twice \(SIGKILL\).*a\.jpg.*--resume"):
        _after_death(worker, output)


def test_the_rows_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    """And a file that kills a process costs only itself."""
    pictures = write_pictures(tmp_path / "in", 36)
    deadly = write_deadly(pictures[20].with_name("020a.png"))
    one = start("in", "-o", "one.jsonl", "--workers", "1", cwd=tmp_path)
    code, err = finish(one)
    assert code == 1
    assert f"{deadly.name} could not be analysed: the process that read it died" in err
    three = start("in", "-o", "three.jsonl", "--workers", "3", cwd=tmp_path)
    assert finish(three)[0] == 1
    rows = (tmp_path / "one.jsonl").read_text()
    assert (tmp_path / "three.jsonl").read_text() == rows
    read = [json.loads(line) for line in rows.splitlines()]
    assert sum(row["error"] is not None for row in read) == 1
    assert len({row["source"] for row in read}) == 37
    tables = {"one.jsonl", "three.jsonl"}
    beside = {f"{name}.json" for name in tables}
    assert {path.name for path in tmp_path.iterdir()} == {"in", *tables, *beside}


@pytest.mark.parametrize("out", ["out.csv", "out"])
def test_a_killed_run_loses_and_doubles_nothing(out: str, tmp_path: Path) -> None:
    """Killed after the first part, then at random moments, until a run reaches its end."""
    write_pictures(tmp_path / "in", 60)
    (tmp_path / "in" / "030.png").write_bytes(b"no")
    began_s = time.monotonic()
    whole = start("in", "-o", f"whole.{out}" if "." in out else "whole", cwd=tmp_path)
    assert finish(whole)[0] == 1
    took_s = time.monotonic() - began_s

    generator = random.Random(out)
    parts = tmp_path / (f"{out}.parts" if "." in out else out)
    killed = start("in", "-o", out, "--workers", "2", cwd=tmp_path)
    while not list(parts.glob("[!.]*")):
        assert killed.poll() is None
        time.sleep(0.01)
    n_kills, code = 0, None
    while code is None:
        if n_kills:
            killed = start("in", "-o", out, "--workers", "2", "--resume", cwd=tmp_path)
        if n_kills < 3:
            time.sleep(generator.uniform(0.0, took_s) if n_kills else 0.0)
            killed.send_signal(signal.SIGKILL)
        code, err = finish(killed)
        code = None if code == -signal.SIGKILL else code
        n_kills += 1
    assert code == 1
    assert "done before" in err
    if out == "out.csv":
        assert (tmp_path / out).read_bytes() == (tmp_path / f"whole.{out}").read_bytes()
    else:
        assert read_results(tmp_path / out).equals(read_results(tmp_path / "whole"))
        assert [p.name for p in sorted((tmp_path / out).iterdir())] == [
            p.name for p in sorted((tmp_path / "whole").iterdir())
        ]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_run_ends_its_processes_and_tells_how_to_continue(
    name: str, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "in", 60)
    process = start("in", "-o", "out.csv", "--workers", "2", cwd=tmp_path)
    wait_until(lambda: list((tmp_path / "out.csv.parts").glob("[!.]*")))
    for _ in range(2):  # a terminal that closes sends two
        process.send_signal(getattr(signal, name))
    code, err = finish(process)
    assert code == 128 + getattr(signal, name)
    assert "continue with --resume" in err
    assert "Traceback" not in err
