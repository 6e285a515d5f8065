"""The road in JavaScript says what Python's says in the small cases of tests/vectors."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from typing import Any

import numpy as np
import pytest
from node import ROAD_TESTS, need_node
from numpy.typing import NDArray
from roadvectors import FOLDER, VECTORS, as_text


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_are_what_python_says(name: str) -> None:
    """`python tests/support/roadvectors.py` writes them anew."""
    committed = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    _same(json.loads(as_text(name)), committed, name)


def _same(made: Any, committed: Any, where: str) -> None:
    """Hold plain data equal, but for the last digits and gray levels of other versions."""
    if isinstance(committed, dict):
        assert made.keys() == committed.keys(), where
        for key in committed:
            _same(made[key], committed[key], f"{where}.{key}")
    elif isinstance(committed, list):
        assert len(made) == len(committed), where
        for i, pair in enumerate(zip(made, committed, strict=True)):
            _same(*pair, f"{where}[{i}]")
    elif isinstance(committed, float):
        assert made == pytest.approx(committed, rel=1e-4, abs=1e-4), where
    elif isinstance(committed, str) and len(committed) > 100:
        levels = np.abs(_pixels(made).astype(int) - _pixels(committed))
        assert levels.max() <= 1, where
    else:
        assert made == committed, where


def _pixels(text: str) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except binascii.Error:
        return np.frombuffer(text.encode(), np.uint8)


def test_the_road_in_javascript_meets_the_vectors() -> None:
    command = [need_node(), "--test", str(ROAD_TESTS / "vectors.test.mjs")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "# fail 0" in run.stdout
    assert "# pass 0" not in run.stdout
