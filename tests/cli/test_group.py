"""The group of commands: its list, its imports, and its message where an extra is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from livefer.cli import COMMANDS, load_command


def run(*arguments: str, before: str = "") -> Any:
    """Run a command line in a fresh process; `before` is code that runs first in it."""
    code = f"import sys; {before}\nfrom livefer.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_the_first_lines_of_each_help(name: str) -> None:
    first = load_command(name).help.split("\n\n")[0]
    assert COMMANDS[name].help == first.replace("\n", " ")


def test_every_output_has_the_same_option() -> None:
    for name in ("image", "video", "analyze", "explain", "demo", "train", "export"):
        words = {word for option in load_command(name).params for word in option.opts}
        assert {"--out", "-o"} <= words, name


def loaded(*arguments: str) -> set[str]:
    """Return the modules that a command line loads."""
    report = (
        "import atexit; "
        "atexit.register(lambda: print(*sorted(sys.modules), sep='\\n', file=sys.stderr))"
    )
    ended = run(*arguments, before=report)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_list_of_commands_imports_none(option: str) -> None:
    modules = loaded(option)
    assert not modules & {f"livefer.cli.{name}" for name in COMMANDS}
    assert not modules & {"numpy", "cv2", "onnxruntime", "pygame"}


def test_a_command_imports_itself_alone() -> None:
    modules = loaded("download", "--help")
    assert modules & {f"livefer.cli.{name}" for name in COMMANDS} == {"livefer.cli.download"}


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("torch", "train", ("train",)),
        ("torch", "train", ("export", "c.safetensors", "-o", "m.onnx")),
        ("torch", "train", ("evaluate", "--data", "d", "--checkpoint", "c.safetensors")),
        ("fastapi", "web", ("serve",)),
    ],
)
def test_without_an_extra_one_line_names_it_and_the_help_works(
    package: str, extra: str, arguments: tuple[str, ...]
) -> None:
    absent = f"sys.modules[{package!r}] = None"
    ended = run(*arguments, before=absent)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f'livefer: livefer {arguments[0]} ({package}) needs the "{extra}" extra: '
        f'pip install "livefer[{extra}]"\n'
    )
    assert run(arguments[0], "--help", before=absent).returncode == 0


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("livefer.cli.image", ("image", "a.png")),
        ("livefer.train.fit", ("train",)),
        ("onnxruntime", ("image", "a.png")),
    ],
)
def test_another_missing_module_is_a_damaged_installation(
    package: str, arguments: tuple[str, ...]
) -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    ended = run(*arguments, before=f"sys.modules[{package!r}] = None")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert f"livefer: {package} is missing: this installation is damaged" in ended.stderr


def test_short_options() -> None:
    assert run("-V").stdout == run("--version").stdout
    assert run("-h").stdout == run("--help").stdout
    assert run("explain", "-h").stdout == run("explain", "--help").stdout != run("-h").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_short_help(name: str) -> None:
    assert load_command(name).context_settings["help_option_names"] == ["--help", "-h"]
    assert not any("-h" in option.opts for option in load_command(name).params)


def completed(*words: str) -> tuple[list[str], set[str]]:
    """Return what bash completes the last of the words to, and the modules that this loads."""
    report = (
        "import atexit, os; "
        f"os.environ.update(_LIVEFER_COMPLETE='complete_bash', COMP_WORDS={' '.join(words)!r}, "
        f"COMP_CWORD='{len(words) - 1}'); sys.argv[0] = 'livefer'; "
        "atexit.register(lambda: print(*sorted(sys.modules), sep='\\n', file=sys.stderr))"
    )
    ended = run(before=report)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split(), set(ended.stderr.split())


def test_a_shell_completes_commands_without_loading_one() -> None:
    words, modules = completed("livefer", "ev")
    assert words == ["evaluate"]
    assert not modules & {"numpy", "cv2", *(f"livefer.cli.{name}" for name in COMMANDS)}


def test_a_shell_completes_options_and_their_values() -> None:
    assert completed("livefer", "analyze", "--work")[0] == ["--workers"]
    assert completed("livefer", "analyze", "--engine", "r")[0] == ["ray"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="for bash")
def test_completion_is_installed_for_bash(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "livefer", "--install-completion", "bash"]
    subprocess.run(command, env=os.environ | home, check=True, capture_output=True)
    script = tmp_path / ".bash_completions" / "livefer.sh"
    assert str(script) in (tmp_path / ".bashrc").read_text(encoding="utf-8")
    there = (
        f"source {tmp_path}/.bashrc; livefer() {{ {sys.executable} -m livefer; }}; "
        "complete -p livefer"
    )
    ended = subprocess.run(["bash", "-c", there], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("complete -o default -F _livefer_completion livefer")
