"""Imports dependencies with their telemetry switched off.

Their variables work only before the import, so no other module imports these packages.
docs/architecture.md lists what dependencies do by themselves.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

# package → (variable, value that switches it off)
_OFF = {
    # A device id and a queue of events in the home folder, and a thread that uploads them.
    "onnxruntime": ("ORT_DISABLE_TELEMETRY", "1"),
    # Reports of a cluster's size, its versions and the Ray libraries that are used.
    "ray": ("RAY_USAGE_STATS_ENABLED", "0"),
}


def load(module: str) -> Any:
    """Import "onnxruntime", "ray" or a module in one of them; a user's own setting is kept."""
    os.environ.setdefault(*_OFF[module.partition(".")[0]])
    return import_module(module)
