"""Sessions of ONNX Runtime, with the settings that live recognition needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from livefer.system import telemetry
from livefer.system.machine import thread_limit


def open_session(model: Path | bytes, threads: int | None = None) -> Any:
    """Load a network as an onnxruntime.InferenceSession; one of onnx_errors() where that fails.

    model: a file, or its content
    threads: processor cores for one call; None: those that this process may use
    """
    onnxruntime = telemetry.load("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    threads = threads or thread_limit()
    if threads is not None:  # else ONNX Runtime takes a thread for each core of the machine
        options.intra_op_num_threads = threads
    # By default, the second thread spins until the next call: at 30 frames a second it keeps a core
    # busy and slows down the work between two calls. Without spinning, a call takes up to 1 ms
    # longer on an idle machine, and a call with four faces half as long on a busy one
    # (bench/session.py).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def onnx_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of ONNX Runtime for a file that is not a network, or cannot run."""
    state = telemetry.load("onnxruntime").capi.onnxruntime_pybind11_state
    names = ("Fail", "InvalidProtobuf", "InvalidGraph", "NoSuchFile", "InvalidArgument",
             "NotImplemented", "RuntimeException", "ModelLoadCanceled")  # fmt: skip
    return tuple(getattr(state, name) for name in names if hasattr(state, name))
