"""The log of a run on a full disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from training import run

from livefer.errors import ConfigError
from livefer.train import run_log

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full disk")
def test_a_log_that_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "_keep_lines_before", lambda path, n: path.symlink_to("/dev/full"))
    with pytest.raises(ConfigError, match=r"cannot be written .*No space left.*--resume"):
        run(tmp_path, epochs=1)
