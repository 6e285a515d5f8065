"""A fork's run, which sets CI and has no FER2013, skips; .ci/run promises everything, and fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from needs import missing

TESTS = Path(__file__).parent
CI_RUN = TESTS.parent / ".ci" / "run"


def test_a_forks_run_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("LIVEFER_EXPECT_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="FER2013 is not at data"):
        missing("FER2013 is not at data")


def test_a_run_that_expects_all_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("LIVEFER_EXPECT_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="FER2013 is not at data"):
        missing("FER2013 is not at data")


def test_ci_run_expects_all() -> None:
    if not CI_RUN.is_file():
        missing(f"{CI_RUN} is part of a checkout, not of the source archive")
    lines = CI_RUN.read_text(encoding="utf-8").splitlines()
    assert "export LIVEFER_EXPECT_ALL=1" in lines


def test_no_test_reads_ci() -> None:
    reads = re.compile(r"""(environ|getenv)[^\n]*["']CI["']""")
    files = sorted(TESTS.rglob("*.py"))
    assert len(files) > 20
    assert [f.name for f in files if reads.search(f.read_text(encoding="utf-8"))] == []
