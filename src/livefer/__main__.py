"""`python -m livefer` is the `livefer` command."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import NoReturn


def main() -> None:
    """Run the command; Ctrl-C ends it without a traceback, wherever it comes.

    In an app that PyInstaller has made, this also is what `analyze` starts its processes with.
    """
    try:
        if getattr(sys, "frozen", False):
            from multiprocessing import freeze_support

            freeze_support()
        from livefer.cli import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except SystemExit as ended:
        if "torch" in sys.modules and isinstance(ended.code, int | None):
            _leave(ended.code or 0)
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to end in good order


def _leave(code: int) -> NoReturn:
    """End the process as Python does, but without the destructors of libraries.

    On processors with AVX512-BF16, oneDNN, which torch 2.13 computes with, crashes in its own about
    every second time, after all is done: the exit code would be that of a crash.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
