"""What runs in a fork is what the package promises, with the tools of the Makefile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from needs import missing

yaml = pytest.importorskip("yaml", reason="needs the extra dev")

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.fixture
def workflow() -> dict[str, Any]:
    path = ROOT / ".github" / "workflows" / "tests.yml"
    if not path.is_file():
        missing(f"{path} is part of a checkout, not of the source archive")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_every_promised_python_and_system_is_tested(workflow: dict[str, Any]) -> None:
    promised = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PYPROJECT))
    assert min(promised, key=lambda v: int(v[2:])) == re.findall(r'python = ">=(.*)"', PYPROJECT)[0]
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["python"]) == promised
    systems = {*matrix["os"], *(row["os"] for row in matrix["include"])}
    assert systems == set(workflow["jobs"]["wheel"]["strategy"]["matrix"]["os"])
    assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos", "windows"}


def test_pytorch_is_the_makefiles(workflow: dict[str, Any]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^TORCH \?= (\S+)$", makefile, re.MULTILINE)
    assert workflow["env"]["TORCH"].split()[0] == version


def test_a_forks_run_expects_no_data(workflow: dict[str, Any]) -> None:
    """FER2013 is nowhere to be had there: see needs.py."""
    assert "LIVEFER_EXPECT_ALL" not in str(workflow)
