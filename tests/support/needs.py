"""Requirements of a test, and the rule for a missing one: skip, or fail where all are expected."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def expects_all() -> bool:
    """Whether this run promises every requirement, as .ci/run does.

    The variable is livefer's own: CI is set by every fork's workflow, without FER2013.
    """
    return os.environ.get("LIVEFER_EXPECT_ALL") == "1"


def missing(reason: str) -> NoReturn:
    """Skip the test with the reason; fail it where LIVEFER_EXPECT_ALL=1."""
    if expects_all():
        pytest.fail(reason)
    pytest.skip(reason)
