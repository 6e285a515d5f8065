"""The state of recognition as JSON, and back: exact, and without code.

Objects are restored of a few modules only, and none of their code runs: nothing that such a file
holds can do anything else.
"""

from __future__ import annotations

import base64
import importlib
from collections import deque
from typing import Any

import numpy as np

_MODULES = frozenset(
    f"livefer.{name}"
    for name in (
        "detection.detections",
        "results",
        "tables.bystanders",
        "tables.holds",
        "tracking.choice",
        "tracking.periodic_search",
        "tracking.smoothing",
        "tracking.stream",
        "tracking.tracker",
        "tracking.whole_search",
    )
)
_MANY = {kind.__name__: kind for kind in (list, tuple, set, deque)}


def to_plain(value: Any) -> Any:
    """Return what `json` writes: the value itself, or a list that begins with its kind."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    kind = type(value)
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return ["array", isinstance(value, np.generic), array.dtype.str, np.shape(value), data]
    if kind in _MANY.values():
        return [kind.__name__, *map(to_plain, value)]
    if kind is dict:
        return ["dict", *([to_plain(k), to_plain(v)] for k, v in value.items())]
    if kind.__module__ not in _MODULES:
        raise TypeError(f"{kind.__module__}.{kind.__name__} is no part of a stream's state")
    names = getattr(value, "_fields", None) or getattr(value, "__slots__", None) or vars(value)
    known = {name: to_plain(getattr(value, name)) for name in names}
    return ["object", kind.__module__, kind.__name__, known]


def from_plain(plain: Any) -> Any:
    """Return the value of which `to_plain` made this; ValueError where it did not."""
    if not isinstance(plain, list):
        return plain
    kind, *rest = plain
    if kind == "array":
        is_scalar, dtype, shape, data = rest
        array = np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape).copy()
        return array[()] if is_scalar else array
    if kind in _MANY:
        return _MANY[kind](map(from_plain, rest))
    if kind == "dict":
        return {from_plain(k): from_plain(v) for k, v in rest}
    module, name, known = rest
    if kind != "object" or module not in _MODULES:
        raise ValueError(f"{kind} {module} is no part of a stream's state")
    of = getattr(importlib.import_module(module), name)
    values = {key: from_plain(value) for key, value in known.items()}
    if issubclass(of, tuple):
        return of(**values)
    restored = object.__new__(of)
    for key, value in values.items():
        object.__setattr__(restored, key, value)
    return restored
