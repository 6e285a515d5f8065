"""What the measuring scripts share: options, samples, what is printed and written, how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import make_split
from lib import common
from lib.common import (
    arguments,
    heading,
    load_line,
    machine_line,
    publish,
    run,
    write_both,
    write_json,
)
from lib.loading import sample
from lib.processes import memory_mib, with_children

from livefer.errors import ConfigError
from livefer.system.machine import Machine

pytestmark = pytest.mark.slow


def test_a_sample_is_seeded_and_keeps_faces_and_targets_together() -> None:
    split = make_split(range(20))
    part = sample(split, 5, seed=2)
    assert len(part) == len(part.files) == 5
    assert np.array_equal(part.targets, sample(split, 5, seed=2).targets)
    assert np.array_equal(part.faces, split.faces[part.targets])
    assert sample(split, None) is split
    assert sample(split, 50) is split
    with pytest.raises(ConfigError, match="--images must be at least 1, got 0"):
        sample(split, 0)


def test_json_is_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "figures.json", {"a": 1})
    assert json.loads((tmp_path / "new" / "figures.json").read_text()) == {"a": 1}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figures.json"]


def test_a_heading_names_the_command_and_no_folder_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["bench/robustness.py", "a/b.onnx", str(tmp_path / "c.onnx"), "--images", "3"]
    monkeypatch.setattr("sys.argv", arguments)
    assert heading("Title") == (
        "# Title\n\n`python bench/robustness.py a/b.onnx c.onnx --images 3`\n"
    )


def test_a_mistake_ends_a_script_with_one_line() -> None:
    def mistaken() -> None:
        raise ConfigError("expected this, got that")

    with pytest.raises(SystemExit, match=r"^error: expected this, got that$"):
        run(mistaken)


def test_options_that_are_shared_mean_the_same_everywhere() -> None:
    parser = arguments("What it does.\n\nMore.", "models", "--data", "--threads", "--json")
    assert parser.description == "What it does."
    args = parser.parse_args(["a", "b.onnx", "--threads", "2"])
    assert (args.models, args.threads, args.json) == (["a", "b.onnx"], 2, None)
    assert args.data == Path("data/fer2013")


def test_figures_are_printed_and_written_where_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench/x.py"])
    publish("Title", "| table |", {"a": 1}, None)
    assert list(tmp_path.iterdir()) == []
    publish("Title", "| table |", {"a": 1}, tmp_path / "figures.json")
    assert capsys.readouterr().out == 2 * "# Title\n\n`python bench/x.py`\n\n| table |\n"
    assert json.loads((tmp_path / "figures.json").read_text()) == {"a": 1}
    write_both(tmp_path / "out" / "x", "a text\n", [1, 2], ".txt")
    assert (tmp_path / "out" / "x.txt").read_text() == "a text\n"
    assert json.loads((tmp_path / "out" / "x.json").read_text()) == [1, 2]


@pytest.mark.parametrize(("load", "words"), [(0.256, "0.26"), (None, "unknown")])
def test_the_machine_in_a_line(load: float | None, words: str) -> None:
    machine = Machine("A processor", 2, "Linux x86_64", load, {}).to_dict()
    assert machine_line(machine) == "A processor, 2 cores, Linux x86_64"
    assert load_line(machine) == f"load before the start {words}"


def test_what_scripts_share_loads_nothing_heavy() -> None:
    code = "import sys; sys.path[:0] = sys.argv[1:]; from lib import common; "
    code += "print([name for name in ('livefer', 'numpy', 'cv2') if name in sys.modules])"
    command = [sys.executable, "-c", code, str(Path(common.__file__).parents[1])]
    assert subprocess.check_output(command, text=True) == "[]\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_that_of_a_process_which_runs() -> None:
    assert 1 < memory_mib() <= memory_mib(os.getpid(), "VmHWM")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.pid in with_children(os.getpid())
        process.communicate(b"\n")
        with pytest.raises(OSError, match=str(process.pid)):
            memory_mib(process.pid)
